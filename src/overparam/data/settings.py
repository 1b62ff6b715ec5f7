"""The options in the name of a generator: whole numbers and real numbers by name, with defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError, unknown

Settings = dict[str, int | float]


def settings_of(family: str, text: str, defaults: Mapping[str, int | float], example: str) -> Settings:
    """Return the settings written as ``n=200,radius=0.1``; what is left out takes its default.

    Args:
        family: the generator, for messages.
        text: the options as they are written.
        defaults: every option with its default; a whole number takes whole numbers, another one real numbers.
        example: options to show in messages.

    Raises:
        UsageError: an unknown option, one that is given twice, or a value of another kind.

    >>> settings_of("clusters", "radius=.3,n=50", {"n": 200, "radius": 0.1}, "n=50")
    {'n': 50, 'radius': 0.3}
    """
    found, seen = dict(defaults), set()
    hint = f"Write for instance {family}:{example}."
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = (piece.strip() for piece in item.partition("="))
        if key not in defaults:
            raise unknown(f"option of {family}", key, defaults, hint)
        if key in seen:
            raise UsageError(f"{family}: expected {key}= once, got it twice in '{text}'. Leave one out.")
        seen.add(key)
        whole = isinstance(defaults[key], int)
        try:
            found[key] = int(value) if whole else float(value)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise UsageError(f"{family}: expected {key}= and {kind}, got '{item}'. {hint}") from None
    return found


def name_of(family: str, settings: Mapping[str, int | float]) -> str:
    """Return the name with every option spelt out, in the order of the settings.

    >>> name_of("clusters", {"n": 50, "radius": 0.5})
    'clusters:n=50,radius=0.5'
    """
    return f"{family}:" + ",".join(f"{key}={value}" for key, value in settings.items())


def between(family: str, key: str, value: object, low: float, high: float, *, open_low: bool = False) -> float:
    """Return a real number in its range.

    Args:
        family: the generator, for messages.
        key: the option, for messages.
        value: the number.
        low: least.
        high: largest.
        open_low: whether ``low`` itself is refused.

    Raises:
        UsageError: it is no number, or outside.

    >>> between("clusters", "radius", 0.1, 0, 10)
    0.1
    """
    number = real(value)
    if not (math.isfinite(number) and low <= number <= high and not (open_low and number == low)):
        bound = f"above {low:g}" if open_low else f"from {low:g}"
        raise UsageError(f"{family}: expected {key} {bound} to {high:g}, got {shown(value)}.")
    return number
