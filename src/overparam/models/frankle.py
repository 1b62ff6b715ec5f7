"""The networks of Frankle and Carbin by name, as studies of sparsity have them: widths by a factor, with or without biases."""

from __future__ import annotations

import math
from collections.abc import Sequence

from overparam.core.errors import unknown
from overparam.core.examples import image
from overparam.core.pairs import NETWORKS, widths
from overparam.models.cnn import cnn
from overparam.models.mlp import mlp
from overparam.models.network import Network


def frankle(
    name: str,
    shape: Sequence[int],
    outputs: int,
    *,
    factor: float = 1.0,
    init: str = "glorot_normal",
    bias: bool = True,
) -> Network:
    """One of the four networks.

    Args:
        name: ``fc``: hidden layers of 300 and 100 units; ``conv2``, ``conv4``, ``conv6``: 3x3 convolutions on images in
            pairs of 64, 128 and 256 channels with 2x2 max pooling behind each pair, and hidden layers of 256 and 256 units.
        shape: shape of one example before it is flattened.
        outputs: number of outputs.
        factor: of all hidden widths, each rounded, and at least 1.
        init: name in :func:`~overparam.models.initialisations.initialisation`.
        bias: whether layers have biases.

    Returns:
        The network; equal arguments return the same object.

    Raises:
        UsageError: no such network, convolutions on examples that are no images or too small ones, or what
            :func:`~overparam.models.mlp.mlp` and :func:`~overparam.models.cnn.cnn` refuse.

    References:
        Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, figure 2.

    >>> frankle("conv2", (8, 8), 10, factor=0.1).name
    'cnn 8x8 conv 6-6 dense 26-26-10 relu'
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    convolutions, hidden = widths(name, factor)
    if convolutions:
        return cnn(image(shape, name), convolutions, outputs, dense=hidden, init=init, bias=bias)
    return mlp(math.prod(shape), hidden, outputs, init=init, bias=bias)
