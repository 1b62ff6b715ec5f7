"""Numbers of any type become float32, and whatever that loses is refused or said."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.arrays import kind_of

_TINY = float(np.finfo(np.float32).tiny)  # below it float32 keeps fewer digits, and processors may take 0
_LARGEST = float(np.finfo(np.float32).max)
_EXACT = 2.0**53
_LOST = 1e-3  # rounding over the spread of a column above which its values are lost
_ROUNDED = 1e-4  # above it that is said
_MERGED = 1e-5  # the same, where different whole numbers also become equal
_HALF = 0.6  # share of a column's different values, in a sample of it, below which they are lost
_SAMPLE = 2000
_BESIDE = 1e-6  # share of a column's largest size above which a number that becomes 0 matters
_BLOCK = 2**22  # numbers compared at a time


class Converted(NamedTuple):
    """float32 arrays.

    Attributes:
        arrays: in the order given.
        notes: what was lost, if that matters little.
    """

    arrays: tuple[NDArray[np.float32], ...]
    notes: tuple[str, ...]


def check_numbers(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Return an array of finite real numbers or booleans, or refuse it.

    Raises:
        DataError: text, dates, complex numbers, objects; missing or infinite numbers, with their count.
    """
    if array.dtype.kind not in "fiub":
        todo = {
            "U": "Turn text that reads as numbers into them with x.astype(float); encode other text.",
            "S": "Turn text that reads as numbers into them with x.astype(float); encode other text.",
            "c": "Give real and imaginary parts as two features, or x.real.",
            "M": "Give the time since some date as a number.",
            "m": "Give the time as a number.",
        }.get(array.dtype.kind, "Encode them as numbers.")
        got = f"values of type {array.dtype}" if array.dtype.kind in "UO" else kind_of(array)
        raise DataError(f"{what}: expected numbers, got {got}. {todo}")
    if array.dtype.kind != "f" or bool(np.isfinite(array).all()):
        return array
    _refuse(np.isnan(array), "missing (nan)", what, "Fill in or drop these rows.")
    _refuse(~np.isfinite(array), "infinite", what, "Fill in or drop these rows.")
    return array


def to_float32(parts: list[NDArray[Any]], names: list[str], name: str, divisor: float = 1.0) -> Converted:
    """Convert arrays of one data set to float32, their columns taken together.

    Refused is a column whose values float32 cannot tell apart: rounding above a thousandth of its standard deviation,
    different whole numbers that become equal with rounding above 1e-5 of it, or nothing left but zero. What is lost
    less than that (a few values that become 0, a few whole numbers that become equal) is said.

    Args:
        parts: training and test arrays, finite, shape ``(n, *features)`` each.
        names: of the arrays, for messages.
        name: of the data set.
        divisor: what pixels are divided by, after the conversion.

    Raises:
        DataError: numbers above 3.4e38, or a column that float32 cannot hold.

    >>> to_float32([np.array([[1.0], [2.0]])], ["x"], "a").arrays[0].dtype
    dtype('float32')
    """
    made = []
    with np.errstate(over="ignore", under="ignore"):
        for part, what in zip(parts, names, strict=True):
            values = np.array(part, dtype=np.float32)
            if part.dtype.kind != "b" and not np.isfinite(values).all():
                todo = "Divide the numbers first, or drop these rows."
                _refuse(
                    ~np.isfinite(values),
                    f"too large for float32 (above {_LARGEST:.2g})",
                    f"{name}: {what}",
                    todo,
                )
            made.append(values if divisor == 1 else values / np.float32(divisor))
    notes = _lost(parts, made, f"{name}: {names[0]}") if divisor == 1 else ()
    return Converted(tuple(made), notes)


def _refuse(bad: NDArray[np.bool_], how: str, what: str, todo: str) -> None:
    count = int(bad.sum())
    if count:
        row = int(np.argwhere(bad)[0][0])
        of = "is" if count == 1 else "are"
        raise DataError(
            f"{what}: expected finite numbers, got {count:,} that {of} {how}, first in row {row}. {todo}"
        )


