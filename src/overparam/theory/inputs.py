"""The inputs that theorems share, checked: counts, widths, variances, spectra."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError


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
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"{name}: expected a finite number of at least 0, got {value!r}.")
    return number


def positive(
    value: Any, name: str, otherwise: str = "", *, advice: str = "", what: str = "a positive number"
) -> float:
    """Return a finite number above 0; scalars of numpy and JAX are numbers too.

    Args:
        value: the number.
        name: of the argument, for messages.
        otherwise: what else is allowed, for messages.
        advice: a sentence with a space before it, for messages.
        what: what is expected, for messages.

    Raises:
        UsageError: it is something else.
    """
    try:
        number = math.nan if isinstance(value, str | bytes | bool) or np.ndim(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"{name}: expected {what}{otherwise}, got {value!r}.{advice}")
    return number


def array_of(values: Any, name: str) -> np.ndarray:
    """Return real numbers as an array of their own type; objects become float64.

    Raises:
        DataError: rows of different lengths, text, complex numbers, or no numbers at all.
    """
    try:
        out = np.asarray(values)
        if out.dtype.kind == "O":
            out = out.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected real numbers in rows of one length, got something else.") from None
    if out.dtype.kind not in "fiub":
        # narrow floats of other libraries have a kind of their own
        if not (out.dtype.kind == "V" and np.can_cast(out.dtype, np.float64)):
            raise DataError(f"{name}: expected real numbers, got {out.dtype}.")
        out = out.astype(np.float32)
    return out


def numbers(values: Any, name: str, low: float = 0.0, high: float = math.inf) -> np.ndarray:
    """Return a copy of real numbers in float64; their shape and whether they are finite is the caller's to check.

    Args:
        values: the numbers.
        name: of the argument, for messages.
        low: where the largest finite size lies below it, the numbers are too small for the sums they go into; a
            largest size of 0 is allowed.
        high: where it lies above, they are too large.

    Raises:
        DataError: no real numbers, or of a size out of bounds.
    """
    out = np.array(array_of(values, name), dtype=np.float64)
    finite = np.abs(out[np.isfinite(out)])
    largest = float(finite.max(initial=0.0))
    if largest > high or 0 < largest < low:
        bound = f"below {high:.0e}" if largest > high else f"above {low:.0e}"
        raise DataError(f"{name}: expected a largest entry {bound} in size, got {largest:.3g}. Rescale it.")
    return out


def all_finite(values: np.ndarray, name: str, advice: str = "") -> None:
    """Refuse an array with numbers that are missing or infinite.

    Args:
        values: of any shape.
        name: of the argument, for messages.
        advice: a sentence with a space before it, for messages.

    Raises:
        DataError: there are some; the text says how many.
    """
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(f"{name}: expected finite numbers, got {bad} that are missing or infinite.{advice}")


def widths_of(values: ArrayLike, name: str = "widths", low: int = 1) -> Float64[np.ndarray, " points"]:
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


def vector(values: ArrayLike, name: str, *, negative: bool = False) -> Float64[np.ndarray, " features"]:
    """Return a copy of a vector of finite numbers, not negative unless said so.

    Raises:
        DataError: another shape, missing or infinite values, or negative ones.
    """
    out = np.array(values, dtype=np.float64)
    if out.ndim != 1 or not out.size:
        raise DataError(f"{name}: expected a list of numbers, got shape {out.shape}.")
    all_finite(out, name)
    if not negative and out.min() < 0:
        raise DataError(f"{name}: expected no negative number, got {out.min():.6g}.")
    return out


def spectrum(
    eigenvalues: ArrayLike, coefficients_squared: ArrayLike
) -> tuple[Float64[np.ndarray, " features"], Float64[np.ndarray, " features"]]:
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
