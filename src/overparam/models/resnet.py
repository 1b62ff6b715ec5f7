"""Residual networks with normalisation before the weights, of any width and depth."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.core.errors import UsageError
from overparam.models.built import built
from overparam.models.layers import AnyMaps, Walk, global_pool
from overparam.models.network import Columns, Network, check_size


def resnet(
    shape: Sequence[int],
    width: int,
    outputs: int,
    *,
    blocks: Sequence[int] = (2, 2, 2, 2),
    last_norm: bool = True,
    init: str = "torch",
) -> Network:
    """The pre-activation residual network of width k: stages of k, 2k, 4k and 8k channels.

    A block is norm, relu, 3x3 convolution, twice, added to its input; a stage after the first begins with stride 2, and
    a block that changes size has a 1x1 convolution on the side. The first convolution is 3x3, and the last maps are
    averaged. Convolutions have no bias.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``.
        width: k.
        outputs: number of outputs.
        blocks: blocks of every stage; ``(2, 2, 2, 2)`` is ResNet-18, its sum is the axis of depth.
        last_norm: norm and relu behind the last block, as in He et al.; a widespread implementation leaves them out.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, an unknown initialisation, or no stage.

    References:
        He, Zhang, Ren and Sun, Identity mappings in deep residual networks, ECCV 2016, figure 1 (b). The widths are
        those of Nakkiran et al., Deep double descent, ICLR 2020, appendix B.1; width 64 is the usual ResNet-18.

    >>> from overparam.models import parameters
    >>> parameters(resnet((32, 32, 3), 64, 10)), parameters(resnet((32, 32, 3), 64, 10, last_norm=False))
    (11172170, 11171146)
    """
    k, stages = check_size("width", width), tuple(check_size("blocks", b) for b in blocks)
    if not stages:
        raise UsageError("blocks: expected at least one stage, got none. Give the blocks of every stage.")

    def block(walk: Walk, name: str, maps: AnyMaps, units: int, stride: int) -> AnyMaps:
        first = jax.nn.relu(walk.batch_norm(f"{name}.norm1", maps))
        side = maps
        if stride > 1 or maps.shape[0] != units:
            side = walk.conv(f"{name}.side", first, units, 1, stride=stride, bias=False)
        inner = walk.conv(f"{name}.conv1", first, units, stride=stride, bias=False)
        inner = jax.nn.relu(walk.batch_norm(f"{name}.norm2", inner))
        return walk.conv(f"{name}.conv2", inner, units, bias=False) + side

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        maps = walk.conv("conv", maps, k, bias=False)
        for i, many in enumerate(stages):
            for j in range(many):
                maps = block(walk, f"stage{i + 1}.block{j + 1}", maps, k * 2**i, 2 if i and not j else 1)
        if last_norm:
            maps = jax.nn.relu(walk.batch_norm("norm", maps))
        return walk.dense("output", global_pool(maps), outputs)

    depth = "-".join(map(str, stages))
    return built(f"resnet {depth} width {k}", forward, shape, outputs, init, ("resnet", k, stages, last_norm))
