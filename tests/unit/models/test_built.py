"""The families of the sources: published sizes, a second implementation, batch statistics, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from overparam.core.errors import UsageError
from overparam.models.alexnet import alexnet
from overparam.models.built import built
from overparam.models.five_layer import cnn5
from overparam.models.inception import inception
from overparam.models.layers import EPSILON, Walk, local_response, window_pool
from overparam.models.resnet import resnet

SMALL = {
    "resnet": lambda: resnet((6, 6, 2), 2, 3, blocks=(1, 1)),
    "inception": lambda: inception((8, 8), 3, scale=0.03),
    "alexnet": lambda: alexnet((6, 6), 3, scale=0.05),
    "cnn5": lambda: cnn5((6, 6, 2), 2, 3, pools=(1, 2)),
}


def count(network, *, norms):
    """Numbers in the layers, with or without those of normalisations."""
    params = jax.eval_shape(network.init, jax.random.key(0))
    kept = {k: v for k, v in params.items() if k != "statistics" and (norms or "scale" not in v)}
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(kept))


def test_sizes_as_published():
    """Zhang et al. 2017, table 1 (without normalisation); Nakkiran et al. 2020, appendix B.1; the usual ResNet-18."""
    assert count(inception((28, 28, 3), 10), norms=False) == 1_649_402
    assert count(alexnet((28, 28, 3), 10), norms=False) == 1_387_786
    assert count(cnn5((32, 32, 3), 64, 10), norms=True) == 1_558_026
    assert count(resnet((32, 32, 3), 64, 10, last_norm=False), norms=True) == 11_171_146
    assert count(resnet((32, 32, 3), 64, 10), norms=True) == 11_171_146 + 2 * 512


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


@pytest.mark.parametrize("name", ["resnet", "inception", "cnn5"])
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


@pytest.mark.parametrize("name", SMALL)
def test_gradients_against_differences_in_float64(name):
    """Relu and pooling are smooth where no unit changes its side: the step is small, and sides are compared."""
    network = SMALL[name]()
    with jax.enable_x64(True):
        key = jax.random.key(3)
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), drawn(network, 3))
        x = np.asarray(rows(4, network), np.float64)
        forward = network.training or (lambda p, x, _: network.apply(p, x))
        kept = {k: v for k, v in params.items() if k != "statistics"}
        rng = np.random.default_rng(2)
        weights = rng.standard_normal((4, network.outputs))
        way = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), kept)

        @jax.jit
        def along(h):
            moved = jax.tree.map(lambda p, w: p + h * w, kept, way)
            return jnp.sum(weights * forward({**params, **moved}, x, key))

        expected = float(jax.jit(jax.grad(along))(0.0))
        found = [float((along(h) - along(-h)) / (2 * h)) for h in (1e-7, 3e-8)]
    # rounding of a difference: about 1e-16 * |loss| / h; a side that changes shows as a disagreement of the two steps
    assert found[0] == pytest.approx(found[1], rel=1e-5, abs=1e-6)
    assert found[0] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_pooling_windows_that_overlap():
    x = np.random.default_rng(0).standard_normal((2, 7, 5, 3)).astype(np.float32)
    expected = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    np.testing.assert_array_equal(window_pool(x, 3, 2), expected)


def test_local_response_by_its_formula():
    x = np.random.default_rng(0).standard_normal((6, 2, 2, 3)).astype(np.float64)
    expected = np.empty_like(x)
    for i in range(6):
        near = x[max(0, i - 2) : i + 3]
        expected[i] = x[i] / (1.5 + 0.3 * (near**2).sum(0)) ** 0.75
    np.testing.assert_allclose(local_response(x, 2, 1.5, 0.3, 0.75), expected, rtol=1e-5)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    x = jnp.ones((50, 400))
    dropped = Walk({}, key=jax.random.key(0), training=True).dropout("d", x, 0.25)
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.75)}
    # 20,000 draws: the share kept has standard deviation 0.0031
    assert float((dropped > 0).mean()) == pytest.approx(0.75, abs=5 * 0.0031)
    assert (Walk({}).dropout("d", x, 0.25) == x).all()


def test_layer_norm_standardises_every_example():
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32) * 7 + 3
    out = np.asarray(Walk({"n": {"scale": jnp.ones(5), "offset": jnp.zeros(5)}}).layer_norm("n", x))
    np.testing.assert_allclose(out, (x - x.mean(0)) / np.sqrt(x.var(0) + EPSILON), rtol=1e-4, atol=1e-5)


def test_equal_arguments_are_one_object():
    assert resnet((8, 8), 2, 3) is resnet((8, 8, 1), 2, 3)
    assert resnet((8, 8), 2, 3) is not resnet((8, 8), 2, 3, last_norm=False)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: resnet((8, 8), 0, 3), "width: expected a whole number of at least 1, got 0"),
        (lambda: resnet((8, 8), 2, 3, blocks=()), "at least one stage"),
        (lambda: resnet((8,), 2, 3), "shape: expected"),
        (lambda: cnn5((4, 4), 2, 3), "pools: expected at most 1 behind convolution 4, got 8"),
        (lambda: cnn5((4, 4), 2, 3, pools=()), "at least one"),
        (lambda: inception((8, 8), 0), "outputs: expected"),
        (lambda: resnet((8, 8), 2, 3, init="no"), "initialisation"),
        (lambda: built("t", lambda w, m: w.conv("a", w.conv("a", m, 1), 1), (4, 4), 1, "he", "k"), "'a' twice"),
    ],
)
def test_sizes_that_cannot_be(make, said):
    with pytest.raises(UsageError, match=said):
        make()
