"""From what a work function found to what its cells store. Standard library only.

A study decorates its work with :func:`each_cell` at the top of its file; everything here is also found in
``overparam.sweep.work``, beside what needs arrays.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from overparam.core.beside import imported
from overparam.core.claim import Params
from overparam.core.parts import Outcome, Progress

Found = Mapping[str, Any] | Outcome
Solve = Callable[[Params, Progress], Found]
Work = Callable[[Sequence[Params], Progress], list[Outcome]]


def later(where: str, *more: Any) -> Callable[..., Any]:
    """A function that is imported when it is first called, so that a study's file needs the standard library alone.

    Args:
        where: module and name, for instance ``overparam.studies.random_features_work:solve``; a file beside the study too.
        more: what it is given behind everything else.

    >>> later("math:hypot", 4)(3)
    5.0
    """
    module, _, name = where.partition(":")
    caller = inspect.currentframe()
    near = str(caller.f_back.f_globals.get("__name__", "")) if caller and caller.f_back else ""

    def call(*given: Any) -> Any:
        return getattr(imported(module, near), name)(*given, *more)

    call.__dict__["later"] = where
    return call


def rounded(value: Any, digits: int = 7) -> Any:
    """Return numbers with so many significant digits, lists element by element, and None for non-finite ones.

    Whole numbers, texts and None stay as they are; numpy's scalars and arrays become plain ones.

    Args:
        value: a number, a list of numbers, or an array.
        digits: significant digits.

    >>> rounded([1.23456789, float("inf"), 12345678])
    [1.234568, None, 12345678]
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def within(progress: Progress, low: float, high: float) -> Progress:
    """Report the fraction of a part that runs from ``low`` to ``high`` of the whole.

    >>> told = []
    >>> within(told.append, 0.5, 1.0)(0.5)
    >>> told
    [0.75]
    """
    return lambda fraction: progress(low + (high - low) * fraction)


def counted(progress: Progress, parts: int) -> Callable[[], None]:
    """What is called once after each of so many equal parts, and reports the share that is done.

    >>> told = []
    >>> done = counted(told.append, 2)
    >>> done(), done(), told
    (None, None, [0.5, 1.0])
    """
    done = itertools.count(1)
    return lambda: progress(min(1.0, next(done) / parts))


def shares(weights: Sequence[float]) -> list[tuple[float, float]]:
    """Where parts of these weights begin and end in the whole, for :func:`within`.

    >>> shares([1, 3])
    [(0.0, 0.25), (0.25, 1.0)]
    """
    ends = [0.0]
    for weight in weights:
        ends.append(ends[-1] + weight)
    return [(low / ends[-1], high / ends[-1]) for low, high in itertools.pairwise(ends)]


def outcome(
    values: Mapping[str, Any],
    lines: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    metrics: Mapping[str, float] | Sequence[str] = (),
    *,
    digits: int = 6,
    lost: str = "",
    note: str = "",
    words: Mapping[str, str] | None = None,
    places: tuple[str, Sequence[Any]] | None = None,
) -> Outcome:
    """What a cell stores: every number rounded, None for what is not finite, and where training diverged.

    Args:
        values: scalars, texts and lists by name.
        lines: ends of a chain of trainings by arm, as :meth:`overparam.sweep.work.Task.ends` gives them; the arm's
            name is put before a metric's (``""`` for the plain arm), and each metric becomes a list over the chain.
        metrics: which metrics of ``lines``; a mapping gives the factor of each. Probes that the person asked for
            are kept beside them.
        digits: significant digits.
        lost: where training diverged, in words; empty if nowhere.
        note: a remark for the page.
        words: how the arms are called in the remark; by default by their names.
        places: how the places of a chain are called in the remark, for instance ``("width", widths)``; by default
            ``point`` and their numbers.

    Returns:
        The outcome; ``diverged`` where anything is lost.

    >>> ends = [{"loss": 0.5, "diverged_at": None}, {"loss": float("nan"), "diverged_at": 7}]
    >>> found = outcome({"rate": 1 / 3}, {"ridge_": ends}, {"loss": 2.0}, places=("width", [4, 8]))
    >>> found.values, found.note
    ({'rate': 0.333333, 'ridge_loss': [1.0, None]}, 'training diverged; ridge: width 8')
    >>> outcome({"loss": None}, lost="step 30").note
    'training diverged at step 30'
    """
    factors = metrics if isinstance(metrics, Mapping) else dict.fromkeys(metrics, 1.0)
    out, gone = dict(values), []
    for arm, ends in (lines or {}).items():
        asked = {name: 1.0 for end in ends[:1] for name in end if name.startswith("probe_")}
        factors = {**factors, **asked}
        out |= {arm + name: [end[name] * factor for end in ends] for name, factor in factors.items()}
        called, named = places or ("point", range(1, len(ends) + 1))
        where = [str(at) for at, end in zip(named, ends, strict=True) if end["diverged_at"] is not None]
        label = (words or {}).get(arm, arm.rstrip("_") or "plain")
        gone += [f"{label}: {called} {', '.join(where)}"] if where else []
    remarks = ([f"training diverged at {lost}"] if lost else []) + (
        [f"training diverged; {'; '.join(gone)}"] if gone else []
    )
    status = "diverged" if remarks else "ok"
    made = {name: rounded(value, digits) for name, value in out.items()}
    return Outcome(made, status, "; ".join(remarks + ([note] if note else [])))  # type: ignore[arg-type]


def lost_in(values: Mapping[str, Any], *may_lack: str) -> str:
    """Which lists of measurements hold a number that is not finite, in words for :func:`outcome`; empty if none.

    Args:
        values: lists, scalars and texts by name.
        may_lack: lists in which a number may be missing without divergence, for instance a time that was not reached.

    >>> lost_in({"width": [2, 4], "moved": [0.5, float("nan")], "steps": [None, 7.0]}, "steps")
    '1 of 2 values of moved'
    """
    lists = {
        name: rounded(row) for name, row in values.items() if name not in may_lack and isinstance(row, list)
    }
    told = [f"{row.count(None)} of {len(row)} values of {name}" for name, row in lists.items() if None in row]
    return ", ".join(told)


@overload
def each_cell(solve: Solve) -> Work: ...
@overload
def each_cell(*, digits: int = 7) -> Callable[[Solve], Work]: ...
def each_cell(solve: Solve | None = None, *, digits: int = 7) -> Work | Callable[[Solve], Work]:
    """Make ``work(cells, progress)`` of the work of one cell, ``(cell, progress) -> values``.

    The cells of a stack are solved one after another; each is told its own progress. Values are rounded; an outcome
    that is given as such is kept as it is.

    Args:
        solve: the work of one cell; it returns values by name, or an :class:`~overparam.core.parts.Outcome`.
        digits: significant digits of the values.

    >>> @each_cell(digits=2)
    ... def work(cell, progress):
    ...     return {"third": cell["n"] / 3}
    >>> [found.values for found in work([{"n": 1}, {"n": 2}], print)]
    [{'third': 0.33}, {'third': 0.67}]
    """
    if solve is None:
        return functools.partial(each_cell, digits=digits)

    @functools.wraps(solve)
    def work(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
        many = len(cells)
        found = (solve(cell, within(progress, i / many, (i + 1) / many)) for i, cell in enumerate(cells))
        return [one if isinstance(one, Outcome) else outcome(one, digits=digits) for one in found]

    return work
