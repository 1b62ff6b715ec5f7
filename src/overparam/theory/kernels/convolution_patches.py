"""Means over the windows of a convolution, along the leading axes of an array, by shifted sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import Float

from overparam.theory.kernels.layers import Conv

Block = Float[np.ndarray, "..."]
Piece = tuple[slice, slice]


def pieces(layer: Conv, axis: int, size: int, tap: int) -> list[Piece]:
    """Where one tap reads, along one axis: pairs of (output positions, input positions).

    Args:
        layer: the convolution.
        axis: spatial axis.
        size: number of input positions.
        tap: which of the window's taps.

    Returns:
        One pair; several where a circular window wraps around; none where a tap only sees padding.

    References: elementary.

    >>> pieces(Conv((3,)), 0, 5, 0)
    [(slice(1, 5, 1), slice(0, 4, 1))]
    """
    step = layer.steps[axis]
    out, first = layer.geometry(axis, size)
    start = first + tap
    found = []
    low, high = (start // size, (start + (out - 1) * step) // size) if layer.padding == "CIRCULAR" else (0, 0)
    for turn in range(low, high + 1):
        begin = max(0, -((start - turn * size) // step))
        end = min(out, -((start - turn * size - size) // step))
        if begin < end:
            at = start + begin * step - turn * size
            found.append((slice(begin, end, 1), slice(at, at + (end - begin - 1) * step + 1, step)))
    return found


def window_mean(layer: Conv, values: Block, axes: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> Block:
    """Mean over the window at every output position; padding counts as 0.

    Args:
        layer: the convolution.
        values: positions along some of the axes.
        axes: for each spatial axis, those of ``values`` that move with it: none, one, or two for pairs.
        sizes: input positions along each spatial axis.

    Returns:
        An array of the same type with output positions.

    References: Novak et al. 2019, equation 7 (sums over same offsets of both positions).

    >>> window_mean(Conv((3,)), np.ones((4, 1)), [(0,)], [4])[:, 0].round(9).tolist()
    [0.666666667, 1.0, 1.0, 0.666666667]
    """
    for axis, (places, size) in enumerate(zip(axes, sizes, strict=True)):
        window = layer.window[axis]
        out, _ = layer.geometry(axis, size)
        if not places or (window == 1 and out == size):
            continue
        shape = list(values.shape)
        for place in places:
            shape[place] = out
        total = np.zeros(shape, values.dtype)
        for tap in range(window):
            for chosen in product(pieces(layer, axis, size, tap), repeat=len(places)):
                to, source = [slice(None)] * values.ndim, [slice(None)] * values.ndim
                for place, (there, here) in zip(places, chosen, strict=True):
                    to[place], source[place] = there, here
                total[tuple(to)] += values[tuple(source)]
        total *= 1 / window
        values = total
    return values
