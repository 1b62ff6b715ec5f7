"""Executor ``ray``: each stack is a Ray Core task, on this machine or on a cluster, one thread each.

The same worker function as everywhere writes the cells into the results folder, which every node sees; what a task
sends back are events only, one by one while it runs. A worker that dies is replaced by Ray; what its stack had not
yet stored is tried again in halves (:mod:`overparam.sweep.retry`).
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from overparam.core import Params, data_name
from overparam.core.errors import OverparamError, StoreError, UsageError, WorkerError
from overparam.store import CellStore
from overparam.sweep.fresh import absolute, clean_first
from overparam.sweep.jobs import Emit, Job, job_from_dict, refuse_changed, run_job
from overparam.sweep.processes import compilation_cache, default_workers
from overparam.sweep.processes import gpus as usable_gpus
from overparam.sweep.ray_cluster import (
    alive,
    check_nodes,
    connected,
    gone,
    raylet_ended,
    slots,
    task_environment,
)
from overparam.sweep.retry import again, lost, smaller

_PROGRESS_SECONDS = 0.2
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0  # without any node that has room for a task
_LOST = (ConnectionError, TimeoutError)  # what Ray raises where it is gone, beside errors of its own
_DEATHS = {
    "OutOfMemoryError": "its node ran out of memory",
    "NodeDiedError": "its node died",
    "LocalRayletDiedError": "its node died",
    "WorkerCrashedError": "it crashed or was killed",
}


@dataclass
class _Run:
    """A run under way.

    Attributes:
        waiting: jobs that Ray has not yet been given.
        running: jobs that it has, by their streams of events.
        share: GPUs a task.
        ours: whether Ray was started for this run, so that no node can join.
        seen: when a node with room was last seen.
        most: slots and nodes when they were most.
        tries: how often a worker died on each cell.
        heard: cells that were told of.
        late: streams of jobs that took longer than they may.
    """

    ray: Any
    reference: str
    study: str
    emit: Emit
    task: Any
    waiting: deque[Job]
    share: float = 0.0
    ours: bool = False
    running: dict[Any, Job] = field(default_factory=dict)
    seen: float = field(default_factory=time.monotonic)
    most: tuple[int, int] = (0, 0)
    tries: Counter[str] = field(default_factory=Counter)
    heard: set[str] = field(default_factory=set)
    late: set[Any] = field(default_factory=set)


def run_ray(
    reference: str,
    study: str,
    jobs: Sequence[Job],
    emit: Emit,
    workers: int | None = None,
    *,
    address: str = "",
    gpus: float | None = None,
) -> dict[str, Any]:
    """Run jobs as Ray tasks; events go to ``emit`` in the calling thread.

    At most two tasks a slot are handed to Ray at a time, dearest first. A Ray started here is ended afterwards.

    Args:
        reference: name of the study, or path of its file, which must lie at the same path on every node.
        study: name of the study, under which its cells are stored.
        jobs: stacks, dearest first.
        emit: takes each event; an exception it raises stops the run.
        workers: tasks at a time: by default one a GPU or core here, all that a running cluster has room for.
        address: ``auto`` or ``host:port`` of a running cluster; empty for a Ray of our own on this machine.
        gpus: GPUs a task asks for, such as 0.5; by default 1 where JAX can use the GPUs, else 0.

    Returns:
        Where it ran, for the record: ``workers`` (tasks at a time) and ``nodes`` when they were most, ``threads``
        and ``gpus`` a task.

    Raises:
        UsageError: no Ray, no cluster at the address, no room for a task, or a node that lacks the study.
        StoreError: a node does not see the results folder, or a result could not be written; finished cells stay.
        WorkerError: Ray, or every node with room for a task, went away; finished cells stay.
        KeyboardInterrupt: passed on after the tasks have been cancelled; finished cells stay.
    """
    if not jobs:
        return {"workers": workers or default_workers(), "threads": 1}
    shared = [_absolute(job) for job in jobs]
    file = absolute(reference)
    with connected(address, workers or default_workers()) as (ray, ours):
        usable = usable_gpus() > 0 if ours else check_nodes(ray, alive(ray), file, shared[0].out)
        has_gpu = any(node["Resources"].get("GPU", 0) >= 1 for node in alive(ray))
        share = float(gpus) if gpus is not None else float(usable and has_gpu)
        if not alive(ray, share):
            what = f"1 CPU and {share:g} GPU" if share else "1 CPU"
            raise UsageError(
                f"--on ray: expected a node with {what} for a task, got none. Add nodes, or ask less."
            )
        task = ray.remote(clean_first(__name__, "_stack", stream=True)).options(
            num_cpus=1, num_gpus=share, max_retries=0, num_returns="streaming",
            runtime_env={"env_vars": task_environment(share)},
        )  # fmt: skip
        run = _Run(ray, file, study, emit, task, deque(shared), share, ours)
        try:
            while run.waiting or run.running:
                room = _room(run)
                _submit(run, workers if workers is not None and workers < room else 2 * room)
                _listen(run)
        finally:
            for pending in run.running:
                with contextlib.suppress(Exception):
                    ray.cancel(pending, force=True)
        at_once, nodes = run.most
        return {"workers": min(at_once, workers or at_once), "threads": 1, "nodes": nodes, "gpus": share}


def _room(run: _Run) -> int:
    """How many tasks the nodes that live now run at a time."""
    if raylet_ended(run.ray):
        raise gone("ended on this machine")
    nodes = alive(run.ray, run.share)
    room = slots(nodes, run.share)
    run.most = max(run.most, (room, len(nodes)))
    if room:
        run.seen = time.monotonic()
    elif run.ours:
        raise gone("ended on this machine")
    elif time.monotonic() - run.seen > _PATIENCE_SECONDS:
        raise WorkerError(
            f"--on ray: expected a node with room for a task, got none for {_PATIENCE_SECONDS:.0f} s. Finished cells "
            "are kept: add nodes, and the same command goes on from here."
        )
    return room


def _submit(run: _Run, limit: int) -> None:
    while run.waiting and len(run.running) < limit:
        job = run.waiting.popleft()
        run.running[run.task.remote(run.reference, job.to_dict())] = job


def _listen(run: _Run) -> None:
    """Wait for the next events, at most a second, and pass them on."""
    if not run.running:
        time.sleep(1.0)  # no node has room; one may come back
        return
    try:
        ready, _ = run.ray.wait(list(run.running), num_returns=1, timeout=1.0)
    except run.ray.exceptions.RayError as error:
        raise gone(f"does not answer ({type(error).__name__})") from error
    for events in ready:
        try:
            event = run.ray.get(next(events))
        except StopIteration:
            del run.running[events]
        except run.ray.exceptions.RuntimeEnvSetupError as error:
            raise UsageError(f"--on ray: expected Ray to set up its workers, got: {error}") from error
        except run.ray.exceptions.RayError as error:
            job = run.running.pop(events)
            if raylet_ended(run.ray):
                raise gone("ended on this machine") from error
            late = events in run.late
            how = f"time limit of {job.limit:g} s" if late else _how(error)
            _bury(run, job, how, halve=not late and type(error).__name__ in _DEATHS)
        except _LOST as error:
            raise gone(f"does not answer ({type(error).__name__})") from error
        else:
            if event["event"] == "fatal":
                raise StoreError(event["error"])
            if event["event"] == "late":
                run.late.add(events)
                continue
            if event["event"] == "cell":
                run.heard.add(event["name"])
            run.emit(event)


def _bury(run: _Run, job: Job, how: str, *, halve: bool) -> None:
    """Put back what a dead worker left; cells that it stored without being heard are told of."""
    stored = CellStore(Path(job.out), run.study).present(job.names)
    for name in sorted(stored.keys() - run.heard):
        run.heard.add(name)
        run.emit({"event": "cell", "job": job.number, "name": name, "status": stored[name].status})
    parts, given_up = again(job, stored, run.tries, how, halve=halve)
    run.waiting.extendleft(reversed(parts))
    if len(job.names) > 1 and parts:
        run.emit(smaller(job, parts, how))
    for index in given_up:
        run.emit(lost(job, index, how))
    if not parts:
        run.emit({"event": "done", "job": job.number})


def _how(error: Exception) -> str:
    kind = type(error).__name__
    cause = getattr(error, "cause", None)
    return _DEATHS.get(kind) or (f"{type(cause).__name__}: {cause}" if cause is not None else kind)


def _absolute(job: Job) -> Job:
    """The job with absolute paths: a worker on another node starts in another folder."""
    from overparam.data import names

    def whole(cell: Params) -> Params:
        probes = {"probes": tuple(map(absolute, cell["probes"]))} if "probes" in cell else {}
        return {**cell, "data": data_name.absolute(cell["data"], names()), **probes}

    cells = tuple(whole(cell) for cell in job.cells)
    return replace(job, out=str(Path(job.out).absolute()), cells=cells)


def _stack(reference: str, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The Ray task: run a stack in a thread of its own, and yield its events as they come."""
    for name, setting in compilation_cache().items():  # of this node's kind of processor
        os.environ.setdefault(name, setting)
    try:
        study, work = _study(reference)
    except OverparamError as error:
        yield {"event": "fatal", "error": f"a Ray task: {error}"}
        return
    job = job_from_dict(value)
    events: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
    last = 0.0

    def emit(event: dict[str, Any]) -> None:
        nonlocal last
        if event["event"] == "progress":
            if time.monotonic() - last < _PROGRESS_SECONDS:
                return
            last = time.monotonic()
        events.put(event)

    def serve() -> None:
        try:
            refuse_changed(study, job, work)
            run_job(study, job, emit)
        except StoreError as error:
            events.put({"event": "fatal", "error": str(error)})
        except BaseException as error:
            events.put(error)  # such as SystemExit: the stack counts as lost
        events.put(None)

    threading.Thread(target=serve, daemon=True).start()
    deadline = math.inf if job.limit is None else time.monotonic() + job.limit
    while True:
        try:
            event = events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            event = {"event": "none"}
        if event is None:
            return
        if time.monotonic() > deadline:
            yield {"event": "late", "job": job.number}
            time.sleep(_LOOK_SECONDS)
            os._exit(1)  # the thread cannot be ended otherwise
        if isinstance(event, BaseException):
            raise RuntimeError(f"{type(event).__name__}: {event}")
        if event["event"] != "none":
            yield event


@functools.cache
def _study(reference: str) -> Any:
    from overparam.core.registry import find
    from overparam.sweep.key import work_code

    study = find(reference)
    return study, work_code(study)
