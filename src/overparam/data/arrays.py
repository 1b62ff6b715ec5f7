"""Whatever holds values (lists, frames, tensors, masked or nullable arrays) becomes a plain numpy array, or is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError

_EXACT = 2**53  # whole numbers up to here are float64
_DROP = "Fill in or drop these rows."
_TENSOR = "Give a plain array, for instance x.detach().cpu().float().numpy()."


class Stacked(NamedTuple):
    """Columns beside each other.

    Attributes:
        values: shape ``(n, columns)``.
        notes: what is to be said about them.
    """

    values: NDArray[Any]
    notes: tuple[str, ...] = ()


def missing(count: int, of: int, what: str) -> DataError:
    """The error for values that are missing."""
    return DataError(f"{what}: expected a value everywhere, got {count:,} missing of {of:,}. {_DROP}")


def as_array(values: Any, what: str) -> Stacked:
    """Return values as an array of numbers, text (``U``), bytes or booleans; nothing is converted or rounded.

    Args:
        values: nested lists, an array (numpy, masked, JAX, a PyTorch tensor on the processor, anything with
            ``__array__``), a series or a frame of pandas or polars, also with nullable and categorical columns.
        what: their name, for messages.

    Raises:
        DataError: rows of different lengths, masked or missing entries (numbers may be NaN), sparse matrices, records,
            or objects that are neither numbers nor text.

    >>> as_array([[1, 2], [3, 4]], "x").values.shape
    (2, 2)
    """
    if values is None or _is_lazy(values):
        got = "nothing" if values is None else f"a {type(values).__name__}, whose values are not there yet"
        raise DataError(
            f"{what}: expected an array, got {got}. Give the values, for instance x.collect() or list(x)."
        )
    if isinstance(values, np.ma.MaskedArray):
        hidden = int(np.ma.count_masked(values))
        if hidden:
            raise missing(hidden, values.size, what)
        values = values.data
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(f"{what}: expected a plain array, got a sparse matrix. Give {what[-1:]}.toarray().")
    if _is_frame(values):
        return _frame(values, what)
    if _is_series(values):
        return Stacked(_series(values, what))
    array = _asarray(values, what)
    if array.dtype.names is not None:
        raise DataError(
            f"{what}: expected a plain array, got records with the fields {', '.join(array.dtype.names)}. Put the "
            "columns beside each other, for instance with numpy.lib.recfunctions.structured_to_unstructured."
        )
    return Stacked(settled(array, what))


def check_pairing(x: Any, y: Any, x_test: Any, y_test: Any, name: str) -> tuple[str, ...]:
    """Notes on tables whose rows or columns are paired by their place although their names differ.

    Raises:
        DataError: the rows of x and y, or the columns of x and x_test, have the same names in another order.
    """
    notes = []
    rows: Any
    others: Any
    for a, b, names in ((x, y, ("x", "y")), (x_test, y_test, ("x_test", "y_test"))):
        rows, others = getattr(a, "index", None), getattr(b, "index", None)
        if not (hasattr(rows, "equals") and hasattr(others, "equals")) or len(rows) != len(others):
            continue
        if not rows.equals(others):
            if not len(rows.symmetric_difference(others, sort=False)):
                raise DataError(
                    f"{name}: expected the rows of {names[0]} and {names[1]} in one order, got the same index in two "
                    f"orders. Give {names[1]}.loc[{names[0]}.index]."
                )
            notes.append(f"{names[0]} and {names[1]} have different row names and were paired by place")
    columns = [[str(c) for c in one.columns] for one in (x, x_test) if _is_frame(one)]
    if len(columns) == 2 and columns[0] != columns[1] and len(columns[0]) == len(columns[1]):
        first = next(i for i, (a, b) in enumerate(zip(*columns, strict=True)) if a != b)
        raise DataError(
            f"{name}: expected x and x_test with the same columns in one order, got {columns[0][first]!r} and "
            f"{columns[1][first]!r} in place {first} (counted from 0). Give x_test[list(x.columns)], or rename them."
        )
    return tuple(notes)


def stack(columns: Sequence[NDArray[Any]], names: Sequence[str], what: str) -> Stacked:
    """Put columns of numbers beside each other, in a type that holds all of them exactly.

    Columns that are all stored as whole numbers of 8 bits stay so, and are pixels then; where only some are, a note
    says that none is scaled.

    Args:
        columns: one array a column, each of shape ``(n,)``; of one of another shape the values are columns too.
        names: of the columns.
        what: what they make up, for messages.

    Raises:
        DataError: a column of something else than numbers, or whole numbers beside fractions that no type holds
            together.

    >>> stack([np.array([1, 2], np.uint8), np.array([0.5, 1.5])], ["a", "b"], "x").values.tolist()
    [[1.0, 0.5], [2.0, 1.5]]
    """
    odd = [f"{kind_of(c)} in column {n}" for c, n in zip(columns, names, strict=True) if not is_number(c)]
    if odd or not columns:
        shown = ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
        raise DataError(
            f"{what}: expected numbers in every column, got {shown or 'no column'}. Encode these columns as numbers or "
            "drop them."
        )
    kind = np.result_type(*(c.dtype for c in columns))
    if kind.kind == "f":
        for column, name in zip(columns, names, strict=True):
            if (
                column.dtype.kind in "iu"
                and column.size
                and max(int(column.max()), -int(column.min())) > _EXACT
            ):
                raise DataError(
                    f"{what}: expected numbers that float64 can hold beside the other columns, got whole numbers above "
                    f"2**53 in column {name}. Drop it if it is an id, or subtract its smallest value."
                )
    small = sum(c.dtype == np.uint8 for c in columns)
    notes: tuple[str, ...] = ()
    if 0 < small < len(columns):
        notes = (
            f"{small} of {len(columns)} columns of {what.rpartition(' ')[2]} are stored as whole numbers of 8 bits and "
            "the others not: none was divided by 255",
        )
    rows = len(columns[0])
    return Stacked(np.concatenate([c.reshape(rows, -1).astype(kind) for c in columns], axis=1), notes)


def is_number(array: NDArray[Any]) -> bool:
    """Whether an array holds real numbers or booleans."""
    return array.dtype.kind in "fiub"


def kind_of(array: NDArray[Any]) -> str:
    """The kind of values in words."""
    kind = array.dtype.kind
    words = {
        "U": "text",
        "S": "bytes",
        "b": "True and False",
        "M": "dates",
        "m": "durations",
        "c": "complex numbers",
    }
    if kind in words:
        return words[kind]
    return "numbers" if kind in "fiu" else f"values of type {array.dtype}"


def settled(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Give an array of objects, variable-length text or narrow floats the type that its values have.

    Raises:
        DataError: missing values, values of several types, or of a type that is neither number nor text.
    """
    if array.dtype.kind == "V" and np.can_cast(array.dtype, np.float32):
        return array.astype(np.float32)  # bfloat16 and its like, exactly
    if array.dtype.kind not in "OT":
        return array
    flat = array.ravel().tolist()
    gone = sum(_is_missing(v) for v in flat)
    if gone:
        if all(isinstance(v, int | float | np.number) for v in flat if not _is_missing(v)) and array.ndim > 1:
            return np.array([np.nan if _is_missing(v) else v for v in flat], np.float64).reshape(array.shape)
        raise missing(gone, len(flat), what)
    kinds = Counter(_family(v) for v in flat)
    if len(kinds) == 1 or set(kinds) <= {"whole number", "number"}:
        made = _made(flat, next(iter(kinds), "number") if len(kinds) < 2 else "number", what)
        if made is not None:
            return made.reshape(array.shape)
    found = " and ".join(f"{n:,} of type {kind}" for kind, n in kinds.most_common(3))
    raise DataError(
        f"{what}: expected values of one type, numbers or text, got {found}. Bring them to one type."
        if len(kinds) > 1
        else f"{what}: expected numbers or text, got {found}. Encode them as numbers, one a row."
    )


