"""Which theorems there are: every file of this folder with ``THEOREMS``, and those of installed plug-ins."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from overparam.core.errors import UsageError, unknown
from overparam.core.plugin import from_file, load_point
from overparam.theory.theorem import Theorem

GROUP = "overparam.theory"


def available() -> dict[str, Theorem]:
    """All theorems: those of the files of this folder, and those that installed packages name.

    A package adds one with an entry point of the group ``overparam.theory`` that names a ``Theorem``.

    Returns:
        Theorems by name, sorted.

    Raises:
        UsageError: two theorems have one name, or an entry point is not a Theorem or cannot be imported.

    References: none; a list.

    >>> "noise-floor" in available()
    True
    """
    package = import_module("overparam.theory")
    modules = [import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [(m.__name__, one) for m in modules for one in getattr(m, "THEOREMS", ())]
    found += [(point.value, load_point(point)) for point in entry_points(group=GROUP)]
    theorems: dict[str, Theorem] = {}
    for place, one in found:
        if not isinstance(one, Theorem):
            raise UsageError(
                f"{place}: expected a Theorem, got {type(one).__name__}. Point to a Theorem object."
            )
        if one.name in theorems:
            raise UsageError(f"{place}: a theorem named '{one.name}' is already there. Rename one of them.")
        theorems[one.name] = one
    return dict(sorted(theorems.items()))


def find(name: str) -> tuple[Theorem, ...]:
    """The theorem of that name, or those in a Python file.

    Args:
        name: a name, or a path that ends in ``.py`` and holds ``THEOREMS``.

    Raises:
        UsageError: no such theorem, or a file without one; the text names the nearest.

    References: none; a list.
    """
    if name.endswith(".py"):
        found = getattr(from_file(Path(name), "theorem"), "THEOREMS", ())
        if not found or not all(isinstance(one, Theorem) for one in found):
            raise UsageError(
                f"{name}: expected a variable THEOREMS, a tuple of overparam.theory.Theorem objects."
            )
        return tuple(found)
    known = available()
    if name not in known:
        raise unknown("theorem", name, known, "See `overparam ls --theorems`, or give the path of a .py file.")
    return (known[name],)
