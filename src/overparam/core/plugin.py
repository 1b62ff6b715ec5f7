"""A person's own Python file, imported under a name of its own, with the files beside it; and installed plug-ins."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from overparam.core.beside import PREFIX, loaded
from overparam.core.errors import UsageError


def load_point(point: EntryPoint) -> Any:
    """What an installed plug-in declares.

    Raises:
        UsageError: it cannot be imported.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the installed plug-in '{point.value}' cannot be imported ({type(error).__name__}: {error}). "
            "Mend or uninstall it."
        ) from error


def from_file(path: Path, what: str) -> ModuleType:
    """Import a file that holds a study, a probe or theorems.

    Args:
        path: the file; a leading ``~`` is the home folder.
        what: what it should hold, for the messages.

    Raises:
        UsageError: there is no such file, or it cannot be imported.
    """
    try:
        path = path.expanduser()
        found = "a file" if path.is_file() else "a folder" if path.is_dir() else "nothing"
    except (OSError, RuntimeError):  # a name that no file can have, or a home that is not known
        found = "nothing"
    if found != "a file":
        raise UsageError(f"expected a Python file with a {what}, found {found} at {path}. Check the path.")
    try:
        return loaded(path, f"overparam_{what}_{path.stem}")
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{path}: expected a {what}, got {type(error).__name__} on import: {_words(error)}"
        ) from error


def _words(error: BaseException) -> str:
    """What an error says, and what to do where a module is missing, as a sentence."""
    text = re.sub(rf"{PREFIX}\w+\.", "", str(error)).strip().removesuffix(".") or "it says no more"
    if isinstance(error, ModuleNotFoundError):
        return f"{text}. Install it, or put its file beside this one."
    if isinstance(error, ImportError) and "relative import" in text:
        return f"{text}. Outside a package a file imports from its own folder alone."
    return text if text.endswith(("?", "!")) else f"{text}."
