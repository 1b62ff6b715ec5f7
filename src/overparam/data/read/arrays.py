"""Arrays of an .npz archive or of a folder of .npy files: which is what, and nothing read that does not fit."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.raw import Raw
from overparam.data.read import npy, roles
from overparam.data.read.limits import afford
from overparam.data.read.opened import opened
from overparam.data.read.wanted import Wanted

OURS = ("classes", "title", "notes")
_MOST_MEMBERS = 10_000
_LONGEST_TEXT = 100_000


@dataclass(frozen=True)
class Held:
    """An array that has been found: its header, and how its values are read."""

    header: npy.Header
    read: Callable[[], NDArray[Any]]


def from_npz(path: Path, wanted: Wanted) -> Raw:
    """Return the parts of an ``.npz`` archive.

    Raises:
        DataError: no archive of plain arrays, one that claims more than fits, or arrays that are not inputs and labels.
    """
    with _members(path) as held:
        return _parts(held, path, wanted)


def from_folder(files: Mapping[str, Path], folder: Path, wanted: Wanted) -> Raw:
    """Return the parts of a folder of ``.npy`` files.

    Args:
        files: by the names of the arrays.
        folder: where they lie.
        wanted: what a person said about them.

    Raises:
        DataError: as for an archive.
    """
    held = {}
    for name, path in files.items():
        with opened(path) as stream:
            held[name] = Held(npy.header(stream, path, name), partial(_read_file, path, name))
    return _parts(held, folder, wanted)


def _read_file(path: Path, name: str) -> NDArray[Any]:
    with opened(path) as stream:
        return npy.values(stream, npy.header(stream, path, name), path, name)


@contextmanager
def _members(path: Path) -> Iterator[dict[str, Held]]:
    with opened(path) as handle:
        try:
            archive = zipfile.ZipFile(handle)
        except Exception as error:  # a damaged directory raises many kinds
            raise npy.damaged(path, "the archive", error) from error
        with archive:
            yield dict(_found(archive, path))


def _found(archive: zipfile.ZipFile, path: Path) -> Iterator[tuple[str, Held]]:
    members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    names = [info.filename.removesuffix(".npy") for info in members]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice or len(names) > _MOST_MEMBERS:
        got = f"{roles.listed(twice)} more than once" if twice else f"{len(names):,}"
        raise DataError(
            f"'{path}': expected at most {_MOST_MEMBERS:,} arrays, each name once, got {got}. Save it again with "
            "numpy.savez(path, x=..., y=...)."
        )
    for name, info in zip(names, members, strict=True):
        with _member(archive, info, path, name) as stream:
            found = npy.header(stream, path, name)
            start = stream.tell()
        if not found.dtype.hasobject and start + found.size != info.file_size:
            raise DataError(
                f"'{path}': expected {name} to have the {found.size} bytes of its header's shape "
                f"{roles.visible(found.shape)}, got {info.file_size - start} in the archive. The file is damaged or forged."
            )
        yield name, Held(found, partial(_read, archive, info, path, name))


@contextmanager
def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> Iterator[Any]:
    try:
        stream = archive.open(info)
    except Exception as error:  # encrypted, an unknown packing, a damaged entry
        raise npy.damaged(path, name, error) from error
    with stream:
        yield stream


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> NDArray[Any]:
    with _member(archive, info, path, name) as stream:
        return npy.values(stream, npy.header(stream, path, name), path, name)


def _parts(held: Mapping[str, Held], path: Path, wanted: Wanted) -> Raw:
    for option, given in (("drop", wanted.drop), ("keep", wanted.keep)):
        if given:
            raise DataError(
                f"'{path}': expected no option {option}= for arrays, got {roles.listed(given)}. It is for tables."
            )
    ours = _ours(held, path)
    names = [name for name in held if name not in ours]
    x = roles.choose(names, roles.INPUTS, "image", wanted.image, path)
    y = roles.choose([n for n in names if n not in x.values()], roles.LABELS, "label", wanted.label, path)
    if "train" not in x or "train" not in y or ("test" in x) != ("test" in y):
        raise DataError(
            f"'{path}': expected arrays x and y (or names such as images and labels), and x_test and y_test or neither, got "
            f"{roles.listed(sorted(names))}. Save them under these names, or say which they are: "
            f"{path.name}:image=NAME,label=NAME."
        )
    used = {
        f"{role}_{part}": found[part]
        for role, found in (("x", x), ("y", y))
        for part in ("train", "test")
        if part in found
    }
    heads = {role: held[name].header for role, name in used.items()}
    for role, name in used.items():
        npy.check_type(heads[role], path, name)
        if role.startswith("x") and heads[role].dtype.kind in "SU":
            raise DataError(f"'{path}': expected numbers in {name}, got text. Encode it as numbers.")
    total = sum(head.values for head in heads.values())
    stored = max(-(-sum(head.size for head in heads.values()) // max(total, 1)), 1)
    shapes = ", ".join(f"{name} of shape {heads[role].shape}" for role, name in used.items())
    afford(total, stored, path, shapes)
    arrays = {role: held[name].read() for role, name in used.items()}
    notes = _named(used)
    saved = set(ours) == set(OURS) and set(used.values()) == {"x", "y", "x_test", "y_test"}
    if not saved:
        notes += roles.left(names, used.values())
    stated = tuple(filter(None, [ours.get("notes")]))
    return Raw(
        arrays["x_train"], arrays["y_train"], arrays.get("x_test"), arrays.get("y_test"),
        ours.get("classes"), ours.get("title") or path.name, (*stated, *notes), saved,
    )  # fmt: skip


def _ours(held: Mapping[str, Held], path: Path) -> dict[str, Any]:
    """Heading, notes and number of classes, where they are stored as this package does."""
    found: dict[str, Any] = {}
    for name in OURS:
        if name not in held or held[name].header.shape != ():
            continue
        kind = held[name].header.dtype
        if kind.kind == ("i" if name == "classes" else "U") and kind.itemsize <= 4 * _LONGEST_TEXT:
            found[name] = held[name].read().item()
    return found


def _named(used: Mapping[str, str]) -> tuple[str, ...]:
    """The sentence on which arrays were taken, where their names are not this package's."""
    if all(name == role.removesuffix("_train") for role, name in used.items()):
        return ()
    words = {"x_train": "inputs", "y_train": "labels", "x_test": "test inputs", "y_test": "test labels"}
    return (", ".join(f"{words[role]} from {roles.visible(name)}" for role, name in used.items()),)
