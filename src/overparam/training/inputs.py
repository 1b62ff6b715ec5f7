"""What must hold of examples, labels and members before a stack is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network
from overparam.training.member import Checkpoint, Member
from overparam.training.recipe import Recipe

_HINT = "Flatten images to rows, or build the network for these inputs."


def examples(name: str, x: Any, network: Network) -> Float32[np.ndarray, "n features"]:
    """Return examples as float32 rows that fit the network.

    Args:
        name: name of the argument, for the message.
        x: shape ``(n, inputs)``.
        network: the network.

    Returns:
        float32 array of the same shape.

    Raises:
        DataError: another shape, or no rows.
    """
    rows = np.asarray(x, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != network.inputs or rows.shape[0] == 0:
        raise DataError(f"{name}: expected shape (n, {network.inputs}) with n >= 1, got {rows.shape}. {_HINT}")
    return rows


def targets(name: str, y: Any, n: int, network: Network, recipe: Recipe) -> Shaped[np.ndarray, "n ..."]:
    """Return labels as int32, or float targets as float32, checked against network and loss.

    Args:
        name: name of the argument, for the message.
        y: integer labels ``(n,)``, or floats ``(n,)`` (one output) or ``(n, outputs)``.
        n: number of examples.
        network: the network.
        recipe: the recipe.

    Returns:
        int32 array of shape ``(n,)`` or float32 array of the shape given.

    Raises:
        DataError: another length or shape, or a label that is not an output.
        UsageError: float targets where the loss or the stopping rule needs labels.
    """
    values = np.asarray(y)
    if values.shape[:1] != (n,):
        raise DataError(f"{name}: expected {n} entries, one an example, got shape {values.shape}.")
    if np.issubdtype(values.dtype, np.integer):
        if values.ndim != 1 or values.min() < 0 or values.max() >= network.outputs or network.outputs < 2:
            raise DataError(
                f"{name}: expected labels from 0 to {network.outputs - 1} for {network.outputs} outputs, got "
                f"shape {values.shape} with values from {values.min()} to {values.max()}. "
                "Renumber the classes, or give float targets for regression."
            )
        return values.astype(np.int32)
    if recipe.loss == "cross_entropy" or recipe.stop_error is not None:
        need = "loss 'cross_entropy'" if recipe.loss == "cross_entropy" else "stop_error"
        raise UsageError(
            f"{name}: {need} needs integer labels, got {values.dtype}. "
            "Use loss='squared' with stop_loss for targets."
        )
    if values.reshape(n, -1).shape[1] != network.outputs:
        raise DataError(f"{name}: expected {network.outputs} targets an example, got shape {values.shape}.")
    return values.astype(np.float32)


def stacked_targets(
    members: Sequence[Member], n: int, network: Network, recipe: Recipe
) -> Shaped[np.ndarray, "members n ..."]:
    """Return the labels or targets of all members as one array.

    Args:
        members: the members.
        n: number of examples.
        network: the network.
        recipe: the recipe.

    Returns:
        Shape ``(members, n)`` or ``(members, n, outputs)``.

    Raises:
        UsageError: no members, a seed that cannot be used, or labels beside float targets.
        DataError: labels that do not fit.
    """
    if not members:
        raise UsageError("members: expected at least one member, got none.")
    for member in members:
        if not 0 <= member.seed < 1 << 32:
            raise UsageError(f"seed: expected a whole number from 0 to 4294967295, got {member.seed!r}.")
    columns = [targets(f"y of member {i}", m.y, n, network, recipe) for i, m in enumerate(members)]
    if len({(c.dtype, c.shape) for c in columns}) > 1:
        raise UsageError(
            "members: expected labels of one kind and shape in a stack, got several. Train two stacks."
        )
    return np.stack(columns)


def learning_rates(members: Sequence[Member], recipe: Recipe) -> Float32[np.ndarray, " members"]:
    """Return the learning rate of every member.

    Args:
        members: the members.
        recipe: gives the rate of those that have none of their own.

    Returns:
        float32, shape ``(members,)``.

    Raises:
        UsageError: a rate that is not a positive number.
    """
    rates = [recipe.learning_rate if m.learning_rate is None else m.learning_rate for m in members]
    for rate in rates:
        if not (np.isfinite(rate) and rate > 0):
            raise UsageError(f"learning_rate: expected a number above 0, got {rate!r}.")
    return np.asarray(rates, np.float32)


def first_step(start: Sequence[Checkpoint], members: Sequence[Member], recipe: Recipe) -> int:
    """Return the step at which all checkpoints of a start stand.

    Args:
        start: one checkpoint a member.
        members: the members.
        recipe: the recipe.

    Returns:
        The step.

    Raises:
        UsageError: another number of checkpoints, several steps, or a step that is not before the last.
    """
    if len(start) != len(members):
        raise UsageError(f"start: expected {len(members)} checkpoints, one a member, got {len(start)}.")
    steps = {point.step for point in start}
    if len(steps) > 1 or not 0 <= min(steps) < recipe.steps:
        raise UsageError(
            f"start: expected checkpoints of one step from 0 to {recipe.steps - 1}, got {sorted(steps)}. "
            "Raise recipe.steps to go on, or train them as separate stacks."
        )
    return steps.pop()
