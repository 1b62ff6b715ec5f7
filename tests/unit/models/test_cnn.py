import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from overparam.core.errors import UsageError
from overparam.models import cnn, cnn1d, parameters


def rows(n, network, seed=0):
    return np.random.default_rng(seed).standard_normal((n, network.inputs)).astype(np.float32)


def plain(x, weight, bias, stride, padding):
    """A layer as frameworks write it: examples first, channels second."""
    axes = x.ndim - 2
    out = lax.conv_general_dilated(x, weight, [stride] * axes, [(padding, padding)] * axes)
    return jax.nn.relu(out + bias.reshape(-1, *[1] * axes))


def pooled(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


@pytest.mark.slow
def test_images_are_rows_flattened_as_height_width_channels():
    network = cnn((6, 4, 3), (5, 7, 2), 10, dense=(8,))
    params = network.init(jax.random.key(0))
    x = rows(3, network)
    h = x.reshape(3, 6, 4, 3).transpose(0, 3, 1, 2)
    for i in (1, 2, 3):
        h = plain(h, params[f"conv{i}"]["weight"], params[f"conv{i}"]["bias"], 1, 1)
        h = pooled(h) if i in (2, 3) else h
    h = jax.nn.relu(h.reshape(3, -1) @ params["hidden1"]["weight"].T + params["hidden1"]["bias"])
    expected = h @ params["output"]["weight"].T + params["output"]["bias"]
    np.testing.assert_allclose(network.apply(params, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_signal_network_is_the_published_one():
    network = cnn1d(40, (6, 6, 6), 10)
    params = network.init(jax.random.key(0))
    x = rows(3, network)
    h = x[:, None, :]
    for i in (1, 2, 3):
        h = plain(h, params[f"conv{i}"]["weight"], params[f"conv{i}"]["bias"], 2, 1)
    expected = h.reshape(3, -1) @ params["output"]["weight"].T + params["output"]["bias"]
    np.testing.assert_allclose(network.apply(params, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("c", [10, 18, 100])
def test_parameters_of_the_published_widths(c):
    assert parameters(cnn1d(40, (c, c, c), 10)) == 6 * c**2 + 58 * c + 10


def test_parameters_of_conv_2_4_and_6():
    """Weights without biases, as published for CIFAR-10."""
    counts = [4_300_992, 2_425_024, 2_261_184]
    units = (64, 64, 128, 128, 256, 256)
    networks = [cnn((32, 32, 3), units[:depth], 10, dense=(256, 256), bias=False) for depth in (2, 4, 6)]
    assert [parameters(network) for network in networks] == counts


@pytest.mark.parametrize(
    ("init", "spread"),
    [
        ("torch", lambda fan_in, fan_out: (3 * fan_in) ** -0.5),
        ("he", lambda fan_in, fan_out: (2 / fan_in) ** 0.5),
        ("glorot", lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5),
    ],
)
def test_a_convolution_counts_taps_in_its_fans(init, spread):
    params = cnn((8, 8, 16), (64, 32), 10, init=init).init(jax.random.key(0))
    for name, fan_in, fan_out in (("conv1", 9 * 16, 9 * 64), ("conv2", 9 * 64, 9 * 32), ("output", 512, 10)):
        weight = np.asarray(params[name]["weight"])
        assert weight.std() == pytest.approx(spread(fan_in, fan_out), rel=0.04)
        assert abs(weight.mean()) < 4 * weight.std() / weight.size**0.5


@pytest.mark.slow
def test_the_ntk_parametrisation_divides_by_the_root_of_the_fan_in():
    scaled, standard = (cnn((4, 4, 2), (3,), 2, bias=False, parametrisation=p) for p in ("ntk", "standard"))
    params = scaled.init(jax.random.key(0))
    same = {"conv1": {"weight": params["conv1"]["weight"] / 18**0.5}}
    same["output"] = {"weight": params["output"]["weight"] / 12**0.5}
    x = rows(5, scaled)
    np.testing.assert_allclose(scaled.apply(params, x), standard.apply(same, x), rtol=1e-4, atol=1e-5)


def test_equal_arguments_give_the_same_object():
    assert cnn((8, 8), [4, 4], 3) is cnn((8, 8, 1), (4, 4), 3)
    assert cnn1d(40, [4, 4, 4], 3) is cnn1d(40, (4, 4, 4), 3)
    assert cnn1d(40, [4, 4, 4], 3).name == "cnn1d 40 conv 4-4-4 dense 3 relu"


def test_only_images_go_in_blocks():
    assert cnn((8, 8), (4,), 3).block == 128
    assert cnn1d(40, (4, 4, 4), 3).block is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [cnn((4, 4, 2), (3,), 2), pytest.param(cnn1d(12, (3, 2, 2), 2), marks=pytest.mark.slow)],
    ids=["cnn", "cnn1d"],
)
def test_curvature_products_are_those_of_the_hessian(network):
    params = network.init(jax.random.key(0))
    flat, back = jax.flatten_util.ravel_pytree(params)
    x = rows(3, network)

    def cost(flat):
        return jnp.mean(network.apply(back(flat), x) ** 2)

    direction = jax.random.normal(jax.random.key(1), flat.shape)
    product = jax.jit(lambda v: jax.jvp(jax.grad(cost), (flat,), (v,))[1])(direction)
    reverse = jax.jit(lambda v: jax.grad(lambda p: jnp.vdot(jax.grad(cost)(p), v))(flat))(direction)
    np.testing.assert_allclose(product, reverse, rtol=1e-3, atol=1e-4)
    forward = jax.jit(jax.jacfwd(lambda p: network.apply(back(p), x)))(flat)
    np.testing.assert_allclose(
        forward, jax.jit(jax.jacrev(lambda p: network.apply(back(p), x)))(flat), rtol=1e-3, atol=1e-4
    )


ERRORS = {
    "a signal": (lambda: cnn((40,), (4,), 2), "Use cnn1d for signals."),
    "no convolution": (lambda: cnn((8, 8), (), 2), "Use mlp for dense layers only."),
    "too much pooling": (
        lambda: cnn((4, 4), (4, 4, 4), 2, pool_every=1),
        "or use fewer layers or less pooling",
    ),
    "kernels": (lambda: cnn1d(40, (4, 4), 2), "kernels: expected 2 of them, one a convolution, got 3."),
    "a short signal": (lambda: cnn1d(2, (4, 4, 4), 2), "got 5 on 2 entries with padding 1"),
    "padding": (
        lambda: cnn1d(40, (4, 4, 4), 2, padding=-1),
        "padding: expected a whole number of at least 0, got -1",
    ),
    "channels": (lambda: cnn((8, 8), (0,), 2), "channels: expected a whole number of at least 1, got 0"),
}


@pytest.mark.parametrize(("call", "text"), ERRORS.values(), ids=ERRORS)
def test_errors_say_what_to_do(call, text):
    with pytest.raises(UsageError) as caught:
        call()
    assert text in str(caught.value)
