"""Stacked training: members of one shape trained as one array program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.models.check import check_network
from overparam.models.network import Network
from overparam.training import inputs
from overparam.training import members as stacks
from overparam.training.choice import one_by_one
from overparam.training.constants import stacked_constants
from overparam.training.loop import ProbeFunction, advance, measure
from overparam.training.losses import loss
from overparam.training.measures import check_probes
from overparam.training.member import Checkpoint, Member, Trained
from overparam.training.minibatches import Feed
from overparam.training.recipe import Recipe
from overparam.training.record import Keep, Record, due_times
from overparam.training.start import begin, take
from overparam.training.trial import check_step


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
    stack of their own. A member's run depends on what is its own alone, up to rounding (about 1e-6) between stacks of
    different size; a run that is split with ``start`` equals the whole one bit for bit.

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
    if any(member.x is None for member in members):
        x = inputs.examples("x", x, network)
    told = progress or (lambda fraction: None)
    groups = stacks.alike(members, recipe, x)
    found: dict[int, Trained] = {}
    for at, group in enumerate(groups):
        own = [members[i] for i in group]
        runs = _train(
            network,
            stacks.with_batch(recipe, own[0]),
            own,
            (x, x_test, y_test),
            probes,
            partial(_part, told, at, len(groups)),
            keep_params,
            None if start is None else [start[i] for i in group],
            dict(keep or {}),
            form,
        )
        found.update(zip(group, runs, strict=True))
    return tuple(found[i] for i in range(len(members)))


def _part(told: Callable[[float], None], at: int, many: int, fraction: float) -> None:
    told((at + fraction) / many)


def _train(
    network: Network, recipe: Recipe, members: Sequence[Member], arrays: tuple[Any, Any, Any], probes: Any,
    progress: Callable[[float], None], keep_params: bool, start: Sequence[Checkpoint] | None, keep: dict[str, Keep],
    form: str,
) -> tuple[Trained, ...]:  # fmt: skip
    """Train members with minibatches and training sets of one size."""
    x, x_test = (
        stacks.stacked_examples(members, arrays[0], network),
        inputs.examples("x_test", arrays[1], network),
    )
    n = x.shape[-2]
    y = jnp.asarray(stacks.stacked_targets(members, n, network, recipe))
    y_test = inputs.targets("y_test", arrays[2], len(x_test), network, recipe)
    rates = jnp.asarray(stacks.learning_rates(members, recipe))
    seeds = [m.seed if m.order is None else m.order for m in members]
    orders = jnp.asarray(seeds if len(set(seeds)) > 1 else seeds[:1], jnp.uint32)
    step = 0 if start is None else start[0].step
    feed = Feed(seeds, n, None if recipe.stream else recipe.batch, step, recipe.steps, recipe.sampling)
    first = x if x.ndim == 2 else x[0]
    named = check_probes(network, recipe, probes, (first, y[0], x_test, y_test))
    own = stacked_constants(network, members)
    params, slots, origin = begin(network, recipe, members, start, first, own)
    shared, test = jnp.asarray(x), (jnp.asarray(x_test), jnp.asarray(y_test))
    check_step(network, recipe, params, shared, y, own)
    how = {"network": network, "one_by_one": one_by_one(network, form)}
    times = due_times(recipe, keep, step)
    record, begun = Record(members, recipe, times, keep), step
    criterion = loss(recipe.loss, recipe.smoothing)
    for time in times:
        while step < time:
            rows, base, end = feed.segment(step, time)
            params, slots = advance(
                params, slots, rates, orders, own, y, shared, rows, base, step, end, recipe=recipe, **how
            )
            step = end
            jax.block_until_ready(params)
            progress((step - begun) / (recipe.steps - begun))
        params, values = measure(
            params, origin, own, y, shared, *test, criterion=criterion, probes=named, batch=recipe.batch, **how
        )  # fmt: skip
        found = {name: np.asarray(value, np.float64) for name, value in values.items()}
        ended = record.add(found)
        for name, due in record.to_keep(found, time).items():
            for i, point in take(due, params, slots, origin, step).items():
                record.kept[i][name] = point
        if keep_params:
            last = record.all_ended or time == times[-1]
            wanted = [i for i in range(len(members)) if i not in record.ends] if last else ended
            record.ends.update(take(wanted, params, slots, origin, step))
        if record.all_ended:
            break
    progress(1.0)
    return record.trained()
