"""Any value as plain values that tell it from every other one: functions with all that they hold, arrays by their bytes.

Where :mod:`overparam.core.code` says what a study computes, and passes over what a new release of a package may change,
here every difference counts: a wrapper and what it wraps, the type of a number, the attributes of an object. What has no
plain value is refused. Standard library only.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

from overparam.core.code import Reader
from overparam.core.errors import UsageError
from overparam.core.releases import release
from overparam.core.syntax import Text

_NAMES = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or neg pos abs invert eq ne lt le gt ge bool"
_TELLING = frozenset(
    {"__call__", "__getattr__", "__getattribute__", "__getitem__", "__iter__", "__len__", "__slots__"}
)
_OPERATORS = frozenset(f"__{side}{one}__" for one in _NAMES.split() for side in ("", "r", "i"))


def exactly(value: Any, what: str) -> Any:
    """Any value as nested tuples of plain values that tell it from every other one.

    Functions of other packages enter with what they close over, their defaults and the version of their package:
    ``optax.sgd(0.1)`` is not ``optax.sgd(0.2)``. An object of the package with a ``tree`` enters by it.

    Args:
        value: the value.
        what: its name, for the message.

    Raises:
        UsageError: it holds something that has no plain value, such as an open file.

    >>> def by(factor):
    ...     return lambda step: factor * step
    >>> exactly(by(2), "schedule") == exactly(by(2), "schedule"), exactly(by(2), "schedule") == exactly(by(2.0), "schedule")
    (True, False)
    """
    return _Exact(what).whole(value)


class _Exact(Reader):
    """Functions and values that are reached from one, each once."""

    def __init__(self, what: str) -> None:
        super().__init__(None)
        self.what = what

    def value(self, value: Any, text: Text | None = None, name: str = "") -> Any:
        """A value by its type and what it holds."""
        kind = type(value)
        if value is None or kind in (bool, int, str, bytes):
            return value
        if kind in (float, complex, range, slice):
            return (kind.__name__, repr(value))
        if isinstance(value, enum.Enum):
            return ("enum", kind.__module__, kind.__qualname__, value.name)
        if kind is object:
            return ("object",)  # a mark that is told by being itself
        if isinstance(value, PurePath):
            return ("path", str(value))
        if kind.__module__.startswith("overparam.") and hasattr(kind, "tree"):
            return value.tree
        if isinstance(value, ModuleType):
            return ("module", value.__name__, release(value))
        if isinstance(value, type) or callable(value):
            return self.function(value)
        return self._held(value)

    def _content(self, value: Any) -> Any:
        kind = type(value)
        parts = self._parts(value)
        own = parts is None or self._reads(_file(kind), kind.__module__)
        more = [(name, self.value(one)) for name, one in _attributes(value)] if own else []
        if parts is None and not more and not is_dataclass(value):
            raise self._untold(value)
        if parts is None and kind.__module__.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
            raise self._untold(value)
        return (self.function(kind), *(() if parts is None else parts), *more)

    def _parts(self, value: Any) -> tuple[Any, ...] | None:
        """What a collection or an array holds; None for anything else."""
        if isinstance(value, tuple | list):
            return tuple(self.value(one) for one in value)
        if isinstance(value, Mapping):
            return tuple((self.value(key), self.value(one)) for key, one in value.items())
        if isinstance(value, set | frozenset):
            return tuple(sorted((self.value(one) for one in value), key=repr))
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            return self._array(value)
        if hasattr(value, "str") and type(value).__module__.partition(".")[0] == "numpy":
            return (value.str, repr(value))  # a type of numbers
        return None

    def _array(self, value: Any) -> tuple[Any, ...] | None:
        sort = (str(value.dtype), tuple(int(size) for size in value.shape))
        if hasattr(value, "mask"):
            return (*sort, self.value(value.filled()), self.value(value.mask))
        if sort[0] == "object":
            return (*sort, self.value(value.tolist()))
        if hasattr(value, "_base_array"):  # a typed key of JAX
            return (*sort, self.value(value._base_array))
        try:
            return (*sort, hashlib.sha256(value.tobytes()).hexdigest()[:32])
        except Exception:
            return None

    def _untold(self, value: Any) -> UsageError:
        kind = type(value)
        return UsageError(
            f"{self.what}: expected something that its code and its values tell apart, got {kind.__qualname__} in it. Give "
            "overparam.training.Named(function, name, version), and another version when it changes."
        )

    def function(self, value: Any, bound: Any = None) -> Any:
        """A function with what it holds, a class, or whatever else can be called."""
        if isinstance(value, functools.partial):
            named = sorted((key, self.value(one)) for key, one in value.keywords.items())
            return ("partial", self.value(value.func), self.value(value.args), *named)
        if isinstance(value, MethodType):
            return ("method", self.function(value.__func__, value.__self__), self.value(value.__self__))
        if isinstance(value, BuiltinFunctionType | MethodWrapperType):
            owner = value.__self__
            given = () if owner is None or isinstance(owner, ModuleType) else (self.value(owner),)
            return (*_place(value), *given)
        if isinstance(value, type):
            return self._class(value)
        if not isinstance(value, FunctionType):
            return self._other(value)
        code = value.__code__
        own = self._reads(code.co_filename, value.__module__ or "") or not Path(code.co_filename).exists()
        held = tuple((key, self.value(one)) for key, one in sorted(vars(value).items()) if _tells(key))
        if not own:
            return (*self._foreign(value), *held)
        key = (id(value), id(bound))
        if key not in self.labels:
            label = f"{value.__qualname__}#{len(self.labels)}"
            self.labels[key] = (label, (value, bound))
            self.entries[label] = None
            self.entries[label] = self._entry(value, bound)
        return ("function", self.labels[key][0], *held)

    def _other(self, value: Any) -> Any:
        """An object that can be called."""
        place = _place(value)
        if getattr(sys.modules.get(place[0]), place[1], None) is value and release(value):
            return (*place, release(value))
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None and type(value).__name__ in ("PjitFunction", "_lru_cache_wrapper"):
            return ("wrapped", *_place(type(value)), self.value(wrapped))
        return self._held(value)

    def _class(self, value: type) -> Any:
        """A class of another package by its place, one of a person's own by all that it holds."""
        place = _place(value)
        if not self._reads(_file(value), place[0]) or place[0].partition(".")[0] == "overparam":
            return ("class", *place, release(value))
        if any(one is value for one in self.inside):
            return ("again", *place)
        self.inside.append(value)
        try:
            held = [(key, self._member(one)) for key, one in sorted(vars(value).items()) if _tells(key)]
            return ("class", *place, *held, *(self._class(base) for base in value.__bases__))
        finally:
            self.inside.pop()

    def _member(self, value: Any) -> Any:
        if isinstance(value, staticmethod | classmethod):
            return (type(value).__name__, self.value(value.__func__))
        if isinstance(value, property):
            return ("property", *(self.value(one) for one in (value.fget, value.fset)))
        if isinstance(value, functools.cached_property):
            return ("property", self.value(value.func))
        if type(value).__name__ in ("member_descriptor", "getset_descriptor"):
            return type(value).__name__
        if type(value).__name__ == "_tuplegetter":  # a field of a named tuple
            return ("field", value.__reduce__()[1][0])
        return self.value(value)

    def _foreign(self, inner: FunctionType) -> Any:
        """A function of another package by its name, with what it was made of."""
        if any(one is inner for one in self.inside):
            return ("again", inner.__qualname__)
        self.inside.append(inner)
        try:
            given = [*enumerate(inner.__defaults__ or ()), *sorted((inner.__kwdefaults__ or {}).items())]
            made = [*self._closed(inner).items(), *given]
            return (*_place(inner), release(inner), *((key, self.value(one)) for key, one in made))
        finally:
            self.inside.pop()

    def _used(self, value: Any, through: Iterable[str] | None, text: Text | None, name: str) -> Any:
        # By what it is when it is told, not by how it is written.
        return super()._used(value, through if isinstance(value, ModuleType) else None, None, name)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an object, those in slots included, by name."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in _names(slots):
            if _tells(name) and hasattr(value, name):
                found[name] = getattr(value, name)
    return sorted((name, one) for name, one in found.items() if _tells(name))


def _tells(name: str) -> bool:
    """Whether an attribute may tell what is computed: any but those that Python and wrappers keep for themselves."""
    operator = name.startswith("__") and name.endswith("__")
    return not operator or name in _TELLING or name in _OPERATORS


def _names(slots: Any) -> Iterator[str]:
    yield from (slots,) if isinstance(slots, str) else tuple(slots)


def _place(value: Callable[..., Any]) -> tuple[str, str]:
    """Module and name of a function or class."""
    owner = getattr(value, "__objclass__", None)
    module = getattr(value, "__module__", None) or getattr(owner, "__module__", None) or ""
    return (str(module), str(getattr(value, "__qualname__", None) or getattr(value, "__name__", "")))


def _file(kind: type) -> str:
    return str(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
