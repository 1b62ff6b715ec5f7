"""From infinite width to k units: the Gram matrix of the Jacobian, and a width at which it keeps half its floor."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import (
    SQUARABLE,
    count,
    nonnegative,
    probability,
    real,
    representable,
    shown,
    vector,
)
from overparam.theory.kernels.covariance import covariance
from overparam.theory.kernels.row_angles import rows_of


def jacobian_gram(
    weights: ArrayLike, output: ArrayLike, x: ArrayLike, activation: str | Activation
) -> Float64[np.ndarray, "n n"]:
    r"""``J J^T`` of the two-layer network with respect to its hidden weights, without forming J, in units of output^2.

    .. math:: J J^T = \big[\phi'(XW^T)\,\mathrm{diag}(v^2)\,\phi'(XW^T)^T\big] \circ XX^T

    for ``f(x) = sum_l v_l phi(w_l.x)`` with W trained and v fixed.

    Args:
        weights: W, shape ``(units, features)``.
        output: v, shape ``(units,)``.
        x: rows, shape ``(n, features)``.
        activation: phi.

    Returns:
        Shape ``(n, n)``, float64; its rounding is not bounded here.

    Raises:
        DataError: shapes that do not fit, or numbers that are missing or infinite.

    References: the Jacobian is a row-wise Khatri-Rao product; S. Oymak and M. Soltanolkotabi, arXiv:1902.04674.

    >>> jacobian_gram([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0], [[1.0, 1.0]], "identity").tolist()
    [[10.0]]
    """
    rows, w, v = (
        rows_of(x),
        rows_of(weights, "weights"),
        vector(output, "output", negative=True, low=SQUARABLE[0], high=SQUARABLE[1]),
    )
    if w.shape[1] != rows.shape[1] or len(v) != len(w):
        raise DataError(
            f"weights: expected shape (units, {rows.shape[1]}) and as many outputs as units, "
            f"got {w.shape} and {v.shape}."
        )
    slopes = activation_of(activation).slope(rows @ w.T) * v
    with np.errstate(over="ignore", invalid="ignore"):
        gram = (slopes @ slopes.T) * (rows @ rows.T)
    return np.asarray(representable(gram, "weights, output, x"))


def concentration_ratio(
    weights: ArrayLike, output: ArrayLike, x: ArrayLike, activation: str | Activation
) -> float:
    """Smallest eigenvalue of ``J J^T`` over ``|v|^2`` times that of its limit of infinite width, without unit.

    Args:
        weights: W, shape ``(units, features)``.
        output: v, shape ``(units,)``.
        x: rows, shape ``(n, features)``.
        activation: phi.

    Returns:
        Near 1 for wide networks.

    Raises:
        DataError: shapes that do not fit, or v = 0.
        UsageError: a covariance that float64 cannot tell from a singular one.

    References: as :func:`chernoff_width`.

    >>> round(concentration_ratio(np.eye(2), [1.0, 1.0], np.eye(2), "identity"), 12)
    1.0
    """
    gram = jacobian_gram(weights, output, x, activation)
    size = float(np.sum(np.square(vector(output, "output", negative=True))))
    if size == 0:
        raise DataError("output: expected one that is not all zero.")
    values = np.linalg.eigvalsh(covariance(x, activation))
    if values[0] <= len(values) * np.finfo(np.float64).eps * values[-1]:
        raise UsageError("ratio of smallest eigenvalues: the limit is singular. See why_singular.")
    return float(np.linalg.eigvalsh(gram)[0]) / (size * float(values[0]))


def chernoff_width(n: int, norm: float, smallest: float, largest_slope: float, failure: float = 0.05) -> float:
    r"""Hidden units that suffice for ``lambda_min(J J^T) >= |v|^2 lambda/2`` at a random start, not rounded.

    .. math:: k = 8\, B_1^2 \|X\|^2 \ln(n/\delta) / \lambda

    for v with entries of one size. Every unit adds a matrix between 0 and ``B1^2 |X|^2``.

    Args:
        n: number of rows.
        norm: spectral norm of X.
        smallest: lambda, smallest eigenvalue of the covariance.
        largest_slope: B1, bound of ``|phi'|``; may be infinite.
        failure: delta, probability allowed for a smaller eigenvalue.

    Returns:
        Number of units; infinite where lambda is 0 or the slope unbounded.

    Raises:
        UsageError: numbers out of range.

    Assumptions: :func:`chernoff_assumptions`.

    References: J. Tropp, User-friendly tail bounds for sums of random matrices, FoCM 12 (2012), corollary 5.2
        (number recalled), with ``exp(-1/2)/(1/2)^(1/2) <= exp(-1/8)``.

    >>> round(chernoff_width(10, 1.0, 0.5, 1.0, 0.1), 3)  # 16 ln 100
    73.683
    """
    rows = count(n, "n")
    length, least = nonnegative(norm, "norm"), nonnegative(smallest, "smallest")
    steepest, delta = _slope(largest_slope), probability(failure, "failure")
    if least == 0 or math.isinf(steepest):
        return math.inf
    size = steepest * length
    width = 8.0 * size * math.log(rows / delta) / least * size if size else 0.0
    return float(representable(width, "largest_slope, norm, smallest"))


def _slope(value: float) -> float:
    found = real(value)
    if not found >= 0:
        raise UsageError(f"largest_slope: expected a number of at least 0, got {shown(value)}.")
    return found


def chernoff_assumptions(
    n: int, norm: float, smallest: float, largest_slope: float, failure: float = 0.05
) -> tuple[Assumption, ...]:
    """What the width asks.

    Args: as for :func:`chernoff_width`.

    References: Tropp 2012.

    >>> [one.state for one in chernoff_assumptions(10, 1.0, 0.5, 1.0)]
    ['unchecked', 'unchecked', 'holds', 'holds']
    """
    slope, least = _slope(largest_slope), nonnegative(smallest, "smallest")
    return (
        Assumption(
            "gaussian weights",
            "The hidden weights are independent standard normal numbers, and there are no biases.",
            "unchecked",
            "a property of the network's initialisation",
        ),
        Assumption(
            "balanced output",
            "The output weights have one absolute value.",
            "unchecked",
            "only numbers of the data are given here",
        ),
        checked("bounded slope", "phi' is bounded.", math.isfinite(slope), f"B1 = {slope:.6g}"),
        checked(
            "positive definite",
            "The covariance is positive definite.",
            least > 0,
            f"lambda = {least:.6g}",
        ),
    )
