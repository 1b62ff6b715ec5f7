"""Versions, devices, threads and folders, and what is wrong with them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from overparam.sweep.environment import cores, environment, total_memory
from overparam.sweep.processes import default_workers


def examine() -> tuple[RenderableType, list[str]]:
    """Return a table of facts and a list of problems."""
    import jax

    from overparam.data import cache_folder, describe

    facts = environment()
    problems = [f"{name} is not installed" for name, v in facts["versions"].items() if v == "absent"]
    cache = Path(cache_folder())
    if not _writable(cache):
        problems.append(f"the cache folder {cache} cannot be written; set OVERPARAM_CACHE to another")
    root = os.environ.get("OVERPARAM_DATA", "")
    if root and not Path(root).is_dir():
        problems.append(f"OVERPARAM_DATA names {root}, which is not a folder")
    devices = jax.devices()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    commit = f" (commit {facts['commit']}{', modified' if facts['dirty'] else ''})" if facts["commit"] else ""
    table.add_row("overparam", f"{facts['overparam']}{commit}")
    table.add_row("python", f"{facts['python']} on {facts['platform']}")
    table.add_row("packages", ", ".join(f"{k} {v}" for k, v in facts["versions"].items()))
    table.add_row("devices", ", ".join(str(d) for d in devices))
    table.add_row("cores", f"{cores()}: {default_workers()} workers of one thread each")
    table.add_row("memory", f"{total_memory() / 1e9:.3g} GB")
    table.add_row("cache", escape(str(cache)))
    table.add_row("data", escape(root) if root else "OVERPARAM_DATA is not set")
    table.add_row("data sets", ", ".join(i.name for i in describe() if i.available))
    return table, problems


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return True
    except OSError:
        return False
