"""Simon et al. (2023): the test error of ridge regression on random features, from a spectrum.

A target ``f = sum_i v_i phi_i`` in the eigenfunctions of a kernel with eigenvalues ``lam_i`` is learnt from n samples
with label noise of variance s^2, by ridge on k random features whose limit kernel is that one:

    gamma > 0 solves  gamma (k - z) (n - z) = k delta,   z = sum lam/(lam + gamma),   q = sum (lam/(lam + gamma))^2
    test = [sum (gamma/(lam+gamma) - (k-z)/(k-q) gamma lam/(lam+gamma)^2) v^2 + s^2] / (1 - (q(k-2z) + z^2)/(n(k-q)))

The root is the one with ``z < min(n, k)``; there are up to two others, which mean nothing. The penalty delta is
added to ``(1/k) Phi Phi^T``, without 1/n. As k grows this becomes kernel ridge, as delta falls to 0 the minimum
norm solution. The formulas are recalled and matched to simulation; they are deterministic equivalents: exact as
sizes grow, within about 10 % from n = 60 and 4 % from n = 200, away from the peak.

What is computed is the same with every term positive: with ``a = n - z``, ``b = k - z``, ``c = z - q``,
``u = b/(b + c)`` and ``g = gamma/(lam + gamma)``,

    test = n [(1 - u) sum g v^2 + u sum g^2 v^2 + s^2] / (a + c u)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import LARGEST, count, nonnegative, representable, spectrum, widths_of
from overparam.theory.theorem import Theorem

CITATION = (
    "J. B. Simon, D. Karkada, N. Ghosh and M. Belkin, More is better in modern machine learning: when infinite "
    "overparameterization is optimal and overfitting is obligatory, arXiv:2311.14646 (random-feature ridge)."
)
TRUSTED_N = 60
_STEPS = 64
_TINY = 5e-324
_BLOCK = 4_000_000  # numbers in one array of widths times eigenvalues

Widths = Float64[np.ndarray, " points"]
Entries = Float64[np.ndarray, " features"]


@dataclass(frozen=True, eq=False)
class RiskParts:
    """The test error at each width and what it is made of, in squared units of the target.

    Attributes:
        widths: numbers of features; infinity is the kernel.
        signal: error that would be left without label noise, shape ``(widths,)``.
        variance: what label noise in the training set adds, shape ``(widths,)``.
        noise: variance of the label noise of a test sample, which no model can remove.
        gamma: the effective threshold: directions with eigenvalues above it are learnt.
    """

    widths: Widths
    signal: Widths
    variance: Widths
    noise: float
    gamma: Widths

    @property
    def total(self) -> Widths:
        """Test error on noisy test labels: signal + variance + noise."""
        return self.signal + self.variance + self.noise


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums of the formula at each width, for one gamma a width."""

    a: Widths
    b: Widths
    c: Widths
    once: Widths
    twice: Widths
    q: Widths

    def factor(self, n: int) -> Widths:
        """How many times the noise of a sample comes back as error: ``n / (a + c u)``; infinite at a peak."""
        bottom = self.a + self.c * self.share
        return np.divide(n, bottom, out=np.full_like(bottom, np.inf), where=bottom > 0)

    def extra(self, n: int) -> Widths:
        """How many times more than once: ``factor - 1 = (q + c (1 - u)) / (a + c u)``, of positive terms alone."""
        top, bottom = self.q + self.c * (1 - self.share), self.a + self.c * self.share
        return np.divide(top, bottom, out=np.where(top > 0, np.inf, 0.0), where=bottom > 0)

    @property
    def share(self) -> Widths:
        """``u = b/(b + c)``: 1 for the kernel, 0 for minimum norm with fewer features than samples."""
        bottom = self.b + self.c
        kernel = np.isinf(self.b)
        u = np.divide(self.b, bottom, out=np.ones_like(bottom), where=(bottom > 0) & ~kernel)
        return np.where(kernel, 1.0, u)

    def signal(self, n: int) -> Widths:
        """Error without noise; 0 where the target is recovered exactly, infinite at a peak."""
        u = self.share
        left = (1 - u) * self.once + u * self.twice
        return times(left, self.factor(n))

    def total(self, n: int, s2: float, seen: float = 0.0) -> Widths:
        """Error with noise; over a population of which a share was seen, on the rest (see ``population``)."""
        whole = self.signal(n) + (s2 * self.factor(n) if s2 else 0.0)
        return whole / (1 - seen + seen * np.square(self.a / n)) if seen else whole


