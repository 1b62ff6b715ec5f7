"""What a person's own loss, stream and augmentation give at the start: finite numbers, and labels that there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network
from overparam.models.state import split
from overparam.training import inputs
from overparam.training.constants import constrained
from overparam.training.losses import EachLoss
from overparam.training.recipe import Recipe
from overparam.training.streams import draw

_ROWS = 512  # examples a member that are looked at
_APART = 1e-3  # relative change of a row's loss that is no rounding


def check_start(
    network: Network, recipe: Recipe, params: Any, x: Any, y: Any, own: Any, numbers: Sequence[int]
) -> None:
    """Raise if a person's own loss, stream or augmentation cannot be used at the start; nothing is trained.

    Args:
        network: the network.
        recipe: how to train.
        params: parameters, leading axis ``members``.
        x: examples, shape ``(n, inputs)`` or ``(sets, n, inputs)``.
        y: labels or targets, leading axis ``members``.
        own: the members' constants.
        numbers: the members' numbers among all, for messages.

    Raises:
        DataError: a loss or its slope that is not finite where the outputs are, or a minibatch that is not finite or has
            labels beyond the outputs.
        UsageError: a loss of a row that changes with other rows.
    """
    _check_drawn(network, recipe, x if x.ndim == 2 else x[0], params)
    if not callable(recipe.loss):
        return
    _check_rows(recipe.loss, network.outputs, y[0])
    some = x[..., :_ROWS, :]
    if some.ndim > 2:
        some = jnp.repeat(some, len(y) // len(some), axis=0)
    losses, slopes = _odd(params, some, y[:, :_ROWS], own, network=network, each=recipe.loss)
    for what, counts in (("numbers", losses), ("slopes", slopes)):
        for i, bad in zip(numbers, np.asarray(counts), strict=True):
            if bad:
                raise DataError(
                    f"loss: expected finite {what} at the start, got {bad} of {some.shape[-2]} that are not for member {i}. "
                    "Keep its logarithms and roots away from 0."
                )


@partial(jax.jit, static_argnames=("network", "each"))
def _odd(params: Any, x: Any, y: Any, own: Any, *, network: Network, each: EachLoss) -> Any:
    """How many losses and slopes in the outputs are not finite, of rows whose outputs are; shape ``(members,)`` each."""

    def member(stacked: Any) -> Any:
        mine, targets, constants, rows = stacked
        outputs = constrained(network, constants).apply(mine, x if rows is None else rows)
        losses, back = jax.vjp(lambda f: each(f, targets), outputs)
        slopes = back(jnp.ones_like(losses))[0]
        fine = jnp.isfinite(outputs).all(axis=1)
        odd = (~jnp.isfinite(losses), ~jnp.isfinite(slopes).all(axis=1))
        return tuple(jnp.sum(fine & one) for one in odd)

    return jax.lax.map(member, (params, y, own, None if x.ndim == 2 else x))


def _check_drawn(network: Network, recipe: Recipe, x: Any, params: Any) -> None:
    """One minibatch of a stream, and one augmentation."""
    rows = x[: recipe.batch]
    if recipe.stream is not None:
        held = split(network.state, jax.tree.map(lambda leaf: leaf[0], params))[1]
        rows, labels = draw(recipe.stream, jax.random.key(0), recipe.batch or len(rows), held)
        inputs.examples("x of the stream", np.asarray(rows), network)
        inputs.targets("y of the stream", np.asarray(labels), len(rows), network, recipe)
    if recipe.augment is not None:
        bad = int((~np.isfinite(np.asarray(recipe.augment(jax.random.key(0), rows)))).sum())
        if bad:
            raise DataError(
                f"augment: expected finite inputs back, got {bad} numbers that are missing or infinite."
            )


def _check_rows(each: EachLoss, outputs: int, y: Any) -> None:
    """Three rows beside different others: the loss of a row is its own."""
    random = np.random.default_rng(0)
    f = random.standard_normal((4, outputs)).astype(np.float32)
    targets = np.asarray(y)[np.arange(4) % len(y)]
    one, other = (
        np.asarray(each(jnp.asarray(f[rows]), jnp.asarray(targets[rows]))) for rows in ([0, 1, 2], [3, 2, 0])
    )
    gap, size = abs(float(one[0]) - float(other[2])), max(abs(float(one[0])), abs(float(other[2])))
    if np.isfinite(gap) and gap > _APART * max(size, 1e-6):
        raise UsageError(
            "loss: expected the number of an example to depend on its own outputs and target alone, got another one beside "
            f"other examples ({one[0]:g} and {other[2]:g}). Leave means over the batch to training."
        )
