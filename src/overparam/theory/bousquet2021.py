r"""Learning curves that are known exactly: one class each for an exponential, a linear and slower rates.

The error of a learner on n samples of one fixed distribution, in expectation over the samples:

    all functions on a few points        sum_i p_i (1 - p_i)^n                    exponential
    thresholds on the whole numbers      sum_{i < t} p_i (1 - P[i, t - 1])^n      exponential; 1/n without a positive label
    thresholds on [0, 1]                 threshold_error, about 1 / (2 n)         linear
    all functions on the whole numbers   sum_i p_i (1 - p_i)^n, infinitely many   as slow as the tail makes it

Each is an expectation over indicators "no sample fell here"; nothing is asymptotic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError, unknown
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import real, shown, times_of, vector
from overparam.theory.theorem import Theorem

CITATION = (
    "O. Bousquet, S. Hanneke, S. Moran, R. van Handel and A. Yehudayoff, A theory of universal learning, STOC 2021, "
    "arXiv:2011.04483."
)
TAILS = ("power", "log", "loglog")
MOST = 1e15  # samples: beyond it, differences of tails have no digits left
HEAD = 20_000  # points that are summed one by one; the others by an integral
PANELS, NODES = 64, 32  # of that integral

Array = Float64[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The error of a learner against the number of samples.

    Attributes:
        samples: numbers of samples, shape ``(points,)``.
        error: probability that a fresh point is wrong, in expectation over the samples, shape ``(points,)``.
        deviation: standard deviation of that probability from one training set to another, or an upper bound on it,
            shape ``(points,)``.
    """

    samples: Float64[np.ndarray, " points"]
    error: Float64[np.ndarray, " points"]
    deviation: Float64[np.ndarray, " points"]


def finite_error(samples: ArrayLike, probabilities: ArrayLike) -> LearningCurve:
    r"""Learning curve of all functions on finitely many points: it falls exponentially.

    The learner repeats the labels that it saw and answers 0 elsewhere; every label is 1, the worst case for it. Point i is
    unseen with probability :math:`(1 - p_i)^n`:

    .. math:: E_n = \sum_i p_i (1 - p_i)^n, \qquad p_{min} (1 - p_{min})^n \le E_n \le (1 - p_{min})^n.

    Labels drawn by a fair coin give half of it, and then no learner has less. That points are unseen is negatively
    associated, so the variance is at most :math:`\sum_i p_i^2 q_i (1 - q_i)`, :math:`q_i = (1 - p_i)^n`.

    Args:
        samples: numbers of samples n, at least 0, shape ``(points,)``.
        probabilities: of the points, shape ``(points,)``; they sum to 1.

    Returns:
        The curve.

    Raises:
        UsageError: samples that are no whole numbers from 0 to 1e15.
        DataError: probabilities that are no list of numbers of at least 0 with the sum 1.

    Assumptions: independent samples of one distribution, labels without error.

    References: Bousquet et al. 2021, the exponential rate, read in the abstract; the sum is derived here.

    >>> finite_error([0, 1, 2], [0.5, 0.5]).error.tolist()
    [1.0, 0.5, 0.25]
    """
    n, p = _samples(samples), _law(probabilities)
    unseen = _power(p, n)
    variance = (np.square(p) * unseen * (1 - unseen)).sum(axis=1)
    return LearningCurve(n, (p * unseen).sum(axis=1), np.sqrt(variance))


