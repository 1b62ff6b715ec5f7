"""Schedules by name: the factor of the learning rate at a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

Schedule = Callable[[Int[Array, ""]], Float[Array, ""]]


class Timing(Protocol):
    """The numbers of a recipe that schedules read."""

    @property
    def steps(self) -> int:
        """Number of steps in all."""

    @property
    def period(self) -> int:
        """Steps between two changes."""

    @property
    def decay(self) -> float:
        """Factor of one change."""


Factor = Callable[[Timing, Int[Array, ""]], Float[Array, ""]]


def _constant(recipe: Timing, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(1.0)


def _inverse_sqrt(recipe: Timing, step: Int[Array, ""]) -> Float[Array, ""]:
    return 1.0 / jnp.sqrt(1.0 + step // recipe.period)


def _cosine(recipe: Timing, step: Int[Array, ""]) -> Float[Array, ""]:
    return 0.5 * (1.0 + jnp.cos(math.pi / recipe.steps * step))


def _step(recipe: Timing, step: Int[Array, ""]) -> Float[Array, ""]:
    return jnp.float32(recipe.decay) ** (step // recipe.period)


SCHEDULES: Mapping[str, Factor] = {
    "constant": _constant,
    "inverse_sqrt": _inverse_sqrt,
    "cosine": _cosine,
    "step": _step,
}
