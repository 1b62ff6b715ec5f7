"""What a function computes, as plain values: its code, and everything that the code depends on.

The fingerprints of rules, needs and work are made of it. A function enters by its syntax, without comments, docstrings,
annotations and positions; with it go its defaults, what it closes over, what it is applied to beforehand, the values of
the global names that it reads, and, likewise, the functions that it names. Functions and classes of other packages enter
by their names, and so do the classes of this package. The same text gives the same values on every computer, in every
folder and under every version of Python; a function without a text (typed into a console, or changed on disk after its
import) enters by its bytecode. Standard library only.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from overparam.core.beside import called
from overparam.core.slices import Slice
from overparam.core.syntax import PACKAGE, Follow, Text, beside, loaded, read, shape, uses

DECLARED = ("Study", "Claim", "Chart", "Profile")
"""What a study declares: a function that names one of these does not compute with its words."""


def digest(value: Any) -> str:
    """16 hexadecimal digits of plain values."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def code_of(function: Callable[..., Any], follow: Follow | None = None) -> tuple[Any, ...]:
    """A function as nested tuples of plain values: its code and what the code depends on.

    Args:
        function: a function, a method, a partial, or an object that can be called.
        follow: which files are read; by default all but those of Python and of other installed packages.

    >>> def above(cut):
    ...     return lambda x: x > cut
    >>> code_of(above(1)) == code_of(above(1)), code_of(above(1)) == code_of(above(2))
    (True, False)
    """
    return Reader(follow).whole(function)


def value_of(value: Any) -> Any:
    """Any value as nested tuples of plain values, functions by their code."""
    return Reader(None).whole(value)


