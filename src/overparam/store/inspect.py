"""What a results folder holds, file by file, and what is wrong with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from overparam.core import disk
from overparam.core.atomic import check_writable
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.store import packs
from overparam.store.cells import Cell, CellStore, parse
from overparam.store.garbage import temporaries
from overparam.store.records import RecordStore


@dataclass
class Inspection:
    """One study's part of a results folder.

    Attributes:
        study: name of the study.
        cells: the cells that can be read.
        damaged: what is wrong with the cells that cannot; the next run sets them aside and computes them again.
        newer: cells and records of a newer version; a run refuses to touch them.
        set_aside: number of damaged files that a run has set aside.
        failures: number of cells that raised and are not finished since.
        leftovers: temporary files older than an hour, left by a process that was killed while it wrote.
        foreign: files that are no part of a results folder.
        runs: names of the records that can be read.
        broken: what is wrong with the records, and the packs of cells, that cannot.
    """

    study: str
    cells: dict[str, Cell] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    set_aside: int = 0
    failures: int = 0
    leftovers: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def inspect(out: Path, study: str) -> Inspection:
    """Read every file of one study under a results folder; nothing is changed."""
    store, records = CellStore(out, study), RecordStore(out)
    found = Inspection(study)
    for name in sorted(store.loose()):
        try:
            cell = store.read(name)
        except NewerError as error:
            found.newer.append(str(error))
        except DiskError as error:
            found.broken.append(str(error))
        except StoreError as error:
            found.damaged.append(str(error))
        else:
            if cell is not None:
                found.cells[name] = cell
    for pack in packs.packs(store.packed):
        try:
            for group in packs.texts(pack):
                found.cells |= {n: parse(n, text, pack.path) for n, text in group if n not in found.cells}
        except NewerError as error:
            found.newer.append(str(error))
        except StoreError as error:
            found.broken.append(str(error))
    for path in _records(records, study):
        try:
            records.read(path)
        except NewerError as error:
            found.newer.append(str(error))
        except StoreError as error:
            found.broken.append(str(error))
        else:
            found.runs.append(path.stem)
    found.failures = sum(path.stem not in found.cells for path in disk.listed(store.failures, "*.json"))
    for path in disk.listed(store.folder):
        if path.suffix == ".damaged":
            found.set_aside += 1
        elif not (path.suffix == ".tmp" and path.name.startswith(".")) and path.suffix != ".json":
            found.foreign.append(path)
    base = out / study
    folders = (base, store.folder, store.failures, store.packed, base / "register")
    found.leftovers = temporaries(folders, time.time())
    return found


def _records(records: RecordStore, study: str) -> list[Path]:
    """The records, newest first; by name where one cannot be opened."""
    try:
        return records.runs(study)
    except DiskError:
        return disk.listed(records.out / study, "[!.]*.json")


def writable(folder: Path) -> str:
    """Why a folder cannot be written; empty if it can."""
    try:
        check_writable(folder)
    except StoreError as error:
        return str(error)
    return ""
