"""The files of a data set in a folder: arrays, or tables of a training and a test part in one of the Hub's layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from overparam.core.errors import DataError
from overparam.data.read import shards
from overparam.data.read.opened import kind_of
from overparam.data.read.roles import PARTS, listed

_TABLES = (".parquet", ".csv", ".tsv")
_WORDS = {word: part for part, words in PARTS.items() for word in words if len(word) > 2}
_PARTIAL = "partial-"
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Layout:
    """The files of a data set.

    Attributes:
        folder: where they lie.
        train: tables of the training part, in order.
        test: tables of the test part, in order; empty where there is none.
        arrays: ``.npy`` files by the names of their arrays, where the set is made of these.
        notes: what was left out.
    """

    folder: Path
    train: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    arrays: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Every file with what it is: ``train``, ``test``, or the name of an array."""
        tables = (*(("train", path) for path in self.train), *(("test", path) for path in self.test))
        return (*tables, *sorted(self.arrays.items()))


def find(folder: Path) -> Layout:
    """Return the files of the data set in a folder, in a folder ``data`` or a single one inside, or in the Hub's cache.

    Raises:
        DataError: none or several in it, or one that is not whole.
    """
    here = parts_in(folder) or arrays_in(folder)
    if here is not None:
        return here
    entries = _entries(folder)
    inside = [path for path in entries if path.is_dir()]
    if folder / "snapshots" in inside:
        return find(snapshots(folder)[0])
    holding = [path for path in inside if _holds(path)]
    if len(holding) > 1:
        raise DataError(
            f"'{folder}': expected the files of one data set, got folders with one each: "
            f"{listed(path.name for path in holding)}. Give one of these folders."
        )
    if holding:
        return find(holding[0])
    raise _none(folder, entries)


def parts_in(folder: Path, kinds: Sequence[str] = _TABLES) -> Layout | None:
    """Return the tables of the parts that lie in a folder, or in folders named after them; None where there are none.

    Args:
        folder: where to look.
        kinds: suffixes of tables that count.

    Raises:
        DataError: a part that is not whole, or files that would count rows twice.
    """
    if not folder.is_dir():
        return None
    entries = _entries(folder)
    tables = [path for path in entries if kind_of(path) in kinds and not path.is_dir()]
    flat = [found for path in tables if (found := shards.shard(path)) is not None]
    odd = [path.name for path in tables if shards.shard(path) is None and shards.like_a_part(path)]
    nested = {
        path: _WORDS[name]
        for path in entries
        if path.is_dir()
        and (name := path.name.lower().removeprefix(_PARTIAL)) in _WORDS
        and _tables(path, kinds)
    }
    if not (flat or nested):
        return None
    if odd:
        raise DataError(
            f"'{folder}': expected files named train.parquet or train-00000-of-00001.parquet, and the same for test, got "
            f"{listed(odd)} beside {listed(found.path.name for found in flat)}. Delete or rename what does not belong."
        )
    if flat and nested:
        raise DataError(
            f"'{folder}': expected the parts as files or in folders, got both: {listed(f.path.name for f in flat)} and "
            f"{listed(path.name for path in nested)}. Keep one: rows would count twice."
        )
    arrays = [path.name for path in entries if kind_of(path) == ".npy" and not path.is_dir()]
    if arrays and kinds is _TABLES:
        raise DataError(
            f"'{folder}': expected tables or arrays, got both: {listed(path.name for path in tables)} and {listed(arrays)}. "
            "Keep one of them."
        )
    notes = _left([path for path in entries if kind_of(path) and not path.is_dir()], flat, nested)
    if nested:
        parts, more = _nested(nested, folder, kinds)
        notes += more
    else:
        parts = {
            part: shards.whole(some, folder, part)
            for part in PARTS
            if (some := [f for f in flat if f.part == part])
        }
    if "validation" in parts:
        if "test" not in parts:
            raise DataError(
                f"'{folder}': expected a test part beside the training part, got train and validation. Rename the "
                "validation files to test if they are to be it."
            )
        notes += ("the validation part was left out",)
    if "train" not in parts:
        raise DataError(
            f"'{folder}': expected train-*.parquet beside test-*.parquet, got no train file. Copy the whole data set."
        )
    return Layout(folder, parts["train"], parts.get("test", ()), notes=notes)


def arrays_in(folder: Path) -> Layout | None:
    """Return the ``.npy`` files of a folder, or None where there are none.

    Raises:
        DataError: two files for one array.
    """
    files = [path for path in _entries(folder) if kind_of(path) == ".npy" and not path.is_dir()]
    named: dict[str, Path] = {}
    for path in files:
        name = shards.base(path)
        if name in named:
            raise DataError(
                f"'{folder}': expected one file for the array {name}, got {listed([named[name].name, path.name])}."
            )
        named[name] = path
    return Layout(folder, arrays=named) if named else None


def snapshots(folder: Path) -> list[Path]:
    """Return the snapshots in a folder of the Hub's cache, the one that its ``refs/main`` names first.

    Raises:
        DataError: there is none.
    """
    found = sorted(path for path in _entries(folder / "snapshots") if path.is_dir())
    refs = folder / "refs" / "main"
    main = refs.read_text(encoding="utf-8", errors="replace").strip() if refs.is_file() else ""
    if not found:
        raise DataError(f"'{folder}': expected a snapshot in it, got none. Download the data set again.")
    if len(found) > 1 and main not in [path.name for path in found]:
        raise DataError(
            f"'{folder}': expected one snapshot, or refs/main to name one, got {listed(path.name for path in found)}. Give "
            "the folder of one of them."
        )
    return sorted(found, key=lambda path: path.name != main)


