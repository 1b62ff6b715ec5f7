"""Residual networks with normalisation before the weights, of any width and depth."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.core.errors import UsageError
from overparam.models.built import built, image_sizes
from overparam.models.layers import AnyMaps, Walk, check_norm, check_rate, global_pool, said
from overparam.models.network import Columns, Network, check_flag, check_size, check_sizes


def resnet(
    shape: Sequence[int],
    width: int,
    outputs: int,
    *,
    blocks: Sequence[int] = (2, 2, 2, 2),
    first: int | None = None,
    last_norm: bool = True,
    norm: str = "batch",
    dropout: float = 0.0,
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
        first: channels of the first convolution; None for k.
        last_norm: norm and relu behind the last block, as in He et al.; a widespread implementation leaves them out.
        norm: ``batch``, ``layer`` or ``none``.
        dropout: rate between the two convolutions of a block, as in Zagoruyko and Komodakis.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, images too small, an unknown name, or no stage.

    References:
        He, Zhang, Ren and Sun, Identity mappings in deep residual networks, ECCV 2016, figure 1 (b). The widths are
        those of Nakkiran et al., Deep double descent, ICLR 2020, appendix B.1; width 64 is the usual ResNet-18.
        Zagoruyko and Komodakis, Wide residual networks, BMVC 2016, section 2, for ``first`` and ``dropout``.

    >>> from overparam.models import parameters
    >>> parameters(resnet((32, 32, 3), 64, 10)), parameters(resnet((32, 32, 3), 64, 10, last_norm=False))
    (11172170, 11171146)
    """
    sizes, k, stages = image_sizes(shape), check_size("width", width), check_sizes("blocks", blocks)
    start, last = k if first is None else check_size("first", first), check_flag("last_norm", last_norm)
    kind, rate = check_norm(norm), check_rate(dropout)
    if not stages:
        raise UsageError("blocks: expected at least one stage, got none. Give the blocks of every stage.")

    def block(walk: Walk, name: str, maps: AnyMaps, units: int, stride: int) -> AnyMaps:
        first = jax.nn.relu(walk.norm(f"{name}.norm1", maps, kind))
        side = maps
        if stride > 1 or maps.shape[0] != units:
            side = walk.conv(f"{name}.side", first, units, 1, stride=stride, bias=False)
        inner: AnyMaps = walk.conv(f"{name}.conv1", first, units, stride=stride, bias=False)
        inner = jax.nn.relu(walk.norm(f"{name}.norm2", inner, kind))
        inner = walk.dropout(f"{name}.dropout", inner, rate)
        return walk.conv(f"{name}.conv2", inner, units, bias=False) + side

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        maps = walk.conv("conv", maps, start, bias=False)
        for i, many in enumerate(stages):
            for j in range(many):
                maps = block(walk, f"stage{i + 1}.block{j + 1}", maps, k * 2**i, 2 if i and not j else 1)
        if last:
            maps = jax.nn.relu(walk.norm("norm", maps, kind))
        return walk.dense("output", global_pool(maps), outputs)

    title = f"resnet {'-'.join(map(str, stages))} width {k}, {said(kind)}"
    title += (f", first {start}" if start != k else "") + ("" if last else ", no norm at the end")
    title += f", dropout {rate:g}" if rate else ""
    return built(title, forward, sizes, outputs, init, ("resnet", k, stages, start, last, kind, rate))
