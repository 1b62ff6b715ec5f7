"""How the networks of the families by name are made: shape, outputs, width and depth, then options."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from overparam.core.errors import UsageError
from overparam.core.pairs import paired
from overparam.models.alexnet import alexnet
from overparam.models.cnn import cnn, cnn1d
from overparam.models.deep import deep_mlp
from overparam.models.five_layer import cnn5
from overparam.models.inception import inception
from overparam.models.layers import check_norm, check_rate
from overparam.models.lenet import cuda_convnet, lenet5
from overparam.models.linear import linear
from overparam.models.mlp import mlp
from overparam.models.network import Network, check_flag, in_proportion
from overparam.models.plain import plain
from overparam.models.resnet import resnet
from overparam.models.resnet_cifar import resnet_cifar
from overparam.models.two_layer import two_layer


def _unregularised(norm: Any, dropout: Any) -> bool:
    return check_norm(norm) == "none" and check_rate(dropout) == 0.0


def _with_biases(bias: Any) -> None:
    if not check_flag("bias", bias):
        raise UsageError(f"bias: expected True with norm or dropout, got {bias!r}. Leave one of them out.")


def make_linear(
    sizes: Any, outputs: int, width: None, depth: None, *, bias: bool = True, init: str = "torch"
) -> Network:
    """A linear model."""
    return linear(math.prod(sizes), outputs, bias=bias, init=init)


def make_mlp(
    sizes: Any,
    outputs: int,
    width: int,
    depth: int,
    *,
    activation: str = "relu",
    norm: str = "none",
    dropout: float = 0.0,
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
) -> Network:
    """Dense layers of one width."""
    inputs, widths = math.prod(sizes), (width,) * depth
    if _unregularised(norm, dropout):
        return mlp(
            inputs, widths, outputs, activation=activation, bias=bias, init=init, parametrisation=parametrisation, gain=gain
        )  # fmt: skip
    _with_biases(bias)
    if parametrisation != "standard" or gain != 1.0:
        raise UsageError(
            f"parametrisation: expected 'standard' and gain 1 with norm or dropout, got {parametrisation!r} and {gain!r}. "
            "Leave them out."
        )
    return plain(
        (inputs,), (), widths, outputs, norm=norm, dropout=dropout, activation=activation, init=init or "torch"
    )


def make_two_layer(
    sizes: Any,
    outputs: int,
    width: int,
    depth: None,
    *,
    activation: str = "relu",
    bias: bool = True,
    init: str | None = None,
    parametrisation: str = "standard",
    gain: float = 1.0,
    train_output: bool = True,
) -> Network:
    """One hidden layer."""
    return two_layer(
        math.prod(sizes), width, outputs, activation=activation, bias=bias, init=init, parametrisation=parametrisation,
        gain=gain, train_output=train_output,
    )  # fmt: skip


def make_fixed_signs(
    sizes: Any, outputs: int, width: int, depth: None, *, activation: str = "relu", gain: float = 1.0
) -> Network:
    """One hidden layer below fixed signs."""
    return two_layer(
        math.prod(sizes), width, outputs, activation=activation, bias=False, parametrisation="ntk_unit", gain=gain,
        train_output=False,
    )  # fmt: skip


def make_deep(sizes: Any, outputs: int, width: int, depth: int) -> Network:
    """The deep network of the convergence theorems."""
    return deep_mlp(math.prod(sizes), width, depth, outputs)


def make_lenet_300_100(
    sizes: Any,
    outputs: int,
    width: int,
    depth: None,
    *,
    norm: str = "none",
    dropout: float = 0.0,
    bias: bool = True,
    init: str = "glorot_normal",
) -> Network:
    """LeNet-300-100."""
    widths = (width, in_proportion(100, width, 300))
    if _unregularised(norm, dropout):
        return mlp(math.prod(sizes), widths, outputs, bias=bias, init=init)
    _with_biases(bias)
    return plain((math.prod(sizes),), (), widths, outputs, norm=norm, dropout=dropout, init=init)


def make_conv(
    sizes: Any,
    outputs: int,
    width: int,
    depth: int,
    *,
    norm: str = "none",
    dropout: float = 0.0,
    bias: bool = True,
    init: str = "glorot_normal",
) -> Network:
    """Pairs of convolutions, then two dense layers."""
    if depth % 2:
        raise UsageError(f"depth: expected an even number, two convolutions before each pooling, got {depth}.")
    channels = paired(depth, width)
    dense = (4 * width, 4 * width)
    if _unregularised(norm, dropout):
        return cnn(sizes, channels, outputs, dense=dense, bias=bias, init=init)
    _with_biases(bias)
    return plain(sizes, channels, dense, outputs, norm=norm, dropout=dropout, init=init)


def make_conv_of(depth: int) -> Any:
    """The same at one depth, without that axis."""

    def make(
        sizes: Any,
        outputs: int,
        width: int,
        none: None,
        *,
        norm: str = "none",
        dropout: float = 0.0,
        bias: bool = True,
        init: str = "glorot_normal",
    ) -> Network:
        return make_conv(sizes, outputs, width, depth, norm=norm, dropout=dropout, bias=bias, init=init)

    return make


def make_cnn1d(
    sizes: Any, outputs: int, width: int, depth: None, *, activation: str = "relu", init: str = "torch"
) -> Network:
    """The convolutional network of MNIST-1D."""
    if len(sizes) != 1:
        raise UsageError(
            f"shape: expected (samples,) of a signal, got {sizes}. Use a family of images, such as conv2 or cnn5."
        )
    return cnn1d(sizes[0], (width,) * 3, outputs, activation=activation, init=init)


def make_lenet5(sizes: Any, outputs: int, width: int, depth: None, *, init: str = "glorot") -> Network:
    """LeNet-5."""
    return lenet5(sizes, outputs, width=width, init=init)


def make_cuda_convnet(sizes: Any, outputs: int, width: int, depth: None, *, init: str = "glorot") -> Network:
    """The quick network of cuda-convnet."""
    return cuda_convnet(sizes, outputs, width=width, init=init)


def make_cnn5(
    sizes: Any,
    outputs: int,
    width: int,
    depth: None,
    *,
    pools: Sequence[int] = (1, 2, 2, 8),
    norm: str = "batch",
    init: str = "torch",
) -> Network:
    """Four convolutions and a dense layer."""
    return cnn5(sizes, width, outputs, pools=pools, norm=norm, init=init)


def make_inception(
    sizes: Any, outputs: int, width: int, depth: None, *, norm: str = "batch", init: str = "glorot"
) -> Network:
    """The small Inception."""
    return inception(sizes, outputs, width=width, norm=norm, init=init)


def make_alexnet(
    sizes: Any, outputs: int, width: int, depth: None, *, dropout: float = 0.0, init: str = "glorot"
) -> Network:
    """The small AlexNet."""
    return alexnet(sizes, outputs, width=width, dropout=dropout, init=init)


def make_resnet(
    sizes: Any,
    outputs: int,
    width: int,
    depth: int | None,
    *,
    last_norm: bool = True,
    norm: str = "batch",
    dropout: float = 0.0,
    init: str = "torch",
) -> Network:
    """The pre-activation residual network of four stages."""
    blocks = (2 if depth is None else depth,) * 4
    return resnet(
        sizes, width, outputs, blocks=blocks, last_norm=last_norm, norm=norm, dropout=dropout, init=init
    )


def make_wide_resnet(
    sizes: Any,
    outputs: int,
    width: int,
    depth: int,
    *,
    norm: str = "batch",
    dropout: float = 0.0,
    init: str = "he",
) -> Network:
    """The pre-activation residual network of three stages behind 16 channels."""
    many, rest = divmod(depth - 4, 6)
    if many < 1 or rest:
        raise UsageError(f"depth: expected 6n + 4 layers, such as 10, 16, 22, 28 or 40, got {depth}.")
    return resnet(sizes, width, outputs, blocks=(many,) * 3, first=16, norm=norm, dropout=dropout, init=init)


def make_resnet_cifar(
    sizes: Any, outputs: int, width: int, depth: int, *, norm: str = "batch", init: str = "he"
) -> Network:
    """The residual network of 6n + 2 layers."""
    return resnet_cifar(sizes, depth, outputs, width=width, norm=norm, init=init)
