"""An interpolating minimum as stochastic gradient descent sees it: one quadratic a sample, all lowest at one point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import count
from overparam.theory.sgd.sampling import finite, kernel_matrix

Matrix = Float64[np.ndarray, "rank rank"]


@dataclass(frozen=True, eq=False)
class Minimum:
    """Samples' losses ``(1/2) x.H_i x`` in the eigenvectors of their mean H, its null space left out.

    Attributes:
        curvature: nonzero eigenvalues of ``H = (1/n) sum_i H_i``, descending, shape ``(rank,)``.
        factors: F with ``H_i = F_i^T F_i``, shape ``(n, classes, rank)``.
        dropped: largest eigenvalue of H that was taken for 0.
    """

    curvature: Float64[np.ndarray, " rank"]
    factors: Float64[np.ndarray, "n classes rank"]
    dropped: float = 0.0

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.factors)

    @property
    def largest_sample(self) -> float:
        """Largest eigenvalue of all H_i: for one output the largest squared norm of a gradient."""
        blocks = self.factors @ self.factors.transpose(0, 2, 1)
        return float(np.linalg.eigvalsh(blocks)[:, -1].max())

    def average(self, m: Matrix) -> Matrix:
        """``(1/n) sum_i H_i M H_i`` for a symmetric M.

        References: definition.

        >>> minimum_of_features([[2.0, 0.0], [0.0, 1.0]]).average(np.eye(2)).tolist()
        [[8.0, 0.0], [0.0, 0.5]]
        """
        f = self.factors
        if f.shape[1] == 1:
            z = f[:, 0]
            out = z.T @ (((z @ m) * z).sum(axis=1)[:, None] * z)
        else:
            right = ((f @ m) @ f.transpose(0, 2, 1)) @ f
            out = f.reshape(-1, f.shape[2]).T @ right.reshape(-1, f.shape[2])
        return (out + out.T) / (2 * self.n)

    def mean_square(self) -> Matrix:
        """``(1/n) sum_i H_i^2``.

        References: definition.
        """
        return self.average(np.eye(len(self.curvature)))


def minimum_of_features(features: ArrayLike | Minimum) -> Minimum:
    """The minimum of a linear model, or of a network that fits all samples, under the squared loss.

    Args:
        features: gradients of the outputs by the parameters, shape ``(n, params)`` or ``(n, classes, params)``; or
            a minimum, which is returned.

    Returns:
        ``H_i = sum_k g_ik g_ik^T``.

    Raises:
        DataError: another shape, missing numbers, or nothing but zeros.

    Assumptions: every sample has residual 0 at the minimum, so that H_i has no further term.

    References: the Gauss-Newton form of the Hessian; elementary.

    >>> minimum_of_features([[3.0, 0.0], [0.0, 1.0]]).curvature.tolist()
    [4.5, 0.5]
    """
    if isinstance(features, Minimum):
        return features
    g = finite(features, "features", (2, 3), "(n, params) or (n, classes, params)", 1e-30, 1e30)
    cube = g[:, None, :] if g.ndim == 2 else g
    n, classes, _ = cube.shape
    u, s, _ = np.linalg.svd(cube.reshape(n * classes, -1), full_matrices=False)
    return _kept(s**2, u, n, classes, max(g.shape) * np.finfo(np.float64).eps * (s[0] ** 2 if len(s) else 0.0))


def minimum_of_kernel(kernel: ArrayLike, outputs: int = 1) -> Minimum:
    """The minimum of a model that is known by its kernel matrix.

    Args:
        kernel: ``G = J J^T``, sample by sample, shape ``(n * outputs, n * outputs)``.
        outputs: number of outputs.

    Returns:
        As from the features J. Squaring costs digits: directions below 1e-14 of the largest times the size drop out.

    Raises:
        DataError: not a kernel matrix, or nothing but zeros.

    Assumptions: as for :func:`minimum_of_features`.

    References: elementary.

    >>> minimum_of_kernel([[9.0, 0.0], [0.0, 1.0]]).curvature.tolist()
    [4.5, 0.5]
    """
    g = kernel_matrix(kernel, outputs)
    values, vectors = np.linalg.eigh(g)
    values, vectors = values[::-1], vectors[:, ::-1]
    cut = 50 * len(g) * np.finfo(np.float64).eps * max(float(values[0]), 0.0)
    return _kept(values, vectors, len(g) // outputs, outputs, cut)


def minimum_of_hessians(hessians: ArrayLike) -> Minimum:
    """A minimum given by the Hessian of every sample's loss.

    Args:
        hessians: H_i, symmetric and positive semidefinite, shape ``(n, params, params)``.

    Raises:
        DataError: another shape, missing numbers, a matrix that is not symmetric or has a negative eigenvalue, or
            nothing but zeros.

    References: elementary.

    >>> minimum_of_hessians([[[4.0, 0.0], [0.0, 2.0]]]).curvature.round(12).tolist()
    [4.0, 2.0]
    """
    h = finite(hessians, "hessians", (3,), "(n, params, params)", 1e-60, 1e60)
    if h.shape[1] != h.shape[2]:
        raise DataError(f"hessians: expected one square matrix a sample, got shape {h.shape}.")
    scale = float(np.abs(h).max())
    if np.abs(h - h.transpose(0, 2, 1)).max() > 1e-9 * scale:
        raise DataError(
            "hessians: expected symmetric matrices. Take (H + H^T)/2 if the difference is rounding."
        )
    values, vectors = np.linalg.eigh(h)
    if values.min() < -1e-9 * scale * h.shape[1]:
        raise DataError(
            f"hessians: expected positive semidefinite matrices, got the eigenvalue {values.min():.6g}. At a point "
            "that fits every sample no sample's loss can fall."
        )
    roots = np.sqrt(np.maximum(values, 0.0))
    used = roots.max(axis=0) > 0
    factors = (roots[:, :, None] * vectors.transpose(0, 2, 1))[:, used]
    return minimum_of_features(factors if used.any() else h[:, :1] * 0.0)


def _kept(
    squares: Float64[np.ndarray, " directions"],
    vectors: Float64[np.ndarray, "m directions"],
    n: int,
    classes: int,
    cut: float,
) -> Minimum:
    kept = squares > cut
    if not kept.any():
        raise DataError(
            "features: expected a gradient that is not 0 for some sample, got nothing but zeros. No step changes "
            "the outputs of such a model."
        )
    roots = np.sqrt(squares[kept])
    factors = (vectors[:, kept] * roots).reshape(n, count(classes, "outputs"), -1)
    dropped = float(squares[~kept].max(initial=0.0)) / n
    return Minimum(squares[kept] / n, factors, max(dropped, 0.0))