def work_of(function: Callable[..., Any], file: str = "") -> tuple[Any, ...]:
    """The work of a study: its code, what it names in the study's file, and the files beside that it imports.

    What it uses of ``overparam`` enters by its name, so that a new version of the package orphans no result.

    Args:
        function: the work.
        file: the file of the study; by default that of the function.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    path = file or getattr(code, "co_filename", "")
    return Reader(beside(path) if path else lambda _: False, path).whole(function)


class Reader:
    """Functions that are reached from one, each once."""

    def __init__(self, follow: Follow | None, path: str = "") -> None:
        self.follow = follow
        self.path = path
        self.labels: dict[
            tuple[int, int], tuple[str, Any]
        ] = {}  # the objects are kept, so that no number is used again
        self.entries: dict[str, Any] = {}
        self.folders = {str(Path(one).parent) for one in (path, str(PACKAGE)) if one}
        self.inside: list[Any] = []

    def whole(self, value: Any) -> Any:
        """A value, and the functions that are reached from it."""
        found = self.value(value)
        return (found, *self.entries.items()) if self.entries else found

    # values

    def value(self, value: Any, text: Text | None = None, name: str = "") -> Any:
        """A value; ``text`` and ``name`` say where it is bound, for what has no plain value of its own."""
        kind = type(value)
        if value is None or kind in (bool, int, bytes, complex):
            return value
        if kind is str:
            return self._without_folder(value)
        if isinstance(value, enum.Enum):
            return (kind.__qualname__, value.name)
        if isinstance(value, float):
            return _number(float(value))
        if isinstance(value, int):
            return int(value)
        if _ours(kind) and hasattr(kind, "tree"):
            return value.tree
        if isinstance(value, tuple):
            return tuple(self.value(one) for one in value)
        if isinstance(value, ModuleType):
            return ("module", called(value.__name__))
        if isinstance(value, type) or callable(value):
            return self.function(value)
        if _ours(kind) and kind.__name__ in DECLARED:
            return (kind.__name__, getattr(value, "name", ""))
        written = None if is_dataclass(value) else self._written(text, name)
        return self._held(value) if written is None else written

    def _held(self, value: Any) -> Any:
        """A collection, an array or another object by what it holds, unless it holds itself."""
        if any(one is value for one in self.inside):
            return ("again", type(value).__qualname__)
        self.inside.append(value)
        try:
            return self._content(value)
        finally:
            self.inside.pop()

    def _content(self, value: Any) -> Any:
        if is_dataclass(value):
            held = [(one.name, self.value(getattr(value, one.name))) for one in fields(value)]
            return (type(value).__qualname__, *held, *self._class_of(value))
        if isinstance(value, list):
            return tuple(self.value(one) for one in value)
        if isinstance(value, Mapping):
            return ("mapping", *sorted(((self.value(k), self.value(v)) for k, v in value.items()), key=repr))
        if isinstance(value, set | frozenset):
            return ("set", *sorted((self.value(one) for one in value), key=repr))
        if hasattr(value, "tolist"):
            many = getattr(value, "size", 0) > 1000 and hasattr(value, "tobytes")
            return (
                digest((value.tobytes(), str(value.dtype), value.shape)) if many else self.value(value.tolist())
            )
        if isinstance(value, Path):
            return ("path", value.name)
        kind = type(value)
        own = (
            getattr(value, "__dict__", {})
            if _ours(kind) or self._reads(_file_of(kind), kind.__module__)
            else {}
        )
        held = sorted((key, self.value(one)) for key, one in own.items())
        return (_dotted(kind), *held, *self._class_of(value))

    def _class_of(self, value: Any) -> tuple[Any, ...]:
        """The class of an object of a person's own, whose methods may be called wherever the object goes."""
        kind = type(value)
        own = not _ours(kind) and self._reads(_file_of(kind), kind.__module__)
        return (self.function(kind),) if own else ()

    def _written(self, text: Text | None, name: str) -> Any:
        """What a name stands for as it is written in its file; None where it is not bound there."""
        if text is None:
            return None
        found = Slice(self._static(text.path))
        return ("written", *found.shapes) if found.name(text, name) else None

    def _without_folder(self, text: str) -> str:
        for folder in sorted(self.folders, key=len, reverse=True):
            text = text.replace(folder, "") if len(folder) > 3 else text
        return text

    # functions

    def function(self, value: Any, bound: Any = None) -> Any:
        """A reference to a function, or to whatever else can be called; what it says is among the entries."""
        if isinstance(value, functools.partial):
            named_ = sorted((key, self.value(one)) for key, one in value.keywords.items())
            return ("partial", self.function(value.func), self.value(value.args), *named_)
        if isinstance(value, MethodType):
            return self.function(value.__func__, value.__self__)
        if isinstance(value, BuiltinFunctionType):
            return _dotted(value)
        where = getattr(value, "later", None)
        if isinstance(where, str):
            return self._later(value, where)
        if isinstance(value, type):
            own = not _ours(value) and self._reads(_file_of(value), value.__module__)
            text = read(_file_of(value)) if own else None
            written = self._written(text, value.__qualname__)
            return _dotted(value) if written is None else (value.__qualname__, written)
        inner = inspect.unwrap(value)
        if not isinstance(inner, FunctionType):
            call = inspect.getattr_static(type(inner), "__call__", None)
            if isinstance(call, FunctionType) and self._reads(call.__code__.co_filename, call.__module__):
                return (self.function(call, inner), self._held(inner))
            return _dotted(inner) if hasattr(inner, "__name__") else self._held(inner)
        if not self._reads(inner.__code__.co_filename, inner.__module__):
            return self._foreign(inner)
        key = (id(inner), id(bound))
        if key not in self.labels:
            label = inner.__qualname__
            again = sum(label == one.partition("#")[0] for one, _ in self.labels.values())
            self.labels[key] = (f"{label}#{again}" if again else label, (inner, bound))
            self.entries[self.labels[key][0]] = None  # in its place, before what it names
            self.entries[self.labels[key][0]] = self._entry(inner, bound)
        return ("function", self.labels[key][0])

    def _foreign(self, inner: FunctionType) -> Any:
        """A function of another package by its name."""
        cells = self._closed(inner).values() if _ours(inner) else ()
        return (*_dotted(inner), *(self.value(one) for one in cells))

    def _later(self, value: Any, where: str) -> Any:
        """A function that is imported when it is called: by the text of its module, where that is followed."""
        found = Slice(self._static(self.path or _file_of(value)))
        found.later(self.path or value.__code__.co_filename, where)
        more = [self.value(one) for key, one in self._closed(value).items() if key == "more"]
        return ("later", where.rpartition(".")[2], *more, *found.shapes)

    def _entry(self, function: FunctionType, bound: Any) -> tuple[Any, ...]:
        code, globe = function.__code__, function.__globals__
        self.folders.add(str(Path(code.co_filename).parent))
        text = read(code.co_filename, globe)
        node = text.node(code) if text else None
        closed, names = self._closed(function), loaded(code)
        through = uses(node) if node is not None else {}
        if node is not None:
            names = (names & set(through)).union(*(uses(one) for one in getattr(node, "decorator_list", ())))
        given = [*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
        found = {**{name: globe[name] for name in sorted(names) if name in globe}, **closed}
        if bound is not None and code.co_varnames:
            found = {code.co_varnames[0]: bound, **found}
        used = []
        for name, value in found.items():
            here = text if text and name in globe and name not in closed else None
            used.append((name, self._used(value, through.get(name), here, name)))
        body: Any = _bytes(code)
        if text is not None and node is not None:
            imported = Slice(self._static(text.path))
            imported.imports(text, node)
            body = (shape(node), *imported.shapes)
        return (body, tuple(self.value(one) for one in given), tuple(used))

    def _used(self, value: Any, through: Iterable[str] | None, text: Text | None, name: str) -> Any:
        """The value of a name as a function uses it: by itself, or through some of its attributes alone."""
        if through is not None and isinstance(value, ModuleType):
            if not self._reads(getattr(value, "__file__", None) or "", value.__name__):
                return ("module", called(value.__name__))
            inner = read(str(value.__file__))
            asked = [one for one in sorted(through) if hasattr(value, one)]
            return tuple((one, self.value(getattr(value, one), inner, one)) for one in asked)
        kind = type(value)
        own = not isinstance(value, type) and not hasattr(kind, "tree") and kind.__module__ != "builtins"
        if through is not None and own and self._reads(_file_of(kind), kind.__module__):
            return (kind.__qualname__, *((one, self._attribute(value, one)) for one in sorted(through)))
        if text is not None and name in text.rebound:
            written = self._written(text, name)
            return self.value(value) if written is None else written
        return self.value(value, text, name)

    def _attribute(self, value: Any, name: str) -> Any:
        member = inspect.getattr_static(type(value), name, None)
        member = getattr(member, "fget", None) or getattr(member, "func", member)
        if isinstance(member, FunctionType) and name not in getattr(type(value), "__dataclass_fields__", ()):
            return self.function(member, value)
        return self.value(getattr(value, name, None))

    def _closed(self, function: FunctionType) -> dict[str, Any]:
        found = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # a name that has no value yet
                continue
        return found

    # which files are read

    def _reads(self, file: str, module: str = "") -> bool:
        if module == "__main__":
            return True
        if not file or file == "<string>":
            return False
        if self.follow is not None:
            return self.follow(file)
        return not _foreign(file) or module.partition(".")[0] in _plugged()

    def _static(self, path: str) -> Follow:
        return self.follow or beside(path)


@functools.lru_cache(maxsize=1024)
def _foreign(path: str) -> bool:
    """Whether a file is part of Python or of an installed package other than this one."""
    found = Path(path).resolve()
    installed = {"site-packages", "dist-packages"} & set(found.parts)
    return PACKAGE not in found.parents and (
        bool(installed) or Path(os.__file__).resolve().parent in found.parents
    )


@functools.cache
def _plugged() -> frozenset[str]:
    """The installed packages that declare a study."""
    from importlib.metadata import entry_points

    return frozenset(point.module.partition(".")[0] for point in entry_points(group="overparam.studies"))


def _ours(kind: Any) -> bool:
    return (getattr(kind, "__module__", None) or "").partition(".")[0] == "overparam"


def _file_of(kind: Any) -> str:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        return ""


def _dotted(value: Any) -> tuple[str, str]:
    """A function or class of another package by package and name, wherever in the package it stands."""
    module = getattr(value, "__module__", None) or type(value).__module__
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return (called(str(module)).partition(".")[0], str(name))


def _number(value: float) -> Any:
    """A number without what rounding may change: 1.0 is 1."""
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.12g}")


def _bytes(code: CodeType) -> Any:
    constants = (_bytes(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts)
    return ("bytecode", code.co_code.hex(), code.co_names, code.co_varnames, tuple(constants))


def _constant(value: Any) -> Any:
    return ("set", *sorted(value, key=repr)) if isinstance(value, frozenset) else value
