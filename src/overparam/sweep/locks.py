"""Two runs on one results folder share the work: a stack in flight is locked, cell by cell.

The lock is an advisory ``flock``: the system drops it when its holder ends, however it ends, so there is no stale
lock and no clock. Where the file system knows no locks, both runs compute the stack and the first result stays.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

try:
    import fcntl
except ImportError:  # a platform without flock
    fcntl = None  # type: ignore[assignment]


class Locks:
    """The cells that this run is computing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def take(self, names: Iterable[str]) -> bool:
        """Lock all cells, or none; False if another run is at one of them."""
        if fcntl is None:
            return True
        taken: list[str] = []
        for name in names:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            except OSError:
                continue  # no place for locks: go on without
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                self.release(taken)
                return False
            except OSError:
                os.close(descriptor)
                continue
            self._held[name] = descriptor
            taken.append(name)
        return True

    def release(self, names: Iterable[str]) -> None:
        """Give cells up."""
        for name in list(names):
            descriptor = self._held.pop(name, None)
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    (self._folder / f"{name}.lock").unlink(missing_ok=True)
                os.close(descriptor)

    def close(self) -> None:
        """Give everything up."""
        self.release(self._held)
        with contextlib.suppress(OSError):
            self._folder.rmdir()
