"""Effective model complexity as a search over the number of samples; what is measured is handed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

STEPS = 4  # grid points a doubling: the grid's ratio is 2^(1/4)
OCTAVES = 2  # doublings of the grid on each side of the study's n

Asked = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """The end of one search.

    Attributes:
        emc: effective model complexity in samples, read between the two ends of the bracket; None at an end of
            the grid.
        low: largest number of samples visited that is learnt, or None if none is.
        high: the next larger number visited, which is not learnt; None if there is none.
        censored: -1 if already the smallest number is not learnt, 1 if the largest still is, else 0.
        visited: every number of samples tried with its mean train error, ascending.
    """

    emc: float | None
    low: int | None
    high: int | None
    censored: int
    visited: tuple[tuple[int, float], ...]


def grid(n: int, least: int, most: int) -> tuple[int, ...]:
    """Numbers of samples ``n 2^(j/4)`` from n/4 to 4n that are at least ``least`` and at most ``most``.

    >>> grid(1000, 100, 1500)
    (250, 297, 354, 420, 500, 595, 707, 841, 1000, 1189, 1414)
    """
    points = (round(n * 2 ** (j / STEPS)) for j in range(-OCTAVES * STEPS, OCTAVES * STEPS + 1))
    return tuple(p for p in points if least <= p <= most)


def scan(points: int) -> tuple[int, ...]:
    """Places tried first: every doubling from the smallest on, and the last.

    >>> scan(11)
    (0, 4, 8, 10)
    """
    return tuple(sorted({*range(0, points, STEPS), points - 1}))


def bracket(errors: Mapping[int, float], tolerance: float) -> tuple[int | None, int | None]:
    """The largest place that is learnt and the smallest one tried beyond it; None where there is none.

    Args:
        errors: mean train error by place in the grid.
        tolerance: largest error that counts as learnt.

    >>> bracket({0: 0.2, 4: 0.0, 8: 0.1, 12: 0.4}, 0.1)
    (8, 12)
    """
    learnt = [place for place, error in errors.items() if error <= tolerance]
    if not learnt:
        return None, min(errors)
    low = max(learnt)
    return low, min((place for place in errors if place > low), default=None)


def halfway(errors: Mapping[int, float], tolerance: float) -> int | None:
    """The next place to try: the middle of the bracket, or None when it is closed or at an end of the grid."""
    low, high = bracket(errors, tolerance)
    if low is None or high is None or high - low < 2:
        return None
    return (low + high) // 2


def search(
    measure: Callable[[Sequence[Asked]], Sequence[float]], cells: int, points: Sequence[int], tolerance: float
) -> list[Found]:
    """Largest number of samples with mean train error at most ``tolerance``, for several cells in step.

    EMC = max{n : E[train error on n samples] <= tolerance}. The error need not grow with n where n is small, so
    the search comes from below: it first tries every doubling over the whole grid, then halves the bracket above
    the largest number that is learnt.

    Args:
        measure: takes pairs (cell, place in the grid), gives the mean train error of each.
        cells: number of searches.
        points: the grid of sample sizes, ascending.
        tolerance: largest train error that counts as learnt, a share.

    Returns:
        One :class:`Found` a cell.

    References: Nakkiran et al. 2020, arXiv:1912.02292, definition 1.

    >>> def measure(asked):
    ...     return [0.0 if points[place] <= 700 else 0.5 for _, place in asked]
    >>> points = grid(1000, 100, 10_000)
    >>> (found,) = search(measure, 1, points, 0.1)
    >>> found.low, found.high, found.censored
    (595, 707, 0)
    """
    errors: list[dict[int, float]] = [{} for _ in range(cells)]
    asked = [(cell, place) for cell in range(cells) for place in scan(len(points))]
    while asked:
        for (cell, place), error in zip(asked, measure(asked), strict=True):
            errors[cell][place] = error
        tried = ((cell, halfway(mine, tolerance)) for cell, mine in enumerate(errors))
        asked = [(cell, place) for cell, place in tried if place is not None]
    return [_found(mine, points, tolerance) for mine in errors]


def _found(errors: Mapping[int, float], points: Sequence[int], tolerance: float) -> Found:
    low, high = bracket(errors, tolerance)
    visited = tuple((points[place], errors[place]) for place in sorted(errors))
    if low is None:
        return Found(None, None, points[high] if high is not None else None, -1, visited)
    if high is None:
        return Found(None, points[low], None, 1, visited)
    share = (tolerance - errors[low]) / (errors[high] - errors[low])
    emc = math.exp(math.log(points[low]) + share * math.log(points[high] / points[low]))
    return Found(emc, points[low], points[high], 0, visited)


def crossing(widths: Sequence[float], errors: Sequence[float], tolerance: float) -> float:
    """Critical width: where the train error first falls to ``tolerance``, read on log width between grid points.

    Args:
        widths: ascending, positive.
        errors: train error at each width, in the unit of the tolerance.
        tolerance: largest train error that counts as learnt.

    Returns:
        Units in a hidden layer; 0 if already the smallest width learns (the critical width lies at or below it),
        infinity if no width does.

    >>> round(crossing([8, 16, 32], [0.5, 0.2, 0.0], 0.1), 6) == round(16 * 2**0.5, 6)
    True
    >>> crossing([8, 16], [0.1, 0.0], 0.1), crossing([8, 16], [0.5, 0.2], 0.1)
    (0.0, inf)
    """
    below = [i for i, error in enumerate(errors) if error <= tolerance]
    if not below:
        return math.inf
    i = below[0]
    if i == 0:
        return 0.0
    share = (errors[i - 1] - tolerance) / (errors[i - 1] - errors[i])
    return float(widths[i - 1] * (widths[i] / widths[i - 1]) ** share)
