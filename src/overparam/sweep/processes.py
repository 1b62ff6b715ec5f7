"""Executor ``processes``: one worker process a core (or a GPU), one thread each.

Workers are fresh interpreters, so nothing is forked, thread counts hold, and a script needs no main guard. A
worker that dies is replaced and its stack is tried once more; the second death is recorded as a failure.
"""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from overparam.errors import StoreError, UsageError
from overparam.sweep.environment import cores
from overparam.sweep.work import Emit, Job

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
_XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
ATTEMPTS = 2


@dataclass
class _Worker:
    slot: int
    process: subprocess.Popen[str]
    log: IO[bytes]
    job: Job | None = None
    listener: threading.Thread | None = None


def gpus() -> int:
    """Number of NVIDIA GPUs that the installed JAX can use; 0 with a CPU build."""
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
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


def run_processes(reference: str, jobs: Sequence[Job], emit: Emit, workers: int) -> None:
    """Run jobs on worker processes; events go to ``emit`` in the calling thread.

    Args:
        reference: name of the study, or path of its file.
        jobs: stacks, dearest first.
        emit: takes each event; an exception it raises stops the run.
        workers: number of processes.

    Raises:
        StoreError: a result could not be written; finished cells stay.
        KeyboardInterrupt: passed on after the workers have been ended; finished cells stay.
    """
    waiting = deque(jobs)
    tries: dict[int, int] = {}
    events: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
    count = max(1, min(workers, len(jobs)))
    alive = [_start(reference, slot, workers, events) for slot in range(count)] if jobs else []
    try:
        for worker in alive:
            _give(worker, waiting)
        while any(worker.job is not None for worker in alive):
            worker, event = events.get()
            if event is None:
                alive.remove(worker)
                _bury(worker, waiting, tries, emit)
                if waiting:
                    fresh = _start(reference, worker.slot, workers, events)
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
            _stop(worker)


def _start(reference: str, slot: int, workers: int, events: queue.Queue[Any]) -> _Worker:
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


def _bury(worker: _Worker, waiting: deque[Job], tries: dict[int, int], emit: Emit) -> None:
    code = worker.process.wait()
    worker.log.seek(0)
    tail = worker.log.read().decode(errors="replace").strip().splitlines()[-30:]
    _stop(worker)
    job = worker.job
    if job is None:
        return
    tries[job.number] = tries.get(job.number, 0) + 1
    if tries[job.number] < ATTEMPTS:
        waiting.appendleft(job)
        return
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    error = f"the worker process ended twice on this stack ({how})"
    for name, params in zip(job.names, job.cells, strict=True):
        emit(
            {"event": "failed", "job": job.number, "name": name, "params": dict(params), "error": error,
             "traceback": "\n".join([error, *tail]), "lost": True}
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
