"""Merge another results folder into this one: what is missing is copied, what differs is told, nothing is replaced.

Two computers' results of the same cell differ by rounding; they count as the same when their statuses are equal and
every number agrees within a relative tolerance of 1e-5 or an absolute one of 1e-8.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core import disk
from overparam.core.atomic import write_bytes
from overparam.core.documents import content
from overparam.core.errors import DiskError, NewerError, StoreError
from overparam.store import packs
from overparam.store.cells import Cell, CellStore, Fits, parse
from overparam.store.schema import FAILURE, Kind, inside, own_name, parsed
from overparam.store.seen import SeenStore

FAILED = Kind("failure", FAILURE)
RELATIVE = 1e-5
ABSOLUTE = 1e-8


@dataclass(frozen=True)
class Conflict:
    """A cell whose values here and there differ by more than rounding; ours was kept.

    Attributes:
        name: the cell.
        what: name of the value with the largest difference.
        here: its value here.
        there: its value there.
        others: number of further values that differ.
    """

    name: str
    what: str
    here: Any
    there: Any
    others: int


@dataclass(frozen=True)
class Merged:
    """What merging one study did.

    Attributes:
        study: its name.
        copied: number of cells that were missing here.
        same: number of cells that both had, equal up to rounding.
        conflicts: cells that both had, with different values.
        refused: name and reason of each file there that was not copied.
        failures: number of failure records copied.
        records: names of the runs there; records are not copied.
    """

    study: str
    copied: int
    same: int
    conflicts: tuple[Conflict, ...]
    refused: tuple[tuple[str, str], ...]
    failures: int
    records: tuple[str, ...]


def merge(
    ours: CellStore,
    theirs: CellStore,
    relative: float = RELATIVE,
    absolute: float = ABSOLUTE,
    fits: Fits | None = None,
) -> Merged:
    """Copy the cells of a study that are missing here from another results folder.

    Cells that are packed there become one pack here; files become files. A cell that is damaged here is set aside
    and copied. Which rules were judged on which seeds there is remembered here too.

    Raises:
        StoreError: a pack is damaged, or the folder cannot be written; what was copied stays.
    """
    inside(ours.out, ours.folder, ours.packed, ours.failures)
    names, mine, loose_there = sorted(theirs.names()), ours.names(), theirs.loose()
    refused: list[tuple[str, str]] = []
    unread: list[str] = []
    copied = 0
    conflicts: list[Conflict] = []
    twins = [name for name in names if name in mine]
    digests = {name: _digest(text) for name, text in ours.texts(twins, [])}
    differing, same = [], 0
    for name, text in theirs.texts(twins, unread):
        if digests.get(name) == _digest(text):
            same += 1
        else:
            differing.append(name)
    rescued: set[str] = set()
    for name, text in theirs.texts(differing, unread):
        cell = _taken(ours.study, name, text, theirs, refused, fits)
        if cell is None:
            continue
        try:
            own = ours.read(name)
        except NewerError:
            refused.append((name, "the cell here was written by a newer overparam"))
            continue
        except DiskError:
            raise
        except StoreError:
            own = None
            ours.set_aside(name)
        if own is None:
            rescued.add(name)
            continue
        conflict = compare(own, cell, relative, absolute)
        same += conflict is None
        if conflict is not None:
            conflicts.append(conflict)
    missing = [name for name in names if name not in mine or name in rescued]
    for name, text in theirs.texts((name for name in missing if name in loose_there), unread):
        if _taken(ours.study, name, text, theirs, refused, fits) is not None:
            write_bytes(ours.path(name), text)
            copied += 1
    refused += [(name, "damaged") for name in dict.fromkeys(unread)]

    def packed() -> Iterator[tuple[str, str]]:
        index = theirs.index()
        for name in missing:
            if name in loose_there or name not in index:
                continue
            text = packs.text(*index[name])
            if _taken(ours.study, name, text.encode(), theirs, refused, fits) is not None:
                yield name, text

    if set(missing) - loose_there:
        made = packs.write_pack(ours.packed, packed())
        copied += made[1] if made else 0
    disk.fsync_path(ours.folder)  # the other folder may be removed now
    damaged = SeenStore(ours.out, ours.study).merge(SeenStore(theirs.out, theirs.study))
    refused += [("register", str(error)) for error in damaged]
    runs = tuple(sorted(path.stem for path in disk.listed(theirs.out / theirs.study, "*.json")))
    failures = _failures(ours, theirs, refused)
    return Merged(ours.study, copied, same, tuple(conflicts), tuple(refused), failures, runs)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def compare(here: Cell, there: Cell, relative: float = RELATIVE, absolute: float = ABSOLUTE) -> Conflict | None:
    """Compare two results of one cell; None if they are the same up to rounding."""
    if here.status != there.status:
        return Conflict(here.name, "status", here.status, there.status, 0)
    found = [
        (gap, name, here.values.get(name), there.values.get(name))
        for name in sorted({*here.values, *there.values})
        if (gap := _gap(here.values.get(name), there.values.get(name), relative, absolute)) > 0
    ]
    if not found:
        return None
    _, name, one, other = max(found, key=lambda item: item[0])
    return Conflict(here.name, name, *_first(one, other, relative, absolute), len(found) - 1)


def _gap(one: Any, other: Any, relative: float, absolute: float) -> float:
    """How far two values are apart: 0 within the tolerance, a relative difference, or infinity."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max((_gap(a, b, relative, absolute) for a, b in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((_gap(one[k], other[k], relative, absolute) for k in one), default=0.0)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    if not numbers:
        return 0.0 if type(one) is type(other) and one == other else math.inf
    if math.isclose(one, other, rel_tol=relative, abs_tol=absolute):
        return 0.0
    return abs(one - other) / max(abs(one), abs(other))


def _first(one: Any, other: Any, relative: float, absolute: float) -> tuple[Any, Any]:
    """Of two curves of one length, the first pair of points that differ; else the two values."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((a, b) for a, b in zip(one, other, strict=True) if _gap(a, b, relative, absolute) > 0)
    return one, other


def _taken(
    study: str,
    name: str,
    text: bytes,
    theirs: CellStore,
    refused: list[tuple[str, str]],
    fits: Fits | None,
) -> Cell | None:
    """Return the cell if it may be copied; else note why not."""
    try:
        cell = parse(name, text, theirs.path(name), fits=fits)
    except NewerError:
        refused.append((name, "written by a newer overparam"))
        return None
    except StoreError:
        refused.append((name, "damaged"))
        return None
    if cell.document.get("study", study) != study:
        refused.append((name, f"a cell of '{cell.document['study']}'"))
        return None
    return cell


def _failures(ours: CellStore, theirs: CellStore, refused: list[tuple[str, str]]) -> int:
    """Copy the failures of cells that are not finished here; return their number."""
    finished, count = ours.names(), 0
    for path in disk.listed(theirs.failures, "[!.]*.json"):
        target = ours.failures / path.name
        if path.stem in finished or disk.is_taken(target):
            continue
        try:
            with FAILED.named(path):
                own_name(path.stem)
                text = content(path)
                parsed(text, FAILURE)
        except DiskError:
            raise
        except FileNotFoundError:
            continue
        except StoreError:
            refused.append((f"failed/{path.stem}", "damaged"))
            continue
        write_bytes(target, text)
        count += 1
    return count
