"""The convolutional network of five layers of the double-descent experiments, of any width and depth."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.core.errors import UsageError
from overparam.models.built import built, image_sizes
from overparam.models.convolution import max_pool
from overparam.models.layers import AnyMaps, Walk, check_norm, said
from overparam.models.network import Columns, Network, check_size, check_sizes


def cnn5(
    shape: Sequence[int],
    width: int,
    outputs: int,
    *,
    pools: Sequence[int] = (1, 2, 2, 8),
    norm: str = "batch",
    init: str = "torch",
) -> Network:
    """Convolution, batch normalisation, relu, max pooling, once for each of k, 2k, 4k, 8k channels; a dense output.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (32, 32, 3).
        width: k.
        outputs: number of outputs.
        pools: window of the pooling behind every convolution; as many as there are convolutions.
        norm: ``batch``, ``layer`` or ``none``.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, an unknown initialisation, or kernels or pooling larger than the image.

    References:
        Nakkiran et al., Deep double descent, ICLR 2020, appendix B.1; their count of parameters at width 64,
        1,558,026, is met exactly.

    >>> from overparam.models import parameters
    >>> parameters(cnn5((32, 32, 3), 64, 10))
    1558026
    """
    sizes, k, kind = image_sizes(shape), check_size("width", width), check_norm(norm)
    windows = check_sizes("pools", pools)
    if not windows:
        raise UsageError("pools: expected at least one, got none. Give one a convolution, 1 for no pooling.")

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        for i, window in enumerate(windows):
            maps = walk.conv(f"conv{i + 1}", maps, k * 2**i)
            maps = jax.nn.relu(walk.norm(f"norm{i + 1}", maps, kind))
            if window > min(maps.shape[1:-1]):
                raise UsageError(
                    f"pools: expected at most {min(maps.shape[1:-1])} behind convolution {i + 1}, got {window}. "
                    "Pool less, or give larger images."
                )
            maps = max_pool(maps, window) if window > 1 else maps
        return walk.dense("output", maps.reshape(-1, maps.shape[-1]), outputs)

    plain = "" if windows == (1, 2, 2, 8) else f" pools {'-'.join(map(str, windows))}"
    title = f"cnn5 width {k}{plain}, {said(kind)}"
    return built(title, forward, sizes, outputs, init, ("cnn5", k, windows, kind))
