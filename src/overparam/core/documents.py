"""The text of a stored file: what is opened, how large it may be, and what counts as JSON. Standard library only.

A results folder may come from anyone. A pipe in the place of a file would wait for ever, a device has no end, two keys
of one name mean two things, and JSON that is nested a hundred thousand deep ends a reader: all of it is refused here.
"""

from __future__ import annotations

import errno
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from overparam.core import disk

MOST = 2**30  # bytes of a file that is read whole
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_NOWHERE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)


class Damaged(ValueError):
    """What is wrong with a stored thing, in words that follow ``it is damaged:``."""


def content(path: Path, most: int = MOST) -> bytes:
    """Return the bytes of a plain file, or of one that a link leads to.

    Args:
        path: the file.
        most: bytes that it may have; its size is looked at before anything is read.

    Raises:
        FileNotFoundError: nothing has that name.
        DiskError: the disk refuses it; it may be sound.
        Damaged: it is no file, or a larger one.
    """
    if size(path) > most:
        raise Damaged(f"it has more than {most / 1e6:,.0f} MB")
    return disk.read_bytes(path)


def start(path: Path, count: int) -> bytes:
    """Return the first bytes of a plain file; errors as of :func:`content`."""
    size(path)
    with disk.open_read(path) as file:
        return file.read(count)


def size(path: Path) -> int:
    """Return the bytes of a plain file, or of one that a link leads to; errors as of :func:`content`."""
    try:
        facts = disk.stat(path)
    except OSError as error:
        if error.errno in _NOWHERE and disk.is_link(path):
            raise Damaged("it is a link that leads to no file") from None
        raise
    other = what_it_is(facts.st_mode)
    if other:
        raise Damaged(f"it is {other}, no file")
    return facts.st_size


def what_it_is(mode: int) -> str:
    """What stands in the place of a plain file, in words; empty for a plain file.

    >>> what_it_is(disk.stat(Path(".")).st_mode)
    'a folder'
    """
    if stat.S_ISREG(mode):
        return ""
    return next((words for test, words in _KINDS if test(mode)), "something else")


def loads(text: bytes | str) -> Any:
    r"""Return what JSON says; stricter than :func:`json.loads`.

    Refused are a byte order mark, what is no UTF-8, a key that stands twice in an object, NaN and Infinity, halves of
    surrogate pairs, whole numbers of thousands of digits, and nesting too deep for a reader.

    Raises:
        Damaged: it says why.

    >>> loads(b'{"a": [1, null]}')
    {'a': [1, None]}
    >>> loads('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    overparam.core.documents.Damaged: it has the key 'a' twice
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged(f"it is no UTF-8 text from byte {error.start} on") from None
    if not text.strip():
        raise Damaged("it is empty")
    if text[0] == "\ufeff":
        raise Damaged("it begins with a byte order mark")
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except Damaged:
        raise
    except json.JSONDecodeError as error:
        raise Damaged(f"it is no JSON: {error}") from None
    except RecursionError:
        raise Damaged("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise Damaged("it holds half of a surrogate pair") from None
    except ValueError:
        raise Damaged("it holds a number of thousands of digits") from None
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in made if names.count(name) > 1)
        raise Damaged(f"it has the key {twice[:80]!r} twice")
    return made


def _no_number(name: str) -> Any:
    raise Damaged(f"it holds {name}, which is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
