"""Hastie, Montanari, Rosset and Tibshirani (2022): limits of the risk of ridgeless and ridge regression.

For isotropic features the limits are EXCESS risks (without the noise of a test label) in ``p/n``; for a general
covariance they are total errors from its eigenvalues. All are limits of large sizes: at n = 8 the ridgeless one
was seen 11 % off.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import (
    LARGEST,
    SQUARABLE,
    array_of,
    count,
    nonnegative,
    representable,
    shown,
    vector,
)
from overparam.theory.simon2023 import TRUSTED_N, kernel_ridge_risk
from overparam.theory.theorem import Theorem

CITATION = (
    "T. Hastie, A. Montanari, S. Rosset and R. Tibshirani, Surprises in high-dimensional ridgeless least squares "
    "interpolation, The Annals of Statistics 50(2):949-986, 2022."
)

Ratios = Float64[np.ndarray, " points"]


def isotropic_risk(ratio: ArrayLike, signal: float, noise: float) -> Ratios:
    """Excess risk of minimum-norm least squares on isotropic features, in squared units of y.

    ``s^2 g/(1-g)`` for g < 1, ``r^2 (1 - 1/g) + s^2/(g-1)`` for g > 1, infinite at 1 if there is noise.

    Args:
        ratio: g = p/n, features per sample, shape ``(ratios,)``.
        signal: ``r^2 = |b|^2``.
        noise: variance s^2 of the labels' noise.

    Returns:
        Shape ``(ratios,)``; add ``noise`` for the error on noisy test labels.

    Raises:
        UsageError: a ratio, signal or noise that is negative or missing.
        DataError: a signal or noise so large that the risk is no number of float64.

    References: Hastie et al. 2022, theorem 1; recalled, and the limit of the exact formula of ``belkin2020``.

    >>> isotropic_risk([0.5, 2.0], signal=4.0, noise=1.0).tolist()
    [1.0, 3.0]
    """
    g, r2, s2 = _ratios(ratio), nonnegative(signal, "signal"), nonnegative(noise, "noise")
    few, many = g < 1, g > 1
    out = np.full_like(g, np.inf if s2 else 0.0)
    with np.errstate(over="ignore"):
        out[few] = s2 * (g[few] / (1 - g[few]))
        out[many] = r2 * ((g[many] - 1) / g[many]) + s2 / (g[many] - 1)
    representable(out[few | many], "signal, noise")
    return out


def isotropic_ridge_risk(ratio: ArrayLike, signal: float, noise: float, ridge: float) -> Ratios:
    """Excess risk of ridge regression on isotropic features, in squared units of y.

    ``|y - X b|^2/n + ridge |b|^2`` is minimised. The threshold is ``t > 0`` with ``t (1 - g/(1+t)) = ridge``, a
    quadratic whose roots are t and ``-ridge/t``, and the excess is ``(r^2 t^2 + s^2 g) / ((1+t)^2 - g)``. The
    denominator is ``(1+t) (t + ridge/t)``, in which nothing cancels, so that every digit holds also next to g = 1.

    Args:
        ratio: g = p/n, shape ``(ratios,)``.
        signal: ``r^2 = |b|^2``.
        noise: variance s^2 of the labels' noise.
        ridge: penalty, above 0.

    Returns:
        Shape ``(ratios,)``.

    Raises:
        UsageError: a penalty of 0 (see :func:`isotropic_risk`), or numbers out of range.
        DataError: a signal or noise so large that the risk is no number of float64.

    References: Hastie et al. 2022, section on ridge regression; derived here from the fixed point.

    The best penalty is ``g s^2 / r^2``, and then the excess is ``r^2 t / (1 + t)``:

    >>> round(float(isotropic_ridge_risk(1.0, signal=1.0, noise=0.5, ridge=0.5)[0]), 9)
    0.5
    """
    g, r2, s2 = _ratios(ratio), nonnegative(signal, "signal"), nonnegative(noise, "noise")
    penalty = nonnegative(ridge, "ridge")
    if penalty == 0:
        raise UsageError("ridge: expected a penalty above 0, got 0. Without one, call isotropic_risk.")
    middle = penalty + (g - 1)
    root = np.hypot(middle, 2 * np.sqrt(penalty))  # t + ridge/t
    larger = np.abs(middle) / 2 + root / 2
    t = np.where(middle > 0, larger, penalty / larger)
    with np.errstate(over="ignore"):
        risk = r2 * (t / (1 + t)) * (t / root) + s2 * (g / (1 + t)) / root
    return np.asarray(representable(risk, "signal, noise"))


def ridgeless_risk(eigenvalues: ArrayLike, coefficients: ArrayLike, n: int, noise: float = 0.0) -> float:
    """Test error of minimum-norm least squares with more features than samples, label noise included.

    ``kappa`` solves ``sum lam/(lam + kappa) = n``; with ``q = sum (lam/(lam + kappa))^2``,

        risk = n / (n - q) [sum (kappa/(lam + kappa))^2 lam b^2 + s^2]

    Args:
        eigenvalues: of the covariance of the features, shape ``(p,)``.
        coefficients: b in the eigenvectors' basis, for features of that covariance, shape ``(p,)``.
        n: number of training samples.
        noise: variance s^2 of the labels' noise.

    Returns:
        One number, in squared units of y; an asymptotic value, good to a few per cent from n = 60.

    Raises:
        UsageError: not more positive eigenvalues than samples; the formula has no root there.
        DataError: eigenvalues or coefficients that do not fit, or are missing.

    References: Hastie et al. 2022, theorem on general covariance; recalled, matched to simulation.

    >>> round(ridgeless_risk([1.0] * 200, [0.1] * 200, n=100, noise=1.0), 9)
    3.0
    """
    lam, b = _spectrum(eigenvalues, coefficients)
    rank = int((lam > 0).sum())
    if rank <= count(n, "n"):
        raise UsageError(
            f"eigenvalues: expected more than n = {n} positive ones, got {rank}. With fewer features than samples "
            "call weak_features_risk or kernel_ridge_risk."
        )
    return kernel_ridge_risk(lam, _energies(lam, b), n, 0.0, noise)


def ridge_risk(
    eigenvalues: ArrayLike, coefficients: ArrayLike, n: int, ridge: float, noise: float = 0.0
) -> float:
    """Test error of ridge regression on features of a general covariance, label noise included.

    ``|y - X b|^2/n + ridge |b|^2`` is minimised, so that ``kappa (n - sum lam/(lam + kappa)) = n ridge``; then as
    for :func:`ridgeless_risk`, with any number of features.

    Args:
        eigenvalues: of the covariance of the features, shape ``(p,)``.
        coefficients: b in the eigenvectors' basis, shape ``(p,)``.
        n: number of training samples.
        ridge: penalty.
        noise: variance s^2 of the labels' noise.

    Returns:
        One number, in squared units of y.

    Raises:
        UsageError: a number out of range.
        DataError: eigenvalues or coefficients that do not fit, or are missing.

    References: Hastie et al. 2022; fixed point derived here, matched to simulation.

    >>> round(ridge_risk([1.0] * 100, [0.1] * 100, n=100, ridge=0.5, noise=0.5), 9)
    1.0
    """
    lam, b = _spectrum(eigenvalues, coefficients)
    total = representable(nonnegative(ridge, "ridge") * count(n, "n"), "ridge, n")
    return kernel_ridge_risk(lam, _energies(lam, b), n, total, noise)


def _energies(
    lam: Float64[np.ndarray, " features"], b: Float64[np.ndarray, " features"]
) -> Float64[np.ndarray, " features"]:
    """``lam b^2``, the variance of the target in each direction."""
    with np.errstate(over="ignore"):
        return np.asarray(representable((lam * b) * b, "eigenvalues, coefficients"))


def _ratios(values: ArrayLike) -> Ratios:
    what = "ratio: expected finite numbers of at least 0"
    try:
        given = array_of(values, "ratio")
    except DataError:
        raise UsageError(f"{what}, got {shown(values)}.") from None
    out = np.atleast_1d(given).astype(np.float64)
    if out.ndim != 1 or not out.size or given.dtype.kind == "b" or not (np.isfinite(out) & (out >= 0)).all():
        raise UsageError(f"{what}, got {shown(given.tolist())}.")
    return out


def _spectrum(
    eigenvalues: ArrayLike, coefficients: ArrayLike
) -> tuple[Float64[np.ndarray, " features"], Float64[np.ndarray, " features"]]:
    lam = vector(eigenvalues, "eigenvalues", high=LARGEST)
    b = vector(coefficients, "coefficients", negative=True, low=SQUARABLE[0], high=SQUARABLE[1])
    if lam.shape != b.shape:
        raise UsageError(f"coefficients: expected one an eigenvalue, {len(lam)}, got {len(b)}.")
    return lam, b


def assumptions(eigenvalues: ArrayLike, coefficients: ArrayLike, n: int, **_: object) -> tuple[Assumption, ...]:
    """What the general-covariance limits ask, checked on the numbers given where that is possible.

    Args: as for :func:`ridgeless_risk`.

    References: Hastie et al. 2022.

    >>> [one.state for one in assumptions([1.0] * 300, [0.0] * 300, n=100)]
    ['unchecked', 'holds', 'holds']
    """
    lam, _b = _spectrum(eigenvalues, coefficients)
    rank, n = int((lam > 0).sum()), count(n, "n")
    return (
        Assumption(
            "linear model",
            "Features are a fixed square root of the covariance times independent entries; noise is independent.",
            "unchecked",
            "only a spectrum is given here",
        ),
        checked("large n", f"A limit of large sizes: n is at least {TRUSTED_N}.", n >= TRUSTED_N, f"n = {n}"),
        checked(
            "more directions than samples",
            "More positive eigenvalues than samples (asked without a penalty).",
            rank > n,
            f"{rank} positive eigenvalues, n = {n}",
        ),
    )


def isotropic_assumptions(ratio: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """What the isotropic limits ask.

    Args: as for :func:`isotropic_risk`.

    References: Hastie et al. 2022.

    >>> isotropic_assumptions([0.5, 1.0])[1].state
    'fails'
    """
    g = _ratios(ratio)
    return (
        Assumption(
            "isotropic features",
            "Features are independent with one variance, and n and p are large.",
            "unchecked",
            "only the ratio p/n is given here",
        ),
        checked(
            "off the peak", "p differs from n.", bool((g != 1).all()), f"{int((g == 1).sum())} ratios are 1"
        ),
    )


_LAM = 1.0 / np.arange(1, 301) ** 0.5
THEOREMS = (
    Theorem(
        "isotropic-ridgeless",
        isotropic_risk,
        {"ratio": (0.2, 0.8, 1.0, 1.25, 5.0), "signal": 1.0, "noise": 0.25},
        isotropic_assumptions,
        CITATION,
        "at p = n, with noise",
    ),
    Theorem(
        "isotropic-ridge",
        isotropic_ridge_risk,
        {"ratio": (0.2, 1.0, 5.0), "signal": 1.0, "noise": 0.25, "ridge": 0.1},
        isotropic_assumptions,
        CITATION,
    ),
    Theorem(
        "general-ridgeless",
        ridgeless_risk,
        {"eigenvalues": _LAM, "coefficients": np.full(300, 0.05), "n": 100, "noise": 0.25},
        assumptions,
        CITATION,
    ),
    Theorem(
        "general-ridge",
        ridge_risk,
        {"eigenvalues": _LAM, "coefficients": np.full(300, 0.05), "n": 100, "ridge": 0.01, "noise": 0.25},
        assumptions,
        CITATION,
    ),
)
