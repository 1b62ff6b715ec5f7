"""Members and minibatches in pieces: what a network with ``block`` asks for on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.training.evaluate import Examples, Targets, block_of
from overparam.training.losses import Loss


def each_member(network: Network, member: Callable[..., Any], *stacked: PyTree) -> Any:
    """Do the same for all members: as one batch, or one after another if the network has a block.

    Args:
        network: the network.
        member: function of one member's arguments.
        stacked: its arguments, with a leading axis ``members``.

    Returns:
        Its values, with a leading axis ``members``.
    """
    if block_of(network) is None:
        return jax.vmap(member)(*stacked)
    return lax.map(lambda own: member(*own), stacked)


def mean_gradient(network: Network, loss: Loss, params: PyTree, x: Examples, y: Targets) -> PyTree:
    """Gradient of the mean loss on a minibatch, summed over blocks if the network has one.

    Blocks are equal: the largest divisor of the batch that is at most ``network.block``.

    Args:
        network: the network.
        loss: the loss.
        params: the parameters of one member.
        x: the minibatch, shape ``(batch, inputs)``.
        y: its labels or targets.

    Returns:
        A pytree like the parameters, with None for what ``network.state`` holds constant.
    """
    trained, held = split(network.state, params)
    slope = jax.grad(lambda p, x, y: loss.mean(network.apply(join(p, held), x), y))
    size = block_size(x.shape[0], block_of(network))
    if size == x.shape[0]:
        return slope(trained, x, y)
    blocks = x.shape[0] // size
    pieces = tuple(a.reshape(blocks, size, *a.shape[1:]) for a in (x, y))

    def add(total: PyTree, block: tuple[AnyArray, ...]) -> tuple[PyTree, None]:
        return jax.tree.map(jnp.add, total, slope(trained, *block)), None

    total, _ = lax.scan(add, jax.tree.map(jnp.zeros_like, trained), pieces)
    return jax.tree.map(lambda g: g / blocks, total)


def block_size(batch: int, block: int | None) -> int:
    """The largest divisor of a batch that is at most ``block``.

    Args:
        batch: examples of a minibatch.
        block: most examples at a time, or None for all.

    Returns:
        Examples of a block.

    >>> block_size(128, 4), block_size(50, 4), block_size(7, None)
    (4, 2, 7)
    """
    if block is None or block >= batch:
        return batch
    return next(size for size in range(block, 0, -1) if batch % size == 0)
