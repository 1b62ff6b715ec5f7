"""Proved bounds on eigenvalues of symmetric matrices: a Cholesky factorisation that succeeds is the proof.

If the Cholesky factorisation of C in float64 runs to its end, then ``lambda_min(C) >= -sum_j g_j/(1 - g_j) C_jj`` with
``g_j = gamma_{j+4}``, whatever the order of the sums. Applied to ``G - c I`` this bounds the smallest eigenvalue of G
from below, applied to ``c I - G`` the largest from above. Without the subtracted term a success proves nothing.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, eigvalsh, lapack

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.exact import exact_array
from overparam.theory.certificates.rounding import (
    UNIT,
    above,
    below,
    exponent_of,
    gamma,
    scaled_above,
    scaled_below,
)
from overparam.theory.inputs import all_finite, nonnegative
from overparam.theory.theorem import Theorem

CITATION = "S. M. Rump, Verification of positive definiteness, BIT Numerical Mathematics 46 (2006), 433-452."
_EXTRA = 4  # roundings of an entry beyond its inner product: subtraction, root, reciprocal, product
_TRIES = (4, 16, 64, 256, 1024, 4096)

Gram = Float64[np.ndarray, "n n"]


def smallest_eigenvalue_bound(gram: ArrayLike, forming_error: float = 0.0) -> float:
    """Proved lower bound of the smallest eigenvalue of a positive semidefinite matrix; 0 where nothing is proved.

    Args:
        gram: symmetric matrix in float64, shape ``(n, n)``.
        forming_error: bound on the spectral norm of the difference between ``gram`` and the matrix that is meant.

    Returns:
        A number that is at most the smallest eigenvalue of every positive semidefinite matrix within
        ``forming_error`` of ``gram``, usually close to it. 0 says that nothing larger was proved.

    Raises:
        DataError: not square, not symmetric, or with numbers that are missing or infinite.
        UsageError: a forming error that is negative.

    Assumptions: LAPACK in IEEE float64, without fast-math or fast matrix multiplication.

    References: Rump 2006, theorem 2.3 (as recalled; every constant is derived again in this file's own words and
        tested on matrices whose eigenvalues are known exactly).

    >>> bound = smallest_eigenvalue_bound([[2.0, 1.0], [1.0, 2.0]])
    >>> 0.999999999 < bound <= 1.0
    True
    """
    matrix, exponent = _scaled(gram)
    error = nonnegative(forming_error, "forming_error")
    bound = _lower(matrix) - scaled_above(error, -exponent)
    return scaled_below(below(bound), exponent)


def largest_eigenvalue_bound(gram: ArrayLike, forming_error: float = 0.0) -> float:
    """Proved upper bound of the largest eigenvalue of a positive semidefinite matrix.

    Args:
        gram: symmetric matrix in float64, shape ``(n, n)``.
        forming_error: bound on the spectral norm of the difference between ``gram`` and the matrix that is meant.

    Returns:
        A number that is at least the largest eigenvalue, usually close to it.

    Raises:
        DataError: not square, not symmetric, or with numbers that are missing or infinite.
        UsageError: a forming error that is negative.

    Assumptions: as :func:`smallest_eigenvalue_bound`.

    References: Rump 2006, applied to ``c I - G``.

    >>> bound = largest_eigenvalue_bound([[2.0, 1.0], [1.0, 2.0]])
    >>> 3.0 <= bound < 3.000000001
    True
    """
    matrix, exponent = _scaled(gram)
    error = nonnegative(forming_error, "forming_error")
    if not matrix.any():
        return error
    return scaled_above(above(max(0.0, -_lower(-matrix)) + scaled_above(error, -exponent)), exponent)


def _scaled(gram: ArrayLike) -> tuple[Gram, int]:
    """The matrix divided by a power of two, so that its entries are at most 1, and that power."""
    matrix = exact_array(gram, "gram")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise DataError(f"gram: expected shape (n, n), got {matrix.shape}.")
    if matrix.dtype.kind == "f" and matrix.dtype.itemsize < 8:
        raise DataError(
            f"gram: expected float64, got {matrix.dtype}; its rounding is unknown. Form it in float64."
        )
    matrix = matrix.astype(np.float64)
    all_finite(matrix, "gram")
    if not np.array_equal(matrix, matrix.T):
        raise DataError(
            "gram: expected a symmetric matrix. Give (G + G.T)/2, and add its distance to G to forming_error."
        )
    exponent = exponent_of(matrix)
    return np.ldexp(matrix, -exponent), exponent


def _lower(matrix: Gram) -> float:
    """A proved lower bound of the smallest eigenvalue; entries are at most 1."""
    try:
        estimate = float(eigvalsh(matrix, subset_by_index=[0, 0], check_finite=False)[0])
    except LinAlgError:  # no estimate: Gershgorin's bound below needs none
        estimate = math.nan
    size = max(abs(estimate), float(np.abs(matrix.diagonal()).max()), UNIT)
    for units in _TRIES if math.isfinite(estimate) else ():
        bound = _proved(matrix, estimate - units * UNIT * size)
        if bound is not None:
            return bound
    return -float(np.abs(matrix).sum(axis=1).max()) * (1 + gamma(len(matrix) + 2))


def _proved(matrix: Gram, shift: float) -> float | None:
    """Lower bound that the factorisation of ``matrix - shift I`` proves; None if it fails."""
    shifted = np.array(matrix, order="F")
    np.fill_diagonal(shifted, matrix.diagonal() - shift)
    diagonal = shifted.diagonal().copy()
    if not diagonal.min() > 0:
        return None
    factor, info = lapack.dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
    if info or not np.isfinite(factor.diagonal()).all():
        return None
    order = np.arange(1, len(diagonal) + 1) + _EXTRA
    relative = order * UNIT / (1 - order * UNIT)
    lost = float((relative / (1 - relative)) @ diagonal) * (1 + gamma(len(diagonal) + 8))
    # rounding of the shifted diagonal, and what underflow may have taken from entries of size 1
    lost += 2 * UNIT * float(diagonal.max()) + len(diagonal) * 1e-290
    return shift - lost - 4 * UNIT * (abs(shift) + lost)


def assumptions(gram: ArrayLike, forming_error: float = 0.0) -> tuple[Assumption, ...]:
    """What the bounds ask.

    Args:
        gram: symmetric matrix, shape ``(n, n)``.
        forming_error: bound on its error in spectral norm.

    References: Rump 2006.

    >>> [one.state for one in assumptions([[1.0]])]
    ['holds', 'unchecked']
    """
    matrix, _ = _scaled(gram)
    return (
        checked("symmetric", "The matrix is symmetric and finite.", True, f"{len(matrix)} rows"),
        Assumption(
            "arithmetic",
            "The factorisation runs in IEEE float64, without fast-math or fast matrix multiplication.",
            "unchecked",
            f"forming error given: {forming_error:.3g}",
        ),
    )


_EXAMPLE = {"gram": ((2.0, 1.0), (1.0, 2.0)), "forming_error": 1e-15}
THEOREMS = (
    Theorem("smallest-eigenvalue-bound", smallest_eigenvalue_bound, _EXAMPLE, assumptions, CITATION),
    Theorem("largest-eigenvalue-bound", largest_eigenvalue_bound, _EXAMPLE, assumptions, CITATION),
)
