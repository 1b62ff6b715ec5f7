"""A word of the vocabulary tried on a few numbers, before it stands in a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core.arms import Arm
from overparam.core.claim import Evidence
from overparam.core.expressions import Line, Number


def cells(x: Sequence[float] = (), /, **values: Any) -> Evidence:
    """Cells of planted numbers: one a seed, with a list along ``x`` for each line and a number for each scalar.

    Args:
        x: the points along which lines run; their name is ``x``.
        values: name to one row a seed (lines), or to one number a seed (scalars).

    >>> cells((1, 2), loss=[[5, 3], [6, 4]]).rows[1]
    ({'data': 'planted', 'seed': 1}, {'x': [1, 2], 'loss': [6, 4]})
    """
    seeds = len(next(iter(values.values())))
    return Evidence(
        tuple(
            (
                {"data": "planted", "seed": seed},
                {"x": list(x), **{name: rows[seed] for name, rows in values.items()}},
            )
            for seed in range(seeds)
        )
    )


def read(word: Line | Number, x: Sequence[float] = (), /, **values: Any) -> list[Any]:
    """What a line or number reads from planted cells: one value (or row) a seed, to six digits.

    >>> from overparam.core.expressions import line
    >>> read(line("loss").last, (1, 2), loss=[[5, 3], [6, 4]])
    [3.0, 4.0]
    """
    from overparam.core import estimates  # noqa: F401  (fills the table of operations)
    from overparam.core.view import View

    found = View(cells(x, **values), Arm(), "x", word.reads).read(word)
    rounded: list[Any] = [
        [float(f"{v:.6g}") for v in row] if found.y.ndim > 1 else float(f"{row:.6g}") for row in found.y
    ]
    return rounded


def estimate(
    number: Number, x: Sequence[float] = (), /, *, at_least: float | None = None, **values: Any
) -> str:
    """The estimate over the seeds with its 97 % interval, in words.

    Args:
        number: what is estimated.
        x: the points along which lines run.
        at_least: the cut-off from below, if the rule asks for one: the worst run is then the smallest.
        values: as for :func:`cells`.

    >>> from overparam.core.expressions import line
    >>> estimate(line("loss").last, (1, 2), loss=[[5, 3], [6, 4], [5, 5]])
    '4 (0.742 to 7.26), n = 3'
    """
    from overparam.core.estimates import interval
    from overparam.core.view import View

    found = interval(View(cells(x, **values), Arm(), "x", number.reads), number, at_least, None)
    ends = "no interval" if found.low is None else f"{found.low:.3g} to {found.high:.3g}"
    return f"{found.mean:.3g} ({ends}), n = {found.n}"
