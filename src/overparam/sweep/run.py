"""Run a study: what is done, what is to do, and who does it."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overparam.core import Params, Study, clean, disk
from overparam.core.atomic import check_writable
from overparam.core.errors import DataError, StoreError, UsageError
from overparam.core.memory import memory_budget
from overparam.core.registry import find, get, ships
from overparam.store import CellStore, Head
from overparam.store.schema import inside
from overparam.sweep.check import refuse
from overparam.sweep.executors import executor
from overparam.sweep.fits import fits
from overparam.sweep.former import adopt, former_cells
from overparam.sweep.jobs import Job, run_job
from overparam.sweep.key import cell_name, shown_probes, work_code
from overparam.sweep.plan import Stack, stacks
from overparam.sweep.processes import check_workers, run_processes
from overparam.sweep.record import Finished, conclude
from overparam.sweep.select import Selection, select

PATIENCE = 900.0  # seconds that any stack may take
Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Plan:
    """What a run will do, before anything is computed.

    Attributes:
        selection: the study with the values of its axes.
        names: file name of every cell, in the order of ``cells``.
        cells: parameters of every cell.
        fingerprints: data fingerprint of every cell.
        done: names of the cells whose results are stored and readable.
        damaged: names of the cells whose files cannot be read; they are computed again.
        stacks: stacks of the cells that are to do, dearest first.
        workers: number of workers.
        reference: how a worker process finds the study; empty for a study that only this process knows.
        out: results folder.
        asked: number of workers asked for; None for the default.
        adopted: name of a cell to its name in the study that this one was a part of, where it is finished.
        code: the code of the work of a study outside the package; empty for one of the package.
        otherwise: number of the cells to do that are stored as other code, data or an other ``cell_version`` made them;
            only counted for a study outside the package.
    """

    selection: Selection
    names: tuple[str, ...]
    cells: tuple[Params, ...]
    fingerprints: tuple[str, ...]
    done: frozenset[str]
    damaged: tuple[str, ...]
    stacks: tuple[Stack, ...]
    workers: int
    reference: str
    out: Path = field(default_factory=lambda: Path("runs"))
    asked: int | None = None
    adopted: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    otherwise: int = 0

    @property
    def seconds(self) -> float:
        """Expected seconds: at least the dearest stack, at best the total over the workers."""
        costs = [stack.seconds for stack in self.stacks]
        return max([sum(costs) / max(1, self.workers), *costs], default=0.0)

    @property
    def bytes(self) -> float:
        """Expected memory: the dearest stacks side by side."""
        return sum(sorted((stack.bytes for stack in self.stacks), reverse=True)[: self.workers])


def make_plan(
    study: Study | str | os.PathLike[str],
    profile: str = "quick",
    *,
    out: str | Path = "runs",
    workers: int | None = None,
    memory: float | None = None,
    overrides: Mapping[str, Any] | None = None,
    download: bool = True,
) -> Plan:
    """Resolve a study to cells and look which are stored; nothing is computed or written.

    With ``download``, a data set of the Hub that is not at hand is fetched into the cache folder.

    Raises:
        UsageError: an unknown name or a value out of range.
        DataError: a data set that is not at hand.
    """
    from overparam.data import fingerprint

    study = study if isinstance(study, Study) else os.fspath(study)
    found = find(study) if isinstance(study, str) else study
    if not ships(found):
        refuse(found)
    count = check_workers(workers)
    budget = memory if memory is not None else memory_budget() / count
    if not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"memory: expected a positive number of bytes, got {memory!r}.")
    selection = select(found, profile, overrides)
    cells = selection.cells()
    prints = {name: fingerprint(name, download=download) for name in selection.axes["data"]}
    code = work_code(found)
    names = [cell_name(found, cell, prints[cell["data"]], code) for cell in cells]
    store = CellStore(Path(out), found.name)
    stored = store.names()
    expected = dict(zip(names, cells, strict=True))
    present, damaged = store.heads(sorted(stored & set(names)), fits(found, expected))
    for cell, name in zip(cells, names, strict=True):
        if name in present:
            _same(found, store, cell, present[name])
    adopted = former_cells(found, Path(out), cells, names, [prints[cell["data"]] for cell in cells], present)
    todo = [
        cell for cell, name in zip(cells, names, strict=True) if name not in present and name not in adopted
    ]
    return Plan(
        selection,
        tuple(names),
        tuple(cells),
        tuple(prints[cell["data"]] for cell in cells),
        frozenset(present) | frozenset(adopted),
        tuple(name for name in damaged if name not in adopted),
        tuple(stacks(found, todo, budget)),
        count,
        _reference(study),
        Path(out),
        workers,
        adopted,
        code,
        _otherwise(stored, names) if code else 0,
    )


def _otherwise(stored: Collection[str], names: Collection[str]) -> int:
    """How many of the cells that are not stored are there with the same readable name, and came about otherwise."""
    readable = {name.rpartition("--")[0] for name in stored}
    return sum(name not in stored and name.rpartition("--")[0] in readable for name in names)


def _same(study: Study, store: CellStore, params: Params, cell: Head) -> None:
    """Refuse a stored cell whose parameters are not those that its name now stands for."""
    found, params = cell.params, {**params, **shown_probes(params)}
    for axis in study.axes:
        stored = found.get(axis.name, params[axis.name])
        stored = tuple(stored) if isinstance(stored, list) else stored
        if axis.name != "data" and stored != params[axis.name]:
            raise StoreError(
                f"{store.where(cell.name)}: expected {axis.name} = {params[axis.name]}, got {stored}. The "
                f"default of an axis of '{study.name}' was changed without raising its cell_version: raise it."
            )


def _reference(study: Study | str) -> str:
    if isinstance(study, str):
        return study
    return study.name if get(study.name) is study else ""


def execute(
    plan: Plan, *, on: str = "processes", limit: float | None = None, listen: Listener | None = None
) -> dict[str, Any]:
    """Compute what is to do, judge, and write the run's record.

    Args:
        plan: from :func:`make_plan`.
        on: ``processes``, ``inline`` (in this process), ``ray`` (a Ray started here), ``ray=auto`` or
            ``ray=HOST:PORT`` (a running cluster); see :func:`overparam.sweep.executors.executor`.
        limit: seconds that a stack may take before its worker is ended and its cells are tried one by one; by
            default 20 times the expected seconds, and at least 15 minutes. Not for ``inline``.
        listen: takes each event, for a progress display.

    Returns:
        The record, as stored in ``<out>/<study>/<run>.json``.

    Raises:
        UsageError: an unknown executor, or a study that worker processes cannot import.
        StoreError: the results folder cannot be written.
    """
    chosen = executor(on)
    study = plan.selection.study
    if limit is not None and not limit > 0:
        raise UsageError(f"limit: expected a positive number of seconds, got {limit!r}.")
    store = CellStore(plan.out, study.name)
    base = store.folder.parent
    inside(plan.out, *(base / part for part in ("", "cells", "failed", "register", "locks")))
    check_writable(store.folder if plan.stacks else store.folder.parent)
    for place in (store.folder.parent, plan.out, plan.out.parent) if plan.stacks else ():
        disk.fsync_path(place)  # where the folders that were made have their names
    for name in plan.damaged:
        store.set_aside(name)
    adopt(plan.selection.study, plan.out, plan.adopted, dict(zip(plan.names, plan.cells, strict=True)))
    failures: list[dict[str, Any]] = []
    computed: set[str] = set()

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "cell" and not event.get("found"):  # else another run stored it meanwhile
            computed.add(event["name"])
        if event["event"] == "failed":
            failures.append({k: event[k] for k in ("name", "params", "error", "traceback")})
            if event.get("lost"):
                store.write_failure(event["name"], clean({"study": study.name, **failures[-1]}))
        if listen is not None:
            listen(event)

    started = time.perf_counter()
    jobs = _jobs(plan, limit)
    if jobs:
        _warm(plan)
    where: dict[str, Any] = {"workers": 1, "threads": None}
    if chosen.name == "inline":
        for job in jobs:
            run_job(study, job, hear)
    else:
        if not plan.reference:
            raise UsageError(
                f"worker processes cannot import the study '{study.name}' that was made in this program. "
                "Put it in a file and give its path, or run it with on='inline'."
            )
        where = {"workers": plan.workers, "threads": 1}
        if chosen.name == "processes":
            run_processes(plan.reference, study.name, plan.out, jobs, hear, plan.workers)
        else:
            from overparam.sweep.ray_tasks import run_ray

            where = run_ray(
                plan.reference, study.name, jobs, hear, plan.asked, address=chosen.address, gpus=chosen.gpus
            )
    finished = Finished(plan.selection, plan.names, plan.fingerprints, frozenset(computed))
    where = {"executor": chosen.name, **where}
    return conclude(finished, plan.out, plan.reference, failures, time.perf_counter() - started, where)


def _warm(plan: Plan) -> None:
    """Decode or generate each data set once, so that the workers share the cached arrays.

    One that cannot be read is left to its cells: they fail with its message, and the others go on.
    """
    from overparam.data import load

    for name in plan.selection.axes["data"]:
        with contextlib.suppress(DataError):
            load(name)


def _jobs(plan: Plan, limit: float | None) -> list[Job]:
    place = {id(cell): i for i, cell in enumerate(plan.cells)}
    jobs = []
    for number, stack in enumerate(plan.stacks):
        at = [place[id(cell)] for cell in stack.cells]
        jobs.append(
            Job(
                number,
                str(plan.out),
                tuple(plan.names[i] for i in at),
                tuple(plan.fingerprints[i] for i in at),
                stack.cells,
                max(PATIENCE, 20 * stack.seconds) if limit is None else limit,
                work=plan.code,
            )
        )
    return jobs
