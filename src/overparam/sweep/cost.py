"""What a cell is expected to cost: one pair of measured constants for every study.

On one core a stacked training step takes ``STEP`` seconds a member before any arithmetic, and float32 products of
stacked narrow networks run at ``RATE`` floating-point operations a second: fits to measurements of networks with two
hidden layers of 2 to 300 units. Everything else is a share of ``RATE``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from overparam.core.cost import RATE, START, STEP
from overparam.core.parts import Estimate

CONVOLUTION = 0.7  # share of RATE that convolutions reach
SHARERS = 8  # cells that share a compilation
PROBES = 30
_BLOCK = 512  # examples measured at a time
_FIXED = 1e7  # bytes a member needs whatever its size


class Size(NamedTuple):
    """Size of a network.

    Attributes:
        parameters: number of them.
        units: numbers held for one example in a forward pass.
        flops: floating-point operations of a forward pass of one example.
        speed: share of RATE that they reach.
    """

    parameters: int
    units: int
    flops: float
    speed: float = 1.0


def dense(*widths: int) -> Size:
    """Size of a network of dense layers with biases, from inputs to outputs.

    >>> dense(40, 47, 47, 10).parameters
    4663
    """
    count = sum((a + 1) * b for a, b in pairwise(widths))
    return Size(count, sum(widths), 2.0 * count)


def convolutional(length: int, channels: Sequence[int], outputs: int, taps: Sequence[int] = (5, 3, 3)) -> Size:
    """Size of :func:`overparam.models.cnn1d`: convolutions of stride 2 and a dense layer.

    >>> convolutional(40, (50, 50, 50), 10).parameters
    17910
    """
    depth, products, units, count = 1, 0, length, 0
    for width, size in zip(taps, channels, strict=True):
        length = (length + 2 - width) // 2 + 1
        products += length * width * depth * size
        units += length * (width * depth + size)
        count += (width * depth + 1) * size
        depth = size
    head = length * depth * outputs
    return Size(count + head + outputs, units, 2.0 * (products + head), CONVOLUTION)


def cost(
    cell: Mapping[str, Any],
    sizes: Sequence[Size] | Size,
    *,
    steps: int | None = None,
    n: int | None = None,
    tests: int | None = None,
    inputs: int | None = None,
    chains: int = 1,
    trained: int = 1,
    probes: int = PROBES,
) -> Estimate:
    """Expected cost of a cell that trains networks one after another, as members of a stack.

    A step takes 3 f b floating-point operations (f of one forward pass of one example, b samples) and ``STEP``; a
    probe takes f a sample. Each size is compiled once for about eight cells.

    Args:
        cell: with ``data``, ``n``, ``batch`` (0: all rows) and ``steps``, unless they are given.
        sizes: the networks, one after another in the same memory.
        steps: steps of a training.
        n: training rows held.
        tests: test rows; by default those of the data set.
        inputs: features; by default those of the data set.
        chains: times that every network is trained, all at once.
        trained: members of each cell that are trained at once, each with labels of its own.
        probes: times at which a training is measured.

    Returns:
        Seconds on one core, and bytes.

    >>> cell = {"data": "mnist1d", "n": 4000, "batch": 100, "steps": 20_000}
    >>> round(cost(cell, dense(40, 47, 47, 10)).seconds, 2)
    1.29
    """
    from overparam.data import shape_of

    every = [sizes] if isinstance(sizes, Size) else list(sizes)
    shape = shape_of(str(cell["data"])) if tests is None or inputs is None else None
    tests = shape.test if tests is None and shape else tests or 0
    inputs = shape.features if inputs is None and shape else inputs or 1
    n = cell["n"] if n is None else n
    steps = cell["steps"] if steps is None else steps
    batch = cell.get("batch", 0) or n
    rows, members = n + tests, chains * trained
    flops = sum((3.0 * steps * batch + probes * rows) * size.flops / size.speed for size in every)
    seconds = members * (len(every) * steps * STEP + flops / RATE) + len(every) * START / SHARERS
    largest, widest = max(s.parameters for s in every), max(s.units for s in every)
    held = members * (8.0 * largest + 3.0 * max(batch, _BLOCK) * widest + 4.0 * n) + rows * inputs
    return Estimate(seconds, 4.0 * held + _FIXED)
