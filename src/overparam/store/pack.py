"""Packing: the cell files of a study become one pack beside them, and back; the store stays the same store.

Every step leaves a whole store behind it. A pack gets its name only after it has been read back and flushed to disk;
files are removed only after that, each only if it is still what was packed. After an interruption anywhere, the same
command finds the files that are already packed, and removes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from overparam.core import disk
from overparam.core.atomic import write_many
from overparam.core.documents import content, size
from overparam.core.errors import DiskError, StoreError
from overparam.store import packs
from overparam.store.cells import CellStore, parse
from overparam.store.packs import Pack
from overparam.store.schema import inside

MOST = 8  # packs of a study, above which packing makes one of all


@dataclass(frozen=True)
class Packed:
    """What packing or unpacking one study did.

    Attributes:
        study: its name.
        cells: number of cells that changed their form.
        path: the new pack, or the folder of the files.
        before: bytes of the files that are gone.
        after: bytes of the files that are new.
        left: names of the files that were left as they are: damaged, or of a newer schema.
    """

    study: str
    cells: int
    path: Path
    before: int
    after: int
    left: tuple[str, ...]


Stamp = tuple[int, int, int]


def pack(store: CellStore) -> Packed:
    """Pack the cell files of a study.

    They become one new pack; where a study has many packs, or a file replaces a packed cell, everything becomes one.

    Raises:
        StoreError: a pack that is there is damaged, or the folder cannot be written; nothing is lost.
    """
    inside(store.out, store.folder, store.packed)
    old = packs.packs(store.packed)
    index = packs.index(old)
    stamps: dict[str, Stamp] = {}
    left: list[str] = []
    twins: list[str] = []
    fresh: list[str] = []
    for name in sorted(store.loose()):
        (twins if name in index else fresh).append(name)
    replaced: list[str] = []
    for name in twins:
        text = _sound(store, name, stamps)
        if text is None:
            left.append(name)
        elif text != packs.text(*index[name]):
            replaced.append(name)
    whole = bool(replaced) or (bool(fresh) and len(old) >= MOST)

    def cells() -> Iterator[tuple[str, str]]:
        for name in sorted({*fresh, *replaced, *(index if whole else ())}):
            if name in index and name not in replaced:
                yield name, packs.text(*index[name])
            else:
                text = _sound(store, name, stamps)
                if text is not None:
                    yield name, text
                else:
                    left.append(name)
                    if name in index:
                        yield name, packs.text(*index[name])

    made = packs.write_pack(store.packed, cells()) if fresh or replaced else None
    after = disk.stat(made[0]).st_size if made else 0
    before = sum(_remove(store.path(name), stamp) for name, stamp in stamps.items())
    if made and whole:
        before += _drop(old)
    return Packed(
        store.study, len(stamps), made[0] if made else store.packed, before, after, tuple(sorted(left))
    )


def unpack(store: CellStore) -> Packed:
    """Write the files of all packed cells back, with the very same text, and remove the packs.

    Raises:
        StoreError: a pack is damaged, or the folder cannot be written; nothing is lost.
    """
    inside(store.out, store.folder, store.packed)
    old = packs.packs(store.packed)
    index, loose = packs.index(old), store.loose()
    wanted = [name for name in index if name not in loose]
    after = write_many(store.folder, ((store.path(name).name, text) for name, text in store.texts(wanted)))
    for name, text in store.texts(wanted):
        if text.decode() != packs.text(*index[name]):
            raise StoreError(
                f"{store.path(name)}: expected the text of the packed cell, got something else. "
                "The disk is at fault; the pack was kept. Try again, or another disk."
            )
    before = _drop(old)
    with contextlib.suppress(OSError):  # something else lies there
        disk.rmdir(store.packed)
    return Packed(store.study, len(wanted), store.folder, before, after, ())


def repack(store: CellStore, without: Collection[str]) -> int:
    """Write the packs of a study again without some cells; return the number of bytes that are saved."""
    inside(store.out, store.folder, store.packed)
    old = packs.packs(store.packed)
    index = packs.index(old)
    kept = sorted(index.keys() - set(without))
    if len(kept) == len(index):
        return 0
    made = packs.write_pack(store.packed, ((name, packs.text(*index[name])) for name in kept))
    return _drop(old) - (disk.stat(made[0]).st_size if made else 0)


def _sound(store: CellStore, name: str, stamps: dict[str, Stamp]) -> str | None:
    """Return the text of a cell's file and note what it was, or None if it cannot be packed."""
    path = store.path(name)
    try:
        size(path)  # a link in a circle, or no file at all
        facts = disk.stat(path)
        text = content(path).decode("utf-8")
        parse(name, text, path, store.study)
    except DiskError:
        raise
    except (OSError, ValueError, StoreError):
        return None
    stamps[name] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return text


def _remove(path: Path, stamp: Stamp) -> int:
    """Remove a file if it is still the one that was packed; return its bytes."""
    try:
        facts = disk.stat(path)
        if (facts.st_ino, facts.st_size, facts.st_mtime_ns) != stamp:
            return 0
        disk.unlink(path)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(
            f"{path}: expected to remove it, since it is packed, got: {error.strerror or error}. "
            "Nothing is lost; the same command goes on."
        ) from error
    return facts.st_size


def _drop(old: Collection[Pack]) -> int:
    """Remove packs, the oldest first, so that an older one never wins; return their bytes."""
    for one in reversed(list(old)):
        disk.unlink(one.path, missing_ok=True)
    return sum(one.bytes for one in old)
