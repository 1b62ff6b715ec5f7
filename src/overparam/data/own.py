"""The user's own data, named by its path: an ``.npz`` of arrays or a ``.parquet`` table."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from overparam.core import data_name
from overparam.core.errors import DataError
from overparam.data import files, parquet
from overparam.data.dataset import STORED, Dataset, digest, from_arrays
from overparam.data.raw import Raw

SUFFIXES = (".npz", ".parquet")
_VERSION = "own v1"


def fingerprint(path: Path) -> str:
    """Return the fingerprint of a file's content.

    Raises:
        DataError: the file is missing.
    """
    return digest(_VERSION, _present(path).suffix, files.checksum(path))


def load(path: Path) -> Dataset:
    """Return the data set in a file.

    An ``.npz`` holds ``x`` and ``y``, and ``x_test`` and ``y_test`` or neither. A ``.parquet`` holds a column
    ``label``, and either a column ``image`` of encoded images (bytes, or a struct with ``bytes``, as on the
    Hub) or numeric columns only. Pixels are divided by 255, other numbers are taken as they are. Without a
    test part a fixed quarter of the rows becomes one, and the notes say so.

    Raises:
        DataError: the file is missing, damaged, or does not hold that.
    """
    parts = _read_npz(path) if _present(path).suffix == ".npz" else _read_parquet(path)
    made = from_arrays(**{"title": path.name, "notes": "The user's own file", **parts}, name=path.stem)
    return replace(made, fingerprint=fingerprint(path))


def read(name: str) -> Raw:
    """Return the parts of a file as they are stored."""
    path = Path(data_name.cut(name)[0]).expanduser()
    parts = _read_npz(path) if _present(path).suffix == ".npz" else _read_parquet(path)
    notes = parts.pop("notes", "")
    return Raw(**parts, notes=(notes,) if notes else ())


def _present(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"'{path}': expected a file, got none there. Check the path.")
    return path


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            parts = {name: stored[name] for name in STORED if name in stored.files}
            names = ", ".join(sorted(stored.files)) or "none"
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"'{path}': expected an .npz file of plain arrays, got something that cannot be read ({error}). "
            "Save it again with numpy.savez(path, x=..., y=...)."
        ) from error
    if not {"x", "y"} <= set(parts):
        raise DataError(
            f"'{path}': expected arrays x and y, and x_test and y_test or neither, got {names}. "
            "Save it with numpy.savez(path, x=..., y=...)."
        )
    return {name: value.item() if name in STORED[4:] else value for name, value in parts.items()}


def _read_parquet(path: Path) -> dict[str, Any]:
    table = parquet.read_table(path)
    y = parquet.labels(table, path)
    if not parquet.has_images(table):
        return {"x": parquet.numbers(table, path), "y": y}
    found = parquet.images(table, path)
    return {"x": found.pixels, "y": y, "notes": "; ".join(["The user's own file", *found.notes])}