def integer_threshold_error(samples: ArrayLike, ratio: float, target: float = math.inf) -> LearningCurve:
    r"""Learning curve of thresholds on the whole numbers, with the least threshold that agrees with the samples.

    Points 1, 2, ... have the probabilities :math:`p_i = (1 - r) r^{i - 1}`; points of at least t are positive. The least
    threshold that agrees is one more than the largest negative sample, and with P[i, j] the mass of the points i to j

    .. math:: E_n = \sum_{i < t} p_i (1 - P[i, t - 1])^n.

    For a finite t that falls exponentially, although the class is infinite. Without a positive label (t infinite, a limit
    of the class) it falls like 1/n: the same learner, class and inputs. A learner that answers negative everywhere until
    it sees a positive label makes no error there, and still an exponential one elsewhere.

    Args:
        samples: numbers of samples n, at least 0, shape ``(points,)``.
        ratio: r, from 0.01 to 0.999.
        target: t, a whole number from 1 to 10,000, or infinity.

    Returns:
        The curve; the deviation is exact.

    Raises:
        UsageError: samples that are no whole numbers from 0 to 1e15, or a ratio or target out of range.

    Assumptions: independent samples of one distribution, labels without error.

    References: Bousquet et al. 2021, thresholds on the whole numbers as an infinite class with an exponential rate
    (recalled); the sum is derived here.

    >>> integer_threshold_error([0, 1], 0.5, 2).error.tolist()  # point 1 alone is negative, with probability 1/2
    [0.5, 0.25]
    """
    n, r, t = _samples(samples), _between(ratio, "ratio", 0.01, 0.999), real(target)
    if not (t == math.inf or (1 <= t <= 10_000 and t == math.floor(t))):
        raise UsageError(f"target: expected a whole number from 1 to 10,000, or infinity, got {shown(target)}.")
    last = math.ceil(-60 / math.log10(r))  # what lies beyond has the probability 1e-60
    i = np.arange(1, min(t, last + 1))
    p, after = (1 - r) * r ** (i - 1), (0.0 if t == math.inf else r ** (t - 1))
    between = r ** (i - 1) - after  # mass from i to the last negative point
    beyond = r**i - after  # of the negative points behind i
    unseen = _power(between, n)
    mean = (p * unseen).sum(axis=1)
    square = ((np.square(p) + 2 * p * beyond) * unseen).sum(axis=1)
    return LearningCurve(n, mean, np.sqrt(np.maximum(square - np.square(mean), 0.0)))


def threshold_error(samples: ArrayLike, target: float) -> LearningCurve:
    r"""Learning curve of thresholds on [0, 1] under the uniform distribution: it falls like 1/(2 n).

    The learner answers the middle of the gap between the largest negative and the smallest positive sample (0 and 1 where
    there is none). With c the target and m the smaller of c and 1 - c,

    .. math:: E_n = \frac{1 - (1 - c)^{n + 1} - c^{n + 1} + (1 - 2 m)^{n + 1}}{2 (n + 1)}.

    The gaps U and V on both sides of c have :math:`P(U > u, V > v) = (1 - u - v)^n`, and the error is
    :math:`|U - V| / 2`. Any continuous distribution gives the same, with c the mass below the target.

    Args:
        samples: numbers of samples n, at least 0, shape ``(points,)``.
        target: c, from 0 to 1.

    Returns:
        The curve; the deviation is at most the root of :math:`1 / ((n + 1) (n + 2))`, which is given.

    Raises:
        UsageError: samples that are no whole numbers from 0 to 1e15, or a target outside of [0, 1].

    Assumptions: independent samples of one continuous distribution, labels without error.

    References: Bousquet et al. 2021, the linear rate, read in the abstract; the expectation is derived here.

    >>> threshold_error([0, 1], 0.5).error.tolist()
    [0.0, 0.125]
    """
    n, c = _samples(samples), _between(target, "target", 0.0, 1.0)
    m = min(c, 1 - c)
    low, high, both = (_power(np.array([one]), n + 1)[:, 0] for one in (c, 1 - c, 2 * m))
    error = np.maximum(1 - low - high + both, 0.0) / (2 * (n + 1))
    return LearningCurve(n, error, 1 / np.sqrt((n + 1) * (n + 2)))


