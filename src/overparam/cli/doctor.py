"""Versions, devices, threads and folders, and what is wrong with them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from overparam.api.progress import count
from overparam.core import Study, disk
from overparam.core.errors import UsageError
from overparam.core.memory import total_memory
from overparam.core.registry import studies
from overparam.store import RecordStore
from overparam.store.garbage import temporaries
from overparam.store.inspect import Inspection, fix, inspect, strangers, writable
from overparam.sweep.environment import cores, environment
from overparam.sweep.fits import fits
from overparam.sweep.processes import default_workers

LITTLE = 50e6  # bytes of free disk below which a person is told


def examine() -> tuple[RenderableType, list[str]]:
    """Return a table of facts and a list of problems."""
    import jax

    from overparam.data import cache_folder, describe

    facts = environment()
    problems = [f"{name} is not installed" for name, v in facts["versions"].items() if v == "absent"]
    cache = Path(cache_folder())
    if writable(cache):
        problems.append(f"the cache folder {cache} cannot be written; set OVERPARAM_CACHE to another")
    root = os.environ.get("OVERPARAM_DATA", "")
    if root and not disk.is_dir(Path(root)):
        problems.append(f"OVERPARAM_DATA names {root}, which is not a folder")
    try:
        devices = jax.devices()
    except RuntimeError as error:
        devices = []
        told = str(error).split("\n")[0].rstrip(".")
        problems.append(f"JAX finds no device: {told}. Correct or unset JAX_PLATFORMS")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    commit = f" (commit {facts['commit']}{', modified' if facts['dirty'] else ''})" if facts["commit"] else ""
    table.add_row("overparam", f"{facts['overparam']}{commit}")
    table.add_row("python", f"{facts['python']} on {facts['platform']}")
    table.add_row("packages", ", ".join(f"{k} {v}" for k, v in facts["versions"].items()))
    table.add_row("devices", ", ".join(str(d) for d in devices))
    table.add_row("cores", f"{cores()}: {count(default_workers(), 'worker')} of one thread each")
    table.add_row("memory", f"{total_memory() / 1e9:.3g} GB")
    table.add_row("cache", escape(str(cache)))
    table.add_row("data", escape(root) if root else "OVERPARAM_DATA is not set")
    table.add_row("data sets", ", ".join(i.name for i in describe() if i.available))
    return table, problems


def examine_store(out: Path) -> tuple[RenderableType, list[str]]:
    """Return a table of what a results folder holds and a list of what is wrong with it.

    Raises:
        UsageError: there is no such folder.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("study", "cells", "stale", "damaged", "set aside", "failed", "left over", "runs"):
        table.add_column(title, no_wrap=title == "study", overflow="fold")
    problems = []
    known = studies()
    for name, found in _inspected(out, known):
        version = known[name].cell_version if name in known else None
        stale = sum(version not in (None, cell.document.get("cell_version")) for cell in found.cells.values())
        counts = (
            len(found.cells),
            stale,
            len(found.damage),
            found.set_aside,
            found.failures,
            len(found.leftovers),
        )
        if any(counts) or found.runs or found.newer:
            table.add_row(name, *map(str, counts), ", ".join(found.runs))
        now = f"`overparam doctor {out} --fix` sets it aside"
        again = "The next run that needs it sets it aside and computes it again"
        problems += [f"{one.why} {again}; {now} at once." for one in found.damaged]
        problems += [f"{one.why} {now}." for one in found.broken]
        problems += [*found.newer, *found.linked, *found.unread]
        problems += [
            f"{path}: expected only {path.parent.name} in this folder; move it elsewhere."
            for path in found.foreign
        ]
    problems += [
        f"{path}: expected a name that a study can have. Rename the folder." for path in strangers(out)
    ]
    left = temporaries((out,), time.time())
    if left:
        table.add_row(".", *["0"] * 5, str(len(left)), "")
    unwritable = writable(out)
    free = disk.free(out)
    if unwritable:
        problems.append(f"{unwritable} What is stored can still be shown.")
    elif free < LITTLE:
        problems.append(f"{out}: only {free / 1e6:.0f} MB are free on its disk; a cell takes up to 10 kB.")
    return table if table.row_count else Text(f"nothing stored in {out}"), problems


def set_aside(out: Path) -> list[tuple[Path, Path]]:
    """Set aside what is damaged in a results folder; return where each file was, and where it is now.

    Raises:
        UsageError: there is no such folder.
        StoreError: something cannot be moved.
    """
    return [pair for _, found in _inspected(out, studies()) for pair in fix(out, found)]


def _inspected(out: Path, known: Mapping[str, Study]) -> Iterator[tuple[str, Inspection]]:
    if not disk.is_dir(out):
        raise UsageError(f"doctor: expected a results folder, got '{out}'. `overparam run` makes one (--out).")
    for name in RecordStore(out).studies():
        yield name, inspect(out, name, fits(known[name]) if name in known else None)
