"""Schedules by name: the factor of the learning rate at a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

if TYPE_CHECKING:
    from overparam.training.recipe import Recipe

Schedule = Callable[[Int[Array, ""]], Float[Array, ""]]
Factor = Callable[["Recipe", Int[Array, ""]], Float[Array, ""]]


def _constant(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(1.0)


def _inverse_sqrt(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return 1.0 / jnp.sqrt(1.0 + step // recipe.period)


def _cosine(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return 0.5 * (1.0 + jnp.cos(math.pi / recipe.steps * step))


def _step(recipe: Recipe, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(recipe.decay) ** (step // recipe.period)


SCHEDULES: Mapping[str, Factor] = {
    "constant": _constant,
    "inverse_sqrt": _inverse_sqrt,
    "cosine": _cosine,
    "step": _step,
}


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
