"""A fresh Python that finds what this one finds, and nothing in the current folder.

Python puts the current folder first on its path in several ways: ``python -m``, ``python -c``, a notebook, an empty
entry in ``PYTHONPATH``. A ``numpy.py`` that lies there would be run by every worker. What was asked for by its name
(``PYTHONPATH``, the folder of the program, what a program put on its path) stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

WORKER = "overparam.sweep.worker"
_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv.pop()); "
    "import importlib; importlib.import_module(sys.argv[1]).main(sys.argv[2])"
)


def command(reference: str) -> list[str]:
    """The command that starts a worker on a study."""
    import json  # here, because the path of Python is made clean by this module before others are imported

    return [sys.executable, *_flags(), "-c", _START, WORKER, reference, json.dumps(search_path())]


def _flags() -> list[str]:
    """Python's own options that decide what is found, as this Python was given them; ``-P`` in any case."""
    found = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site,
             "-S": sys.flags.no_site}  # fmt: skip
    return ["-P", *(flag for flag, given in found.items() if given)]


def search_path() -> list[str]:
    """Where this Python looks for modules, without the current folder unless it was asked for by its name."""
    here, asked = _real(os.curdir), _asked()
    whole = [one for one in sys.path if isinstance(one, str) and os.path.isabs(one)]
    found = [one for one in whole if _real(one) != here or here in asked]
    ours = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
    return found if _real(ours) in map(_real, found) else [*found, ours]


def _asked() -> set[str]:
    """The folders that were asked for by their names: by PYTHONPATH, and by starting a program that lies there."""
    given = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    asked = {_real(one) for one in given if one}
    program = sys.modules.get("__main__")
    file = getattr(program, "__file__", None)
    if file and getattr(program, "__spec__", None) is None and not sys.flags.safe_path:
        asked.add(_real(os.path.dirname(file)))
    return asked


def named_only(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment whose PYTHONPATH has no empty entry, which would mean the current folder.

    >>> named_only({"PYTHONPATH": os.pathsep.join(["", "lib", ""]), "LANG": "C"}) == {"PYTHONPATH": "lib", "LANG": "C"}
    True
    """
    made = dict(environment)
    kept = [one for one in made.pop("PYTHONPATH", "").split(os.pathsep) if one]
    return {**made, "PYTHONPATH": os.pathsep.join(kept)} if kept else made


def clean_first(module: str, name: str, *, stream: bool = False) -> Callable[..., Any]:
    """A function of that module for Ray, which puts the driver's current folder first on the path of its workers.

    Ray sends it by its text, so that the path is made clean there before anything of ours is imported.

    Args:
        module: the module.
        name: the function's name in it.
        stream: whether it is a generator.
    """
    wanted, unwanted = search_path(), {os.path.abspath(os.curdir), ""} - set(search_path())

    def call(*given: Any) -> Any:
        import os
        import sys

        kept = [one for one in sys.path if one not in unwanted]
        sys.path[:] = [*kept, *(one for one in wanted if one not in kept and os.path.exists(one))]
        import importlib

        return getattr(importlib.import_module(module), name)(*given)

    def generate(*given: Any) -> Iterator[Any]:
        yield from call(*given)

    for one in (call, generate):
        one.__module__, one.__qualname__ = "__main__", name
    return generate if stream else call


def absolute(reference: str) -> str:
    """A study's name, or the whole path of its file, so that it is found from every folder."""
    return os.path.abspath(os.path.expanduser(reference)) if reference.endswith(".py") else reference


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except OSError:  # the current folder was removed
        return ""
