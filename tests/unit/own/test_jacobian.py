"""Float64 Jacobians of any network: against the layers written out, in blocks, and bad input."""

from importlib import import_module

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import cnn1d, mlp, two_layer
from overparam.own import empirical_kernel, jacobian
from overparam.own.certify import dense_of
from tests import plain_networks as plain
from tests import rounding

NETWORKS = {
    "fixed output": two_layer(3, 8, 2, activation="tanh", parametrisation="ntk", train_output=False),
    "mean field": two_layer(3, 8, 1, activation="softplus", parametrisation="mean_field"),
    "three layers": mlp(3, (5, 4), 2, activation="gelu"),
    "no biases": mlp(3, (5,), 1, activation="erf", bias=False, parametrisation="ntk_unit"),
}


def data(n=6):
    return np.random.default_rng(0).normal(size=(n, 3))


@pytest.mark.parametrize("name", NETWORKS)
def test_kernel_is_that_of_the_layers_written_out(name):
    """The order of the columns differs; their products do not."""
    network = NETWORKS[name]
    params = network.init(jax.random.key(1))
    matrix = jacobian(network, params, data())
    own = plain.dense_jacobian(dense_of(network, params)[0], data())
    assert matrix.dtype == np.float64
    assert matrix.shape == own.shape
    kernel = own @ own.T
    # products of rows, behind two passes (there and back) of at most three layers and eight terms
    allowed = rounding.sums(own.shape[1], layers=6, unit=rounding.DOUBLE) * kernel.max()
    np.testing.assert_allclose(matrix @ matrix.T, kernel, rtol=0, atol=allowed)
    np.testing.assert_allclose(empirical_kernel(network, params, data()), kernel, rtol=0, atol=allowed)


@pytest.mark.slow
def test_blocks_change_nothing(monkeypatch):
    network = NETWORKS["three layers"]
    params = network.init(jax.random.key(0))
    x, z = data(7), data(11)[7:]
    whole = (
        jacobian(network, params, x),
        empirical_kernel(network, params, x),
        empirical_kernel(network, params, x, z),
    )
    monkeypatch.setattr(import_module("overparam.own.jacobian"), "BLOCK_BYTES", 2.0 * 8 * 2 * whole[0].shape[1])
    parts = (
        jacobian(network, params, x),
        empirical_kernel(network, params, x),
        empirical_kernel(network, params, x, z),
    )
    for one, other in zip(whole, parts, strict=True):
        allowed = rounding.sums(whole[0].shape[1], layers=6, unit=rounding.DOUBLE) * np.abs(one).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=allowed)
    assert np.array_equal(parts[1], parts[1].T)
    assert parts[2].shape == (14, 8)


@pytest.mark.slow
def test_any_network_has_one():
    network = cnn1d(12, (2,), 3, kernels=(3,))
    params = network.init(jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(2, 12))
    matrix = jacobian(network, params, x)
    assert matrix.shape == (6, sum(leaf.size for leaf in jax.tree.leaves(params)))
    assert not jax.config.jax_enable_x64  # float64 only inside


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.ones(3), UsageError, r"x: expected shape \(n, 3\), got \(3,\)"),
        (np.ones((0, 3)), UsageError, r"x: expected shape \(n, 3\)"),
        (np.full((1, 3), np.nan), DataError, "x: expected finite numbers"),
    ],
)
def test_bad_inputs_are_refused(x, error, text):
    network = NETWORKS["three layers"]
    with pytest.raises(error, match=text):
        jacobian(network, network.init(jax.random.key(0)), x)


def test_bad_parameters_are_refused():
    network = NETWORKS["no biases"]
    params = jax.tree.map(lambda leaf: leaf * np.nan, network.init(jax.random.key(0)))
    with pytest.raises(DataError, match="params: hidden1/weight: expected finite numbers, got 15"):
        jacobian(network, params, data())
