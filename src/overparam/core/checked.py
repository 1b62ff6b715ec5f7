"""What every function asks of the numbers it is given: real, finite, of one shape, and not a thing that looks like one.

Text that spells a number, a boolean where a size belongs, complex numbers, masked entries, sparse matrices and dates
are refused: to read them as numbers would lose what they say.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import DataError, UsageError

WHOLE = 2**53  # whole numbers up to it are numbers of float64
_LONGEST = 60
_UNITS = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def shown(value: Any) -> str:
    """What was given, in one short line.

    >>> shown([1.0] * 100)
    '[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1...'
    >>> shown(10**5000)
    'int'
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = type(value).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def real(value: Any) -> float:
    """A real number as a float; NaN for text, booleans, complex numbers, dates, arrays, and whatever else is none.

    >>> real(np.float32(0.5)), real("0.5"), real(True), real(1j), real([1.0]), real(10**400)
    (0.5, nan, nan, nan, nan, nan)
    """
    try:
        if isinstance(value, bool | str | bytes | bytearray | np.ma.MaskedArray) or np.ndim(value):
            return math.nan
        kind = getattr(getattr(value, "dtype", None), "kind", "f")
        if kind == "O":
            return real(value.item())
        with np.errstate(over="ignore"):
            return math.nan if kind in "bcmMSU" else float(value)
    except Exception:
        return math.nan


def count(value: Any, name: str, low: int = 1, high: int = WHOLE) -> int:
    """Return a whole number of at least ``low``.

    Args:
        value: the number.
        name: of the argument, for messages.
        low: the least one allowed.
        high: the largest; by default the largest up to which float64 counts.

    Raises:
        UsageError: it is something else.

    >>> count(np.int64(3), "n")
    3
    """
    try:
        whole = low - 1 if isinstance(value, bool | np.ma.MaskedArray) else operator.index(value)
    except Exception:
        whole = low - 1
    if not low <= whole <= high:
        bound = f"of at least {low}" if whole < low else f"of at most {high}"
        raise UsageError(f"{name}: expected a whole number {bound}, got {shown(value)}.")
    return whole


def nonnegative(value: Any, name: str) -> float:
    """Return a finite number that is not negative.

    Raises:
        UsageError: it is something else.
    """
    number = real(value)
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"{name}: expected a finite number of at least 0, got {shown(value)}.")
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
    number = real(value)
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"{name}: expected {what}{otherwise}, got {shown(value)}.{advice}")
    return number


def probability(value: Any, name: str, *, one: bool = False) -> float:
    """Return a number strictly between 0 and 1.

    Args:
        value: the number.
        name: of the argument, for messages.
        one: whether 1 is allowed too.

    Raises:
        UsageError: it is something else.
    """
    number = real(value)
    if not (0 < number < 1 or (one and number == 1)):
        what = "above 0 and at most 1" if one else "between 0 and 1"
        raise UsageError(f"{name}: expected a probability {what}, got {shown(value)}.")
    return number


def array_of(values: Any, name: str) -> np.ndarray:
    """Return real numbers as an array of their own type; objects become float64, None a missing number.

    Raises:
        DataError: rows of different lengths, text, complex numbers, dates, a sparse matrix, masked entries, or no
            numbers at all.
    """
    if np.ma.is_masked(values):
        hidden = int(np.ma.count_masked(values))
        raise DataError(f"{name}: expected real numbers, got {hidden} masked entries. Fill or drop them.")
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(f"{name}: expected real numbers in an array, got a sparse matrix. Give its .toarray().")
    try:
        out = np.asarray(values)
        if out.dtype.kind == "O":
            out = _of_objects(out)
    except Exception:
        raise DataError(f"{name}: expected real numbers in rows of one length, got something else.") from None
    if out.dtype.kind not in "fiub":
        # narrow floats of other libraries have a kind of their own
        if not (out.dtype.kind == "V" and np.can_cast(out.dtype, np.float64)):
            raise DataError(f"{name}: expected real numbers, got {out.dtype}.")
        out = out.astype(np.float32)
    return out


def _of_objects(given: np.ndarray) -> np.ndarray:
    """Objects that are real numbers each, as float64; None is a missing one."""
    flat = [math.nan if one is None else real(one) for one in given.ravel().tolist()]
    for one, number in zip(given.ravel().tolist(), flat, strict=True):
        if math.isnan(number) and one is not None and one == one:
            raise TypeError  # it says something else than a missing number
    return np.array(flat, dtype=np.float64).reshape(given.shape)


def numbers(values: Any, name: str, low: float = 0.0, high: float = math.inf) -> Float64[np.ndarray, "*shape"]:
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
    with np.errstate(over="ignore"):
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


