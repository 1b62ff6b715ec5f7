"""Stored cells as tables for SQL, with DuckDB (``pip install 'overparam[query]'``).

One table a study: ``cell``, ``status``, ``seconds``, then every parameter and every value as a column; lists are
lists. A name with dashes is quoted (``"double-descent"``) or written with underscores (``double_descent``). The
tables are copies in memory; queries can neither read nor write files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overparam.errors import OverparamError, StoreError, UsageError, nearest, unknown
from overparam.store.cells import SCHEMA, CellStore
from overparam.store.packs import NewerSchema, packs
from overparam.store.records import RecordStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST = ("cell", "status", "seconds")
_BATCH = 8192


def open_views(out: str | Path = "runs", studies: Iterable[str] | None = None) -> DuckDBPyConnection:
    """Return a DuckDB connection with one table for each stored study; packed and loose cells are one.

    Args:
        out: results folder.
        studies: the studies wanted; by default all that have cells.

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
        _table(connection, CellStore(Path(out), name))
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def stored_studies(out: Path) -> list[str]:
    """Names of the studies that have cells in a results folder."""
    return [name for name in RecordStore(out).studies() if _has_cells(CellStore(out, name))]


def _has_cells(store: CellStore) -> bool:
    return bool(packs(store.packed) or store.loose())


def query(sql: str, out: str | Path = "runs") -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one query over the stored cells; only the studies that the query names are read.

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
    with open_views(out, named or None) as connection:
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


def _table(connection: DuckDBPyConnection, store: CellStore) -> None:
    import duckdb

    connection.register("incoming", _documents(store))
    connection.execute(
        "CREATE TEMP TABLE raw AS SELECT cell, text::JSON AS doc FROM incoming WHERE json_valid(text) "
        "AND json_type(text, '$.params') = 'OBJECT' AND json_type(text, '$.values') = 'OBJECT'"
    )
    connection.unregister("incoming")
    newer = connection.execute(
        "SELECT cell, doc->>'$.schema' FROM raw WHERE TRY_CAST(doc->>'$.schema' AS BIGINT) > ? LIMIT 1",
        [SCHEMA],
    ).fetchone()
    if newer:
        raise NewerSchema(
            f"{store.where(newer[0])}: expected schema {SCHEMA} or older, got {newer[1]}. "
            "It was written by a newer overparam: upgrade, or choose another folder with --out."
        )
    found = connection.execute(
        "SELECT json_group_structure({p: doc->'params', v: doc->'values'}::JSON) FROM raw"
    )
    shape = json.loads((found.fetchone() or ("",))[0] or "{}")
    groups = {"params": shape.get("p"), "values": shape.get("v")}
    groups = {key: group for key, group in groups.items() if isinstance(group, dict) and group}
    try:
        try:
            _fill(connection, store.study, groups, "BIGINT")
        except duckdb.ConversionException:  # a whole number of more than 63 bits
            _fill(connection, store.study, groups, "HUGEINT")
    except duckdb.Error as error:
        raise StoreError(
            f"expected cells of '{store.study}' that fit one table, got: {str(error).splitlines()[0]}. "
            "Two names that differ only in their case do not; read such cells with `json`."
        ) from error
    if view(store.study) != store.study.lower():
        connection.execute(f"CREATE VIEW {_quoted(view(store.study))} AS SELECT * FROM {_quoted(store.study)}")
    connection.execute("DROP TABLE raw")


def _documents(store: CellStore) -> Any:
    """The cells as a stream of Arrow batches with their names and texts."""
    import pyarrow as pa

    schema = pa.schema([("cell", pa.string()), ("text", pa.string())])

    def batches() -> Iterator[Any]:
        stream = store.texts(sorted(store.names()))
        while batch := list(islice(stream, _BATCH)):
            names, texts = zip(*batch, strict=True)
            decoded = [text.decode("utf-8", "replace") for text in texts]
            yield pa.record_batch([pa.array(names), pa.array(decoded)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _fill(connection: DuckDBPyConnection, study: str, groups: Mapping[str, Any], whole: str) -> None:
    """Make the table of a study from the documents in ``raw``; whole numbers get the type ``whole``."""
    structure: dict[str, Any] = {"status": "VARCHAR", "seconds": "DOUBLE"}
    columns, taken = ["cell", "s.status AS status", "s.seconds AS seconds"], set(FIRST)
    for field, group in groups.items():
        structure[field] = {name: _kind(kind) for name, kind in group.items()}
        for name, kind in structure[field].items():
            called = name if name.lower() not in taken else f"{name}_{field[:-1]}"
            taken.add(called.lower())
            wide = "HUGEINT" in (kind, kind[0] if isinstance(kind, list) else "")
            cast = f"::{whole}{'[]' * isinstance(kind, list)}" if wide else ""
            columns.append(f"s.{field}.{_quoted(name)}{cast} AS {_quoted(called)}")
    text = json.dumps(structure).replace("'", "''")
    connection.execute(
        f"CREATE TABLE {_quoted(study)} AS SELECT {', '.join(columns)} "
        f"FROM (SELECT cell, json_transform(doc, '{text}') AS s FROM raw) ORDER BY cell"
    )


def _kind(kind: Any) -> Any:
    """How DuckDB reads a column: whole numbers with a sign, and what is never set as text."""
    if isinstance(kind, list):
        return [_kind(inner) for inner in kind]
    if isinstance(kind, dict):
        return "JSON"
    return {"UBIGINT": "HUGEINT", "BIGINT": "HUGEINT", "NULL": "VARCHAR"}.get(kind, kind)


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
