"""A file opened for reading: unpacked within bounds where it ends in .gz, and told by its first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from overparam.core.data_name import SUFFIXES
from overparam.core.errors import DataError
from overparam.data.read.limits import most_unpacked, size

_MAGIC = {".npz": b"PK", ".npy": b"\x93NUMPY", ".parquet": b"PAR1"}
_WORDS = {
    ".npz": "an .npz archive of arrays", ".npy": "an .npy array", ".parquet": "a Parquet file", ".csv": "a CSV file",
    ".tsv": "a TSV file",
}  # fmt: skip
_STEP = 1 << 20
_SEEN = (
    (b"\x1f\x8b", "gzip data (end its name in .gz)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "a Parquet table"),
    (b"PARE", "an encrypted Parquet table"),
    (b"\x93NUMPY", "one NumPy array"),
    (b"\x89PNG", "a PNG image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"BZh", "bzip2 data (unpack it first)"),
    (b"\xfd7zXZ", "xz data (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "zstd data (unpack it first)"),
    (b"ARROW1", "an Arrow file"),
    (b"version https://git-lfs", "a Git LFS pointer and not the data (run `git lfs pull`)"),
    (b"<!doctype html", "a web page (download the file itself)"),
    (b"<html", "a web page (download the file itself)"),
    (b"\xff\xfe", "text in UTF-16 (save it as UTF-8)"),
    (b"\xfe\xff", "text in UTF-16 (save it as UTF-8)"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)


def kind_of(path: Path) -> str:
    """Return the suffix that says what a file holds, in small letters and without ``.gz``; empty for another kind.

    >>> kind_of(Path("a.NPZ")), kind_of(Path("b.csv.gz")), kind_of(Path("c.txt"))
    ('.npz', '.csv', '')
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in SUFFIXES else ""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of one of the known kinds, at its start.

    Raises:
        DataError: it cannot be read, unpacks to too much, or its first bytes are not those of its kind.
    """
    try:
        handle: IO[bytes] = path.open("rb")
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read: {error}. Check that it exists and that you may read it."
        ) from error
    with handle:
        whole = _unpacked(handle, path) if path.suffix.lower() == ".gz" else handle
        start = whole.read(32)
        whole.seek(0)
        _check_start(start, path)
        yield whole


def _check_start(start: bytes, path: Path) -> None:
    wanted = _MAGIC.get(kind_of(path))
    if wanted is not None and start.startswith(wanted):
        return
    low = start.lstrip().lower()
    seen = next((words for magic, words in _SEEN if start.startswith(magic) or low.startswith(magic)), "")
    if wanted is None and not seen:
        return
    got = seen or ("an empty file" if not start else "other bytes")
    raise DataError(
        f"'{path}': expected {_WORDS.get(kind_of(path), 'data')}, got {got}. The file is damaged, cut short or named as what "
        "it is not: get it again, or rename it."
    )


def _unpacked(handle: IO[bytes], path: Path) -> IO[bytes]:
    most, held = most_unpacked(), io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=handle) as packed:
            while piece := packed.read(_STEP):
                if held.tell() + len(piece) > most:
                    raise DataError(
                        f"'{path}': expected gzip data that unpack to at most {size(most)}, a quarter of the memory "
                        "budget, got more. Unpack the file first if you trust it."
                    )
                held.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"'{path}': expected a whole gzip file, got one that cannot be unpacked ({error}). It is cut short or "
            "damaged: get it again."
        ) from error
    held.seek(0)
    return held
