"""The progress of a run on the standard error stream, in a terminal and from Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from overparam.api.terminal import Terminal

if TYPE_CHECKING:
    from overparam.sweep.run import Plan

LONG = 2.0  # seconds from which one computation is shown in its steps
NAMED = 5  # damaged cells that are named
SHOWN = 3  # equal failures that are shown one by one


def duration(seconds: float) -> str:
    """Seconds in words a person reads at a glance.

    >>> duration(0.4), duration(41), duration(200), duration(7300)
    ('under 1 s', '41 s', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float) -> str:
    """An estimate of a time in words.

    >>> about(0.4), about(41)
    ('under 1 s', 'about 41 s')
    """
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"


def count(n: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "worker"), count(2, "worker")
    ('1 worker', '2 workers')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def note(text: str, console: Console | None = None) -> None:
    """Say something to know on the standard error stream."""
    (console or Terminal(stderr=True)).print(f"[yellow]note[/] {escape(text)}", highlight=False)


@contextmanager
def steps_of(what: str, seconds: float, console: Console) -> Iterator[Callable[[str, float], None]]:
    """Show the steps of one long computation and the time it is expected to take; nothing for a short one.

    Yields a function of the step that begins, and of how many of the expected seconds are behind it.
    """
    if seconds < LONG:
        yield lambda step, done: None
        return
    console.print(f"[bold]{escape(what)}[/]: {about(seconds)} on one core", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=seconds)
        yield lambda step, done: bar.update(task, description=escape(step), completed=done)


@contextmanager
def progress_of(
    plan: Plan, on: str, console: Console | None = None
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show the progress of a run; yields the listener for its events."""
    console = console or Terminal(stderr=True)
    study = plan.selection.study.name
    done, total = len(plan.done), len(plan.names)
    workers = 1 if on == "inline" else plan.workers
    known = bool(plan.stacks) and (
        plan.asked is not None or not on.startswith("ray=")
    )  # else the cluster decides
    console.print(
        f"[bold]{escape(study)}[/] · {escape(plan.selection.profile)}: {done} of {total} cells done, {total - done} to run"
        + (f", {about(plan.seconds)} on {count(workers, 'worker')}" if known else ""),
        highlight=False,
    )
    if plan.damaged:
        shown = ", ".join(plan.damaged[:NAMED]) + f" and {len(plan.damaged) - NAMED} more" * (
            len(plan.damaged) > NAMED
        )
        note(f"{count(len(plan.damaged), 'damaged cell')} set aside and computed again: {shown}", console)
    if not plan.stacks:
        yield lambda event: None
        return
    cost = sum(stack.seconds for stack in plan.stacks) or 1.0
    part = dict.fromkeys(range(len(plan.stacks)), 0.0)
    counts = {"cells": done, "diverged": 0, "failed": 0}
    errors: Counter[str] = Counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[cells]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(study), total=cost, cells=f"{done}/{total} cells")

        def listen(event: dict[str, Any]) -> None:
            kind = event["event"]
            if kind == "progress":
                part[event["job"]] = max(part[event["job"]], event["fraction"])
            elif kind == "done":
                part[event["job"]] = 1.0
            elif kind == "cell":
                counts["cells"] += 1
                counts["diverged"] += event["status"] == "diverged"
            elif kind == "smaller":
                bar.console.print(f"[yellow]again[/] {escape(event['text'])}", highlight=False)
            elif kind == "failed":
                counts["failed"] += 1
                errors[event["error"]] += 1
                if errors[event["error"]] > SHOWN:
                    return
                where = ", ".join(
                    f"{k}={v}" for k, v in event["params"].items() if not isinstance(v, list | tuple)
                )
                bar.console.print(f"[red]failed[/] {escape(where)}: {escape(event['error'])}", highlight=False)
            spent = sum(fraction * plan.stacks[i].seconds for i, fraction in part.items())
            extra = "".join(f", {counts[k]} {k}" for k in ("diverged", "failed") if counts[k])
            bar.update(task, completed=spent, cells=f"{counts['cells']}/{total} cells{extra}")

        yield listen
    for error, times in errors.items():
        if times > SHOWN:
            console.print(f"[red]failed[/] {times - SHOWN} more cells: {escape(error)}", highlight=False)
