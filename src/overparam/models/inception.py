"""The small Inception network of the random-label experiments."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from overparam.models.built import built
from overparam.models.layers import AnyMaps, Walk, global_pool, window_pool
from overparam.models.network import Columns, Network

_MODULES: tuple[int | tuple[int, int], ...] = (
    *((32, 32), (32, 48), 80),
    *((112, 48), (96, 64), (80, 80), (48, 96), 96),
    *((176, 160), (176, 160)),
)


def inception(
    shape: Sequence[int], outputs: int, *, scale: float = 1.0, normalise: bool = True, init: str = "glorot"
) -> Network:
    """The small Inception: a 3x3 convolution, ten modules of which two halve the maps, their average, a dense layer.

    A module joins a 1x1 and a 3x3 convolution; one that halves the maps joins a 3x3 convolution of stride 2 and a 3x3
    max pooling. Every convolution is followed by batch normalisation, if asked for, and relu.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (28, 28, 3).
        outputs: number of outputs.
        scale: factor of all numbers of channels (rounded, at least 1); 1 is the published network.
        normalise: batch normalisation after every convolution.
        init: name in :func:`~overparam.models.initialisations.initialisation`; not named in the source.

    Raises:
        UsageError: a size below 1 or an unknown initialisation.

    References:
        Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR
        2017, figure 3 (recalled; its count of parameters without the normalisation's, 1,649,402, is met exactly).

    >>> from overparam.models import parameters
    >>> parameters(inception((28, 28, 3), 10, normalise=False))
    1649402
    """

    def units(published: int) -> int:
        return max(1, round(scale * published))

    def layer(walk: Walk, name: str, maps: AnyMaps, published: int, taps: int, stride: int = 1) -> AnyMaps:
        maps = walk.conv(f"{name}.conv{taps}", maps, units(published), taps, stride=stride)
        if normalise:
            maps = walk.batch_norm(f"{name}.norm{taps}", maps)
        return jax.nn.relu(maps)

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        maps = layer(walk, "first", maps, 96, 3)
        for i, sizes in enumerate(_MODULES):
            name = f"module{i + 1}"
            if isinstance(sizes, int):
                sides = [layer(walk, name, maps, sizes, 3, stride=2), window_pool(maps, 3, 2)]
            else:
                sides = [layer(walk, name, maps, one, taps) for one, taps in zip(sizes, (1, 3), strict=True)]
            maps = jnp.concatenate(sides)
        return walk.dense("output", global_pool(maps), outputs)

    kind = "inception" if normalise else "inception without normalisation"
    title = kind if scale == 1.0 else f"{kind} scale {scale:g}"
    return built(title, forward, shape, outputs, init, ("inception", float(scale), bool(normalise)))
