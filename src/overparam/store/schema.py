"""What every stored thing must be, and the one way in which it is read.

A results folder may come from a colleague, another version or a broken disk. Each kind of file has its shape here: the
keys it must have, their types and ranges, how large it may be. A name in a file that becomes part of a path must be one
file name (:func:`overparam.core.shapes.safe_name`), and must be the one under which the file lies.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core.documents import Damaged, content, loads
from overparam.core.errors import NewerError, StoreError
from overparam.core.shapes import (
    LONG,
    SHORT,
    Check,
    Unfit,
    document,
    either,
    fail,
    is_safe,
    mapping,
    number,
    plain,
    safe_name,
    sequence,
    text,
    whole,
    word,
)  # fmt: skip

SCHEMA = 1  # of the files that this version writes
_KEY = re.compile("[^\x00-\x1f\x7f]{1,200}")  # of a parameter or a value
_NEWEST = 1000  # a schema beyond it is damage, no later version
COUNT = whole(0, 2**53)
SIZES = {"cell": 2**28, "run record": 2**30, "failure": 2**28, "register entry": 2**26}


def version(value: Any) -> None:
    """The schema of a file: a whole number."""
    whole(1, _NEWEST)(value)


def _key(value: Any) -> None:
    if not _KEY.fullmatch(value):
        raise fail("names of 1 to 200 characters that can be printed", value)


CELL = document(
    {"params": mapping(plain, _key), "values": mapping(plain, _key), "status": word("ok", "diverged")},
    {
        "schema": version, "cell": text(), "study": safe_name, "cell_version": COUNT, "work": text(),
        "data_fingerprint": text(), "note": text(LONG), "seconds": number(0, 1e12), "finished": text(),
        "stack": mapping(plain), "environment": document({}, {"device": text()}), "sha256": text(),
        "formerly": document({"study": safe_name, "name": safe_name}),
    },
)  # fmt: skip
"""A finished cell: what was computed with which parameters. Files of other writers may leave the optional keys out."""

FAILURE = document(
    {"error": text(LONG)},
    {"schema": version, "study": safe_name, "name": text(), "params": mapping(plain), "traceback": text(LONG)},
)
"""What went wrong in a cell."""


def _rule(value: Any) -> None:
    if type(value) is not list or len(value) != 2:
        raise fail("a version and a fingerprint", value)
    COUNT(value[0])
    text()(value[1])


REGISTER = document(
    {
        "schema": version, "sequence": COUNT, "at": text(), "data": text(), "seeds": sequence(whole(-(2**127), 2**127)),
        "rules": mapping(_rule),
    }
)  # fmt: skip
"""Which rules were judged on which seeds of a data set."""


def parsed(text: bytes | str, check: Check, newest: int = SCHEMA) -> dict[str, Any]:
    """Return the document in a text.

    Raises:
        Damaged: it is none of this shape.
        Newer: a later version wrote it.
    """
    found = loads(text)
    if type(found) is not dict:
        raise fail("an object", found)
    if "schema" not in found:
        raise Unfit("it has no 'schema'")
    try:
        version(found["schema"])
    except Unfit as error:
        raise Unfit(error.what, ".schema") from None
    if found["schema"] > newest:
        raise Newer(found["schema"])
    check(found)
    return found


class Newer(Exception):
    """A document of a later schema."""


@dataclass(frozen=True)
class Kind:
    """A kind of stored file.

    Attributes:
        what: its name in a sentence.
        check: its shape.
        todo: what a person can do about a damaged one, as a sentence; may be empty.
    """

    what: str
    check: Check
    todo: str = ""

    def read(self, path: Path, own: Callable[[dict[str, Any], bytes], None] | None = None) -> dict[str, Any]:
        """Return the document in a file.

        Args:
            path: the file.
            own: what more must hold of the document and its text; it raises ``Damaged``.

        Raises:
            FileNotFoundError: nothing has that name.
            NewerError: a newer overparam wrote it.
            StoreError: it is damaged, or cannot be read; the text names the file and says why.
        """
        with self.named(path):
            found = content(path, SIZES[self.what])
            read = parsed(found, self.check)
            if own is not None:
                own(read, found)
            return read

    def named(self, path: Path) -> _Named:
        """Turn what is raised inside into an error that names the file."""
        return _Named(self, path)


class _Named:
    """A context in which damage becomes an error that names the file; a class, since it is entered for every cell."""

    def __init__(self, kind: Kind, path: Path) -> None:
        self.kind, self.path = kind, path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            return
        kind, todo = self.kind, f" {self.kind.todo}" if self.kind.todo else ""
        if isinstance(error, Newer):
            raise NewerError(
                f"{self.path}: expected schema {SCHEMA} or older, got {error}. "
                "It was written by a newer overparam: upgrade, or choose another folder with --out."
            ) from None
        article = "a " if kind.what[0] not in "aeiou" else "an "
        if isinstance(error, Damaged):
            raise StoreError(
                f"{self.path}: expected {article}{kind.what}, got a damaged file ({error}).{todo}"
            ) from None


_AGAIN = re.compile(r"[^A-Za-z0-9=.,_+-]+")
_KEYED = re.compile(r"(.*)--[0-9a-f]{16}", re.DOTALL)
_READABLE = 80  # characters of a name before its key


def misnamed(name: str, params: Mapping[str, Any]) -> str:
    """Why parameters are not those that the readable part of a cell's name tells; empty if they may be.

    Names without a key, and those whose parts cannot be told apart, say nothing.

    >>> misnamed("data=digits,width=8,seed=0--0123456789abcdef", {"data": "digits", "width": 16, "seed": 0})
    'its width is 16, its name says otherwise'
    """
    keyed = _KEYED.fullmatch(name)
    if keyed is None or "data" not in params:
        return ""
    shown = keyed[1]
    others = {k: v for k, v in params.items() if k != "data" and type(v) in (int, float, str)}
    if any("," in v or "=" in v for v in others.values() if type(v) is str):
        return ""
    data = _AGAIN.sub("-", f"data={params['data']}")[:_READABLE]
    if not f"{shown},".startswith(data if len(data) == _READABLE else f"{data},"):
        return f"its data set is {params['data']!r:.80}, its name says otherwise"
    rest = f"{shown[len(data) :]},"
    for key, value in others.items():
        part = f",{_AGAIN.sub('-', key)}="
        start = rest.find(part)
        if start < 0:
            continue  # at its default, or beyond what is shown
        told = f"{part}{_AGAIN.sub('-', str(value))},"
        cut = len(shown) >= _READABLE and told.startswith(rest[start:-1])
        if not cut and not rest.startswith(told, start):
            return f"its {key} is {value!r:.80}, its name says otherwise"
    return ""


def own_name(name: str) -> None:
    """Refuse a name that is no safe file name.

    Raises:
        Damaged: it says what is expected.
    """
    try:
        safe_name(name)
    except Unfit as error:
        raise Damaged(f"its name: {error.what}") from None


def inside(out: Path, *folders: Path) -> None:
    """Refuse to write into, or to remove from, a folder of a store that a link leads out of it.

    Raises:
        StoreError: it names the folder and where the link leads.
    """
    root = out.resolve()
    for folder in folders:
        try:
            real = folder.resolve()
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{folder}: expected a folder, got a link that leads in a circle.") from error
        if real != root and root not in real.parents:
            raise StoreError(
                f"{folder}: expected a folder inside {out}, got a link that leads to {real}. Nothing is written "
                "there: name the results folder it belongs to with --out, or put the folder in the link's place."
            )


def entry_name(body: Mapping[str, Any]) -> str:
    """The file name of an entry of the register, without its ending: it is named by what it says."""
    said = {name: body[name] for name in ("data", "seeds", "rules")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


__all__ = [
    "CELL", "FAILURE", "REGISTER", "SCHEMA", "SHORT", "Kind", "Newer", "either", "entry_name", "inside", "is_safe",
    "misnamed", "parsed",
]  # fmt: skip
