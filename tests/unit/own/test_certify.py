"""Certificates of the package's own networks: scales, biases, fixed outputs, and training by the package itself."""

import jax
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import cnn1d, linear, mlp, two_layer
from overparam.own import certify, certify_path, jacobian, shortest_path
from overparam.own.certify import dense_of
from overparam.theory.certificates import certify_two_layer, check_run, evaluate
from tests import plain_networks as plain
from tests import rounding

X = np.random.default_rng(0).normal(size=(4, 3))
Y = np.array([0.3, -0.2, 0.1, 0.4])


def draw(network, seed=0):
    return network.init(jax.random.key(seed))


@pytest.mark.parametrize(
    ("parametrisation", "fixed"),
    [
        ("standard", False),
        ("ntk", True),
        ("ntk", False),
        ("ntk_unit", True),
        ("mean_field", False),
        ("mean_field", True),
    ],
)
def test_scales_are_those_of_the_network(parametrisation, fixed):
    """Outputs and Jacobian of the layers are those of the network's own function in float64."""
    network = two_layer(3, 10, 2, activation="silu", parametrisation=parametrisation, train_output=not fixed)
    params = draw(network)
    dense, notes = dense_of(network, params)
    found = evaluate(dense, X)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
        outputs = np.asarray(network.apply(wide, X))
    allowed = rounding.sums(11, layers=3, unit=rounding.DOUBLE)  # two layers and an activation
    np.testing.assert_allclose(found.outputs, outputs, rtol=0, atol=allowed * max(1, np.abs(outputs).max()))
    kernel = jacobian(network, params, X)
    own = plain.dense_jacobian(dense, X)
    want = kernel @ kernel.T
    allowed = rounding.sums(kernel.shape[1], layers=6, unit=rounding.DOUBLE) * max(1, want.max())
    np.testing.assert_allclose(own @ own.T, want, rtol=0, atol=allowed)
    assert notes == ("Parameters were given in float32 and taken as they are, in float64.",)


def test_a_network_is_certified_as_its_weights_are():
    network = two_layer(3, 600, 1, activation="softplus", init="normal", bias=False, train_output=False)
    params = draw(network)
    weights = np.asarray(params["hidden1"]["weight"], np.float64)
    signs = np.asarray(network.form.signs, np.float64)
    y = evaluate(dense_of(network, params)[0], X).outputs[:, 0] + Y
    ours = certify(network, params, X, y)
    same = certify_two_layer(weights, signs, X, y, "softplus")
    assert ours.certified
    assert (ours.sigma, ours.lipschitz, ours.distance, ours.step) == (
        same.sigma, same.lipschitz, same.distance, same.step,
    )  # fmt: skip
    assert overparam.certify is certify


@pytest.mark.parametrize(
    "network",
    [
        two_layer(3, 300, 2, activation="tanh", init="normal", train_output=False),
        two_layer(3, 60, 1, activation="tanh"),
        mlp(3, (12, 12), 1, activation="softplus"),
        linear(6, 2),
    ],
    ids=lambda one: one.name,
)
def test_a_certified_network_of_each_family_keeps_its_promises(network):
    x = np.random.default_rng(1).normal(size=(4, network.inputs))
    params = draw(network, 1)
    dense, _ = dense_of(network, params)
    start = evaluate(dense, x).outputs
    probe = certify(network, params, x, start + 1e-9, flow=True)
    size = 0.2 * probe.sigma**2 / max(probe.lipschitz, 0.2)
    y = start + size * np.random.default_rng(2).normal(size=start.shape) / np.sqrt(start.size)
    found = certify(network, params, x, y, loss="mean")
    assert found.certified
    norms, positions, _ = plain.descend(dense, x, y, found.step / len(x), 200)
    assert check_run(found, norms, positions).holds
    assert norms[-1] < norms[0]


