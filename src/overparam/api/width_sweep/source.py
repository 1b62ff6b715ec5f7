"""A sweep written down: as a file that worker processes import, and as the command that repeats it.

Functions cannot be written down; they are named by the module that holds them. What has no such name (a lambda, something
made in a notebook) has to be computed in this process.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import operator
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from overparam.core import data_name
from overparam.core.beside import PREFIX
from overparam.core.errors import UsageError
from overparam.core.parts import Study
from overparam.core.plugin import from_file
from overparam.own.family import Family, root_of
from overparam.training import Named, Recipe

_FILE = '''"""Made for the worker processes of one run, and removed after it."""

import sys
from functools import partial

sys.path.extend({roots!r})

from overparam.api.width_sweep import width_sweep_study
from overparam.api.width_sweep.source import in_file, named, unchanged
from overparam.training import Named, Recipe

STUDY = unchanged(width_sweep_study({call}), {fingerprint!r})
'''
_HOW = "For workers put them into a file with STUDY = overparam.width_sweep_study(...), and run that file."


class _Unnamed(Exception):
    """Something that no module holds under a name."""


def named(module: str, name: str) -> Any:
    """What a module holds under a name."""
    return operator.attrgetter(name)(import_module(module))


@functools.cache
def module_of(path: str) -> ModuleType:
    """A person's file as a module, imported once."""
    return from_file(Path(path), "family")


def in_file(path: str, name: str) -> Any:
    """What a file holds under a name."""
    return operator.attrgetter(name)(module_of(path))


def fingerprint(study: Study) -> str:
    """What recipes and probes of a study are, by 16 hexadecimal digits."""
    return str(study.extra_identity.__self__.fingerprint)  # type: ignore[union-attr]


def unchanged(study: Study, expected: str) -> Study:
    """The study, if its recipes and probes are those of the process that began the run.

    Raises:
        UsageError: they are others.
    """
    if fingerprint(study) != expected:
        raise UsageError(
            "recipe and probes: expected them as when the run began, got others. Their file was changed, or another module "
            "of the same name was found. Run it again."
        )
    return study


def written(family: Family, study: Study, given: Mapping[str, Any]) -> tuple[str, str]:
    """The text of a file that holds the study, and an empty text; or an empty text, and why there is none.

    Args:
        family: the family.
        study: the study that was made here.
        given: the arguments of :func:`overparam.width_sweep_study` but the family.
    """
    where, why = family.importable()
    if where is None:
        return "", why
    writer = _Writer(where[1])
    call = [writer.text(family.make, "family") if where[1] else repr(family.name)]
    for key, value in given.items():
        try:
            call.append(f"{key}={writer.text(value, key)}")
        except _Unnamed as error:
            return "", f"worker processes cannot import {error}. {_HOW}"
    return _FILE.format(roots=sorted(writer.roots), call=", ".join(call), fingerprint=fingerprint(study)), ""


def command(name: str, given: Mapping[str, Any], usual: Mapping[str, inspect.Parameter]) -> str:
    """The call that repeats a sweep, for a person to read: what is at its default is left out."""
    shown = {**given, "data": data_name.shown(given["data"])}
    kept = {
        key: value for key, value in shown.items() if key not in usual or not _same(value, usual[key].default)
    }
    return (
        f"overparam.width_sweep({name}, {', '.join(f'{key}={_shown(value)}' for key, value in kept.items())})"
    )


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


class _Writer:
    """Values as Python text."""

    def __init__(self, home: str) -> None:
        """Begin with the module of the family, where other things may have names."""
        self.homes = [home] if home else []
        self.roots: set[str] = set()

    def text(self, value: Any, what: str) -> str:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        if isinstance(value, Path):
            return repr(str(value))
        held = self._held(value)
        if held:
            return held
        if isinstance(value, Recipe):
            parts = [f"{key}={self.text(one, key)}" for key, one in _used(value).items()]
            return f"Recipe({', '.join(parts)})"
        if isinstance(value, Named):
            return f"Named({self.text(value.function, what)}, {value.name!r}, {value.version!r})"
        if isinstance(value, functools.partial):
            named_ = [f"{key}={self.text(one, what)}" for key, one in value.keywords.items()]
            parts = [self.text(value.func, what), *(self.text(one, what) for one in value.args), *named_]
            return f"partial({', '.join(parts)})"
        if isinstance(value, Mapping):
            pairs = (
                f"{key!r}: {self.text(one, key if isinstance(key, str) else what)}"
                for key, one in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        if type(value) in (list, tuple, set, frozenset, range) or isinstance(value, np.ndarray):
            return f"({''.join(f'{self.text(one, what)}, ' for one in value)})"
        raise _Unnamed(f"the {what.replace('_', ' ')} ({_called(value)}): no module holds it under a name")

    def _held(self, value: Any) -> str:
        """The value as what a module holds under a name; empty where none does."""
        module, name = str(getattr(value, "__module__", "")), getattr(value, "__qualname__", "")
        written_down = isinstance(name, str) and name and "<" not in name
        if callable(value) and written_down and self._imports(module) and _at(module, name) is value:
            return self._name(module, name)
        if isinstance(value, Mapping | list | tuple) and type(value).__module__ == "builtins":
            return ""
        for home in self.homes:
            held = vars(sys.modules[home]) if self._imports(home) else {}
            found = next((key for key, one in held.items() if one is value and key.isidentifier()), "")
            if found:
                return self._name(home, found)
        return ""

    def _imports(self, module: str) -> bool:
        file = getattr(sys.modules.get(module), "__file__", None)
        return module != "__main__" and isinstance(file, str) and file.endswith(".py")

    def _name(self, module: str, name: str) -> str:
        file = str(sys.modules[module].__file__)
        if module.startswith(PREFIX):
            return f"in_file({str(Path(file).resolve())!r}, {name!r})"
        self.roots.add(root_of(module, file))
        if module not in self.homes:
            self.homes.append(module)
        return f"named({module!r}, {name!r})"


def _at(module: str, name: str) -> Any:
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _used(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe that are not at their default."""
    fields = {one.name: (getattr(recipe, one.name), one.default) for one in dataclasses.fields(recipe)}
    return {name: value for name, (value, default) in fields.items() if not _same(value, default)}


def _shown(value: Any) -> str:
    """A value as a person would write it; what has no name is left open."""
    if isinstance(value, Recipe):
        return f"Recipe({', '.join(f'{key}={_shown(one)}' for key, one in _used(value).items())})"
    if isinstance(value, Named):
        return f"Named({_shown(value.function)}, {value.name!r}, {value.version!r})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_shown(one)}' for key, one in value.items())}}}"
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        inner = ", ".join(map(_shown, value))
        return f"({inner},)" if len(value) == 1 and isinstance(value, tuple) else f"({inner})"
    if isinstance(value, np.generic):
        return repr(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return _called(value)


def _called(value: Any) -> str:
    name = getattr(value, "__name__", "")
    return name if name.isidentifier() else "lambda" if name == "<lambda>" else "..."
