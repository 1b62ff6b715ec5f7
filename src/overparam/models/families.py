"""The networks of the sources by name, with their axes, their published sizes, and who described them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overparam.core.errors import UsageError, unknown
from overparam.models import makers
from overparam.models.built import example_sizes, image_sizes
from overparam.models.family import Family, Published, Size
from overparam.models.network import Network, check_size

ZHANG = "Zhang et al., Understanding deep learning requires rethinking generalization, ICLR 2017"
FRANKLE = "Frankle and Carbin, The lottery ticket hypothesis, ICLR 2019, figure 2"
NAKKIRAN = "Nakkiran et al., Deep double descent, ICLR 2020, appendix B.1"
MNIST1D = "Greydanus and Kobak, Scaling down deep learning with MNIST-1D, ICML 2024"
HE = "He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2 and table 6"
SPARSITY = "counted from the layers; the same in a public reimplementation"
CIFAR, CROP, MNIST = (32, 32, 3), (28, 28, 3), (28, 28)


def named(
    name: str,
    shape: Sequence[int],
    outputs: int,
    *,
    width: int | None = None,
    depth: int | None = None,
    **options: Any,
) -> Network:
    """The network of a family; ``overparam ls --networks`` lists the names.

    Args:
        name: key of ``FAMILIES``.
        shape: shape of one example before it is flattened: ``(features,)``, ``(height, width)`` or
            ``(height, width, channels)``.
        outputs: number of outputs.
        width: size along the axis of width; it scales all layers as the family's title says. None: the default.
        depth: size along the axis of depth; None: the default.
        options: further options of the family, for instance ``norm="layer"``, ``dropout=0.5`` or ``init="he"``.

    Returns:
        The network; equal arguments return the same object.

    Raises:
        UsageError: no such family, axis or option; a size below 1; examples that are no images, or too small.

    References: each family's ``source``.

    >>> from overparam.models import parameters
    >>> parameters(named("conv2", (32, 32, 3), 10)), parameters(named("mlp", (28, 28, 3), 10, depth=3))
    (4301642, 1735178)
    """
    family = find(name)
    for axis, given in (("width", width), ("depth", depth)):
        if given is not None and axis not in family.axes:
            has = " and ".join(family.axes) or "none"
            raise UsageError(f"{axis}: '{family.name}' has no such axis, got {given!r}. It has {has}.")
    sizes = image_sizes(shape) if family.image else example_sizes(shape)
    for option in options:
        if option not in family.options:
            raise unknown("option", option, family.options, f"They are those of '{family.name}'.")
    asked = {"width": width, "depth": depth}
    along: dict[str, int] = {}
    for axis, one in family.axes.items():
        given = asked[axis]
        along[axis] = check_size(axis, one.default if given is None else given)
    return family.make(sizes, check_size("outputs", outputs), along.get("width"), along.get("depth"), **options)


def find(name: str) -> Family:
    """The family of that name.

    Raises:
        UsageError: there is none; the text names the nearest.

    >>> find("conv4").width.default
    64
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise unknown("network", name, FAMILIES, "See `overparam ls --networks`.")
    return FAMILIES[name]


