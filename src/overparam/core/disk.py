"""The one door to the disk: every operation on a file of a results folder or of a cache passes through here.

The functions have the names that they have in ``os``. Each passes through :func:`_do`, where a test can count the
operations, or make one fail. What the disk refuses is a :class:`~overparam.core.errors.DiskError`, a sentence that
names the file and a way out; it is an ``OSError`` too. That a file to be read, moved or removed is absent, that the
name of a link is taken, or that a lock is held, is an answer and no refusal: these three come as they are
(``FileNotFoundError``, ``FileExistsError``, ``BlockingIOError``).
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import io
import os
import shutil
import stat as kinds
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from overparam.core.errors import DiskError

try:
    import fcntl
except ImportError:  # a platform without flock
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

_ANSWERS: dict[str, type[OSError]] = {
    **dict.fromkeys(("open", "list", "look at", "remove", "replace", "rename"), FileNotFoundError),
    "link": FileExistsError,
    "lock": BlockingIOError,
}
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_LOCK = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_BUFFER = 1 << 20  # bytes: what fits is written by one operation
_TAKEN = "Something else lies in its place: move it away, or choose another folder."
_WAYS_OUT = {
    errno.ENOTDIR: _TAKEN,
    errno.EISDIR: _TAKEN,
    errno.EEXIST: _TAKEN,
    errno.ELOOP: _TAKEN,
    errno.ENOENT: "A folder above it is gone, or a link to nothing: make it, or choose another folder.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.EMFILE: "Raise the number of files that a program may open (ulimit -n), and run the same command again.",
    errno.ENFILE: "Close other programs, and run the same command again.",
    errno.ENOMEM: "Close other programs, and run the same command again.",
    errno.ENOSPC: "Free some space, and run the same command again.",
    errno.EDQUOT: "Free some of your quota, and run the same command again.",
    errno.EROFS: "Mount it writable, or choose another folder.",
    errno.EACCES: "Change its permissions, or choose another folder.",
    errno.EPERM: "Change its permissions, or choose another folder.",
    errno.EIO: "The disk may be failing: copy what is there to another disk, and run the same command there.",
}


def _do(what: str, path: Path, act: Callable[..., T], *arguments: Any) -> T:
    """Every operation passes here: its name, the file it is about, and what does it."""
    return act(*arguments)


def _try(what: str, path: Path, act: Callable[..., T], *arguments: Any) -> T:
    try:
        return _do(what, path, act, *arguments)
    except OSError as error:
        if isinstance(error, _ANSWERS.get(what, ())):
            raise
        raise refused(what, path, error) from error


def refused(what: str, path: Path, error: OSError) -> DiskError:
    """The sentence for something that the disk refused.

    Args:
        what: what was to be done with the file.
        path: the file.
        error: what the system said; of an error from here the number and the words are kept.

    >>> print(refused("write", Path("a"), OSError(errno.ENOSPC, "No space left on device")))
    expected to write a, got: No space left on device. Free some space, and run the same command again.
    """
    way = _WAYS_OUT.get(error.errno or 0, "Look at what lies there, or choose another folder.")
    made = DiskError(f"expected to {what} {path}, got: {error.strerror or error}. {way}")
    made.errno, made.strerror, made.filename = error.errno, error.strerror, str(path)
    return made


class _Raw(io.FileIO):
    """An open file; reading and writing it are operations like the others."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        what, opener = ("open", _open_read) if mode == "rb" else ("create", None)
        _try(what, path, super().__init__, path, mode, True, opener)

    def fileno(self) -> int:
        raise io.UnsupportedOperation("nobody writes to this file but through write")

    def readinto(self, buffer: Any, /) -> int:
        return _try("read", self.path, super().readinto, buffer)

    def readall(self) -> bytes:
        return _try("read", self.path, super().readall)

    def write(self, content: Any, /) -> int:
        return _try("write", self.path, super().write, content)


