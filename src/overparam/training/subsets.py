"""Stacked training where every member has training rows of its own, and their number may differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Int32, Integer
from numpy.typing import NDArray

from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_network
from overparam.models.network import Network, PyTree
from overparam.training import inputs
from overparam.training import members as stacks
from overparam.training.evaluate import Examples
from overparam.training.loop import advance, fresh_slots
from overparam.training.member import Member
from overparam.training.minibatches import SEGMENT
from overparam.training.orders import orders, steps_per_epoch
from overparam.training.recipe import Recipe
from overparam.training.start import first_params


def train_subsets(
    network: Network,
    recipe: Recipe,
    members: Sequence[Member],
    rows: Sequence[NDArray[np.integer]],
    x: NDArray[np.floating],
    *,
    progress: Callable[[float], None] | None = None,
) -> PyTree:
    """Parameters of a stack of members after ``recipe.steps`` steps, each trained on its own rows of ``x``.

    Members of different sample sizes share one compiled program, because a minibatch is a list of rows whatever
    the set it was drawn from. An epoch is a pass over a member's own rows; a member trained on all rows in their
    order equals one of :func:`overparam.training.train` with the same seed.

    Args:
        network: the network.
        recipe: how to train, with minibatches and no stopping rule.
        members: one entry a member; its labels are those of all rows of ``x``, shape ``(n,)``.
        rows: for each member the rows it trains on, whole numbers of shape ``(own n,)``.
        x: the examples that rows point into, shape ``(n, inputs)``.
        progress: called now and then with the fraction of steps done.

    Returns:
        Parameters with a leading axis ``members``.

    Raises:
        UsageError: a recipe without minibatches, with a stopping rule or with replacement, a batch larger than a member's
            rows, a member with constants of its own, or a network that keeps statistics of batches.
        DataError: rows that do not fit, or arrays that do not fit together or the network.

    >>> from overparam.models import linear
    >>> recipe = Recipe(steps=1, learning_rate=1.0, loss="squared", batch=1)
    >>> network = linear(2, 1, bias=False, init="zeros")
    >>> member = Member(0, np.array([1.0, 2.0]))
    >>> params = train_subsets(network, recipe, [member, member], [np.array([0]), np.array([1])], np.eye(2))
    >>> params["output"]["weight"][:, 0].tolist()  # each has seen one of the two examples
    [[1.0, 0.0], [0.0, 2.0]]
    """
    inputs.check_recipe(recipe)
    if recipe.batch is None or recipe.stop_error is not None or recipe.stop_loss is not None:
        raise UsageError(
            "recipe: training on subsets expected minibatches and no stopping rule, got "
            f"batch={recipe.batch}, stop_error={recipe.stop_error}, stop_loss={recipe.stop_loss}. Use train."
        )
    check_network(network)
    stacks.check_members(members)
    _check_plain(network, recipe, members)
    examples = inputs.examples("x", x, network)
    own = _checked_rows(rows, len(members), len(examples))
    y = jnp.asarray(stacks.stacked_targets(members, len(examples), network, recipe))
    rates = jnp.asarray(stacks.learning_rates(members, recipe))
    params = first_params(network, members, examples)
    # Only a cosine asks how long the run is: without it runs of any length share one compiled program.
    program = recipe if recipe.schedule == "cosine" else replace(recipe, steps=1)
    slots = fresh_slots(params, network=network, recipe=program)
    shared, seeds = jnp.asarray(examples), jnp.asarray([_order(m) for m in members], jnp.uint32)
    for first in range(0, recipe.steps, SEGMENT):
        last = min(first + SEGMENT, recipe.steps)
        batches = np.zeros((len(members), SEGMENT, recipe.batch), own[0].dtype)
        for slot, member, mine in zip(batches, members, own, strict=True):
            slot[: last - first] = _minibatches(_order(member), mine, first, last, recipe.batch)
        params, slots = advance(
            params, slots, rates, seeds, {}, y, shared, jnp.asarray(batches), first, first, last,
            network=network, recipe=program,
        )  # fmt: skip
        if progress is not None:
            jax.block_until_ready(params)
            progress(last / recipe.steps)
    return params


@partial(jax.jit, static_argnames=("network",))
def predictions(
    params: PyTree, x: Examples, *, network: Network
) -> tuple[Int32[Array, "members n"], Bool[Array, " members"]]:
    """The class that every member of a stack gives every example, one member at a time.

    Args:
        params: parameters with a leading axis ``members``.
        x: examples, shape ``(n, inputs)``.
        network: the network.

    Returns:
        The index of the largest output (the first of equals), shape ``(members, n)``, and whether all outputs
        of a member are finite, shape ``(members,)``: if not, it has diverged and its classes mean nothing.
    """

    def member(own: PyTree) -> tuple[Array, Array]:
        outputs = network.apply(own, x)
        return jnp.argmax(outputs, axis=1).astype(jnp.int32), jnp.isfinite(outputs).all()

    return lax.map(member, params)


def _check_plain(network: Network, recipe: Recipe, members: Sequence[Member]) -> None:
    """Raise where training on subsets would leave something out that a member, recipe or network asks for."""
    if recipe.sampling != "epochs" or recipe.stream is not None or network.moments is not None:
        way = f"sampling='{recipe.sampling}'" if recipe.stream is None else "a stream"
        got = f"'{network.name}'" if network.moments is not None else way
        raise UsageError(
            f"training on subsets: expected sampling='epochs' and a network without statistics of batches, got {got}. "
            "Use train with Member(..., x=...)."
        )
    for i, member in enumerate(members):
        named = ("x", "batch", "mask", "trained", "offset", "state")
        own = next((name for name in named if getattr(member, name) is not None), None)
        if own:
            raise UsageError(
                f"training on subsets: expected members with labels, seed, order and learning rate alone, got {own} of "
                f"member {i}. Use train with Member(..., x=...)."
            )


def _order(member: Member) -> int:
    return member.seed if member.order is None else member.order


def _minibatches(
    seed: int, own: Integer[np.ndarray, " n"], first: int, last: int, batch: int
) -> Integer[np.ndarray, "steps batch"]:
    """The minibatches of the steps from ``first`` to ``last`` (excluded), as rows of the shared examples."""
    epoch = steps_per_epoch(len(own), batch)
    epochs = range(first // epoch, (last - 1) // epoch + 1)
    start = first - epochs.start * epoch
    order = orders([seed], epochs, len(own), batch)[0, start : start + last - first]
    return own[order]


def _checked_rows(rows: Sequence[NDArray[np.integer]], members: int, n: int) -> list[NDArray[np.integer]]:
    if len(rows) != members:
        raise DataError(f"rows: expected {members} lists of rows, one a member, got {len(rows)}.")
    kind = np.uint16 if n <= 1 << 16 else np.int32
    checked: list[NDArray[np.integer]] = []
    for i, given in enumerate(rows):
        own = np.asarray(given)
        if own.ndim != 1 or own.dtype.kind not in "iu" or own.size == 0 or own.min() < 0 or own.max() >= n:
            raise DataError(
                f"rows of member {i}: expected whole numbers from 0 to {n - 1} of shape (own n,), got "
                f"{own.dtype} of shape {own.shape}. Give positions in x."
            )
        checked.append(np.asarray(own, dtype=kind))
    return checked