def _conv_family(depth: int, count: int) -> Family:
    pairs = ", ".join(f"{64 * 2**i}-{64 * 2**i}" for i in range(depth // 2))
    return Family(
        f"conv{depth}",
        f"3x3 convolutions {pairs} with 2x2 max pooling behind each pair, dense 256-256",
        FRANKLE if depth < 8 else "Conv-8, as the networks of Frankle and Carbin with one pair more",
        makers.make_conv_of(depth),
        CIFAR,
        width=Size(64, "channels of the first pair; each further pair has twice as many, dense layers 4 times"),
        published=(Published(count, SPARSITY, CIFAR, counted="weights"),),
    )


FAMILIES: Mapping[str, Family] = {
    one.name: one
    for one in (
        Family(
            "linear", "a linear model (logistic regression)", "a textbook model", makers.make_linear, MNIST, image=False
        ),
        Family(
            "mlp",
            "dense layers of one width with relu",
            f"{ZHANG}, table 1",
            makers.make_mlp,
            CROP,
            image=False,
            width=Size(512, "units of every hidden layer"),
            depth=Size(1, "hidden layers"),
            published=(
                Published(1_209_866, f"{ZHANG}, table 1", CROP),
                Published(1_735_178, f"{ZHANG}, table 1", CROP, depth=3),
                *(
                    Published(count, f"{MNIST1D}, notebook", (40,), width=h, depth=2)
                    for h, count in ((9, 559), (16, 1098), (47, 4663), (300, 105_610))
                ),
            ),
        ),
        Family(
            "two-layer",
            "one hidden layer with relu",
            "Belkin, Hsu, Ma and Mandal, Reconciling modern machine-learning practice, PNAS 116 (2019), figure 3",
            makers.make_two_layer,
            MNIST,
            image=False,
            width=Size(1000, "hidden units"),
            published=(
                Published(795 * 1000 + 10, "Belkin et al., 795 H + 10", MNIST),
                Published(67 * 28 + 2, "Belkin et al., 67 H + 2", (8, 8), 2, width=28),
            ),
        ),
        Family(
            "two-layer-signs",
            "one hidden layer without biases, trained alone; the output weights are fixed signs over sqrt(width)",
            "Du, Zhai, Poczos and Singh, Gradient descent provably optimizes over-parameterized neural networks, ICLR 2019, "
            "equation 1",
            makers.make_fixed_signs,
            (1000,),
            image=False,
            outputs=1,
            width=Size(1000, "hidden units"),
        ),
        Family(
            "deep-mlp",
            "relu layers without biases, the first and the last fixed, as convergence theorems have them",
            "Allen-Zhu, Li and Song, A convergence theory for deep learning via over-parameterization, ICML 2019, section 2",
            makers.make_deep,
            MNIST,
            image=False,
            width=Size(256, "units of every layer"),
            depth=Size(3, "trained layers"),
        ),
        Family(
            "lenet-300-100",
            "dense layers 300-100 with relu",
            FRANKLE,
            makers.make_lenet_300_100,
            MNIST,
            image=False,
            width=Size(300, "units of the first layer; the second has a third of them, rounded"),
            published=(Published(266_200, SPARSITY, MNIST, counted="weights"),),
        ),
        Family(
            "lenet5",
            "5x5 convolutions 20-50 without padding, each with 2x2 max pooling, dense 500",
            "LeCun et al., Proceedings of the IEEE 86 (1998), in the form of the Caffe example (recalled)",
            makers.make_lenet5,
            MNIST,
            width=Size(20, "channels of the first convolution; 2.5 and 25 times as many units in the next layers"),
            published=(
                Published(431_000, "Han et al., NeurIPS 2015, table 1", MNIST, to=1000, recalled=True),
            ),
        ),
        _conv_family(2, 4_300_992),
        _conv_family(4, 2_425_024),
        _conv_family(6, 2_261_184),
        _conv_family(8, 5_275_840),
        Family(
            "conv",
            "conv2, conv4, conv6, ... as one family with an axis of depth",
            FRANKLE,
            makers.make_conv,
            CIFAR,
            width=Size(64, "as for conv2"),
            depth=Size(6, "convolutions, an even number"),
            published=(Published(2_261_184, SPARSITY, CIFAR, counted="weights"),),
        ),
        Family(
            "cnn1d",
            "three convolutions of 5, 3 and 3 taps and stride 2 on signals",
            MNIST1D,
            makers.make_cnn1d,
            (40,),
            image=False,
            width=Size(25, "channels of every convolution"),
            published=tuple(
                Published(count, f"{MNIST1D}, notebook", (40,), width=c)
                for c, count in ((10, 1190), (18, 2998), (24, 4858), (100, 65_810))
            ),
        ),
        Family(
            "cnn5",
            "convolution, batch norm, relu, max pooling, four times, and a dense layer",
            NAKKIRAN,
            makers.make_cnn5,
            CIFAR,
            width=Size(64, "channels k of the first convolution; the others have 2k, 4k and 8k"),
            published=(Published(1_558_026, NAKKIRAN, CIFAR),),
        ),
        Family(
            "cuda-convnet",
            "5x5 convolutions 32-32-64, each with 3x3 pooling of stride 2, dense 64",
            "the quick network of cuda-convnet (recalled), which Recht's table of large networks begins with",
            makers.make_cuda_convnet,
            CIFAR,
            width=Size(32, "channels k of the first two convolutions; the third and the dense layer have 2k"),
            published=(Published(145_578, "Recht's table", CIFAR, recalled=True),),
        ),
        Family(
            "inception-small",
            "a convolution, eight modules of 1x1 and 3x3 convolutions, two that halve the maps",
            f"{ZHANG}, figure 3 (recalled)",
            makers.make_inception,
            CROP,
            width=Size(96, "channels of the first convolution; all others in proportion, rounded"),
            published=(
                Published(1_649_402, f"{ZHANG}, table 1", CROP, counted="no norm"),
                Published(1_649_402, f"{ZHANG}, table 1", CROP, options={"norm": "none"}),
            ),
        ),
        Family(
            "alexnet-small",
            "twice 5x5 convolution, max pooling and local response normalisation, dense 384-192",
            f"{ZHANG}, appendix A (recalled)",
            makers.make_alexnet,
            CROP,
            width=Size(64, "channels k of both convolutions; the dense layers have 6k and 3k units"),
            published=(Published(1_387_786, f"{ZHANG}, table 1", CROP),),
        ),
        Family(
            "resnet18",
            "pre-activation ResNet-18: four stages of two blocks",
            f"He et al., Identity mappings in deep residual networks, ECCV 2016, figure 1 (b); widths: {NAKKIRAN}",
            makers.make_resnet,
            CIFAR,
            width=Size(64, "channels k of the first stage; the others have 2k, 4k and 8k"),
            published=(
                Published(
                    11_171_146, "a widespread implementation without the last norm", CIFAR,
                    options={"last_norm": False}, recalled=True,
                ),
            ),
        ),
        Family(
            "resnet",
            "resnet18 with an axis of depth",
            "He et al., Identity mappings in deep residual networks, ECCV 2016, figure 1 (b)",
            makers.make_resnet,
            CIFAR,
            width=Size(64, "as for resnet18"),
            depth=Size(2, "blocks of each of the four stages: 8 depth + 2 layers"),
        ),
        Family(
            "resnet-cifar",
            "three stages of n blocks with 16, 32 and 64 channels, shortcuts without parameters",
            HE,
            makers.make_resnet_cifar,
            CIFAR,
            width=Size(16, "channels k of the first stage; the others have 2k and 4k"),
            depth=Size(20, "6n + 2 layers"),
            published=tuple(
                Published(count, f"{HE}, rounded there", CIFAR, depth=depth, to=to, recalled=True)
                for depth, count, to in (
                    (20, 270_000, 10_000), (32, 460_000, 10_000), (44, 660_000, 10_000), (56, 850_000, 10_000),
                    (110, 1_700_000, 100_000),
                )
            ),
        ),
        Family(
            "wide-resnet",
            "pre-activation blocks in three stages behind a convolution of 16 channels",
            "Zagoruyko and Komodakis, Wide residual networks, BMVC 2016, table 1 (recalled)",
            makers.make_wide_resnet,
            CIFAR,
            width=Size(16, "channels k of the first stage, 16 times the widening factor; the others have 2k and 4k"),
            depth=Size(28, "6n + 4 layers"),
            published=(Published(369_498, "WRN-28-1 in Zhang's code for random labels", CIFAR),),
        ),
    )
}  # fmt: skip
