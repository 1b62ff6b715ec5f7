"""The file format of a pack: many cells of one study in one Parquet file that never changes.

``<out>/<study>/packs/<number>-<hash>.parquet`` has a row a cell: its name, the columns that a listing or a resumed
run asks for, and the exact text of its JSON file. A higher number is newer, and wins over an older pack that has a
cell of the same name. The hash is of the names and texts; pages carry checksums. pyarrow is imported on first use.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import temporary_beside
from overparam.core.documents import Damaged, loads, size
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.core.shapes import is_safe

FORMAT = 1
ROWS = 1024  # cells in a row group: the least that reading one cell decompresses
COLUMNS = ("name", "status", "seconds", "cell_version", "params", "text")
MOST = 2**31  # bytes of a row group when it is decompressed, as its file says


@dataclass(frozen=True)
class Pack:
    """A pack file as it is now; two equal ones have the same content."""

    path: Path
    bytes: int
    changed: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a listing or a resumed run needs of a cell: everything but its values."""

    name: str
    status: str
    seconds: float
    cell_version: int
    params_text: str

    @property
    def params(self) -> dict[str, Any]:
        """The cell's parameters."""
        found: dict[str, Any] = json.loads(self.params_text)
        return found


def head(name: str, document: dict[str, Any]) -> Head:
    """Return the head of a cell's document."""
    params = json.dumps(document["params"])
    seconds, version = document.get("seconds"), document.get("cell_version")
    return Head(
        name,
        str(document["status"]),
        float(seconds) if isinstance(seconds, int | float) and abs(seconds) < 1e300 else 0.0,
        version if isinstance(version, int) and abs(version) < 2**53 else 0,
        params,
    )


def _head(name: str, text: str) -> Head:
    """The head of a cell in its text; of a damaged one, which a pack keeps as it is, the name alone."""
    try:
        return head(name, loads(text))
    except (Damaged, KeyError, TypeError):
        return Head(name, "damaged", 0.0, 0, "{}")


def packs(folder: Path) -> tuple[Pack, ...]:
    """Return the packs in a folder, newest first; a folder that is absent has none."""
    found = []
    for path in disk.listed(folder, "[!.]*.parquet"):
        with suppress(FileNotFoundError):
            facts = disk.lstat(path)
            found.append(Pack(path, facts.st_size, facts.st_mtime_ns))
    return tuple(sorted(found, key=lambda pack: (_number(pack.path), pack.path.name), reverse=True))


def _number(path: Path) -> int:
    first = path.name.split("-")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def write_pack(folder: Path, cells: Iterable[tuple[str, str]], above: int = 0) -> tuple[Path, int] | None:
    """Write a pack and read it back before it gets its name.

    Args:
        folder: the folder of the study's packs.
        cells: name and text of each cell, by rising name; they are streamed.
        above: the pack's number is larger than this one, and than those of the packs there.

    Returns:
        Its path and number of cells; None if there were no cells.

    Raises:
        StoreError: it cannot be written, or what was read back is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = _kinds()
    schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)), metadata={"overparam.pack": str(FORMAT)})
    written, count, stream = hashlib.sha256(), 0, iter(cells)
    with temporary_beside(folder / "pack.parquet") as temporary:
        with (
            disk.create(temporary) as file,
            pq.ParquetWriter(
                file, schema, compression="zstd", use_dictionary=["status"], write_page_checksum=True
            ) as writer,
        ):
            while batch := list(islice(stream, ROWS)):
                heads = [_head(name, text) for name, text in batch]
                columns = [
                    [h.name for h in heads], [h.status for h in heads], [h.seconds for h in heads],
                    [h.cell_version for h in heads], [h.params_text for h in heads], [text for _, text in batch],
                ]  # fmt: skip
                arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=ROWS)
                _digest(written, batch)
                count += len(batch)
        if not count:
            return None
        disk.fsync_path(temporary)
        again = hashlib.sha256()
        for group in texts(Pack(temporary, 0, 0)):
            _digest(again, group)
        if again.digest() != written.digest():
            raise StoreError(
                f"expected to read back the {count} cells written to {folder}, got something else. "
                "The disk or the memory is at fault; nothing was removed. Try again, or another disk."
            )
        number = 1 + max([above, *(_number(pack.path) for pack in packs(folder))])
        path = folder / f"{number:04d}-{written.hexdigest()[:12]}.parquet"
        disk.replace(temporary, path)
    for place in (folder, folder.parent):
        disk.fsync_path(place)
    return path, count


def _digest(digest: Any, batch: Iterable[tuple[str, str]]) -> None:
    for name, text in batch:
        digest.update(f"{len(name)} {len(text)} {name}{text}".encode())


@functools.lru_cache(maxsize=64)
def names(pack: Pack) -> tuple[str, ...]:
    """Return the names of a pack's cells; no document is read."""
    with _opened(pack) as file:
        found = tuple(file.read(columns=["name"]).column(0).to_pylist())
    wrong = next((name for name in found if name is None or not is_safe(name)), "")
    if wrong != "":
        raise StoreError(f"{pack.path}: expected names of cells, got {wrong!r:.80}. {_advice(pack)}")
    if len(set(found)) < len(found):
        twice = next(name for name, count in Counter(found).items() if count > 1)
        raise StoreError(f"{pack.path}: expected every cell once, got {twice} twice. {_advice(pack)}")
    return found


