"""The cache folder: downloads, and arrays that were decoded or generated once and are mapped into memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core import disk
from overparam.core.atomic import sweep, temporary_beside, temporary_name

_FACTS = "facts.json"
_DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError)

Bundle = tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]


def cache_folder() -> Path:
    """Return the folder for data: ``data`` under ``OVERPARAM_CACHE``, else under the user's cache folder."""
    chosen = os.environ.get("OVERPARAM_CACHE")
    if chosen:
        return Path(chosen) / "data"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("overparam", appauthor=False)) / "data"


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that it appears whole or not at all; parent folders are made."""
    with temporary_beside(path) as temporary:
        with disk.create(temporary) as stream:
            write(stream)
            disk.fsync(stream)
        disk.replace(temporary, path)
    sweep(path.parent)


def cached_arrays(key: str, build: Callable[[], Bundle]) -> Bundle:
    """Return arrays from the cache, building them the first time.

    The arrays come back as read-only memory maps: worker processes share one copy, and a subset reads only
    its own rows. Where the folder cannot be written or the disk is full, the arrays are used from memory. A
    damaged entry is built again.

    Args:
        key: stands for the content and for the version of the code that makes it.
        build: makes the arrays by name, and facts about them for JSON.

    Returns:
        Arrays by name, and the facts.
    """
    folder = cache_folder() / "arrays" / key
    with suppress(*_DAMAGED):
        return _read(folder)
    built = build()
    try:
        _write(folder, *built)
        return _read(folder)
    except _DAMAGED:
        return built


def _read(folder: Path) -> Bundle:
    facts = json.loads(disk.read_text(folder / _FACTS))
    arrays = {}
    for name, (kind, shape) in facts["arrays"].items():
        array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        if str(array.dtype) != kind or list(array.shape) != shape:
            raise ValueError(f"{name} is not the array that was stored")
        arrays[name] = array
    return arrays, facts["facts"]


def _write(folder: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    temporary = temporary_name(folder)
    try:
        disk.mkdir(temporary)
        for name, array in arrays.items():
            with disk.create(temporary / f"{name}.npy") as stream:
                np.save(stream, array, allow_pickle=False)
                disk.fsync(stream)
        shapes = {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()}
        text = json.dumps({"arrays": shapes, "facts": dict(facts)})
        with disk.create(temporary / _FACTS) as stream:
            stream.write(text.encode())
            disk.fsync(stream)
        if disk.exists(folder) and not _sound(folder):
            disk.rmtree(folder)
        with suppress(OSError):  # another process was first: its arrays are the same
            disk.rename(temporary, folder)
    finally:
        with disk.quietly():
            disk.rmtree(temporary)
    sweep(folder.parent)


def _sound(folder: Path) -> bool:
    try:
        _read(folder)
    except _DAMAGED:
        return False
    return True
