"""What the closed forms are given, checked: a kernel matrix, residuals, times, a step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import all_finite, kernel_of, numbers, positive, rounding_of, times_of

__all__ = ["matrix_of", "residuals_of", "rounding_of", "step_of", "symmetric_of", "times_of"]

Square = Float64[np.ndarray, "n n"]
Residuals = Float64[np.ndarray, "n ..."]
Times = Float64[np.ndarray, " times"]
LARGEST = 1e150  # squares beyond it are not numbers of float64
SMALLEST = 1e-305  # steps of one over a smaller number are not


def matrix_of(values: ArrayLike, name: str) -> Float64[np.ndarray, "n m"]:
    """Return a matrix of finite float64 numbers with at least one row and one column.

    Raises:
        DataError: another shape, or values that are missing, infinite, or above 1e150 in size.
    """
    out = numbers(values, name, high=LARGEST)
    if out.ndim != 2 or not out.size:
        raise DataError(f"{name}: expected a matrix with at least one row, got shape {out.shape}.")
    all_finite(out, name, " Look for missing values in the inputs.")
    return out


def symmetric_of(values: ArrayLike, name: str) -> Square:
    """Return a symmetric matrix, symmetrised exactly.

    Raises:
        DataError: not square, not finite, or asymmetric by more than rounding.
    """
    return kernel_of(values, name, low=SMALLEST, high=LARGEST)


def residuals_of(values: ArrayLike, n: int, name: str = "residual") -> Residuals:
    """Return residuals with one row a training sample, finite float64.

    Raises:
        DataError: another number of rows, or values that are missing, infinite, or above 1e150 in size.
    """
    out = numbers(values, name, high=LARGEST)
    if out.ndim not in (1, 2) or out.shape[0] != n:
        raise DataError(f"{name}: expected {n} rows, one for each row of the kernel, got shape {out.shape}.")
    all_finite(out, name)
    return out


def step_of(rate: float | None) -> float | None:
    """Return a positive, finite step, or None for gradient flow.

    Raises:
        UsageError: it is something else.
    """
    if rate is None:
        return None
    advice = " The largest stable one is largest_step()."
    return positive(rate, "rate", ", or None for gradient flow", advice=advice)
