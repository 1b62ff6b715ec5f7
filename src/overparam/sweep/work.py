"""The one worker function: run a stack, write its cells, say what happened. Every executor calls it."""

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from overparam.errors import StoreError
from overparam.store import CellStore
from overparam.study import Params, Study, clean
from overparam.sweep.environment import environment
from overparam.sweep.key import shown_name

Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """A stack ready to run: the cells with their names and data fingerprints, and where results go."""

    number: int
    out: str
    names: tuple[str, ...]
    fingerprints: tuple[str, ...]
    cells: tuple[Params, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def job_from_dict(value: dict[str, Any]) -> Job:
    """Rebuild a job from JSON; lists of a curve become tuples again."""
    cells = tuple(
        {k: tuple(v) if isinstance(v, list) else v for k, v in cell.items()} for cell in value["cells"]
    )
    return Job(value["number"], value["out"], tuple(value["names"]), tuple(value["fingerprints"]), cells)


def run_job(study: Study, job: Job, emit: Emit) -> None:
    """Run a stack and store each cell as soon as it is known.

    When the stack raises, its cells are run one by one, so that one bad cell costs only itself; each failure is
    stored with its traceback. Events: ``progress`` (fraction), ``cell`` (name, status), ``failed`` (params,
    error, traceback), ``done``.

    Raises:
        StoreError: a result cannot be written; going on would only lose more work.
    """
    store = CellStore(Path(job.out), study.name)
    everything = tuple(range(len(job.cells)))
    try:
        _run(study, job, everything, store, emit)
    except StoreError:
        raise
    except Exception as error:
        if len(everything) == 1:
            _fail(study, job, 0, store, emit, error)
        else:
            for index in everything:
                try:
                    _run(study, job, (index,), store, emit)
                except StoreError:
                    raise
                except Exception as single:
                    _fail(study, job, index, store, emit, single)
    emit({"event": "done", "job": job.number})


def _run(study: Study, job: Job, indices: Sequence[int], store: CellStore, emit: Emit) -> None:
    def report(fraction: float) -> None:
        emit({"event": "progress", "job": job.number, "fraction": float(fraction)})

    started = time.perf_counter()
    cells = [job.cells[i] for i in indices]
    outcomes = study.work(cells, report)
    seconds = time.perf_counter() - started
    if len(outcomes) != len(cells):
        raise RuntimeError(f"'{study.name}' was given {len(cells)} cells and returned {len(outcomes)} outcomes")
    for index, outcome in zip(indices, outcomes, strict=True):
        document = {
            "study": study.name,
            "cell_version": study.cell_version,
            "params": shown_params(job.cells[index]),
            "data_fingerprint": job.fingerprints[index],
            "status": outcome.status,
            "values": outcome.values,
            "note": outcome.note,
            "seconds": round(seconds / len(cells), 4),
            "stack": {"cells": len(cells), "seconds": round(seconds, 4)},
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "environment": {**environment(), "device": _device()},
        }
        store.write(job.names[index], clean(document))
        emit({"event": "cell", "job": job.number, "name": job.names[index], "status": outcome.status})


def shown_params(params: Params) -> dict[str, Any]:
    """Parameters as they are stored: a data file without its folders."""
    return {**params, "data": shown_name(params["data"])}


def _fail(study: Study, job: Job, index: int, store: CellStore, emit: Emit, error: Exception) -> None:
    document = {
        "study": study.name,
        "params": shown_params(job.cells[index]),
        "error": f"{type(error).__name__}: {error}",
        "traceback": _without_folders("".join(traceback.format_exception(error))),
    }
    store.write_failure(job.names[index], clean(document))
    emit({"event": "failed", "job": job.number, "name": job.names[index], **clean(document)})


def _without_folders(text: str) -> str:
    """Shorten the paths in a traceback to what lies inside a package, so that a page tells nothing of a machine."""
    inside = re.compile(r'File ".*?(?:site-packages/|src/)([^"]+)"')
    return re.sub(r'File "/?(?:[^"/]+/)+([^"/]+)"', r'File "\1"', inside.sub(r'File " \1"', text)).replace(
        'File " ', 'File "'
    )


def _device() -> str:
    """The kind of device that JAX used, or ``cpu`` where a study did not use JAX."""
    jax = sys.modules.get("jax")
    return str(jax.devices()[0].device_kind) if jax is not None else "cpu"
