"""The name of a data set as a person writes it: a known name or a path, with options behind a colon.

``mine.csv:label=species,labels=any,pixels=scale`` is the file ``mine.csv`` read with three options, as
``gaussian:n=200,d=20`` is a generator with two. A text that as a whole names something on the disk is that path.
Inside a value a comma is written ``%2C``, a plus sign ``%2B`` and a percent sign ``%25``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from overparam.core.errors import UsageError, unknown

SUFFIXES = (".npz", ".npy", ".parquet", ".csv", ".tsv")
CHOICES = {
    "labels": ("as-is", "any"),
    "pixels": ("auto", "scale", "keep"),
    "targets": ("classes", "numbers"),
}
COLUMNS = ("label", "image", "drop", "keep")
KEYS = (*COLUMNS, *CHOICES)
_SEVERAL = ("drop", "keep")
_KNOWN = re.compile(rf":(?=\s*(?:{'|'.join(KEYS)})\s*=)")
_ANY = re.compile(r":(?=\s*[A-Za-z_]\w*\s*=)")
_ITEM = re.compile(r"\s*[A-Za-z_]\w*\s*=")
_EXAMPLE = "Write for instance mine.csv:label=species,labels=any."


def text_of(name: Any) -> str:
    """Return the name or path of a data set as text.

    Args:
        name: text, or a path object.

    Raises:
        UsageError: something else, or an empty text.

    >>> text_of(Path("a") / "mine.csv") == os.path.join("a", "mine.csv")
    True
    """
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    if not isinstance(name, str) or not name.strip():
        got = repr(name) if isinstance(name, str) else type(name).__name__
        raise UsageError(f"data: expected the name or the path of a data set, got {got}.")
    return name


def cut(name: str) -> tuple[str, str]:
    """Return what stands before the options, and the options as they are written.

    >>> cut("mine.csv:label=species"), cut("gaussian:n=5"), cut("C:/mine.csv")
    (('mine.csv', 'label=species'), ('gaussian', 'n=5'), ('C:/mine.csv', ''))
    """
    if not on_disk(name):
        for pattern in (_KNOWN, _ANY):
            for found in pattern.finditer(name):
                if found.start():
                    return name[: found.start()], name[found.end() :]
    return name, ""


def on_disk(path: str) -> bool:
    """Whether a text names a file or folder that is there."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def options_of(text: str, what: str) -> dict[str, str]:
    """Return the options written as ``label=species,labels=any``, in the order of :data:`KEYS`.

    Args:
        text: the options, as :func:`cut` returns them.
        what: the data set, for messages.

    Raises:
        UsageError: an unknown option, one that is given twice or has no value, or a value that is not one of its own.

    >>> options_of("labels=any,label=a%2Cb", "mine.csv")
    {'label': 'a%2Cb', 'labels': 'any'}
    """
    found: dict[str, str] = {}
    for item in text.split(",") if text.strip() else []:
        key, sign, value = (piece.strip() for piece in item.partition("="))
        if not sign:
            raise UsageError(
                f"data set '{what}': expected options as key=value with a comma between two, got '{item}'. A comma inside "
                f"a value is written %2C. {_EXAMPLE}"
            )
        if key not in KEYS:
            raise unknown(f"option of the data set '{what}':", key, KEYS, _EXAMPLE)
        if key in found:
            raise UsageError(f"data set '{what}': expected the option {key} once, got it twice. Leave one out.")
        found[key] = _checked(key, value, what)
    return {key: found[key] for key in KEYS if key in found}


def _checked(key: str, value: str, what: str) -> str:
    if key in CHOICES and value not in CHOICES[key]:
        raise UsageError(f"data set '{what}': expected {key}={' or '.join(CHOICES[key])}, got '{value}'.")
    if not value or (key in _SEVERAL and not all(value.split("+"))):
        more = ", several with + between them" if key in _SEVERAL else ""
        raise UsageError(f"data set '{what}': expected the name of a column in {key}={more}, got '{value}'.")
    return value


def columns(value: str) -> tuple[str, ...]:
    """Return the columns of ``drop`` or ``keep``, or the one of ``label`` or ``image``, as they are called.

    >>> columns("id+a%2Bb")
    ('id', 'a+b')
    """
    return tuple(unquote(part).strip() for part in value.split("+"))


def column(value: str) -> str:
    """Return the column of ``label`` or ``image`` as it is called."""
    return unquote(value)


def with_options(name: Any, given: Mapping[str, Any]) -> str:
    """Return the name of a data set with options behind it; those that are None are left out.

    Args:
        name: name or path, with options of its own or not.
        given: options as Python values; ``drop`` and ``keep`` one column or several.

    Raises:
        UsageError: an option of the wrong kind, or one that the name has already.

    >>> with_options("mine.csv", {"label": "a,b", "drop": ["id", "day"], "image": None})
    'mine.csv:label=a%2Cb,drop=id+day'
    """
    text = text_of(name)
    new = [f"{key}={_written(key, value)}" for key, value in given.items() if value is not None]
    if not new:
        return text
    base, old = cut(text)
    return f"{base}:{','.join([old, *new] if old else new)}"


def _written(key: str, value: Any) -> str:
    parts: Iterable[Any] = value if key in _SEVERAL and isinstance(value, list | tuple) else [value]
    names = list(parts)
    if not names or not all(isinstance(part, str) for part in names):
        more = " or several" if key in _SEVERAL else ""
        raise UsageError(f"{key}: expected a text{more}, got {value!r}.")
    return "+".join(quoted(part) for part in names)


def quoted(text: str) -> str:
    """Return a name as it is written inside the value of an option; what a terminal would obey is written as % too.

    >>> quoted("a+b, c")
    'a%2Bb%2C c'
    """
    return "".join(c if c.isprintable() and c not in "%,+" else quote(c, safe="") for c in text)


def shown(name: str) -> str:
    """Return how a data set is called in results: its name, or a file's name without its folders, and its options.

    However the options were ordered, they are shown in one order, so that a cell has one name.

    >>> shown("mnist1d"), shown("some/where/mine.npz"), shown("here/mine.csv:labels=any,label=a/b")
    ('mnist1d', 'mine.npz', 'mine.csv:label=a/b,labels=any')
    """
    base, options = cut(name)
    if not (base.endswith((*SUFFIXES, ".gz")) or "/" in base or os.sep in base):
        return name
    with suppress(UsageError):  # what is wrong with options is said where the data are read
        options = ",".join(f"{key}={value}" for key, value in options_of(options, base).items())
    return Path(base).name + (f":{options}" if options else "")


def absolute(name: str, known: Collection[str]) -> str:
    """Return the name with an absolute path, where it is a path and not one of the names that are known.

    >>> absolute("mnist1d", ["mnist1d"])
    'mnist1d'
    """
    base, options = cut(name)
    if base in known or not (base.endswith((*SUFFIXES, ".gz")) or on_disk(base)):
        return name
    return str(Path(base).expanduser().absolute()) + (f":{options}" if options else "")


def names_in(text: str) -> list[str]:
    """Split the names of several data sets at the commas between them, not at those inside a path or options.

    >>> names_in("digits,gaussian:n=5,d=2,mine.csv:label=a,labels=any")
    ['digits', 'gaussian:n=5,d=2', 'mine.csv:label=a,labels=any']
    """
    base, options = cut(text)
    if on_disk(base) and all(_ITEM.match(item) for item in options.split(",") if options):
        return [text]
    names: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        option = names and cut(names[-1])[1] and _ITEM.match(part) and not cut(part)[1]
        names[-1:] = [f"{names[-1]},{part}"] if option else [*names[-1:], part]
    return names
