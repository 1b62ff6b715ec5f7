"""How many random numbers, and how wide a random network, the theorems on subset sums ask for.

Lueker (1998), as used by Pensia et al. (2020): of ``m >= C log(1/min(eps, delta))`` independent draws from U[-1, 1] some
subset sum is within eps of every target in [-1, 1], with probability 1 - delta. C is not given. Two numbers stand in for
it: counting, which is proved (2^m sums cannot cover [-1, 1] unless ``m >= log2(1/eps)``), and the law that was measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import all_finite, count, numbers, probability, real, shown, vector
from overparam.theory.subset_sums.bound import matrices
from overparam.theory.subset_sums.gap import worst_gap

LUEKER = (
    "G. S. Lueker, Exponentially small bounds on the expected optimum of the partition and subset sum problems, Random "
    "Structures and Algorithms 12(1):51-62, 1998."
)
PENSIA = (
    "A. Pensia, S. Rajput, A. Nagle, H. Vishwakarma and D. Papailiopoulos, Optimal lottery tickets via SubsetSum: "
    "logarithmic over-parameterization is sufficient, NeurIPS 2020, arXiv:2006.07990."
)
MALACH = (
    "E. Malach, G. Yehudai, S. Shalev-Shwartz and O. Shamir, Proving the lottery ticket hypothesis: pruning is all you "
    "need, ICML 2020, arXiv:2002.00585."
)


@dataclass(frozen=True)
class Law:
    """A measured law ``log2 eps = start - slope m`` of the worst gap of m draws on [-1, 1].

    Attributes:
        start: of the geometric mean over 128 sequences, fitted at m = 10, 12, ..., 24.
        slope: halvings an item.
        spread: standard deviation of log2 eps between sequences, about the same from m = 12 on.
    """

    start: float
    slope: float
    spread: float

    def items(self, eps: float, spreads: float = 0.0) -> int:
        """Smallest m for which the law, so many standard deviations above its mean, is at most eps."""
        return max(1, math.ceil((self.start + spreads * self.spread - math.log2(eps)) / self.slope))


UNIFORM = Law(3.78, 0.898, 1.4)  # draws from U[-1, 1]
PRODUCTS = Law(6.90, 1.006, 2.7)  # draws from U[-1, 1] times draws from U[0, 1]


def measured_law(sequences: ArrayLike, items: Sequence[int]) -> Law:
    """The law of the worst gap of given sequences: start, slope and spread of log2 eps over the number of items.

    Args:
        sequences: one a row, of which the first m numbers are taken, shape ``(draws, most)``.
        items: numbers m of items, at least two different ones, at most 32.

    Returns:
        The straight line through the means over sequences of log2 eps, that is of the logarithm of the geometric mean,
        by least squares; the spread between sequences is averaged over m from the middle on. Judge the mean: the
        slope of a single sequence varies from half of it to one and a half times.

    Raises:
        DataError: no table of finite numbers, or a sequence that meets every target exactly.
        UsageError: items that are not two different whole numbers, or more than there are.

    References: none; this package's own fit.

    >>> powers = [[-1.0, *(2.0**-j for j in range(9))]]
    >>> law = measured_law(powers, [4, 6, 8, 10])  # eps = 2^(1 - m)
    >>> round(law.start, 9), round(law.slope, 9), law.spread
    (1.0, 1.0, 0.0)
    """
    rows = numbers(sequences, "sequences", 1e-140, 1e140)
    all_finite(rows, "sequences")
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"sequences: expected one sequence a row, got shape {rows.shape}.")
    listed = isinstance(items, list | tuple | range | np.ndarray) and np.ndim(items) == 1
    sizes = sorted({count(one, "items", high=min(32, rows.shape[1])) for one in items}) if listed else []
    if len(sizes) < 2:
        raise UsageError(f"items: expected at least two different whole numbers, got {shown(items)}.")
    gaps = np.array([[worst_gap(row[:m], most_seconds=600.0).distance for m in sizes] for row in rows])
    if not gaps.all():
        raise DataError("sequences: expected gaps above 0, got sums that meet every target.")
    logs = np.log2(gaps)
    slope, start = np.polyfit(np.array(sizes, dtype=np.float64), logs.mean(axis=0), 1)
    spread = float(logs.std(axis=0)[len(sizes) // 2 :].mean())
    return Law(float(start), float(-slope), spread)


@dataclass(frozen=True, eq=False)
class ItemsAsked:
    """Random numbers of which the subset sums come within eps of every target in [-1, 1].

    Attributes:
        fewest: log2(1/eps), which no numbers can do without; proved by counting.
        measured: items at which the geometric mean of the worst gap of uniform draws was eps: a fit, not a theorem.
        constant: C for which ``C log(1/eps)`` is the measured number; in print it is open.
    """

    fewest: Float64[np.ndarray, " points"]
    measured: Float64[np.ndarray, " points"]
    constant: Float64[np.ndarray, " points"]


def items_asked(eps: ArrayLike) -> ItemsAsked:
    """Number of uniform draws whose subset sums come within eps of every target in [-1, 1].

    Args:
        eps: accuracies between 0 and 1, shape ``(points,)``.

    Returns:
        Numbers of items, shape ``(points,)`` each. The measured ones hold for a typical sequence: one in six needs
        two items more.

    Raises:
        DataError: no list of numbers.
        UsageError: an accuracy out of range.

    Assumptions: see :func:`items_assumptions`.

    References: Lueker 1998 (the logarithm; as recalled); Pensia et al. 2020, where it is used. The fit is of this
        package, on sequences of seeds 1000 to 1007.

    >>> found = items_asked([0.5, 2.0**-10])
    >>> found.fewest.tolist(), found.measured.tolist()
    ([1.0, 10.0], [6.0, 16.0])
    """
    asked = vector(eps, "eps")
    if not ((asked > 0) & (asked < 1)).all():
        raise UsageError(f"eps: expected accuracies between 0 and 1, got {shown(asked.tolist())}.")
    measured = np.array([float(UNIFORM.items(float(one))) for one in asked])
    return ItemsAsked(-np.log2(asked), measured, measured / -np.log(asked))


def items_assumptions(eps: ArrayLike) -> tuple[Assumption, ...]:
    """What the theorem on random subset sums asks.

    Args: as for :func:`items_asked`.

    References: Lueker 1998.

    >>> [one.state for one in items_assumptions([0.1])]
    ['unchecked', 'unchecked', 'holds']
    """
    asked = vector(eps, "eps")
    inside = bool((asked >= 2.0**-18).all())
    return (
        Assumption(
            "uniform draws",
            "The numbers are independent draws from U[-1, 1], or from a law with a uniform part.",
            "unchecked",
            "only accuracies are given here",
        ),
        Assumption(
            "constant",
            "There are C log(1/min(eps, delta)) of them.",
            "unchecked",
            "C is not given in print; by counting it is at least 1/log 2 = 1.44",
        ),
        checked(
            "measured range",
            "The fit is used where it was measured, at 24 items or fewer.",
            inside,
            f"smallest eps {float(asked.min()):.3g}; measured down to 2^-18",
        ),
    )


@dataclass(frozen=True, eq=False)
class AskedWidth:
    """Units of a random network of twice the depth that can be pruned to a target network, one value a layer of it.

    Attributes:
        tolerance: ``min(eps, delta) / (d_{l-1} d_l L)``, allowed for a weight.
        fewest: items a weight that counting asks, log2(1/tolerance).
        items: items a weight by the measured law of products of uniform draws.
        measured: ``2 d_{l-1}`` times these: the width with a constant that was measured, not proved.
        pensia: ``2 d_{l-1} log(1/tolerance)``: the theorem with C = 1, which is no theorem.
        malach: ``d^5 L^2``, d the widest layer: the earlier theorem with its constants and accuracy left out.
        single: ``(4 d_{l-1} / tolerance) log(weights / delta)``: enough draws from U[-1, 1], not products, that each weight
            has one within its tolerance, without sums; proved, constants included.
    """

    tolerance: Float64[np.ndarray, " points"]
    fewest: Float64[np.ndarray, " points"]
    items: Float64[np.ndarray, " points"]
    measured: Float64[np.ndarray, " points"]
    pensia: Float64[np.ndarray, " points"]
    malach: Float64[np.ndarray, " points"]
    single: Float64[np.ndarray, " points"]

    def __str__(self) -> str:
        rows = [
            f"layer {place + 1}: a weight may be off by {self.tolerance[place]:.3g}. Counting asks for "
            f"{self.fewest[place]:.1f} items a weight (proved), the measured law for {self.items[place]:.0f}.\n"
            f"  units: {self.measured[place]:.0f} by the measured law, {self.pensia[place]:.0f} by Pensia et al. with C = 1 "
            f"(C is not given: no theorem), {self.malach[place]:.3g} by Malach et al. (constants left out), "
            f"{self.single[place]:.3g} without sums (proved)"
            for place in range(len(self.tolerance))
        ]
        return "\n".join(rows)


def asked_width(widths: Sequence[int], eps: float, delta: float = 0.05) -> AskedWidth:
    """Width of a random ReLU network of depth 2L that holds every target network of these widths, in units.

    Pensia et al.: for a target with layers of norm at most 1 and inputs of norm at most 1, the first layer of each pair
    has ``2 d_{l-1} C log(d_{l-1} d_l L / min(eps, delta))`` units, weights drawn from U[-1, 1]; then with probability
    1 - delta every target is within eps of some pruning. C is not given.

    Args:
        widths: d_0 inputs, hidden units, d_L outputs; at least two numbers.
        eps: distance allowed over all inputs of norm at most 1, between 0 and 1.
        delta: probability of a random network that does not do, between 0 and 1.

    Returns:
        Units and items, one value a layer of the target, shape ``(L,)`` each. Which of them are proved is said there.

    Raises:
        UsageError: fewer than two widths, or numbers out of range.

    Assumptions: see :func:`width_assumptions`.

    References: Pensia et al. 2020, theorem 1 (recalled); Malach et al. 2020, with the factor ``d^4 L^2`` that the abstract
        of Pensia et al. gives it; ``single``: ``P(|a - w| <= t) >= t/2`` for a from U[-1, 1], and a union bound, two signs.

    >>> found = asked_width([16, 16, 1], eps=0.01)
    >>> found.items.tolist(), found.measured.tolist(), found.pensia.round().tolist()
    ([23.0, 19.0], [736.0, 608.0], [347.0, 258.0])
    """
    sizes = _widths(widths)
    allowed, failing = probability(eps, "eps"), probability(delta, "delta")
    depth, inputs = len(sizes) - 1, np.array(sizes[:-1], dtype=np.float64)
    weights = inputs * np.array(sizes[1:], dtype=np.float64)
    tolerance = min(allowed, failing) / (weights * depth)
    items = np.array([float(PRODUCTS.items(float(one))) for one in tolerance])
    return AskedWidth(
        tolerance,
        -np.log2(tolerance),
        items,
        2 * inputs * items,
        -2 * inputs * np.log(tolerance),
        np.full(depth, float(max(sizes)) ** 5 * depth**2),
        4 * inputs / tolerance * math.log(float(weights.sum()) / failing),
    )


def _widths(widths: Sequence[int]) -> list[int]:
    given = (
        list(widths) if isinstance(widths, list | tuple | range | np.ndarray) and np.ndim(widths) == 1 else []
    )
    if len(given) < 2:
        raise UsageError(
            f"widths: expected inputs, hidden units and outputs, at least two numbers, got {shown(widths)}."
        )
    return [count(one, f"widths[{place}]", high=10**9) for place, one in enumerate(given)]


def width_assumptions(widths: Sequence[int], eps: float, delta: float = 0.05) -> tuple[Assumption, ...]:
    """What the theorem on the width asks.

    Args: as for :func:`asked_width`.

    References: Pensia et al. 2020, theorem 1 (recalled).

    >>> [one.name for one in width_assumptions([4, 4, 1], 0.1)]
    ['norms', 'inputs', 'no biases', 'constant']
    """
    _widths(widths)
    probability(eps, "eps"), probability(delta, "delta")
    return (
        Assumption("norms", "Every layer of the target has spectral norm at most 1.", "unchecked",
                   "only widths are given here; see own_layer_width"),
        Assumption("inputs", "Inputs have norm at most 1.", "unchecked", "no inputs are given here"),
        Assumption("no biases", "The target has no biases, and relu after every layer but the last.", "unchecked",
                   "only widths are given here; a bias counts as one more input that is 1"),
        Assumption("constant", "The width is at least that with the constant C of the theorem.", "unchecked",
                   "C is not given in print"),
    )  # fmt: skip


def own_layer_width(weights: Sequence[ArrayLike], eps: float, delta: float = 0.05) -> AskedWidth:
    """What :func:`asked_width` asks for layers of one's own, of any norm.

    Relu networks are homogeneous: the layers are divided by their spectral norms, and the distance that is allowed by
    the product of those, so that the theorem applies.

    Args:
        weights: W_1 to W_L of one or more layers, shape ``(outputs, inputs)`` each; a bias is one more column.
        eps: distance allowed over inputs of norm at most 1, in the unit of the outputs.
        delta: as for :func:`asked_width`.

    Raises:
        UsageError: eps above the product of the norms, which the constant 0 keeps to; layers that do not fit.
        DataError: no matrices, or a layer of zeros.

    References: as for :func:`asked_width`.

    >>> own_layer_width([[[2.0, 0.0], [0.0, 2.0]]], eps=0.02).items.tolist()
    [16.0]
    """
    layers = matrices(weights, "weights")
    for place, (before, after) in enumerate(itertools.pairwise(layers)):
        if after.shape[1] != len(before):
            raise UsageError(
                f"weights: expected layer {place + 2} to have {len(before)} columns, one for each row of layer "
                f"{place + 1}, got shape {after.shape}. Matrices are (outputs, inputs)."
            )
    norms = [float(np.linalg.norm(one, 2)) for one in layers]
    if not all(norms):
        raise DataError(f"weights[{norms.index(0.0)}]: expected a layer that is not all zeros.")
    allowed = real(eps)
    if not 0 < allowed < math.prod(norms):
        raise UsageError(
            f"eps: expected a distance above 0 and below {math.prod(norms):.3g}, the product of the layers' norms (beyond "
            f"it a network that is always 0 does), got {shown(eps)}."
        )
    return asked_width((layers[0].shape[1], *(len(one) for one in layers)), allowed / math.prod(norms), delta)
