"""Matrix recovery: fitting ``<A_i, U U^T>`` to labels by a d by r factor U, and when it can be done nearby.

``L(U) = (1/2) sum_i (y_i - <A_i, U U^T>)^2``. Rotations of the columns of U change nothing, so the values move only in
``d q - q (q - 1)/2`` directions, ``q = min(d, r)``: more labels than that cannot all be fitted near U, although U has
d r entries. The second derivative is ``u -> 2 tr(D^T S_u D)`` with ``S_u = sum_i u_i sym(A_i)``, the same everywhere; so
the Jacobian has one Lipschitz constant on the whole space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, numbers
from overparam.theory.theorem import Theorem

SIZES = (1e-60, 1e60)  # beyond, products of four of them leave float64

CITATION = (
    "S. Oymak and M. Soltanolkotabi, Overparameterized nonlinear learning: gradient descent takes the shortest path?, "
    "arXiv:1812.10004 (matrix recovery); as shown in the talk of M. Soltanolkotabi, Paris, 4 April 2019."
)
_ROUND_UP = 1 + 1e-10


def local_dimension(d: int, r: int) -> int:
    """Most labels that can all be fitted near a generic factor: a number of measurements.

    ``d q - q (q - 1)/2`` with ``q = min(d, r)``: the dimension of the symmetric matrices of rank at most q, and the
    largest rank of the Jacobian.

    Args:
        d: rows of U.
        r: columns of U.

    Raises:
        UsageError: a count below 1.

    References: own derivation. The talk of CITATION prints n <= d r, which is larger from r = 2 on.

    >>> local_dimension(8, 2), local_dimension(10, 4), local_dimension(3, 50)
    (15, 34, 6)
    """
    rows, q = count(d, "d"), min(count(d, "d"), count(r, "r"))
    return rows * q - q * (q - 1) // 2


def local_rank(n: int, d: int) -> int:
    """Least number of columns with which n labels can be fitted near a generic factor.

    Args:
        n: labels.
        d: rows of U.

    Raises:
        UsageError: a count below 1, or more labels than symmetric matrices have entries, d (d + 1)/2.

    References: as for :func:`local_dimension`.

    >>> local_rank(20, 20), local_rank(40, 20), local_rank(210, 20)
    (1, 3, 20)
    """
    if count(n, "n") > local_dimension(d, d):
        raise UsageError(
            f"n: expected at most d (d + 1)/2 = {local_dimension(d, d)} labels, got {n}; more depend on each other."
        )
    return next(r for r in range(1, d + 1) if local_dimension(d, r) >= n)


def burer_monteiro_rank(n: int) -> int:
    """Least number of columns r with ``r (r + 1)/2 > n``, about ``sqrt(2 n)``.

    From it on the landscape of a semidefinite program with n generic constraints has no bad local minimum: another
    problem than fitting nearby, for any labels that can be fitted.

    Args:
        n: constraints.

    Raises:
        UsageError: a count below 1.

    References: N. Boumal, V. Voroninski and A. Bandeira 2016; S. Burer and R. Monteiro 2005; recalled, not checked.

    >>> burer_monteiro_rank(2), burer_monteiro_rank(3), burer_monteiro_rank(120)
    (2, 3, 16)
    """
    return (math.isqrt(8 * count(n, "n") + 1) - 1) // 2 + 1


def measurements(a: ArrayLike, u: ArrayLike) -> Float64[np.ndarray, " n"]:
    """The values ``<A_i, U U^T>``, in units of the labels.

    Args:
        a: matrices A_i, shape ``(n, d, d)``.
        u: factor U, shape ``(d, r)``.

    Returns:
        Shape ``(n,)``.

    Raises:
        DataError: shapes that do not fit, or missing numbers.

    References: the talk of CITATION.

    >>> measurements([np.eye(2), [[0.0, 2.0], [0.0, 0.0]]], [[1.0], [3.0]]).tolist()
    [10.0, 6.0]
    """
    matrices, factor = checked_problem(a, u)
    return np.einsum("nij,ij->n", matrices, factor @ factor.T)


def recovery_jacobian(a: ArrayLike, u: ArrayLike) -> Float64[np.ndarray, "n params"]:
    """Derivative of the values by the entries of U, row by row of U.

    Row i is ``vec((A_i + A_i^T) U)``.

    Args:
        a: matrices A_i, shape ``(n, d, d)``.
        u: factor U, shape ``(d, r)``.

    Returns:
        Shape ``(n, d r)``.

    Raises:
        DataError: shapes that do not fit, or missing numbers.

    References: own derivation.

    >>> recovery_jacobian([[[3.0]]], [[2.0]]).tolist()
    [[12.0]]
    """
    matrices, factor = checked_problem(a, u)
    return ((matrices + matrices.transpose(0, 2, 1)) @ factor).reshape(len(matrices), -1)


def recovery_lipschitz(a: ArrayLike) -> float:
    """Upper bound of the Lipschitz constant of the Jacobian, on the whole space.

    ``2 sup_{|u| = 1} |S_u| <= 2 sqrt(lambda_max([<sym A_i, sym A_j>]))``, since the spectral norm of
    ``S_u = sum u_i sym(A_i)`` is at most its Frobenius norm. Rounded up by 1e-10 of itself.

    Args:
        a: matrices A_i, shape ``(n, d, d)``.

    Returns:
        In units of a label over a squared entry of U.

    Raises:
        DataError: another shape, or missing numbers.

    References: own derivation; the constant does not depend on the ball.

    >>> round(recovery_lipschitz([[[3.0]]]), 6)  # f = 3 u^2, J = 6 u
    6.0
    """
    matrices = _matrices(a)
    halves = 0.5 * (matrices + matrices.transpose(0, 2, 1)).reshape(len(matrices), -1)
    return 2.0 * float(np.linalg.norm(halves, 2)) * _ROUND_UP


@dataclass(frozen=True, eq=False)
class LocalFit:
    """What decides whether labels can be fitted near a factor.

    Attributes:
        sigma: smallest singular value of the Jacobian; 0 where it has fewer than n independent rows.
        largest: its largest singular value.
        lipschitz: upper bound of the Jacobian's Lipschitz constant.
        residual: ``|<A, U U^T> - y|``.
        h: ``lipschitz residual / sigma^2``: below 1/2 a factor that fits every label exists near U, and gradient flow
            goes there; infinite where sigma is 0.
        rank: rank of the Jacobian, by its singular values.
        dimension: what the rank can be at most, ``d q - q (q - 1)/2``.
    """

    sigma: float
    largest: float
    lipschitz: float
    residual: float
    h: float
    rank: int
    dimension: int


def local_fit(a: ArrayLike, u: ArrayLike, y: ArrayLike) -> LocalFit:
    """Whether every label can be fitted nearby: the number h, and what it is made of.

    ``h = L |f(U) - y| / sigma_min(J(U))^2``; ``h < 1/2`` suffices. Computed in float64 without directed rounding: the
    proof is :func:`~overparam.theory.matrix_recovery_certificate.certify_recovery`.

    Args:
        a: matrices A_i, shape ``(n, d, d)``.
        u: factor U, shape ``(d, r)``.
        y: labels, shape ``(n,)``.

    Returns:
        The numbers.

    Raises:
        DataError: shapes that do not fit, or missing numbers.

    References: the Kantorovich-type condition that the talk of CITATION uses with other constants; own derivation.

    One number: ``f = u^2`` at u = 2 and label 5; J = 4, L = 2, residual 1, h = 2 / 16.

    >>> found = local_fit([[[1.0]]], [[2.0]], [5.0])
    >>> found.sigma, round(found.h, 6)
    (4.0, 0.125)
    """
    matrices, factor = checked_problem(a, u)
    labels = checked_labels(y, len(matrices))
    j = recovery_jacobian(matrices, factor)
    s = np.linalg.svd(j, compute_uv=False)
    rank = int((s > max(j.shape) * np.finfo(np.float64).eps * s[0]).sum())
    sigma = float(s[-1]) if rank == len(matrices) else 0.0
    left = float(np.linalg.norm(measurements(matrices, factor) - labels))
    constant = recovery_lipschitz(matrices)
    h = constant * left / sigma**2 if sigma else (math.inf if left else 0.0)
    return LocalFit(sigma, float(s[0]), constant, left, h, rank, local_dimension(*factor.shape))


def _matrices(a: ArrayLike) -> Any:
    matrices = numbers(a, "a", *SIZES)
    if matrices.ndim != 3 or 0 in matrices.shape or matrices.shape[1] != matrices.shape[2]:
        raise DataError(f"a: expected square matrices of shape (n, d, d), got {matrices.shape}.")
    if not np.isfinite(matrices).all():
        raise DataError("a: expected finite numbers, got some that are missing or infinite.")
    return matrices


def checked_problem(a: ArrayLike, u: ArrayLike) -> tuple[Any, Any]:
    """Matrices and factor as float64, or DataError."""
    matrices, factor = _matrices(a), numbers(u, "u", *SIZES)
    if factor.ndim != 2 or factor.shape[1] == 0 or factor.shape[0] != matrices.shape[1]:
        raise DataError(
            f"u: expected shape ({matrices.shape[1]}, r), one row a row of the A_i, got {factor.shape}."
        )
    if not np.isfinite(factor).all():
        raise DataError("u: expected finite numbers, got some that are missing or infinite.")
    return matrices, factor


def checked_labels(y: ArrayLike, n: int) -> Any:
    """The labels as float64, or DataError."""
    labels = numbers(y, "y", high=1e150)
    if labels.shape != (n,):
        raise DataError(f"y: expected shape ({n},), one label a matrix, got {labels.shape}.")
    if not np.isfinite(labels).all():
        raise DataError("y: expected finite numbers, got some that are missing or infinite.")
    return labels


def assumptions(a: ArrayLike, u: ArrayLike, y: ArrayLike) -> tuple[Assumption, ...]:
    """What the condition asks, checked on the matrices.

    Args: as for :func:`local_fit`.

    References: own derivation.

    >>> [one.state for one in assumptions([[[1.0]]], [[2.0]], [5.0])]
    ['holds', 'holds', 'holds']
    """
    found, n = local_fit(a, u, y), len(np.asarray(y))
    return (
        checked(
            "few labels",
            "There are at most d q - q (q - 1)/2 labels.",
            n <= found.dimension,
            f"n = {n}, at most {found.dimension}",
        ),
        checked("full rank", "The Jacobian at U has rank n.", found.rank == n, f"rank {found.rank} of {n}"),
        checked("close labels", "h is below 1/2.", found.h < 0.5, f"h = {found.h:.4g}"),
    )


_A = np.cos(np.arange(1, 28)).reshape(3, 3, 3)
_U = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, -0.5]])
THEOREMS = (
    Theorem(
        "matrix-recovery",
        local_fit,
        {"a": _A, "u": _U, "y": np.array([0.7, -0.2, 1.1])},
        assumptions,
        CITATION,
        "where the Jacobian has fewer than n independent rows",
    ),
)
