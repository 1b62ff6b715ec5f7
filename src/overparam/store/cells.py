"""Cells on disk: ``<out>/<study>/cells/<readable>--<key>.json``, one atomic file each, or rows of packs.

A cell is done when its file exists and can be read, or when a pack holds it (:mod:`overparam.store.packs`); there is
no index to repair, and a file wins over a packed cell of the same name. A damaged file counts as not done: it is
moved aside (``.damaged``) when its cell is computed again. A finished cell is never overwritten. Each file carries its
own name and the hash of its text, so that a copy under another name or an edit by hand is noticed (a file without
them is taken as it is). Failures lie in ``<out>/<study>/failed``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from overparam.core import disk
from overparam.core.atomic import write_json, write_once, write_text
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.store import packs
from overparam.store.packs import Head, Pack
from overparam.store.seal import sealed, whole

SCHEMA = 1
Index = Mapping[str, tuple[Pack, int]]
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """A stored cell: its parameters, what it found, and what it cost."""

    name: str
    params: Mapping[str, Any]
    values: Mapping[str, Any]
    status: str
    note: str
    seconds: float
    document: Mapping[str, Any]


def parse(name: str, content: bytes | str, where: Path) -> Cell:
    """Return the cell in the text of its file.

    Raises:
        NewerError: a newer overparam wrote it.
        StoreError: it is damaged.
    """
    try:
        cell = _cell(name, json.loads(content), where)
        if cell.document.get("cell", name) != name:
            raise ValueError(f"it holds the cell {cell.document['cell']}")
        if not whole(content if isinstance(content, bytes) else content.encode()):
            raise ValueError("it was changed after it was written")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{where}: expected a cell, got a damaged file ({_why(error)}).") from error
    return cell


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "it is empty" if not error.doc.strip() else f"it is no JSON: {error}"
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _cell(name: str, document: Mapping[str, Any], where: Path) -> Cell:
    if document["schema"] > SCHEMA:
        raise NewerError(
            f"{where}: expected schema {SCHEMA} or older, got {document['schema']}. "
            "It was written by a newer overparam: upgrade, or choose another folder with --out."
        )
    seconds, note = document.get("seconds", 0.0), document.get("note", "")
    return Cell(name, document["params"], document["values"], document["status"], note, seconds, document)


@dataclass(frozen=True)
class CellStore:
    """The cells of one study under a results folder."""

    out: Path
    study: str

    @property
    def folder(self) -> Path:
        """Where the finished cells lie."""
        return self.out / self.study / "cells"

    @property
    def failures(self) -> Path:
        """Where the records of failed cells lie."""
        return self.out / self.study / "failed"

    @property
    def packed(self) -> Path:
        """Where the packs lie."""
        return self.out / self.study / "packs"

    def path(self, name: str) -> Path:
        """Path of a cell's own file, whether or not it is there."""
        return self.folder / f"{name}.json"

    def where(self, name: str) -> Path:
        """Path of the file that holds a cell: its own, or a pack."""
        held = None if disk.exists(self.path(name)) else self.index().get(name)
        return held[0].path if held else self.path(name)

    def loose(self) -> set[str]:
        """Names of the cells that have a file of their own (one directory listing, nothing is opened)."""
        names = (entry.name for entry in disk.entries(self.folder))
        return {name[:-5] for name in names if name.endswith(".json") and name[0] != "."}

    def index(self) -> Index:
        """Pack and row of every packed cell by name."""
        return packs.index(packs.packs(self.packed))

    def names(self) -> set[str]:
        """Names of all finished cells; no cell is opened."""
        return self._steady(lambda loose, index: loose | index.keys())

    def read(self, name: str) -> Cell | None:
        """Read one cell; None if it is absent.

        Raises:
            StoreError: the file is not a cell of a schema that this version knows.
        """
        cell = self._own(name)
        return cell if cell is not None else self._steady(lambda _, index: self._row(name, index))

    def readable(self, names: Iterable[str]) -> tuple[dict[str, Cell], list[str]]:
        """Read many cells; return those that can be read, in the order of their names, and the names of damaged files.

        Raises:
            StoreError: a pack is damaged, or a newer overparam wrote a cell.
        """
        wanted = list(names)
        return self._steady(lambda loose, index: self._readable(wanted, loose, index))

    def heads(self, names: Iterable[str] | None = None) -> tuple[dict[str, Head], list[str]]:
        """Read parameters, status and seconds of many cells, or of all; of packed cells nothing else is read.

        Returns:
            As :meth:`readable`; without ``names``, sorted.
        """
        wanted = None if names is None else list(names)
        return self._steady(lambda loose, index: self._heads(wanted, loose, index))

    def texts(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Give name and exact content of the files of some cells, packed ones last; their content is not judged."""
        wanted = list(names)
        loose = self.loose()
        for name in wanted:
            if name in loose:
                yield name, disk.read_bytes(self.path(name))
        index = self.index()
        for pack, rows in _by_pack((n for n in wanted if n not in loose), index).items():
            for group in packs.texts(pack, rows):
                yield from ((name, text.encode()) for name, text in group)

    def write(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store a finished cell and drop an older failure of the same cell.

        A file that another run has stored meanwhile stays as it is; a damaged file is set aside.
        """
        path = self.path(name)
        content = sealed({"schema": SCHEMA, "cell": name, **document})
        while not write_once(path, content):
            try:
                if self._own(name) is not None:
                    break
            except (NewerError, DiskError):
                raise
            except StoreError:
                self.set_aside(name)
        with disk.quietly():
            disk.unlink(self.failures / f"{name}.json", missing_ok=True)
        return path

    def present(self, names: Iterable[str]) -> dict[str, Cell]:
        """Those of some cells that are stored and readable."""
        found, index = {}, self.index()
        for name in names:
            try:
                cell = self._own(name) or self._row(name, index)
            except DiskError:
                raise
            except (StoreError, FileNotFoundError):
                continue
            if cell is not None:
                found[name] = cell
        return found

    def write_failure(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store what went wrong in a cell; it will be tried again by the next run."""
        return write_json(self.failures / f"{name}.json", {"schema": SCHEMA, **document})

    def set_aside(self, name: str) -> None:
        """Rename a damaged file so that its cell can be computed again and nothing is lost.

        A packed cell stays in its pack, its text is written to the ``.damaged`` file; when it has been computed
        again, its new file wins over the pack.
        """
        path = self.path(name)
        aside = path.with_name(f"{path.stem}.damaged")
        try:
            disk.replace(path, aside)
        except FileNotFoundError:
            held = self.index().get(name)
            if held is None:
                return  # another run was first
            write_text(aside, packs.text(*held))

    def _own(self, name: str) -> Cell | None:
        try:
            return parse(name, disk.read_bytes(self.path(name)), self.path(name))
        except FileNotFoundError:
            return None

    def _row(self, name: str, index: Index) -> Cell | None:
        held = index.get(name)
        return parse(name, packs.text(*held), held[0].path) if held else None

    def _loose_cells(self, names: Iterable[str], damaged: list[str]) -> Iterator[Cell]:
        for name in names:
            try:
                cell = self._own(name)
            except (NewerError, DiskError):
                raise
            except StoreError:
                damaged.append(name)
                continue
            if cell is not None:
                yield cell

    def _readable(self, wanted: list[str], loose: set[str], index: Index) -> tuple[dict[str, Cell], list[str]]:
        damaged: list[str] = []
        cells = {cell.name: cell for cell in self._loose_cells((n for n in wanted if n in loose), damaged)}
        left = (name for name in wanted if name not in loose)
        for pack, rows in _by_pack(left, index).items():
            for group in packs.texts(pack, rows):
                documents = json.loads(f"[{','.join(text for _, text in group)}]")
                for (name, _), document in zip(group, documents, strict=True):
                    cells[name] = _cell(name, document, pack.path)
        return {name: cells[name] for name in wanted if name in cells}, damaged

    def _heads(
        self, wanted: list[str] | None, loose: set[str], index: Index
    ) -> tuple[dict[str, Head], list[str]]:
        names = sorted(loose | index.keys()) if wanted is None else wanted
        damaged: list[str] = []
        own = self._loose_cells((name for name in names if name in loose), damaged)
        found = {cell.name: packs.head(cell.name, dict(cell.document)) for cell in own}
        for pack in {pack: None for pack, _ in index.values()}:
            for head in packs.heads(pack):
                if head.name not in loose and index[head.name][0] is pack:
                    found[head.name] = head
        return {name: found[name] for name in names if name in found}, damaged

    def _steady(self, ask: Callable[[set[str], Index], T]) -> T:
        """Look at the files, then at the packs, so that a cell that is being packed is seen; again if a pack went."""
        for _ in range(3):
            loose = self.loose()
            try:
                return ask(loose, self.index())
            except FileNotFoundError:
                continue
        raise StoreError(f"{self.packed}: expected packs, but they are being changed. Try again in a minute.")


def _by_pack(names: Iterable[str], index: Index) -> dict[Pack, list[int]]:
    rows: dict[Pack, list[int]] = {}
    for name in names:
        held = index.get(name)
        if held:
            rows.setdefault(held[0], []).append(held[1])
    return rows
