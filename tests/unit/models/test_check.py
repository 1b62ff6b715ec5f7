"""Networks as people bring them: what is refused, with which words, and what is none of our business."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import OverparamError, UsageError
from overparam.models import cnn, cnn1d, linearise, mlp, parameters, two_layer
from overparam.models.check import check_network, check_params, layout
from overparam.models.passes import check_pass, check_rows
from tests.odd_networks import BY_ROW, GIVEN, INITS, PARAMS, PASSES, PLAIN, D, apply, flax_like, init, with_init

X = np.random.default_rng(0).normal(size=(5, D)).astype(np.float32)


@pytest.mark.parametrize("name", INITS)
def test_odd_parameters_of_a_network_are_refused(name):
    network, words = INITS[name]
    with pytest.raises(UsageError, match=words):
        check_network(network)


@pytest.mark.parametrize("name", PASSES)
def test_odd_passes_are_refused(name):
    network, words = PASSES[name]
    with pytest.raises(UsageError, match=words):
        check_network(network)


@pytest.mark.parametrize("name", BY_ROW)
def test_outputs_that_depend_on_other_rows_are_noticed(name):
    network, words = BY_ROW[name]
    check_network(network)
    with pytest.raises(UsageError, match=words):
        check_rows(network, GIVEN, X)


@pytest.mark.parametrize("name", PARAMS)
def test_odd_parameters_are_refused(name):
    make, words = PARAMS[name]
    with pytest.raises(OverparamError, match=words):
        check_params(PLAIN, make(GIVEN))


FIXED = np.random.default_rng(1).normal(size=(D, D))
FINE = {
    "plain functions": PLAIN,
    "a constant of NumPy in float64": replace(PLAIN, apply=lambda p, x: apply(p, x @ FIXED)),
    "stop_gradient": replace(PLAIN, apply=lambda p, x: apply({**p, "w": jax.lax.stop_gradient(p["w"])}, x)),
    "Python floats": with_init(lambda key: {**init(key), "gain": 1.0}),
    "float64 arrays of NumPy": with_init(lambda key: {**init(key), "gain": np.ones(1)}),
    "an empty leaf": with_init(lambda key: {**init(key), "none": jnp.zeros((0, 2))}),
    "None beside": with_init(lambda key: {**init(key), "static": None}),
    "one array": replace(PLAIN, init=lambda key: jax.random.normal(key, (D, 2)), apply=lambda p, x: x @ p),
    "compiled": replace(PLAIN, apply=jax.jit(apply)),
    "declared": replace(
        PLAIN, init=flax_like, apply=lambda v, x: apply(v["params"], x), state=("batch_stats",)
    ),
    "a key and a count held": replace(
        PLAIN,
        init=lambda key: {**init(key), "key": key, "n": jnp.int32(0), "on": jnp.ones(4, bool)},
        state=("key", "n", "on"),
    ),
    "a random projection": replace(
        PLAIN, apply=lambda p, x: apply(p, x @ jax.random.normal(jax.random.key(1), (D, D)))
    ),
    "two copies that cancel": replace(PLAIN, apply=lambda p, x: apply(p, x) - apply(GIVEN, x)),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_is_accepted(name):
    network = FINE[name]
    check_network(network)
    with jax.enable_x64(True):
        check_network(network)
    params = network.init(jax.random.key(0))
    check_params(network, params)
    check_rows(network, params, X)
    assert parameters(network) > 0


@pytest.mark.parametrize(
    "network",
    [
        two_layer(D, 4, train_output=False),
        cnn((4, 4), (2,), 2),
        cnn1d(12, (2,), 3, kernels=(3,)),
        linearise(mlp(D, (4,), 2), mlp(D, (4,), 2).init(jax.random.key(0))),
    ],
    ids=lambda network: network.name,
)
def test_our_own_networks_pass_the_checks_that_are_not_run_on_them(network):
    with jax.enable_x64(True):
        check_pass(network, layout(network))


def test_a_cast_to_float32_is_refused_in_float64_alone():
    network = replace(PLAIN, apply=lambda p, x: apply(p, x.astype(jnp.float32)))
    check_network(network)
    with jax.enable_x64(True), pytest.raises(UsageError, match="given here, got a cast to float32.*dtype=None"):
        check_network(network)


def test_float64_parameters_must_be_float32_numbers_where_training_is():
    rounded = jax.tree.map(lambda a: np.asarray(a, np.float64), GIVEN)
    check_params(PLAIN, rounded, single=True)
    finer = jax.tree.map(lambda a: a + 1e-12, rounded)
    check_params(PLAIN, finer)
    with pytest.raises(
        UsageError, match="v: expected float32, in which training is done, got float64 with digits"
    ):
        check_params(PLAIN, finer, single=True)


def test_state_counts_as_no_parameter():
    plain = replace(PLAIN, init=flax_like, apply=lambda v, x: apply(v["params"], x), state=("batch_stats",))
    assert parameters(plain) == parameters(PLAIN) == D * 4 + 4 * 2


@pytest.mark.parametrize("given", [None, 3, "mlp", mlp, GIVEN, PLAIN.apply])
def test_what_is_no_network_is_refused(given):
    with pytest.raises(UsageError, match="^network: expected a network such as two_layer"):
        check_network(given)


@pytest.mark.parametrize("sizes", [{"inputs": 0}, {"outputs": -1}, {"inputs": 2.5}, {"outputs": True}])
def test_sizes_are_whole_numbers(sizes):
    with pytest.raises(UsageError, match=f"expected {next(iter(sizes))} of at least 1"):
        check_network(replace(PLAIN, **sizes))


class Unhashable:
    __hash__ = None

    def __call__(self, params, x):
        return apply(params, x)


def test_functions_that_cannot_be_hashed_are_refused():
    with pytest.raises(UsageError, match="one that cannot be hashed"):
        check_network(replace(PLAIN, apply=Unhashable()))