def least_threshold_error(samples: ArrayLike) -> Float64[np.ndarray, " points"]:
    r"""The least error that any learner of thresholds on [0, 1] has on average over uniformly drawn targets.

    Given the samples, the target is uniform on the gap in which it lies, and the middle of it is best: a quarter of the
    gap, whose mean length is :math:`2 / (n + 2)`. So :math:`E_n \ge 1 / (2 (n + 2))`, and the middle reaches it.

    Args:
        samples: numbers of samples n, at least 0, shape ``(points,)``.

    Returns:
        Shape ``(points,)``.

    Raises:
        UsageError: samples that are no whole numbers from 0 to 1e15.

    References: derived here.

    >>> least_threshold_error([0, 2]).tolist()
    [0.25, 0.125]
    """
    return 1 / (2 * (_samples(samples) + 2))


def tail_mass(points: ArrayLike, tail: str, exponent: float = 1.0) -> Array:
    r"""Probability of all points beyond i, of a distribution on 1, 2, ...

    ``power``: :math:`(1 + i)^{-a}`, so that :math:`p_i \sim a\, i^{-(1 + a)}`. ``log``: :math:`1 / L`,
    :math:`L = 1 + \log(1 + i)`, so that :math:`p_i \sim 1 / (i \log^2 i)`. ``loglog``: :math:`1 / (1 + \log L)`. Each is
    convex, so that the probabilities fall.

    Args:
        points: i, at least 0, of any shape.
        tail: ``power``, ``log`` or ``loglog``.
        exponent: a, of ``power`` alone, from 0.01 to 10.

    Returns:
        The masses, of the shape of the points.

    Raises:
        UsageError: an unknown tail, or an exponent out of range.
        DataError: points that are no list of finite numbers of at least 0.

    References: none; a definition.

    >>> tail_mass([0, 1, 3], "power", 1.0).tolist(), tail_mass([0], "log").tolist()
    ([1.0, 0.5, 0.25], [1.0])
    """
    i, a = vector(points, "points"), _exponent(tail, exponent)
    return _tail(i, tail, a)


def memorizer_error(samples: ArrayLike, tail: str, exponent: float = 1.0) -> LearningCurve:
    r"""Learning curve of all functions on 1, 2, ..., under a distribution with a given tail: as slow as one likes.

    The learner repeats the labels that it saw and answers 0 elsewhere; every label is 1. As for finitely many points
    :math:`E_n = \sum_i p_i (1 - p_i)^n`, and labels of a fair coin give half of it, below which no learner is. With
    :math:`p_i \sim C i^{-(1 + a)}`

    .. math:: E_n \sim \tfrac{1}{1 + a} \Gamma(\tfrac{a}{1 + a}) C^{1 / (1 + a)} n^{-a / (1 + a)},

    so every power occurs; ``log`` and ``loglog`` are slower than every power. The first 20,000 points are summed; for the
    others the sum is the integral of :math:`(1 - p)^n` over the mass beyond, to a relative error of 1e-8.

    Args:
        samples: numbers of samples n, at least 0, shape ``(points,)``.
        tail: see :func:`tail_mass`.
        exponent: a, of ``power`` alone.

    Returns:
        The curve; the deviation is an upper bound, as in :func:`finite_error`.

    Raises:
        UsageError: samples that are no whole numbers from 0 to 1e15, an unknown tail, or an exponent out of range.

    Assumptions: independent samples of one distribution, labels without error.

    References: Bousquet et al. 2021, arbitrarily slow rates, read in the abstract; sum and asymptotics are derived here.

    >>> memorizer_error([0, 1], "power", 1.0).error.round(6).tolist()  # 1 - sum 1 / (i (i + 1))^2
    [1.0, 0.710132]
    """
    n, a = _samples(samples), _exponent(tail, exponent)
    mass = _tail(np.arange(HEAD + 1.0), tail, a)
    p, left = -np.diff(mass), float(mass[-1])
    at, weights = _nodes(left)
    error, square = np.empty(len(n)), np.empty(len(n))
    rare = _density(at, tail, a)
    for place, size in enumerate(n):
        unseen = _power(p, np.array([size]))[0]
        beyond = _power(rare, np.array([size]))[0]
        error[place] = (p * unseen).sum() + (weights * beyond).sum()
        square[place] = (np.square(p) * unseen * (1 - unseen)).sum() + (weights * rare * beyond).sum()
    return LearningCurve(n, error, np.sqrt(square))


