"""Stored cells as tables for SQL, with DuckDB (``pip install 'overparam[query]'``).

One table a study: ``cell``, ``status``, ``seconds``, then every parameter and every value as a column; lists are
lists. A name with dashes is quoted (``"double-descent"``) or written with underscores (``double_descent``). The
tables are copies in memory; queries can neither read nor write files.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.core.errors import DamageWarning, OverparamError, StoreError, UsageError, nearest, unknown
from overparam.store.cells import CellStore, Fits
from overparam.store.packs import packs
from overparam.store.records import RecordStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST = ("cell", "status", "seconds")
_BATCH = 4096  # cells that are parsed at a time


Held = Callable[[str], "Fits | None"]
"""What more must hold of the cells of a study, by its name; None for nothing."""


def open_views(
    out: str | Path = "runs", studies: Iterable[str] | None = None, held: Held = lambda study: None
) -> DuckDBPyConnection:
    """Return a DuckDB connection with one table for each stored study; packed and loose cells are one.

    Cells that cannot be read are not in it: a :class:`~overparam.core.errors.DamageWarning` names them.

    Args:
        out: results folder.
        studies: the studies wanted; by default all that have cells.
        held: what more must hold of their cells.

    Raises:
        OverparamError: DuckDB is not installed.
        UsageError: the folder holds no such study, or no cells at all.
        StoreError: a pack is damaged, or a newer overparam wrote a cell.
    """
    try:
        import duckdb
    except ImportError as error:
        raise OverparamError("a query needs DuckDB: pip install 'overparam[query]'.") from error
    known = stored_studies(Path(out))
    if not known:
        raise UsageError(
            f"expected stored cells in {out}, got none. Run a study first, or name its folder with --out."
        )
    wanted = known if studies is None else list(dict.fromkeys(studies))
    for name in wanted:
        if name not in known:
            raise unknown("stored study", name, known, f"Looked in {out}.")
    connection = duckdb.connect(":memory:")
    connection.execute("SET python_enable_replacements = false; SET temp_directory = ''")
    for name in wanted:
        try:
            _table(connection, CellStore(Path(out), name), wanted, held(name))
        except duckdb.Error as error:
            raise StoreError(
                f"{Path(out) / name}: expected cells that make a table, got: {str(error).splitlines()[0]} "
                "Query another study, or read the cells with overparam.load(...).table()."
            ) from error
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def stored_studies(out: Path) -> list[str]:
    """Names of the studies that have cells in a results folder."""
    return [name for name in RecordStore(out).studies() if _has_cells(CellStore(out, name))]


def _has_cells(store: CellStore) -> bool:
    return bool(packs(store.packed) or store.loose())


def query(
    sql: str, out: str | Path = "runs", held: Held = lambda study: None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one query over the stored cells; only the studies that the query names are read.

    Args:
        sql: the query.
        out: results folder.
        held: as for :func:`open_views`.

    Returns:
        The names of the columns, and the rows.

    Raises:
        UsageError: the query is wrong; the text names the nearest columns.
    """
    known = stored_studies(Path(out))
    if not sql.strip():
        raise UsageError(f"query: expected SQL, got nothing. Tables: {', '.join(map(view, known)) or 'none'}.")
    low = sql.lower()  # a study whose name occurs nowhere is not read
    named = [name for name in known if name.lower() in low or view(name) in low]
    with open_views(out, named or None, held) as connection:
        import duckdb

        try:
            connection.execute(sql)
            columns = [column[0] for column in connection.description or ()]
            return columns, connection.fetchall() if columns else []
        except duckdb.Error as error:
            raise UsageError(_explained(connection, str(error))) from error


def view(study: str) -> str:
    """A study's name as it is written in SQL without quotes."""
    return re.sub(r"\W", "_", study).lower()


