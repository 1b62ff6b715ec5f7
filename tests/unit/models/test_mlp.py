import math

import jax
import numpy as np
import pytest
from scipy.special import erf

from overparam.core.errors import UsageError
from overparam.models import linear, mlp, two_layer
from overparam.models.two_layer import output_signs
from tests import rounding

PLAIN = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "erf": erf,
    "gelu": lambda z: z * (1 + erf(z / math.sqrt(2))) / 2,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "sine": np.sin,
    "quadratic": lambda z: z * z,
    "identity": lambda z: z,
}
X = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)


@pytest.mark.parametrize("activation", sorted(PLAIN))
def test_forward_pass_is_the_formula(activation):
    network = mlp(5, (7, 4), 3, activation=activation)
    params = network.init(jax.random.key(1))
    h = X.astype(np.float64)
    for name in ("hidden1", "hidden2", "output"):
        layer = {k: np.asarray(v, np.float64) for k, v in params[name].items()}
        h = h @ layer["weight"].T + layer["bias"]
        h = PLAIN[activation](h) if name != "output" else h
    # three layers of at most eight terms; quadratic doubles a relative error, twice
    allowed = rounding.sums(8, layers=3) * (4 if activation == "quadratic" else 1)
    np.testing.assert_allclose(
        network.apply(params, X), h, rtol=allowed, atol=allowed * max(1, np.abs(h).max())
    )


def test_equal_arguments_give_the_same_object():
    assert mlp(5, (7, 4), 3) is mlp(5, [7, 4], 3)
    assert mlp(5, (7, 4), 3) is not mlp(5, (7, 4), 3, bias=False)
    assert two_layer(5, 7, train_output=False) is two_layer(5, 7, train_output=False)


def test_linear_is_an_affine_map():
    network = linear(5, 2)
    params = network.init(jax.random.key(0))
    expected = X @ params["output"]["weight"].T + params["output"]["bias"]
    allowed = rounding.sums(6) * np.abs(X).max() * 5
    np.testing.assert_allclose(network.apply(params, X), expected, rtol=0, atol=allowed)
    assert list(params) == ["output"]


def test_two_layer_with_a_trained_output_is_the_mlp():
    assert two_layer(5, 7, 3, activation="tanh") is mlp(5, (7,), 3, activation="tanh")


@pytest.mark.parametrize("width", [8, 9])
def test_fixed_outputs_are_balanced_signs_outside_the_parameters(width):
    network = two_layer(5, width, 3, bias=False, parametrisation="ntk_unit", train_output=False)
    params = network.init(jax.random.key(2))
    assert list(params) == ["hidden1"]
    assert list(params["hidden1"]) == ["weight"]
    signs = output_signs(width, 3)
    assert set(signs.ravel()) == {1.0, -1.0}
    assert (signs.sum(axis=1) == width % 2).all()
    assert np.linalg.matrix_rank(signs) == 3
    w = np.asarray(params["hidden1"]["weight"], np.float64)
    expected = np.maximum(X @ w.T, 0) @ signs.T / math.sqrt(width)
    np.testing.assert_allclose(network.apply(params, X), expected, rtol=1e-4, atol=1e-5)


def test_names_say_what_a_network_is():
    assert mlp(5, (7,), 3, activation="tanh", parametrisation="ntk").name == "mlp 5-7-3 tanh ntk"
    assert linear(5, 3).name == "linear 5-3"
    assert two_layer(5, 8, train_output=False).name == "two_layer 5-8-1 relu, fixed output"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"activation": "rleu"}, "unknown activation 'rleu'. Did you mean 'relu'?"),
        ({"init": "glorrot"}, "unknown initialisation 'glorrot'. Did you mean 'glorot'?"),
        ({"parametrisation": "ntkk"}, "unknown parametrisation 'ntkk'. Did you mean 'ntk'?"),
        ({"gain": 2.0}, "gain: expected 1 with parametrisation 'standard', got 2. Choose an initialisation"),
    ],
)
def test_typos_are_named(options, text):
    for build in (lambda **o: mlp(5, (7,), 3, **o), lambda **o: two_layer(5, 7, train_output=False, **o)):
        with pytest.raises(UsageError) as error:
            build(**options)
        assert text in str(error.value)


def test_mean_field_needs_one_hidden_layer():
    with pytest.raises(UsageError, match="expected one hidden layer, got 2. Use two_layer"):
        mlp(5, (7, 7), 3, parametrisation="mean_field")
