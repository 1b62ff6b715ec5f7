"""The small AlexNet of the random-label experiments."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.models.built import built
from overparam.models.layers import AnyMaps, Walk, local_response, window_pool
from overparam.models.network import Columns, Network


def alexnet(shape: Sequence[int], outputs: int, *, scale: float = 1.0, init: str = "glorot") -> Network:
    """The small AlexNet: twice (5x5 convolution, 3x3 max pooling of stride 2, local response normalisation), 384, 192.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (28, 28, 3).
        outputs: number of outputs.
        scale: factor of all layer sizes (rounded, at least 1); 1 is the published network.
        init: name in :func:`~overparam.models.initialisations.initialisation`; not named in the source.

    Raises:
        UsageError: a size below 1 or an unknown initialisation.

    References:
        Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR
        2017, appendix A (recalled; its count of parameters, 1,387,786, is met exactly). Relu stands after every hidden
        layer.

    >>> from overparam.models import parameters
    >>> parameters(alexnet((28, 28, 3), 10))
    1387786
    """

    def units(published: int) -> int:
        return max(1, round(scale * published))

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        for name in ("conv1", "conv2"):
            maps = jax.nn.relu(walk.conv(name, maps, units(64), 5))
            maps = local_response(window_pool(maps, 3, 2))
        columns = maps.reshape(-1, maps.shape[-1])
        for name, published in (("hidden1", 384), ("hidden2", 192)):
            columns = jax.nn.relu(walk.dense(name, columns, units(published)))
        return walk.dense("output", columns, outputs)

    title = "alexnet" if scale == 1.0 else f"alexnet scale {scale:g}"
    return built(title, forward, shape, outputs, init, ("alexnet", float(scale)))
