"""What a person measures on every network of a sweep: probes by name, and functions of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from overparam.core.code import digest
from overparam.core.errors import UsageError
from overparam.core.exact import exactly
from overparam.probes import standard
from overparam.probes.catalog import find
from overparam.probes.probe import Probe
from overparam.sweep.width_work import check_probes
from overparam.training import Named

_ASKED = 'names as overparam ls --probes lists them, or functions by name, such as probes={"sharpness": f}'


@dataclass(frozen=True)
class Own:
    """Functions of a person's own, by name; their values are stored with ``probe_`` before them.

    Attributes:
        given: pairs of a name and a function.
    """

    given: tuple[tuple[str, Any], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.given)

    @cached_property
    def functions(self) -> dict[str, Any] | None:
        """The standard probes and these, for training; None for the standard ones alone."""
        if not self.given:
            return None
        return {**standard(), **{f"{name} (own)": _prefixed(function) for name, function in self.given}}

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What they add to what tells a cell from others; empty if there are none."""
        told = {name: _fingerprint(name, function) for name, function in self.given}
        return {"probes": told} if told else {}

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise unless what was measured can be stored; see :func:`overparam.sweep.width_work.check_probes`."""
        if self.given and not any(name.startswith("probe_") for name in values):
            raise UsageError("probes: expected numbers by name, got none. Return for instance {'norm': value}.")
        check_probes({name: np.asarray(one)[-1] for name, one in values.items()})


def given(probes: Any) -> tuple[tuple[str, ...], Own]:
    """Names of probes of the package or of files, and functions of a person's own.

    Args:
        probes: None, a name, several names, or functions by name.

    Raises:
        UsageError: something else, an unknown name, or one twice.
    """
    if probes is None:
        return (), Own()
    if isinstance(probes, str):
        probes = (probes,)
    if isinstance(probes, Mapping) and probes:
        for name, function in probes.items():
            if not isinstance(name, str) or not name or not callable(function):
                told = f"{type(function).__name__} as {name!r}"
                raise UsageError(f"probes: expected {_ASKED}, got {told}.")
            if isinstance(function, type):
                raise UsageError(f"probes: expected a function as '{name}', got the class {function.__name__}.")
        return (), Own(tuple(probes.items()))
    listed = list(probes) if isinstance(probes, Iterable) else []
    if not listed or not all(isinstance(one, str) for one in listed):
        raise UsageError(f"probes: expected {_ASKED}, got {probes!r}.")
    for name in listed:
        if name != "none":
            find(name)
    twice = next((name for i, name in enumerate(listed) if name in listed[:i]), None)
    if twice is not None:
        raise UsageError(f"probes: expected each name once, got '{twice}' twice.")
    return tuple(listed), Own()


def _fingerprint(name: str, function: Any) -> str:
    inner = function.function if isinstance(function, Probe) else function
    if isinstance(inner, Named):
        return digest(("named", inner.name, inner.version))
    return digest(exactly(inner, f"probe '{name}'"))


@lru_cache(maxsize=256)
def _prefixed(function: Any) -> Any:
    """The function with ``probe_`` before what it measures; the same object for the same function."""

    def measure(*arrays: Any) -> Any:
        found = function(*arrays)
        if not isinstance(found, Mapping):
            return found  # training says what it expected
        return {f"probe_{value}": number for value, number in found.items()}

    inner = getattr(function, "function", function)
    measure.__module__ = getattr(inner, "__module__", "")
    return measure
