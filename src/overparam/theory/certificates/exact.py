"""Numbers that a proof may start from: those that were given, all of them, held exactly in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core.errors import DataError
from overparam.theory.inputs import array_of

_WHOLE = 2**53  # up to it float64 holds every whole number


def exact_array(values: Any, name: str) -> np.ndarray:
    """The numbers as an array of their own type, if float64 holds each of them exactly.

    Args:
        values: real numbers in any array or nested list; float32, float16, bfloat16 and integers are held exactly.
        name: of the argument, for messages.

    Raises:
        DataError: ragged rows, text, complex or masked numbers, or a number that float64 would round.

    >>> exact_array([[1, 2]], "x").shape
    (1, 2)
    """
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        raise DataError(
            f"{name}: expected numbers, got a masked array with numbers that are missing. Fill them in."
        )
    try:
        out = array_of(values, name)
        given = np.asarray(values)
    except (OverflowError, RuntimeError):
        raise DataError(f"{name}: expected real numbers that float64 holds, got something else.") from None
    rounded = (
        out.dtype.itemsize > 8
        or (
            given.dtype.kind == "O" and any(a != b for a, b in zip(given.flat, out.flat, strict=True) if a == a)
        )
        or (out.dtype.kind in "iu" and out.size and _beyond(out))
    )
    if rounded:
        raise DataError(
            f"{name}: expected numbers that float64 holds exactly, got {given.dtype} that it would round. A proof is "
            "on the numbers themselves: cast them to float64 first."
        )
    return out


def float64(values: Any, name: str) -> np.ndarray:
    """The numbers in float64, each exactly as given; a copy.

    Args:
        values: as for :func:`exact_array`.
        name: of the argument, for messages.

    Raises:
        DataError: as for :func:`exact_array`.

    >>> float64(np.ones(1, np.float32), "x").dtype
    dtype('float64')
    """
    return np.array(exact_array(values, name), dtype=np.float64)


def _beyond(whole: np.ndarray) -> bool:
    """Whether float64 rounds one of these whole numbers."""
    if int(whole.min()) >= -_WHOLE and int(whole.max()) <= _WHOLE:
        return False
    return any(int(a) != int(float(a)) for a in whole.flat)
