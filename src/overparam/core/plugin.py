"""A person's own Python file, imported under a name of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from overparam.core.errors import UsageError


def from_file(path: Path, what: str) -> ModuleType:
    """Import a file that holds a study, a probe or theorems.

    Args:
        path: the file.
        what: what it should hold, for the messages.

    Raises:
        UsageError: there is no such file, or it cannot be imported.
    """
    if not path.is_file():
        raise UsageError(f"expected a Python file with a {what}, found nothing at {path}. Check the path.")
    name = f"overparam_{what}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"expected a Python file, got {path}, which cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            f"{path}: expected a {what}, got {type(error).__name__} on import: {str(error).removesuffix('.')}."
        ) from error
    return module
