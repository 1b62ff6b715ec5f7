"""A tangent kernel with what is known about its error, and its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from overparam.core.errors import UsageError


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a tangent kernel.

    Attributes:
        values: descending, float64, shape ``(n C,)`` for ``full``, ``(C, n)`` for ``each`` and else ``(n,)``; squared
            outputs over squared parameters.
        error: largest error of an eigenvalue that rounding explains (Weyl: the norm of the error of the kernel, which one
            product with it estimates, and of computing the eigenvalues); of the worst output for ``each``.
        condition: largest over smallest eigenvalue; infinite where the smallest is not told from 0.
        rank: how many eigenvalues are above the error; of the worst output for ``each``.
    """

    values: np.ndarray
    error: float
    condition: float
    rank: int


@dataclass(frozen=True, eq=False)
class TangentKernel:
    """The empirical tangent kernel of a model, ``Theta = J J^T``, in squared outputs over squared parameters.

    Attributes:
        matrix: ``full`` has shape ``(n, C, m, C)`` with ``matrix[i, c, j, d] = <df_c(x_i)/dw, df_d(x_j)/dw>``, outputs of
            several axes as one in C order; ``mean`` has ``(n, m)``, the mean over outputs of the kernels of each,
            ``1/C sum_c matrix[i, c, j, c]``: neither their sum (the trace) nor the kernel of the mean output; ``each`` has
            ``(C, n, m)``; one output ``(n, m)``.
        outputs: which of these.
        method: how it was computed: ``structured``, ``rows`` or ``products``.
        verified: relative error of one product with a random vector against ``J (J^T u)`` by the operators, Euclidean.
        error: estimate of the norm of the kernel's error, Frobenius, from the same product, which holds rounding of both.
        bytes: peak of the memory that was planned, matrix included; what the model itself holds is not.
        symmetric: whether rows and columns are the same examples.
        notes: what was found and done, one sentence each.
    """

    matrix: np.ndarray
    outputs: str | int
    method: str
    verified: float
    error: float
    bytes: float
    symmetric: bool
    notes: tuple[str, ...] = ()

    @property
    def square(self) -> np.ndarray:
        """The matrix with one row an example and output: ``(n C, m C)`` for ``full``; the others as they are."""
        if self.matrix.ndim != 4:
            return self.matrix
        n, c, m, d = self.matrix.shape
        return self.matrix.reshape(n * c, m * d)

    def spectrum(self) -> Spectrum:
        """Eigenvalues, computed in float64 by LAPACK.

        The error is an upper bound in practice, not a proof: the norm of the kernel's error is estimated from one random
        product. Cost: ``4/3 N^3`` operations and ``N^2`` numbers of float64, N rows; for ``each`` C times.

        Raises:
            UsageError: a kernel between different examples.

        References: H. Weyl's inequality, G. Golub and C. Van Loan, Matrix Computations, corollary 8.1.6 (recalled).

        >>> kernel = TangentKernel(np.diag([2.0, 8.0]), "mean", "rows", 0.0, 0.0, 32.0, True)
        >>> kernel.spectrum().values.tolist(), kernel.spectrum().condition
        ([8.0, 2.0], 4.0)
        """
        if not self.symmetric:
            raise UsageError(
                "spectrum: expected a kernel of the examples with themselves, got one between two sets. Leave against= out, or "
                "take singular values of .square."
            )
        each = self.matrix if self.matrix.ndim == 3 else self.square[None]
        found = [scipy.linalg.eigvalsh(one.astype(np.float64), check_finite=False)[::-1] for one in each]
        top = max(float(np.abs(one).max()) for one in found)
        error = self.error + len(found[0]) * float(np.finfo(np.float64).eps) * top
        least = min(float(one[-1]) for one in found)
        condition = max(float(one[0] / one[-1]) for one in found) if least > error else float("inf")
        rank = min(int((one > error).sum()) for one in found)
        values = np.stack(found) if self.matrix.ndim == 3 else found[0]
        return Spectrum(values, error, condition, rank)