def times(left: Widths, factor: Widths) -> Widths:
    """``left * factor`` with ``0 * infinity = 0``: nothing to amplify stays nothing."""
    with np.errstate(over="ignore"):
        return np.where(left > 0, left * np.where(left > 0, factor, 1.0), 0.0)


def _told(values: Widths, factor: Widths) -> Widths:
    """Refuse what is infinite although nothing amplifies without bound."""
    representable(values[np.isfinite(factor)], "coefficients_squared, noise")
    return values


def random_feature_risk(
    eigenvalues: ArrayLike,
    coefficients_squared: ArrayLike,
    n: int,
    widths: ArrayLike,
    ridge: float = 0.0,
    noise: float = 0.0,
) -> Widths:
    """Test error of ridge on k random features, in squared units of the target, label noise included.

    Args:
        eigenvalues: of the limit kernel's operator, ``lam_i >= 0``, shape ``(entries,)``.
        coefficients_squared: ``v_i^2``, the target's squared coefficients, shape ``(entries,)``; those of several
            outputs are summed.
        n: number of training samples.
        widths: numbers of features k, shape ``(widths,)``; ``inf`` is the kernel.
        ridge: penalty delta, added to ``(1/k) Phi Phi^T``; 0 is the minimum-norm solution.
        noise: variance s^2 of the labels' noise, summed over outputs.

    Returns:
        Shape ``(widths,)``; infinite at k = n without penalty, unless there is nothing to amplify.

    Raises:
        DataError: spectra that do not fit, or hold negative or missing numbers.
        UsageError: a count, penalty or variance out of range.

    References: Simon et al. 2023, the random-feature eigenframework; recalled, matched to simulation.

    Fewer features than samples and than directions, no penalty: ``(sum g v^2 + s^2) / (1 - k/n)``.

    >>> random_feature_risk([1.0] * 400, [0.01] * 400, n=100, widths=[50], noise=1.0).round(9).tolist()
    [9.0]
    """
    return risk_parts(eigenvalues, coefficients_squared, n, widths, ridge, noise).total


def kernel_ridge_risk(
    eigenvalues: ArrayLike, coefficients_squared: ArrayLike, n: int, ridge: float = 0.0, noise: float = 0.0
) -> float:
    """Test error of kernel ridge regression, in squared units of the target, label noise included.

    ``gamma (n - z) = delta``, ``test = [sum (gamma/(lam+gamma))^2 v^2 + s^2] / (1 - q/n)``: the limit of
    :func:`random_feature_risk` for many features.

    Args:
        eigenvalues: of the kernel's operator, shape ``(entries,)``.
        coefficients_squared: ``v_i^2``, shape ``(entries,)``.
        n: number of training samples.
        ridge: penalty delta, added to the kernel matrix; 0 is interpolation.
        noise: variance s^2 of the labels' noise, summed over outputs.

    Returns:
        One number; infinite where as many directions as samples exist, without penalty.

    Raises:
        DataError: spectra that do not fit, or hold negative or missing numbers.
        UsageError: a count, penalty or variance out of range.

    References: Simon et al. 2023; Bordelon, Canatar and Pehlevan 2020; recalled, matched to simulation.

    200 equal directions, 100 samples, no penalty: half of the target is lost, and noise doubles.

    >>> round(kernel_ridge_risk([1.0] * 200, [0.005] * 200, n=100, noise=0.5), 9)
    1.5
    """
    return float(random_feature_risk(eigenvalues, coefficients_squared, n, [np.inf], ridge, noise)[0])


def risk_parts(
    eigenvalues: ArrayLike,
    coefficients_squared: ArrayLike,
    n: int,
    widths: ArrayLike,
    ridge: float = 0.0,
    noise: float = 0.0,
) -> RiskParts:
    """Test error in squared units of the target, split into signal, variance and noise.

    Args: as for :func:`random_feature_risk`.

    References: Simon et al. 2023; recalled, matched to simulation.

    >>> risk_parts([1.0] * 400, [0.01] * 400, n=100, widths=[50], noise=1.0).variance.round(9).tolist()
    [1.0]
    """
    lam, v2 = spectrum(eigenvalues, coefficients_squared)
    n, k = count(n, "n"), widths_of(widths)
    penalty = nonnegative(ridge, "ridge")
    if penalty > LARGEST:
        raise UsageError(
            f"ridge: expected a penalty of at most {LARGEST:g}, got {penalty:g}. Rescale the features."
        )
    return parts_of(lam, v2, n, k, penalty, nonnegative(noise, "noise"))