@functools.lru_cache(maxsize=8)
def index(found: tuple[Pack, ...]) -> dict[str, tuple[Pack, int]]:
    """Return the pack and row of each cell in packs that are given newest first; the newest pack wins."""
    return {name: (pack, row) for pack in reversed(found) for row, name in enumerate(names(pack))}


def heads(pack: Pack) -> list[Head]:
    """Return the heads of a pack's cells; their values are not read."""
    with _opened(pack) as file:
        table = file.read(columns=list(COLUMNS[:-1]))
        if any(column.null_count for column in table.columns):
            raise ValueError("a row of it lacks a name, a status or parameters")
        return [Head(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def texts(pack: Pack, wanted: Sequence[int] | None = None) -> Iterator[list[tuple[str, str]]]:
    """Give the names and texts of the cells in some rows, or in all, a row group at a time."""
    chosen = None if wanted is None else set(wanted)
    with _opened(pack) as file:
        start = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            rows = range(start, start + count)
            start += count
            here = [row - rows.start for row in rows if chosen is None or row in chosen]
            if here:
                table = file.read_row_group(group, columns=["name", "text"])
                if any(column.null_count for column in table.columns):
                    raise ValueError("a row of it lacks a name or a text")
                if len(here) < count:
                    table = table.take(here)
                yield list(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))


@functools.lru_cache(maxsize=16)
def _group(pack: Pack, group: int) -> list[str]:
    with _opened(pack) as file:
        found = file.read_row_group(group, columns=["text"]).column(0).to_pylist()
        if None in found:
            raise ValueError("a row of it lacks a text")
        return found


def text(pack: Pack, row: int) -> str:
    """Return the text of the cell in one row; neighbours read after it cost nothing."""
    return _group(pack, row // ROWS)[row % ROWS]


def _kinds() -> tuple[Any, ...]:
    """The types of the columns."""
    import pyarrow as pa

    return (pa.string(), pa.string(), pa.float64(), pa.int64(), pa.string(), pa.string())


def _advice(pack: Pack) -> str:
    return (
        f"Put a sound copy of {pack.path.name} there, or move it out of {pack.path.parent} (`overparam doctor "
        f"{pack.path.parents[2]} --fix` sets it aside) and run its study again: the cells in it are then computed again."
    )


@contextmanager
def _opened(pack: Pack) -> Iterator[Any]:
    """Open a pack, and turn what goes wrong into a sentence.

    Raises:
        FileNotFoundError: it is gone; look at the folder again.
        NewerError: a newer overparam wrote it.
        StoreError: it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size(pack.path)
        with (
            disk.open_read(pack.path) as raw,
            closing(pq.ParquetFile(raw, page_checksum_verification=True)) as file,
        ):
            stated = (file.schema_arrow.metadata or {}).get(b"overparam.pack", b"0")
            if int(stated) > FORMAT:
                raise NewerError(
                    f"{pack.path}: expected a pack of format {FORMAT}, got {int(stated)}. "
                    "It was written by a newer overparam: upgrade, or choose another folder with --out."
                )
            if tuple(file.schema_arrow.names) != COLUMNS or tuple(file.schema_arrow.types) != _kinds():
                raise ValueError("its columns are not those of a pack")
            groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
            if any(group.num_rows != ROWS for group in groups[:-1]):
                raise ValueError(f"a part of it has other than {ROWS} rows")
            if any(group.total_byte_size > MOST for group in groups):
                raise ValueError(f"a part of it would take more than {MOST / 1e9:.0f} GB")
            yield file
    except (DiskError, FileNotFoundError):
        raise  # the pack may be sound, or have gone
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(
            f"{pack.path}: expected a pack of cells, got a damaged file ({first}). {_advice(pack)}"
        ) from error
