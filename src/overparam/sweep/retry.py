"""After a worker has died: which cells are tried again, and which are given up. Pure; every executor may use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from overparam.sweep.work import Job, shown_params

ATTEMPTS = 2


def again(
    job: Job, stored: Collection[str], tries: Mapping[str, int], attempts: int = ATTEMPTS
) -> tuple[tuple[Job, ...], tuple[Job, ...]]:
    """Split what a dead worker left unfinished into jobs to try again and cells to give up.

    Several cells left are tried again in halves, so that a stack of n cells with one bad cell costs about
    log2(n) more deaths, and not one start of the stack's training a cell. A cell that is left alone is given up
    once ``attempts`` workers have died on it; in company no cell is given up, since any of them may be the bad one.

    Args:
        job: the stack that the worker was running.
        stored: names of the cells that are in the store.
        tries: how many workers have died on each cell so far, this death included.
        attempts: deaths after which a cell that runs alone is given up.

    Returns:
        Jobs to try again, in the order of the cells; and jobs of one cell each that are given up.
    """
    left = [i for i, name in enumerate(job.names) if name not in stored]
    if not left:
        return (), ()
    if len(left) == 1:
        alone = part(job, left)
        return ((), (alone,)) if tries.get(alone.names[0], 0) >= attempts else ((alone,), ())
    middle = (len(left) + 1) // 2
    return (part(job, left[:middle]), part(job, left[middle:])), ()


def part(job: Job, indices: Sequence[int]) -> Job:
    """Return the job with only the cells at these indices; its number stays."""
    return replace(
        job,
        names=tuple(job.names[i] for i in indices),
        fingerprints=tuple(job.fingerprints[i] for i in indices),
        cells=tuple(job.cells[i] for i in indices),
    )


def lost(job: Job, times: int, how: str, said: Sequence[str] = ()) -> dict[str, Any]:
    """Return the event for a cell that is given up.

    Args:
        job: a job of that one cell.
        times: how many workers have died on it.
        how: how the last one ended, such as ``signal SIGKILL``.
        said: the last lines that the worker wrote.
    """
    error = f"the worker process ended {times} times on this cell ({how})" + (f": {said[-1]}" if said else "")
    return {
        "event": "failed",
        "job": job.number,
        "name": job.names[0],
        "params": shown_params(job.cells[0]),
        "error": error,
        "traceback": "\n".join([error, *said]),
        "lost": True,
    }
