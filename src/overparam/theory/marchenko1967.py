"""The condition of a Gaussian linear system from the Marchenko-Pastur edges, and the resulting iteration count."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.inputs import SQUARABLE, count, real, representable, shown, vector
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
    low, high = sorted((count(rows, "rows"), count(columns, "columns")))
    if low == high:
        return math.inf
    # 1 - sqrt(g) = (1 - g)/(1 + sqrt(g)), whose numerator is exact
    return ((1 + math.sqrt(low / high)) ** 2 * high / (high - low)) ** 2


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
    given, asked = real(kappa), _tolerance(tolerance)
    if not given >= 1.0:
        raise UsageError(f"kappa: expected a condition number of at least 1, got {shown(kappa)}.")
    if math.isinf(given):
        return math.inf
    if given == 1.0:
        return 1.0
    return float(representable(max(1.0, -math.log(asked) / math.log1p(2.0 / (given - 1.0))), "kappa"))


def mean_descent_iterations(singular: ArrayLike, tolerance: float) -> int:
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

    Raises:
        DataError: no list of positive singular values, or of sizes whose ratio has no square in float64.
        UsageError: a tolerance outside (0, 1).

    >>> mean_descent_iterations(np.array([2.0, 2.0]), 1e-6)  # one step lands on the solution
    1
    """
    values, asked = vector(singular, "singular"), _tolerance(tolerance)
    share = values / values.max(initial=0.0) if values.min() > 0 else values
    if share.min() < SQUARABLE[0]:
        raise DataError(
            f"singular: expected positive values within 140 orders of magnitude, got {values.min():.3g} to "
            f"{values.max():.3g}. Leave out those that rounding made of 0."
        )
    squared = np.square(share)
    weights = squared.min() / squared
    weights /= weights.sum()
    least = squared.min()
    move = 2.0 / (1.0 + least) * squared
    over = 2.0 * ((1.0 - squared) + least) / (1.0 + least)  # 2 - move, which keeps its digits next to 0
    with np.errstate(divide="ignore"):
        logs = np.log1p(-np.where(move <= 1, move, over))
    slowest = float(logs.max())
    low, high = 0, 1 if math.isinf(slowest) else max(1, math.ceil(math.log(asked) / slowest) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        small = np.dot(weights, np.exp(2.0 * float(middle) * logs)) <= asked**2
        low, high = (low, middle) if small else (middle, high)
    return high


def _tolerance(value: float) -> float:
    asked = real(value)
    if not 0 < asked < 1:
        raise UsageError(f"tolerance: expected a number between 0 and 1, got {shown(value)}.")
    return asked


def assumptions(rows: int, columns: int) -> tuple[Assumption, ...]:
    """What the limit asks; the sizes alone tell neither.

    Args: as for :func:`condition`.

    References: Marchenko and Pastur 1967; Bai and Yin 1993.

    >>> [one.state for one in assumptions(5, 10)]
    ['unchecked', 'unchecked']
    """
    sizes = f"{count(rows, 'rows')} x {count(columns, 'columns')}"
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
            f"{sizes}; no rate is claimed",
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
