"""Belkin, Hsu and Xu (2020): the exact test error of least squares on the first p of D Gaussian features.

``y = sum_j b_j x_j + noise`` with x standard normal. Least squares sees only the first p features: what the others
carry acts as more noise. The formula is exact for every n, and it is the total error, label noise included.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import SQUARABLE, count, nonnegative, representable, vector, widths_of
from overparam.theory.theorem import Theorem

CITATION = (
    "M. Belkin, D. Hsu and J. Xu, Two models of double descent for weak features, SIAM Journal on Mathematics of "
    "Data Science 2(4):1167-1180, 2020 (theorem 1)."
)


def weak_features_risk(
    coefficients: ArrayLike, n: int, widths: ArrayLike, noise: float = 0.0
) -> Float64[np.ndarray, " points"]:
    """Mean test error of minimum-norm least squares on the first p features, in squared units of y.

    With ``B = |b_1..p|^2`` and ``C = |b_p+1..D|^2 + s^2``:

        p <= n - 2:   C (1 + p / (n - p - 1))
        p >= n + 2:   B (1 - n / p) + C (1 + n / (p - n - 1))
        between:      infinite if C > 0 (and p > 0); if C = 0 the first terms alone are left, 0 and B (1 - n / p)

    Args:
        coefficients: b, in the order in which features are taken, shape ``(D,)``.
        n: number of training samples.
        widths: numbers p of features used, 0 to D, shape ``(widths,)``.
        noise: variance s^2 of the labels' noise.

    Returns:
        Shape ``(widths,)``: the total error on a noisy test label, expected over training sets.

    Raises:
        DataError: coefficients that are not a list of finite numbers.
        UsageError: a width above D, or another number out of range.

    Assumptions: independent standard normal features and independent noise. At ``|p - n| <= 3`` the error has
        infinite variance over training sets, so that a mean of simulations does not settle.

    References: Belkin, Hsu and Xu 2020, theorem 1; formula derived again and checked against simulation.

    >>> weak_features_risk([1.0, 1.0, 1.0], n=6, widths=[0, 2, 3], noise=2.0).tolist()
    [5.0, 5.0, 5.0]
    """
    b = vector(coefficients, "coefficients", negative=True, low=SQUARABLE[0], high=SQUARABLE[1])
    n, s2 = count(n, "n"), nonnegative(noise, "noise")
    p = widths_of(widths, low=0)
    if p.max() > len(b):
        raise UsageError(f"widths: expected at most {len(b)}, the number of coefficients, got {p.max():g}.")
    energy = np.concatenate([[0.0], np.cumsum(b * b)])
    seen = energy[p.astype(int)]
    rest = np.concatenate([np.cumsum((b * b)[::-1])[::-1], [0.0]])[p.astype(int)] + s2
    few, many = p <= n - 2, p >= n + 2
    factor = np.full(len(p), np.inf)
    factor[few] = 1 + p[few] / (n - p[few] - 1)
    factor[many] = 1 + n / (p[many] - n - 1)
    factor[p == 0] = 1.0  # nothing is fitted, whatever n
    lost = seen * np.where(p > n, 1 - n / np.maximum(p, 1), 0.0)
    finite = np.isfinite(factor)
    with np.errstate(over="ignore"):
        risk = lost + np.where(rest > 0, rest * np.where(rest > 0, factor, 1.0), 0.0)
    representable(risk[finite], "coefficients, noise")
    return risk


def assumptions(coefficients: ArrayLike, n: int, widths: ArrayLike, **_: object) -> tuple[Assumption, ...]:
    """What the formula asks, checked on the numbers given where that is possible.

    Args: as for :func:`weak_features_risk`.

    References: Belkin, Hsu and Xu 2020.

    >>> assumptions([1.0] * 20, n=9, widths=[5, 11])[1].state
    'fails'
    """
    vector(coefficients, "coefficients", negative=True)
    near = [f"{p:g}" for p in widths_of(widths, low=0) if abs(p - count(n, "n")) <= 3]
    return (
        Assumption(
            "gaussian features",
            "Features are independent and standard normal, noise is independent of them.",
            "unchecked",
            "only the coefficients are given here",
        ),
        checked(
            "finite variance",
            "The error has a finite variance over training sets: |p - n| > 3.",
            not near,
            f"widths inside: {', '.join(near) or 'none'}",
        ),
    )


THEOREMS = (
    Theorem(
        "weak-features",
        weak_features_risk,
        {"coefficients": np.full(100, 0.1), "n": 40, "widths": (5, 30, 40, 60, 100), "noise": 0.25},
        assumptions,
        CITATION,
        "at |p - n| <= 1",
    ),
)
