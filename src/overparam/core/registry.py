"""Where studies are found: one file each in ``overparam.studies``, entry points, or a path to a file.

A study of the package stands in the module of its name: ``two-layer-descent`` in ``studies/two_layer_descent``, so
that finding one imports one. A study outside the package is declared with an entry point in the group
``overparam.studies`` that names a :class:`~overparam.core.parts.Study`, or is run straight from its file:
``overparam run path/to/my_study.py``. Neither may take the name of a study of the package.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from overparam.core.errors import UsageError, unknown
from overparam.core.parts import Study
from overparam.core.plugin import from_file, load_point

GROUP = "overparam.studies"


def studies() -> dict[str, Study]:
    """Return every study that can be found, by name, sorted.

    Raises:
        UsageError: an installed plug-in cannot be imported, or takes a name that is taken.
    """
    folder = importlib.import_module(GROUP)
    modules = (module.name for module in pkgutil.iter_modules(folder.__path__))
    names = (name.replace("_", "-") for name in modules if not name.endswith("_work"))
    found = {name: study for name in names if (study := packaged(name)) is not None}
    for point, study in _plugged(entry_points(group=GROUP)):
        if found.setdefault(study.name, study) is not study:
            raise _taken(f"the installed plug-in '{point.value}'", study.name)
    return dict(sorted(found.items()))


def packaged(name: str) -> Study | None:
    """Return the study of that name in the package; None if there is none. One module is imported.

    >>> packaged("double-descent").name, packaged("no-such-study")
    ('double-descent', None)
    """
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module) or importlib.util.find_spec(f"{GROUP}.{module}") is None:
        return None
    study = getattr(importlib.import_module(f"{GROUP}.{module}"), "STUDY", None)
    return study if isinstance(study, Study) and study.name == name else None


def get(name: str) -> Study | None:
    """Return the study of that name in the package or among the installed plug-ins; None if there is none.

    Raises:
        UsageError: an installed plug-in cannot be imported, or takes the name of a study of the package.
    """
    points = list(entry_points(group=GROUP))
    study = packaged(name)
    if study is not None:
        for point, other in _plugged(point for point in points if point.name == name):
            if other is not study and other.name == name:
                raise _taken(f"the installed plug-in '{point.value}'", name)
        return study
    points.sort(key=lambda point: point.name != name)  # most plug-ins call a study by its name: one import then
    return next((study for _, study in _plugged(points) if study.name == name), None)


def find(reference: str | os.PathLike[str]) -> Study:
    """Return the study of that name, or the one in a Python file.

    Args:
        reference: a name such as ``double-descent``, or a path that ends in ``.py`` and holds ``STUDY``.

    Raises:
        UsageError: no such study, and the text names the nearest one; or a file whose study has a name that is taken.
    """
    reference = os.fspath(reference)
    if in_file(reference):
        return _from_file(Path(reference))
    study = get(reference)
    if study is None:
        what = "a folder" if os.path.isdir(reference) else "another file" if os.path.isfile(reference) else ""
        if what:
            raise UsageError(
                f"expected the name of a study, or the path of a Python file ending in .py that holds one, got {what}: "
                f"{reference}. See `overparam ls`."
            )
        raise unknown("study", reference, studies(), "See `overparam ls`, or give the path of a .py file.")
    return study


def in_file(reference: str | os.PathLike[str]) -> bool:
    """Whether a study is named by the path of its file.

    >>> in_file("my_study.py"), in_file("double-descent")
    (True, False)
    """
    return os.fspath(reference).endswith(".py")


def name_of(reference: str | os.PathLike[str]) -> str:
    """The name under which the results of a study are stored: as given, or that of the study in a file.

    Raises:
        UsageError: a file that holds no study.
    """
    return find(reference).name if in_file(reference) else os.fspath(reference)


def _plugged(points: Iterable[EntryPoint]) -> Iterator[tuple[EntryPoint, Study]]:
    for point in points:
        study = load_point(point)
        if isinstance(study, Study):
            yield point, study


def _taken(where: str, name: str) -> UsageError:
    return UsageError(
        f"{where}: expected a name of its own for the study, got '{name}', which is taken: results would be mixed. "
        "Give it another name."
    )


def ships(study: Study) -> bool:
    """Whether a study comes with the package, whose tests look for its faults."""
    return Path(__file__).parents[1] in Path(study.file).parents


def _from_file(path: Path) -> Study:
    study = getattr(from_file(path, "study"), "STUDY", None)
    if not isinstance(study, Study):
        raise UsageError(
            f"{path}: expected a variable STUDY holding an overparam.core.Study, got {type(study).__name__}."
            " See CONTRIBUTING.md, recipe 'a new study'."
        )
    own = packaged(study.name)
    if own is not None and not path.samefile(
        str(sys.modules[f"{GROUP}.{study.name.replace('-', '_')}"].__file__)
    ):
        raise _taken(str(path), study.name)
    return study