def _made(values: list[Any], family: str, what: str) -> NDArray[Any] | None:
    if family == "bool":
        return np.array(values, np.bool_)
    if family == "text":
        return np.array([str(v) for v in values], dtype=np.str_)
    if family == "bytes":
        return np.array(values, dtype=np.bytes_)
    if family == "whole number":
        try:
            return np.array([int(v) for v in values], np.int64)
        except OverflowError:
            raise DataError(
                f"{what}: expected whole numbers of 64 bits, got larger ones. Rescale them."
            ) from None
    if family == "number":
        try:
            return np.array([float(v) for v in values], np.float64)
        except OverflowError:
            raise DataError(
                f"{what}: expected numbers within float64, got larger ones. Rescale them."
            ) from None
    return None


def _family(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | np.integer):
        return "whole number"
    if isinstance(value, float | np.floating | Decimal | Fraction):
        return "number"
    if isinstance(value, str):
        return "text"
    return "bytes" if isinstance(value, bytes) else type(value).__name__


def _is_missing(value: Any) -> bool:
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating | Decimal) and value != value


def _asarray(values: Any, what: str) -> NDArray[Any]:
    mixed = isinstance(values, list | tuple) and any(isinstance(v, str | bytes) for v in values)
    try:
        # numpy would turn numbers beside text into text
        return np.asarray(values, dtype=object if mixed else None)
    except ValueError as error:
        if isinstance(values, list | tuple):
            raise DataError(
                f"{what}: expected rows of one length, got rows of different ones ({_line(error)}). Bring them to one "
                "length."
            ) from error
        raise DataError(
            f"{what}: expected an array, got {type(values).__name__} ({_line(error)}). {_TENSOR}"
        ) from error
    except Exception as error:  # what a foreign container raises when asked for its values
        raise DataError(
            f"{what}: expected an array, got {type(values).__name__} ({_line(error)}). {_TENSOR}"
        ) from error


