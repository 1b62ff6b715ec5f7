"""What must hold of examples, labels and members before a stack is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from overparam.core.checked import array_of
from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_kind, check_params
from overparam.models.network import Network
from overparam.training.member import Checkpoint, Member
from overparam.training.recipe import Recipe, number

_HINT = "Flatten images to rows, or build the network for these inputs."
_LOST = 1e-3  # rounding to float32, as a share of the spread of a column
_NOISE = 1e-12  # spread of a column, as a share of its size, that is rounding of float64
_ENTRIES = 1 << 22  # numbers looked at together


def examples(name: str, x: Any, network: Network) -> Float32[np.ndarray, "n features"]:
    """Return examples as float32 rows that fit the network.

    Args:
        name: name of the argument, for the message.
        x: shape ``(n, inputs)``.
        network: the network.

    Returns:
        float32 array of the same shape.

    Raises:
        DataError: another shape, no rows, no real numbers, missing or infinite ones, or numbers that float32 cannot tell
            apart.
        UsageError: a floating-point type of fewer than 32 bits.
    """
    given = _real(name, x)
    if given.ndim != 2 or given.shape[1] != network.inputs or given.shape[0] == 0:
        raise DataError(f"{name}: expected shape (n, {network.inputs}) with n >= 1, got {given.shape}. {_HINT}")
    return _single(name, given)


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
    values = _real(name, y)
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
    return _single(name, values)


def _real(name: str, values: Any) -> np.ndarray:
    """An array of real numbers of its own type."""
    array = array_of(values, name)
    check_kind(
        values if isinstance(values, np.ndarray) else array, name, f'{name.split()[0]}.astype("float32")'
    )
    return array


def _single(name: str, values: np.ndarray) -> np.ndarray:
    """The same numbers in float32, if they are finite and what tells them apart survives."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(f"{name}: expected finite numbers, got {bad} that are missing or infinite.")
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    if values.dtype.itemsize < 4 or single.dtype == values.dtype:
        return single
    if values.dtype.kind in "iu" and int(np.abs(values.astype(np.float64)).max(initial=0.0)) > 2**53:
        raise DataError(
            f"{name}: expected numbers that float32 can tell apart, got whole numbers beyond 2^53. Subtract their mean."
        )
    rows, narrow = values.reshape(len(values), -1), single.reshape(len(values), -1)
    many = max(1, _ENTRIES // len(rows))
    for at in range(0, rows.shape[1], many):
        columns = rows[:, at : at + many].astype(np.float64)
        lost = np.abs(narrow[:, at : at + many] - columns).max(axis=0)
        size = np.abs(columns).max(axis=0)
        spread = columns.max(axis=0) - columns.min(axis=0)
        spread = np.where(spread > _NOISE * size, spread, size)
        for i in np.flatnonzero(~(lost <= _LOST * spread))[:1]:
            raise DataError(
                f"{name}: column {at + i}, from {columns[:, i].min():.9g} to {columns[:, i].max():.9g}, loses what tells "
                "its numbers apart in float32, in which training is done. Subtract its mean and divide by its spread."
            )
    return single


def check_recipe(recipe: object) -> None:
    """Raise unless a recipe was given.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(recipe, Recipe):
        raise UsageError(f"recipe: expected Recipe(steps, learning_rate, ...), got {type(recipe).__name__}.")


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
    if isinstance(members, Sequence) and not members:
        raise UsageError("members: expected at least one member, got none.")
    if not isinstance(members, Sequence) or not all(isinstance(m, Member) for m in members):
        others = (
            [type(m).__name__ for m in members if not isinstance(m, Member)]
            if isinstance(members, Sequence)
            else []
        )
        got = f"a list with {others[0]}" if others else type(members).__name__
        raise UsageError(f"members: expected Member(seed, y) of every member in a list, got {got}.")
    for member in members:
        whole = isinstance(member.seed, int | np.integer) and not isinstance(member.seed, bool)
        if not (whole and 0 <= member.seed < 1 << 32):
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
        number("learning_rate", rate, above=0.0, single=True)
    return np.asarray(rates, np.float32)


def first_step(start: Sequence[Checkpoint], members: Sequence[Member], network: Network, recipe: Recipe) -> int:
    """Return the step at which all checkpoints of a start stand.

    Args:
        start: one checkpoint a member.
        members: the members.
        network: the network.
        recipe: the recipe.

    Returns:
        The step.

    Raises:
        UsageError: another number of checkpoints, several steps, a step that is not before the last, or the parameters
            of another network.
    """
    if not isinstance(start, Sequence) or not all(isinstance(point, Checkpoint) for point in start):
        raise UsageError(
            f"start: expected Checkpoint(params) of every member in a list, got {type(start).__name__}."
        )
    if len(start) != len(members):
        raise UsageError(f"start: expected {len(members)} checkpoints, one a member, got {len(start)}.")
    steps = {point.step for point in start}
    whole = all(isinstance(step, int | np.integer) and not isinstance(step, bool) for step in steps)
    if not whole or len(steps) > 1 or not 0 <= min(steps) < recipe.steps:
        raise UsageError(
            f"start: expected checkpoints of one step from 0 to {recipe.steps - 1}, got {sorted(steps, key=str)}. "
            "Raise recipe.steps to go on, or train them as separate stacks."
        )
    for i, point in enumerate(start):
        check_params(network, point.params, f"start of member {i}", single=True, finite=False)
        if point.origin is not None:
            check_params(network, point.origin, f"origin of member {i}", single=True, finite=False)
    return steps.pop()
