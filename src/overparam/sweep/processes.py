"""Executor ``processes``: one worker process a core (or a GPU), one thread each.

Workers are fresh interpreters, so nothing is forked, thread counts hold, and a script needs no main guard. A worker that
dies, or that takes longer than its stack may, is replaced, and what its stack had not yet stored is tried again:
after a kill in halves (the likely reason is memory), after a crash or a time limit one cell at a time. A cell on which
a worker ends twice alone is recorded as a failure.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import importlib.util
import json
import math
import os
import platform
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from overparam.core.errors import StoreError, UsageError, WorkerError
from overparam.store import CellStore
from overparam.sweep import fresh
from overparam.sweep.environment import cores
from overparam.sweep.jobs import Emit, Job
from overparam.sweep.locks import Locks
from overparam.sweep.retry import again, lost, part_of, smaller

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
STARTUP = 300.0  # seconds that a worker may take to import what it needs
LOOK = 0.5  # seconds between looks at time limits and at what other runs have given up


@dataclass
class _Worker:
    slot: int
    process: subprocess.Popen[str]
    log: IO[bytes]
    job: Job | None = None
    deadline: float = math.inf
    late: bool = False
    ready: bool = False
    listener: threading.Thread | None = None


def gpus() -> int:
    """Number of NVIDIA GPUs that the installed JAX can use; 0 with a CPU build."""
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    asked = os.environ.get("JAX_PLATFORMS", "")
    if asked and not {"cuda", "gpu"} & set(asked.split(",")):
        return 0
    if not any(importlib.util.find_spec(name) for name in plugins):
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len(_listed(visible))
    return len(glob.glob("/dev/nvidia[0-9]*"))


def _listed(visible: str) -> list[str]:
    """The GPUs that CUDA_VISIBLE_DEVICES lists."""
    return [one.strip() for one in visible.split(",") if one.strip() not in ("", "-1")]


def default_workers() -> int:
    """One worker a GPU, else one a core."""
    return gpus() or cores()


def worker_environment(slot: int, workers: int) -> dict[str, str]:
    """Environment of a worker: one thread, and its own core or GPU where there is one for each.

    Fewer workers than cores are left to the system: runs beside each other would share the first core and leave the others idle.
    """
    env = fresh.named_only(os.environ)
    env.pop("OVERPARAM_CORE", None)
    for name, value in compilation_cache().items():
        env.setdefault(name, value)
    if gpus():
        visible = env.get("CUDA_VISIBLE_DEVICES")
        devices = _listed(visible) if visible else [str(i) for i in range(gpus())]
        env["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
        return env
    env.update(dict.fromkeys(THREADS, "1"))
    env["XLA_FLAGS"] = f"{env.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()
    if hasattr(os, "sched_getaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        if workers == len(usable):
            env["OVERPARAM_CORE"] = str(usable[slot])
    return env


@functools.cache
def compilation_cache() -> dict[str, str]:
    """Settings that make JAX keep compiled programs in the user's cache folder, one folder a kind of processor.

    A program compiled for one processor may not run on another, so the folder's name is a hash of the processor's
    features. A cache of the user's own (``JAX_COMPILATION_CACHE_DIR``) is left alone.
    """
    from overparam.data import cache_folder

    facts = f"{platform.machine()} {platform.processor()}"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        facts += " ".join(
            sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
        )
    folder = cache_folder().parent / f"xla-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }


def run_processes(reference: str, study: str, out: Path, jobs: Sequence[Job], emit: Emit, workers: int) -> None:
    """Run jobs on worker processes; events go to ``emit`` in the calling thread.

    Args:
        reference: name of the study, or path of its file.
        study: name of the study, under which its cells are stored.
        out: results folder.
        jobs: stacks, dearest first.
        emit: takes each event; an exception it raises stops the run.
        workers: number of processes.

    Raises:
        StoreError: a result could not be written, or the study is no longer what it was; finished cells stay.
        WorkerError: a worker process cannot start.
        KeyboardInterrupt: passed on after the workers have been ended; finished cells stay.
    """
    waiting = deque(jobs)
    tries: Counter[str] = Counter()
    events: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
    store = CellStore(out, study)
    locks = Locks(store.folder.parent / "locks")
    alive: list[_Worker] = []
    heard: set[str] = set()

    def start() -> _Worker:
        slot = min(set(range(workers)) - {worker.slot for worker in alive})
        alive.append(_start(fresh.absolute(reference), slot, workers, events))
        return alive[-1]

    try:
        while True:
            _employ(alive, waiting, locks, store, emit, start, min(workers, len(jobs)))
            busy = [worker for worker in alive if worker.job is not None]
            if not busy and not waiting:
                break
            for worker in busy:
                _end_if_late(worker)
            try:
                worker, event = events.get(timeout=LOOK)
            except queue.Empty:
                continue
            if event is None:
                alive.remove(worker)
                _bury(worker, waiting, tries, store, locks, emit, heard)
            elif event["event"] == "fatal":
                raise StoreError(event["error"])
            elif event["event"] == "ready":
                worker.ready = True
            else:
                if event["event"] == "started" and worker.job is not None:
                    worker.deadline = _deadline(worker.job)
                if event["event"] == "done" and worker.job is not None:
                    locks.release(worker.job.names)
                    worker.job = None
                if event["event"] == "cell":
                    heard.add(event["name"])
                emit(event)
    finally:
        try:
            for worker in alive:
                worker.process.terminate()
            for worker in alive:
                _stop(worker)
        except KeyboardInterrupt:  # a second one: no more patience
            for worker in alive:
                worker.process.kill()
            raise
        finally:
            locks.close()


def _start(reference: str, slot: int, workers: int, events: queue.Queue[Any]) -> _Worker:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
    process = subprocess.Popen(
        fresh.command(reference),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=worker_environment(slot, workers),
        start_new_session=True,
    )
    worker = _Worker(slot, process, log)

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # a worker killed while it wrote leaves half a line
                    events.put((worker, json.loads(line)))
        events.put((worker, None))

    worker.listener = threading.Thread(target=listen, daemon=True)
    worker.listener.start()
    return worker


def _employ(
    alive: Sequence[_Worker],
    waiting: deque[Job],
    locks: Locks,
    store: CellStore,
    emit: Emit,
    start: Callable[[], _Worker],
    most: int,
) -> None:
    """Give every idle worker a job that no other run is at; start workers while there are jobs for them."""
    while waiting:
        idle = next((worker for worker in alive if worker.job is None), None)
        if idle is None and len(alive) >= most:
            return
        job = _next_job(waiting, locks, store, emit)
        if job is None:
            return
        worker = idle or start()
        worker.job = job
        worker.deadline = _deadline(job, STARTUP)
        assert worker.process.stdin is not None
        with contextlib.suppress(
            OSError
        ):  # it died meanwhile; the listener reports it and the job is given again
            worker.process.stdin.write(json.dumps(job.to_dict()) + "\n")
            worker.process.stdin.flush()


def _next_job(waiting: deque[Job], locks: Locks, store: CellStore, emit: Emit) -> Job | None:
    """The first job that can be claimed, without the cells that another run has stored since the plan was made."""
    for _ in range(len(waiting)):
        job = waiting.popleft()
        if not locks.take(job.names):
            waiting.append(job)
            continue
        done = store.present(job.names)
        for name, cell in done.items():
            emit({"event": "cell", "job": job.number, "name": name, "status": cell.status, "found": True})
        locks.release(done)
        if len(done) < len(job.names):
            return part_of(job, [i for i, name in enumerate(job.names) if name not in done])
        emit({"event": "done", "job": job.number})
    return None


def _deadline(job: Job, more: float = 0.0) -> float:
    return math.inf if job.limit is None else time.monotonic() + job.limit + more


def _end_if_late(worker: _Worker) -> None:
    if worker.job is not None and time.monotonic() > worker.deadline:
        worker.late = True
        worker.process.kill()


def _bury(
    worker: _Worker,
    waiting: deque[Job],
    tries: Counter[str],
    store: CellStore,
    locks: Locks,
    emit: Emit,
    heard: Collection[str],
) -> None:
    """Put the unfinished cells of an ended worker's stack back in smaller parts, or record them as failures.

    Cells that it stored and could not tell of are told of here.
    """
    code = worker.process.wait()
    worker.log.seek(0)
    tail = worker.log.read().decode(errors="replace").strip().splitlines()[-30:]
    _stop(worker)
    job = worker.job
    if job is None:
        return
    if code > 0 and not worker.ready:
        said = tail[-1] if tail else "it said nothing"
        raise WorkerError(
            f"expected worker processes that start, got one that ended with exit code {code}: {said}. Mend that, or "
            "compute in this process with --on inline. Finished cells are kept."
        )
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    if worker.late:
        how = f"time limit of {job.limit:g} s"
    halve = code == -signal.SIGKILL and not worker.late
    stored = store.present(job.names)
    for name in sorted(stored.keys() - heard):
        emit({"event": "cell", "job": job.number, "name": name, "status": stored[name].status})
    locks.release(job.names)
    parts, given_up = again(job, stored, tries, how, halve=halve)
    waiting.extendleft(reversed(parts))
    if len(job.names) > 1 and parts:
        emit(smaller(job, parts, how))
    for index in given_up:
        emit(lost(job, index, how, tail))
    if not parts:
        emit({"event": "done", "job": job.number})


def _stop(worker: _Worker) -> None:
    process = worker.process
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if worker.listener is not None:
        worker.listener.join(timeout=5)
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    worker.log.close()


def check_workers(workers: int | None) -> int:
    """Return a valid number of workers, by default one a GPU or core."""
    if workers is None:
        return default_workers()
    if workers < 1:
        raise UsageError(f"--workers: expected a whole number of at least 1, got {workers}.")
    return workers