def _open_read(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe that lies there is not waited for


def open_read(path: Path) -> io.BufferedReader:
    """Open a file to read bytes from it."""
    return io.BufferedReader(_Raw(path, "rb"))


def create(path: Path) -> io.BufferedWriter:
    """Open a new file to write bytes to it; a file of that name is emptied."""
    return io.BufferedWriter(_Raw(path, "wb"), _BUFFER)


def read_bytes(path: Path) -> bytes:
    """Return what a file holds."""
    with _Raw(path, "rb") as file:
        return file.readall()


def read_text(path: Path) -> str:
    """Return what a text file holds (UTF-8)."""
    return read_bytes(path).decode("utf-8")


def fsync(file: io.BufferedWriter) -> None:
    """Have what was written to an open file on the disk before anything that follows."""
    file.flush()
    raw = cast("_Raw", file.raw)
    _try("flush", raw.path, os.fsync, io.FileIO.fileno(raw))


def fsync_path(path: Path) -> None:
    """Have a closed file, or a folder's list of names, on the disk; a system that cannot is left alone."""
    with contextlib.suppress(OSError):
        _try("flush", path, _fsync_path, path)


def _fsync_path(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sync(folder: Path) -> None:
    """Have all that was written to the disk of a folder on it; where the system cannot, its files one by one."""
    if hasattr(os, "sync"):
        _try("sync", folder, os.sync)
    else:
        for path in listed(folder):
            fsync_path(path)


def replace(path: Path, to: Path) -> None:
    """Give a file another name, in place of the file that has it."""
    _try("replace", to, os.replace, path, to)


def rename(path: Path, to: Path) -> None:
    """Give a folder another name, which must be free."""
    _try("rename", to, os.rename, path, to)


def link(path: Path, to: Path) -> None:
    """Give a file a second name, which must be free."""
    _try("link", to, os.link, path, to)


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Remove a file."""
    with contextlib.suppress(*((FileNotFoundError,) if missing_ok else ())):
        _try("remove", path, os.unlink, path)


def rmdir(path: Path) -> None:
    """Remove an empty folder."""
    _try("remove", path, os.rmdir, path)


def rmtree(path: Path) -> None:
    """Remove a folder with all that is in it."""
    _try("remove", path, shutil.rmtree, path)


def mkdir(path: Path) -> None:
    """Make a folder and those above it, unless they are there."""
    _try("make", path, _mkdir, path)


def _mkdir(path: Path) -> None:
    os.makedirs(path, exist_ok=True)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, in no order; nothing where there is no folder."""
    try:
        return _try("list", folder, _entries, folder)
    except FileNotFoundError:
        return []


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return list(found)


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """Paths of what lies in a folder and has a name of a pattern, sorted; none where there is no folder."""
    return sorted(folder / e.name for e in entries(folder) if fnmatch.fnmatchcase(e.name, pattern))


def stat(path: Path) -> os.stat_result:
    """Size, time and kind of a file."""
    return _try("look at", path, os.stat, path)


def lstat(path: Path) -> os.stat_result:
    """Size, time and kind of a file; of a link, its own."""
    return _try("look at", path, os.lstat, path)


def is_taken(path: Path) -> bool:
    """Whether a name is taken, be it by a link that leads nowhere."""
    try:
        lstat(path)
    except FileNotFoundError:
        return False
    return True


def is_link(path: Path) -> bool:
    """Whether there is a link of this name, wherever it leads."""
    return is_taken(path) and kinds.S_ISLNK(lstat(path).st_mode)


def exists(path: Path) -> bool:
    """Whether there is a file or folder of this name."""
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether there is a file of this name."""
    return kinds.S_ISREG(_mode(path) or 0)


def is_dir(path: Path) -> bool:
    """Whether there is a folder of this name."""
    return kinds.S_ISDIR(_mode(path) or 0)


def _mode(path: Path) -> int | None:
    try:
        return stat(path).st_mode
    except OSError as error:
        if error.errno in _NOWHERE:
            return None
        raise


def lock(path: Path) -> int | None:
    """Lock a file that is made where it is absent; the system drops the lock when its holder ends.

    Returns:
        What :func:`unlock` takes; None on a system without such locks.

    Raises:
        BlockingIOError: another process holds it.
    """
    if fcntl is None:
        return None
    while True:
        descriptor = _try("create", path, os.open, path, _LOCK, 0o644)
        try:
            _try("lock", path, fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # its holder removed it between the two steps


def unlock(descriptor: int) -> None:
    """Drop a lock."""
    os.close(descriptor)


def free(folder: Path) -> int:
    """Free bytes on the disk of a folder."""
    return _try("look at", folder, shutil.disk_usage, folder).free


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What is tidied up in here may fail: the next command, or ``overparam gc``, tidies up again."""
    with contextlib.suppress(OSError):
        yield
