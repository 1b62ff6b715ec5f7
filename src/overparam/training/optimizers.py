"""Optimizers: the direction of a step, as an optax transformation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optax

if TYPE_CHECKING:
    from overparam.training.recipe import Recipe

OPTIMIZERS = ("sgd", "adam", "gd")


def direction(recipe: Recipe) -> Any:
    """The optax transformation from gradients to the direction of a step; it does not see the learning rate.

    Args:
        recipe: the recipe.

    Returns:
        An ``optax.GradientTransformation``; parameters move by minus learning rate times its update.
    """
    parts = []
    if recipe.weight_decay:
        parts.append(optax.add_decayed_weights(recipe.weight_decay))
    if recipe.optimizer == "adam":
        parts.append(optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8))
    elif recipe.momentum:
        parts.append(optax.trace(recipe.momentum))
    return optax.chain(*parts) if parts else optax.identity()
