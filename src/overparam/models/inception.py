"""The small Inception network of the random-label experiments."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from overparam.models.built import built, image_sizes
from overparam.models.layers import AnyMaps, Walk, check_norm, global_pool, said, window_pool
from overparam.models.network import Columns, Network, check_size, in_proportion

_MODULES: tuple[int | tuple[int, int], ...] = (
    *((32, 32), (32, 48), 80),
    *((112, 48), (96, 64), (80, 80), (48, 96), 96),
    *((176, 160), (176, 160)),
)


def inception(
    shape: Sequence[int], outputs: int, *, width: int = 96, norm: str = "batch", init: str = "glorot"
) -> Network:
    """The small Inception: a 3x3 convolution, ten modules of which two halve the maps, their average, a dense layer.

    A module joins a 1x1 and a 3x3 convolution; one that halves the maps joins a 3x3 convolution of stride 2 and a 3x3
    max pooling. Every convolution is followed by the normalisation and relu.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (28, 28, 3).
        outputs: number of outputs.
        width: channels of the first convolution; all others keep their published proportion to it (rounded, at least
            1). 96 is the published network.
        norm: ``batch``, ``layer`` or ``none``, after every convolution.
        init: name in :func:`~overparam.models.initialisations.initialisation`; not named in the source.

    Raises:
        UsageError: a size below 1, images too small, or an unknown name.

    References:
        Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR
        2017, figure 3 (recalled; its count of parameters without the normalisation's, 1,649,402, is met exactly).

    >>> from overparam.models import parameters
    >>> parameters(inception((28, 28, 3), 10, norm="none"))
    1649402
    """
    sizes = image_sizes(shape)
    first, kind = check_size("width", width), check_norm(norm)

    def units(published: int) -> int:
        return in_proportion(published, first, 96)

    def layer(walk: Walk, name: str, maps: AnyMaps, published: int, taps: int, stride: int = 1) -> AnyMaps:
        maps = walk.conv(f"{name}.conv{taps}", maps, units(published), taps, stride=stride)
        return jax.nn.relu(walk.norm(f"{name}.norm{taps}", maps, kind))

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        maps = layer(walk, "first", maps, 96, 3)
        for i, module in enumerate(_MODULES):
            name = f"module{i + 1}"
            if isinstance(module, int):
                sides = [layer(walk, name, maps, module, 3, stride=2), window_pool(maps, 3, 2)]
            else:
                sides = [layer(walk, name, maps, one, taps) for one, taps in zip(module, (1, 3), strict=True)]
            maps = jnp.concatenate(sides)
        return walk.dense("output", global_pool(maps), outputs)

    title = f"inception width {first}, {said(kind)}"
    return built(title, forward, sizes, outputs, init, ("inception", first, kind))
