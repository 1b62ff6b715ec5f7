"""The verb ``overparam diagnose``: a function of one's own gives a network and its data, and coded questions are answered."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.cli.app import Whole, say, say_path, write_out
from overparam.cli.quantity import quantity
from overparam.core import disk
from overparam.core.errors import UsageError, nearest
from overparam.core.plugin import from_file

FORM = "module:function or FILE.py:function"
GIVES = "(model, train), (model, train, test), or a mapping of the arguments of overparam.diagnose"
LABELS = "OP003"


def diagnose(
    source: str,
    /,
    *,
    budget: str = "",
    only: str = "",
    seed: Whole | None = None,
    html: Path | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    labels: Path | None = None,
) -> int:
    """Ask coded questions about a trained network: wider, pruned, mislabelled, flat, lazy, stopped too late.

    Says what each check would cost, then runs those that fit into the budget, the cheapest first. Ctrl-C keeps what is
    finished.

    Parameters
    ----------
    source
        module:function, or FILE.py:function: a function of yours without arguments that returns (model, train),
        (model, train, test), or a dict of the arguments of overparam.diagnose, such as params, build and fit.
    budget
        Time for all checks together, for instance 90s or 10min; by default 60s.
    only
        Codes of checks, for instance OP003,OP008; by default all.
    seed
        Of every draw; by default 0.
    html
        File to write a page to, ending in .html.
    json
        File to write plain values to, ending in .json.
    labels
        File to write the ranked labels to, ending in .csv.
    """
    given: dict[str, Any] = {}
    if budget:
        given["budget"] = quantity("budget", budget)
    if only:
        given["only"] = _codes(only)
    if seed is not None:
        given["seed"] = seed
    files = {".html": ("--html", html), ".json": ("--json", json), ".csv": ("--labels", labels)}
    for ending, (option, path) in files.items():
        if path is not None:
            _check_file(option, path, ending)
    if labels is not None and "only" in given and LABELS not in given["only"]:
        raise UsageError(f"--labels: expected {LABELS}, which ranks them, among --only, got {only}. Add it.")
    try:
        arguments = arguments_of(source, function_of(source))
    except KeyboardInterrupt:
        say(f"interrupted in {source}, before any check.", err=True)
        return 130
    try:
        from overparam.api.diagnose import diagnose as ask

        found = ask(**{**arguments, **given})
    except TypeError as error:
        odd = _unknown(arguments)
        if not odd:
            raise
        raise UsageError(
            f"{source}: expected arguments of overparam.diagnose, got '{odd[0]}'.{odd[1]}"
        ) from error
    except KeyboardInterrupt:
        say("interrupted while the network was opened, before any check.", err=True)
        return 130
    write_out(f"{found}\n")
    missing = False
    for option, path in files.values():
        if path is not None:
            if option == "--labels" and found.labels is None:
                say(f"labels: none were ranked: {found[LABELS].words}", err=True)
                missing = True
                continue
            say_path(option.removeprefix("--").replace("html", "page"), found.save(path))
    return 130 if found.stopped else int(missing)


def function_of(source: str) -> Callable[[], Any]:
    """The function that a text names.

    Args:
        source: ``module:function``, or ``FILE.py:function``.

    Raises:
        UsageError: another form, no such module or file, one that cannot be imported, or no function of that name.
    """
    where, sign, name = source.rpartition(":")
    if not sign or not where or not name:
        raise UsageError(f"diagnose: expected {FORM}, got '{source}'.")
    if where.endswith(".py") or "/" in where or "\\" in where:
        held: Any = _file(where, source)
    else:
        held = _module(where, source)
    found = held
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{source}: '{where}' holds no '{name}'.{nearest(name, vars(held))}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{source}: expected a function, got {type(found).__name__}. It returns {GIVES}.")
    return functools.partial(found)


def arguments_of(source: str, make: Callable[[], Any]) -> dict[str, Any]:
    """The arguments of a checkup that a person's function gives.

    Args:
        source: how it is named, for messages.
        make: the function.

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
        raise UsageError(f"{source}: expected {GIVES}, got {_told(error)}.") from error
    if isinstance(made, Mapping):
        bad = next((one for one in made if not isinstance(one, str)), None)
        if bad is not None:
            from overparam.core.checked import shown  # which imports numpy

            raise UsageError(f"{source}: expected names of arguments in its mapping, got {shown(bad)}.")
        lost = next((one for one in ("model", "train") if one not in made), None)
        if lost is not None:
            raise UsageError(
                f"{source}: expected a mapping with model and train, got one without '{lost}': "
                f"{', '.join(made) or 'an empty one'}."
            )
        odd = _unknown(dict(made))
        if odd:
            raise UsageError(f"{source}: expected arguments of overparam.diagnose, got '{odd[0]}'.{odd[1]}")
        return dict(made)
    if isinstance(made, tuple | list) and len(made) in (2, 3):
        return dict(zip(("model", "train", "test"), made, strict=False))
    if inspect.isawaitable(made) or inspect.isgenerator(made):
        if inspect.iscoroutine(made):
            made.close()
        raise UsageError(
            f"{source}: expected a function that returns {GIVES}, got one that is async or yields."
        )
    got = f"{len(made)} parts" if isinstance(made, tuple | list) else type(made).__name__
    raise UsageError(f"{source}: expected {GIVES}, got {got}.")


def _unknown(arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first name that is none of the arguments, and what was probably meant."""
    from overparam.own.diagnosis import diagnose as ask

    known = tuple(inspect.signature(ask).parameters)
    return next(((one, nearest(one, known)) for one in arguments if one not in known), None)


def _module(where: str, source: str) -> Any:
    if not all(part.isidentifier() for part in where.split(".")):
        raise UsageError(f"diagnose: expected {FORM}, got '{source}'.")
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


def _codes(text: str) -> list[str]:
    codes = [one.strip().upper() for one in text.split(",") if one.strip()]
    if not codes:
        raise UsageError(f"--only: expected codes such as OP003,OP008, got '{text}'.")
    return codes


def _check_file(option: str, path: Path, ending: str) -> None:
    """Refuse before the long computation what cannot be written after it."""
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
