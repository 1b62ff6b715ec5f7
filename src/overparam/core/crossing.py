"""Where a line first reaches a level, read between the places at which it is known.

The line is taken as straight between two places, in its values or in their logarithms, over places that are even or even
in the logarithm. What a line says that never reaches the level is the caller's to choose, for there is no one answer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.checked import numbers, real, shown
from overparam.core.errors import DataError, UsageError

SCALES = ("linear", "log")


def crossing(
    x: ArrayLike,
    line: ArrayLike,
    level: float,
    *,
    rising: bool = False,
    x_scale: str = "linear",
    scale: str = "linear",
    never: float | str = math.nan,
    at_once: float | None = None,
) -> float:
    """The place at which a line first falls to a level, between the places at which it is known, in the unit of x.

    Args:
        x: places, shape ``(points,)``, ascending.
        line: a value at each, in the unit of the level. A missing one (NaN or None) is not at the level, and nothing is
            read between it and the next: the crossing is then at the first place that is.
        level: what the line is to reach; on a logarithmic scale it is positive.
        rising: whether the line rises to the level instead of falling to it.
        x_scale: ``linear``, or ``log`` where places are even in the logarithm; they are then positive.
        scale: of the line, ``linear`` or ``log``. A value of 0 or below has no logarithm: a line that leaves or reaches
            one between two places is taken to reach the level at the second.
        never: what a line gives that does not reach the level: a number, such as NaN or infinity, or ``last``, the last
            place, as in a censored time.
        at_once: what a line gives that is at the level from the first place on; by default that place.

    Raises:
        DataError: lists that are no numbers, of two lengths, empty or not ascending, or places with no logarithm.
        UsageError: a level that is no number or has no logarithm, or an unknown scale.

    >>> crossing([1, 2, 4], [1.0, 0.5, 0.0], 0.25), crossing([1, 2], [0.0, 0.5], 0.25, rising=True)
    (3.0, 1.5)
    >>> crossing([1, 4], [1.0, 0.0], 0.5, x_scale="log"), crossing([0, 2], [1.0, 0.01], 0.1, scale="log")
    (2.0, 1.0)
    >>> crossing([1, 2], [0.9, 0.8], 0.1), crossing([1, 2], [0.9, 0.8], 0.1, never="last")
    (nan, 2.0)
    """
    for name, given in (("x_scale", x_scale), ("scale", scale)):
        if given not in SCALES:
            raise UsageError(f"{name}: expected one of {', '.join(SCALES)}, got {shown(given)}.")
    places, values, target = numbers(x, "x"), numbers(line, "line"), real(level)
    if places.ndim != 1 or values.shape != places.shape or not places.size:
        raise DataError(
            f"x, line: expected two lists of one length and not empty, got shapes {places.shape} and {values.shape}."
        )
    if not np.isfinite(places).all() or not (np.diff(places) > 0).all():
        raise DataError(f"x: expected places that ascend, got {shown(x)}.")
    if x_scale == "log" and not places[0] > 0:
        raise DataError(
            f"x: expected positive places, which have logarithms, got {shown(x)}. Or take x_scale='linear'."
        )
    if not math.isfinite(target) or (scale == "log" and not target > 0):
        kind = "positive number" if scale == "log" else "finite number"
        raise UsageError(f"level: expected a {kind}, got {shown(level)}.")
    for name, choice, other in (("never", never, " or 'last'"), ("at_once", at_once, "")):
        if choice not in (("last",) if other else (None,)) and not isinstance(choice, int | float):
            raise UsageError(f"{name}: expected a number{other}, got {shown(choice)}.")
    reached = np.flatnonzero(values >= target if rising else values <= target)
    if not reached.size:
        return float(places[-1]) if isinstance(never, str) else float(never)
    i = int(reached[0])
    if i == 0:
        return float(places[0]) if at_once is None else float(at_once)
    (before, after), (high, low) = places[i - 1 : i + 1].tolist(), values[i - 1 : i + 1].tolist()
    if scale == "log" and not (high > 0 and low > 0):
        return float(after)
    ends = [math.log(one) for one in (high, target, low)] if scale == "log" else [high, target, low]
    if not math.isfinite(ends[0] - ends[2]):  # too large for a difference, or infinite
        ends = [one / 4 for one in ends]
    if not (math.isfinite(ends[0]) and math.isfinite(ends[2])) or ends[0] == ends[2]:
        return float(after)
    share = (ends[0] - ends[1]) / (ends[0] - ends[2])
    if x_scale == "linear":
        return float(before + share * (after - before))
    ratio = after / before
    return float(before * ratio**share if math.isfinite(ratio) else before ** (1 - share) * after**share)
