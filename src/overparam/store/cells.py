"""Cells on disk: ``<out>/<study>/cells/<readable>--<key>.json``, one atomic file each, or rows of packs.

A cell is done when its file exists and can be read, or when a pack holds it (:mod:`overparam.store.packs`); there is
no index to repair, and a file wins over a packed cell of the same name. What a cell must be is said in
:mod:`overparam.store.schema`. A damaged one counts as not done: it is moved aside (``.damaged``) when it is computed
again. A finished cell is never overwritten. Each file carries its own name and the hash of its text, so that a copy
under another name or an edit by hand is noticed (a file without them is taken as it is). Failures lie in
``<out>/<study>/failed``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from overparam.core import disk
from overparam.core.atomic import write_json, write_once, write_text
from overparam.core.documents import Damaged, content
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.store import packs
from overparam.store.packs import Head, Pack
from overparam.store.schema import CELL, SCHEMA, SIZES, Kind, inside, misnamed, own_name, parsed
from overparam.store.seal import sealed, whole

Index = Mapping[str, tuple[Pack, int]]
T = TypeVar("T")
KIND = Kind("cell", CELL)
_NAMED = 5  # damaged cells that are named one by one
_TRIES = 8  # to store a cell whose place is taken by something damaged


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


Fits = Callable[[Cell], str]
"""Why a cell is none of its study: a parameter or a value of another kind; empty if it is one."""


def parse(name: str, text: bytes | str, where: Path, study: str = "", fits: Fits | None = None) -> Cell:
    """Return the cell in the text of its file.

    Args:
        name: name of the cell.
        text: content of its file.
        where: the file, or the pack, for what is said of it.
        study: the study that it must belong to; empty for any.
        fits: what more must hold.

    Raises:
        NewerError: a newer overparam wrote it.
        StoreError: it is damaged.
    """
    with KIND.named(where):
        own_name(name)
        found = parsed(text, CELL)
        if found.get("cell", name) != name:
            raise Damaged(f"it holds the cell {found['cell']}")
        if not whole(text if isinstance(text, bytes) else text.encode()):
            raise Damaged("it was changed after it was written")
        if study and found.get("study", study) != study:
            raise Damaged(f"it holds a cell of '{found['study']}'")
        why = misnamed(name, found["params"])
        if not why and fits is not None:
            why = fits(_cell(name, found))
        if why:
            raise Damaged(why)
    return _cell(name, found)


def _cell(name: str, found: Mapping[str, Any]) -> Cell:
    seconds, note = found.get("seconds", 0.0), found.get("note", "")
    return Cell(name, found["params"], found["values"], found["status"], note, seconds, found)


def aside(path: Path) -> Path:
    """Return a free name for a damaged file, beside it: ``NAME.damaged``, or with a number where that is taken."""
    found, number = path.with_name(f"{path.stem}.damaged"), 1
    while disk.is_taken(found):
        number += 1
        found = path.with_name(f"{path.stem}.{number}.damaged")
    return found


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
        held = None if disk.is_taken(self.path(name)) else self.index().get(name)
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
        cell = self.own(name)
        return cell if cell is not None else self._steady(lambda _, index: self._row(name, index))

    def readable(self, names: Iterable[str], fits: Fits | None = None) -> tuple[dict[str, Cell], list[str]]:
        """Read many cells; return those that can be read, in the order of their names, and the names of damaged ones.

        Args:
            names: names of cells; those that are absent are left out.
            fits: what more must hold of each.

        Raises:
            StoreError: a pack is damaged, or a newer overparam wrote a cell.
        """
        wanted = list(names)
        damaged: list[str] = []

        def ask(loose: set[str], index: Index) -> dict[str, Cell]:
            damaged.clear()
            found = {cell.name: cell for cell in self._cells(wanted, loose, index, fits, damaged)}
            return {name: found[name] for name in wanted if name in found}

        return self._steady(ask), damaged

    def heads(
        self, names: Iterable[str] | None = None, fits: Fits | None = None
    ) -> tuple[dict[str, Head], list[str]]:
        """Read parameters, status and seconds of many cells, or of all.

        Of packed cells nothing else is read, unless ``fits`` says what more must hold of each.

        Returns:
            As :meth:`readable`; without ``names``, sorted.
        """
        wanted = None if names is None else list(names)
        damaged: list[str] = []

        def ask(loose: set[str], index: Index) -> dict[str, Head]:
            damaged.clear()
            asked = sorted(loose | index.keys()) if wanted is None else wanted
            own = asked if fits is not None else [name for name in asked if name in loose]
            cells = self._cells(own, loose, index, fits, damaged)
            found = {cell.name: packs.head(cell.name, dict(cell.document)) for cell in cells}
            for pack in {pack: None for pack, _ in index.values()} if fits is None else ():
                for head in packs.heads(pack):
                    if head.name not in loose and index[head.name][0] is pack:
                        found[head.name] = head
            return {name: found[name] for name in asked if name in found}

        return self._steady(ask), damaged

    def texts(self, names: Iterable[str], damaged: list[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """Give name and exact content of the files of some cells, packed ones last; their content is not judged.

        Args:
            names: names of cells.
            damaged: takes the names of those that cannot be read; without it, they are an error.
        """
        wanted = list(names)
        loose = self.loose()
        for name in wanted:
            if name in loose:
                try:
                    with KIND.named(self.path(name)):
                        found = content(self.path(name))
                except DiskError:
                    raise
                except (StoreError, FileNotFoundError):
                    if damaged is None:
                        raise
                    damaged.append(name)
                else:
                    yield name, found
        index = self.index()
        for pack, rows in _by_pack((n for n in wanted if n not in loose), index).items():
            for group in packs.texts(pack, rows):
                yield from ((name, text.encode()) for name, text in group)

    def write(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store a finished cell and drop an older failure of the same cell.

        A file that another run has stored meanwhile stays as it is; a damaged file is set aside.

        Raises:
            StoreError: the folder cannot be written, or a link leads it out of the store; or a newer overparam has
                stored the cell.
        """
        path = self.path(name)
        with KIND.named(path):
            own_name(name)
        inside(self.out, self.folder)
        made = sealed({"schema": SCHEMA, "cell": name, **document})
        for _ in range(_TRIES):
            if write_once(path, made):
                break
            try:
                if self.own(name) is not None:
                    break
            except (NewerError, DiskError):
                raise
            except StoreError:
                self.set_aside(name)
        else:
            raise StoreError(
                f"{path}: expected a place for the cell, but something damaged is put there again and again. "
                "End the other program, and run the same command."
            )
        with disk.quietly(), contextlib.suppress(StoreError):
            inside(self.out, self.failures)
            disk.unlink(self.failures / f"{name}.json", missing_ok=True)
        return path

    def left_out(self, damaged: Sequence[str], among: int) -> str:
        """What is said of cells that cannot be read: which, how many of how many, and how to learn why."""
        more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
        return (
            f"{self.out / self.study}: {len(damaged)} of {among} cells cannot be read and are left out: "
            f"{', '.join(damaged[:_NAMED])}{more}. `overparam doctor {self.out}` says why, and the next run computes "
            "them again."
        )

    def present(self, names: Iterable[str]) -> dict[str, Cell]:
        """Those of some cells that are stored and readable."""
        found, index = {}, self.index()
        for name in names:
            try:
                cell = self.own(name) or self._row(name, index)
            except DiskError:
                raise
            except (StoreError, FileNotFoundError):
                continue
            if cell is not None:
                found[name] = cell
        return found

    def write_failure(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store what went wrong in a cell; it will be tried again by the next run."""
        inside(self.out, self.failures)
        return write_json(self.failures / f"{name}.json", {"schema": SCHEMA, **document})

    def set_aside(self, name: str) -> None:
        """Rename a damaged file so that its cell can be computed again and nothing is lost.

        An earlier damaged file of the cell stays. A packed cell stays in its pack, its text is written to a
        ``.damaged`` file; when it has been computed again, its new file wins over the pack.
        """
        path = self.path(name)
        inside(self.out, self.folder)
        try:
            disk.replace(path, aside(path))
        except FileNotFoundError:
            held = self.index().get(name)
            if held is None:
                return  # another run was first
            text, first = packs.text(*held), path.with_name(f"{name}.damaged")
            with contextlib.suppress(FileNotFoundError, Damaged):
                if content(first) == text.encode():
                    return  # as after an interruption
            write_text(aside(path), text)

    def own(self, name: str, fits: Fits | None = None) -> Cell | None:
        """Read the file of one cell; None if it has none of its own.

        Raises:
            StoreError: the file is damaged, or of a newer schema.
        """
        path = self.path(name)
        try:
            with KIND.named(path):
                found = content(path, SIZES["cell"])
        except FileNotFoundError:
            return None
        return parse(name, found, path, self.study, fits)

    def _row(self, name: str, index: Index) -> Cell | None:
        held = index.get(name)
        return parse(name, packs.text(*held), held[0].path, self.study) if held else None

    def _cells(
        self, wanted: list[str], loose: set[str], index: Index, fits: Fits | None, damaged: list[str]
    ) -> Iterator[Cell]:
        """The cells that can be read, those with files of their own first; the names of damaged ones are noted."""
        for name in wanted:
            if name in loose:
                try:
                    cell = self.own(name, fits)
                except (NewerError, DiskError):
                    raise
                except StoreError:
                    damaged.append(name)
                    continue
                if cell is not None:
                    yield cell
        for pack, rows in _by_pack((name for name in wanted if name not in loose), index).items():
            for group in packs.texts(pack, rows):
                for name, text in group:
                    try:
                        yield parse(name, text, pack.path, self.study, fits)
                    except (NewerError, DiskError):
                        raise
                    except StoreError:
                        damaged.append(name)

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
