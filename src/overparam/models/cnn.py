"""Convolutional networks: 3x3 layers on images, and the three-layer network of MNIST-1D on signals."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, PRNGKeyArray

from overparam.core.checked import count, real
from overparam.core.errors import UsageError
from overparam.models.activations import activation as activation_of
from overparam.models.convolution import convolve, max_pool
from overparam.models.initialisations import initialisation
from overparam.models.mlp import affine
from overparam.models.network import (
    AnyArray,
    Inputs,
    Network,
    Outputs,
    PyTree,
    check_flag,
    check_gain,
    check_name,
    check_size,
    check_sizes,
)
from overparam.models.parametrisations import parametrisation as parametrisation_of
from overparam.models.reach import check_reach

IMAGE_BLOCK = (
    128  # images at a time: a step reads every weight once a block, and maps of all layers are kept for it
)


@dataclass(frozen=True)
class _Conv:
    """One convolution: its units, taps, stride, padding, and the pooling behind it (1 is none)."""

    units: int
    taps: int
    stride: int
    padding: int
    pool: int = 1


def cnn(
    shape: Sequence[int],
    channels: Sequence[int],
    outputs: int,
    *,
    dense: Sequence[int] = (),
    pool_every: int = 2,
    activation: str = "relu",
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
) -> Network:
    """A network of 3x3 convolutions on images: stride 1, zeros at the edge, 2x2 max pooling, a dense head.

    Examples are flat rows, as everywhere: an image ``(height, width, channels)`` is flattened in that order, which
    is what :func:`overparam.data.flatten` does. Equal arguments return the same object.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``.
        channels: units of every convolution.
        outputs: number of outputs.
        dense: widths of hidden dense layers between the last pooling and the output.
        pool_every: a pooling follows every that many convolutions, and the last one.
        activation: name in :func:`~overparam.models.activations.activation`.
        bias: whether layers have biases.
        init: name in :func:`~overparam.models.initialisations.initialisation`; ``fan_in`` of a convolution is
            9 times its input channels. None takes the one that belongs to the parametrisation.
        parametrisation: name in :func:`~overparam.models.parametrisations.parametrisation`, with the same fan_in.
        gain: factor of the scales, for every parametrisation but ``standard``.

    Returns:
        A network with layers ``conv1``, ``conv2``, ..., ``hidden1``, ..., ``output``. A convolution's weight has
        shape ``(units, channels, 3, 3)``, and the dense part sees ``(channels, height, width)`` flattened.

    Raises:
        UsageError: an unknown name, a size below 1, or kernels or more pooling than the image has pixels.

    References:
        Conv-2, Conv-4 and Conv-6 of Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, figure 2, are
        ``channels=(64, 64, ...)`` with ``dense=(256, 256)``.

    >>> cnn((32, 32, 3), (64, 64), 10, dense=(256, 256)).name
    'cnn 32x32x3 conv 64-64 dense 256-256-10 relu'
    """
    sizes = check_sizes("shape", shape, "(height, width) or (height, width, channels)")
    if len(sizes) not in (2, 3):
        raise UsageError(
            f"shape: expected (height, width) or (height, width, channels), got {tuple(shape)}. "
            "Use cnn1d for signals."
        )
    units = _units(channels)
    every = check_size("pool_every", pool_every)
    layers = tuple(
        _Conv(count, 3, 1, 1, pool=2 if i % every == 0 or i == len(units) else 1)
        for i, count in enumerate(units, start=1)
    )
    head = (*check_sizes("dense", dense), check_size("outputs", outputs))
    space, depth = sizes[:2], sizes[2] if len(sizes) == 3 else 1
    named = None if init is None else check_name("init", init)
    way = check_name("parametrisation", parametrisation)
    return _cnn(
        space,
        depth,
        layers,
        head,
        check_name("activation", activation),
        check_flag("bias", bias),
        named,
        way,
        check_gain(gain),
    )


def cnn1d(
    length: int,
    channels: Sequence[int],
    outputs: int,
    *,
    kernels: Sequence[int] = (5, 3, 3),
    stride: int = 2,
    padding: int = 1,
    activation: str = "relu",
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
) -> Network:
    """A network of strided convolutions on signals with one channel, and a dense output.

    ``cnn1d(40, (c, c, c), 10)`` is the convolutional network of MNIST-1D, with ``6 c^2 + 58 c + 10`` parameters
    (published with c = 25).

    Args:
        length: samples of a signal.
        channels: units of every convolution.
        outputs: number of outputs.
        kernels: taps of every convolution.
        stride: stride of every convolution.
        padding: zeros on both sides, for every convolution.
        activation: name in :func:`~overparam.models.activations.activation`.
        bias: whether layers have biases.
        init: as in :func:`cnn`; ``fan_in`` is taps times input channels.
        parametrisation: as in :func:`cnn`.
        gain: as in :func:`cnn`.

    Returns:
        A network with layers ``conv1``, ..., ``output``. A convolution's weight has shape
        ``(units, channels, taps)``.

    Raises:
        UsageError: an unknown name, a size below 1, another number of kernels than of channels, or kernels longer
            than the signal they meet.

    References:
        S. Greydanus and D. Kobak, Scaling down deep learning with MNIST-1D, ICML 2024, arXiv:2011.14439.

    >>> from overparam.models import parameters
    >>> parameters(cnn1d(40, (10, 10, 10), 10)) == 6 * 10**2 + 58 * 10 + 10 == 1190
    True
    """
    units = _units(channels)
    windows = check_sizes("kernels", kernels)
    if len(windows) != len(units):
        raise UsageError(
            f"kernels: expected {len(units)} of them, one a convolution, got {len(windows)}. "
            "Give as many kernels as channels."
        )
    padding = count(int(padding) if real(padding) == 0 else padding, "padding", 0)
    layers = tuple(
        _Conv(count, taps, check_size("stride", stride), padding)
        for count, taps in zip(units, windows, strict=True)
    )
    head, space = (check_size("outputs", outputs),), (check_size("length", length),)
    named = None if init is None else check_name("init", init)
    way = check_name("parametrisation", parametrisation)
    return _cnn(
        space,
        1,
        layers,
        head,
        check_name("activation", activation),
        check_flag("bias", bias),
        named,
        way,
        check_gain(gain),
    )


def _units(channels: Sequence[int]) -> tuple[int, ...]:
    units = check_sizes("channels", channels)
    if not units:
        raise UsageError(
            "channels: expected at least one convolution, got none. Use mlp for dense layers only."
        )
    return units


def _after(space: tuple[int, ...], layer: _Conv, number: int) -> tuple[int, ...]:
    """Shape of the maps behind a convolution and its pooling."""
    # maps of at least 2 entries pass, so that there always is a window of 2 to pool
    out = check_reach(f"conv{number}", space, layer.taps, layer.stride, layer.padding, first=number == 1)
    return tuple(n // layer.pool for n in out)


@functools.lru_cache(maxsize=256)
def _cnn(
    space: tuple[int, ...],
    depth: int,
    convs: tuple[_Conv, ...],
    head: tuple[int, ...],
    activation: str,
    bias: bool,
    init: str | None,
    parametrisation: str,
    gain: float,
) -> Network:
    fields = [layer.taps ** len(space) for layer in convs] + [1] * len(head)
    places, inner = space, depth
    fan_in = []
    for number, layer in enumerate(convs, start=1):
        fan_in.append(fields[number - 1] * inner)
        places, inner = _after(places, layer, number), layer.units
    fan_in += [inner * math.prod(places), *head[:-1]]
    fan_out = [*(layer.units for layer in convs), *head]
    names = [f"conv{i + 1}" for i in range(len(convs))] + [f"hidden{i + 1}" for i in range(len(head) - 1)]
    names.append("output")
    rule = parametrisation_of(parametrisation)
    scales = dict(zip(names, rule.scales((*fan_in, head[-1]), gain), strict=True))
    law = initialisation(init or rule.init)
    act = activation_of(activation)

    def initialise(key: PRNGKeyArray) -> PyTree:
        drawn = law.draw(key, list(zip(fan_in, fan_out, strict=True)), bias, fields)
        for drawn_layer, layer in zip(drawn, convs, strict=False):
            shape = (layer.units, -1, *[layer.taps] * len(space))
            drawn_layer["weight"] = drawn_layer["weight"].reshape(shape)
        return dict(zip(names, drawn, strict=True))

    # Examples stand last inside, as the columns of an mlp: a shifted view is then made of long runs of memory.
    def apply(params: PyTree, x: Inputs) -> Outputs:
        maps = x.T.reshape(*space, depth, x.shape[0])
        maps = maps.transpose(len(space), *range(len(space)), len(space) + 1)
        for name, layer in zip(names, convs, strict=False):
            maps = act(_convolution(params[name], scales[name], maps, layer))
            maps = max_pool(maps, layer.pool) if layer.pool > 1 else maps
        columns = maps.reshape(-1, x.shape[0])
        for name in names[len(convs) : -1]:
            columns = act(affine(params[name], scales[name], columns))
        return affine(params[names[-1]], scales[names[-1]], columns).T

    sizes = (*space, depth) if depth > 1 else space
    kind, block = ("cnn", IMAGE_BLOCK) if len(space) == 2 else ("cnn1d", None)
    details = [activation] + ([] if parametrisation == "standard" else [parametrisation])
    title = f"{kind} {_joined(sizes, 'x')} conv {_joined([c.units for c in convs])} dense {_joined(head)}"
    return Network(
        " ".join([title, *details]), initialise, apply, math.prod(space) * depth, head[-1], block=block
    )


def _convolution(
    layer: PyTree, scale: float, maps: Float[AnyArray, "channels *space batch"], conv: _Conv
) -> Float[AnyArray, "units *space_out batch"]:
    product = convolve(maps, layer["weight"], stride=conv.stride, padding=conv.padding)
    if scale != 1.0:
        product = scale * product
    if "bias" not in layer:
        return product
    return product + layer["bias"].reshape(-1, *[1] * (product.ndim - 1))


def _joined(sizes: Sequence[int], between: str = "-") -> str:
    return between.join(map(str, sizes))
