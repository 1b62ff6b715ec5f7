"""Convolutions, then dense layers, with normalisation and dropout: what ``mlp`` and ``cnn`` do not have."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core.errors import UsageError
from overparam.models.activations import activation as activation_of
from overparam.models.built import built, example_sizes
from overparam.models.convolution import max_pool
from overparam.models.layers import AnyMaps, Walk, check_norm, check_rate, said
from overparam.models.network import Columns, Network, check_name, check_size, check_sizes


def plain(
    shape: Sequence[int],
    channels: Sequence[int],
    dense: Sequence[int],
    outputs: int,
    *,
    norm: str = "none",
    dropout: float = 0.0,
    pool_every: int = 2,
    activation: str = "relu",
    init: str = "torch",
) -> Network:
    """3x3 convolutions as in :func:`~overparam.models.cnn.cnn`, then dense layers as in :func:`~overparam.models.mlp.mlp`.

    Each layer but the last is followed by the normalisation and the activation, a hidden dense layer then by dropout.
    Without both it is the network of those two functions, with the same layers and the same initial parameters.

    Args:
        shape: shape of one example; ``(features,)`` where there is no convolution.
        channels: units of every convolution; empty for none.
        dense: widths of the hidden dense layers; empty for none.
        outputs: number of outputs.
        norm: ``batch``, ``layer`` or ``none``, before the activation.
        dropout: rate behind every hidden dense layer.
        pool_every: a 2x2 max pooling follows every that many convolutions, and the last one.
        activation: name in :func:`~overparam.models.activations.activation`.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, images too small, a rate that is none, or an unknown name.

    References: Ioffe and Szegedy, Batch normalization, ICML 2015, section 3.2 (before the activation); Srivastava et
        al., Dropout, JMLR 15 (2014), section 4 (on the outputs of hidden units).

    >>> from overparam.models import parameters
    >>> parameters(plain((40,), (), (16, 16), 10, norm="batch")) - 2 * (16 + 16)
    1098
    """
    sizes, outputs = example_sizes(shape), check_size("outputs", outputs)
    units, widths = check_sizes("channels", channels), check_sizes("dense", dense)
    kind, rate, every = check_norm(norm), check_rate(dropout), check_size("pool_every", pool_every)
    act = activation_of(check_name("activation", activation))
    if rate and not widths:
        raise UsageError(f"dropout: expected hidden dense layers to drop from, got none with rate {rate:g}.")

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        for i, many in enumerate(units, start=1):
            maps = act(walk.norm(f"conv{i}.norm", walk.conv(f"conv{i}", maps, many), kind))
            maps = max_pool(maps, 2) if i % every == 0 or i == len(units) else maps
        columns = maps.reshape(-1, maps.shape[-1])
        for i, many in enumerate(widths, start=1):
            columns = act(walk.norm(f"hidden{i}.norm", walk.dense(f"hidden{i}", columns, many), kind))
            columns = walk.dropout(f"hidden{i}.dropout", columns, rate)
        return walk.dense("output", columns, outputs)

    parts = [f"conv {'-'.join(map(str, units))}"] if units else []
    parts += [f"dense {'-'.join(map(str, (*widths, outputs)))}", activation]
    title = " ".join(parts) + f", {said(kind)}" + (f", dropout {rate:g}" if rate else "")
    return built(title, forward, sizes, outputs, init, ("plain", units, widths, kind, rate, every, activation))
