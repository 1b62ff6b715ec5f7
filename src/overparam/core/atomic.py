"""Files that are either whole or absent: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from overparam.core import disk

AGE = 3600.0  # seconds after which a temporary file belongs to no running program
_NAME = re.compile(r"\.[0-9a-f]{32}\.tmp")
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def write_text(path: Path, text: str) -> Path:
    """Write a text file atomically (UTF-8); see :func:`write_bytes`."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file atomically, making its folder.

    Raises:
        DiskError: the folder cannot be written; the old file, if any, is untouched.
    """
    with _written_beside(path, content) as temporary:
        disk.replace(temporary, path)
    return path


def write_many(folder: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write many files of one folder, each atomically, and wait for the disk once; return their bytes.

    No file gets its name before the contents of all are on the disk.

    Args:
        folder: their folder.
        files: names and contents.

    Raises:
        DiskError: the folder cannot be written; old files are untouched.
    """
    size = 0
    with contextlib.ExitStack() as stack:
        written = []
        for name, content in files:
            temporary = stack.enter_context(temporary_beside(folder / name))
            with disk.create(temporary) as file:
                file.write(content)
            written.append((temporary, folder / name))
            size += len(content)
        if written:
            disk.sync(folder)
        for temporary, path in written:
            disk.replace(temporary, path)
        disk.fsync_path(folder)
    return size


def write_once(path: Path, content: bytes) -> bool:
    """Write a file atomically unless it exists; return whether it was written.

    Of two writers at once one wins, and the other's content is dropped: a hard link is made, which the file system
    refuses where the name is taken. A file system without hard links gets a rename after a look.

    Raises:
        DiskError: the folder cannot be written.
    """
    with _written_beside(path, content) as temporary:
        try:
            disk.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if disk.exists(path):
                return False
            disk.replace(temporary, path)
    return True


def check_writable(folder: Path) -> None:
    """Write a file into a folder and remove it, so that a long run learns at its start what would end it.

    Raises:
        DiskError: the folder cannot be written.
    """
    with _written_beside(folder / "probe", b"x" * 4096):
        pass


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    with temporary_beside(path) as temporary:
        with disk.create(temporary) as file:
            file.write(content)
            disk.fsync(file)
        yield temporary


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file in the folder of ``path``, which is made; whatever happens, it is removed.

    Raises:
        DiskError: the folder or the file cannot be written.
    """
    temporary = temporary_name(path)
    try:
        disk.mkdir(path.parent)
        try:
            yield temporary
        finally:
            with disk.quietly():
                disk.unlink(temporary, missing_ok=True)
    except OSError as error:
        if error.filename in map(str, (temporary, path, path.parent)):
            raise disk.refused("write", path, error) from error
        raise


def temporary_name(path: Path) -> Path:
    """Return a name beside a path that nobody else has, for what is being written."""
    return path.with_name(f".{uuid.uuid4().hex}.tmp")


def sweep(folder: Path) -> None:
    """Remove what programs that were killed had begun to write in a folder; what may still be written stays."""
    with disk.quietly():
        for path in disk.listed(folder, ".*.tmp"):
            if _NAME.fullmatch(path.name):
                inside = disk.listed(path) if disk.is_dir(path) else []
                if time.time() - max(disk.stat(one).st_mtime for one in (path, *inside)) > AGE:
                    disk.rmtree(path) if disk.is_dir(path) else disk.unlink(path)


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically, one line a key; a number that is not finite is refused, not written."""
    return write_text(path, json_text(value))


def json_text(value: Mapping[str, Any]) -> str:
    """A JSON object as text, one line a key."""
    lines = (f"{json.dumps(k)}: {json.dumps(v, allow_nan=False, ensure_ascii=False)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"