def representable(values: Any, name: str) -> Any:
    """Return what was computed from finite numbers, unless it left the range of float64 on the way.

    Args:
        values: a number or an array of which no entry can be infinite or missing in exact arithmetic.
        name: of the arguments that make it so large, for the message.

    Raises:
        DataError: some are infinite or missing.
    """
    if not np.isfinite(values).all():
        raise DataError(
            f"{name}: expected sizes whose result is below 1.8e308, the largest of float64, got larger ones. "
            "Rescale them."
        )
    return values


def exponent_of(values: Float64[np.ndarray, "*shape"]) -> int:
    """The power of two just above the largest size, 0 for zeros: ``np.ldexp(values, -e)`` loses no digit of it.

    >>> exponent_of(np.array([0.75, -3.0])), exponent_of(np.zeros(2))
    (2, 0)
    """
    return int(np.frexp(np.abs(values).max(initial=0.0))[1])


def length(values: Float64[np.ndarray, "*shape"]) -> float:
    """Euclidean length, also where squares of the entries leave the range of float64.

    >>> [round(length(np.array([3.0, 4.0]) * s) / s, 12) for s in (1e-300, 1e300)]
    [5.0, 5.0]
    """
    e = exponent_of(values)
    return float(np.ldexp(np.sqrt(np.square(np.ldexp(values, -e)).sum()), e))


def rounding_of(values: Any) -> float:
    """The rounding unit of the numbers as they came: float32 keeps its own, all else counts as float64."""
    return _UNITS.get(str(getattr(values, "dtype", None)), 2.0**-52)


def kernel_of(
    values: Any, name: str = "kernel", n: int | None = None, *, low: float = 0.0, high: float = math.inf
) -> Float64[np.ndarray, "n n"]:
    """Return a kernel matrix in float64, symmetrised exactly; :func:`no_negative` asks for its eigenvalues' signs.

    The two halves may differ by what rounding explains: each entry is a sum of many terms in the precision in which
    the matrix came, so by 100 times ``n`` (or 100, if that is more) rounding units of the largest entry.

    Args:
        values: the matrix, shape ``(n, n)``.
        name: of the argument, for messages.
        n: number of rows it must have; None takes any.
        low: see :func:`numbers`.
        high: see :func:`numbers`.

    Raises:
        DataError: not square, another size, not finite, or not symmetric.

    >>> kernel_of([[2.0, 1.0], [1.0, 2.0]]).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    out = numbers(values, name, low, high)
    if out.ndim != 2 or not out.size or out.shape[0] != out.shape[1]:
        raise DataError(
            f"{name}: expected a square matrix with at least one row, got shape {out.shape}. Give one row and one "
            "column a training sample."
        )
    if n is not None and len(out) != n:
        raise DataError(f"{name}: expected shape ({n}, {n}), one row and column a target, got {out.shape}.")
    all_finite(out, name, " Look for missing values in the inputs.")
    half = 0.5 * out
    scale, gap = float(np.abs(out).max()), float(np.abs(half - half.T).max())
    if 2 * gap > 100 * rounding_of(values) * max(len(out), 100) * scale:
        raise DataError(
            f"{name}: expected a symmetric matrix, got entries that differ by {2 * gap:.3g} from their mirror "
            f"image at a scale of {scale:.3g}. Give K(x, x) with the same inputs on both sides; if that is rounding, "
            "average it with its transpose."
        )
    return half + half.T


def no_negative(
    eigenvalues: Float64[np.ndarray, " n"], largest_entry: float, values: Any, name: str = "kernel"
) -> None:
    """Refuse a matrix with an eigenvalue so far below zero that rounding does not explain it.

    Entries with an error of one unit of the largest move an eigenvalue by ``n`` units of it, and computing it adds a
    few units of the largest eigenvalue; ten and four times as much is allowed.

    Args:
        eigenvalues: in any order.
        largest_entry: largest size of an entry of the matrix.
        values: the matrix as it came, which tells its precision.
        name: of the argument, for messages.

    Raises:
        DataError: there is one.
    """
    least, largest = float(eigenvalues.min()), float(np.abs(eigenvalues).max())
    allowed = len(eigenvalues) * rounding_of(values) * max(10 * largest_entry, 4 * largest)
    if least < -allowed:
        raise DataError(
            f"{name}: expected a positive semidefinite matrix, got an eigenvalue of {least:.3g} at a largest one of "
            f"{largest:.3g}, where rounding explains {-allowed:.1g} at most. Check the kernel function, or its "
            "precision: compute it in float64, or give float32 as float32, so that its rounding is known."
        )
