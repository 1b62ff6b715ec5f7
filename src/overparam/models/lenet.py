"""LeNet-5 as the sparsity papers have it, and the small convolutional network of the Cuda-convnet package."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from overparam.models.built import built, image_sizes
from overparam.models.convolution import max_pool
from overparam.models.layers import AnyMaps, Walk, window_mean, window_pool
from overparam.models.network import Columns, Network, check_size, in_proportion


def lenet5(shape: Sequence[int], outputs: int, *, width: int = 20, init: str = "glorot") -> Network:
    """LeNet-5 in its Caffe form: twice (5x5 convolution without padding, 2x2 max pooling), a dense layer with relu.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (28, 28).
        outputs: number of outputs.
        width: channels of the first convolution; the second has 2.5 times, the dense layer 25 times as many units
            (rounded). 20 is the published network.
        init: name in :func:`~overparam.models.initialisations.initialisation`.

    Raises:
        UsageError: a size below 1, images too small, or an unknown initialisation.

    References:
        LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proceedings of the
        IEEE 86 (1998); the sizes are those of the Caffe example, which Han et al., Learning both weights and
        connections for efficient neural networks, NeurIPS 2015, table 1, count as 431 thousand (recalled).

    >>> from overparam.models import parameters
    >>> parameters(lenet5((28, 28), 10))
    431080
    """
    sizes, k = image_sizes(shape), check_size("width", width)

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        for name, units in (("conv1", k), ("conv2", in_proportion(50, k, 20))):
            maps = max_pool(walk.conv(name, maps, units, 5, padding=0), 2)
        columns = jax.nn.relu(walk.dense("hidden1", maps.reshape(-1, maps.shape[-1]), 25 * k))
        return walk.dense("output", columns, outputs)

    return built(f"lenet5 width {k}", forward, sizes, outputs, init, ("lenet5", k))


def cuda_convnet(shape: Sequence[int], outputs: int, *, width: int = 32, init: str = "glorot") -> Network:
    """Three 5x5 convolutions of k, k and 2k channels, each with 3x3 pooling of stride 2, and a dense layer of 2k units.

    The first pooling takes the largest entry and comes before relu, the others the mean and come after it. The dense layer
    of 2k units has no activation.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; published with (32, 32, 3).
        outputs: number of outputs.
        width: k; 32 is the published network.
        init: name in :func:`~overparam.models.initialisations.initialisation`; the published one is normal with
            deviations written out for each layer.

    Raises:
        UsageError: a size below 1, images too small, or an unknown initialisation.

    References:
        The quick CIFAR-10 network of Krizhevsky's cuda-convnet and of Caffe (recalled). Its 145,578 parameters are
        those of "CudaConvNet" in Recht's table of networks larger than their data, which it meets exactly.

    >>> from overparam.models import parameters
    >>> parameters(cuda_convnet((32, 32, 3), 10))
    145578
    """
    sizes, k = image_sizes(shape), check_size("width", width)

    def forward(walk: Walk, maps: AnyMaps) -> Columns:
        maps = jax.nn.relu(window_pool(walk.conv("conv1", maps, k, 5), 3, 2))
        for name, units in (("conv2", k), ("conv3", 2 * k)):
            maps = window_mean(jax.nn.relu(walk.conv(name, maps, units, 5)), 3, 2)
        columns = walk.dense("hidden1", maps.reshape(-1, maps.shape[-1]), 2 * k)
        return walk.dense("output", columns, outputs)

    return built(f"cuda_convnet width {k}", forward, sizes, outputs, init, ("cuda_convnet", k))
