"""Executor ``processes``: one worker process a core (or a GPU), one thread each.

Workers are fresh interpreters, so nothing is forked, thread counts hold, and a script needs no main guard. A
worker that dies is replaced and what its stack had not yet stored is tried again, one cell at a time; a cell on which a
worker dies twice is recorded as a failure.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import importlib.util
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from overparam.errors import StoreError, UsageError
from overparam.store import CellStore
from overparam.sweep.environment import cores
from overparam.sweep.work import Emit, Job, shown_params

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
_XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
ATTEMPTS = 2


@dataclass
class _Worker:
    study: str
    slot: int
    process: subprocess.Popen[str]
    log: IO[bytes]
    job: Job | None = None
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
        return len([d for d in visible.split(",") if d.strip() not in ("", "-1")])
    return len(glob.glob("/dev/nvidia[0-9]*"))


def default_workers() -> int:
    """One worker a GPU, else one a core."""
    return gpus() or cores()


def worker_environment(slot: int, workers: int) -> dict[str, str]:
    """Environment of a worker: one thread, its own core or GPU."""
    env = dict(os.environ)
    for name, value in compilation_cache().items():
        env.setdefault(name, value)
    if gpus():
        visible = env.get("CUDA_VISIBLE_DEVICES")
        devices = visible.split(",") if visible else [str(i) for i in range(gpus())]
        env["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
        return env
    env.update(dict.fromkeys(_THREADS, "1"))
    env["XLA_FLAGS"] = f"{env.get('XLA_FLAGS', '')} {_XLA}".strip()
    if hasattr(os, "sched_getaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        if workers <= len(usable):
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


def run_processes(reference: str, study: str, jobs: Sequence[Job], emit: Emit, workers: int) -> None:
    """Run jobs on worker processes; events go to ``emit`` in the calling thread.

    Args:
        reference: name of the study, or path of its file.
        study: name of the study, under which its cells are stored.
        jobs: stacks, dearest first.
        emit: takes each event; an exception it raises stops the run.
        workers: number of processes.

    Raises:
        StoreError: a result could not be written; finished cells stay.
        KeyboardInterrupt: passed on after the workers have been ended; finished cells stay.
    """
    waiting = deque(jobs)
    tries: Counter[str] = Counter()
    events: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
    count = max(1, min(workers, len(jobs)))
    alive: list[_Worker] = []
    try:
        for slot in range(count if jobs else 0):
            alive.append(_start(reference, study, slot, workers, events))
            _give(alive[-1], waiting)
        while any(worker.job is not None for worker in alive):
            worker, event = events.get()
            if event is None:
                alive.remove(worker)
                _bury(worker, waiting, tries, emit)
                if waiting:
                    fresh = _start(reference, study, worker.slot, workers, events)
                    alive.append(fresh)
                    _give(fresh, waiting)
            elif event["event"] == "fatal":
                raise StoreError(event["error"])
            else:
                if event["event"] == "done":
                    worker.job = None
                    _give(worker, waiting)
                emit(event)
    finally:
        for worker in alive:
            worker.process.terminate()
        for worker in alive:
            _stop(worker)


def _start(reference: str, study: str, slot: int, workers: int, events: queue.Queue[Any]) -> _Worker:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
    process = subprocess.Popen(
        [sys.executable, "-m", "overparam.sweep.worker", reference],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=worker_environment(slot, workers),
        start_new_session=True,
    )
    worker = _Worker(study, slot, process, log)

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


def _give(worker: _Worker, waiting: deque[Job]) -> None:
    if not waiting:
        return
    worker.job = waiting.popleft()
    assert worker.process.stdin is not None
    try:
        worker.process.stdin.write(json.dumps(worker.job.to_dict()) + "\n")
        worker.process.stdin.flush()
    except OSError:
        return  # it died meanwhile; the listener reports it and the job is given again


def _bury(worker: _Worker, waiting: deque[Job], tries: Counter[str], emit: Emit) -> None:
    """Put the unfinished cells of a dead worker's stack back, one by one, so that one bad cell costs only itself."""
    code = worker.process.wait()
    worker.log.seek(0)
    tail = worker.log.read().decode(errors="replace").strip().splitlines()[-30:]
    _stop(worker)
    job = worker.job
    if job is None:
        return
    stored = CellStore(Path(job.out), worker.study).names()
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    error = f"the worker process ended {ATTEMPTS} times on this cell ({how})" + (
        f": {tail[-1]}" if tail else ""
    )
    for name, fingerprint, params in zip(job.names, job.fingerprints, job.cells, strict=True):
        tries[name] += 1
        if name in stored:
            continue
        if tries[name] < ATTEMPTS:
            waiting.appendleft(Job(job.number, job.out, (name,), (fingerprint,), (params,)))
        else:
            emit(
                {"event": "failed", "job": job.number, "name": name, "params": shown_params(params),
                 "error": error, "traceback": "\n".join([error, *tail]), "lost": True}
            )  # fmt: skip
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
