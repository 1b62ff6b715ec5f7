"""The subset whose sum is nearest to a target, found exactly by meeting in the middle: 2^(m/2) steps for m numbers.

Which subset of given numbers comes nearest to a target is a hard problem as m grows (its decision form is one of Karp's
21). At the 10 to 30 numbers that a weight of a network asks for it is a matter of milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import all_finite, numbers
from overparam.theory.subset_sums.gap import items_of


@dataclass(frozen=True, eq=False)
class NearestSums:
    """For every target the subset of the items whose sum is nearest.

    Attributes:
        chosen: which items, shape ``(targets, m)``.
        distances: of the sums from their targets, shape ``(targets,)``; sums are rounded once, differences once.
    """

    chosen: Bool[np.ndarray, "n m"]
    distances: Float64[np.ndarray, " n"]


def nearest_sums(items: ArrayLike, targets: ArrayLike) -> NearestSums:
    """The subset sum nearest to each target, in the items' unit; the empty subset is one.

    Args:
        items: a_1 to a_m, at most 40 numbers, shape ``(m,)``.
        targets: shape ``(targets,)``.

    Returns:
        A nearest subset for every target. Sums are compared in float64, so a subset whose sum is nearer by less than
        rounding, ``m 2^-53`` times the sum of all sizes, may be missed; the distance of the one that is returned is
        right.

    Raises:
        DataError: items or targets that are no list of finite numbers, or of a size out of bounds.
        UsageError: more than 40 items.

    References: Horowitz and Sahni 1974.

    >>> found = nearest_sums([0.5, -0.25, 2.0], [0.3, 5.0])
    >>> found.chosen.astype(int).tolist(), found.distances.round(12).tolist()
    ([[1, 1, 0], [1, 0, 1]], [0.05, 2.5])
    """
    values = items_of(items)
    wanted = numbers(targets, "targets", 0.0, 1e150)
    if wanted.ndim != 1 or not wanted.size:
        raise DataError(f"targets: expected a list of numbers, got shape {wanted.shape}.")
    all_finite(wanted, "targets")
    found = [nearest_of(values, float(target)) for target in wanted]
    return NearestSums(np.array([one for one, _ in found]), np.array([off for _, off in found]))


def nearest_of(values: np.ndarray, target: float) -> tuple[np.ndarray, float]:
    """The same for one target, its subset and distance, of numbers that are known to be fit for it."""
    half = len(values) // 2
    (left, left_order), (right, right_order) = _sorted(values[:half]), _sorted(values[half:])
    rest = target - left
    after = np.searchsorted(right, rest)
    under, over = np.maximum(after - 1, 0), np.minimum(after, len(right) - 1)
    below, above = np.abs(right[under] - rest), np.abs(right[over] - rest)
    first, second = int(below.argmin()), int(above.argmin())
    place, at = (first, under[first]) if below[first] <= above[second] else (second, over[second])
    codes = ((int(left_order[place]), half), (int(right_order[at]), len(values) - half))
    chosen = np.array([bool(code >> bit & 1) for code, bits in codes for bit in range(bits)])
    return chosen, abs(math.fsum([*values[chosen].tolist(), -target]))


def _sorted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every subset sum in ascending order, and its subset as the bits of a number."""
    sums = np.zeros(1)
    for one in values:
        sums = np.concatenate([sums, sums + one])
    order = np.argsort(sums, kind="stable")
    return sums[order], order
