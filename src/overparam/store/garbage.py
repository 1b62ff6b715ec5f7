"""What can go from a results folder: nothing that a run, a verdict or a page of the present studies needs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from overparam.core import disk
from overparam.core.atomic import AGE
from overparam.core.errors import StoreError
from overparam.store import packs
from overparam.store.cells import CellStore
from overparam.store.pack import repack
from overparam.store.schema import inside

TEMPORARY = (".*.tmp", ".*.ray")  # what is being written, and what a run shows to the nodes of a cluster
KINDS = {
    "damaged": "damaged files that were set aside",
    "temporary": "temporary files of interrupted writes, older than an hour",
    "failures": "failure records of cells that have finished since",
    "stale": "cells of an older cell_version of an installed study",
    "empty": "empty folders",
}


@dataclass(frozen=True)
class Garbage:
    """What can go from one study's folder.

    Attributes:
        study: its name.
        files: paths by kind (see ``KINDS``).
        packed: names of packed cells that are stale.
        bytes: bytes by kind; of packed cells, their share of their packs.
    """

    study: str
    files: Mapping[str, tuple[Path, ...]]
    packed: tuple[str, ...]
    bytes: Mapping[str, int]

    def count(self, kind: str) -> int:
        """Number of things of a kind."""
        return len(self.files[kind]) + (len(self.packed) if kind == "stale" else 0)


def find_garbage(store: CellStore, version: int | None, now: float | None = None) -> Garbage:
    """Look for what can go; nothing is removed.

    Args:
        store: the cells of one study.
        version: the study's present ``cell_version``; None where it is not installed: no cell of it is stale.
        now: the time in seconds, by default the clock's.

    Raises:
        StoreError: a pack is damaged, or a link leads a folder out of the store.
    """
    moment = time.time() if now is None else now
    base = store.out / store.study
    folders = (store.folder, store.failures, store.packed)
    register = base / "register"
    inside(store.out, base, *folders, register)
    heads, _ = store.heads()
    stale = [h.name for h in heads.values() if version is not None and 0 < h.cell_version < version]
    loose = store.loose()
    temporary = temporaries((*folders, register, base), moment)
    files = {
        "damaged": [p for folder in (*folders, register, base) for p in _listed(folder, "*.damaged")],
        "temporary": temporary,
        "failures": [p for p in _listed(store.failures, "*.json") if p.stem in heads],
        "stale": [store.path(name) for name in stale if name in loose],
    }
    index = store.index()
    packed = tuple(name for name in stale if name in index)
    sizes = {kind: sum(_size(path) for path in paths) for kind, paths in files.items()}
    sizes["stale"] += _share(store, packed)
    gone = {path for paths in files.values() for path in paths}
    gone |= {pack.path for pack in packs.packs(store.packed) if not set(packs.names(pack)) - set(packed)}
    empty = [folder for folder in folders if disk.is_dir(folder) and set(disk.listed(folder)) <= gone]
    if disk.is_dir(base) and set(disk.listed(base)) <= {*gone, *empty}:
        empty.append(base)
    return Garbage(
        store.study,
        {kind: tuple(paths) for kind, paths in {**files, "empty": empty}.items()},
        packed,
        {**sizes, "empty": 0},
    )


def root_garbage(out: Path, now: float | None = None) -> Garbage:
    """Look for what can go from a results folder itself, beside the studies: temporary files."""
    found = tuple(temporaries((out,), time.time() if now is None else now))
    files = {kind: found if kind == "temporary" else () for kind in KINDS}
    return Garbage(".", files, (), {kind: sum(map(_size, paths)) for kind, paths in files.items()})


def temporaries(folders: Iterable[Path], now: float) -> list[Path]:
    """The temporary files in some folders that no running program can be writing any more."""
    return [
        path
        for folder in folders
        for pattern in TEMPORARY
        for path in _listed(folder, pattern)
        if now - _changed(path, now) > AGE
    ]


def remove_garbage(store: CellStore, garbage: Garbage) -> None:
    """Remove what was found; a folder that is no longer empty stays.

    Raises:
        StoreError: something cannot be removed; the rest is kept.
    """
    base = store.out / store.study
    inside(store.out, base, store.folder, store.failures, store.packed, base / "register")
    try:
        for kind in ("temporary", "damaged", "failures", "stale"):
            for path in garbage.files[kind]:
                disk.unlink(path, missing_ok=True)
        if garbage.packed:
            repack(store, garbage.packed)
        for folder in garbage.files["empty"]:
            if disk.is_dir(folder) and not disk.entries(folder):
                disk.rmdir(folder)
    except OSError as error:
        raise StoreError(
            f"expected to remove {error.filename}, got: {error.strerror or error}. Nothing else is lost."
        ) from error


def _listed(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder, links and pipes among them, but no folder: what lies in one is nobody's garbage."""
    return [path for path in disk.listed(folder, pattern) if disk.is_link(path) or not disk.is_dir(path)]


def _size(path: Path) -> int:
    try:
        return disk.lstat(path).st_size
    except OSError:
        return 0


def _changed(path: Path, otherwise: float) -> float:
    try:
        return disk.lstat(path).st_mtime
    except OSError:
        return otherwise


def _share(store: CellStore, names: Iterable[str]) -> int:
    index = store.index()
    return round(sum(index[n][0].bytes / len(packs.names(index[n][0])) for n in names if n in index))
