"""Which probes there are: every file of this folder with a ``PROBE``, and those of installed plug-ins."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from overparam.core.errors import UsageError, unknown
from overparam.core.plugin import from_file, load_point
from overparam.probes import fit, norms
from overparam.probes.probe import Probe

GROUP = "overparam.probes"
_STANDARD = (fit.PROBE, norms.PROBE)


def standard() -> dict[str, Probe]:
    """The probes that every training run should carry: fit and norms.

    Returns:
        Probes by name, to be given to :func:`overparam.training.train`.

    >>> sorted(standard())
    ['fit', 'norms']
    """
    return {probe.name: probe for probe in _STANDARD}


def available() -> dict[str, Probe]:
    """All probes: one a file of this folder, and those that installed packages name.

    A package adds a probe with an entry point of the group ``overparam.probes`` that names a ``Probe``.

    Returns:
        Probes by name, sorted.

    Raises:
        UsageError: two probes have one name, or an entry point is not a Probe or cannot be imported.
    """
    package = import_module("overparam.probes")
    modules = [import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [(m.__name__, m.PROBE) for m in modules if hasattr(m, "PROBE")]
    found += [(point.value, load_point(point)) for point in entry_points(group=GROUP)]
    probes: dict[str, Probe] = {}
    for place, probe in found:
        if not isinstance(probe, Probe):
            raise UsageError(f"{place}: expected a Probe, got {type(probe).__name__}. Point to a Probe object.")
        if probe.name in probes:
            raise UsageError(f"{place}: a probe named '{probe.name}' is already there. Rename one of them.")
        probes[probe.name] = probe
    return dict(sorted(probes.items()))


def find(name: str) -> Probe:
    """The probe of that name, or the one in a Python file.

    Args:
        name: a name, or a path that ends in ``.py`` and holds ``PROBE``.

    Raises:
        UsageError: no such probe, or a file without one; the text names the nearest.
    """
    if name.endswith(".py"):
        found = getattr(from_file(Path(name), "probe"), "PROBE", None)
        if not isinstance(found, Probe):
            raise UsageError(
                f"{name}: expected a variable PROBE holding an overparam.probes.Probe, got {type(found).__name__}."
            )
        return found
    known = available()
    if name not in known:
        raise unknown("probe", name, known, "See `overparam ls --probes`, or give the path of a .py file.")
    return known[name]


@lru_cache
def asked(name: str) -> Probe:
    """The probe of a name or file with ``probe_`` before its values, so that they stand beside a study's own."""
    probe = find(name)

    def measure(*arrays: object) -> dict[str, object]:
        found = probe.function(*arrays)  # type: ignore[arg-type]
        return {f"probe_{value}": number for value, number in found.items()}

    return Probe(
        f"probe_{probe.name}",
        {f"probe_{value}": words for value, words in probe.values.items()},
        measure,  # type: ignore[arg-type]
    )
