"""The update of a step as a recipe says it: its direction, the schedule's factor, and the factors by layer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from overparam.core.errors import UsageError
from overparam.models.network import PyTree
from overparam.models.passes import told
from overparam.models.state import is_held, leaves
from overparam.training.numbers import number
from overparam.training.optimizers import transformation
from overparam.training.recipe import Recipe
from overparam.training.schedules import SCHEDULES


def direction(recipe: Recipe) -> Any:
    """The optax transformation from gradients to the direction of a step; it does not see the learning rate.

    Args:
        recipe: the recipe.

    Returns:
        An ``optax.GradientTransformation``; parameters move by minus learning rate times its update.
    """
    own = transformation(recipe.optimizer)
    if own is not None:
        return optax.chain(own, optax.scale(-1.0))
    parts = []
    if recipe.weight_decay:
        parts.append(optax.add_decayed_weights(recipe.weight_decay))
    if recipe.optimizer == "adam":
        parts.append(optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8))
    elif recipe.momentum:
        parts.append(optax.trace(recipe.momentum))
    return optax.chain(*parts) if parts else optax.identity()


def schedule_factor(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    """Factor of the learning rate at a step, counted from 0.

    Args:
        recipe: the recipe.
        step: integer scalar.

    Returns:
        A float32 scalar.

    >>> float(schedule_factor(Recipe(10, 0.1, schedule="step", period=4, decay=0.5), jnp.int32(9)))
    0.25
    """
    if callable(recipe.schedule):
        return jnp.asarray(recipe.schedule(step), jnp.float32)
    return jnp.asarray(SCHEDULES[recipe.schedule](recipe, step), jnp.float32)


def rate_factors(recipe: Recipe, trained: PyTree) -> PyTree:
    """The factor of the learning rate of every array, a tree of numbers.

    Args:
        recipe: its ``layer_rates`` count.
        trained: the parameters that are trained.

    Raises:
        UsageError: a pattern that fits nothing, or a function that gives no number of at least 0.

    >>> rate_factors(Recipe(1, 0.1, layer_rates={"a": 2.0}), {"a": jnp.zeros(3), "b": jnp.zeros(3)})
    {'a': 2.0, 'b': 1.0}
    """
    named, given = leaves(trained), tuple(recipe.layer_rates)
    for pattern, _ in given:
        if not any(is_held((pattern,), path) for path, _ in named):
            known = ", ".join(path for path, _ in named[:6])
            raise UsageError(f"layer_rates: '{pattern}' fits none of the parameters ({known}, ...).")
    found = []
    for path, leaf in named:
        factor = next((value for pattern, value in given if is_held((pattern,), path)), 1.0)
        value = _called(factor, path, leaf.shape) if callable(factor) else factor
        number(f"layer_rates: {path}", value, least=0.0, single=True)
        found.append(float(value))
    return jax.tree.unflatten(jax.tree.structure(trained), found)


def _called(factor: Any, path: str, shape: tuple[int, ...]) -> Any:
    try:
        return factor(shape)
    except Exception as error:
        raise UsageError(
            f"layer_rates: {path}: expected a function of the array's shape, {shape}, got {told(error)}."
        ) from error
