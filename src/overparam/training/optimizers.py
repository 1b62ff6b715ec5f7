"""Optimizers: the direction of a step, as an optax transformation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optax

from overparam.core.errors import UsageError, unknown

if TYPE_CHECKING:
    from overparam.training.recipe import Recipe

OPTIMIZERS = ("sgd", "adam", "gd")


def transformation(optimizer: Any) -> optax.GradientTransformation | None:
    """The transformation that a person gives as optimizer, or None for a name.

    Raises:
        UsageError: an unknown name, or something else.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise unknown(
                "optimizer", optimizer, OPTIMIZERS, "Or give an optax transformation, as optax.adamw(1e-3)."
            )
        return None
    if not isinstance(optimizer, optax.GradientTransformation):
        raise UsageError(
            f"optimizer: expected a name or an optax transformation, got {type(optimizer).__name__}. Call it: "
            "optax.sgd(0.1), not optax.sgd."
        )
    return optimizer


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
