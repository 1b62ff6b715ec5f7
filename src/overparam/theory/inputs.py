"""The inputs that theorems share, checked: counts, widths, variances, spectra."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.errors import DataError, UsageError


def count(value: Any, name: str, low: int = 1) -> int:
    """Return a whole number of at least ``low``.

    Raises:
        UsageError: it is something else.
    """
    try:
        whole = operator.index(value)
    except TypeError:
        whole = low - 1
    if isinstance(value, bool) or whole < low:
        raise UsageError(f"{name}: expected a whole number of at least {low}, got {value!r}.")
    return whole


def nonnegative(value: Any, name: str) -> float:
    """Return a finite number that is not negative.

    Raises:
        UsageError: it is something else.
    """
    number = float(value) if np.isscalar(value) and not isinstance(value, str | bytes) else math.nan
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"{name}: expected a finite number of at least 0, got {value!r}.")
    return number


def widths_of(values: ArrayLike, name: str = "widths", low: int = 1) -> Float64[np.ndarray, " widths"]:
    """Return widths as floats, whole numbers of at least ``low``; infinity stands for the kernel limit.

    Raises:
        UsageError: an empty list, or a width that is something else.
    """
    out = np.atleast_1d(np.asarray(values, dtype=np.float64))
    good = (out >= low) & ((out == np.floor(out)) | np.isinf(out))
    if out.ndim != 1 or not out.size or not good.all():
        raise UsageError(
            f"{name}: expected whole numbers of at least {low}, got {np.asarray(values).tolist()}."
        )
    return out


def vector(values: ArrayLike, name: str, *, negative: bool = False) -> Float64[np.ndarray, " entries"]:
    """Return a copy of a vector of finite numbers, not negative unless said so.

    Raises:
        DataError: another shape, missing or infinite values, or negative ones.
    """
    out = np.array(values, dtype=np.float64)
    if out.ndim != 1 or not out.size:
        raise DataError(f"{name}: expected a list of numbers, got shape {out.shape}.")
    bad = int((~np.isfinite(out)).sum())
    if bad:
        raise DataError(f"{name}: expected finite numbers, got {bad} that are missing or infinite.")
    if not negative and out.min() < 0:
        raise DataError(f"{name}: expected no negative number, got {out.min():.6g}.")
    return out


def spectrum(
    eigenvalues: ArrayLike, coefficients_squared: ArrayLike
) -> tuple[Float64[np.ndarray, " entries"], Float64[np.ndarray, " entries"]]:
    """Return eigenvalues and squared coefficients, checked, in the order of descending eigenvalues.

    Raises:
        DataError: lengths that differ, negative or missing numbers.
    """
    lam, v2 = vector(eigenvalues, "eigenvalues"), vector(coefficients_squared, "coefficients_squared")
    if lam.shape != v2.shape:
        raise DataError(
            f"coefficients_squared: expected one number an eigenvalue, {len(lam)}, got {len(v2)}. "
            "Give 0 for a direction that the target does not use."
        )
    order = np.argsort(-lam, kind="stable")
    return lam[order], v2[order]