def beside(path: Path) -> tuple[str, ...]:
    """Return the sentence on the other part of the data set that a single file belongs to.

    Raises:
        DataError: the file is one of several of its part.
    """
    found, folder = shards.shard(path), path.parent
    number = shards.numbered(path)
    if found is not None and found.number is not None and (found.total or 0) != 1:
        raise _one_of(path, f"number {found.number} of {found.total}", folder)
    if number is not None:
        others = [
            p
            for p in _entries(folder)
            if shards.numbered(p) is not None and kind_of(p) == kind_of(path) and p != path
        ]
        part = folder.name.lower().removeprefix(_PARTIAL)
        if others or number:
            raise _one_of(
                path, f"beside {listed(p.name for p in others)}", folder.parent if part in _WORDS else folder
            )
        near = [p for p in _entries(folder.parent) if p.is_dir() and p.name.lower() in _WORDS and p != folder]
        return (
            (f"{listed(p.name for p in near)} beside it was not read: give the folder to have both parts",)
            if near
            else ()
        )
    if found is None:
        return ()
    near = [p for p in _entries(folder) if (one := shards.shard(p)) and one.part != found.part and kind_of(p)]
    return (
        (f"{listed(p.name for p in near)} beside it was not read: give the folder to have both parts",)
        if near
        else ()
    )


def _one_of(path: Path, got: str, folder: Path) -> DataError:
    return DataError(
        f"'{path}': expected a whole part of a data set, got one of its files, {got}. Give the folder: {folder}."
    )


def _nested(
    folders: Mapping[Path, str], folder: Path, kinds: Sequence[str]
) -> tuple[dict[str, tuple[Path, ...]], tuple[str, ...]]:
    """The tables in folders named after their parts, as in the Hub's converted layout."""
    found: dict[str, tuple[Path, ...]] = {}
    notes: tuple[str, ...] = ()
    for place, part in folders.items():
        if part in found:
            both = listed(path.name for path, other in folders.items() if other == part)
            raise DataError(
                f"'{folder}': expected one folder for the {part} part, got {both}. Keep one of them: rows would count twice."
            )
        files = _tables(place, kinds)
        numbers = [shards.numbered(path) for path in files]
        named = [shards.shard(path) for path in files]
        if all(number is not None for number in numbers):
            pairs = [(number or 0, path) for number, path in zip(numbers, files, strict=True)]
            total = max(number for number, _ in pairs) + 1
            found[part] = shards.in_order(pairs, total, [number for number, _ in pairs], place, part)
        elif all(one is not None and one.part == part for one in named):
            found[part] = shards.whole([one for one in named if one is not None], place, part)
        elif len(files) == 1:
            found[part] = (files[0],)
        else:
            raise DataError(
                f"'{place}': expected files named 0000.parquet, 0001.parquet and so on, got {listed(p.name for p in files)}. "
                "Write the part into one file."
            )
        if place.name.lower().startswith(_PARTIAL):
            notes += (f"{place.name} is only the beginning of the published {part} part",)
    return found, notes


def _tables(folder: Path, kinds: Sequence[str]) -> list[Path]:
    return [path for path in _entries(folder) if kind_of(path) in kinds and not path.is_dir()]


def _left(files: Sequence[Path], flat: Sequence[shards.Shard], nested: Mapping[Path, str]) -> tuple[str, ...]:
    used = {found.path for found in flat} if not nested else set()
    rest = [path.name for path in files if path not in used]
    return (f"left out in the folder: {listed(rest)}",) if rest else ()


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without hidden files.

    Raises:
        DataError: the folder cannot be read, or a link in it leads nowhere.
    """
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError as error:
        raise DataError(
            f"'{folder}' cannot be read: {error}. Check that it exists and that you may read it."
        ) from error
    for path in found:
        if kind_of(path) and not path.exists():
            raise DataError(
                f"'{path}': expected a file, got a link that leads nowhere. Copy or download the file itself."
            )
    return found


def _holds(folder: Path) -> bool:
    entries = _entries(folder)
    return any(
        (kind_of(path) in _TABLES and shards.shard(path) is not None)
        or kind_of(path) == ".npy"
        or (path.is_dir() and (path.name.lower().removeprefix(_PARTIAL) in _WORDS or _holds_shallow(path)))
        for path in entries
    )


def _holds_shallow(folder: Path) -> bool:
    """Whether the folder of a configuration holds parts: the Hub's layouts are at most two folders deep."""
    return any(
        (kind_of(path) in _TABLES and shards.shard(path) is not None)
        or (path.is_dir() and path.name.lower().removeprefix(_PARTIAL) in _WORDS)
        for path in _entries(folder)
    )


def _none(folder: Path, entries: Sequence[Path]) -> DataError:
    files = [path for path in entries if kind_of(path)]
    names = listed(path.name + ("/" if path.is_dir() else "") for path in entries)
    if len(files) == 1:
        todo = f"Give the file itself: {files[0]}."
    elif any(p.suffix.lower() in _PICTURES for d in entries if d.is_dir() for p in _entries(d)[:5]):
        todo = "Folders of images are not read: pack them into an .npz with x and y, or a Parquet table with image and label."
    else:
        todo = "Name the files so, or give the path of one file."
    return DataError(
        f"'{folder}': expected train-*.parquet and test-*.parquet (or .csv; or folders train and test; or x.npy and y.npy), "
        f"got {names}. {todo}"
    )
