"""Members that see the same examples share the product of the first layer with them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from overparam.models import mlp
from overparam.training import Member, Recipe, train
from overparam.training.loop import advance, fresh_params, fresh_slots
from overparam.training.members import sharing

FEATURES, MEMBERS, BATCH = 7, 3, 5
NETWORK = mlp(FEATURES, (4, 4), 2)
RECIPE = Recipe(steps=2, learning_rate=0.1, batch=BATCH)
RANDOM = np.random.default_rng(0)
FITTED = (
    Recipe(12, 0.1, momentum=0.5, loss="squared", batch=BATCH, sampling="replacement", probes=3),
    Recipe(6, 0.1, optimizer="gd", loss="squared", probes=3),
)


def own(network, loss, params, origin, x, y, x_test, y_test):
    """What the member's own examples give: a sum that knows their order."""
    return {
        "outputs": jnp.sum(network.apply(params, x) * jnp.arange(1.0, len(x) + 1)[:, None] / len(x), axis=0)
    }


def products(jaxpr):
    """(length of the sum, whether members come apart, shape of what comes out) of every product of the program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (left, _), (apart, _) = equation.params["dimension_numbers"]
            length = [equation.invars[0].aval.shape[i] for i in left]
            yield length, bool(apart), equation.outvars[0].aval.shape
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)


def first_layer(members, sets, streams):
    """Products over the features, that is of the first layer, of members whose examples come in sets."""
    seeds = jnp.arange(members, dtype=jnp.uint32)
    params = fresh_params(seeds, network=NETWORK)
    slots = fresh_slots(params, {}, network=NETWORK, recipe=RECIPE)
    rows = jnp.zeros((streams, 2, BATCH), jnp.uint16)
    x = jnp.asarray(RANDOM.standard_normal((*sets, 10, FEATURES)), jnp.float32)
    y = jnp.zeros((members, 10), jnp.int32)
    given = params, slots, jnp.ones(members), seeds[:streams], {}, y, x, rows
    program = jax.make_jaxpr(lambda *a: advance(*a, 0, 0, 2, network=NETWORK, recipe=RECIPE))(*given)
    return [(apart, shape) for length, apart, shape in products(program.jaxpr) if length == [FEATURES]]


@pytest.mark.parametrize("streams", [1, MEMBERS])
def test_one_order_makes_one_product_of_the_first_layer(streams):
    first = first_layer(MEMBERS, (), streams)
    assert first
    assert all(apart == (streams > 1) for apart, _ in first)


def test_members_of_a_set_are_one_product_and_sets_come_apart():
    """Four members in two sets: one product a set for both of its members, so that only sets come apart in it."""
    ((apart, shape),) = first_layer(4, (2,), 2)
    assert apart
    assert sorted(shape) == sorted((2, 2, 4, BATCH))  # sets, members of a set, units, examples
    ((_, whole),) = first_layer(4, (4,), 4)
    assert sorted(whole) == sorted((4, 4, BATCH))


@pytest.mark.parametrize("seeds", [(3, 3, 3), (3, 3, 5, 5)])
@pytest.mark.parametrize("form", ["stack", pytest.param("map", marks=pytest.mark.slow)])
@pytest.mark.parametrize("recipe", FITTED)
def test_members_that_share_examples_are_what_each_is_by_itself(seeds, form, recipe):
    """The same array given to several makes one product; copies of it, and members by themselves, the separate ones."""
    arrays = {seed: RANDOM.standard_normal((20, FEATURES)).astype(np.float32) for seed in dict.fromkeys(seeds)}
    targets = [RANDOM.standard_normal((20, 2)).astype(np.float32) for _ in seeds]
    shared = [Member(seed, y, x=arrays[seed], learning_rate=0.02 * (i + 1))
              for i, (seed, y) in enumerate(zip(seeds, targets, strict=True))]  # fmt: skip
    copies = [replace(one, x=one.x.copy()) for one in shared]
    assert [sharing(some, [one.x for one in some]) for some in (shared, copies)] == [
        len(seeds) // len(arrays),
        1,
    ]
    probes, x_test, y_test = {"own": own}, RANDOM.standard_normal((6, FEATURES)), np.zeros((6, 2))
    given = {"probes": probes, "keep_params": True, "form": form}
    runs = train(NETWORK, recipe, shared, x_test, x_test, y_test, **given)
    apart = train(NETWORK, recipe, copies, x_test, x_test, y_test, **given)
    alone = [train(NETWORK, recipe, [one], x_test, x_test, y_test, **given)[0] for one in shared]
    for run, *others in zip(runs, apart, alone, strict=True):
        for other in others:
            for a, b in zip(jax.tree.leaves(run.params), jax.tree.leaves(other.params), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
            for name, values in run.values.items():
                np.testing.assert_allclose(values, other.values[name], rtol=1e-4, atol=1e-6)
    assert len({float(run.values["train_loss"][-1]) for run in runs}) == len(seeds)


def test_only_sets_of_one_size_that_share_examples_and_order_are_sets():
    x, z, y = np.zeros((4, 2)), np.zeros((4, 2)), np.zeros(4)

    def of(*given):
        members = [Member(seed, y, x=own, order=order) for seed, own, order in given]
        return sharing(members, [member.x for member in members])

    assert of((0, x, None), (0, x, None), (0, z, None), (0, z, None)) == 2
    assert of((0, x, None), (1, x, None)) == 1  # other minibatches
    assert of((0, x, 7), (1, x, 7)) == 2
    assert of((0, x, None), (0, x, None), (0, z, None)) == 1  # sets of two and of one
    assert of((0, x, None), (0, z, None), (0, x, None), (0, z, None)) == 1  # not next to each other
    assert of((0, x, None)) == 1
