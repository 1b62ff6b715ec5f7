"""Nakkiran, Venkat, Kakade and Ma (2021): the best penalty takes the peak away.

For isotropic features the best ridge penalty makes the error fall with every more sample and every more feature.
For any spectrum it is found here by minimising the predicted test error of ``simon2023`` over the penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.eigenframework import Sums, sums, thresholds, times
from overparam.theory.inputs import count, nonnegative, representable, spectrum, widths_of
from overparam.theory.simon2023 import assumptions as _framework
from overparam.theory.theorem import Theorem

CITATION = (
    "P. Nakkiran, P. Venkat, S. Kakade and T. Ma, Optimal regularization can mitigate double descent, ICLR 2021, "
    "arXiv:2003.01897."
)
_PER_DECADE, _MOST = 24, 1500
_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 44
_LEAST, _MOST_PENALTY = 5e-324, 1.7e308

Widths = Float64[np.ndarray, " points"]
Entries = Float64[np.ndarray, " features"]


@dataclass(frozen=True, eq=False)
class OptimalRidge:
    """The best penalty at each width.

    Attributes:
        widths: numbers of features; infinity is the kernel.
        signal: error at the best penalty that would be left without label noise, shape ``(widths,)``.
        variance: what label noise in the training set adds, shape ``(widths,)``.
        noise: variance of the label noise of a test sample.
        ridge: the penalty delta, added to ``(1/k) Phi Phi^T``; 0 where none is best, infinite where predicting
            nothing is best.
    """

    widths: Widths
    signal: Widths
    variance: Widths
    noise: float
    ridge: Widths

    @property
    def risk(self) -> Widths:
        """Test error on noisy test labels: signal + variance + noise."""
        return self.signal + self.variance + self.noise


def optimal_ridge_risk(
    eigenvalues: ArrayLike,
    coefficients_squared: ArrayLike,
    n: int,
    widths: ArrayLike | None = None,
    noise: float = 0.0,
) -> OptimalRidge:
    """Least predicted test error over all penalties, in squared units of the target, label noise included.

    The predicted error depends on the penalty only through the threshold gamma, which runs from the ridgeless root
    to infinity. It is minimised over gamma, on a logarithmic grid and then by golden section; the penalty is
    ``gamma (1 - z/k) (n - z)``.

    Args:
        eigenvalues: of the limit kernel's operator, shape ``(entries,)``.
        coefficients_squared: ``v_i^2``, shape ``(entries,)``.
        n: number of training samples.
        widths: numbers of features k; by default the kernel alone.
        noise: variance s^2 of the labels' noise.

    Returns:
        Error and penalty at each width. The error does not grow with the width.

    Raises:
        DataError: spectra that do not fit, or hold negative or missing numbers.
        UsageError: a count or variance out of range.

    References: Nakkiran et al. 2021, theorem 1 (isotropic case, see :func:`isotropic_optimal_ridge`); for a general
        spectrum computed from the framework of Simon et al. 2023.

    >>> best = optimal_ridge_risk([1.0] * 100, [0.01] * 100, n=100, noise=0.5)
    >>> best.ridge.round(3).tolist(), best.risk.round(6).tolist()
    ([50.0], [1.0])
    """
    lam, v2 = spectrum(eigenvalues, coefficients_squared)
    k = widths_of([np.inf] if widths is None else widths)
    n, s2 = count(n, "n"), nonnegative(noise, "noise")
    gamma, ridge = best_thresholds(lam, v2, n, k, s2)
    nothing = np.isinf(ridge)
    found = sums(lam, v2, n, k, np.where(nothing, 1.0, gamma), ridgeless=ridge == 0)
    signal = np.where(nothing, v2.sum(), found.signal(n))
    variance = np.where(nothing, 0.0, times(np.full_like(k, s2), found.extra(n)))
    return OptimalRidge(k, signal, variance, s2, ridge)


def best_thresholds(
    lam: Entries, v2: Entries, n: int, k: Widths, s2: float, seen: float = 0.0
) -> tuple[Widths, Widths]:
    """The best threshold gamma and the penalty that belongs to it, at each width, from checked inputs.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        v2: squared coefficients, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        s2: variance of the labels' noise.
        seen: share of a finite population that is the training set; what is minimised is the error on the rest.

    Returns:
        Thresholds and penalties; both infinite where predicting nothing is best.

    References: Nakkiran et al. 2021; Simon et al. 2023.
    """
    shift = _shift(float(lam[0]))
    gamma, ridge = _best(np.ldexp(lam, shift), v2, n, k, s2, seen)
    with np.errstate(over="ignore"):
        gamma, penalty = np.ldexp(gamma, -shift), np.ldexp(ridge, -shift)
    # a penalty that is no number of float64 is given as the nearest one: 0 and infinity have a meaning of their own
    inside = (ridge > 0) & np.isfinite(ridge)
    return gamma, np.where(inside, np.clip(penalty, _LEAST, _MOST_PENALTY), ridge)


def _shift(largest: float) -> int:
    """Power of two that brings eigenvalues into a range in which a grid around them exists."""
    exponent = int(np.frexp(largest)[1])
    return -600 - exponent if largest > 0 and exponent < -600 else min(0, 900 - exponent)


def _best(lam: Entries, v2: Entries, n: int, k: Widths, s2: float, seen: float) -> tuple[Widths, Widths]:
    gamma, ridge = thresholds(lam, n, k, 0.0), np.zeros_like(k)
    value = sums(lam, v2, n, k, gamma, ridgeless=True).total(n, s2, seen)
    if lam[0] > 0:
        low, high = _around(lam, v2, n, k, s2, seen, gamma)
        inner = _golden(lam, v2, n, k, s2, seen, low, high)
        found = sums(lam, v2, n, k, inner)
        better = found.total(n, s2, seen) < value
        value, gamma = np.where(better, found.total(n, s2, seen), value), np.where(better, inner, gamma)
        spared = np.divide(found.b, k, out=np.ones_like(k), where=np.isfinite(k))
        ridge = np.where(better, inner * found.a * spared, 0.0)
    empty = float(v2.sum()) + s2 <= value
    return np.where(empty, np.inf, gamma), np.where(empty, np.inf, ridge)


def isotropic_optimal_ridge(d: int, signal: float, noise: float) -> float:
    """The best penalty on ``X^T X`` for d isotropic features of variance 1: ``d s^2 / |b|^2``, for every n.

    Args:
        d: number of features.
        signal: ``|b|^2``.
        noise: variance s^2 of the labels' noise.

    Returns:
        The penalty lambda of ``|y - X b|^2 + lambda |b|^2``.

    Raises:
        UsageError: a signal of 0, for which no penalty is large enough, or numbers out of range.

    References: Nakkiran et al. 2021, lemma on the optimal penalty; derived again by Bayes' rule for a random b.

    >>> isotropic_optimal_ridge(100, 1.0, 0.5)
    50.0
    """
    r2 = nonnegative(signal, "signal")
    if r2 == 0:
        raise UsageError("signal: expected more than 0, got 0. Without a signal no penalty is large enough.")
    return float(representable(np.float64(count(d, "d")) / r2 * nonnegative(noise, "noise"), "noise, signal"))


def _around(
    lam: Entries, v2: Entries, n: int, k: Widths, s2: float, seen: float, start: Widths
) -> tuple[Widths, Widths]:
    """Bracket the best threshold of each width on one logarithmic grid that all widths share."""
    positive = lam[lam > 0]
    floor = np.where(start > 0, start, positive[-1] * 1e-6)
    ends = np.log10([max(floor.min(), 1e-290), max(positive[0], positive.sum() / n) * 1e6])
    grid = np.logspace(ends[0], ends[1], min(_MOST, 2 + int(_PER_DECADE * (ends[1] - ends[0]))))
    all_k = sums(lam, v2, n, np.full(len(grid), np.inf), grid)
    missed = all_k.a - n  # minus the number of directions learnt, where it is below n
    places = np.empty(len(k), dtype=int)
    for i, width in enumerate(k):
        b = np.full(len(grid), np.inf) if np.isinf(width) else np.maximum(width + missed, 0.0)
        value = Sums(all_k.a, b, all_k.c, all_k.once, all_k.twice, all_k.q).total(n, s2, seen)
        places[i] = np.argmin(np.where(grid > floor[i], value, np.inf))
    low, high = grid[np.maximum(places - 1, 0)], grid[np.minimum(places + 1, len(grid) - 1)]
    return np.maximum(low, floor), np.maximum(high, floor)


def _golden(
    lam: Entries, v2: Entries, n: int, k: Widths, s2: float, seen: float, low: Widths, high: Widths
) -> Widths:
    """Golden section in the logarithm of gamma, all widths at once."""
    a, b = np.log(low), np.log(high)

    def value(x: Widths) -> Widths:
        return sums(lam, v2, n, k, np.exp(x)).total(n, s2, seen)

    left, right = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    at_left, at_right = value(left), value(right)
    for _ in range(_STEPS):
        lower = at_left <= at_right
        a, b = np.where(lower, a, left), np.where(lower, right, b)
        new_left, new_right = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
        asked = value(np.where(lower, new_left, new_right))
        at_left, at_right = np.where(lower, asked, at_right), np.where(lower, at_left, asked)
        left, right = new_left, new_right
    return np.exp((a + b) / 2)


def assumptions(
    eigenvalues: ArrayLike,
    coefficients_squared: ArrayLike,
    n: int,
    widths: ArrayLike | None = None,
    **_: object,
) -> tuple[Assumption, ...]:
    """What the minimised prediction asks: what the prediction asks, and that the penalty is known beforehand.

    Args: as for :func:`optimal_ridge_risk`.

    References: Nakkiran et al. 2021.

    >>> assumptions([1.0] * 500, [0.0] * 500, n=60)[-1].state
    'unchecked'
    """
    return (
        *_framework(eigenvalues, coefficients_squared, n, () if widths is None else widths),
        Assumption(
            "oracle penalty",
            "The penalty is the best one for the true risk; one chosen by cross-validation does a little worse.",
            "unchecked",
            "it is the minimum of a prediction",
        ),
    )


def isotropic_assumptions(**_: object) -> tuple[Assumption, ...]:
    """What the isotropic penalty asks.

    References: Nakkiran et al. 2021.

    >>> isotropic_assumptions(d=3, signal=1.0, noise=1.0)[0].state
    'unchecked'
    """
    return (
        Assumption(
            "isotropic features",
            "Features have covariance I, noise one variance; the mean is over training sets and directions of b.",
            "unchecked",
            "only three numbers are given here",
        ),
    )


_LAM = 1.0 / np.arange(1, 401) ** 1.5
THEOREMS = (
    Theorem(
        "optimal-ridge",
        optimal_ridge_risk,
        {"eigenvalues": _LAM, "coefficients_squared": _LAM, "n": 60, "widths": (30, 60, 200), "noise": 0.25},
        assumptions,
        CITATION,
        "the penalty, where predicting nothing is best",
    ),
    Theorem(
        "isotropic-optimal-ridge",
        isotropic_optimal_ridge,
        {"d": 100, "signal": 1.0, "noise": 0.5},
        isotropic_assumptions,
        CITATION,
    ),
)
