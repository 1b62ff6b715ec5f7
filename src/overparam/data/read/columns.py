"""A column of a table as an array of the type stored: numbers, booleans, lists of equal lengths, or labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.read.roles import visible

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2.0**53
_LONGEST = 1_000


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves, without a dictionary or an extension around them."""
    import pyarrow as pa

    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind):
            kind = kind.value_type
        else:
            return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether every value is a list."""
    import pyarrow.types as kinds

    one = plain(kind)
    return any(
        test(one)
        for test in (
            kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list, kinds.is_list_view, kinds.is_large_list_view,
        )
    )  # fmt: skip


def is_number(kind: pa.DataType) -> bool:
    """Whether every value is a number or a truth value."""
    import pyarrow.types as kinds

    one = plain(kind)
    return (
        kinds.is_integer(one) or kinds.is_floating(one) or kinds.is_boolean(one) or kinds.is_decimal(one)
    )  # fmt: skip


def is_text(kind: pa.DataType) -> bool:
    """Whether every value is text."""
    import pyarrow.types as kinds

    one = plain(kind)
    return kinds.is_string(one) or kinds.is_large_string(one) or kinds.is_string_view(one)


def is_image(kind: pa.DataType) -> bool:
    """Whether every value is the bytes of a file, plain or in a struct with ``bytes`` as on the Hub."""
    import pyarrow.types as kinds

    one = plain(kind)
    if kinds.is_struct(one):
        fields = [one.field(i) for i in range(one.num_fields)]
        return any(
            field.name == "bytes" and is_image(field.type)
            for field in fields
            if not kinds.is_struct(field.type)
        )
    return kinds.is_binary(one) or kinds.is_large_binary(one) or kinds.is_binary_view(one)


def innermost(kind: pa.DataType) -> pa.DataType:
    """Return the type of the numbers in a list, or in a list of lists."""
    while is_list(kind):
        kind = plain(kind).value_type
    return kind


def numbers(column: pa.ChunkedArray, path: Path, name: str) -> NDArray[Any]:
    """Return a column of numbers or of lists of numbers.

    Args:
        column: numbers, truth values, or lists of them, nested or not, all of one length.
        path: of the file, for messages.
        name: of the column, for messages.

    Returns:
        Shape ``(n,)``, or ``(n, *lengths)`` of lists.

    Raises:
        DataError: a missing value, or lists of different lengths; the message names the row.
    """
    check_missing(column, path, name, "a number")
    first: tuple[int, ...] | None = None
    parts, row = [], 0
    for chunk in column.chunks:
        if not len(chunk):
            continue
        part = _array(chunk, path, name, row)
        if first is not None and part.shape[1:] != first:
            raise _ragged(path, name, row, first, part.shape[1:])
        first, row = part.shape[1:], row + len(chunk)
        parts.append(part)
    if not parts:
        raise DataError(f"'{path}': expected at least one row, got none. The file is empty.")
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if whole.dtype.kind == "f" and not np.isfinite(whole).all():
        raise _odd(whole, path, name)
    return whole


def _odd(values: NDArray[Any], path: Path, name: str) -> DataError:
    nan = bool(np.isnan(values).any())
    bad = np.isnan(values) if nan else np.isinf(values)
    return DataError(
        f"'{path}', column {visible(name)}: expected finite numbers, got {int(bad.sum()):,} "
        f"{'missing (nan)' if nan else 'infinite'} (the first in row {int(np.argwhere(bad)[0][0])}). Fill in or drop these "
        "rows, or leave the column out with drop=."
    )


def check_missing(column: pa.ChunkedArray, path: Path, name: str, what: str) -> None:
    """Raise DataError for a column with missing values; the message names the first row."""
    import pyarrow.compute as pc

    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise DataError(
            f"'{path}', column {visible(name)}: expected {what} in every row, got {column.null_count} missing (the first "
            f"in row {row}). Fill in or drop these rows, or leave the column out with drop=."
        )


def _array(values: pa.Array, path: Path, name: str, row: int) -> NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values.type, pa.BaseExtensionType):
        shape = getattr(values.type, "shape", None)
        flat = _array(values.storage, path, name, row)
        return flat.reshape(len(values), *shape) if shape else flat
    if pa.types.is_dictionary(values.type):
        return _array(values.dictionary_decode(), path, name, row)
    if is_list(values.type):
        lengths = pc.list_value_length(values)
        low, high = pc.min_max(lengths).as_py().values() if len(values) else (0, 0)
        if low != high:
            at = pc.index(pc.not_equal(lengths, lengths[0]), True).as_py()
            raise _ragged(path, name, row + at, (lengths[0].as_py(),), (lengths[at].as_py(),))
        if not low:
            raise DataError(f"'{path}', column {visible(name)}: expected lists of numbers, got empty lists.")
        inner = values.flatten()
        if inner.null_count:
            at = pc.index(pc.is_null(inner), True).as_py() // low
            raise DataError(
                f"'{path}', column {visible(name)}, row {row + at}: expected a number in every place of the list, got a "
                "missing one. Fill it in or drop the row."
            )
        flat = _array(inner, path, name, row)
        return flat.reshape(len(values), low, *flat.shape[1:])
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _ragged(path: Path, name: str, row: int, first: object, got: object) -> DataError:
    return DataError(
        f"'{path}', column {visible(name)}, row {row}: expected lists of one length, {first} as in the first row, got "
        f"{got}. Bring all rows to one length."
    )


def labels(column: pa.ChunkedArray, path: Path, name: str, targets: bool) -> NDArray[Any]:
    """Return a column of labels: numbers, truth values, or text as an array of objects.

    Args:
        column: the column.
        path: of the file, for messages.
        name: of the column, for messages.
        targets: whether these are numeric targets; then a list a row is a row of targets.

    Raises:
        DataError: a missing label, or values that no labels can be.
    """
    import pyarrow as pa

    kind = column.type
    check_missing(column, path, name, "a label")
    if is_text(kind):
        return _texts(column, path, name)
    if not is_number(innermost(kind) if targets else kind):
        raise DataError(
            f"'{path}', column {visible(name)}: expected one label a row, a number or text, got values of type {kind}. "
            "Say which column holds the labels with label=."
        )
    if not len(column):
        raise DataError(f"'{path}': expected at least one row, got none. The file is empty.")
    y = numbers(column, path, name)
    if (
        y.dtype.kind == "f"
        and not targets
        and not pa.types.is_decimal(plain(kind))
        and (np.abs(y) >= _EXACT).any()
    ):
        raise DataError(
            f"'{path}', column {visible(name)}: expected labels that can be told apart, got numbers above 2^53 read as "
            "floating point. Store them as text."
        )
    return y


def _texts(column: pa.ChunkedArray, path: Path, name: str) -> NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    coded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = (
            coded.chunk(0) if coded.num_chunks else pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), [])
        )
    words = [str(word) for word in coded.dictionary.to_pylist()]
    if any(not word.strip() for word in words):
        raise DataError(
            f"'{path}', column {visible(name)}: expected a label in every row, got empty text. Fill in or drop these rows."
        )
    long = max(map(len, words), default=0)
    if long > _LONGEST:
        raise DataError(
            f"'{path}', column {visible(name)}: expected labels of at most {_LONGEST:,} characters, got one of {long:,}. Say "
            "which column holds the labels with label=."
        )
    if len({word.strip() for word in words}) < len(words):
        raise DataError(
            f"'{path}', column {visible(name)}: expected labels that differ in more than the spaces around them, got both "
            "spellings of one. Write each label one way."
        )
    table = np.empty(len(words), dtype=object)
    table[:] = words
    return table[coded.indices.to_numpy(zero_copy_only=False)]
