"""The inputs that theorems share, checked: counts, widths, variances, spectra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.checked import (
    WHOLE,
    all_finite,
    array_of,
    count,
    exponent_of,
    kernel_of,
    length,
    no_negative,
    nonnegative,
    numbers,
    positive,
    probability,
    real,
    representable,
    rounding_of,
    shown,
)
from overparam.core.errors import DataError, UsageError

__all__ = [
    "all_finite",
    "array_of",
    "columns_of",
    "count",
    "exponent_of",
    "kernel_of",
    "length",
    "no_negative",
    "nonnegative",
    "numbers",
    "penalty_of",
    "positive",
    "probability",
    "real",
    "representable",
    "rounding_of",
    "shown",
    "spectrum",
    "times_of",
    "vector",
    "widths_of",
]


LARGEST = 1e300  # sums of so many numbers stay in the range of float64
SQUARABLE = (1e-140, 1e140)  # what lies between has a square with all of its digits


def widths_of(values: Any, name: str = "widths", low: int = 1) -> Float64[np.ndarray, " points"]:
    """Return widths as floats, whole numbers of at least ``low``; infinity stands for the kernel limit.

    Raises:
        UsageError: an empty list, or a width that is something else.
    """
    what = f"{name}: expected whole numbers of at least {low}"
    try:
        given = array_of(values, name)
    except DataError:
        raise UsageError(f"{what}, got {shown(values)}.") from None
    out = np.atleast_1d(given).astype(np.float64)
    good = (out >= low) & ((out == np.floor(out)) | np.isinf(out)) & ((out <= WHOLE) | np.isinf(out))
    if out.ndim != 1 or not out.size or given.dtype.kind == "b" or not good.all():
        raise UsageError(f"{what}, got {shown(given.tolist())}.")
    return out


def times_of(values: Any, *, whole: bool, name: str = "times") -> Float64[np.ndarray, " times"]:
    """Return times at least 0, infinity included; whole numbers where they count steps.

    Raises:
        UsageError: an empty list, a negative time, or a step that is not whole.
    """
    what = "whole numbers of at least 0, or infinity" if whole else "numbers of at least 0, or infinity"
    try:
        given = array_of(values, name)
    except DataError:
        raise UsageError(f"{name}: expected {what}, got {shown(values)}.") from None
    out = np.atleast_1d(given).astype(np.float64)
    good = (out >= 0) & ((out == np.floor(out)) | np.isinf(out) if whole else True)
    if out.ndim != 1 or not out.size or given.dtype.kind == "b" or not np.all(good):
        raise UsageError(f"{name}: expected {what}, got {shown(given.tolist())}.")
    return out


def vector(
    values: Any,
    name: str,
    *,
    negative: bool = False,
    infinite: bool = False,
    low: float = 0.0,
    high: float = math.inf,
) -> Float64[np.ndarray, " features"]:
    """Return a copy of a vector of finite numbers, not negative unless said so.

    Args:
        values: the numbers.
        name: of the argument, for messages.
        negative: whether numbers below 0 are allowed.
        infinite: whether infinite ones are.
        low: see :func:`~overparam.core.checked.numbers`.
        high: see :func:`~overparam.core.checked.numbers`.

    Raises:
        DataError: another shape, missing or infinite values, or negative ones.
    """
    out = numbers(values, name, low, high)
    if out.ndim != 1 or not out.size:
        raise DataError(f"{name}: expected a list of numbers, got shape {out.shape}.")
    all_finite(np.where(np.isinf(out), 0.0, out) if infinite else out, name)
    if not negative and out.min() < 0:
        raise DataError(f"{name}: expected no negative number, got {out.min():.6g}.")
    return out


def penalty_of(value: Any, name: str = "ridge") -> float:
    """Return a penalty of at least 0 and at most 1e300.

    Raises:
        UsageError: it is something else.
    """
    penalty = nonnegative(value, name)
    if penalty > LARGEST:
        raise UsageError(
            f"{name}: expected a penalty of at most {LARGEST:g}, got {penalty:g}. Rescale the features."
        )
    return penalty


def columns_of(
    values: Any, name: str, n: int | None = None, *, low: float = 0.0, high: float = math.inf
) -> Float64[np.ndarray, "n classes"]:
    """Return a table of finite numbers, one row a sample and one column an output.

    Args:
        values: shape ``(n, outputs)``.
        name: of the argument, for messages.
        n: number of rows it must have; None takes any.
        low: see :func:`~overparam.core.checked.numbers`.
        high: see :func:`~overparam.core.checked.numbers`.

    Raises:
        DataError: another shape, or missing or infinite values.
    """
    out = numbers(values, name, low, high)
    if out.ndim != 2 or not out.size or (n is not None and len(out) != n):
        columns = name if len(name) > 1 else "columns"
        rows = "at least one row" if n is None else f"{n} rows"
        raise DataError(f"{name}: expected shape (samples, {columns}) with {rows}, got {out.shape}.")
    all_finite(out, name, " Fill in or drop these rows.")
    return out


def spectrum(
    eigenvalues: ArrayLike, coefficients_squared: ArrayLike
) -> tuple[Float64[np.ndarray, " features"], Float64[np.ndarray, " features"]]:
    """Return eigenvalues and squared coefficients, checked, in the order of descending eigenvalues.

    Raises:
        DataError: lengths that differ, negative or missing numbers.
    """
    lam = vector(eigenvalues, "eigenvalues", high=LARGEST)
    v2 = vector(coefficients_squared, "coefficients_squared", high=LARGEST)
    if lam.shape != v2.shape:
        raise DataError(
            f"coefficients_squared: expected one number an eigenvalue, {len(lam)}, got {len(v2)}. "
            "Give 0 for a direction that the target does not use."
        )
    order = np.argsort(-lam, kind="stable")
    return lam[order], v2[order]
