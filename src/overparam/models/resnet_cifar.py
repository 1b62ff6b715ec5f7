"""The residual networks of 6n + 2 layers for small images, with shortcuts that have no parameters."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from overparam.core.errors import UsageError
from overparam.models.built import built, image_sizes
from overparam.models.layers import AnyMaps, Walk, check_norm, global_pool, said
from overparam.models.network import Columns, Network, check_size


def resnet_cifar(
    shape: Sequence[int],
    depth: int,
    outputs: int,
    *,
    width: int = 16,
    norm: str = "batch",
    init: str = "he",
) -> Network:
    """The residual network of ``depth`` = 6n + 2 layers: three stages of n blocks with k, 2k and 4k channels.

    A block is 3x3 convolution, norm, relu, 3x3 convolution, norm, added to its input, then relu. The second and third
    stage begin with stride 2; there the shortcut takes every second place, and channels of zeros are added. The first
    convolution is 3x3, the last maps are averaged. Convolutions have no bias.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (32, 32, 3).
        depth: number of layers with weights; 20, 32, 44, 56 and 110 were published.
        outputs: number of outputs.
        width: k; 16 is published.
        norm: ``batch``, ``layer`` or ``none``.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, a depth that is not 6n + 2, images too small, or an unknown name.

    References:
        He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, section 4.2 and table 6, which
        counts 0.27, 0.46, 0.66, 0.85 and 1.7 million parameters (recalled).

    >>> from overparam.models import parameters
    >>> [round(parameters(resnet_cifar((32, 32, 3), depth, 10)) / 1e6, 2) for depth in (20, 56)]
    [0.27, 0.85]
    """
    sizes, layers, k = image_sizes(shape), check_size("depth", depth), check_size("width", width)
    many, rest = divmod(layers - 2, 6)
    if many < 1 or rest:
        raise UsageError(f"depth: expected 6n + 2 layers, such as 8, 20, 32, 44 or 56, got {layers}.")
    kind = check_norm(norm)

    def block(walk: Walk, name: str, maps: AnyMaps, units: int, stride: int) -> AnyMaps:
        inner: AnyMaps = walk.conv(f"{name}.conv1", maps, units, stride=stride, bias=False)
        inner = jax.nn.relu(walk.norm(f"{name}.norm1", inner, kind))
        inner = walk.norm(f"{name}.norm2", walk.conv(f"{name}.conv2", inner, units, bias=False), kind)
        side = maps[:, ::stride, ::stride]
        side = jnp.pad(side, [(0, units - side.shape[0])] + [(0, 0)] * 3)
        return jax.nn.relu(inner + side)

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        here: AnyMaps = jax.nn.relu(walk.norm("norm", walk.conv("conv", maps, k, bias=False), kind))
        for i in range(3):
            for j in range(many):
                here = block(walk, f"stage{i + 1}.block{j + 1}", here, k * 2**i, 2 if i and not j else 1)
        return walk.dense("output", global_pool(here), outputs)

    title = f"resnet_cifar {layers} width {k}, {said(kind)}"
    return built(title, forward, sizes, outputs, init, ("resnet_cifar", layers, k, kind))
