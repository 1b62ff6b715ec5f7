"""The compiled part of training: a stack of members advanced by some steps, and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Integer, Shaped, UInt32

from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.training.blocks import each_member, mean_gradient
from overparam.training.evaluate import Examples, Targets, fit
from overparam.training.losses import Loss, loss
from overparam.training.recipe import Recipe, direction, schedule_factor

Measured = Mapping[str, Shaped[Array, ""]]
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
def fresh_slots(params: PyTree, *, network: Network, recipe: Recipe) -> PyTree:
    """Initial optimizer state of every member; what the network holds constant has none.

    Args:
        params: parameters with a leading axis ``members``.
        network: the network.
        recipe: the recipe.

    Returns:
        The optax state with a leading axis ``members``.
    """
    return jax.vmap(direction(recipe).init)(split(network.state, params)[0])


@partial(jax.jit, static_argnames=("network", "recipe"))
def advance(
    params: PyTree,
    slots: PyTree,
    rates: Float[Array, " members"],
    y: Shaped[Array, "members n ..."],
    x: Examples,
    rows: Integer[Array, "members steps batch"] | None,
    base: Any,
    first: Any,
    last: Any,
    *,
    network: Network,
    recipe: Recipe,
) -> tuple[PyTree, PyTree]:
    """Take the steps from ``first`` (included) to ``last`` (excluded); all three step numbers may vary freely.

    Args:
        params: parameters, leading axis ``members``.
        slots: optimizer state, leading axis ``members``.
        rates: learning rates, shape ``(members,)``.
        y: labels or targets, shape ``(members, n)`` or ``(members, n, outputs)``.
        x: examples, shape ``(n, inputs)``, shared.
        rows: minibatch rows, shape ``(members, capacity, batch)``; None for the full batch.
        base: step of the buffer's first entry.
        first: first step.
        last: end, excluded.
        network: the network.
        recipe: the recipe.

    Returns:
        Parameters and optimizer state; what ``network.state`` holds constant as it was.
    """
    rule = direction(recipe)
    criterion = loss(recipe.loss)

    def member(
        params: PyTree,
        slots: PyTree,
        rate: Float[Array, ""],
        y: Targets,
        rows: Integer[Array, "steps batch"] | None,
    ) -> tuple[PyTree, PyTree]:
        trained, held = split(network.state, params)

        def step(t: Int[Array, ""], state: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            trained, slots = state
            batch_x, batch_y = x, y
            if rows is not None:
                chosen = lax.dynamic_index_in_dim(rows, t - base, keepdims=False)
                batch_x, batch_y = x[chosen], y[chosen]
            gradient = mean_gradient(network, criterion, join(trained, held), batch_x, batch_y)
            move, slots = rule.update(gradient, slots, trained)
            size = rate if recipe.schedule == "constant" else rate * schedule_factor(recipe, t)
            return jax.tree.map(lambda p, m: p - size * m, trained, move), slots

        trained, slots = lax.fori_loop(first, last, step, (trained, slots))
        return join(trained, held), slots

    return each_member(network, member, params, slots, rates, y, rows)


@partial(jax.jit, static_argnames=("network", "criterion", "probes"))
def measure(
    params: PyTree,
    origin: PyTree,
    y: Shaped[Array, "members n ..."],
    x: Examples,
    x_test: TestExamples,
    y_test: TestTargets,
    *,
    network: Network,
    criterion: Loss,
    probes: Probes,
) -> Mapping[str, Shaped[Array, " members"]]:
    """Training loss and error of every member, and what the probes find.

    Args:
        params: parameters, leading axis ``members``.
        origin: parameters at initialisation, leading axis ``members``.
        y: labels or targets, leading axis ``members``.
        x: training examples, shape ``(n, inputs)``.
        x_test: test examples, shape ``(n_test, inputs)``.
        y_test: test labels or targets, shape ``(n_test, ...)``.
        network: the network.
        criterion: the loss.
        probes: pairs of name and function.

    Returns:
        Arrays of shape ``(members,)`` by name.
    """

    def member(params: PyTree, origin: PyTree, y: Targets) -> Measured:
        values: dict[str, Array] = {}
        for _, probe in probes:
            values.update(probe(network, criterion, params, origin, x, y, x_test, y_test))
        if "train_loss" not in values:
            mean, error = fit(network, criterion, params, x, y)
            values["train_loss"] = mean
            if error is not None:
                values["train_error"] = error
        return {name: jnp.asarray(value) for name, value in values.items()}

    return each_member(network, member, params, origin, y)
