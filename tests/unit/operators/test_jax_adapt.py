"""Modules of Flax and Equinox as functions of named arrays, in evaluation mode; and what they are told apart by."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import mlp
from overparam.operators import hessian, open_model
from overparam.operators.jax_adapt import framework_of
from tests.tiny_models import LABELS, K, X, apply

ROWS = X.astype(np.float32)


def flax():
    return pytest.importorskip("flax", reason="Flax is optional, and is not installed")


def noted(model, words):
    return any(words in note for note in model.notes)


def dense(model, function, params):
    """The Hessian by jax.hessian of a function of a pytree, in the order of the model."""
    flat, back = jax.flatten_util.ravel_pytree(params)
    out = function(params)

    def loss(vector):
        f = function(back(vector))
        return jnp.mean(jax.nn.logsumexp(f, axis=1) - f[jnp.arange(len(f)), LABELS])

    assert out.shape == (len(X), K)
    return np.asarray(jax.hessian(loss)(flat))


def test_frameworks_are_told_apart_without_importing_them():
    assert framework_of(mlp(2, (2,), 2)) == "network"
    assert framework_of(apply) == framework_of((apply, apply)) == "function"
    assert framework_of({"w": 1}) == framework_of(None) == framework_of("model") == ""


@pytest.fixture(scope="module")
def linen_net():
    """A module of Flax with normalisation and dropout, and its variables."""
    flax()
    from flax import linen

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x, train: bool):
            x = linen.BatchNorm(use_running_average=not train)(linen.Dense(5)(x))
            return linen.Dense(K)(linen.Dropout(0.5, deterministic=not train)(jnp.tanh(x)))

    net = Net()
    return net, net.init(jax.random.key(0), ROWS, False)


@pytest.mark.slow
def test_a_linen_module_is_called_in_evaluation(linen_net):
    net, variables = linen_net
    model = open_model(net, (ROWS, LABELS), params=variables, batch=50)
    assert "Dense_0/kernel" in model.layout.names
    assert noted(model, "called with train=False")
    assert noted(model, "batch_stats")
    with pytest.raises(UsageError, match="params: expected the variables of the Flax module Net"):
        open_model(net, (ROWS, LABELS))
    with pytest.raises(UsageError, match="takes the inputs of data"):
        open_model(net, (ROWS, LABELS), params=variables, evaluation=False)
    told = open_model(net, (ROWS, LABELS), params=variables, evaluation=False, call={"train": False})
    assert np.allclose(told.outputs(), model.outputs(), atol=1e-6)


@pytest.mark.slow
def test_the_hessian_of_a_linen_module_is_that_of_its_evaluation(linen_net):
    net, variables = linen_net
    model = open_model(net, (ROWS, LABELS), params=variables, batch=50)
    want = dense(model, lambda p: net.apply({**variables, "params": p}, ROWS, train=False), variables["params"])
    assert np.abs(hessian(model) @ np.eye(model.size, dtype=np.float32) - want).max() < 1e-5


@pytest.mark.slow
def test_an_nnx_module_is_copied_and_left_in_its_mode():
    flax()
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first, self.last = nnx.Linear(4, 5, rngs=rngs), nnx.Linear(5, K, rngs=rngs)
            self.norm, self.drop = nnx.BatchNorm(5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.last(self.drop(jnp.tanh(self.norm(self.first(x)))))

    net = Net(nnx.Rngs(0))
    model = open_model(net, (ROWS, LABELS), batch=50)
    assert "first/kernel" in model.layout.names
    assert not net.drop.deterministic
    graph, params, rest = nnx.split(net, nnx.Param, ...)

    def function(tree):
        made = nnx.merge(graph, tree, rest)
        made.eval()
        return made(ROWS)

    assert (
        np.abs(hessian(model) @ np.eye(model.size, dtype=np.float32) - dense(model, function, params)).max()
        < 1e-5
    )
    with pytest.raises(UsageError, match="params: expected None"):
        open_model(net, (ROWS, LABELS), params={})


@pytest.mark.slow
def test_an_equinox_module_is_mapped_over_the_examples():
    eqx = pytest.importorskip("equinox", reason="Equinox is optional, and is not installed")
    first, last = jax.random.split(jax.random.key(0))
    net = eqx.nn.Sequential(
        [eqx.nn.Linear(4, 5, key=first), eqx.nn.Lambda(jnp.tanh), eqx.nn.Dropout(0.5), eqx.nn.Linear(5, K, key=last)]
    )  # fmt: skip
    model = open_model(net, (ROWS, LABELS), batch=50)
    assert "layers/0/weight" in model.layout.names
    own, static = eqx.partition(net, eqx.is_inexact_array)

    def function(tree):
        return jax.vmap(eqx.nn.inference_mode(eqx.combine(tree, static)))(ROWS)

    assert (
        np.abs(hessian(model) @ np.eye(model.size, dtype=np.float32) - dense(model, function, own)).max() < 1e-5
    )
