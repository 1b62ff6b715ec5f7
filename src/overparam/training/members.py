"""What must hold of the members of a stack, and what they have of their own, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from overparam.core.errors import UsageError
from overparam.models.check import check_params
from overparam.models.network import Network
from overparam.training import inputs
from overparam.training.member import Checkpoint, Member
from overparam.training.numbers import number, whole
from overparam.training.recipe import Recipe


def check_members(members: Any) -> None:
    """Raise unless members were given, with seeds and batches that can be used.

    Raises:
        UsageError: something else.
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
    for i, member in enumerate(members):
        for name, seed in (("seed", member.seed), ("order", member.order)):
            fits = isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= seed < 1 << 32
            if not fits and not (name == "order" and seed is None):
                raise UsageError(f"{name}: expected a whole number from 0 to 4294967295, got {seed!r}.")
        if member.batch is not None:
            whole(f"batch of member {i}", member.batch, 1)
        if member.learning_rate is not None:
            number(f"learning_rate of member {i}", member.learning_rate, above=0.0, single=True)


def own_examples(members: Sequence[Member], network: Network) -> list[Float32[np.ndarray, "n features"] | None]:
    """The training examples of every member that has its own, and None for the others; one array for one that was given.

    Args:
        members: the members.
        network: the network.

    Raises:
        DataError: another shape.
    """
    seen: dict[int, Float32[np.ndarray, "n features"]] = {}
    for i, m in enumerate(members):
        if m.x is not None and id(m.x) not in seen:
            seen[id(m.x)] = inputs.examples(f"x of member {i}", m.x, network)
    return [None if m.x is None else seen[id(m.x)] for m in members]


def sharing(members: Sequence[Member], own_x: Sequence[Any]) -> int:
    """How many members next to each other share examples and the order of their minibatches: sets of one size.

    Args:
        members: the members.
        own_x: their own examples, as :func:`own_examples` gives them; members that gave one array have one here.

    Returns:
        Members of every set; 1 where sets differ in size.
    """
    same = [(id(x), m.seed if m.order is None else m.order) for m, x in zip(members, own_x, strict=True)]
    each = next((i for i, one in enumerate(same) if one != same[0]), len(same))
    sets = [same[at : at + each] for at in range(0, len(same), each)]
    return each if all(len(one) == each and len(set(one)) == 1 for one in sets) else 1


def alike(members: Sequence[Member], recipe: Recipe, sizes: Sequence[int]) -> list[list[int]]:
    """Numbers of the members whose training sets and minibatches have one size, in the order of their first.

    Args:
        members: the members.
        recipe: gives the batch of those that have none of their own.
        sizes: training examples of every member.
    """
    groups: dict[Any, list[int]] = {}
    for i, (member, n) in enumerate(zip(members, sizes, strict=True)):
        batch = recipe.batch if member.batch is None else member.batch
        if batch is not None and batch > n and recipe.stream is None:
            own = "batch" if member.batch is None else f"batch of member {i}"
            raise UsageError(
                f"{own}: expected at most the {n} training examples, got {batch}. Use a smaller batch, or batch=None for "
                "the full batch."
            )
        if batch is None and recipe.sampling != "epochs":
            raise UsageError(
                f"sampling: expected 'epochs' with the full batch, got '{recipe.sampling}' for member {i}. Give a batch; "
                f"batch={n} draws as many examples as there are."
            )
        groups.setdefault((n, batch), []).append(i)
    return list(groups.values())


def with_batch(recipe: Recipe, member: Member) -> Recipe:
    """The recipe with a member's own batch."""
    return recipe if member.batch in (None, recipe.batch) else replace(recipe, batch=member.batch)


def stacked_targets(
    members: Sequence[Member], n: int, network: Network, recipe: Recipe, numbers: Sequence[int] | None = None
) -> Shaped[np.ndarray, "members n ..."]:
    """Return the labels or targets of all members as one array.

    Args:
        members: the members.
        n: number of examples.
        network: the network.
        recipe: the recipe.
        numbers: their numbers among all members, for messages.

    Returns:
        Shape ``(members, n)`` or ``(members, n, outputs)``.

    Raises:
        UsageError: labels beside float targets.
        DataError: labels that do not fit.
    """
    called = range(len(members)) if numbers is None else numbers
    columns = [
        inputs.targets(f"y of member {i}", m.y, n, network, recipe)
        for i, m in zip(called, members, strict=True)
    ]
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
