"""Networks of one forward function: a second implementation, statistics of batches, a person's own, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from overparam.core.errors import UsageError
from overparam.models import built, cnn, cnn1d, mlp, parameters, two_layer
from overparam.models.check import check_network
from overparam.models.five_layer import cnn5
from overparam.models.inception import inception
from overparam.models.layers import EPSILON, window_pool
from overparam.models.passes import check_rows, ours
from overparam.models.plain import plain
from overparam.models.reach import check_reach
from overparam.models.resnet import resnet

SMALL = {
    "resnet": lambda: resnet((6, 6, 2), 2, 3, blocks=(1, 1)),
    "cnn5": lambda: cnn5((6, 6, 2), 2, 3, pools=(1, 2)),
    "mlp": lambda: plain((5,), (), (4, 4), 3, norm="batch"),
    "inception": lambda: inception((8, 8), 3, width=3),
}


def drawn(network, seed):
    return jax.jit(network.init)(jax.random.key(seed))


def rows(n, network, seed=0):
    return np.random.default_rng(seed).standard_normal((n, network.inputs)).astype(np.float32)


def conv(x, layer, stride=1):
    """Examples first, channels second, as frameworks write it."""
    pad = layer["weight"].shape[-1] // 2
    out = lax.conv_general_dilated(x, layer["weight"], [stride] * 2, [(pad, pad)] * 2)
    return out + layer["bias"][:, None, None] if "bias" in layer else out


def norm(x, layer):
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + EPSILON) * layer["scale"][:, None, None] + layer["offset"][
        :, None, None
    ]


@pytest.mark.slow
def test_a_residual_network_in_training_is_the_textbook_one():
    network = SMALL["resnet"]()
    params = drawn(network, 1)
    x = rows(5, network)
    h = conv(x.reshape(5, 6, 6, 2).transpose(0, 3, 1, 2), params["conv"])
    for name, stride in (("stage1.block1", 1), ("stage2.block1", 2)):
        first = jax.nn.relu(norm(h, params[f"{name}.norm1"]))
        side = conv(first, params[f"{name}.side"], stride) if stride > 1 else h
        inner = jax.nn.relu(norm(conv(first, params[f"{name}.conv1"], stride), params[f"{name}.norm2"]))
        h = conv(inner, params[f"{name}.conv2"]) + side
    pooled = jax.nn.relu(norm(h, params["norm"])).mean((2, 3))
    expected = pooled @ params["output"]["weight"].T + params["output"]["bias"]
    found = jax.jit(network.training)(params, x, jax.random.key(0))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["mlp", "cnn5", *(pytest.param(one, marks=pytest.mark.slow) for one in ("resnet", "inception"))]
)
def test_with_the_moments_of_the_set_evaluation_is_the_training_pass(name):
    """On one batch that is the whole set, both normalise by the same numbers."""
    network = SMALL[name]()
    params = drawn(network, 2)
    x = rows(7, network)
    moments = jax.jit(network.moments)(params, x)
    params["statistics"] = {
        layer: {"mean": m["mean"], "variance": m["square"] - m["mean"] ** 2} for layer, m in moments.items()
    }
    whole = jax.jit(network.training)(params, x, jax.random.key(0))
    some = np.concatenate([x[:2], rows(5, network, seed=9)])
    apply = jax.jit(network.apply)
    np.testing.assert_allclose(apply(params, x), whole, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(apply(params, some)[:2], whole[:2], rtol=1e-3, atol=1e-4)


def test_equal_arguments_are_one_object():
    assert resnet((16, 16), 2, 3) is resnet((16, 16, 1), 2, 3)
    assert resnet((16, 16), 2, 3) is not resnet((16, 16), 2, 3, last_norm=False)


def test_a_batch_of_one_cannot_normalise_itself():
    """One example has no spread; a member with such a batch would learn nothing in these layers."""
    for make in (SMALL["cnn5"], SMALL["mlp"]):
        network = make()
        params, x = drawn(network, 0), rows(1, network)
        with pytest.raises(
            UsageError, match=r"batch: expected at least 2 examples where '.*' normalises by batches, got 1"
        ):
            network.training(params, x, jax.random.key(0))
        with pytest.raises(UsageError, match="expected at least 2 examples"):  # before anything is computed
            jax.eval_shape(network.training, params, jax.ShapeDtypeStruct(x.shape, x.dtype), jax.random.key(0))
        assert jax.eval_shape(network.apply, params, x).shape == (1, 3)
        assert network.moments is not None
    layer = plain((5,), (), (4,), 3, norm="layer", dropout=0.1)
    assert jax.eval_shape(layer.training, drawn(layer, 0), rows(1, layer), jax.random.key(0)).shape == (1, 3)


def own(walk, x):
    hidden = walk.dropout("drop", jnp.tanh(walk.batch_norm("norm", walk.dense("first", x, 6))), 0.5)
    return walk.dense("last", hidden, 2)


def test_a_persons_own_network():
    network = built("own", own, (4,), 2)
    check_network(network)
    params = drawn(network, 0)
    assert {name: jax.tree.map(np.shape, one) for name, one in params.items() if name != "statistics"} == {
        "first": {"weight": (6, 4), "bias": (6,)},
        "norm": {"scale": (6,), "offset": (6,)},
        "last": {"weight": (2, 6), "bias": (2,)},
    }
    x = rows(5, network)
    z = x @ params["first"]["weight"].T + params["first"]["bias"]
    expected = np.tanh(z / np.sqrt(1 + EPSILON)) @ params["last"]["weight"].T + params["last"]["bias"]
    np.testing.assert_allclose(network.apply(params, x), expected, rtol=1e-4, atol=1e-5)
    passes = [network.training(params, x, jax.random.key(k)) for k in (0, 0, 1)]
    np.testing.assert_array_equal(passes[0], passes[1])
    assert not np.allclose(passes[0], passes[2])
    # what is random is left out of the moments
    np.testing.assert_allclose(network.moments(params, x)["norm"]["mean"], z.mean(0), rtol=1e-4, atol=1e-6)
    assert network is not built("own", own, (4,), 2)
    assert built("own", own, (4,), 2, key="k") is built("own", own, (4,), 2, key="k")


def test_a_persons_own_function_is_looked_at_as_every_other():
    """Rows that depend on each other are found, and half precision; those of the package are tested by themselves."""
    assert not ours(built("own", own, (4,), 2))
    assert ours(SMALL["cnn5"]())
    narrow = built("narrow", lambda walk, x: walk.dense("a", x.astype(jnp.bfloat16), 2), (4,), 2)
    with pytest.raises(UsageError, match="bfloat16"):
        check_network(narrow)
    mixed = built("mixed", lambda walk, x: walk.dense("a", x - x.mean(1, keepdims=True), 2), (4,), 2)
    with pytest.raises(UsageError, match="depend on its own row alone"):
        check_rows(mixed, drawn(mixed, 0), rows(3, mixed))


WRONG = {
    "a width": (lambda: resnet((8, 8), 0, 3), "width: expected a whole number of at least 1, got 0"),
    "no stage": (lambda: resnet((8, 8), 2, 3, blocks=()), "at least one stage"),
    "one number for blocks": (
        lambda: resnet((8, 8), 2, 3, blocks=2),
        "blocks: expected a sequence of whole numbers",
    ),
    "one number for widths": (
        lambda: mlp(5, 16, 3),
        "widths: expected a sequence of whole numbers, such as (16, 16), got 16.",
    ),
    "text for widths": (
        lambda: mlp(5, "16", 3),
        "widths: expected a sequence of whole numbers, such as (16, 16), got '16'.",
    ),
    "text for a flag": (
        lambda: cnn((8, 8), (4,), 3, bias="False"),
        "bias: expected True or False, got 'False'.",
    ),
    "text for another": (
        lambda: two_layer(3, 4, train_output="no"),
        "train_output: expected True or False, got 'no'.",
    ),
    "channels that are none": (lambda: cnn((8, 8), None, 3), "channels: expected a sequence of whole numbers"),
    "a kernel that is none": (
        lambda: cnn1d(40, (2,), 3, kernels=5),
        "kernels: expected a sequence of whole numbers",
    ),
    "features": (
        lambda: resnet((8,), 2, 3),
        "shape: expected (height, width) or (height, width, channels) of an image, got (8,)",
    ),
    "pools": (lambda: cnn5((16, 16), 2, 3), "pools: expected at most 4 behind convolution 4, got 8"),
    "no pools": (lambda: cnn5((4, 4), 2, 3, pools=()), "at least one"),
    "outputs": (lambda: inception((8, 8), 0), "outputs: expected"),
    "an initialisation": (lambda: resnet((8, 8), 2, 3, init="no"), "initialisation"),
    "a signal shorter than its kernel": (
        lambda: cnn1d(3, (2,), 3, kernels=(5,)),
        "conv1: expected a kernel no larger than the image, got 5",
    ),
    "weights that meet padding": (
        lambda: cnn1d(3, (2,), 3, kernels=(3,), stride=5),
        "conv1: expected a kernel whose weights all meet",
    ),
    "dropout without a hidden layer": (
        lambda: plain((8,), (), (), 3, dropout=0.5),
        "dropout: expected hidden dense layers",
    ),
    "one name twice": (lambda: made(lambda w, m: w.conv("a", w.conv("a", m, 1), 1)), "got 'a' twice"),
    "one dropout twice": (
        lambda: made(lambda w, m: w.dropout("d", w.dropout("d", w.dense("a", m, 1), 0.5), 0.5), (4,)),
        "got 'd' twice",
    ),
    "a reserved name": (
        lambda: made(lambda w, m: w.dense("statistics", m, 1), (4,)),
        "layers: expected names of layers without '/', got 'statistics', a name of what is not trained. Rename",
    ),
    "a path as name": (lambda: made(lambda w, m: w.dense("a/b", m, 1), (4,)), "without '/'"),
    "a name of state": (
        lambda: made(lambda w, m: w.dense("mask", m, 1), (4,)),
        "got 'mask', a name of what is not trained",
    ),
    "a list as name": (lambda: made(lambda w, m: w.dense(["a"], m, 1), (4,)), "got ['a']. Rename the layer."),
    "a number as name of dropout": (
        lambda: made(lambda w, m: w.dropout(3, w.dense("a", m, 1), 0.5), (4,)),
        "got 3. Rename",
    ),
    "text for a bias": (
        lambda: made(lambda w, m: w.dense("a", m, 1, bias="no"), (4,)),
        "a: bias: expected True or False, got 'no'.",
    ),
    "a window of 0": (
        lambda: made(lambda w, m: window_pool(w.conv("a", m, 1), 0, 1)),
        "pooling: window: expected a whole number",
    ),
    "a step of 0": (
        lambda: made(lambda w, m: window_pool(w.conv("a", m, 1), 2, 0)),
        "pooling: stride: expected a whole number",
    ),
    "no title": (
        lambda: built(None, lambda w, m: w.dense("a", m, 1), (4,), 1),
        "title: expected a name, got None.",
    ),
    "a key that is none": (
        lambda: built("t", lambda w, m: w.dense("a", m, 1), (4,), 1, key=[1]),
        "key: expected what can be hashed",
    ),
    "no name": (lambda: made(lambda w, m: w.dense(3, m, 1), (4,)), "layers: expected names"),
    "no layer": (lambda: made(lambda w, m: m[:1], (4,)), "to use layers of its walk, got none"),
    "rows for columns": (
        lambda: made(lambda w, m: w.dense("a", m, 1).T, (4,)),
        "forward: expected an array of shape (1, batch) from 't', got ('batch', 1).",
    ),
    "other outputs": (
        lambda: made(lambda w, m: w.dense("a", m, 2), (4,)),
        "forward: expected an array of shape (1, batch) from 't', got (2, 'batch').",
    ),
    "no array": (lambda: made(lambda w, m: (w.dense("a", m, 1), 0), (4,)), "from 't', got tuple."),
    "a failure": (
        lambda: made(lambda w, m: m @ jnp.ones((9, 9)), (4,)),
        "forward: expected forward(walk, maps) of 't' to take an array of shape (4, 'batch'), got TypeError",
    ),
    "other arguments": (lambda: made(lambda w: w, (4,)), "forward: expected forward(walk, maps) of 't'"),
    "maps in a dense layer": (
        lambda: made(lambda w, m: w.dense("a", m, 1)),
        "a: expected columns of shape (features, batch), got (1, 4, 4, 7). Flatten maps",
    ),
    "columns in a convolution": (
        lambda: made(lambda w, m: w.conv("a", m, 1), (4,)),
        "a: expected maps of shape (channels, height, width, batch), got (4, 7).",
    ),
    "an even kernel": (
        lambda: made(lambda w, m: w.conv("a", m, 1, 2)),
        "a: expected an odd number of taps, got 2.",
    ),
    "no units": (
        lambda: made(lambda w, m: w.dense("a", m, 0), (4,)),
        "a: units: expected a whole number of at least 1, got 0",
    ),
    "a large kernel": (
        lambda: made(lambda w, m: w.conv("a", m, 1, 5)),
        "a: expected a kernel no larger than the image, got 5 taps on 4x4.",
    ),
    "a stride of 0": (
        lambda: made(lambda w, m: w.conv("a", m, 1, 3, stride=0)),
        "stride: expected a whole number of at least 1, got 0.",
    ),
    "negative padding": (
        lambda: made(lambda w, m: w.conv("a", m, 1, 3, padding=-1)),
        "padding: expected a whole number of at least 0",
    ),
    "a rate": (
        lambda: made(lambda w, m: w.dropout("d", w.dense("a", m, 1), 2), (4,)),
        "dropout: expected a rate",
    ),
    "a large pool": (
        lambda: made(lambda w, m: window_pool(w.conv("a", m, 1), 5, 2)),
        "pooling: expected windows of at most 4 entries, got 5.",
    ),
    "no shape": (lambda: made(lambda w, m: m, None), "shape: expected (features,)"),
}


def made(forward, shape=(4, 4)):
    return built("t", forward, shape, 1)


@pytest.mark.parametrize(("make", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_in_a_sentence(make, said):
    with pytest.raises(UsageError) as caught:
        make()
    assert said in str(caught.value)


def test_layers_that_change_and_statistics_that_are_missing_are_named():
    count = []

    def forward(walk, x):
        count.append(0)
        return walk.dense(f"layer{len(count)}", x, 1)

    changing, x = made(forward, (4,)), np.ones((2, 4), np.float32)
    with pytest.raises(
        UsageError, match="params: expected a layer 'layer2', got layer1. Give the parameters of this network"
    ):
        changing.apply(drawn(changing, 0), x)
    network = SMALL["mlp"]()
    params = {name: own for name, own in drawn(network, 0).items() if name != "statistics"}
    with pytest.raises(UsageError, match="params: expected statistics of 'hidden1.norm', got none."):
        network.apply(params, np.ones((2, 5), np.float32))


def test_a_network_that_no_memory_holds_is_refused_where_it_is_drawn():
    network = mlp(784, (10**9,), 10)
    assert parameters(network) == 784 * 10**9 + 10**9 + 10**10 + 10
    with pytest.raises(
        UsageError, match="init: expected at most 2,147,483,647 parameters to draw at once, got 795,000,000,010"
    ):
        network.init(jax.random.key(0))


@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5])
def test_a_convolution_is_refused_exactly_where_a_weight_meets_nothing_but_padding(taps):
    """By trying every tap at every place."""
    for size in range(1, 7):
        for stride in (1, 2, 3):
            for padding in range(4):
                out = (size + 2 * padding - taps) // stride + 1
                met = {
                    tap
                    for tap in range(taps)
                    for place in range(out)
                    if 0 <= stride * place + tap - padding < size
                }
                fine = size + 2 * padding >= taps and len(met) == taps
                if fine:
                    assert check_reach("a", (size,), taps, stride, padding) == (out,)
                else:
                    with pytest.raises(UsageError, match="taps"):
                        check_reach("a", (size,), taps, stride, padding)