def _lost(parts: list[NDArray[Any]], made: list[NDArray[np.float32]], what: str) -> tuple[str, ...]:
    """Compare columns with their float32 copies, a block of them at a time."""
    if all(part.dtype.itemsize < 3 for part in parts):
        return ()
    flat = [part.reshape(len(part), -1) for part in parts]
    short = [part.reshape(len(part), -1) for part in made]
    step = max(1, _BLOCK // sum(len(part) for part in parts))
    zeroed, rounded, merged = 0, 0, 0
    for start in range(0, flat[0].shape[1], step):
        block = slice(start, start + step)
        full = np.concatenate([part[:, block] for part in flat])
        back = np.concatenate([part[:, block] for part in short])
        with np.errstate(invalid="ignore", over="ignore"):
            changed = (back.astype(full.dtype) != full).any(axis=0)
        if full.dtype == np.float32:  # nothing is rounded, but processors take for 0 what is below
            changed |= ((np.abs(full) < _TINY) & (full != 0)).any(axis=0)
        changed = np.flatnonzero(changed)
        if len(changed):
            found = _block(full[:, changed], back[:, changed], changed + start, what)
            zeroed, rounded, merged = (a + b for a, b in zip((zeroed, rounded, merged), found, strict=True))
    told = (
        (zeroed, f"numbers below {_TINY:.2g} in size, small beside others of their column, became 0"),
        (rounded, "columns that vary little beside their size were rounded to 7 digits"),
        (merged, "different whole numbers above 2**24 became equal to others of their column"),
    )
    return tuple(f"in float32 {count:,} {text}" for count, text in told if count)


def _block(
    full: NDArray[Any], back: NDArray[np.float32], columns: NDArray[Any], what: str
) -> tuple[int, int, int]:
    """Refuse columns that float32 cannot hold; else how many numbers became 0, columns were rounded, numbers merged."""
    wide = full.dtype if full.dtype.itemsize > 8 else np.dtype(np.float64)
    values = full.astype(wide)
    size = np.abs(values).max(axis=0)
    small = (np.abs(values) < _TINY) & (values != 0)
    flushed = (small & (np.abs(values) > _BESIDE * size)).any(axis=0)
    if flushed.any():
        at = int(columns[np.argmax(flushed)])
        raise DataError(
            f"{what}: expected numbers that float32 can hold, got none above {size[np.argmax(flushed)]:.2g} in size in "
            f"column {at} (counted from 0), of which those below {_TINY:.2g} would become 0. Multiply them by a number "
            "first."
        )
    loss, whole = _rounding(values / size, back / size), _whole(full)
    rows = np.linspace(0, len(full) - 1, min(len(full), _SAMPLE)).astype(int)
    lost = (loss > _LOST) | (_distinct(back[rows]) < _HALF * _distinct(full[rows]))
    merged = np.zeros(len(columns), dtype=int)
    for i in np.flatnonzero(whole):
        merged[i] = _distinct(full[:, [i]])[0] - _distinct(back[:, [i]])[0]
    lost |= (merged > 0) & (loss > _MERGED)
    if lost.any():
        worst = int(np.argmax(lost))
        before, after = int(_distinct(full[:, [worst]])[0]), int(_distinct(back[:, [worst]])[0])
        raise DataError(
            f"{what}: expected numbers that float32 can tell apart, got column {columns[worst]} (counted from 0) from "
            f"{full[:, worst].min()!s} to {full[:, worst].max()!s}: of its {before:,} different values {after:,} would be left. "
            "Subtract the column's smallest value, or drop the column if it is an id."
        )
    return int(small.sum()), int(((loss > _ROUNDED) & ~whole).sum()), int(merged.sum())


def _rounding(values: NDArray[Any], back: NDArray[Any]) -> NDArray[Any]:
    """Root mean square of the rounding over the standard deviation, a column."""
    spread = values.std(axis=0)
    error = np.sqrt(np.square(values - back).mean(axis=0))
    return np.divide(error, spread, out=np.zeros_like(spread), where=spread > 0)


def _whole(full: NDArray[Any]) -> NDArray[np.bool_]:
    """Columns of whole numbers that their own type holds exactly."""
    if full.dtype.kind in "iu":
        return np.ones(full.shape[1], dtype=np.bool_)
    return (np.abs(full).max(axis=0) <= _EXACT) & (full == np.floor(full)).all(axis=0)


def _distinct(columns: NDArray[Any]) -> NDArray[Any]:
    """How many different values each column holds."""
    ordered = np.sort(columns, axis=0)
    return 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
