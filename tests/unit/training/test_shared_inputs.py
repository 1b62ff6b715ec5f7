"""Members that see the same examples share the product of the first layer with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from overparam.models import mlp
from overparam.training import Recipe
from overparam.training.loop import advance, fresh_params, fresh_slots

FEATURES, MEMBERS, BATCH = 7, 3, 5
NETWORK = mlp(FEATURES, (4, 4), 2)
RECIPE = Recipe(steps=2, learning_rate=0.1, batch=BATCH)


def products(jaxpr):
    """(length of the sum, whether members come apart) of every product of the program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (left, _), (apart, _) = equation.params["dimension_numbers"]
            yield [equation.invars[0].aval.shape[i] for i in left], bool(apart)
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)


@pytest.mark.parametrize("streams", [1, MEMBERS])
def test_one_order_makes_one_product_of_the_first_layer(streams):
    seeds = jnp.arange(MEMBERS, dtype=jnp.uint32)
    params = fresh_params(seeds, network=NETWORK)
    slots = fresh_slots(params, network=NETWORK, recipe=RECIPE)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((10, FEATURES)), jnp.float32)
    rows = jnp.zeros((streams, 2, BATCH), jnp.uint16)
    given = (
        params,
        slots,
        jnp.ones(MEMBERS),
        seeds[:streams],
        {},
        jnp.zeros((MEMBERS, 10), jnp.int32),
        x,
        rows,
    )
    program = jax.make_jaxpr(lambda *a: advance(*a, 0, 0, 2, network=NETWORK, recipe=RECIPE))(*given)
    first = [apart for length, apart in products(program.jaxpr) if length == [FEATURES]]
    assert first
    assert all(apart == (streams > 1) for apart in first)
