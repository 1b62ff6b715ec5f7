"""Parquet tables with a label column: images in the Hub's schema, or plain numeric columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.images import Pictures, pictures

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES = ("image", "img")
LABELS = ("label", "fine_label")


def read_table(path: Path) -> pa.Table:
    """Return the table of a Parquet file.

    Raises:
        DataError: the file is missing or not a whole Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as handle:
            return pq.read_table(handle)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def count_rows(paths: Sequence[Path]) -> int:
    """Return the number of rows in the files together, read from their ends only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    total = 0
    for path in paths:
        try:
            total += pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
    return total


def find_column(table: pa.Table, known: Sequence[str], what: str, path: Path) -> str:
    """Return the first known name among the columns, or raise DataError listing what is there."""
    for name in known:
        if name in table.column_names:
            return name
    raise DataError(
        f"'{path}' has no {what} column: expected one named {' or '.join(known)}, got "
        f"{', '.join(table.column_names) or 'no columns'}. Rename the column that holds it."
    )


def labels(table: pa.Table, path: Path) -> NDArray[Any]:
    """Return the label column as it is stored, shape ``(n,)``; missing values are an error."""
    name = find_column(table, LABELS, "label", path)
    column = table.column(name)
    if column.null_count:
        raise DataError(
            f"'{path}', column {name}: expected a label in every row, got {column.null_count} missing. "
            "Fill in or drop these rows."
        )
    return column.to_numpy()


def has_images(table: pa.Table) -> bool:
    """Tell whether the table has an image column of bytes, plain or inside a struct."""
    return any(name in table.column_names and _is_bytes(table.schema.field(name).type) for name in IMAGES)


def numbers(table: pa.Table, path: Path) -> NDArray[np.float64]:
    """Return all columns but the label as features, shape ``(n, columns)``; missing values become NaN."""
    import pyarrow.types as kinds

    label = find_column(table, LABELS, "label", path)
    names = [name for name in table.column_names if name != label]
    numeric = [
        name
        for name in names
        if kinds.is_integer(kind := table.schema.field(name).type)
        or kinds.is_floating(kind)
        or kinds.is_boolean(kind)
    ]
    if not names or numeric != names:
        other = ", ".join(name for name in names if name not in numeric) or "no column beside the label"
        raise DataError(
            f"'{path}': expected an image column ({' or '.join(IMAGES)}) or numeric columns beside the label, "
            f"got {other}. Encode these columns as numbers or drop them."
        )
    columns = [table.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in names]
    return np.stack(columns, axis=1)


def images(table: pa.Table, path: Path, limit: float | None = None) -> Pictures:
    """Decode the image column.

    Args:
        table: with a column of encoded images.
        path: where it comes from, for messages.
        limit: bytes that the decoded images may take.

    Raises:
        DataError: as :func:`overparam.data.images.pictures`.
    """
    import pyarrow as pa

    name = find_column(table, IMAGES, "image", path)
    column = table.column(name).combine_chunks()
    if pa.types.is_struct(column.type):
        column = column.field("bytes")
    return pictures((value.as_py() for value in column), len(column), f"'{path}'", limit)


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        kind = next(
            (kind.field(i).type for i in range(kind.num_fields) if kind.field(i).name == "bytes"), pa.null()
        )
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path}': expected a Parquet file, got something that cannot be read ({error}). "
        "The file is missing, cut short or damaged: get it again."
    )
