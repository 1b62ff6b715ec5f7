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

import numpy as np
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption, checked
from overparam.theory.eigenframework import Entries, Widths, sums, thresholds, times
from overparam.theory.inputs import count, nonnegative, penalty_of, representable, spectrum, widths_of
from overparam.theory.theorem import Theorem

CITATION = (
    "J. B. Simon, D. Karkada, N. Ghosh and M. Belkin, More is better in modern machine learning: when infinite "
    "overparameterization is optimal and overfitting is obligatory, arXiv:2311.14646 (random-feature ridge)."
)
TRUSTED_N = 60


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
    return parts_of(lam, v2, n, k, penalty_of(ridge), nonnegative(noise, "noise"))


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