def _samples(values: Any) -> Array:
    """Numbers of samples as floats, whole, finite and at most 1e15."""
    out = times_of(values, whole=True, name="samples")
    if out.max() > MOST:
        raise UsageError(f"samples: expected whole numbers from 0 to {MOST:g}, got {out.max():g}.")
    return out


def _law(values: Any) -> Array:
    """Probabilities, at least 0, with the sum 1."""
    p = vector(values, "probabilities", high=2.0)
    if abs(p.sum() - 1) > 1e-9:
        raise DataError(
            f"probabilities: expected numbers with the sum 1, got {p.sum():.6g}. Divide them by their sum."
        )
    return p


def _exponent(tail: Any, exponent: Any) -> float:
    """The exponent of a tail, checked; 1 for one that has none."""
    if not isinstance(tail, str) or tail not in TAILS:
        raise unknown("tail", tail, TAILS)
    return _between(exponent, "exponent", 0.01, 10.0)


def _between(value: Any, name: str, low: float, high: float) -> float:
    """A number in a range, or UsageError."""
    found = real(value)
    if not low <= found <= high:
        raise UsageError(f"{name}: expected a number from {low:g} to {high:g}, got {shown(value)}.")
    return found


def _tail(i: Array, tail: str, a: float) -> Array:
    if tail == "power":
        return np.asarray(np.exp(-a * np.log1p(i)))
    length = 1 + np.log1p(i)
    return np.asarray(1 / length if tail == "log" else 1 / (1 + np.log(length)))


def _density(mass: Array, tail: str, a: float) -> Array:
    """Probability of a point, minus the slope of the tail, where the mass beyond is given."""
    if tail == "power":
        return np.asarray(a * mass ** (1 + 1 / a))
    with np.errstate(over="ignore", under="ignore"):
        if tail == "log":  # x + 1 = exp(1/T - 1)
            return np.asarray(np.square(mass) * np.exp(1 - 1 / mass))
        length = np.exp(1 / mass - 1)  # 1 + log(x + 1)
        return np.asarray(np.square(mass) / length * np.exp(1 - length))


def _nodes(left: float) -> tuple[Array, Array]:
    """Gauss and Legendre's nodes and weights on the masses from 0 to ``left``, in panels that halve towards 0."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    ends = np.concatenate([[0.0], left * 2.0 ** (np.arange(-PANELS + 1, 1) / 2)])
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()


def _power(p: Array, n: Array) -> Float64[np.ndarray, "points n"]:
    """``(1 - p)^n`` for each n and p, without rounding where p is small."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.exp(n[:, None] * np.log1p(-np.minimum(p, 1.0)))
    return np.where(n[:, None] == 0, 1.0, found)


def assumptions(samples: ArrayLike, tail: str, exponent: float = 1.0) -> tuple[Assumption, ...]:
    """What a learning curve asks, and what it cannot show.

    Args: as for :func:`memorizer_error`.

    References: Bousquet et al. 2021.

    >>> [one.state for one in assumptions([10], "log")]
    ['unchecked', 'unchecked', 'fails']
    """
    _samples(samples)
    a = _exponent(tail, exponent)
    told = (
        f"the curve falls like n^-{a / (1 + a):.3g}"
        if tail == "power"
        else "it is slower than every power of n"
    )
    return (
        Assumption(
            "independent samples", "Samples are independent, of one distribution.", "unchecked", "none is given"
        ),
        Assumption("realizable", "Labels are those of a function in the class.", "unchecked", "none is given"),
        checked("power", "The curve falls like a power of n.", tail == "power", told),
    )


THEOREMS = (
    Theorem("memorizer-error", memorizer_error, {"samples": (0, 1, 10, 1000), "tail": "power", "exponent": 0.5}, assumptions,
            CITATION),
)  # fmt: skip
