"""The Polyak-Łojasiewicz ratio of least squares: how large the gradient is for the loss that is left.

``F = (1/2) |r|^2`` has the gradient ``J^T r``, so ``|grad F|^2 / (2 F) = |J^T r|^2 / |r|^2``, which lies between the
smallest and the largest eigenvalue of ``J J^T``. While it stays above mu, gradient flow shrinks the loss at least like
``exp(-2 mu t)``. It can be large although the smallest eigenvalue is 0: only the directions of the residual count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import SQUARABLE, all_finite, exponent_of, length, numbers
from overparam.theory.theorem import Theorem

CITATION = (
    "Z. Allen-Zhu, Y. Li and Z. Song, A convergence theory for deep learning via over-parameterization, ICML 2019, "
    "arXiv:1811.03962 (no critical point near a random start; constants not given). The two bounds are elementary."
)


@dataclass(frozen=True, eq=False)
class PolyakRatio:
    """The ratio at one point, with its bounds.

    Attributes:
        ratio: ``|J^T r|^2 / |r|^2``, in squared units of an output by a parameter; 0 where the residual is 0.
        lower: square of the smallest singular value of J; 0 if J has fewer independent rows than outputs.
        upper: square of the largest.
        loss: ``F = (1/2) |r|^2``; 0 also where that is below the least number of float64.
        gradient: ``|J^T r|``.
        rank: rank of J; singular values up to ``max(n, p) * 2.2e-16`` of the largest count as zero.
        stuck: share of ``|r|^2`` in directions that no parameter moves, from 0 to 1: dead units, repeated rows.
        bound: gradient descent with the step ``1 / upper`` multiplies the loss of the linear model at this point by at
            most ``1 - ratio / upper``.
    """

    ratio: float
    lower: float
    upper: float
    loss: float
    gradient: float
    rank: int
    stuck: float
    bound: float


def polyak_ratio(jacobian: ArrayLike, residual: ArrayLike) -> PolyakRatio:
    r"""Ratio :math:`|\nabla F|^2 / (2F)` of half the squared residual, between its two bounds.

    :math:`\sigma_{\min}(J)^2 \le |J^\top r|^2 / |r|^2 \le \sigma_{\max}(J)^2`, where the lower bound is 0 if J has fewer
    parameters than rows, or dependent rows.

    Args:
        jacobian: J, one row an output, shape ``(n, params)``.
        residual: ``r = f - y``, shape ``(n,)``.

    Returns:
        The numbers. Where no parameter moves any output the ratio is 0 and everything is stuck.

    Raises:
        DataError: shapes that do not fit, missing numbers, or sizes whose squares leave the range of float64.

    Assumptions: squared loss. At a kink any slope may stand in J: the statement is then on that one.

    References: elementary; Polyak 1963 and Łojasiewicz 1963 for what follows from it.

    A dead unit: its column is 0, but the other one sees the whole residual.

    >>> found = polyak_ratio([[0.0, 2.0]], [3.0])
    >>> found.ratio, found.lower, found.upper, found.stuck
    (4.0, 4.0, 4.0, 0.0)
    """
    j, r = numbers(jacobian, "jacobian", *SQUARABLE), numbers(residual, "residual", high=SQUARABLE[1])
    if j.ndim != 2 or 0 in j.shape:
        raise DataError(f"jacobian: expected shape (n, params), got {j.shape}. Give one row an output.")
    if r.shape != j.shape[:1]:
        raise DataError(f"residual: expected shape ({j.shape[0]},), one number a row of J, got {r.shape}.")
    for name, array in (("jacobian", j), ("residual", r)):
        all_finite(array, name)
    u, s, _ = np.linalg.svd(j, full_matrices=False)
    rank = int((s > max(j.shape) * np.finfo(np.float64).eps * s[0]).sum())
    shift = exponent_of(r)
    unit = np.ldexp(r, -shift)
    size, unit = length(r), unit / (float(np.linalg.norm(unit)) or 1.0)
    pull = j.T @ unit
    ratio = float(pull @ pull)
    moved = u[:, :rank].T @ unit
    lower = float(s[-1]) ** 2 if rank == len(r) else 0.0
    upper = float(s[0]) ** 2
    return PolyakRatio(
        ratio=ratio,
        lower=lower,
        upper=upper,
        loss=0.5 * size**2,
        gradient=float(np.sqrt(ratio)) * size,
        rank=rank,
        stuck=max(0.0, 1.0 - float(moved @ moved)) if size and rank < len(r) else 0.0,
        bound=1.0 - ratio / upper if upper else 1.0,
    )


def assumptions(jacobian: ArrayLike, residual: ArrayLike) -> tuple[Assumption, ...]:
    """What makes the lower bound positive.

    Args: as for :func:`polyak_ratio`.

    References: elementary.

    >>> [one.state for one in assumptions([[0.0], [1.0]], [1.0, 1.0])]
    ['fails', 'unchecked']
    """
    found, n = polyak_ratio(jacobian, residual), len(np.asarray(residual))
    return (
        checked(
            "full row rank",
            "The rows of J are independent; otherwise the lower bound is 0.",
            found.rank == n,
            f"rank {found.rank} of {n}",
        ),
        Assumption("squared loss", "The loss is half the sum of squares.", "unchecked", "it is not given"),
    )


THEOREMS = (
    Theorem(
        "polyak-ratio",
        polyak_ratio,
        {
            "jacobian": np.cos(np.outer(np.arange(1, 4), np.arange(1, 7))),
            "residual": np.array([1.0, -2.0, 0.5]),
        },
        assumptions,
        CITATION,
    ),
)
