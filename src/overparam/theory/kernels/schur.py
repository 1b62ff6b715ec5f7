"""Eigenvalues of an entrywise product from those of its factors: Schur's bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import SQUARABLE, kernel_of, no_negative


@dataclass(frozen=True)
class SchurBounds:
    """Bounds on the eigenvalues of ``A o B``, and the eigenvalues.

    Attributes:
        lower: the larger one of ``min B_ii lambda_min(A)`` and ``min A_ii lambda_min(B)``.
        smallest: smallest eigenvalue of ``A o B``, computed.
        largest: largest eigenvalue, computed.
        upper: the smaller one of ``max B_ii lambda_max(A)`` and ``max A_ii lambda_max(B)``.
    """

    lower: float
    smallest: float
    largest: float
    upper: float


def schur_bounds(a: ArrayLike, b: ArrayLike) -> SchurBounds:
    r"""Bounds on the eigenvalues of the entrywise product of two positive semi-definite matrices, in units of A B.

    .. math:: \min_i B_{ii}\, \lambda_{min}(A) \le \lambda(A \circ B) \le \max_i B_{ii}\, \lambda_{max}(A)

    and the same with A and B exchanged; the better one is given. With ``B = XX^T`` and ``A = E[phi' phi'^T]`` it
    bounds the covariance of a two-layer network; exchanged, it says nothing beyond d rows, where XX^T is singular.

    Args:
        a: symmetric, positive semi-definite, shape ``(n, n)``.
        b: the same.

    Returns:
        The bounds and the eigenvalues, without a proof for rounding.

    Raises:
        DataError: no symmetric finite matrices of one shape, or one with a negative eigenvalue.

    References: I. Schur, J. reine angew. Math. 140 (1911), theorem VII (number recalled).

    >>> schur_bounds([[2.0, 1.0], [1.0, 2.0]], [[3.0, 0.0], [0.0, 4.0]])
    SchurBounds(lower=6.0, smallest=6.0, largest=8.0, upper=8.0)
    """
    p, q = _symmetric(a, "a"), _symmetric(b, "b")
    if p.shape != q.shape:
        raise DataError(f"a, b: expected two matrices of one shape, got {p.shape} and {q.shape}.")
    u, v, w = (np.linalg.eigvalsh(one) for one in (p, q, p * q))
    no_negative(u, float(np.abs(p).max()), a, "a")
    no_negative(v, float(np.abs(q).max()), b, "b")
    s, t = p.diagonal(), q.diagonal()
    # eigenvalues of factors are at least 0; the computed ones may fall below by rounding
    low = max(float(t.min()) * max(float(u[0]), 0.0), float(s.min()) * max(float(v[0]), 0.0), 0.0)
    high = min(float(t.max()) * float(u[-1]), float(s.max()) * float(v[-1]))
    return SchurBounds(low, float(w[0]), float(w[-1]), high)


def schur_assumptions(a: ArrayLike, b: ArrayLike) -> tuple[Assumption, ...]:
    """What the bounds ask, checked up to rounding.

    Args: as for :func:`schur_bounds`.

    References: Schur 1911.

    >>> [one.state for one in schur_assumptions([[1.0]], [[-1.0]])]
    ['holds', 'fails']
    """
    found = []
    for name, matrix in (("a", _symmetric(a, "a")), ("b", _symmetric(b, "b"))):
        values = np.linalg.eigvalsh(matrix)
        least = float(values[0])
        slack = len(values) * float(np.finfo(np.float64).eps) * float(np.abs(values).max())
        found.append(
            checked(
                f"{name} positive", f"{name} is positive semi-definite.", least >= -slack,
                f"smallest eigenvalue {least:.3g}",
            )
        )  # fmt: skip
    return tuple(found)


def _symmetric(matrix: ArrayLike, name: str) -> Float64[np.ndarray, "n n"]:
    return kernel_of(matrix, name, low=SQUARABLE[0], high=SQUARABLE[1])
