"""What is tried again after a worker ended in the middle of a stack, and what is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from overparam.sweep.jobs import Job, shown_params

ATTEMPTS = 2


def again(
    job: Job, stored: Iterable[str], tries: Counter[str], how: str, *, halve: bool
) -> tuple[list[Job], list[int]]:
    """Split the unfinished cells of a stack into smaller jobs.

    Args:
        job: the stack whose worker ended.
        stored: names of the cells that are stored meanwhile.
        tries: how often a worker ended on each cell alone; counted on here.
        how: how the worker ended, in words.
        halve: halves (a stack that was killed, most likely for its memory) instead of single cells (a crash or a
            time limit, so that one bad cell costs only itself).

    Returns:
        The jobs to try again, and the indices of the cells on which a worker has ended ``ATTEMPTS`` times alone.
    """
    present = set(stored)
    left = [i for i, name in enumerate(job.names) if name not in present]
    if len(job.names) == 1:
        tries.update(job.names[i] for i in left)
        lost = [i for i in left if tries[job.names[i]] >= ATTEMPTS]
    else:
        lost = []
    left = [i for i in left if i not in lost]
    size = -(-len(left) // 2) if halve else 1
    note = f"{len(job.names)} cells together: {how}" if len(job.names) > 1 else f"alone: {how}"
    parts = [left[start : start + size] for start in range(0, len(left), max(1, size))]
    return [replace(part_of(job, part), notes=(*job.notes, note)) for part in parts], lost


def part_of(job: Job, indices: Iterable[int]) -> Job:
    """Return the job of some cells of a stack."""
    kept = list(indices)
    return replace(
        job,
        names=tuple(job.names[i] for i in kept),
        fingerprints=tuple(job.fingerprints[i] for i in kept),
        cells=tuple(job.cells[i] for i in kept),
    )


def lost(job: Job, index: int, how: str, said: Sequence[str] = ()) -> dict[str, Any]:
    """Return the event for a cell that is given up.

    Args:
        job: the job that held it.
        index: its place there.
        how: how the last worker ended, such as ``signal SIGKILL``.
        said: the last lines that the worker wrote.
    """
    error = f"the worker process ended {ATTEMPTS} times on this cell ({how})" + (
        f": {said[-1]}" if said else ""
    )
    return {
        "event": "failed",
        "job": job.number,
        "name": job.names[index],
        "params": shown_params(job.cells[index]),
        "error": error,
        "traceback": "\n".join([error, *said]),
        "lost": True,
    }


def smaller(job: Job, parts: Sequence[Job], how: str) -> dict[str, Any]:
    """Return the event that says that a stack is tried again in parts."""
    sizes = [len(part.names) for part in parts]
    unfinished = "" if sum(sizes) == len(job.names) else f", {sum(sizes)} of them unfinished"
    text = f"{len(job.names)} cells together{unfinished}: {how}, tried again with {max(sizes)}"
    return {"event": "smaller", "job": job.number, "text": text}