def _table(connection: DuckDBPyConnection, store: CellStore, studies: Iterable[str], fits: Fits | None) -> None:
    """Copy the cells of a study into a table, some thousands at a time."""
    import pyarrow as pa

    names = sorted(store.names())
    heads: list[Any] = []
    sizes: list[int] = []
    damaged: list[str] = []
    columns: dict[tuple[str, str], dict[int, Any]] = {}
    for number, start in enumerate(range(0, max(1, len(names)), _BATCH)):
        cells, bad = store.readable(names[start : start + _BATCH], fits)
        damaged += bad
        rows = list(cells.values())
        heads.append([(c.name, str(c.status), c.seconds) for c in rows])
        sizes.append(len(rows))
        for field in ("params", "values"):
            groups = [getattr(c, field) for c in rows]
            for key in dict.fromkeys(key for group in groups for key in group):
                column = _array([group.get(key) for group in groups])
                columns.setdefault((field, key), {})[number] = column
    if damaged:
        warnings.warn(store.left_out(damaged, len(names)), DamageWarning, stacklevel=4)
    flat = [head for batch in heads for head in batch]
    kinds = (pa.string(), pa.string(), pa.float64())
    table = {name: pa.array([h[i] for h in flat], kinds[i]) for i, name in enumerate(FIRST)}
    taken = {*FIRST}
    for (field, key), chunks in sorted(columns.items(), key=lambda item: item[0][0]):
        called = key
        while called.lower() in taken:
            called += f"_{field[:-1]}"
        taken.add(called.lower())
        table[called] = _joined([chunks.get(i, size) for i, size in enumerate(sizes)])
    connection.register("__incoming__", pa.table(table))
    connection.execute(f"CREATE TABLE {_quoted(store.study)} AS SELECT * FROM __incoming__")
    connection.unregister("__incoming__")
    if view(store.study) not in {name.lower() for name in studies}:
        connection.execute(f"CREATE VIEW {_quoted(view(store.study))} AS SELECT * FROM {_quoted(store.study)}")


def _array(values: list[Any]) -> Any:
    """A column of one kind; several kinds, names inside, or whole numbers beyond 64 bits become texts."""
    import pyarrow as pa

    if not any(isinstance(value, dict) for value in values):
        with contextlib.suppress(pa.ArrowException, OverflowError, UnicodeError):
            return pa.array(values)
    return _texts(values)


def _joined(chunks: list[Any]) -> Any:
    """One column from the batches of it; a batch without it is given as its number of cells."""
    import pyarrow as pa

    kinds = {chunk.type for chunk in chunks if not isinstance(chunk, int)}
    try:
        schemas = [pa.schema([("x", kind)]) for kind in kinds]
        return _cast(chunks, pa.unify_schemas(schemas, promote_options="permissive").field(0).type)
    except pa.ArrowException:  # kinds that do not go together, or a number that another kind cannot hold
        kind = pa.string()
        return _cast(
            [c if isinstance(c, int) or c.type == kind else _texts(c.to_pylist()) for c in chunks], kind
        )


def _cast(chunks: list[Any], kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_null(kind):
        kind = pa.string()
    if pa.types.is_list(kind) and pa.types.is_null(kind.value_type):
        kind = pa.list_(pa.float64())
    return pa.chunked_array(
        [pa.nulls(chunk, kind) if isinstance(chunk, int) else chunk.cast(kind) for chunk in chunks], kind
    )


def _texts(values: list[Any]) -> Any:
    import pyarrow as pa

    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array([None if t is None else t.encode("utf-8", "replace").decode() for t in texts], pa.string())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _explained(connection: DuckDBPyConnection, message: str) -> str:
    """DuckDB's first sentence, the nearest table or column, and what there is."""
    rows = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns ORDER BY table_name, ordinal_position"
    ).fetchall()
    columns = list(dict.fromkeys(column for _, column in rows))
    tables = list(dict.fromkeys(table for table, _ in rows))
    said = message.splitlines()[0].strip()
    missing = re.search(r'column "([^"]+)"|Table with name (\S+)', message)
    hint = ""
    if missing:
        hint = nearest(missing[1], columns) if missing[1] else nearest(missing[2].replace("-", "_"), tables)
    said += "" if said[-1:] in ".!?" else "."
    if "disabled" in said or "locked" in said:
        return f"query: {said} A query reads the stored cells only; redirect its output to keep it."
    return f"query: {said}{hint} Tables: {', '.join(tables)}. Columns: {', '.join(columns)}."
