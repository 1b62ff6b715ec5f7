"""How many units a random network needs so that pruning it comes within a given distance of a target: a plan, then a proof.

The distance allowed is turned into one that each weight may have, by the bound that the proof uses; the measured law of
the worst gap turns it into a number of products; and as each unit's sign is drawn, there are enough units that every
block has so many of the right sign. The plan is a forecast: what is certified is the mask that is then found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from overparam.core.errors import UsageError
from overparam.theory.inputs import positive, probability
from overparam.theory.subset_sums.bound import Deviation, Target, carried, target_of
from overparam.theory.subset_sums.gap import MOST
from overparam.theory.subset_sums.laws import PRODUCTS

SPREADS = 1.0  # standard deviations of the law above its mean: many weights must be met at once


@dataclass(frozen=True)
class Plan:
    """A random network to be drawn.

    Attributes:
        deviation: distance that every weight may have from the one it stands for: the ``tolerance`` of the matching.
        items: products a weight that the law asks for; every block has so many of the right sign, and mostly more.
        units: units of a block, one block an input and one a bias.
        shapes: of the random matrices, two a layer of the target.
        biased: for each layer of the target whether its random biases are needed.
    """

    deviation: float
    items: int
    units: int
    shapes: tuple[tuple[int, int], ...]
    biased: tuple[bool, ...]

    @property
    def parameters(self) -> int:
        """Number of random weights and biases."""
        sizes = [rows * columns for rows, columns in self.shapes]
        return sum(sizes) + sum(s[0] for s, own in zip(self.shapes[::2], self.biased, strict=True) if own)


def plan(
    weights: Sequence[ArrayLike],
    eps: float,
    low: ArrayLike = -1.0,
    high: ArrayLike = 1.0,
    biases: Sequence[ArrayLike | None] | None = None,
    delta: float = 0.01,
) -> Plan:
    """Size of a random network that is likely to hold a mask within eps of the target over the box.

    Args:
        weights: of the target, shape ``(outputs, inputs)`` each.
        eps: distance allowed, in the unit of the outputs.
        low: least value of each input, one number for all or shape ``(inputs,)``.
        high: largest value.
        biases: of the target, one a layer or None.
        delta: probability allowed for a block with too few units of the right sign.

    Raises:
        UsageError: an eps that asks for more than 40 products a weight; weights or biases above 1 in size, of which
            sums of products of draws from U[-1, 1] need not come near; numbers out of range.
        DataError: as :func:`~overparam.theory.subset_sums.bound.target_of`.

    Assumptions: random weights from U[-1, 1]. The number of products is that of the measured law (one standard
        deviation above its mean), not of a theorem.

    References: Pensia et al. 2020 for the shapes; the constants are measured, see
        :mod:`~overparam.theory.subset_sums.laws`.

    >>> found = plan([[[0.5, -0.25]], [[1.0]]], eps=0.01)
    >>> found.items, found.units, found.shapes
    (18, 57, ((114, 2), (1, 114), (57, 1), (1, 57)))
    """
    target = target_of(weights, low, high, biases)
    allowed, failing = positive(eps, "eps"), probability(delta, "delta")
    for name, given in (("weights", target.weights), ("biases", target.biases)):
        for place, one in enumerate(given):
            if one is not None and np.abs(one).max() > 1:
                raise UsageError(
                    f"{name}[{place}]: expected sizes of at most 1, because they are sums of products of draws from "
                    f"U[-1, 1], got {np.abs(one).max():.3g}. Divide layer {place + 1} by it (its bias, and the biases "
                    "of later layers, too) and eps as well: relu networks are homogeneous."
                )
    deviation = _deviation(target, allowed)
    items = PRODUCTS.items(deviation, SPREADS) if deviation > 0 else MOST + 1
    if items > MOST:
        raise UsageError(
            f"eps: expected a distance for which at most {MOST} products a weight are enough, got {allowed:g}, which asks "
            f"for {items}. Allow a larger distance, a smaller box, or a smaller network."
        )
    blocks = [w.shape[1] + (b is not None) for w, b in zip(target.weights, target.biases, strict=True)]
    units, share = 2 * items, failing / (2 * sum(blocks))
    while binom.cdf(items - 1, units, 0.5) > share:
        units += 1
    shapes = [
        shape
        for weight, many in zip(target.weights, blocks, strict=True)
        for shape in ((many * units, weight.shape[1]), (len(weight), many * units))
    ]
    return Plan(deviation, items, units, tuple(shapes), tuple(b is not None for b in target.biases))


def _deviation(target: Target, eps: float) -> float:
    """The largest distance of every weight and bias for which the bound is at most eps, to a thousandth."""

    def bound(size: float) -> float:
        every = [
            Deviation(np.full(w.shape, size), np.full(w.shape, size), np.full(len(w), size * (b is not None)))
            for w, b in zip(target.weights, target.biases, strict=True)
        ]
        return float(carried(target, every).max())

    low, high = 0.0, 1.0
    if bound(high) <= eps:
        return 0.999 * high
    if bound(low) > eps:
        return 0.0
    low = next((2.0**-e for e in range(1, 200) if bound(2.0**-e) <= eps), 0.0)
    high = 2 * low
    while high - low > 1e-3 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) <= eps else (low, middle)
    return 0.999 * low  # leaves room for the rounding of sums


def drawn(found: Plan, rng: Any) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray | None, ...]]:
    """Random weights and random biases of a plan, from U[-1, 1].

    Args:
        found: the plan.
        rng: a generator of numpy, ``np.random.default_rng(seed)`` or a ``RandomState``.

    Raises:
        UsageError: something else than a plan or a generator.

    >>> weights, biases = drawn(plan([[[0.5]]], 0.1), np.random.default_rng(0))
    >>> [one.shape for one in weights], biases
    ([(42, 1), (1, 42)], (None,))
    """
    if not isinstance(found, Plan):
        raise UsageError(f"found: expected what plan returned, got {type(found).__name__}.")
    if not callable(getattr(rng, "uniform", None)):
        raise UsageError(
            f"rng: expected a generator such as numpy.random.default_rng(0), got {type(rng).__name__}."
        )
    weights = tuple(np.asarray(rng.uniform(-1.0, 1.0, shape)) for shape in found.shapes)
    units = [shape[0] for shape in found.shapes[::2]]
    biases = tuple(
        np.asarray(rng.uniform(-1.0, 1.0, many)) if own else None
        for many, own in zip(units, found.biased, strict=True)
    )
    assert all(math.isfinite(float(one.sum())) for one in weights)
    return weights, biases
