"""Run a study: what is done, what is to do, who does it, and what it means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overparam.claim import Evidence
from overparam.errors import StoreError, UsageError, unknown
from overparam.registry import studies
from overparam.store import Cell, CellStore, RecordStore
from overparam.study import Params, Study, clean
from overparam.sweep.environment import environment, total_memory
from overparam.sweep.key import cell_name
from overparam.sweep.plan import Selection, Stack, select, stacks
from overparam.sweep.processes import check_workers, gpus, run_processes
from overparam.sweep.work import Job, run_job

EXECUTORS = ("processes", "inline")
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
    study: Study | str,
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
    from overparam.registry import find

    found = find(study) if isinstance(study, str) else study
    count = check_workers(workers)
    budget = memory if memory is not None else 0.6 * total_memory() / count
    selection = select(found, profile, overrides)
    cells = selection.cells()
    prints = {name: fingerprint(name, download=download) for name in selection.axes["data"]}
    names = [cell_name(found, cell, prints[cell["data"]]) for cell in cells]
    store = CellStore(Path(out), found.name)
    present, damaged = store.readable(sorted(store.names() & set(names)))
    todo = [cell for cell, name in zip(cells, names, strict=True) if name not in present]
    return Plan(
        selection,
        tuple(names),
        tuple(cells),
        tuple(prints[cell["data"]] for cell in cells),
        frozenset(present),
        tuple(damaged),
        tuple(stacks(found, todo, budget)),
        count,
        _reference(study),
        Path(out),
    )


def _reference(study: Study | str) -> str:
    if isinstance(study, str):
        return study
    return study.name if studies().get(study.name) is study else ""


def execute(plan: Plan, *, on: str = "processes", listen: Listener | None = None) -> dict[str, Any]:
    """Compute what is to do, judge, and write the run's record.

    Args:
        plan: from :func:`make_plan`.
        on: ``processes`` or ``inline`` (in this process).
        listen: takes each event, for a progress display.

    Returns:
        The record, as stored in ``<out>/<study>/<run>.json``.

    Raises:
        UsageError: an unknown executor, or a study that worker processes cannot import.
        StoreError: the results folder cannot be written.
    """
    if on not in EXECUTORS:
        raise unknown("executor", on, EXECUTORS)
    study = plan.selection.study
    store = CellStore(plan.out, study.name)
    for name in plan.damaged:
        store.set_aside(name)
    failures: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "failed":
            failures.append({k: event[k] for k in ("params", "error", "traceback")})
            if event.get("lost"):
                store.write_failure(event["name"], clean({"study": study.name, **failures[-1]}))
        if listen is not None:
            listen(event)

    started = time.perf_counter()
    jobs = _jobs(plan)
    if jobs:
        _warm(plan)
    if on == "inline":
        for job in jobs:
            run_job(study, job, hear)
    else:
        if not plan.reference:
            raise UsageError(
                f"worker processes cannot import the study '{study.name}' that was made in this program. "
                "Put it in a file and give its path, or run it with on='inline'."
            )
        run_processes(plan.reference, jobs, hear, plan.workers)
    return conclude(plan, failures, time.perf_counter() - started, on)


def _warm(plan: Plan) -> None:
    """Decode or generate each data set once, so that the workers share the cached arrays."""
    from overparam.data import load

    for name in plan.selection.axes["data"]:
        load(name)


def _jobs(plan: Plan) -> list[Job]:
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
            )
        )
    return jobs


def conclude(plan: Plan, failures: Sequence[Mapping[str, Any]], seconds: float, on: str) -> dict[str, Any]:
    """Judge the stored cells of a plan and write the record."""
    from overparam.sweep.curves import draw
    from overparam.sweep.judge import judge

    selection, study = plan.selection, plan.selection.study
    cells, _ = CellStore(plan.out, study.name).readable(list(plan.names))
    evidence = {data: _evidence(plan, cells, data) for data in selection.axes["data"]}
    profile, mark = selection.profile, selection.mark
    verdicts = [
        verdict.to_dict()
        for data, rows in evidence.items()
        for verdict in judge(study, rows, profile=profile, data=data, mark=mark)
    ]
    diverged = [cell for cell in cells.values() if cell.status == "diverged"]
    notes = sorted({cell.note for cell in cells.values() if cell.note and cell.status == "ok"})
    record = {
        "study": study.name,
        "reference": plan.reference or study.name,
        "title": study.title,
        "question": study.question,
        "profile": profile,
        "profile_help": study.profiles[profile].help,
        "mark": mark,
        "overrides": selection.overrides,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 2),
        "compute_seconds": round(sum(cell.seconds for cell in cells.values()), 2),
        "cells": {
            "total": len(plan.names),
            "ok": len(cells) - len(diverged),
            "diverged": len(diverged),
            "failed": len(failures),
            "missing": len(plan.names) - len(cells) - len(failures),
            "computed": len(set(cells) - plan.done),
        },
        "parameters": [
            {"name": a.name, "help": a.help, "values": list(selection.axes[a.name])} for a in study.axes
        ],
        "verdicts": verdicts,
        "charts": draw(study, evidence),
        "sources": [
            {"key": s.key, "citation": s.citation, "url": s.url, "bibtex": s.bibtex} for s in study.sources
        ],
        "differences": list(study.differences),
        "failures": [dict(f) for f in failures],
        "diverged": [{"params": dict(cell.params), "note": cell.note} for cell in diverged],
        "notes": notes,
        "environment": {
            **environment(),
            "device": "gpu" if gpus() else "cpu",
            "workers": plan.workers if on == "processes" else 1,
            "threads": 1 if on == "processes" else None,
            "executor": on,
        },
        "cell_version": study.cell_version,
        "cell_names": list(plan.names),
    }
    record = clean(record)
    RecordStore(plan.out).write(selection.run, record)
    return {"schema": 1, "run": selection.run, **record}


def _evidence(plan: Plan, cells: Mapping[str, Cell], data: str) -> Evidence:
    pairs = zip(plan.names, plan.cells, strict=True)
    return Evidence(tuple((p, cells[n].values) for n, p in pairs if n in cells and p["data"] == data))


def reconclude(record: Mapping[str, Any], out: str | Path) -> dict[str, Any]:
    """Judge a stored run again with the study's present rules; no cell is computed.

    Raises:
        StoreError: the cells of the run are no longer all there.
    """
    overrides = {p["name"]: tuple(p["values"]) for p in record["parameters"]}
    plan = make_plan(record["reference"], record["profile"], out=out, overrides=overrides)
    if set(plan.names) - plan.done and not record["failures"]:
        raise StoreError(
            f"expected the {len(plan.names)} cells of this run in {out}, got {len(plan.done)}. "
            f"Run `overparam run {record['reference']} --profile {record['profile']}` to complete them."
        )
    return conclude(plan, record["failures"], record["seconds"], record["environment"]["executor"])
