"""Float64 descents against closed forms: a linear model loses each mode at its own rate."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import linear, mlp
from overparam.training.full_batch import descend, draw, flat_params, log_steps, model_jacobian, scalar_model

X = np.random.default_rng(0).standard_normal((6, 4))
Y = np.random.default_rng(1).standard_normal((2, 6))


def test_a_linear_model_follows_its_closed_form():
    network = linear(4, 1, bias=False, init="zeros")
    rates, scales, steps = np.array([0.02, 0.05]), np.array([1.0, 0.5]), (0, 3, 40)
    with jax.enable_x64(True):
        one = draw(network, jax.random.key(0))
        stack = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), one)
        told = []
        run = descend(scalar_model(network), stack, X, Y, rates, scales, steps, told.append)
        ends = [[flat_params(run.member(p, k)) for p in range(3)] for k in (0, 1)]
        assert ends[0][0].dtype == np.float64
    assert told == [0, 3 / 40, 1]
    assert run.losses.shape == (40, 2)
    for k in (0, 1):
        shrink = np.eye(6) - rates[k] * scales[k] ** 2 * X @ X.T
        for t in (0, 1, 17, 39):
            left = np.linalg.matrix_power(shrink, t) @ Y[k]
            assert run.losses[t, k] == pytest.approx(0.5 * left @ left, rel=1e-12)
        for p, t in enumerate(steps):
            w = sum(
                (rates[k] * scales[k] * X.T @ np.linalg.matrix_power(shrink, s) @ Y[k] for s in range(t)),
                np.zeros(4),
            )
            assert ends[k][p] == pytest.approx(w, abs=1e-12)


def test_two_copies_start_at_zero_with_the_kernel_of_one():
    network = mlp(4, (16,), 1, activation="tanh", bias=False, parametrisation="ntk_unit")
    with jax.enable_x64(True):
        key = jax.random.key(3)
        single, pair = scalar_model(network), scalar_model(network, True)
        assert np.asarray(pair(draw(network, key, True), X)).tolist() == [0.0] * 6
        one, two = (
            model_jacobian(single, draw(network, key), X),
            model_jacobian(pair, draw(network, key, True), X),
        )
    assert two.shape == (6, 2 * one.shape[1])
    assert two @ two.T == pytest.approx(one @ one.T, rel=1e-12)


@pytest.mark.slow
def test_a_jacobian_agrees_with_differences():
    network = mlp(4, (5,), 1, activation="tanh")
    model = scalar_model(network)
    with jax.enable_x64(True):
        params = draw(network, jax.random.key(1))
        jacobian, flat = model_jacobian(model, params, X), flat_params(params)
        _, unflatten = jax.flatten_util.ravel_pytree(params)
        way = np.random.default_rng(2).standard_normal(flat.shape)
        apart = [np.asarray(model(unflatten(jnp.asarray(flat + s * 1e-6 * way)), X)) for s in (1, -1)]
    assert jacobian @ way == pytest.approx((apart[0] - apart[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 8, 1000])
def test_probe_steps(steps):
    found = log_steps(steps)
    assert found[0] == 0
    assert found[-1] == steps
    assert list(found) == sorted(set(found))
