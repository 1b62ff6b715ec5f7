"""The small AlexNet of the random-label experiments."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.models.built import built, image_sizes
from overparam.models.layers import AnyMaps, Walk, check_rate, local_response, window_pool
from overparam.models.network import Columns, Network, check_size


def alexnet(
    shape: Sequence[int], outputs: int, *, width: int = 64, dropout: float = 0.0, init: str = "glorot"
) -> Network:
    """The small AlexNet: twice (5x5 convolution, 3x3 max pooling of stride 2, local response normalisation), 384, 192.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (28, 28, 3).
        outputs: number of outputs.
        width: channels of both convolutions; the dense layers are 6 and 3 times as wide. 64 is the published network.
        dropout: rate behind each of the two hidden dense layers, where Krizhevsky et al. (NeurIPS 2012, section 4.2) have
            it; 0 in the published small network.
        init: name in :func:`~overparam.models.initialisations.initialisation`; not named in the source.

    Raises:
        UsageError: a size below 1, images too small, a rate that is none, or an unknown initialisation.

    References:
        Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR
        2017, appendix A (recalled; its count of parameters, 1,387,786, is met exactly). Relu stands after every hidden
        layer.

    >>> from overparam.models import parameters
    >>> parameters(alexnet((28, 28, 3), 10))
    1387786
    """
    sizes, k, rate = image_sizes(shape), check_size("width", width), check_rate(dropout)

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        for name in ("conv1", "conv2"):
            maps = jax.nn.relu(walk.conv(name, maps, k, 5))
            maps = local_response(window_pool(maps, 3, 2))
        columns = maps.reshape(-1, maps.shape[-1])
        for name, units in (("hidden1", 6 * k), ("hidden2", 3 * k)):
            columns = jax.nn.relu(walk.dense(name, columns, units))
            columns = walk.dropout(f"{name}.dropout", columns, rate)
        return walk.dense("output", columns, outputs)

    title = f"alexnet width {k}" + (f", dropout {rate:g}" if rate else "")
    return built(title, forward, sizes, outputs, init, ("alexnet", k, rate))
