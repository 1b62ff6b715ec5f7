"""Densities: what they may be, and how many weights they keep exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError
from overparam.models.state import is_held


def density_of(value: Any, name: str = "density", *, zero: bool = False) -> float:
    """Return a density: the share of weights that is kept.

    Args:
        value: the number.
        name: of the argument, for the message.
        zero: whether a layer may be left without any.

    Raises:
        UsageError: it is no number above 0 and at most 1.

    >>> density_of(0.2)
    0.2
    """
    number = real(value)
    if not (0 < number <= 1 or (zero and number == 0)):
        low = "of at least 0" if zero else "above 0"
        raise UsageError(
            f"{name}: expected the share of weights that is kept, a number {low} and at most 1, got {shown(value)}."
        )
    # float32 says 0.2 with fewer digits than float64; what was written is meant
    return float(str(value)) if getattr(value, "dtype", None) is not None else number


def flag(value: Any, name: str) -> bool:
    """Return True or False.

    Raises:
        UsageError: something else, which would count as one of them.
    """
    if not isinstance(value, bool | np.bool_):
        raise UsageError(f"{name}: expected True or False, got {shown(value)}.")
    return bool(value)


def kept_of(n: int, density: float) -> int:
    """How many of ``n`` weights a density keeps: ``n - floor(n (1 - density))``, in exact arithmetic.

    Args:
        n: number of weights.
        density: the share that is kept.

    >>> kept_of(5, 0.8), kept_of(10, 0.25), kept_of(7, 5 / 7), kept_of(3, 1 / 3)
    (4, 3, 5, 1)
    """
    product = n * density
    near = round(product)
    kept = near if abs(product - near) <= max(1e-9, 4e-16 * n) else math.ceil(product)
    return max(kept, 1) if n and density > 0 else kept


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern of paths covers an array, see :mod:`overparam.models.state`.

    >>> fits("output", "output/weight"), fits("*/bias", "hidden1/bias"), fits("out", "output/weight")
    (True, True, False)
    """
    return pattern == path or is_held((pattern,), path)


def check_patterns(patterns: Any, paths: Iterable[str], name: str) -> tuple[str, ...]:
    """Return patterns of paths, each of which covers something.

    Args:
        patterns: one text, or several.
        paths: what there is.
        name: of the argument, for the message.

    Raises:
        UsageError: no texts, or one that covers nothing.
    """
    given = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(given, tuple | list | set | frozenset) or not all(
        isinstance(one, str) and one for one in given
    ):
        raise UsageError(
            f"{name}: expected names of layers in a tuple, such as ('output',), got {shown(patterns)}."
        )
    known = list(paths)
    for one in given:
        if not any(fits(one, path) for path in known):
            some = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
            raise UsageError(f"{name}: '{one}' covers none of the arrays, which are {some}.")
    return tuple(given)


def densities_of(given: Any, paths: Iterable[str], name: str, *, zero: bool = False) -> dict[str, float]:
    """Densities by path from densities by pattern; of two patterns that cover a path the first counts.

    Args:
        given: a mapping from patterns to densities.
        paths: what there is.
        name: of the argument, for the message.
        zero: whether a layer may be left without any.

    Raises:
        UsageError: no mapping, a pattern that covers nothing, or a number that is no density.

    >>> densities_of({"output": 0.9}, ["hidden1/weight", "output/weight"], "rates")
    {'output/weight': 0.9}
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"{name}: expected densities by layer, such as {{'output': 0.9}}, got {shown(given)}.")
    known = list(paths)
    check_patterns(tuple(given), known, name)
    checked = {pattern: density_of(value, f"{name}: {pattern}", zero=zero) for pattern, value in given.items()}
    found = {}
    for path in known:
        own = next((value for pattern, value in checked.items() if fits(pattern, path)), None)
        if own is not None:
            found[path] = own
    return found


def rates_of(rates: Any, leave: Any, paths: Iterable[str]) -> dict[str, float]:
    """Shares of the layers that do not compete: those with a rate of their own, and 1 for those that are left.

    Args:
        rates: shares by pattern, or None.
        leave: patterns of layers that are not pruned.
        paths: what there is.

    Raises:
        UsageError: a number that is no density, a pattern that covers nothing, or a rate of layers that are all left.

    >>> rates_of({"a": 0.5}, "b", ["a/w", "b/w", "c/w"])
    {'a/w': 0.5, 'b/w': 1.0}
    """
    known = list(paths)
    own = {} if rates is None else densities_of(rates, known, "rates")
    left = check_patterns(leave, known, "leave")
    whole = {path for path in known if any(fits(one, path) for one in left)}
    for pattern in rates or ():
        if all(path in whole for path in known if fits(pattern, path)):
            raise UsageError(
                f"rates: expected layers that are pruned, got '{pattern}', which leave names. Give one of the two."
            )
    return own | dict.fromkeys(whole, 1.0)


def densities_in(values: Any, name: str = "densities", *, falling: bool = False) -> tuple[float, ...]:
    """Densities in a list, at least one.

    Args:
        values: numbers in a list, a tuple or an array with one axis.
        name: of the argument, for the message.
        falling: whether each must be below the one before, and the first below 1.

    Raises:
        UsageError: something else.

    >>> densities_in(np.array([0.5, 0.2]), falling=True)
    (0.5, 0.2)
    """
    given = values.tolist() if isinstance(values, np.ndarray) and values.ndim == 1 else values
    if not isinstance(given, list | tuple) or not given:
        raise UsageError(f"{name}: expected numbers in a list, at least one, got {shown(values)}.")
    found = tuple(density_of(one, name) for one in given)
    if falling and any(b >= a for a, b in zip((1.0, *found), found, strict=False)):
        raise UsageError(f"{name}: expected numbers that fall, below 1, got {shown(values)}.")
    return found
