"""A Parquet table: what its metadata says about columns is honoured, and it is read within the memory budget."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from overparam.core.errors import DataError
from overparam.core.memory import memory_budget
from overparam.data.read import footer, roles
from overparam.data.read.limits import afford, size
from overparam.data.read.opened import opened
from overparam.data.read.table import Table, check_names

if TYPE_CHECKING:
    import pyarrow as pa

_INDEX = re.compile(r"__index_level_\d+__|__null_dask_index__")
_MOST_ROWS = 65_536
_EACH = 8


def open_parquet(path: Path) -> Table:
    """Return the table of a Parquet file; only its end is read.

    Raises:
        DataError: the file is missing or damaged, or its columns have no names of their own.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as handle:
            file = pq.ParquetFile(handle)
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (OSError, pa.ArrowException, ValueError, TypeError) as error:
        raise unreadable(path, error) from error
    check_names(schema.names, path)
    metadata = schema.metadata or {}
    index = {name for name in schema.names if _INDEX.fullmatch(name)} | _pandas_index(metadata)
    return Table(
        path,
        {name: schema.field(name).type for name in schema.names},
        rows,
        lambda names: _read(path, names),
        frozenset(index & set(schema.names)),
        _class_names(metadata),
    )


def count_rows(paths: Sequence[Path]) -> int:
    """Return the number of rows in the files together, read from their ends only."""
    return sum(open_parquet(path).rows for path in paths)


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file that is not a whole Parquet table."""
    why = roles.visible(" ".join(str(error).split()), 160)
    return DataError(
        f"'{path}': expected a Parquet file, got something that cannot be read ({why}). "
        "The file is missing, cut short or damaged: get it again."
    )


def _pandas_index(metadata: dict[bytes, bytes]) -> set[str]:
    """Columns that pandas stored as the index of its rows."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        stored = json.loads(metadata[b"pandas"])["index_columns"]
        return {name for name in stored if isinstance(name, str)}
    return set()


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Names of classes that the Hub's library stored for columns of labels."""
    found = {}
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        for column, feature in features.items():
            names = (
                feature.get("names")
                if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
                else None
            )
            if isinstance(names, list) and names:
                found[column] = tuple(str(name) for name in names)
    return found


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    """The named columns, read piece by piece so that a file that claims little and holds much is refused in time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as handle:
            claims = footer.chunks(handle)
            handle.seek(0)
            file = pq.ParquetFile(handle)
            _check_claims(claims, file.metadata.num_rows, names, path)
            pieces, held = [], 0
            for piece in file.iter_batches(
                batch_size=_step(claims, names), columns=list(names), use_threads=False
            ):
                held += piece.nbytes
                if held > memory_budget() / 2:
                    raise DataError(
                        f"'{path}': expected columns that fit into memory, got more than {size(held)} in "
                        f"{roles.listed(names, 4)}. Take fewer rows, or another machine."
                    )
                pieces.append(piece)
            schema = pa.schema([file.schema_arrow.field(name) for name in names])
            return pa.Table.from_batches([piece.select(list(names)) for piece in pieces], schema)
    except (OSError, pa.ArrowException, ValueError, TypeError) as error:
        raise unreadable(path, error) from error


def _check_claims(claims: Sequence[footer.Chunk], rows: int, names: Sequence[str], path: Path) -> None:
    most = dict.fromkeys(names, 0)
    for chunk in claims:
        if chunk.path[0] in most:
            most[chunk.path[0]] += chunk.values
    values = sum(max(count, rows) for count in most.values())
    afford(values, _EACH, path, f"{rows:,} rows of {roles.listed(names, 4)}")


def _step(claims: Sequence[footer.Chunk], names: Sequence[str]) -> int:
    """Rows to read at once: so few that they fit although each repeats the longest value of its column chunk."""
    wanted = set(names)
    packed = [chunk.unpacked for chunk in claims if chunk.bytes and chunk.path[0] in wanted]
    return int(max(1, min(_MOST_ROWS, memory_budget() / 8 / max([*packed, 1]))))