def parts_of(lam: Entries, v2: Entries, n: int, k: Widths, ridge: float, s2: float) -> RiskParts:
    """The same from checked inputs.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        v2: squared coefficients, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        ridge: penalty delta.
        s2: variance of the labels' noise.

    References: Simon et al. 2023.
    """
    gamma = thresholds(lam, n, k, ridge)
    found = sums(lam, v2, n, k, gamma, ridgeless=ridge == 0, ridge=ridge)
    factor, more = found.factor(n), found.extra(n)
    variance = _told(times(np.full_like(k, s2), more), more) if s2 else np.zeros_like(k)
    return RiskParts(k, _told(found.signal(n), factor), variance, s2, gamma)


def thresholds(lam: Entries, n: int, k: Widths, ridge: float) -> Widths:
    """The root gamma with ``z < min(n, k)`` at each width, in the unit of the eigenvalues.

    ``gamma (1 - z/k) (n - z)`` grows with gamma wherever ``z < min(n, k)``, so bisection on a logarithmic scale
    between ``ridge/n`` and ``max(2 tr/min(n, k), 4 ridge/n)`` finds it. Without a penalty the root is where z
    reaches ``min(n, k)``, or 0 if there are no more positive eigenvalues than that.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        ridge: penalty.

    References: Simon et al. 2023; the bracket is elementary.
    """
    positive = lam[lam > 0]
    least, trace = np.minimum(n, k), float(positive.sum())
    if ridge > 0:
        low, high = np.full_like(k, ridge / n), np.maximum(2 * trace / least, 4 * ridge / n)
        active = np.ones(len(k), dtype=bool)
    else:
        active = len(positive) > least
        spare = float((positive[-1] / positive).sum()) if len(positive) else 1.0
        last = float(positive[-1]) if len(positive) else 1.0
        low, high = last * ((len(positive) - least) / spare), 2 * trace / least
    gamma = np.zeros_like(k)
    if not active.any():
        return gamma
    # Equal brackets (all k > n, without a penalty) are solved once.
    keys = np.stack([k[active] if ridge > 0 else least[active], low[active], high[active]])
    (kk, lo, hi), back = np.unique(keys, axis=1, return_inverse=True)
    lo, hi = np.log(np.maximum(lo, _TINY)), np.log(np.maximum(hi, _TINY))
    for _ in range(_STEPS):
        middle = (lo + hi) / 2
        g = np.exp(middle)
        left = missed(positive, g)
        room, spare_width = (n - len(positive)) + left, (kk - len(positive)) + left
        if ridge > 0:
            spared = np.divide(spare_width, kk, out=np.ones_like(kk), where=np.isfinite(kk))
            with np.errstate(over="ignore"):
                above = (room > 0) & (spared > 0) & (g * room * spared >= ridge)
        else:
            above = spare_width >= 0
        lo, hi = np.where(above, lo, middle), np.where(above, middle, hi)
    gamma[active] = np.exp(hi)[back.ravel()]
    return gamma


def missed(lam: Entries, gamma: Widths) -> Widths:
    """``sum gamma/(lam + gamma)``: the number of directions not learnt, for each gamma; exact next to none."""
    out = np.empty_like(gamma)
    for rows in blocks(len(gamma), len(lam)):
        g = gamma[rows, None]
        out[rows] = (g / (lam + g)).sum(axis=1)
    return out


