"""A person's own data, named by a path: a file of arrays, a table, or a folder of either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from overparam.core import data_name
from overparam.core.errors import DataError
from overparam.data import files
from overparam.data.dataset import Dataset, digest, from_arrays
from overparam.data.raw import Raw
from overparam.data.read import folders, others, roles
from overparam.data.read.arrays import from_folder, from_npz
from overparam.data.read.csvs import open_csv
from overparam.data.read.opened import kind_of
from overparam.data.read.pairing import compared
from overparam.data.read.parquets import open_parquet
from overparam.data.read.table import Table
from overparam.data.read.tables import from_tables
from overparam.data.read.wanted import wanted

_VERSION = "own v2"
_ARCHIVE = "own v1"  # an .npz without options is read as ever
_OPEN = {".parquet": open_parquet, ".csv": open_csv, ".tsv": open_csv}
_NOTE = "The user's own file"
_DEFAULTS = {"labels": "as-is", "pixels": "auto", "targets": "classes"}


def is_path(base: str) -> bool:
    """Whether a name without its options is a path: it ends as a file of data does, or is there."""
    return bool(kind_of(Path(base))) or "/" in base or data_name.on_disk(base)


def read(name: str) -> Raw:
    """Return what a file or folder holds, of the types stored.

    Args:
        name: a path, with options or without; see :mod:`overparam.core.data_name`.

    Raises:
        DataError: it is missing, damaged, or does not hold inputs and labels.
        UsageError: an option that does not exist, or a kind of file that is not read.
    """
    path, options = _split(name)
    asked = wanted(options)
    if path.is_dir():
        layout = folders.find(path)
        if layout.arrays:
            raw = from_folder(layout.arrays, path, asked)
        else:
            files.check_distinct([file for _, file in layout.files])
            parts = [[_table(file) for file in part] for part in (layout.train, layout.test)]
            raw = from_tables(parts[0], parts[1], path, asked)
        raw = replace(raw, notes=(*raw.notes, *layout.notes))
    elif kind_of(path) == ".npz":
        raw = from_npz(path, asked)
    else:
        raw = from_tables([_table(path)], [], path, asked)
        raw = replace(raw, notes=(*raw.notes, *folders.beside(path)))
    return raw if raw.saved else compared(raw, path)


def fingerprint(name: str) -> str:
    """Return the fingerprint of the content of a file or folder, and of the options it is read with.

    Raises:
        DataError: it is missing or not whole.
        UsageError: an option that does not exist, or a kind of file that is not read.
    """
    path, options = _split(name)
    said = [f"{key}={value}" for key, value in options.items() if _DEFAULTS.get(key) != value]
    if path.is_dir():
        marks = [f"{part} {files.checksum(file)}" for part, file in folders.find(path).files]
        return digest(_VERSION, "folder", *marks, *said)
    if path.suffix == ".npz" and not said:
        return digest(_ARCHIVE, path.suffix, files.checksum(path))
    return digest(_VERSION, kind_of(path), files.checksum(path), *said)


def load(name: str) -> Dataset:
    """Return the data set in a file or folder.

    Columns or arrays are found by their names, or by the options ``label=`` and ``image=``; whatever was done or left
    out is in the notes. Without a test part a fixed quarter of the rows becomes one.

    Raises:
        DataError: it is missing, damaged, or does not hold inputs and classes.
        UsageError: an option that does not exist, or a kind of file that is not read.
    """
    path, options = _split(name)
    if options.get("targets") == "numbers":
        raise DataError(
            f"'{path}': expected classes, got targets=numbers. The verb risk and overparam.width_sweep take numbers as "
            "targets; leave the option out where the labels are classes."
        )
    raw, labels = read(name), options.get("labels", "as-is")
    made = from_arrays(
        raw.x, raw.y, raw.x_test, raw.y_test,
        name=path.name,
        title=raw.title,
        notes="; ".join(raw.notes if raw.saved else (_NOTE, *raw.notes)),
        classes=raw.classes if labels == "as-is" else None,
        labels=labels,  # type: ignore[arg-type]
        pixels=options.get("pixels", "auto"),  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, name=path.stem, fingerprint=fingerprint(name))


def locate(name: str) -> Path:
    """Return the path in a name.

    Raises:
        DataError: there is neither a file nor a folder.
        UsageError: a kind of file that is not read.
    """
    return _split(name)[0]


def _split(name: str) -> tuple[Path, Mapping[str, str]]:
    base, text = data_name.cut(name)
    options = data_name.options_of(text, base)
    try:
        path = Path(base).expanduser()
        there, folder, file = path.exists(), path.is_dir(), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"'{roles.visible(base)}': expected a path, got one that cannot be looked up ({error})."
        ) from error
    if not there:
        front = base.rpartition(":")[0]
        hint = " Options behind the colon are written key=value." if front and data_name.on_disk(front) else ""
        raise DataError(f"'{path}': expected a file, got none there. Check the path.{hint}")
    if not (folder or file):
        raise DataError(
            f"'{path}': expected a file or a folder, got a pipe or device. Copy the data into a file."
        )
    if file and kind_of(path) == ".npy":
        raise DataError(
            f"'{path}': expected inputs and labels, got one array. Put x.npy and y.npy into a folder and give its path."
        )
    if file and not kind_of(path):
        raise others.refused(path)
    return path, options


def _table(path: Path) -> Table:
    return _OPEN[kind_of(path)](path)
