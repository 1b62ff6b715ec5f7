"""Schedules: the factor of the learning rate at a step, by name or as functions to be given numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from overparam.core.errors import UsageError
from overparam.training.numbers import number, whole

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


def drops(at: Sequence[int], factor: float = 0.1, *, warmup: int = 0) -> Schedule:
    """1, times ``factor`` at each of some steps: ``factor^(number of steps in at that are <= t)``.

    Args:
        at: steps, ascending; one epoch is ``n // batch`` of them.
        factor: of one drop, above 0.
        warmup: over so many steps first, ``(t + 1)/warmup`` multiplies it.

    Returns:
        A function of the step for ``Recipe(schedule=...)``; equal arguments give equal ones.

    Raises:
        UsageError: steps that do not ascend, or a number out of its range.

    >>> [round(float(drops((80, 120))(t)), 4) for t in (79, 80, 119, 120)]
    [1.0, 0.1, 0.1, 0.01]
    """
    at = np.asarray(at) if isinstance(at, Array) else at
    steps = () if isinstance(at, str | bytes) or not isinstance(at, Sequence | np.ndarray) else tuple(at)
    if not steps:
        raise UsageError(f"at: expected steps, as (8000, 12000), got {at!r}.")
    for step in steps:
        whole("at", step, 1)
    if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
        raise UsageError(f"at: expected steps that ascend, got {steps}. Name each of them once, in order.")
    number("factor", factor, above=0.0, single=True)
    whole("warmup", warmup, 0)
    return _Drops(tuple(int(step) for step in steps), float(factor), int(warmup))


def exponential(factor: float, period: int = 1, *, warmup: int = 0) -> Schedule:
    """``factor^floor(t/period)``: with the steps of an epoch as period, a factor an epoch.

    Args:
        factor: of one change, above 0.
        period: steps between two changes.
        warmup: over so many steps first, ``(t + 1)/warmup`` multiplies it.

    Raises:
        UsageError: a number out of its range.

    >>> [float(exponential(0.5, 10)(t)) for t in (9, 10, 35)]
    [1.0, 0.5, 0.125]
    """
    number("factor", factor, above=0.0, single=True)
    whole("period", period, 1)
    whole("warmup", warmup, 0)
    return _Exponential(float(factor), int(period), int(warmup))


def cosine(steps: int, *, warmup: int = 0) -> Schedule:
    """``(1 + cos(pi (t - warmup)/(steps - warmup)))/2`` from step ``warmup`` on, ``(t + 1)/warmup`` before it.

    Args:
        steps: where it reaches 0; it stays there.
        warmup: steps of the rise.

    Raises:
        UsageError: a number out of its range, or no step behind the rise.

    >>> [round(float(cosine(12, warmup=2)(t)), 4) for t in (0, 1, 2, 7, 12, 99)]
    [0.5, 1.0, 1.0, 0.5, 0.0, 0.0]
    """
    whole("steps", steps, 1)
    whole("warmup", warmup, 0)
    if warmup >= steps:
        raise UsageError(f"warmup: expected fewer than the {steps} steps, got {warmup}.")
    return _Cosine(int(steps), int(warmup))


def linear(begin: int, end: int, last: float = 0.0, *, warmup: int = 0) -> Schedule:
    """1 up to step ``begin``, ``last`` from step ``end`` on, and a straight line between them.

    Args:
        begin: where the fall begins.
        end: where it ends.
        last: factor at the end, at least 0.
        warmup: over so many steps first, ``(t + 1)/warmup`` multiplies it.

    Raises:
        UsageError: a number out of its range, or an end that is not behind the beginning.

    >>> [float(linear(4, 8, 0.5)(t)) for t in (4, 6, 8, 9)]
    [1.0, 0.75, 0.5, 0.5]
    """
    whole("begin", begin, 0)
    whole("end", end, 1)
    whole("warmup", warmup, 0)
    number("last", last, least=0.0, single=True)
    if end <= begin:
        raise UsageError(f"end: expected a step behind {begin}, where the fall begins, got {end}.")
    return _Linear(int(begin), int(end), float(last), int(warmup))


def _warmed(factor: Any, step: Any, warmup: int) -> Float[Array, ""]:
    """``factor`` times ``min(1, (step + 1)/warmup)``."""
    return factor * jnp.minimum(1.0, (step + 1) / warmup) if warmup else jnp.asarray(factor, jnp.float32)


@final
@dataclass(frozen=True)
class _Drops:
    at: tuple[int, ...]
    factor: float
    warmup: int

    def __call__(self, step: Any) -> Float[Array, ""]:
        passed = sum((jnp.asarray(step >= one, jnp.int32) for one in self.at), jnp.int32(0))
        return _warmed(jnp.float32(self.factor) ** passed, step, self.warmup)


@final
@dataclass(frozen=True)
class _Exponential:
    factor: float
    period: int
    warmup: int

    def __call__(self, step: Any) -> Float[Array, ""]:
        return _warmed(jnp.float32(self.factor) ** (step // self.period), step, self.warmup)


@final
@dataclass(frozen=True)
class _Cosine:
    steps: int
    warmup: int

    def __call__(self, step: Any) -> Float[Array, ""]:
        share = jnp.clip((step - self.warmup) / (self.steps - self.warmup), 0.0, 1.0)
        return _warmed(0.5 * (1.0 + jnp.cos(math.pi * share)), step, self.warmup)


@final
@dataclass(frozen=True)
class _Linear:
    begin: int
    end: int
    last: float
    warmup: int

    def __call__(self, step: Any) -> Float[Array, ""]:
        share = jnp.clip((step - self.begin) / (self.end - self.begin), 0.0, 1.0)
        return _warmed(1.0 + (self.last - 1.0) * share, step, self.warmup)
