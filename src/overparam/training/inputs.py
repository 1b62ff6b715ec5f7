"""What must hold of examples, labels and members before a stack is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Shaped

from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_params, refuse_narrow
from overparam.models.network import Network
from overparam.models.passes import told
from overparam.models.state import join, split
from overparam.training.constants import effective
from overparam.training.member import Checkpoint, Member
from overparam.training.numbers import number, whole
from overparam.training.optimizers import direction
from overparam.training.recipe import Recipe

SUM = 1e-5  # float32 numbers that sum to 1 may miss it by their rounding, 6e-8 a class
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
    if recipe.stop_error is not None:
        raise UsageError(
            f"{name}: stop_error needs integer labels, got {values.dtype}. Use stop_loss for targets."
        )
    if recipe.loss == "cross_entropy":
        return _distributions(name, values, network)
    if callable(recipe.loss):
        return _single(name, values)
    if values.reshape(n, -1).shape[1] != network.outputs:
        raise DataError(f"{name}: expected {network.outputs} targets an example, got shape {values.shape}.")
    return _single(name, values)


def _distributions(name: str, values: np.ndarray, network: Network) -> Float32[np.ndarray, "n classes"]:
    """Soft labels: a distribution over the classes in every row."""
    if values.ndim != 2 or values.shape[1] != network.outputs:
        raise UsageError(
            f"{name}: loss 'cross_entropy' needs integer labels, or a distribution over the {network.outputs} classes in "
            f"every row, got {values.dtype} of shape {values.shape}. Use loss='squared' with stop_loss for targets."
        )
    off = np.abs(values.sum(axis=1, dtype=np.float64) - 1.0)
    if not (values >= 0).all() or not (off <= SUM).all():
        worst = int(np.argmax(np.where(np.isfinite(off), off, np.inf)))
        raise DataError(
            f"{name}: expected rows that are not negative and sum to 1, got a sum of {values[worst].sum():g} in row {worst}. "
            "Divide every row by its sum."
        )
    return _single(name, values)


def _real(name: str, values: Any) -> np.ndarray:
    """An array of real numbers of its own type."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected numbers in rows of one length, got something else.") from None
    refuse_narrow(array, name, f'{name.split()[0]}.astype("float32")')
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: expected real numbers, got {array.dtype}.")
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


def check_members(members: Any) -> None:
    """Raise unless members were given, with seeds and batches that can be used.

    Raises:
        UsageError: something else.
    """
    if not isinstance(members, Sequence) or not members or not all(isinstance(m, Member) for m in members):
        got = "none" if isinstance(members, Sequence) and not members else type(members).__name__
        raise UsageError(f"members: expected at least one Member(seed, y) in a list, got {got}.")
    for member in members:
        for name, seed in (("seed", member.seed), ("order", member.order)):
            fits = isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= seed < 1 << 32
            if not fits and not (name == "order" and seed is None):
                raise UsageError(f"{name}: expected a whole number from 0 to 4294967295, got {seed!r}.")
        if member.batch is not None:
            whole("batch of a member", member.batch, 1)


def alike(members: Sequence[Member], recipe: Recipe, n: int) -> list[list[int]]:
    """Numbers of the members whose training sets and minibatches have one size, in the order of their first.

    Args:
        members: the members.
        recipe: gives the batch of those that have none of their own.
        n: examples that members without their own share.
    """
    groups: dict[Any, list[int]] = {}
    for i, member in enumerate(members):
        size = (
            n if member.x is None else len(member.x),
            recipe.batch if member.batch is None else member.batch,
        )
        groups.setdefault(size, []).append(i)
    return list(groups.values())


def with_batch(recipe: Recipe, member: Member) -> Recipe:
    """The recipe with a member's own batch."""
    return recipe if member.batch in (None, recipe.batch) else replace(recipe, batch=member.batch)


def stacked_examples(
    members: Sequence[Member], x: Any, network: Network
) -> Float32[np.ndarray, "*members n features"]:
    """The training examples: shared, or one set a member where any member has its own.

    Args:
        members: the members, with training sets of one size.
        x: what members without their own share.
        network: the network.

    Raises:
        DataError: another shape.
    """
    if all(member.x is None for member in members):
        return examples("x", x, network)
    own = [
        examples("x" if m.x is None else f"x of member {i}", x if m.x is None else m.x, network)
        for i, m in enumerate(members)
    ]
    return np.stack(own)


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


def _check_optimizer(recipe: Recipe, params: Any) -> None:
    def once(p: Any) -> Any:
        rule = direction(recipe)
        return rule.update(p, rule.init(p), p)[0]

    moved = _shape("optimizer", once, params)
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in (params, moved)]
    if jax.tree.structure(moved) != jax.tree.structure(params) or shapes[0] != shapes[1]:
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
    for i, point in enumerate(start):
        check_params(network, point.params, f"start of member {i}", single=True, finite=False)
        if point.origin is not None:
            check_params(network, point.origin, f"origin of member {i}", single=True, finite=False)
    steps = {point.step for point in start}
    if len(steps) > 1 or not 0 <= min(steps) < recipe.steps:
        raise UsageError(
            f"start: expected checkpoints of one step from 0 to {recipe.steps - 1}, got {sorted(steps)}. "
            "Raise recipe.steps to go on, or train them as separate stacks."
        )
    return steps.pop()
