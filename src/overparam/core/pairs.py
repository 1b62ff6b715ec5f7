"""The networks of Frankle and Carbin in numbers: one of dense layers, three of convolutions in pairs. Standard library only.

Studies name them on an axis and say what they cost before anything is imported; :mod:`overparam.models.frankle` makes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from overparam.core.examples import image


def paired(count: int, width: int = 64) -> tuple[int, ...]:
    """Channels of convolutions in pairs: each further pair has twice as many.

    >>> paired(6)
    (64, 64, 128, 128, 256, 256)
    """
    return tuple(width * 2 ** (i // 2) for i in range(count))


CHANNELS = {f"conv{count}": paired(count) for count in (2, 4, 6)}
DENSE, HEAD = (300, 100), (256, 256)  # hidden layers of fc, and those behind convolutions
NETWORKS = ("fc", *CHANNELS)
TOLD = "fc: 300 and 100 units; conv2, conv4, conv6: 3x3 convolutions in pairs, then 256 and 256 units."


def widths(name: str, factor: float = 1.0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels of the convolutions and units of the hidden dense layers, each times a factor, rounded, and at least 1.

    Args:
        name: one of ``NETWORKS``.
        factor: of all widths.

    >>> widths("fc"), widths("conv2", 0.5)
    (((), (300, 100)), ((32, 32), (128, 128)))
    """
    every = (CHANNELS.get(name, ()), HEAD if name in CHANNELS else DENSE)
    convolutions, hidden = (tuple(max(1, round(factor * one)) for one in some) for some in every)
    return convolutions, hidden


def weights_and_products(
    name: str, shape: Sequence[int], outputs: int, factor: float = 1.0
) -> tuple[float, float]:
    """How many weights a network has, without biases, and how many products one example's forward pass takes.

    Args:
        name: one of ``NETWORKS``.
        shape: shape of one example.
        outputs: number of outputs.
        factor: of all hidden widths.

    Raises:
        UsageError: convolutions on examples that are no images.

    References:
        The counts of weights are those of Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, figure 2, which
        rounds them: 266K, 4.3M, 2.4M and 2.3M.

    >>> [int(weights_and_products(name, (32, 32, 3), 10)[0]) for name in NETWORKS[1:]]
    [4300992, 2425024, 2261184]
    >>> weights_and_products("fc", (28, 28), 10)
    (266200.0, 266200.0)
    """
    convolutions, hidden = widths(name, factor)
    count, products, before = 0.0, 0.0, math.prod(shape)
    if convolutions:
        height, width, depth = image(shape, name)
        for place, units in enumerate(convolutions):
            count, products = count + 9 * depth * units, products + 9 * depth * units * height * width
            depth = units
            if place % 2:
                height, width = height // 2, width // 2
        before = depth * height * width
    for units in (*hidden, outputs):
        count, products, before = count + before * units, products + before * units, units
    return count, products
