"""Stacked training: members of one shape trained as one array program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.models.check import check_network
from overparam.models.network import Network
from overparam.training import inputs
from overparam.training import members as stacks
from overparam.training.choice import one_by_one
from overparam.training.group import Group, Task
from overparam.training.loop import ProbeFunction
from overparam.training.member import Checkpoint, Member, Trained
from overparam.training.recipe import Recipe
from overparam.training.record import Keep, checked_keep


def train(
    network: Network,
    recipe: Recipe,
    members: Sequence[Member],
    x: NDArray[np.floating],
    x_test: NDArray[np.floating],
    y_test: NDArray[np.generic],
    *,
    probes: Mapping[str, ProbeFunction] | None = None,
    progress: Callable[[float], None] | None = None,
    keep_params: bool = False,
    start: Sequence[Checkpoint] | None = None,
    keep: Mapping[str, Keep] | None = None,
    form: str = "auto",
) -> tuple[Trained, ...]:
    """Train a stack of members, each with its own labels, seed, learning rate, and what else a member may have.

    One compiled program serves the whole run; members with minibatches or training sets of another size go into a
    stack of their own. Everything is checked, and the start of all members measured, before any step is taken. A
    member's run depends on what is its own alone, up to rounding (about 1e-6) between stacks of different size; a run
    that is split with ``start`` equals the whole one bit for bit.

    A member whose training loss is not finite at a probe time has diverged: it is recorded, nothing is raised,
    and the others are untouched. A member that meets ``recipe.stop_error`` or ``recipe.stop_loss`` at a probe
    time is frozen there; the run ends when all have stopped or diverged.

    Args:
        network: the network.
        recipe: how to train.
        members: one entry a member.
        x: training examples, shape ``(n, inputs)``.
        x_test: test examples, shape ``(n_test, inputs)``; only probes see them.
        y_test: test labels or targets, of the kind of the members'.
        probes: what to measure at the probe times besides training loss and error, usually
            ``overparam.probes.standard()``. A probe gives numbers or arrays by name.
        progress: called now and then with the fraction of steps done, from 0 to 1.
        keep_params: whether to return every member's checkpoint.
        start: one checkpoint a member, all of one step; None starts from ``network.init(key(seed))``.
        keep: further checkpoints by name, at a step or where a measured number falls to a level.
        form: ``stack`` trains all members as one batch of arrays, ``map`` one after another, ``auto`` takes the one
            that was measured to be faster (:func:`overparam.training.choice.one_by_one`); they differ by rounding.

    Returns:
        One :class:`~overparam.training.member.Trained` a member, in their order.

    Raises:
        DataError: arrays that do not fit together or the network, or a loss that is not finite at the start.
        UsageError: a batch larger than the training set, a negative seed, labels that the loss cannot take, a loss,
            schedule or optimizer of one's own that cannot be used, checkpoints that do not fit, a probe that gives no
            numbers, or a network whose outputs depend on other rows.

    >>> from overparam.models import linear
    >>> x = np.eye(2, dtype=np.float32)
    >>> recipe = Recipe(steps=3, learning_rate=1.0, optimizer="gd", loss="squared", probes=2)
    >>> network = linear(2, 1, bias=False, init="zeros")
    >>> (run,) = train(network, recipe, [Member(0, np.array([1.0, 2.0]))], x, x, np.zeros(2), keep_params=True)
    >>> run.params["output"]["weight"].tolist()  # 1 - (1 - 1/2)^3 = 7/8 of the targets
    [[0.875, 1.75]]
    """
    check_network(network)
    inputs.check_recipe(recipe)
    stacks.check_members(members)
    if start is not None:
        stacks.first_step(start, members, network, recipe)
    own_x = stacks.own_examples(members, network)
    shared = inputs.examples("x", x, network) if any(one is None for one in own_x) else None
    tested = jnp.asarray(inputs.examples("x_test", x_test, network))
    task = Task(
        network, recipe, None if shared is None else jnp.asarray(shared), tested, y_test, probes, checked_keep(keep),
        keep_params, one_by_one(network, form),
    )  # fmt: skip
    n = 0 if shared is None else len(shared)
    numbers = stacks.alike(members, recipe, [n if one is None else len(one) for one in own_x])
    groups = [
        Group(
            task, [members[i] for i in some], [own_x[i] for i in some],
            None if start is None else [start[i] for i in some], some,
        )
        for some in numbers
    ]  # fmt: skip
    told = progress or (lambda fraction: None)
    found: dict[int, Trained] = {}
    for at, some in enumerate(numbers):
        runs = groups.pop(0).run(partial(_part, told, at, len(numbers)))
        found.update(zip(some, runs, strict=True))
    return tuple(found[i] for i in range(len(members)))


def _part(told: Callable[[float], None], at: int, many: int, fraction: float) -> None:
    told((at + fraction) / many)
