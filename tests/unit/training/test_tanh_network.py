"""The small float64 network: gradient, Jacobian and sharpness against differences and a dense Hessian."""

import numpy as np
import pytest

from overparam.training.tanh_network import TanhNetwork

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=6)


def differences(function, theta, step=1e-6):
    return np.array(
        [(function(theta + e) - function(theta - e)) / (2 * step) for e in np.eye(len(theta)) * step]
    ).T


@pytest.mark.parametrize("sizes", [(3, 4, 1), (3, 4, 2, 1)])
def test_derivatives_are_those_of_the_outputs(sizes):
    net = TanhNetwork(sizes)
    theta = net.start(RNG)
    assert len(theta) == net.ends[-1]
    assert net.jacobian(theta, X) == pytest.approx(differences(lambda t: net.outputs(t, X)[0], theta), abs=1e-8)
    loss, slope = net.gradient(theta, X, Y)
    assert loss == pytest.approx(np.mean((net.outputs(theta, X)[0] - Y) ** 2) / 2)
    assert slope == pytest.approx(differences(lambda t: net.gradient(t, X, Y)[0], theta), abs=1e-8)


def test_outputs_are_those_of_the_formula():
    net = TanhNetwork((3, 2, 1))
    theta = net.start(RNG) + 0.1
    (w, b), (v, c) = net.layers(theta)
    assert net.outputs(theta, X)[0] == pytest.approx(np.tanh(X @ w.T + b) @ v[0] + c[0])


def test_sharpness_is_the_largest_eigenvalue_of_the_dense_hessian():
    net = TanhNetwork((3, 4, 1))
    theta = 1.5 * net.start(RNG)
    dense = differences(lambda t: net.gradient(t, X, Y)[1], theta)
    assert net.sharpness(theta, X, Y) == pytest.approx(np.linalg.eigvalsh((dense + dense.T) / 2)[-1], rel=1e-5)


def test_sharpness_agrees_with_automatic_differentiation():
    import jax
    import jax.numpy as jnp

    net = TanhNetwork((3, 4, 1))
    theta = net.start(RNG)
    with jax.enable_x64(True):

        def loss(t):
            h = jnp.tanh(jnp.asarray(X) @ t[:12].reshape(4, 3).T + t[12:16])
            return 0.5 * jnp.mean((h @ t[16:20] + t[20] - Y) ** 2)

        dense = np.asarray(jax.jit(jax.hessian(loss))(jnp.asarray(theta)))
    assert net.sharpness(theta, X, Y) == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-5)
