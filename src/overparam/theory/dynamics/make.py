"""From a kernel matrix, or from features, to its eigenvectors: the start of every closed form here."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy import linalg

from overparam.core.errors import UsageError, unknown
from overparam.theory.dynamics.inputs import Square, matrix_of, rounding_of, symmetric_of
from overparam.theory.dynamics.kernel import KernelDynamics
from overparam.theory.inputs import count, no_negative

LOSSES = ("half sum", "mean")
Loss = Literal["half sum", "mean"]


def kernel_dynamics(kernel: ArrayLike, loss: Loss = "half sum", outputs: int = 1) -> KernelDynamics:
    """The dynamics on a kernel matrix.

    Args:
        kernel: K on the training inputs, symmetric and positive semi-definite, shape ``(n, n)``. One kernel serves
            all outputs (then residuals have the shape ``(n, outputs)``), or rows run over samples and outputs.
        loss: ``half sum`` for ``|r|^2 / 2``, ``mean`` for ``|r|^2 / (2 n)``, the package's squared loss. A library that
            also divides by the number of outputs has a step that is as many times larger.
        outputs: how many rows of the kernel belong to one sample.

    Returns:
        Its eigenvectors and eigenvalues. Those up to ``n * rounding * largest`` count as zero; numbers that come as
        float32 have the rounding of float32.

    Raises:
        DataError: not symmetric, not finite, or an eigenvalue clearly below zero.
        UsageError: an unknown loss, or a number of outputs that does not divide the rows.

    References: eigenvalues are good to about ``n * rounding * largest``: G. Golub and C. Van Loan, Matrix
        Computations, section 8.1. For smaller ones use :func:`feature_dynamics`.

    >>> kernel_dynamics([[1.0, 1.0], [1.0, 1.0]]).null
    1
    """
    return dynamics_of(kernel, "kernel", loss, outputs)


def dynamics_of(kernel: ArrayLike, name: str, loss: str = "half sum", outputs: int = 1) -> KernelDynamics:
    """The same for a kernel that an argument of another name holds.

    Args:
        kernel: the matrix.
        name: of the argument, for messages.
        loss: as for :func:`kernel_dynamics`.
        outputs: as for :func:`kernel_dynamics`.

    Raises:
        DataError: as for :func:`kernel_dynamics`.
        UsageError: as for :func:`kernel_dynamics`.
    """
    k = symmetric_of(kernel, name)
    values, vectors = linalg.eigh(k)
    cutoff = len(k) * rounding_of(kernel) * float(np.abs(values).max())
    no_negative(values, float(np.abs(k).max()), kernel, name)
    return _ordered(values[::-1], vectors[:, ::-1], cutoff, _divisor(len(k), loss, outputs))


def feature_dynamics(features: ArrayLike, loss: Loss = "half sum", outputs: int = 1) -> KernelDynamics:
    """The dynamics on the kernel ``J J^T`` of features or of a Jacobian, from its singular values.

    Eigenvalues below the rounding of ``J J^T`` keep their digits: the singular values are good to rounding times the
    largest, so squares are known down to the square of that.

    Args:
        features: J, shape ``(n, params)``; rows run over samples, or over samples and outputs.
        loss: as for :func:`kernel_dynamics`.
        outputs: how many rows belong to one sample.

    Raises:
        DataError: not a matrix of finite numbers.
        UsageError: an unknown loss, or a number of outputs that does not divide the rows.

    References: G. Golub and C. Van Loan, Matrix Computations, section 8.6.

    >>> round(float(feature_dynamics([[1.0, 0.0], [0.0, 1e-10]]).eigenvalues[1]) * 1e20, 9)  # J J^T would lose it
    1.0
    """
    j = matrix_of(features, "features")
    n, params = j.shape
    left, size, _ = linalg.svd(j, full_matrices=params < n)
    size = np.concatenate([size, np.zeros(n - len(size))])
    cutoff = (max(n, params) * rounding_of(features) * float(size[0])) ** 2
    return _ordered(np.square(size), left, cutoff, _divisor(n, loss, outputs))


def _divisor(rows: int, loss: str, outputs: int) -> float:
    if not isinstance(loss, str) or loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    if rows % count(outputs, "outputs"):
        raise UsageError(f"outputs: expected a number that divides the {rows} rows, got {outputs}.")
    return 1.0 if loss == "half sum" else rows / outputs


def _ordered(
    values: Float64[np.ndarray, " n"], vectors: Square, cutoff: float, divisor: float
) -> KernelDynamics:
    kept = np.where(values > cutoff, values, 0.0)
    return KernelDynamics(np.ascontiguousarray(kept), np.ascontiguousarray(vectors), cutoff, divisor)