def sums(
    lam: Entries,
    v2: Entries,
    n: int,
    k: Widths,
    gamma: Widths,
    *,
    ridgeless: Any = False,
    ridge: float | None = None,
) -> Sums:
    """The sums of the formula at given thresholds, each computed from positive terms.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        v2: squared coefficients, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        gamma: thresholds, shape ``(widths,)``.
        ridgeless: whether the thresholds belong to no penalty, so that a or b is exactly 0; one or one a width.
        ridge: the penalty to which the thresholds belong; with it ``a b = k ridge / gamma`` and ``a - b = n - k`` give
            a and b to all digits, also where both are next to 0. None computes them from the sums.

    References: Simon et al. 2023.
    """
    rank = int((lam > 0).sum())
    inside, null = v2[:rank], float(v2[rank:].sum())
    left, c, once, twice, q = (np.empty_like(gamma) for _ in range(5))
    for rows in blocks(len(gamma), max(rank, 1)):
        whole = lam[:rank] + gamma[rows, None]
        g, found = gamma[rows, None] / whole, lam[:rank] / whole
        left[rows] = g.sum(axis=1)
        once[rows] = g @ inside + null
        g2 = g * g
        twice[rows] = g2 @ inside + null
        c[rows], q[rows] = (g * found).sum(axis=1), np.square(found).sum(axis=1)
    a, b = (n - rank) + left, (k - rank) + left
    if ridge:
        a, b = _rooms(n, k, ridge, gamma)
    at_root = np.logical_and(ridgeless, gamma > 0)
    a, b = np.where(at_root & (n <= k), 0.0, a), np.where(at_root & (k <= n), 0.0, b)
    return Sums(np.maximum(a, 0.0), np.maximum(b, 0.0), c, once, twice, q)


def _rooms(n: int, k: Widths, ridge: float, gamma: Widths) -> tuple[Widths, Widths]:
    """``a = n - z`` and ``b = k - z``: their difference is n - k, their product ``k ridge / gamma``."""
    kernel = np.isinf(k)
    width = np.where(kernel, 1.0, k)
    half = (n - width) / 2
    root = np.hypot(half, np.sqrt(width) * np.sqrt(ridge) / np.sqrt(gamma))
    larger = np.abs(half) + root
    smaller = np.where(larger > 0, width * (ridge / gamma) / np.where(larger > 0, larger, 1.0), 0.0)
    a, b = np.where(half > 0, larger, smaller), np.where(half > 0, smaller, larger)
    return np.where(kernel, ridge / gamma, a), np.where(kernel, np.inf, b)


def blocks(rows: int, columns: int) -> list[slice]:
    """Slices of the rows of a matrix that is too large to hold at once."""
    size = max(1, _BLOCK // max(columns, 1))
    return [slice(start, start + size) for start in range(0, rows, size)]


def assumptions(
    eigenvalues: ArrayLike, coefficients_squared: ArrayLike, n: int, widths: ArrayLike = (), **_: object
) -> tuple[Assumption, ...]:
    """What the formula asks, checked on the numbers given where that is possible.

    Args: as for :func:`random_feature_risk`.

    References: Simon et al. 2023.

    >>> [one.state for one in assumptions([1.0] * 500, [0.0] * 500, n=40)]
    ['unchecked', 'fails', 'holds']
    """
    lam, _v2 = spectrum(eigenvalues, coefficients_squared)
    n, k = count(n, "n"), np.zeros(0) if isinstance(widths, tuple) and not widths else widths_of(widths)
    largest = max([n, *k[np.isfinite(k)]])
    return (
        Assumption(
            "gaussian design",
            "Eigenfunctions behave like independent Gaussians of one variance on the samples.",
            "unchecked",
            "it cannot be read off a spectrum; features that are mostly 0, such as ReLU without a bias, miss it: "
            "compare with a few measured widths",
        ),
        checked(
            "large n",
            f"The formula is a limit of large sizes: n is at least {TRUSTED_N}.",
            n >= TRUSTED_N,
            f"n = {n}",
        ),
        checked(
            "whole spectrum",
            "More than 5 max(n, k) eigenvalues are given; a missing tail would act as a penalty.",
            len(lam) > 5 * largest,
            f"{len(lam)} eigenvalues, max(n, k) = {largest:g}",
        ),
    )


_L = 1.0 / np.arange(1, 401) ** 1.5
_EXAMPLE = {
    "eigenvalues": _L,
    "coefficients_squared": _L,
    "n": 60,
    "ridge": 1e-3,
    "noise": 0.25,
}
THEOREMS = (
    Theorem(
        "random-feature-ridge",
        random_feature_risk,
        {**_EXAMPLE, "widths": (30, 60, 100, 200, 800)},
        assumptions,
        CITATION,
        "without a penalty, at k = n",
    ),
    Theorem("kernel-ridge", kernel_ridge_risk, _EXAMPLE, assumptions, CITATION, "without a penalty, at rank n"),
)
