"""The one worker function: run a stack, write its cells, say what happened. Every executor calls it."""

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from overparam.core import Params, Study, clean, data_name, disk
from overparam.core.atomic import json_text
from overparam.core.errors import StackError, StoreError, UsageError
from overparam.store import CellStore
from overparam.store.cells import parse
from overparam.sweep.environment import environment
from overparam.sweep.fits import values_fit
from overparam.sweep.key import shown_probes

Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """A stack ready to run: the cells with their names and data fingerprints, and where results go.

    ``limit`` is the time it may take in seconds, ``notes`` say how earlier attempts at its cells ended, ``work`` is the
    code of a study outside the package.
    """

    number: int
    out: str
    names: tuple[str, ...]
    fingerprints: tuple[str, ...]
    cells: tuple[Params, ...]
    limit: float | None = None
    notes: tuple[str, ...] = ()
    work: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def job_from_dict(value: dict[str, Any]) -> Job:
    """Rebuild a job from JSON; lists of a curve become tuples again."""
    cells = tuple(
        {k: tuple(v) if isinstance(v, list) else v for k, v in cell.items()} for cell in value["cells"]
    )
    fields = {name: tuple(value[name]) for name in ("names", "fingerprints", "notes")}
    return Job(**{**value, **fields, "cells": cells})


def run_job(study: Study, job: Job, emit: Emit) -> None:
    """Run a stack and store each cell as soon as it is known.

    A stack that runs out of memory is tried again in halves, and its cells say so. When it raises anything else, its
    cells are run one by one, so that one bad cell costs only itself; each failure is stored with its traceback. A stack
    of cells that its study should not have put together fails as a whole: one by one it would hide the mistake.
    Events: ``started``, ``progress`` (fraction), ``cell`` (name, status), ``smaller`` (text), ``failed`` (params, error,
    traceback), ``done``.

    Raises:
        StoreError: a result cannot be written; going on would only lose more work.
    """
    emit({"event": "started", "job": job.number})
    store = CellStore(Path(job.out), study.name)
    _attempt(study, job, tuple(range(len(job.cells))), store, emit, job.notes)
    disk.fsync_path(store.folder)  # from here on a power cut takes no cell of the stack
    emit({"event": "done", "job": job.number})


def _attempt(
    study: Study, job: Job, indices: Sequence[int], store: CellStore, emit: Emit, notes: tuple[str, ...]
) -> None:
    try:
        _run(study, job, indices, store, emit, notes)
        return
    except StoreError:
        raise
    except Exception as error:
        starved = out_of_memory(error)
        if len(indices) == 1 or isinstance(error, StackError):
            for index in indices:
                _fail(study, job, index, store, emit, error)
            return
    # The exception is gone here, and with it the arrays that its frames held.
    size = -(-len(indices) // 2) if starved else 1
    if starved:
        notes = (*notes, f"{len(indices)} cells together: out of memory")
        emit({"event": "smaller", "job": job.number, "text": f"{notes[-1]}, tried again with {size}"})
    for start in range(0, len(indices), size):
        _attempt(study, job, indices[start : start + size], store, emit, notes)


def refuse_changed(study: Study, job: Job, code: str) -> None:
    """Refuse to compute with other code than the names of the cells stand for.

    Args:
        study: as this process imported it.
        job: a job of the run.
        code: the code of its work, looked at when it was imported.

    Raises:
        StoreError: the study's file was changed between the start of the run and the start of this process.
    """
    if job.work and job.work != code:
        raise StoreError(
            f"expected the work of '{study.name}' as it was when the run began, got changed code. Run it again."
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's and numpy's own, or XLA's.

    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("out of range"))
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    return type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError") and "RESOURCE_EXHAUSTED" in str(error)


def _run(
    study: Study, job: Job, indices: Sequence[int], store: CellStore, emit: Emit, notes: tuple[str, ...]
) -> None:
    def report(fraction: float) -> None:
        emit({"event": "progress", "job": job.number, "fraction": float(fraction)})

    started = time.perf_counter()
    cells = [Watched(job.cells[i]) for i in indices]
    outcomes = study.work(cells, report)
    _read_from_all(study, cells)
    seconds = time.perf_counter() - started
    if len(outcomes) != len(cells):
        raise RuntimeError(f"'{study.name}' was given {len(cells)} cells and returned {len(outcomes)} outcomes")
    for outcome in outcomes:
        _declared(study, outcome.values)
    for index, outcome in zip(indices, outcomes, strict=True):
        document = {
            "study": study.name,
            "cell_version": study.cell_version,
            **({"work": job.work} if job.work else {}),
            "params": shown_params(job.cells[index]),
            "data_fingerprint": job.fingerprints[index],
            "status": outcome.status,
            "values": outcome.values,
            "note": outcome.note,
            "seconds": round(seconds / len(cells), 4),
            "stack": {
                "cells": len(cells),
                "seconds": round(seconds, 4),
                **({"attempts": list(notes)} if notes else {}),
            },
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "environment": {**environment(), "device": _device()},
        }
        document = clean(document)
        _sound(study, job.names[index], document)
        store.write(job.names[index], document)
        emit({"event": "cell", "job": job.number, "name": job.names[index], "status": outcome.status})


class Watched(dict[str, Any]):
    """A cell's parameters, which remember the axes that were read by name."""

    def __init__(self, params: Params) -> None:
        """Copy the parameters; nothing is read yet."""
        super().__init__(params)
        self.seen = set[str]()

    def __getitem__(self, axis: str) -> Any:
        self.seen.add(axis)
        return super().__getitem__(axis)

    def get(self, axis: str, default: Any = None) -> Any:
        """The parameter, or what stands for it."""
        self.seen.add(axis)
        return super().get(axis, default)


def _read_from_all(study: Study, cells: Sequence[Watched]) -> None:
    """Refuse results of a work function that read an axis from the first cell alone, where the cells differ in it."""
    for axis in cells[0].seen:
        varies = any(dict.get(cell, axis) != dict.get(cells[0], axis) for cell in cells)
        if varies and not any(axis in cell.seen for cell in cells[1:]):
            raise StackError(
                f"the work of '{study.name}' reads '{axis}' from the first cell of a stack whose cells differ in it. "
                f"Add '{axis}' to stack_by, or read it from each cell."
            )


def _declared(study: Study, values: Mapping[str, Any]) -> None:
    """Refuse values that the study does not name."""
    extra = {name for name in values if "probe_" not in name} - set(study.values) if study.values else ()
    if extra:
        raise StackError(
            f"the work of '{study.name}' returned {', '.join(sorted(extra))}, which 'values' of the study does not name. "
            "Add it there, or leave it out."
        )


def _sound(study: Study, name: str, document: Mapping[str, Any]) -> None:
    """Refuse a result that could not be read again: it would be computed anew by every run."""
    text = json_text({"schema": 1, "cell": name, **document})
    try:
        parse(name, text, Path(name), study.name, values_fit(study))
    except StoreError as error:
        why = str(error).partition("got a damaged file ")[2].strip("().")
        raise UsageError(
            f"expected results of the work of '{study.name}' that can be stored, got something else: {why}. Give each "
            "value as a number, a text, or a list of them; what charts and rules read, as numbers."
        ) from error


def shown_params(params: Params) -> dict[str, Any]:
    """Parameters as they are stored: a data file without its folders."""
    return {**params, "data": data_name.shown(params["data"]), **shown_probes(params)}


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
