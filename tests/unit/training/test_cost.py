import jax
import jax.numpy as jnp
import pytest

from overparam.models import mlp, parameters
from overparam.training import Recipe, member_seconds, stack_bytes
from overparam.training.loop import advance, fresh_params, fresh_slots, measure
from overparam.training.losses import loss

N, TEST = 2000, 3000


@pytest.mark.parametrize(("members", "width"), [(4, 32), (16, 256)])
def test_memory_is_that_of_the_compiled_programs_within_a_factor_of_two(members, width):
    network = mlp(40, (width, width), 10)
    recipe = Recipe(400, 0.1, momentum=0.9, batch=100)
    shape = jax.ShapeDtypeStruct
    params = jax.eval_shape(lambda s: fresh_params(s, network=network), shape((members,), jnp.uint32))
    slots = jax.eval_shape(lambda p: fresh_slots(p, recipe=recipe), params)
    x, y = shape((N, 40), jnp.float32), shape((members, N), jnp.int32)
    test = shape((TEST, 40), jnp.float32), shape((TEST,), jnp.int32)
    rows, rates = shape((members, 400, 100), jnp.uint16), shape((members,), jnp.float32)
    step = shape((), jnp.int32)
    train = advance.lower(
        params, slots, rates, y, x, rows, step, step, step, network=network, recipe=recipe
    )  # fmt: skip
    look = measure.lower(params, params, y, x, *test, network=network, criterion=loss(recipe.loss), probes=())
    extra = [program.compile().memory_analysis() for program in (train, look)]
    held = sum(
        leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((params, slots, params, x, y, test, rows))
    )
    peak = held + max(sizes.temp_size_in_bytes + sizes.output_size_in_bytes for sizes in extra)
    assert peak / 2 <= stack_bytes(network, recipe, members, N, TEST) <= 2 * peak


def test_memory_grows_with_what_it_should():
    network, recipe = mlp(40, (64,), 10), Recipe(100, 0.1)
    base = stack_bytes(network, recipe, 10, N, TEST)
    assert stack_bytes(network, recipe, 20, N, TEST) > 1.5 * base
    assert stack_bytes(network, Recipe(100, 0.1, optimizer="adam"), 10, N, TEST) > base
    assert stack_bytes(network, recipe, 10, N, 10 * TEST) > base


def test_time_is_linear_in_steps_and_grows_with_size():
    size = parameters(mlp(40, (47, 47), 10))
    assert member_seconds(size, 100, 2000) == pytest.approx(2 * member_seconds(size, 100, 1000))
    assert member_seconds(4 * size, 100, 1) > 2 * member_seconds(size, 100, 1)
    assert member_seconds(size, 1000, 1) > 5 * member_seconds(size, 100, 1)
