"""The files of a data set on the Hub: where they are looked for, and whether they are the right ones."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from overparam.core.errors import DataError
from overparam.data.cache import cache_folder
from overparam.data.read import folders

CHECKSUMS = "checksums.json"


@dataclass(frozen=True)
class Place:
    """The folder of a data set and its files, in order.

    Attributes:
        folder: where the files lie.
        train: Parquet files of the training part.
        test: Parquet files of the test part.
    """

    folder: Path
    train: tuple[Path, ...]
    test: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, training part first."""
        return self.train + self.test


def own_root() -> Path | None:
    """Return the folder that ``OVERPARAM_DATA`` names, or None where it is unset.

    Raises:
        DataError: it names something that is not a folder.
    """
    text = os.environ.get("OVERPARAM_DATA")
    if not text:
        return None
    root = Path(text)
    if not root.is_dir():
        raise DataError(f"OVERPARAM_DATA: expected a folder, got '{text}'. Correct the variable or unset it.")
    return root


def download_root(repo: str) -> Path:
    """Return the cache folder that downloads of a Hub data set go to."""
    return cache_folder() / "hub" / repo


def find(name: str, repo: str, config: str) -> Place | None:
    """Return where the files of a data set are: under ``OVERPARAM_DATA`` first, else in the cache folder.

    A folder of the cache counts once its checksums are written, which is the last step of a download.

    Args:
        name: short name, for instance ``mnist``.
        repo: name on the Hub, for instance ``ylecun/mnist``.
        config: configuration on the Hub, a folder there.

    Returns:
        The place, or None if there is none.

    Raises:
        DataError: a folder holds only a part of the files, or ``OVERPARAM_DATA`` is not a folder.
    """
    root = own_root()
    wrong: DataError | None = None
    for folder in _variants(root, name, repo, config) if root is not None else ():
        try:
            if place := read_folder(folder):
                return place
        except DataError as error:  # another copy may be whole
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    folder = download_root(repo) / config
    return read_folder(folder) if (folder / CHECKSUMS).is_file() else None


def read_folder(folder: Path) -> Place | None:
    """Return the training and test files of a folder, or None if it holds neither.

    Raises:
        DataError: one part, or a shard of one, is missing or there twice.
    """
    found = folders.parts_in(folder, (".parquet",))
    if found is None:
        return None
    if not found.test:
        raise DataError(
            f"'{folder}': expected test-*.parquet beside train-*.parquet, got no test file. Copy the whole data set."
        )
    return Place(folder, found.train, found.test)


def check_distinct(paths: Sequence[Path]) -> None:
    """Raise DataError where two files of a data set have the same content: their rows would count twice."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(checksum(path), path)
        if other != path:
            raise DataError(
                f"'{path}': expected rows of its own, got the content of '{other}' again. One of them is a copy: put the "
                "right file in its place, or delete it."
            )


def fingerprint(place: Place) -> str:
    """Return the fingerprint of the files' content (16 hexadecimal digits), wherever they lie."""
    sha = hashlib.sha256()
    for split, paths in (("train", place.train), ("test", place.test)):
        for path in paths:
            sha.update(f"{split} {checksum(path)}\n".encode())
    return sha.hexdigest()[:16]


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal; an unchanged file is read once a process."""
    try:
        state = path.stat()
        return _checksum(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read: {error}. Check that it exists and that you may read it."
        ) from error


def checksums(paths: Sequence[Path]) -> dict[str, str]:
    """Return the checksums of files by file name."""
    return {path.name: checksum(path) for path in paths}


def verify(place: Place, name: str) -> None:
    """Compare files with the checksums beside them; a folder without checksums passes.

    Raises:
        DataError: a file differs from what was downloaded, or the checksums cannot be read.
    """
    listing = place.folder / CHECKSUMS
    if not listing.is_file():
        return
    todo = f"Delete '{place.folder}' and run `overparam data fetch {name}` again."
    try:
        expected = dict(json.loads(listing.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"'{listing}': expected checksums, got a file that cannot be read ({error!r}). {todo}"
        ) from error
    for path in place.files:
        found = checksum(path)
        if expected.get(path.name) != found:
            wanted = expected.get(path.name, "none on the list")
            raise DataError(
                f"'{path}' is not the file that was downloaded: expected SHA-256 {wanted[:16]}, "
                f"got {found[:16]}. {todo}"
            )


def _variants(root: Path, name: str, repo: str, config: str) -> list[Path]:
    """Return the folders that may hold the set, the Hub's own layout first."""
    bases = [root / repo, root / repo.rpartition("/")[2], root / name]
    for hub in (
        root / f"datasets--{repo.replace('/', '--')}",
        root / "hub" / f"datasets--{repo.replace('/', '--')}",
    ):
        if (hub / "snapshots").is_dir():
            main = hub / "refs" / "main"
            first = main.read_text(encoding="utf-8", errors="replace").strip() if main.is_file() else ""
            found = sorted(path for path in (hub / "snapshots").iterdir() if path.is_dir())
            bases += [path for path in found if path.name == first] + [
                path for path in found if path.name != first
            ]
    return [base / inner for base in dict.fromkeys(bases) for inner in (config, "data", "default", "")]


@functools.lru_cache(maxsize=256)
def _checksum(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
