"""What an operation of JAX does with an array of the model: moves its axes, multiplies, adds, or changes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.operators.recorder import Recorder
from overparam.operators.unfolding import Unfolding

Axes = tuple[tuple[int, ...], ...]  # for every axis of a value the axes of the array that it holds
_KEEP = frozenset({"convert_element_type", "copy", "copy_p", "neg", "stop_gradient", "optimization_barrier"})
_COMPARE = {"gt": True, "ge": True, "lt": False, "le": False}
_REDUCE = frozenset({"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"})
_ENTRYWISE = frozenset(
    {"add", "sub", "mul", "div", "integer_pow", "square", "broadcast_in_dim", "reshape", "squeeze"}
)


@dataclass(frozen=True, eq=False)
class Cell:
    """A value of a pass, and what is known about it.

    Attributes:
        value: the value.
        name: of the array that it is, with moved axes or times a constant.
        axes: where the axes of that array are now.
        fixed: whether it is a constant of the program.
        zero: whether it is 0 everywhere.
        sign: ``(cell, above)`` where it says whether that cell is above, or below, 0.
        multiple: the cell of which it is a multiple, entry by entry.
        statistic: whether it is made of sums over axes alone.
    """

    value: Any
    name: str | None = None
    axes: Axes = ()
    fixed: bool = False
    zero: bool = False
    sign: tuple[Cell, bool] | None = None
    multiple: Cell | None = None
    statistic: bool = False


def used(eqn: Any, ins: list[Cell], recorder: Recorder) -> None:
    """Tell the recorder where an operation multiplies by arrays of the model or adds them.

    Args:
        eqn: the operation.
        ins: its inputs.
        recorder: is told.
    """
    name = eqn.primitive.name
    if name == "dot_general":
        (left, right), (left_blocks, right_blocks) = eqn.params["dimension_numbers"]
        sides = [(ins[0], left, left_blocks), (ins[1], right, right_blocks)]
        named = [side for side in sides if side[0].name is not None]
        for cell, summed, blocks in named:
            recorder.product(cell.name, _of_dot(cell, summed, blocks))
        if not named:
            recorder.product(None, None)
    elif name == "conv_general_dilated":
        recorder.product(ins[1].name, _of_convolution(eqn.params, ins[1]))
    elif name == "convolution_in_pieces":
        cell = ins[1]
        whole = Unfolding((0,), tuple(range(1, len(cell.axes))), kind="convolution")
        recorder.product(cell.name, whole if cell.name is not None and _plain(cell) else None)
    elif name == "gather" and ins[0].name is not None and len(ins[0].axes) == 2:
        recorder.table(ins[0].name)
    elif name in ("add", "sub"):
        for cell in ins:
            if cell.name is not None:
                recorder.sum(cell.name)
    elif any("axpr" in type(one).__name__ for one in eqn.params.values()) or name == "cond":
        for cell in ins:
            if cell.name is not None:
                recorder.product(cell.name, None)


def made(eqn: Any, ins: list[Cell], value: Any) -> Cell:
    """What is known about a result of an operation.

    Args:
        eqn: the operation.
        ins: its inputs.
        value: the result.
    """
    name, first = eqn.primitive.name, ins[0] if ins else Cell(None)
    moving = [one for one in ins if not one.fixed]
    statistic = name in _REDUCE or (
        name in _ENTRYWISE and bool(moving) and all(one.statistic for one in moving)
    )
    if name in _COMPARE and len(ins) == 2 and (ins[0].zero or ins[1].zero):
        of = ins[0] if ins[1].zero else ins[1]
        return Cell(value, sign=(of, _COMPARE[name] == (of is ins[0])))
    if name in ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze") and first.fixed:
        return Cell(value, fixed=True, zero=first.zero)
    if len(ins) == 1 and first.name is not None:
        axes = _moved(eqn, first)
        if axes is not None:
            return Cell(value, first.name, axes)
    if name in ("mul", "div") and len(ins) == 2:
        for one, other in ((ins[0], ins[1]), (ins[1], ins[0])):
            if (
                other.fixed
                and np.size(other.value) == 1
                and one.name is not None
                and not (name == "div" and one is ins[1])
            ):
                return Cell(value, one.name, one.axes)
        if name == "mul":
            factor = next((one for one in ins if not one.fixed and one.name is None), None)
            return Cell(value, multiple=factor, statistic=statistic)
    return Cell(value, statistic=statistic)


def _moved(eqn: Any, cell: Cell) -> Axes | None:
    """Where the axes of an array are after an operation that only moves them; None where it does more."""
    name, params = eqn.primitive.name, eqn.params
    if name in _KEEP:
        return cell.axes
    if name == "transpose":
        return tuple(cell.axes[one] for one in params["permutation"])
    if name == "squeeze":
        return tuple(axes for i, axes in enumerate(cell.axes) if i not in params["dimensions"])
    before, after = np.shape(cell.value), eqn.outvars[0].aval.shape
    if name == "broadcast_in_dim":
        where = dict(zip(params["broadcast_dimensions"], cell.axes, strict=True))
        grown = any(before[i] != after[to] for i, to in enumerate(params["broadcast_dimensions"]))
        return None if grown else tuple(where.get(i, ()) for i in range(len(after)))
    return _merged(cell.axes, before, after) if name == "reshape" else None


def _merged(axes: Axes, before: tuple[int, ...], after: tuple[int, ...]) -> Axes | None:
    """Where axes are after a reshape that puts neighbours together or adds and removes axes of one entry."""
    found: list[tuple[int, ...]] = []
    at = 0
    for size in after:
        taken: tuple[int, ...] = ()
        have = 1
        while have < size and at < len(before):
            have *= before[at]
            taken += axes[at]
            at += 1
        if have != size:
            return None
        found.append(taken)
    rest = axes[at:]
    if math.prod(before[at:]) != 1:
        return None
    if rest and any(rest):  # axes of one entry that were left over belong to the last that holds something
        last = max((i for i, one in enumerate(found) if one), default=0)
        if not found:
            return None
        found[last] += tuple(one for group in rest for one in group)
    return tuple(found)


def _of_dot(cell: Cell, summed: Any, blocks: Any) -> Unfolding | None:
    rows = tuple(a for i, axes in enumerate(cell.axes) if i not in (*summed, *blocks) for a in axes)
    columns = tuple(a for i in summed for a in cell.axes[i])
    apart = tuple(a for i in blocks for a in cell.axes[i])
    return Unfolding(rows, columns, apart, kind="dense" if len(cell.axes) == 2 else "unfolded")


def _of_convolution(params: Any, cell: Cell) -> Unfolding | None:
    if cell.name is None or params["batch_group_count"] != 1 or any(len(one) != 1 for one in cell.axes):
        return None
    out, inputs, *taps = (cell.axes[i][0] for i in params["dimension_numbers"].rhs_spec)
    return Unfolding((out,), (inputs, *taps), (), params["feature_group_count"], "rows", "convolution")


def _plain(cell: Cell) -> bool:
    return cell.axes == tuple((i,) for i in range(len(cell.axes)))
