"""Optimizers by name, and those of a person's own."""

from __future__ import annotations

from typing import Any

import optax

from overparam.core.errors import UsageError, unknown

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
