"""From a person's own features or kernel matrix to a spectrum and the target's coefficients in it.

On N samples the eigenvalues ``e_i`` and eigenvectors ``u_i`` of the kernel matrix stand for those of the kernel:
``lam_i ~ e_i / N`` and ``v_i^2 ~ (u_i . y)^2 / N``. Label noise adds ``s^2 / N`` to every squared coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy import linalg

from overparam.core.errors import DataError
from overparam.theory.inputs import LARGEST, SQUARABLE, columns_of, exponent_of, kernel_of, no_negative

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A kernel's spectrum on N samples, and the targets in its eigenvectors.

    Attributes:
        eigenvalues: e_i of the kernel matrix, descending, rounding set to 0, shape ``(samples,)``.
        energy: squared projections ``(u_i . y)^2`` by output, shape ``(samples, outputs)``.
        rank: number of eigenvalues above rounding.
        cutoff: eigenvalues up to this count as 0.
        repeated: number of samples that repeat an earlier one.
    """

    eigenvalues: Float64[np.ndarray, " n"]
    energy: Float64[np.ndarray, "n classes"]
    rank: int
    cutoff: float
    repeated: int

    @property
    def samples(self) -> int:
        """Number of samples N."""
        return len(self.eigenvalues)

    @property
    def operator(self) -> Float64[np.ndarray, " n"]:
        """Eigenvalues ``lam_i = e_i / N`` of the kernel's operator."""
        return self.eigenvalues / self.samples

    @property
    def coefficients(self) -> Float64[np.ndarray, " n"]:
        """``v_i^2 = (u_i . y)^2 / N``, summed over outputs; noise is in them."""
        return self.energy.sum(axis=1) / self.samples

    def tail(self, first: int) -> float:
        """Share of the trace in the eigenvalues after the first ones."""
        return float(self.eigenvalues[first:].sum() / self.eigenvalues.sum())


def spectrum_of_kernel(kernel: ArrayLike, targets: ArrayLike) -> Spectrum:
    """Spectrum of a kernel matrix, in the kernel's unit.

    Args:
        kernel: symmetric positive semidefinite, shape ``(samples, samples)``.
        targets: shape ``(samples, outputs)``.

    Raises:
        DataError: another shape, missing numbers, not symmetric, a negative eigenvalue, or a kernel that is zero.

    References: Koltchinskii and Giné 2000 (eigenvalues of the matrix over N estimate those of the operator).

    >>> spectrum_of_kernel(np.diag([4.0, 2.0]), np.array([[1.0], [0.0]])).operator.tolist()
    [2.0, 1.0]
    """
    y = columns_of(targets, "targets", high=SQUARABLE[1])
    k = kernel_of(kernel, n=len(y), high=LARGEST)
    n, largest = len(y), float(np.abs(k).max())
    shift = exponent_of(k)
    e, u = linalg.eigh(np.ldexp(k, -shift), driver="evd", check_finite=False)
    e = np.ldexp(e, shift)
    cutoff = n * _EPS * max(float(e[-1]), 0.0)
    no_negative(e, largest, kernel)
    return _made(e[::-1], np.square(u[:, ::-1].T @ y), cutoff, _repeated_in_kernel(k))


def spectrum_of_features(features: ArrayLike, targets: ArrayLike) -> Spectrum:
    """Spectrum of the kernel ``Phi Phi^T / D`` of D features, in their squared unit.

    Args:
        features: Phi, shape ``(samples, D)``.
        targets: shape ``(samples, outputs)``.

    Raises:
        DataError: another shape, missing numbers, or features that are all zero.

    References: as for :func:`spectrum_of_kernel`; singular values are taken of the features themselves, so no
        digits are lost by squaring.

    >>> spectrum_of_features([[2.0, 0.0], [0.0, 1.0]], np.array([[1.0], [0.0]])).eigenvalues.round(9).tolist()
    [2.0, 0.5]
    """
    y = columns_of(targets, "targets", high=SQUARABLE[1])
    n = len(y)
    phi = columns_of(features, "features", n, low=SQUARABLE[0], high=SQUARABLE[1])
    repeated = n - len(np.unique(phi, axis=0))
    u, s, _ = linalg.svd(phi / np.sqrt(phi.shape[1]), full_matrices=False, check_finite=False)
    inside = u.T @ y
    energy = np.zeros((n, y.shape[1]))
    energy[: len(s)] = np.square(inside)
    if len(s) < n:  # the rest of the targets, spread over the directions that no feature reaches
        energy[len(s) :] = np.square(y - u @ inside).sum(axis=0) / (n - len(s))
    e = np.zeros(n)
    e[: len(s)] = s * s
    cutoff = (max(phi.shape) * _EPS * float(s[0])) ** 2
    return _made(e, energy, cutoff, repeated)


def _made(
    e: Float64[np.ndarray, " n"],
    energy: Float64[np.ndarray, "n classes"],
    cutoff: float,
    repeated: int,
) -> Spectrum:
    kept = np.where(e > cutoff, e, 0.0)
    rank = int((kept > 0).sum())
    if rank == 0:
        raise DataError("expected features or a kernel that differ from zero, got only zeros.")
    return Spectrum(kept, np.ascontiguousarray(energy), rank, cutoff, repeated)


def _repeated_in_kernel(k: Float64[np.ndarray, "n n"]) -> int:
    """Samples at distance 0 from an earlier one: ``K_ii + K_jj - 2 K_ij`` within rounding of 0."""
    size = np.diagonal(k)
    near = np.abs(size[:, None] + size[None, :] - 2 * k) <= 8 * _EPS * (size[:, None] + size[None, :])
    return int(np.tril(near, -1).any(axis=1).sum())
