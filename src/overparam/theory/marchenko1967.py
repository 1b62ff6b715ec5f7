"""The condition of a Gaussian linear system from the Marchenko-Pastur edges, and the resulting iteration count."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.theorem import Theorem

CITATION = (
    "V. A. Marchenko and L. A. Pastur, Distribution of eigenvalues for some sets of random matrices, Mathematics of "
    "the USSR-Sbornik 1(4):457-483, 1967."
)


def condition(rows: int, columns: int) -> float:
    r"""Limit of the condition number of ``A^T A`` on its range for a Gaussian matrix A, without unit.

    .. math:: \kappa = \left(\frac{1 + \sqrt g}{1 - \sqrt g}\right)^2, \qquad g = \min(m/n, n/m)

    The nonzero singular values of an m x n matrix with independent N(0, 1) entries fill
    :math:`[|\sqrt n - \sqrt m|, \sqrt n + \sqrt m]` as both sizes grow; at finite size the ends are smeared.

    Args:
        rows: m, number of equations.
        columns: n, number of unknowns.

    Returns:
        At least 1; infinite at m = n, where the lower edge is zero.

    Raises:
        UsageError: a size below 1.

    References:
        V. Marchenko and L. Pastur, Math. USSR Sbornik 1 (1967), theorem 1 (the law); Z. Bai and Y. Yin, Annals of
        Probability 21 (1993), theorem 2 (the ends). Theorem numbers recalled from memory.

    >>> condition(100, 400), condition(400, 100), condition(5, 5)
    (9.0, 9.0, inf)
    """
    if rows < 1 or columns < 1:
        raise UsageError(f"expected at least one row and one column, got {rows} x {columns}.")
    if rows == columns:
        return math.inf
    root = math.sqrt(min(rows, columns) / max(rows, columns))
    return ((1 + root) / (1 - root)) ** 2


def descent_iterations(kappa: float, tolerance: float) -> float:
    r"""Steps after which gradient descent on least squares has a relative error of at most ``tolerance``.

    .. math:: t = \ln(1/\varepsilon) \Big/ \ln\frac{\kappa + 1}{\kappa - 1}

    With the constant step :math:`2/(\sigma_1^2 + \sigma_r^2)` every direction shrinks at least by
    :math:`(\kappa - 1)/(\kappa + 1)` a step, so this is an upper bound, reached where the error lies at the ends of
    the spectrum.

    Args:
        kappa: condition number of ``A^T A`` on its range, at least 1.
        tolerance: relative error asked for, between 0 and 1.

    Returns:
        A number of steps, not rounded; infinite for an infinite kappa, 1 for kappa = 1.

    Raises:
        UsageError: kappa below 1, or a tolerance outside (0, 1).

    References:
        B. Polyak, USSR Comp. Math. and Math. Physics 4 (1964); Y. Nesterov, Introductory lectures on convex
        optimization (2004), theorem 2.1.15 (recalled from memory).

    >>> round(descent_iterations(3.0, 0.25), 12), descent_iterations(1.0, 0.1)
    (2.0, 1.0)
    """
    if not kappa >= 1.0 or not 0.0 < tolerance < 1.0:
        raise UsageError(
            f"expected kappa of at least 1 and a tolerance between 0 and 1, got {kappa:g} and {tolerance:g}."
        )
    if math.isinf(kappa):
        return math.inf
    if kappa == 1.0:
        return 1.0
    return max(1.0, math.log(1 / tolerance) / (math.log1p(2.0 / (kappa - 1.0))))


def mean_descent_iterations(singular: Float64[np.ndarray, " rank"], tolerance: float) -> int:
    r"""Steps of gradient descent from zero until the relative error of x is small, averaged over right-hand sides.

    With step :math:`\eta = 2/(\sigma_1^2 + \sigma_r^2)` the error along a singular direction is multiplied by
    :math:`1 - \eta\sigma_i^2` a step. For b ~ N(0, I) the solution has variance :math:`\sigma_i^{-2}` there, so the
    squared relative error after t steps, expectations of numerator and denominator, is
    :math:`\sum\sigma_i^{-2}(1-\eta\sigma_i^2)^{2t} / \sum\sigma_i^{-2}`. The smallest t is found by bisection.

    Args:
        singular: nonzero singular values of the matrix, shape ``(rank,)``.
        tolerance: relative error asked for, between 0 and 1.

    Returns:
        A number of steps, at least 1.

    >>> mean_descent_iterations(np.array([2.0, 2.0]), 1e-6)  # one step lands on the solution
    1
    """
    squared = np.square(np.asarray(singular, dtype=np.float64))
    weights = 1.0 / squared
    weights /= weights.sum()
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(1.0 - 2.0 / (squared.max() + squared.min()) * squared))
    slowest = float(logs.max())
    low, high = 0, 1 if math.isinf(slowest) else max(1, math.ceil(math.log(tolerance) / slowest) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        small = np.dot(weights, np.exp(2.0 * middle * logs)) <= tolerance**2
        low, high = (low, middle) if small else (middle, high)
    return high


def assumptions(rows: int, columns: int) -> tuple[Assumption, ...]:
    """What the limit asks; the sizes alone tell neither.

    Args: as for :func:`condition`.

    References: Marchenko and Pastur 1967; Bai and Yin 1993.

    >>> [one.state for one in assumptions(5, 10)]
    ['unchecked', 'unchecked']
    """
    return (
        Assumption(
            "independent entries",
            "The entries are independent with mean zero, one variance and a finite fourth moment.",
            "unchecked",
            "only the sizes are given here",
        ),
        Assumption(
            "large sizes",
            "Both sizes are large: at finite size the extreme singular values scatter around the edges.",
            "unchecked",
            f"{rows} x {columns}; no rate is claimed",
        ),
    )


THEOREMS = (
    Theorem(
        "marchenko-pastur-condition",
        condition,
        {"rows": 100, "columns": 400},
        assumptions,
        CITATION,
        "at rows = columns",
    ),
)
