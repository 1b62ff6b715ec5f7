"""How work functions tell how far they are: a part of a whole, and cells one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overparam.core import Outcome, Params, Progress


def within(report: Progress, low: float, high: float) -> Progress:
    """Report the fraction of a part that runs from ``low`` to ``high`` of the whole.

    >>> told = []
    >>> within(told.append, 0.5, 1.0)(0.5)
    >>> told
    [0.75]
    """
    return lambda fraction: report(low + (high - low) * fraction)


def one_by_one(
    solve: Callable[[Params, Progress], Outcome], cells: Sequence[Params], report: Progress
) -> list[Outcome]:
    """Solve the cells of a stack one after another.

    Args:
        solve: the work of one cell.
        cells: their parameters.
        report: told the fraction done of all.
    """
    many = len(cells)
    return [solve(cell, within(report, i / many, (i + 1) / many)) for i, cell in enumerate(cells)]