@pytest.mark.slow
def test_the_first_certified_of_a_run_and_the_shortest_path():
    network = two_layer(3, 16, 1, activation="softplus", init="normal", train_output=False)
    params = draw(network, 3)
    dense, _ = dense_of(network, params)
    y = evaluate(dense, X).outputs[:, 0] + 20 * Y
    path = plain.levenberg_marquardt(dense, X, y)
    run = [{"hidden1": {"weight": one.weights[0], "bias": one.biases[0]}} for one in path]
    found = certify_path(network, run, X, y, flow=True)
    assert found.certified
    assert found.index >= 1
    assert found.h[0] > 0.5
    assert found.certificate.notes == ()
    way = shortest_path(network, params, run[-1], X, y)
    assert 0 < way.lower <= way.travelled
    assert way.ratio >= 1
    assert f"iterate {found.index} is the first that is certified" in str(found)
    assert "times as far as the nearest" in str(way)
    none = certify_path(network, run[:1], X, y)
    assert none.index is None
    assert str(none).startswith("none of 1 iterates is certified; the last: not certified")


def test_equal_inputs_with_different_targets_are_explained():
    network = two_layer(3, 50, 1, activation="tanh", train_output=False)
    found = certify(network, draw(network), np.vstack([X, X[:1]]), np.append(Y, 1.0))
    assert not found.certified
    assert "inputs 0 and 4 are equal" in found.reason


def test_networks_of_unknown_structure_are_refused():
    network = cnn1d(12, (2,), 1, kernels=(3,))
    with pytest.raises(UsageError, match=r"certify: the structure of '.*' is not known.*certify_jacobian"):
        certify(network, draw(network), np.ones((2, 12)), np.ones(2))


def test_relu_is_certified_with_a_fixed_output_only():
    x = np.eye(3)
    fixed = two_layer(3, 4000, 1, activation="relu", init="normal", bias=False, train_output=False)
    params = draw(fixed)
    y = evaluate(dense_of(fixed, params)[0], x).outputs[:, 0] + 0.1
    assert certify(fixed, params, x, y, flow=True).certified
    trained = two_layer(3, 30, 1, activation="relu")
    assert "no Lipschitz constant" in certify(trained, draw(trained), x, np.ones(3)).reason


def test_bad_parameters_and_labels_are_refused():
    network = two_layer(3, 5, 1, activation="tanh", train_output=False)
    params = draw(network)
    with pytest.raises(UsageError, match=r"params: expected the layers hidden1, got \['output'\]"):
        certify(network, {"output": params["hidden1"]}, X, Y)
    with pytest.raises(UsageError, match="params: expected the layers hidden1, got list"):
        certify(network, [], X, Y)
    wrong = {"hidden1": {"weight": np.ones((3, 5)), "bias": np.ones(5)}}
    with pytest.raises(UsageError, match=r"params: expected hidden1.weight of shape \(5, 3\), got \(3, 5\)"):
        certify(network, wrong, X, Y)
    missing = {"hidden1": {"weight": np.full((5, 3), np.nan), "bias": np.ones(5)}}
    with pytest.raises(DataError, match="params: expected finite numbers in hidden1.weight, got 15"):
        certify(network, missing, X, Y)
    with pytest.raises(UsageError, match="integer labels"):
        certify(network, params, X, np.arange(4))


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"hidden1": 3}, "expected weight in hidden1, got int"),
        ({"hidden1": {}}, r"expected weight in hidden1, got \[\]"),
        ({"hidden1": {"weight": "abc"}}, "real numbers"),
    ],
)
def test_parameters_that_are_none_are_named(params, text):
    network = two_layer(3, 4, activation="tanh", bias=False, train_output=False)
    with pytest.raises((UsageError, DataError), match=text):
        certify(network, params, np.eye(3), np.ones(3))


def test_what_is_no_network_and_no_path_is_named():
    network = two_layer(3, 4, activation="tanh", bias=False, train_output=False)
    params = network.init(jax.random.key(0))
    for other in (None, two_layer):
        with pytest.raises(UsageError, match="network: expected a network"):
            certify(other, params, np.eye(3), np.ones(3))
    for path in (None, params):
        with pytest.raises(UsageError, match="params: expected the parameters of several times"):
            certify_path(network, path, np.eye(3), np.ones(3))


def test_steps_of_every_scalar_type_are_taken():
    network = two_layer(3, 4, activation="tanh", bias=False, train_output=False)
    params = network.init(jax.random.key(0))
    found = [
        certify(network, params, np.eye(3)[:1], np.ones(1), step=s).step
        for s in (1, np.int64(1), np.float32(1))
    ]
    assert found == [1.0, 1.0, 1.0]
    with pytest.raises(UsageError, match="step: expected a positive number, or None"):
        certify(network, params, np.eye(3)[:1], np.ones(1), step=True)
