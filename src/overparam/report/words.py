"""Numbers and verdicts in words: every number shown to a person carries its n and its interval."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from overparam.core.words import MINUS, number

STATUSES = ("supported", "contradicted", "inconclusive", "not_applicable")


def together(*values: float | None) -> tuple[str, ...]:
    """Write an estimate and the ends of its interval with one number of decimals: two digits of its width.

    >>> together(6.1234, 4.5, 7.7468)
    ('6.1', '4.5', '7.7')
    """
    known = [v for v in values if v is not None and math.isfinite(v)]
    width = (max(known) - min(known)) / 2 if len(known) > 1 else 0.0
    largest = max((abs(v) for v in known), default=0.0)
    if width <= 0 or largest >= 1e6 or width < 1e-5:
        return tuple(number(v) for v in values)
    decimals = min(6, max(0, 1 - math.floor(math.log10(width))))
    written = (f"{v:,.{decimals}f}" if v in known else "–" for v in values)
    return tuple(text.replace("-", MINUS) for text in written)


def seeds(n: int) -> str:
    """Return ``n`` in words.

    >>> seeds(0), seeds(1), seeds(5)
    ('no seed', 'one seed', 'n = 5 seeds')
    """
    return {0: "no seed", 1: "one seed"}.get(n, f"n = {n} seeds")


def with_unit(text: str, unit: str) -> str:
    """Return a written number with its unit; the factor sign follows without a space."""
    return f"{text}{unit}" if unit in ("×", "%") else f"{text} {unit}".rstrip()


def interval(low: float | None, high: float | None, n: int, effect: float | None = None) -> str:
    """Return the 95 % interval with n, or why there is none.

    >>> interval(4.5, 7.7468, 5, 6.1)
    '95 % interval 4.5 to 7.7, n = 5 seeds'
    >>> interval(None, None, 1)
    'one seed: no interval'
    >>> interval(2.0, 2.0, 5)  # a worst case or a count, or seeds that do not differ
    'no interval, n = 5 seeds'
    """
    if low is None or high is None:
        return f"{seeds(n)}: no interval"
    if low == high:
        return f"no interval, {seeds(n)}"
    _, below, above = together(effect, low, high)
    return f"95 % interval {below} to {above}, {seeds(n)}"


def estimate(part: Mapping[str, Any]) -> str:
    """Return the effect of a part or verdict with its unit, at the precision of its interval."""
    if part["effect"] is None:
        return "not measured"
    return with_unit(together(part["effect"], part["low"], part["high"])[0], part["unit"])


def cutoff(part: Mapping[str, Any]) -> str:
    """Return the cut-offs of a part in words.

    >>> cutoff({"at_least": 0.7, "at_most": 2.0, "unit": ""})
    'between 0.7 and 2'
    """
    low, high, unit = part["at_least"], part["at_most"], part["unit"]
    if low is not None and high is not None:
        return with_unit(f"between {number(low)} and {number(high)}", unit)
    if low is not None:
        return with_unit(f"at least {number(low)}", unit)
    return "no cut-off" if high is None else with_unit(f"at most {number(high)}", unit)


def status(name: str) -> str:
    """Return a status for a person: ``not applicable`` for ``not_applicable``."""
    return name.replace("_", " ")


def tally(verdicts: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Count the verdicts by status, in fixed order; statuses that do not occur are left out."""
    found = [v["status"] for v in verdicts]
    return [(name, found.count(name)) for name in STATUSES if name in found]


def summary(verdicts: Iterable[Mapping[str, Any]]) -> str:
    """Return the counts in one line.

    >>> summary([{"status": "contradicted"}, {"status": "supported"}, {"status": "supported"}])
    '2 supported, 1 contradicted'
    """
    return ", ".join(f"{count} {status(name)}" for name, count in tally(verdicts)) or "no claim was judged"


def params(values: Mapping[str, Any]) -> str:
    """Return a cell's parameters in one line: ``width 2, noise 0.15``."""
    return ", ".join(f"{name} {plain(value)}" for name, value in values.items())


def plain(value: Any) -> str:
    """Return a parameter value for a person."""
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def values(items: Iterable[Any]) -> str:
    """Return the values of a parameter in one line."""
    return ", ".join(plain(item) for item in items)


def duration(seconds: float | None) -> str:
    """Return a time span.

    >>> duration(0.4), duration(41.2), duration(128.4), duration(7300), duration(None)
    ('0.4 s', '41 s', '2 min 8 s', '2 h 1 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def command(record: Mapping[str, Any]) -> str:
    """Return the command line that makes this run again, or what the study says does.

    >>> command({"reference": "double-descent", "profile": "quick", "overrides": {"widths": "9,61"}})
    'overparam run double-descent --profile quick --widths 9,61'
    """
    if record.get("again"):
        return str(record["again"])
    words = ["overparam", "run", record["reference"], "--profile", record["profile"]]
    for option, chosen in record["overrides"].items():
        words += [f"--{option}", chosen]
    return shlex.join(words)
