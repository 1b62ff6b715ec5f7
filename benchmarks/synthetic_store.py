"""Synthetic cells of the size and kind of `double-descent`'s, and the time and memory of a command on them."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from overparam.core import Study
from overparam.core.registry import find
from overparam.store import CellStore
from overparam.sweep.key import cell_name

OVERPARAM = (sys.executable, "-m", "overparam.cli")
SEEDS = 200
PROBES = 30


def grid(count: int) -> tuple[list[int], list[float], int]:
    """Widths, noise rates and the number of seeds whose product is at least ``count`` cells."""
    seeds = min(SEEDS, count)
    return list(range(1, -(-count // (2 * seeds)) + 1)), [0.0, 0.15], seeds


def fill(out: Path, count: int, fingerprint: str = "0" * 16) -> int:
    """Write cells as a run would have left them, in fewer steps; return the bytes of one."""
    study = find("double-descent")
    store = CellStore(out, study.name)
    store.folder.mkdir(parents=True)
    draw = random.Random(0)
    fixed = {axis.name: axis.default for axis in study.axes} | {"data": "mnist1d"}
    widths, noises, seeds = grid(count)
    cells = [
        {**fixed, "width": width, "noise": noise, "seed": seed}
        for width in widths
        for noise in noises
        for seed in range(seeds)
    ][:count]
    for params in cells:
        text = json.dumps(document(study, params, fingerprint, draw))
        store.path(cell_name(study, params, fingerprint)).write_text(text)
    return len(text)


def document(study: Study, params: dict, fingerprint: str, draw: random.Random) -> dict:
    """One cell with 30 probe times and rounded curves, as the study writes it."""

    def curve(top: float) -> list[float]:
        return [round(top * draw.random(), 6) for _ in range(PROBES)]

    curves = {"error": [curve(1.0), curve(1.0)], "loss": [curve(3.0), curve(3.0)]}
    values = {"step": [round(1.4**i) for i in range(PROBES)]}
    for kind, (test, train) in curves.items():
        values |= {
            f"test_{kind}": test[-1], f"train_{kind}": train[-1], f"best_test_{kind}": min(test),
            f"test_{kind}_by_step": test, f"train_{kind}_by_step": train,
        }  # fmt: skip
    size = 41 * params["width"] + (params["width"] + 1) * params["width"] + (params["width"] + 1) * 10
    values |= {"parameters": size, "parameters_per_sample": size / 4000, "distance": draw.random(), "norm": 9.5}
    return {
        "schema": 1,
        "study": study.name,
        "cell_version": study.cell_version,
        "params": params,
        "data_fingerprint": fingerprint,
        "status": "ok",
        "values": values,
        "note": "",
        "seconds": round(draw.random(), 4),
        "stack": {"cells": 64, "seconds": 90.5},
        "finished": "2026-11-21T12:00:00Z",
        "environment": {
            "overparam": "0.1.0",
            "versions": {"jax": "0.7.2", "jaxlib": "0.7.2", "numpy": "2.3.1", "scipy": "1.16.0"},
            "python": "3.11.7", "platform": "Linux x86_64", "commit": "0123456789ab", "dirty": False,
            "changes": "", "device": "cpu",
        },
    }  # fmt: skip


def timed(*command: str) -> tuple[float, float, float]:
    """Run a command; return its seconds, its processor seconds, and its largest memory in MB (0 where not told)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        busy, memory = (
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
        )
    else:
        process.wait()
        busy, memory = 0.0, 0.0
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.decode()}")
    return time.perf_counter() - start, busy, memory


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
