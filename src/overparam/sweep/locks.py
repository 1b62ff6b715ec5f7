"""Two runs on one results folder share the work: a stack in flight is locked, cell by cell.

The lock is an advisory ``flock``: the system drops it when its holder ends, however it ends, so there is no stale
lock and no clock. Where the file system knows no locks, both runs compute the stack and the first result stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from overparam.core import disk


class Locks:
    """The cells that this run is computing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def take(self, names: Iterable[str]) -> bool:
        """Lock all cells, or none; False if another run is at one of them."""
        taken: list[str] = []
        for name in names:
            try:
                disk.mkdir(self._folder)
                descriptor = disk.lock(self._folder / f"{name}.lock")
            except BlockingIOError:
                self.release(taken)
                return False
            except OSError:
                continue  # no place for locks: go on without
            if descriptor is not None:
                self._held[name] = descriptor
                taken.append(name)
        return True

    def release(self, names: Iterable[str]) -> None:
        """Give cells up."""
        for name in list(names):
            descriptor = self._held.pop(name, None)
            if descriptor is not None:
                try:
                    with disk.quietly():
                        disk.unlink(self._folder / f"{name}.lock", missing_ok=True)
                finally:
                    disk.unlock(descriptor)

    def close(self) -> None:
        """Give everything up, and remove the files of runs that were killed."""
        self.release(self._held)
        with disk.quietly():
            for path in disk.listed(self._folder, "*.lock"):
                _remove_unless_held(path)
        with disk.quietly():
            disk.rmdir(self._folder)


def _remove_unless_held(path: Path) -> None:
    with disk.quietly():
        descriptor = disk.lock(path)
        if descriptor is not None:
            try:
                disk.unlink(path)
            finally:
                disk.unlock(descriptor)
