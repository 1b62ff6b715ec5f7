"""The compiled part of training: a stack of members advanced by some steps, and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Integer, PRNGKeyArray, Shaped, UInt32

from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.training.blocks import each_in_sets, each_member, mean_gradient
from overparam.training.constants import Constants, constrained, moved, moving, resting
from overparam.training.evaluate import Examples, Targets, fit
from overparam.training.losses import Loss, loss
from overparam.training.recipe import Recipe
from overparam.training.statistics import refreshed
from overparam.training.streams import draw
from overparam.training.update import direction, rate_factors, schedule_factor

_STREAM = 0x57E9  # keeps these keys apart from other uses of the same seed
Measured = Mapping[str, Shaped[Array, "..."]]
TestExamples = Float[AnyArray, "n_test features"]
TestTargets = Shaped[AnyArray, "n_test ..."]
ProbeFunction = Callable[
    [Network, Loss, PyTree, PyTree, Examples, Targets, TestExamples, TestTargets], Measured
]
Probes = tuple[tuple[str, ProbeFunction], ...]


@partial(jax.jit, static_argnames=("network",))
def fresh_params(seeds: UInt32[Array, " members"], *, network: Network) -> PyTree:
    """Initial parameters ``init(key(seed))`` of every member.

    Args:
        seeds: uint32, shape ``(members,)``.
        network: the network.

    Returns:
        Parameters with a leading axis ``members``.
    """
    return jax.vmap(lambda seed: network.init(jax.random.key(seed)))(seeds)


@partial(jax.jit, static_argnames=("network", "recipe"))
def fresh_slots(params: PyTree, own: Constants, *, network: Network, recipe: Recipe) -> PyTree:
    """Initial optimizer state of every member; what the network holds constant has none, what does not move has 0.

    Args:
        params: parameters with a leading axis ``members``.
        own: the members' constants.
        network: the network.
        recipe: the recipe.

    Returns:
        The optax state with a leading axis ``members``.
    """
    rule = direction(recipe)

    def member(params: PyTree, own: Constants) -> PyTree:
        return resting(own, rule.init(moving(own, split(network.state, params)[0])))

    return jax.vmap(member)(params, own)


@partial(jax.jit, static_argnames=("network", "recipe", "one_by_one"))
def advance(
    params: PyTree,
    slots: PyTree,
    rates: Float[Array, " members"],
    orders: UInt32[Array, " streams"],
    own: Constants,
    y: Shaped[Array, "members n ..."],
    x: Shaped[Array, "*sets n features"],
    rows: Integer[Array, "streams steps batch"] | None,
    base: Any,
    first: Any,
    last: Any,
    *,
    network: Network,
    recipe: Recipe,
    one_by_one: bool = False,
) -> tuple[PyTree, PyTree]:
    """Take the steps from ``first`` (included) to ``last`` (excluded); all three step numbers may vary freely.

    Args:
        params: parameters, leading axis ``members``.
        slots: optimizer state, leading axis ``members``.
        rates: learning rates, shape ``(members,)``.
        orders: seeds of what is random in a step, shape ``(sets,)``, or ``(1,)`` if all members have the same.
        own: the members' constants.
        y: labels or targets, shape ``(members, n)`` or ``(members, n, outputs)``.
        x: examples, shape ``(n, inputs)`` if shared, else ``(sets, n, inputs)``: as many sets as members, or fewer, of
            equal size, whose members stand next to each other and share examples and minibatches.
        rows: minibatch rows, shape ``(sets, capacity, batch)``, or ``(1, capacity, batch)`` if all members see the
            same; None for the full batch.
        base: step of the buffer's first entry.
        first: first step.
        last: end, excluded.
        network: the network.
        recipe: the recipe.
        one_by_one: whether members come one after another.

    Returns:
        Parameters and optimizer state; what ``network.state`` holds constant as it was.
    """
    rule, criterion = direction(recipe), loss(recipe.loss, recipe.smoothing)
    own_rule = not isinstance(recipe.optimizer, str)  # it may put noise where the gradient is 0
    draws = network.training is not None or recipe.augment is not None or recipe.stream is not None
    shared_x, shared_order = x.ndim == 2, orders.shape[0] == 1
    stacked = {
        "x": None if shared_x else x,
        "rows": None if shared_order else rows,
        "order": None if shared_order else orders,
    }

    def member(
        params: PyTree, slots: PyTree, rate: Any, own: Constants, y: Targets, arrays: PyTree
    ) -> tuple[PyTree, PyTree]:
        trained, held = split(network.state, params)
        factors = rate_factors(recipe, trained)
        # Masked weights start at 0 and do not move, so the passes need not multiply by the mask again.
        seen = constrained(network, {name: one for name, one in own.items() if name == "offset"})
        examples = x if shared_x else arrays["x"]
        order = orders[0] if shared_order else arrays["order"]
        listed = (None if rows is None else rows[0]) if shared_order else arrays["rows"]

        def step(t: Int[Array, ""], state: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            trained, slots = state
            batch_x, batch_y = examples, y
            if listed is not None:
                chosen = lax.dynamic_index_in_dim(listed, t - base, keepdims=False)
                batch_x, batch_y = examples[chosen], y[chosen]
            key = step_key(order, t) if draws else None
            if recipe.stream is not None:
                key, other = jax.random.split(key)  # type: ignore[arg-type]
                batch_x, batch_y = draw(recipe.stream, other, recipe.batch, held)  # type: ignore[arg-type]
            if recipe.augment is not None:
                key, other = jax.random.split(key)  # type: ignore[arg-type]
                batch_x = recipe.augment(other, batch_x)
            gradient = mean_gradient(seen, criterion, join(trained, held), batch_x, batch_y, key)
            move, slots = rule.update(moving(own, gradient), slots, moving(own, trained))
            slots = resting(own, slots) if own_rule else slots
            size = rate if recipe.schedule == "constant" else rate * schedule_factor(recipe, t)
            new = jax.tree.map(
                lambda p, m, f: p - (size if f == 1.0 else f * size) * m if f else p, trained, move, factors
            )
            return moved(own, new, trained), slots

        trained, slots = lax.fori_loop(first, last, step, (trained, slots))
        return join(trained, held), slots

    if shared_x and shared_order:
        return each_member(network, member, params, slots, rates, own, y, stacked, one_by_one=one_by_one)
    return each_in_sets(network, member, stacked, params, slots, rates, own, y, one_by_one=one_by_one)


def step_key(order: Any, step: Any) -> PRNGKeyArray:
    """The key of what is random in a step: a function of the member's order and the step alone.

    Args:
        order: seed of a member's order.
        step: the step, counted from 0.
    """
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(order), _STREAM), step)


@partial(jax.jit, static_argnames=("network", "criterion", "probes", "batch", "one_by_one"))
def measure(
    params: PyTree,
    origin: PyTree,
    own: Constants,
    y: Shaped[Array, "members n ..."],
    x: Shaped[Array, "*sets n features"],
    x_test: TestExamples,
    y_test: TestTargets,
    *,
    network: Network,
    criterion: Loss,
    probes: Probes,
    batch: int | None = None,
    one_by_one: bool = False,
) -> tuple[PyTree, Mapping[str, Shaped[Array, "members ..."]]]:
    """Training loss and error of every member, and what the probes find.

    Args:
        params: parameters, leading axis ``members``.
        origin: parameters at initialisation, leading axis ``members``.
        own: the members' constants.
        y: labels or targets, leading axis ``members``.
        x: training examples, shape ``(n, inputs)``, or ``(sets, n, inputs)`` as for :func:`advance`.
        x_test: test examples, shape ``(n_test, inputs)``.
        y_test: test labels or targets, shape ``(n_test, ...)``.
        network: the network.
        criterion: the loss.
        probes: pairs of name and function.
        batch: examples that normalise together, for a network that keeps statistics.
        one_by_one: whether members come one after another.

    Returns:
        The parameters, with the statistics of the training set where the network keeps some, and arrays of shape
        ``(members, ...)`` by name.
    """
    shared = x.ndim == 2

    def member(
        params: PyTree, origin: PyTree, own: Constants, y: Targets, mine: Any
    ) -> tuple[PyTree, Measured]:
        seen, examples = constrained(network, own), x if shared else mine
        params = refreshed(seen, params, examples, batch=batch)
        values: dict[str, Array] = {}
        for _, probe in probes:
            values.update(probe(seen, criterion, params, origin, examples, y, x_test, y_test))
        if "train_loss" not in values:
            mean, error = fit(seen, criterion, params, examples, y)
            values["train_loss"] = mean
            if error is not None:
                values["train_error"] = error
        return params, {name: jnp.asarray(value) for name, value in values.items()}

    if shared:
        return each_member(network, member, params, origin, own, y, None, one_by_one=one_by_one)
    return each_in_sets(network, member, x, params, origin, own, y, one_by_one=one_by_one)
