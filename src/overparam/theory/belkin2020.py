"""Least squares on the first of many Gaussian features: its exact expected risk at every sample size."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.errors import UsageError


def weak_features_risk(
    coefficients: ArrayLike, n: int, widths: ArrayLike, noise: float = 0.0
) -> Float64[np.ndarray, " widths"]:
    """Expected squared test error of least squares of smallest norm, noise included, in squared units of y.

    With x ~ N(0, I), ``y = <b, x> + noise`` and the first p features used, ``B = |b_1..p|^2`` and
    ``C = |b_p+1..D|^2 + s^2``:

        p <= n - 2:   C (1 + p / (n - p - 1))
        p >= n + 2:   B (1 - n / p) + C (1 + n / (p - n - 1))
        between:      infinite if C > 0, else B max(0, 1 - n / p)

    Args:
        coefficients: b, shape ``(D,)``.
        n: training samples, at least 0.
        widths: numbers p of features used, 0 to D, shape ``(widths,)``.
        noise: variance s^2 of the noise.

    Returns:
        The expectation over training sets and a test sample, shape ``(widths,)``.

    Raises:
        UsageError: a negative number, or more features than coefficients.

    References:
        M. Belkin, D. Hsu and J. Xu, Two models of double descent for weak features, SIAM J. Math. Data Science 2
        (2020), theorem 1.

    >>> weak_features_risk([1.0, 0.0], 10, [2], noise=0.7).round(12).tolist()
    [0.9]
    """
    b = np.asarray(coefficients, dtype=np.float64)
    p = np.asarray(widths, dtype=np.int64)
    if n < 0 or noise < 0 or p.min() < 0 or p.max() > len(b):
        raise UsageError(
            f"expected n >= 0, noise >= 0 and 0 to {len(b)} features, got n = {n}, noise = {noise:g} and "
            f"{p.min()} to {p.max()} features."
        )
    energy = np.concatenate([[0.0], np.cumsum(b * b)])
    kept = energy[p] * np.clip(1 - n / np.maximum(p, 1), 0.0, None)
    rest = np.where(p < len(b), energy[-1] - energy[p], 0.0) + noise
    gap = np.abs(n - p) - 1
    factor = np.where(gap > 0, 1 + np.minimum(n, p) / np.maximum(gap, 1), np.inf)
    return kept + np.where(rest > 0, rest * np.where(rest > 0, factor, 1.0), 0.0)
