"""Networks that carry arrays beside their parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import holding, linear, mlp, parameters
from overparam.probes import subset
from overparam.training import Member, Recipe, train

NETWORK = mlp(3, (4,), 2)
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
Y = np.array([0, 1, 0, 1, 0, 1])


def test_outputs_and_counts_are_those_without():
    held = holding(NETWORK, teacher={"w": np.ones((2, 2))}, clean=np.array([True, False]))
    key = jax.random.key(3)
    params = held.init(key)
    plain = NETWORK.init(key)
    assert jax.tree.all(jax.tree.map(lambda a, b: jnp.array_equal(a, b), {k: params[k] for k in plain}, plain))
    np.testing.assert_array_equal(held.apply(params, X), NETWORK.apply(plain, X))
    assert parameters(held) == parameters(NETWORK)
    assert params["clean"].dtype == bool
    assert holding(NETWORK, clean=np.zeros(2)) is holding(NETWORK, clean=np.zeros(2))
    assert holding(NETWORK, clean=np.zeros(2)) is not holding(NETWORK, clean=np.ones(2))


@pytest.mark.slow
def test_training_is_that_without_and_a_part_is_each_members_own():
    held = holding(NETWORK, clean=np.ones(6))
    recipe = Recipe(5, 0.1, batch=3, probes=3)
    own = [np.array([1, 1, 0, 0, 0, 0.0]), np.array([0, 0, 0, 0, 1, 0.0])]
    members = [Member(s, Y, state={"clean": one}) for s, one in enumerate(own)]
    found = train(held, recipe, members, X, X, Y, probes={"clean": subset("clean", "clean")}, keep_params=True)
    plain = train(
        NETWORK, recipe, [Member(0, Y), Member(1, Y)], X, X, Y, keep_params=True,
        probes={"a": subset("a", [0, 1]), "b": subset("b", [4])},
    )  # fmt: skip
    for run, other, name in zip(found, plain, "ab", strict=True):
        np.testing.assert_allclose(run.params["output"]["weight"], other.params["output"]["weight"], atol=1e-6)
        np.testing.assert_allclose(run.values["clean_loss"], other.values[f"{name}_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({}, "held: expected at least one tree of arrays by name"),
        ({"output": np.ones(2)}, "expected names that 'mlp 3-4-2 relu' does not have, got 'output'"),
        ({"clean": {}}, "expected arrays of numbers as 'clean'"),
        ({"clean": np.array(["a"])}, "expected arrays of numbers as 'clean'"),
    ],
)
def test_what_is_refused(held, words):
    with pytest.raises(UsageError, match=words):
        holding(NETWORK, **held)


def test_a_part_that_is_not_held_is_said():
    with pytest.raises(UsageError, match="probe 'clean': expected a network that holds 'clean'"):
        train(linear(3, 2), Recipe(1, 0.1), [Member(0, Y)], X, X, Y, probes={"c": subset("clean", "clean")})
