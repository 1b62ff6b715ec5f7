"""What a results folder holds, file by file, what is wrong with it, and how that is set aside."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from overparam.core import disk
from overparam.core.atomic import check_writable, write_text
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.core.shapes import is_safe
from overparam.store import packs
from overparam.store.cells import Cell, CellStore, Fits, aside, parse
from overparam.store.garbage import temporaries
from overparam.store.merge import FAILED
from overparam.store.pack import repack
from overparam.store.records import RecordStore
from overparam.store.schema import inside
from overparam.store.seen import SeenStore

_PARTS = {"cells": ".json", "failed": ".json", "packs": ".parquet", "register": ".json"}
"""The folders of a study, and how the names of their files end."""


@dataclass(frozen=True)
class Damage:
    """Something that cannot be read.

    Attributes:
        path: the file.
        why: one sentence that names it.
        what: ``cell``, ``row`` (of a pack), ``record``, ``pack``, ``failure``, ``register`` or ``folder``.
        cell: name of the cell of a row.
    """

    path: Path
    why: str
    what: str
    cell: str = ""


@dataclass
class Inspection:
    """One study's part of a results folder.

    Attributes:
        study: name of the study.
        cells: the cells that can be read.
        damage: what cannot be read.
        newer: what a newer version wrote; a run refuses to touch it.
        set_aside: number of damaged files that were set aside.
        failures: number of cells that raised and are not finished since.
        leftovers: temporary files older than an hour, left by a process that was killed while it wrote.
        foreign: files that are no part of a results folder.
        runs: names of the records that can be read.
        linked: what is wrong with links that lead out of the results folder; nothing is written there.
        unread: what the disk refuses to read; it may be sound.
    """

    study: str
    cells: dict[str, Cell] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    set_aside: int = 0
    failures: int = 0
    leftovers: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def damaged(self) -> list[Damage]:
        """The damaged cells: the next run sets them aside and computes them again."""
        return [one for one in self.damage if one.what in ("cell", "row")]

    @property
    def broken(self) -> list[Damage]:
        """What else is damaged."""
        return [one for one in self.damage if one.what not in ("cell", "row")]

    @contextlib.contextmanager
    def looked_at(self, path: Path, what: str, cell: str = "") -> Iterator[None]:
        """Note what is wrong with a file that is read inside."""
        try:
            yield
        except NewerError as error:
            self.newer.append(str(error))
        except DiskError as error:
            if error.errno == errno.ENOTDIR:
                self.damage.append(Damage(path, str(error), what, cell))
            else:
                self.unread.append(str(error))  # it may be sound
        except StoreError as error:
            self.damage.append(Damage(path, str(error), what, cell))
        except FileNotFoundError:
            pass  # it went while it was looked at


def inspect(out: Path, study: str, fits: Fits | None = None) -> Inspection:
    """Read every file of one study under a results folder; nothing is changed.

    Args:
        out: results folder.
        study: name of the study.
        fits: what more must hold of its cells, for a study that is installed.
    """
    store, records, seen = CellStore(out, study), RecordStore(out), SeenStore(out, study)
    found = Inspection(study)
    for folder in (out / study, *(out / study / part for part in _PARTS)):
        try:
            inside(out, folder)
        except StoreError as error:
            found.linked.append(str(error))
    _files(out / study, found)
    loose: set[str] = set()
    with found.looked_at(store.folder, "folder"):
        loose = store.loose()
    for name in sorted(loose):
        with found.looked_at(store.path(name), "cell"):
            cell = store.own(name, fits)
            if cell is not None:
                found.cells[name] = cell
    _packs(store, loose, fits, found)
    for path in _records(records, study):
        with found.looked_at(path, "record"):
            records.read(path)
            found.runs.append(path.stem)
    for path in disk.listed(store.failures, "[!.]*.json"):
        with found.looked_at(path, "failure"):
            FAILED.read(path)
            found.failures += path.stem not in found.cells
    for path in disk.listed(seen.folder, "[!.]*.json"):
        with found.looked_at(path, "register"):
            seen.entry(path)
    return found


def _records(records: RecordStore, study: str) -> list[Path]:
    """The records, newest first; by name where one cannot be opened."""
    try:
        return records.runs(study)
    except DiskError:
        return disk.listed(records.out / study, "[!.]*.json")


def _packs(store: CellStore, loose: set[str], fits: Fits | None, found: Inspection) -> None:
    """Look at every row that counts: a file wins over a pack, and a newer pack over an older one."""
    taken = set(loose)
    every: tuple[packs.Pack, ...] = ()
    with found.looked_at(store.packed, "folder"):
        every = packs.packs(store.packed)
    for pack in every:
        with found.looked_at(pack.path, "pack"):
            packs.names(pack)
            heads = {head.name: head for head in packs.heads(pack)}
            for group in packs.texts(pack):
                for name, text in group:
                    if name in taken:
                        continue
                    taken.add(name)
                    with found.looked_at(pack.path, "row", name):
                        try:
                            cell = parse(name, text, pack.path, store.study, fits)
                        except (NewerError, DiskError):
                            raise
                        except StoreError as error:
                            raise StoreError(f"{error} The row is {name}.") from error
                        if packs.head(name, dict(cell.document)) != heads.get(name):
                            raise StoreError(
                                f"{pack.path}: expected columns that say what its texts say, got others for {name}."
                            )
                        found.cells[name] = cell


def _files(base: Path, found: Inspection) -> None:
    """Count what was set aside and what is left over, and name what belongs elsewhere."""
    for folder, ending in ((base, ""), *((base / part, ending) for part, ending in _PARTS.items())):
        for path in disk.listed(folder) if disk.is_dir(folder) else []:
            if path.suffix == ".damaged":
                found.set_aside += 1
            elif ending and path.suffix != ending and not (path.suffix == ".tmp" and path.name.startswith(".")):
                found.foreign.append(path)
    folders = [folder for folder in (base, *(base / part for part in _PARTS)) if disk.is_dir(folder)]
    found.leftovers = temporaries(folders, time.time())


def fix(out: Path, found: Inspection) -> list[tuple[Path, Path]]:
    """Set aside what is damaged, so that the next run computes it again; nothing is lost.

    A damaged file gets a name that ends in ``.damaged``. The text of a damaged row of a pack goes to such a file, and
    the pack is written again without it. What a newer version wrote, and links out of the folder, stay as they are.

    Args:
        out: results folder.
        found: from :func:`inspect`.

    Returns:
        Where each file was, and where it is now.

    Raises:
        StoreError: something cannot be moved; what was moved before stays so.
    """
    moved = []
    store = CellStore(out, found.study)
    for one in sorted(found.damage, key=lambda one: one.what == "row"):
        inside(out, one.path.parent)
        to = aside(one.path)
        if one.what == "row":
            held = store.index().get(one.cell)
            if held is None:
                continue
            to = aside(store.path(one.cell))
            inside(out, to.parent)
            write_text(to, packs.text(*held))
        else:
            try:
                disk.replace(one.path, to)
            except FileNotFoundError:
                continue  # a run was first
            except OSError as error:
                raise StoreError(
                    f"{one.path}: expected to move it aside, got: {error.strerror or error}."
                ) from error
        moved.append((one.path, to))
    rows = [one.cell for one in found.damage if one.what == "row"]
    if rows:
        repack(store, rows)
    return moved


def strangers(out: Path) -> list[Path]:
    """Folders that look like those of studies, but whose names no study can have."""
    odd = [path for path in disk.listed(out) if not is_safe(path.name) and disk.is_dir(path)]
    return [path for path in odd if any(disk.is_dir(path / part) for part in _PARTS)]


def writable(folder: Path) -> str:
    """Why a folder cannot be written; empty if it can."""
    try:
        check_writable(folder)
    except StoreError as error:
        return str(error)
    return ""
