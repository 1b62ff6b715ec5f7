"""A network with a block is trained in pieces, one member after another; the results are those of the whole."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import cnn, cnn1d, mlp
from overparam.probes import standard
from overparam.training import Member, Recipe, train
from overparam.training.blocks import block_size, mean_gradient
from overparam.training.evaluate import fit
from overparam.training.losses import loss
from tests import rounding

RNG = np.random.default_rng(0)
X = RNG.standard_normal((14, 32)).astype(np.float32)
Y = RNG.integers(0, 3, (2, 14))
NETWORK = cnn((4, 4, 2), (3,), 3)


@pytest.mark.parametrize(
    "block", [4, pytest.param(1, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", [pytest.param("cross_entropy", marks=pytest.mark.slow), "squared"])
def test_the_gradient_of_blocks_is_that_of_the_batch(block, name):
    params = NETWORK.init(jax.random.key(0))
    whole = jax.grad(lambda p: loss(name).mean(NETWORK.apply(p, X), Y[0]))(params)
    split = mean_gradient(replace(NETWORK, block=block), loss(name), params, jnp.asarray(X), jnp.asarray(Y[0]))
    for a, b in zip(jax.tree.leaves(split), jax.tree.leaves(whole), strict=True):
        # a weight's gradient sums 14 examples at 16 places, behind three layers
        allowed = rounding.sums(14 * 16, layers=3) * max(1.0, float(np.abs(b).max()))
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed)


@pytest.mark.parametrize(
    ("batch", "block", "size"), [(128, 4, 4), (100, 8, 5), (13, 4, 1), (12, 12, 12), (9, None, 9)]
)
def test_blocks_are_equal(batch, block, size):
    assert block_size(batch, block) == size


@pytest.mark.parametrize("block", [1, 5])
def test_evaluation_in_blocks_sees_every_example_once(block):
    params = NETWORK.init(jax.random.key(0))
    outputs = np.asarray(NETWORK.apply(params, X))
    mean, error = fit(
        replace(NETWORK, block=block), loss("cross_entropy"), params, jnp.asarray(X), jnp.asarray(Y[0])
    )
    expected = np.log(np.exp(outputs).sum(1)) - outputs[np.arange(14), Y[0]]
    assert float(mean) == pytest.approx(expected.mean(), rel=rounding.sums(9 * 3, layers=3))
    assert float(error) == pytest.approx((outputs.argmax(1) != Y[0]).mean())


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param("sgd", marks=pytest.mark.slow),
        pytest.param("gd", marks=pytest.mark.slow),
        pytest.param("adam", marks=pytest.mark.slow),
    ],
)
def test_training_in_blocks_is_training(optimizer):
    batch = None if optimizer == "gd" else 6
    recipe = Recipe(steps=8, learning_rate=0.02, optimizer=optimizer, batch=batch, probes=3)
    members = [Member(seed, y) for seed, y in enumerate(Y)]
    runs = [
        train(network, recipe, members, X, X[:5], Y[0, :5], probes=standard(), keep_params=True)
        for network in (NETWORK, replace(NETWORK, block=None))
    ]
    for ours, whole in zip(*runs, strict=True):
        assert ours.values.keys() == whole.values.keys()
        for name, line in whole.values.items():
            np.testing.assert_allclose(ours.values[name], line, rtol=2e-3, atol=1e-5, err_msg=name)
        for a, b in zip(jax.tree.leaves(ours.params), jax.tree.leaves(whole.params), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_split_run_is_the_whole_run_bit_for_bit():
    recipe = Recipe(steps=7, learning_rate=0.05, momentum=0.9, batch=6, probes=2)
    members = [Member(seed, y) for seed, y in enumerate(Y)]
    whole = train(NETWORK, recipe, members, X, X, Y[0], keep_params=True)
    first = train(NETWORK, replace(recipe, steps=3), members, X, X, Y[0], keep_params=True)
    rest = train(
        NETWORK, recipe, members, X, X, Y[0], keep_params=True, start=[run.checkpoint for run in first]
    )
    for a, b in zip(
        jax.tree.leaves([r.params for r in whole]), jax.tree.leaves([r.params for r in rest]), strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_any_network_can_have_a_block():
    network = mlp(32, (5,), 3)
    recipe = Recipe(steps=5, learning_rate=0.1, batch=7, probes=2)
    plain, split = (
        train(n, recipe, [Member(0, Y[0])], X, X, Y[0])[0].values["train_loss"]
        for n in (network, replace(network, block=2))
    )
    np.testing.assert_allclose(plain, split, rtol=rounding.run(5) + rounding.sums(32, layers=2))


def test_other_devices_ignore_blocks(monkeypatch):
    network = replace(NETWORK, block=4)
    params = network.init(jax.random.key(0))

    def program():
        return str(
            jax.make_jaxpr(lambda p: mean_gradient(network, loss("squared"), p, X[:8], Y[0, :8]))(params)
        )

    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert "scan" in program()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "scan" not in program()


def bars(n, seed):
    """Images 8x8 with one bright bar, across or upright, and its direction."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = 0.3 * rng.standard_normal((n, 8, 8)).astype(np.float32)
    for image, upright, place in zip(x, y, rng.integers(0, 8, n), strict=True):
        image[:, place] += upright
        image[place, :] += 1 - upright
    return x.reshape(n, 64), y


@pytest.mark.slow
def test_an_image_network_learns_the_direction_of_bars():
    (x, y), (x_test, y_test) = bars(240, 0), bars(200, 1)
    recipe = Recipe(steps=120, learning_rate=0.1, momentum=0.9, batch=24, probes=2)
    runs = train(
        cnn((8, 8), (4, 4), 2), recipe, [Member(s, y) for s in (0, 1)], x, x_test, y_test, probes=standard()
    )
    for run in runs:
        assert run.values["train_error"][-1] == 0
        assert run.values["test_error"][-1] < 0.1 < 0.3 < run.values["test_error"][0]


@pytest.mark.slow
def test_a_signal_network_learns_to_find_a_pulse_wherever_it_is():
    rng = np.random.default_rng(0)
    shapes = np.array([[1, 2, 1], [2, 0, 2], [-1, 2, -1]], np.float32)

    def signals(n):
        y, x = rng.integers(0, 3, n), 0.2 * rng.standard_normal((n, 20)).astype(np.float32)
        for signal, kind, place in zip(x, y, rng.integers(0, 17, n), strict=True):
            signal[place : place + 3] += shapes[kind]
        return x, y

    (x, y), (x_test, y_test) = signals(300), signals(300)
    recipe = Recipe(steps=300, learning_rate=0.01, optimizer="adam", batch=50, probes=2)
    runs = train(cnn1d(20, (8, 8, 8), 3), recipe, [Member(0, y)], x, x_test, y_test, probes=standard())
    assert runs[0].values["test_error"][-1] < 0.1 < 0.5 < runs[0].values["test_error"][0]
