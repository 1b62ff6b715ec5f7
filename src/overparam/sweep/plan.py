"""From cells to stacks: a pure function of the parameters and the memory budget; it looks at no result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core import Params, Study
from overparam.core.errors import UsageError

DEFAULT_MEMORY = 4e9
LONGEST = 1800.0
"""Seconds that a stack of several cells may be expected to take: a stack is stored when it ends, so this bounds what a
kill can cost."""


@dataclass(frozen=True)
class Stack:
    """Cells that one worker runs at a time, with their expected cost."""

    cells: tuple[Params, ...]
    seconds: float
    bytes: float


def stacks(study: Study, cells: Iterable[Params], memory: float = DEFAULT_MEMORY) -> list[Stack]:
    """Group cells into stacks that agree on ``study.stack_by`` and fit the memory budget, dearest first.

    A stack of several cells is expected to end within half an hour. Cells that differ in ``study.stack_whole`` alone
    make a stack of their own, if they are more than half of the most that a stack holds.

    Args:
        study: the study.
        cells: parameters of the cells.
        memory: bytes that one stack may take.

    Raises:
        UsageError: one cell alone is expected to exceed the budget.
    """
    groups: dict[tuple[Any, ...], list[Params]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell[name] for name in study.stack_by), []).append(cell)
    planned = []
    for group in groups.values():
        cost = study.estimate(group[0])
        if cost.bytes > memory:
            raise UsageError(
                f"one cell of '{study.name}' is expected to need {cost.bytes / 1e9:.1f} GB, "
                f"got a budget of {memory / 1e9:.1f} GB a worker. Use fewer workers, smaller sizes, or --memory."
            )
        fits = int(min(memory // max(cost.bytes, 1.0), LONGEST // max(cost.seconds, 1e-9)))
        size = max(1, min(study.stack_limit, fits))
        for part in _parts(group, study, size):
            estimates = [study.estimate(cell) for cell in part]
            planned.append(Stack(part, sum(e.seconds for e in estimates), sum(e.bytes for e in estimates)))
    return sorted(planned, key=lambda stack: -stack.seconds)


def _parts(group: Sequence[Params], study: Study, size: int) -> Iterator[tuple[Params, ...]]:
    """Cells in parts of at most ``size``: sets that share examples, if a stack has room for one alone, then the others."""
    sets: dict[tuple[Any, ...], list[Params]] = {}
    for cell in group if study.stack_whole else ():
        rest = tuple(value for name, value in cell.items() if name not in study.stack_whole)
        sets.setdefault(rest, []).append(cell)
    alone = [one for one in sets.values() if study.stack_limit / 2 < len(one) <= size]
    yield from map(tuple, alone)
    taken = {id(cell) for one in alone for cell in one}
    others = [cell for cell in group if id(cell) not in taken]
    for start in range(0, len(others), size):
        yield tuple(others[start : start + size])
