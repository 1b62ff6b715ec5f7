"""A function of a person's own, named on the command line: ``module:function`` or ``FILE.py:function``, and what it gives."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.errors import UsageError, nearest
from overparam.core.plugin import from_file

FORM = "module:function or FILE.py:function"


@dataclass(frozen=True)
class Given:
    """What a verb wants from the function.

    Attributes:
        verb: name of the verb and of the function of the package that is asked.
        names: arguments of that function in order, as a tuple gives them.
        least: how many of them must be given.
        known: names of all its arguments, looked up when they are needed.
    """

    verb: str
    names: tuple[str, ...]
    least: int
    known: Callable[[], tuple[str, ...]]

    @property
    def told(self) -> str:
        """The forms that are taken, in words."""
        forms = [f"({', '.join(self.names[:many])})" for many in range(self.least, len(self.names) + 1)]
        return f"{', '.join(forms)}, or a mapping of the arguments of overparam.{self.verb}"

    def unknown(self, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
        """The first name that is none of the arguments, and what was probably meant."""
        known = self.known()
        return next(((one, nearest(one, known)) for one in arguments if one not in known), None)


def function_of(source: str, given: Given) -> Callable[[], Any]:
    """The function that a text names.

    Args:
        source: ``module:function``, or ``FILE.py:function``.
        given: what is wanted from it.

    Raises:
        UsageError: another form, no such module or file, one that cannot be imported, or no function of that name.
    """
    where, sign, name = source.rpartition(":")
    if not sign or not where or not name:
        raise UsageError(f"{given.verb}: expected {FORM}, got '{source}'.")
    if where.endswith(".py") or "/" in where or "\\" in where:
        held: Any = _file(where, source)
    else:
        held = _module(where, source, given.verb)
    found = held
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{source}: '{where}' holds no '{name}'.{nearest(name, vars(held))}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{source}: expected a function, got {type(found).__name__}. It returns {given.told}.")
    return functools.partial(found)


def arguments_of(source: str, make: Callable[[], Any], given: Given) -> dict[str, Any]:
    """The arguments that a person's function gives.

    Args:
        source: how it is named, for messages.
        make: the function.
        given: what is wanted from it.

    Raises:
        UsageError: it asks for arguments, fails, or returns something else.
    """
    try:
        asked = [
            one.name
            for one in inspect.signature(make).parameters.values()
            if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        asked = []
    if asked:
        raise UsageError(
            f"{source}: expected a function without arguments, got one that asks for {', '.join(asked)}. Give them defaults."
        )
    try:
        made = make()
    except (Exception, SystemExit) as error:
        raise UsageError(f"{source}: expected {given.told}, got {_told(error)}.") from error
    if isinstance(made, Mapping):
        bad = next((one for one in made if not isinstance(one, str)), None)
        if bad is not None:
            from overparam.core.checked import shown  # which imports numpy

            raise UsageError(f"{source}: expected names of arguments in its mapping, got {shown(bad)}.")
        lost = next((one for one in given.names[: given.least] if one not in made), None)
        if lost is not None:
            raise UsageError(
                f"{source}: expected a mapping with {_listed(given.names[: given.least])}, got one without '{lost}': "
                f"{', '.join(made) or 'an empty one'}."
            )
        odd = given.unknown(made)
        if odd:
            raise UsageError(f"{source}: expected arguments of overparam.{given.verb}, got '{odd[0]}'.{odd[1]}")
        return dict(made)
    if isinstance(made, tuple | list) and given.least <= len(made) <= len(given.names):
        return dict(zip(given.names, made, strict=False))
    if inspect.isawaitable(made) or inspect.isgenerator(made):
        if inspect.iscoroutine(made):
            made.close()
        raise UsageError(
            f"{source}: expected a function that returns {given.told}, got one that is async or yields."
        )
    got = f"{len(made)} parts" if isinstance(made, tuple | list) else type(made).__name__
    raise UsageError(f"{source}: expected {given.told}, got {got}.")


def _listed(names: tuple[str, ...]) -> str:
    """Names in a row.

    >>> _listed(("a", "b", "data"))
    'a, b and data'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _module(where: str, source: str, verb: str) -> Any:
    if not all(part.isidentifier() for part in where.split(".")):
        raise UsageError(f"{verb}: expected {FORM}, got '{source}'.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            beside = (
                f" There is a file {where}.py: write {where}.py:..." if disk.exists(Path(f"{where}.py")) else ""
            )
            raise UsageError(
                f"{source}: no module named '{error.name}' here or among what is installed.{beside} Run it from the folder that "
                "holds it, or give the path of the file."
            ) from None
        raise UsageError(f"{source}: expected a module that can be imported, got {_told(error)}.") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"{source}: expected a module that can be imported, got {_told(error)}.") from error


def _file(where: str, source: str) -> Any:
    path = Path(where)
    if path.suffix != ".py" or not disk.is_file(path):
        what = (
            "a folder" if disk.is_dir(path) else "none of that name" if path.suffix == ".py" else "another one"
        )
        raise UsageError(f"{source}: expected a Python file, got {what} ({where}).")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return from_file(path, "function")


def check_file(option: str, path: Path, ending: str) -> None:
    """Refuse before the long computation what cannot be written after it.

    Args:
        option: that names the file.
        path: of the file.
        ending: that it must have.

    Raises:
        UsageError: another ending, or a place where no file can be.
    """
    if path.suffix != ending:
        raise UsageError(f"{option}: expected a file ending in {ending}, got '{path}'.")
    if disk.is_dir(path):
        raise UsageError(f"{option}: expected a file, got the folder '{path}'.")
    above = path.parent
    if disk.exists(above) and not disk.is_dir(above):
        raise UsageError(f"{option}: expected a file in a folder, got '{path}', and '{above}' is a file.")


def _told(error: BaseException) -> str:
    """An error of a person's code, with the line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name}, line {last[0].lineno}" if last else ""
    lines = str(error).strip().splitlines()
    first = f": {lines[0].rstrip('.')[:200]}" if lines else ""
    return f"{type(error).__name__}{first}{where}"
