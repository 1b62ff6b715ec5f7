"""Operations of JAX in which parameters enter one product: matrix products, convolutions, tables that are looked up.

All are brought to one form: inputs ``(T, G, I)``, results ``(T, G, O)`` and parameters ``(G, I, O)``, with T positions and G
groups of one example.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

PATCHES = 256  # entries of a convolution's window from which its rows are taken as they come


@dataclass(frozen=True, eq=False)
class Product:
    """An operation that is linear in parameters, in one form.

    Attributes:
        operand: which of its operands are the parameters; the other are the inputs.
        inputs: from the other operand to ``(T, G, I)``; to whole numbers ``(T,)`` for a table.
        results: from the result, or a derivative by it, to ``(T, G, O)``.
        parameters: from the operand, in NumPy, to ``(G, I, O)``.
        positions: T.
        groups: G.
        wide: I.
        outputs: O.
        table: whether it is looked up.
    """

    operand: int
    inputs: Callable[[Any], Any]
    results: Callable[[Any], Any]
    parameters: Callable[[np.ndarray], np.ndarray]
    positions: int
    groups: int
    wide: int
    outputs: int
    table: bool = False


def product_of(equation: Any, operand: int) -> Product | None:
    """An operation in one form; None where it is no product of that kind.

    Args:
        equation: of a program of JAX.
        operand: which of its operands are parameters alone.
    """
    name = equation.primitive.name
    shapes = [tuple(one.aval.shape) for one in equation.invars]
    if name == "dot_general":
        return _matrix(equation.params["dimension_numbers"], shapes, operand)
    if name == "conv_general_dilated" and operand == 1 and equation.params["batch_group_count"] == 1:
        return _convolution(equation.params, shapes, tuple(equation.outvars[0].aval.shape))
    if name == "gather" and operand == 0:
        return _table(equation.params, shapes)
    return None


def _matrix(dimensions: Any, shapes: list[tuple[int, ...]], operand: int) -> Product:
    contracted, together = dimensions
    own, other = operand, 1 - operand
    free = [
        [a for a in range(len(shapes[k])) if a not in contracted[k] and a not in together[k]] for k in (0, 1)
    ]
    size = [
        [math.prod(shapes[k][a] for a in axes) for axes in (free[k], together[k], contracted[k])]
        for k in (0, 1)
    ]
    t, g, i, o = size[other][0], size[other][1], size[other][2], size[own][0]

    def results(array: Any) -> Any:
        if own == 1:
            return array.reshape(g, t, o).swapaxes(0, 1)
        return array.reshape(g, o, t).transpose(2, 0, 1)

    return Product(
        operand,
        lambda x: x.transpose((*free[other], *together[other], *contracted[other])).reshape(t, g, i),
        results,
        lambda w: w.transpose((*together[own], *contracted[own], *free[own])).reshape(g, i, o),
        t, g, i, o,
    )  # fmt: skip


def _convolution(params: Any, shapes: list[tuple[int, ...]], result: tuple[int, ...]) -> Product | None:
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    lhs, rhs, out = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    window = tuple(shapes[1][a] for a in rhs[2:])
    outputs, wide = shapes[1][rhs[0]], shapes[1][rhs[1]]
    if math.prod(window) > PATCHES:
        return None
    spatial = tuple(result[a] for a in out[2:])
    batch = shapes[0][lhs[0]]
    positions = batch * math.prod(spatial)

    def inputs(x: Any) -> Any:
        moved = x.transpose(lhs)
        padding = [(0, 0, 0), (0, 0, 0)]
        padding += [(a, b, d - 1) for (a, b), d in zip(params["padding"], params["lhs_dilation"], strict=True)]
        padded = lax.pad(moved, jnp.zeros((), x.dtype), padding)
        parts = []
        for offset in np.ndindex(*window):
            start = [o * d for o, d in zip(offset, params["rhs_dilation"], strict=True)]
            stop = [
                a + (n - 1) * s + 1 for a, n, s in zip(start, spatial, params["window_strides"], strict=True)
            ]
            channels = padded.shape[1]
            parts.append(
                lax.slice(padded, (0, 0, *start), (batch, channels, *stop), (1, 1, *params["window_strides"]))
            )
        found = jnp.stack(parts, axis=-1)  # batch, channels, spatial, window
        found = jnp.moveaxis(found, 1, -2).reshape(positions, groups, wide, math.prod(window))
        return found.reshape(positions, groups, -1)

    def parameters(w: np.ndarray) -> np.ndarray:
        moved = w.transpose(rhs).reshape(groups, outputs // groups, wide * math.prod(window))
        return moved.swapaxes(1, 2)

    return Product(
        1,
        inputs,
        lambda y: jnp.moveaxis(y.transpose(out), 1, -1).reshape(positions, groups, outputs // groups),
        parameters,
        positions, groups, wide * math.prod(window), outputs // groups,
    )  # fmt: skip


def _table(params: Any, shapes: list[tuple[int, ...]]) -> Product | None:
    """Whole rows of a table, looked up by their number."""
    numbers, (table, codes) = params["dimension_numbers"], shapes
    if (
        tuple(numbers.collapsed_slice_dims) != (0,)
        or tuple(numbers.start_index_map) != (0,)
        or numbers.operand_batching_dims
        or tuple(params["slice_sizes"]) != (1, *table[1:])
    ):
        return None
    positions, outputs = math.prod(codes[:-1]), math.prod(table[1:])
    offset = tuple(numbers.offset_dims)
    rank = len(codes) - 1 + len(offset)
    order = (*(a for a in range(rank) if a not in offset), *offset)
    return Product(
        0,
        lambda at: jnp.clip(at[..., 0], 0, table[0] - 1).reshape(positions),
        lambda y: y.transpose(order).reshape(positions, 1, outputs),
        lambda w: w.reshape(1, table[0], outputs),
        positions,
        1,
        table[0],
        outputs,
        True,
    )
