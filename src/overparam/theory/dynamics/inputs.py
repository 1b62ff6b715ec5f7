"""What the closed forms are given, checked: a kernel matrix, residuals, times, a step."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.inputs import all_finite, numbers, positive

Square = Float64[np.ndarray, "n n"]
Residuals = Float64[np.ndarray, "n ..."]
Times = Float64[np.ndarray, " times"]
LARGEST = 1e150  # squares beyond it are not numbers of float64


def rounding_of(values: Any) -> float:
    """The rounding unit of the numbers as they came: float32 keeps its own, all else counts as float64."""
    kind = getattr(values, "dtype", None)
    name = str(kind)
    if name in ("float32", "float16", "bfloat16"):
        return {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}[name]
    return 2.0**-52


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
    out = matrix_of(values, name)
    if out.shape[0] != out.shape[1]:
        raise DataError(
            f"{name}: expected a square matrix, one row and one column a training sample, got shape {out.shape}."
        )
    scale = float(np.abs(out).max())
    gap = float(np.abs(out - out.T).max())
    if gap > 100 * rounding_of(values) * len(out) * scale:
        raise DataError(
            f"{name}: expected a symmetric matrix, got entries that differ by {gap:.3g} from their mirror "
            f"image at a scale of {scale:.3g}. Give K(x, x) with the same inputs on both sides."
        )
    return 0.5 * (out + out.T)


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


def times_of(values: ArrayLike, *, whole: bool) -> Times:
    """Return times at least 0, infinity included; whole numbers where they count steps.

    Raises:
        UsageError: an empty list, a negative time, or a step that is not whole.
    """
    what = "whole numbers of at least 0, or infinity" if whole else "numbers of at least 0, or infinity"
    try:
        out = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise UsageError(f"times: expected {what}, got {values!r}.") from None
    good = (out >= 0) & ((out == np.floor(out)) | np.isinf(out) if whole else True)
    if out.ndim != 1 or not out.size or not np.all(good):
        raise UsageError(f"times: expected {what}, got {out.tolist()}.")
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
