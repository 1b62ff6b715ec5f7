"""Where studies are found: one file each in :mod:`overparam.studies`, entry points, or a path to a file.

A study outside the package is declared with an entry point in the group ``overparam.studies`` that names a
:class:`~overparam.core.study.Study`, or is run straight from its file: ``overparam run path/to/my_study.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path

from overparam.core.errors import UsageError, unknown
from overparam.core.plugin import from_file
from overparam.core.study import Study

GROUP = "overparam.studies"


def studies() -> dict[str, Study]:
    """Return every study that can be found, by name, sorted."""
    import overparam.studies as folder

    found: dict[str, Study] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        study = getattr(importlib.import_module(f"{folder.__name__}.{module.name}"), "STUDY", None)
        if isinstance(study, Study):
            found[study.name] = study
    for point in entry_points(group=GROUP):
        try:
            study = point.load()
        except Exception as error:
            raise UsageError(
                f"the installed plug-in '{point.value}' cannot be imported ({type(error).__name__}: {error}). "
                "Mend or uninstall it."
            ) from error
        if isinstance(study, Study):
            found.setdefault(study.name, study)
    return dict(sorted(found.items()))


def find(reference: str) -> Study:
    """Return the study of that name, or the one in a Python file.

    Args:
        reference: a name such as ``double-descent``, or a path that ends in ``.py`` and holds ``STUDY``.

    Raises:
        UsageError: no such study; the text names the nearest one.
    """
    if reference.endswith(".py"):
        return _from_file(Path(reference))
    known = studies()
    if reference not in known:
        raise unknown("study", reference, known, "See `overparam ls`, or give the path of a .py file.")
    return known[reference]


def packaged(study: Study) -> bool:
    """Whether a study comes with the package, whose tests look for its faults."""
    return Path(__file__).parents[1] in Path(study.file).parents


def _from_file(path: Path) -> Study:
    study = getattr(from_file(path, "study"), "STUDY", None)
    if not isinstance(study, Study):
        raise UsageError(
            f"{path}: expected a variable STUDY holding an overparam.core.study.Study, got {type(study).__name__}."
            " See CONTRIBUTING.md, recipe 'a new study'."
        )
    return study
