"""Which code, versions and device made a result."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from overparam.sweep.quota import cpu_quota

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "optax", "scikit-learn")


@functools.cache
def environment() -> dict[str, Any]:
    """Return versions, platform and, in a git checkout of the package, the commit and whether it was modified.

    ``changes`` is a short hash of the uncommitted difference, so that two modified trees can be told apart.
    """
    return {
        "overparam": _version("overparam"),
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **_commit(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _commit() -> dict[str, Any]:
    here = Path(__file__).resolve().parent
    root = _git(here, "rev-parse", "--show-toplevel")
    if root is None or not (Path(root.strip()) / "src" / "overparam").is_dir():
        return {"commit": "", "dirty": False, "changes": ""}
    commit = _git(here, "rev-parse", "--short=12", "HEAD") or ""
    tree = Path(root.strip()) / "src"
    status = _git(tree, "status", "--porcelain", "--", ".") or ""
    changes = (status + (_git(tree, "diff", "HEAD", "--", ".") or "")) if status else ""
    digest = hashlib.sha256(changes.encode()).hexdigest()[:8] if changes else ""
    return {"commit": commit.strip(), "dirty": bool(status.strip()), "changes": digest}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def cores() -> int:
    """Number of cores this process may use: of those it may run on, as many as its container is granted."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return usable if quota is None else max(1, min(usable, math.ceil(quota)))
