"""The families by name: published counts, axes and options, one object for equal arguments, and what is refused."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import named, parameters
from overparam.models.families import FAMILIES
from overparam.models.family import COUNTED

SLOW = [pytest.mark.slow]
DEEP = (
    460_000,
    660_000,
    1_700_000,
)  # residual networks of more layers, as the others but slower to walk through
COUNTS = [
    pytest.param(name, one, id=f"{name}-{one.count}", marks=SLOW if one.count in DEEP else [])
    for name, f in FAMILIES.items()
    for one in f.published
]


def counted(network, kind):
    """Trained numbers of a network, of the kind that a source counts."""
    params = jax.eval_shape(network.init, jax.random.key(0))
    total = 0
    for layer, own in params.items():
        if layer == "statistics" or (kind == "no norm" and "scale" in own):
            continue
        total += sum(int(np.prod(a.shape)) for part, a in own.items() if kind != "weights" or part != "bias")
    return total


@pytest.mark.parametrize(("name", "one"), COUNTS)
def test_a_published_count_is_met(name, one):
    network = named(name, one.shape, one.outputs, width=one.width, depth=one.depth, **one.options)
    assert one.counted in COUNTED
    assert abs(counted(network, one.counted) - one.count) * 2 <= (one.to if one.to > 1 else 0)


@pytest.mark.parametrize(
    ("name", "shape", "axes", "count"),
    [
        # by hand: weights and biases layer by layer
        ("linear", (5,), {}, 5 * 3 + 3),
        ("mlp", (2, 2), {"width": 7, "depth": 2}, 4 * 7 + 7 + 7 * 7 + 7 + 7 * 3 + 3),
        ("two-layer-signs", (5,), {"width": 8}, 40),
        ("deep-mlp", (5,), {"width": 4, "depth": 3}, 3 * 16),
        ("lenet-300-100", (5,), {"width": 30}, 5 * 30 + 30 + 30 * 10 + 10 + 10 * 3 + 3),
        ("conv", (4, 4), {"width": 2, "depth": 2}, 18 + 2 + 36 + 2 + 8 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3),
        ("alexnet-small", (8, 8), {"width": 1}, 26 + 26 + 4 * 6 + 6 + 6 * 3 + 3 + 3 * 3 + 3),
        (
            "resnet-cifar",
            (8, 8),
            {"width": 1, "depth": 8},
            9 + 2 * 9 + (2 + 4) * 9 + (8 + 16) * 9 + 2 * 15 + 4 * 3 + 3,
        ),
    ],
)
def test_sizes_by_hand(name, shape, axes, count):
    assert parameters(named(name, shape, 3, **axes)) == count


@pytest.mark.parametrize("name", [name for name, one in FAMILIES.items() if one.width])
def test_a_width_scales_the_whole_family(name):
    """Twice the width multiplies the weights between hidden layers by four: the count lies between twice and four times."""
    family = FAMILIES[name]
    sizes = [parameters(named(name, family.shape, 10, width=k * family.width.default)) for k in (1, 2)]
    assert 1.7 < sizes[1] / sizes[0] < 4.1


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_it_is_and_equal_arguments_are_one_object(name):
    family = FAMILIES[name]
    assert family.name == name
    assert family.title
    assert family.source
    first = named(name, family.shape, family.outputs)
    assert first is named(name, list(family.shape), np.int64(family.outputs))
    assert (first.inputs, first.outputs) == (np.prod(family.shape), family.outputs)
    for axis, size in family.axes.items():
        assert first is named(name, family.shape, family.outputs, **{axis: size.default})


@pytest.mark.parametrize("name", [name for name, one in FAMILIES.items() if "norm" in one.options])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_only_batches_keep_statistics(name, norm):
    network = named(name, FAMILIES[name].shape, 10, norm=norm)
    assert (network.moments is not None) == (norm == "batch")
    assert network.state == (("statistics",) if norm == "batch" else ())


@pytest.mark.parametrize("name", [name for name, one in FAMILIES.items() if "dropout" in one.options])
def test_dropout_alone_makes_a_pass_of_its_own_for_training(name):
    options = {"norm": "none"} if "norm" in FAMILIES[name].options else {}
    network = named(name, FAMILIES[name].shape, 10, dropout=0.25, **options)
    assert network.training is not None
    assert network.moments is None
    assert named(name, FAMILIES[name].shape, 10, dropout=0.0, **options).training is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mlp", (6,)),
        pytest.param("conv2", (4, 4, 2), marks=SLOW),
        pytest.param("lenet-300-100", (5,), marks=SLOW),
    ],
)
def test_dropout_starts_from_the_parameters_of_the_plain_network(name, shape):
    plain, dropped = (named(name, shape, 3, width=4, dropout=rate) for rate in (0.0, 0.5))
    params = [jax.jit(one.init)(jax.random.key(1)) for one in (plain, dropped)]
    jax.tree.map(np.testing.assert_array_equal, *params)
    x = np.random.default_rng(0).standard_normal((5, plain.inputs)).astype(np.float32)
    np.testing.assert_allclose(plain.apply(params[0], x), dropped.apply(params[0], x), rtol=1e-5, atol=1e-6)
    assert not np.allclose(dropped.training(params[0], x, jax.random.key(0)), plain.apply(params[0], x))


WRONG = {
    "a misspelt name": (("resnet81", (32, 32, 3), 10), {}, "unknown network 'resnet81'. Did you mean 'resnet18'?"),
    "no name": ((3, (32, 32, 3), 10), {}, "unknown network of type int, which is no name."),
    "width of a linear model": (("linear", (5,), 2), {"width": 4}, "width: 'linear' has no such axis, got 4. It has none."),
    "depth of resnet18": (("resnet18", (32, 32, 3), 2), {"depth": 4}, "depth: 'resnet18' has no such axis, got 4. It has width."),
    "an option": (("mlp", (5,), 2), {"droput": 0.5}, "unknown option 'droput'. Did you mean 'dropout'?"),
    "dropout of resnet-cifar": (("resnet-cifar", (8, 8), 2), {"dropout": 0.5}, "unknown option 'dropout'."),
    "a number as shape": (("mlp", 784, 10), {}, "shape: expected (features,), (height, width) or (height, width, channels), got"),
    "a text as shape": (("conv2", "32x32", 10), {}, "shape: expected (height, width) or (height, width, channels), got '32x32'."),
    "four axes": (("mlp", (2, 2, 2, 2), 10), {}, "shape: expected (features,), (height, width)"),
    "no axis": (("mlp", (), 10), {}, "shape: expected (features,), (height, width)"),
    "a set": (("mlp", {3, 4}, 10), {}, "shape: expected (features,)"),
    "a size of 0": (("mlp", (0,), 10), {}, "shape: expected a whole number of at least 1, got 0"),
    "features for images": (("resnet18", (3072,), 10), {}, "of an image, got (3072,). Give the shape that an example has before"),
    "an image for signals": (("cnn1d", (32, 32), 10), {}, "shape: expected (samples,) of a signal"),
    "outputs of 0": (("mlp", (5,), 0), {}, "outputs: expected a whole number of at least 1, got 0"),
    "outputs of 2.5": (("cnn5", (32, 32), 2.5), {}, "outputs: expected a whole number of at least 1, got 2.5"),
    "an initialisation": (("resnet18", (32, 32), 2), {"init": "hee"}, "unknown initialisation 'hee'. Did you mean 'he'?"),
    "a norm": (("cnn5", (32, 32), 2), {"norm": "bath"}, "unknown norm 'bath'. Did you mean 'batch'?"),
    "no norm": (("mlp", (5,), 2), {"norm": None}, "unknown norm of type NoneType"),
    "a rate of 1": (("mlp", (5,), 2), {"dropout": 1.0}, "dropout: expected a rate from 0 up to 1, 1 excluded, got 1.0."),
    "a rate that is True": (("alexnet-small", (28, 28), 2), {"dropout": True}, "dropout: expected a rate"),
    "a rate that is False": (("mlp", (5,), 2), {"dropout": False}, "dropout: expected a rate"),
    "a negative rate": (("conv2", (8, 8), 2), {"dropout": -0.1}, "dropout: expected a rate"),
    "a rate that is none": (("wide-resnet", (8, 8), 2), {"dropout": float("nan")}, "dropout: expected a rate"),
    "text for a flag": (("mlp", (5,), 2), {"bias": "no"}, "bias: expected True or False, got 'no'."),
    "no biases and dropout": (("conv2", (8, 8), 2), {"bias": False, "dropout": 0.5}, "bias: expected True with norm or dropout"),
    "ntk and dropout": (("mlp", (5,), 2), {"parametrisation": "ntk", "norm": "layer"}, "parametrisation: expected 'standard'"),
    "an odd depth": (("conv", (32, 32), 2), {"depth": 3}, "depth: expected an even number"),
    "a depth of resnet-cifar": (("resnet-cifar", (32, 32), 2), {"depth": 18}, "depth: expected 6n + 2 layers"),
    "a depth of 2": (("resnet-cifar", (32, 32), 2), {"depth": 2}, "depth: expected 6n + 2 layers"),
    "a depth of wide-resnet": (("wide-resnet", (32, 32), 2), {"depth": 20}, "depth: expected 6n + 4 layers"),
    "pools that are none": (("cnn5", (32, 32), 2), {"pools": 2}, "pools: expected a sequence of whole numbers"),
    # kernels and pools larger than the image, or than the maps they meet
    "conv on 2x2": (("conv2", (2, 2), 2), {}, "conv1: expected a kernel no larger than the image, got 3 taps on 2x2."),
    "conv on 3x40": (("alexnet-small", (3, 40), 2), {}, "conv1: expected a kernel no larger than the image, got 5 taps on 3x40."),
    "conv6 on 4x4": (("conv6", (4, 4), 2), {}, "conv5: expected a kernel whose weights all meet the maps, got 3 taps on 1x1"),
    "lenet5 on 4x4": (("lenet5", (4, 4), 2), {}, "expected a kernel of at most 4 taps, got 5 on 4 entries"),
    "lenet5 on 8x8": (("lenet5", (8, 8), 2), {}, "got 5 on 2 entries with padding 0"),
    "cnn5 on 16x16": (("cnn5", (16, 16), 2), {}, "pools: expected at most 4 behind convolution 4, got 8."),
    "resnet18 on 8x8": (("resnet18", (8, 8), 2), {}, "stage4.block1.conv1: expected a kernel whose weights all meet the maps"),
    "inception on 4x4": (("inception-small", (4, 4), 2), {}, "module8.conv3: expected a kernel whose weights all meet the maps"),
    "cuda-convnet on 5x5": (("cuda-convnet", (5, 5), 2), {}, "whose weights all meet the maps, got 5 taps on 2x2"),
    "a short signal": (("cnn1d", (4,), 2), {}, "conv1: expected a kernel no larger than the image, got 5 taps on 4 entries."),
}  # fmt: skip


@pytest.mark.parametrize(("given", "options", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_in_a_sentence(given, options, said):
    with pytest.raises(UsageError) as caught:
        named(*given, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "bad", [0, -1, 2.5, True, "64", float("nan"), float("inf"), 10**12, [64], 1j], ids=repr
)
@pytest.mark.parametrize(("name", "axis"), [(n, a) for n, f in FAMILIES.items() for a in f.axes])
def test_an_axis_is_a_whole_number_of_at_least_1(name, axis, bad):
    family = FAMILIES[name]
    with pytest.raises(UsageError, match=f"{axis}: expected a whole number of at"):
        named(name, family.shape, family.outputs, **{axis: bad})


def test_huge_sizes_are_counted_without_computing():
    assert parameters(named("mlp", (784,), 10, width=10**9)) == 784 * 10**9 + 10**9 + 10**10 + 10
