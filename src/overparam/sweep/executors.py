"""Where a run may be computed, as it is spelled after ``--on``: ``processes``, ``inline``, or ``ray`` in its forms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from overparam.core.errors import UsageError, unknown

EXECUTORS = ("processes", "inline", "ray")
_EXPECTED = "expected ray, ray=auto or ray=HOST:PORT, and ,gpus=SHARE behind it for a share of a GPU a task"


@dataclass(frozen=True)
class Executor:
    """Where a run is computed.

    Attributes:
        name: ``processes``, ``inline`` or ``ray``.
        address: a running Ray cluster: ``auto`` or ``host:port``; empty for a Ray of our own on this machine.
        gpus: GPUs a Ray task asks for; None for one where JAX can use the cluster's GPUs, else none.
    """

    name: str
    address: str = ""
    gpus: float | None = None


def executor(on: str) -> Executor:
    """Read what was given as ``--on``.

    >>> executor("ray=auto,gpus=0.5")
    Executor(name='ray', address='auto', gpus=0.5)

    Raises:
        UsageError: an unknown executor, or an address or a share that cannot be read.
    """
    head, *options = on.split(",")
    name, given, address = head.partition("=")
    if name not in EXECUTORS:
        raise unknown("executor", name, EXECUTORS)
    if name != "ray":
        if on != name:
            raise UsageError(f"--on: expected {name} alone, got '{on}'. Only ray takes an address.")
        return Executor(name)
    if given and address != "auto" and not _is_address(address):
        raise UsageError(f"--on: {_EXPECTED}; got '{on}'.")
    return Executor("ray", address, _share(on, options) if options else None)


def _is_address(text: str) -> bool:
    found = re.fullmatch(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    return found is not None and 0 < int(found.group(1)) < 65536


def _share(on: str, options: list[str]) -> float:
    key, _, text = options[0].partition("=")
    try:
        share = float(text) if key == "gpus" and len(options) == 1 else math.nan
    except ValueError:
        share = math.nan
    if not (0 <= share < 1 or (share >= 1 and share.is_integer())):
        raise UsageError(f"--on: {_EXPECTED} (0.5, or a whole number); got '{on}'.")
    return share
