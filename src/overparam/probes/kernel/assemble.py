"""A kernel from factors: blocks of examples, tile by tile, and one half of it where it is symmetric."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overparam.operators import Model
from overparam.probes.kernel.asked import Asked
from overparam.probes.kernel.factors import Factor, Outer, Pairs
from overparam.probes.kernel.plan import Plan
from overparam.probes.kernel.source import Source

Block = tuple[int, int, list[Factor]]  # first example, number of examples, factors


def assemble(ask: Asked, source: Source, plan: Plan) -> np.ndarray:
    """The kernel.

    Args:
        ask: what is asked.
        source: of the factors.
        plan: blocks and tiles.
    """
    out = np.empty(ask.shape, ask.dtype)
    if plan.stored:
        rows = list(_made(source, ask.first, plan.block))
        columns = rows if ask.symmetric else list(_made(source, ask.second, plan.block))
        for at, one in enumerate(rows):
            for other in columns[at:] if ask.symmetric else columns:
                _fill(out, ask, source, plan, one, other)
        return out
    for at, one in enumerate(_made(source, ask.first, plan.block)):
        if ask.symmetric:
            _fill(out, ask, source, plan, one, one)
        for other in _made(source, ask.second, plan.block, at + 1 if ask.symmetric else 0):
            _fill(out, ask, source, plan, one, other)
    return out


def _made(source: Source, model: Model, block: int, skip: int = 0) -> Iterator[Block]:
    for start, batch, factors in source.made(model, block, skip, last=True):
        yield start, batch.count, factors


def _fill(out: np.ndarray, ask: Asked, source: Source, plan: Plan, one: Block, other: Block) -> None:
    """Fill the part of the kernel between two blocks, and its mirror image."""
    same = ask.symmetric and one[0] == other[0]
    for i in range(0, one[1], plan.tile):
        for j in range(i if same else 0, other[1], plan.tile):
            here = [factor.part(i, i + plan.tile) for factor in one[2]]
            there = [factor.part(j, j + plan.tile) for factor in other[2]]
            rows = slice(one[0] + i, one[0] + min(i + plan.tile, one[1]))
            columns = slice(other[0] + j, other[0] + min(j + plan.tile, other[1]))
            _tile(out, ask, source, list(zip(here, there, strict=True)), rows, columns)


def _tile(
    out: np.ndarray,
    ask: Asked,
    source: Source,
    pairs: list[tuple[Factor, Factor]],
    rows: slice,
    columns: slice,
) -> None:
    if ask.outputs == "full":
        found = _sum(source, [(one, other, None) for one, other in pairs], whole=True)
        out[rows, :, columns, :] = found
        if ask.symmetric and rows != columns:
            out[columns, :, rows, :] = np.transpose(found, (2, 3, 0, 1)) if isinstance(found, np.ndarray) else 0
        return
    if ask.outputs == "each":
        for c in range(ask.classes):
            found = _sum(source, [(one, other, c) for one, other in pairs])
            out[c, rows, columns] = found
            if ask.symmetric and rows != columns:
                out[c, columns, rows] = np.transpose(found)
        return
    found = _sum(source, [(one, other, None) for one, other in pairs])
    found = found / len(source.chosen)
    out[rows, columns] = found
    if ask.symmetric and rows != columns:
        out[columns, rows] = np.transpose(found)


def _sum(
    source: Source, parts: list[tuple[Factor, Factor, int | None]], whole: bool = False
) -> np.ndarray | float:
    total = None
    for one, other, output in parts:
        first, second = alike(one, other)
        found = first.whole(second) if whole else first.of(second, output)
        if total is None:
            total = found
        else:
            total += found
    return 0.0 if total is None else source.given(total)


def alike(one: Factor, other: Factor) -> tuple[Factor, Factor]:
    """Two factors of the same parameters, with positions where one of them has several."""
    return (
        (_spread(one), _spread(other)) if isinstance(one, Pairs) != isinstance(other, Pairs) else (one, other)
    )


def _spread(factor: Factor) -> Factor:
    if isinstance(factor, Outer):
        return Pairs(factor.names, factor.x[:, None], factor.g[:, :, None], factor.ones)
    return factor
