"""Linearised networks: the tangent at the start, and training that is the closed form's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import cnn1d, linearise, mlp, parameters, two_layer
from overparam.theory.dynamics import kernel_dynamics
from overparam.training import Member, Recipe, train

KEY = jax.random.key(3)


def shifted(params, size):
    return jax.tree.map(
        lambda leaf: leaf + size * jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape), params
    )


@pytest.mark.parametrize(
    "network",
    [
        mlp(3, (5, 4), 2, activation="tanh"),
        pytest.param(cnn1d(16, (3, 4, 5), 2, activation="tanh"), marks=pytest.mark.slow),
    ],
    ids=["mlp", "cnn"],
)
def test_it_is_the_tangent(network):
    """The difference from the network falls with the square of the step, the function is linear in it."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network.init(KEY))
        line = linearise(network, params)
        x = jnp.linspace(-1, 1, 4 * network.inputs).reshape(4, network.inputs)
        gaps = []
        for size in (1e-3, 2e-3):
            moved = shifted(params, size)
            gaps.append(float(jnp.abs(network.apply(moved, x) - line.apply(moved, x)).max()))
        assert 0 < gaps[0] < 1e-2
        assert gaps[1] / gaps[0] == pytest.approx(4, rel=0.3)
        one, two = (line.apply(shifted(params, s), x) - line.apply(params, x) for s in (1.0, 2.0))
        assert np.allclose(two, 2 * one, atol=1e-12)


@pytest.mark.slow
def test_training_it_is_the_closed_form():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10, 4)).astype(np.float32)
    y = rng.standard_normal(10).astype(np.float32)
    network = two_layer(4, 32, parametrisation="ntk", activation="tanh")
    params = network.init(KEY)
    line = linearise(network, params)
    jac = jax.jacobian(lambda p: network.apply(p, x)[:, 0])(params)
    rows = np.concatenate([np.asarray(leaf).reshape(10, -1) for leaf in jax.tree.leaves(jac)], axis=1)
    course = kernel_dynamics(rows.astype(np.float64) @ rows.T.astype(np.float64), "mean")
    rate = 0.5 * course.largest_step()
    r0 = np.asarray(network.apply(params, x))[:, 0].astype(np.float64) - y
    recipe = Recipe(loss="squared", optimizer="gd", steps=200, learning_rate=rate)
    (run,) = train(line, recipe, [Member(0, y)], x, x, y)
    want = course.loss(r0, run.steps, rate)
    assert len(want) > 5
    assert run.values["train_loss"] == pytest.approx(want, rel=1e-3)


def test_it_is_a_network_with_the_same_parameters():
    network = mlp(3, (5,), 2)
    params = network.init(KEY)
    line = linearise(network, params)
    assert parameters(line) == parameters(network)
    assert line.form is None
    same = jax.tree.map(lambda a, b: bool((a == b).all()), line.init(jax.random.key(9)), params)
    assert all(jax.tree.leaves(same))


def test_other_parameters_are_refused():
    network = mlp(3, (5,), 2)
    with pytest.raises(UsageError, match="expected the structure"):
        linearise(network, mlp(3, (5, 5), 2).init(KEY))
    with pytest.raises(UsageError, match=r"expected an array of shape \(5,\), got \(6,\)"):
        linearise(network, mlp(3, (6,), 2).init(KEY))
