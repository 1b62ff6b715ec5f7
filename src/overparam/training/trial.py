"""One step tried with a person's own loss, schedule, optimizer and augmentation, before anything is trained."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network
from overparam.models.passes import told
from overparam.models.state import join, split
from overparam.training.constants import effective
from overparam.training.recipe import Recipe
from overparam.training.update import direction


def check_step(network: Network, recipe: Recipe, params: Any, x: Any, y: Any, own: Any) -> None:
    """Raise unless a person's own loss, schedule, optimizer and augmentation can make a step; nothing is trained.

    Raises:
        UsageError: one of them fails or gives something of another shape.
        DataError: a loss that is not finite at the start.
    """
    one = jax.tree.map(lambda leaf: leaf[0], (params, y, own))
    first, targets_, constants = one
    some = (x if x.ndim == 2 else x[0])[: recipe.batch]
    targets_ = targets_[: len(some)]
    if callable(recipe.schedule):
        factor = _shape("schedule", recipe.schedule, jnp.int32(0))
        if getattr(factor, "shape", None) != ():
            raise UsageError(f"schedule: expected one number for a step, got {_told(factor)}.")
    if recipe.stream is not None:
        _check_stream(recipe, some, targets_)
    if recipe.augment is not None:
        moved = _shape("augment", recipe.augment, jax.random.key(0), some)
        if (getattr(moved, "shape", None), getattr(moved, "dtype", None)) != (some.shape, some.dtype):
            raise UsageError(
                f"augment: expected inputs of shape {some.shape} and {some.dtype} back, got {_told(moved)}."
            )
    if callable(recipe.loss):
        outputs = network.apply(
            join(effective(constants, split(network.state, first)[0]), split(network.state, first)[1]), some
        )
        losses = _shape("loss", recipe.loss, outputs, targets_)
        if getattr(losses, "shape", None) != (len(some),) or not jnp.issubdtype(losses.dtype, jnp.floating):
            raise UsageError(
                f"loss: expected one number an example, shape ({len(some)},) for a batch of {len(some)}, got {_told(losses)}. "
                "Leave the mean over the batch to training."
            )
        bad = int((~jnp.isfinite(recipe.loss(outputs, targets_))).sum())
        if bad:
            raise DataError(
                f"loss: expected finite numbers at the start, got {bad} of {len(some)} that are not. Keep its logarithms and "
                "roots away from 0."
            )
    if not isinstance(recipe.optimizer, str):
        _check_optimizer(recipe, split(network.state, first)[0])


def _check_stream(recipe: Recipe, x: Any, y: Any) -> None:
    """A minibatch of a stream is like one of the training set."""
    drawn = _shape("stream", lambda key: recipe.stream(key, recipe.batch), jax.random.key(0))  # type: ignore[misc, arg-type]
    want = [((recipe.batch, *one.shape[1:]), one.dtype) for one in (x, y)]
    if not isinstance(drawn, tuple) or len(drawn) != 2:
        raise UsageError(f"stream: expected a pair (x, y), got {type(drawn).__name__}.")
    for name, found, (shape, dtype) in zip(("x", "y"), drawn, want, strict=True):
        if (getattr(found, "shape", None), getattr(found, "dtype", None)) != (shape, dtype):
            raise UsageError(
                f"stream: expected {name} of shape {shape} and {dtype}, as the training set has it, got {_told(found)}."
            )


def _check_optimizer(recipe: Recipe, params: Any) -> None:
    def once(p: Any) -> Any:
        rule = direction(recipe)
        return rule.update(p, rule.init(p), p)[0]

    moved = _shape("optimizer", once, params)
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in (params, moved)]
    if str(jax.tree.structure(moved)) != str(jax.tree.structure(params)) or shapes[0] != shapes[1]:
        raise UsageError(
            "optimizer: expected updates of the parameters' shapes and types, got others. A transformation may not change "
            "them."
        )


def _shape(name: str, function: Any, *arguments: Any) -> Any:
    """Shape and type of what a person's function gives."""
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:
        raise UsageError(
            f"{name}: expected a pure JAX function, got {told(error)}. Call it by itself on small arrays to see where."
        ) from error


def _told(found: Any) -> str:
    shape = getattr(found, "shape", None)
    return type(found).__name__ if shape is None else f"shape {shape} of {found.dtype}"