def _line(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
    return first if first.isprintable() else ascii(first)[1:-1]


def _is_frame(values: Any) -> bool:
    return not _is_lazy(values) and hasattr(values, "columns") and hasattr(values, "dtypes")


def _is_lazy(values: Any) -> bool:
    """Whether values are yet to be computed: a lazy frame, a generator."""
    return hasattr(values, "__next__") or (hasattr(values, "collect") and not hasattr(values, "to_numpy"))


def _is_series(values: Any) -> bool:
    return hasattr(values, "dtype") and hasattr(values, "to_numpy") and not isinstance(values, np.ndarray)


def _series(values: Any, what: str) -> NDArray[Any]:
    """A series of pandas or polars, or an array of Arrow: nullable and categorical ones become what they stand for."""
    count = getattr(values, "null_count", None)
    gone = int(count() if callable(count) else values.isna().sum() if hasattr(values, "isna") else count or 0)
    plain = isinstance(values.dtype, np.dtype) and values.dtype.kind == "f"
    if gone and not plain:
        raise missing(gone, len(values), what)
    if type(values.dtype).__name__ == "CategoricalDtype":
        values = values.astype(object)
    return settled(np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values), what)


def _frame(frame: Any, what: str) -> Stacked:
    names = [str(name) for name in frame.columns]
    iloc = getattr(frame, "iloc", None)
    columns = [
        _series(frame[:, i] if iloc is None else iloc[:, i], f"{what}, column {n}") for i, n in enumerate(names)
    ]
    if len(columns) == 1:
        return Stacked(columns[0][:, None])
    if columns and all(column.dtype.kind == columns[0].dtype.kind == "U" for column in columns):
        return Stacked(np.stack(columns, axis=1))
    return stack(columns, names, what)
