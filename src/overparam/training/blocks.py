"""Members and minibatches in pieces: what a network with ``block`` asks for on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import PRNGKeyArray

from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.training.evaluate import Examples, Targets, block_of
from overparam.training.losses import Loss


def each_member(
    network: Network, member: Callable[..., Any], *stacked: PyTree, one_by_one: bool = False
) -> Any:
    """Do the same for all members: as one batch, or one after another.

    Args:
        network: the network; one with a block has its members one after another on a CPU.
        member: function of one member's arguments.
        stacked: its arguments, with a leading axis ``members``.
        one_by_one: whether they come one after another in any case, which is faster for wide layers.

    Returns:
        Its values, with a leading axis ``members``.
    """
    if block_of(network) is None and not one_by_one:
        return jax.vmap(member)(*stacked)
    return lax.map(lambda own: member(*own), stacked)


def each_in_sets(
    network: Network, member: Callable[..., Any], shared: PyTree, *stacked: PyTree, one_by_one: bool = False
) -> Any:
    """The same for members in sets that share arrays: members of one set stand next to each other.

    What multiplies a shared array then is one large product a set, in place of a small one a member: with examples that
    are shared, the first layer of all its members, and the gradient of that layer.

    Args:
        network: as for :func:`each_member`.
        member: function of one member's arguments, and of what its set shares after them.
        shared: arrays with a leading axis ``sets``; as many sets as members share nothing.
        stacked: arguments with a leading axis ``members``, a multiple of ``sets``.
        one_by_one: whether members come one after another.

    Returns:
        Its values, with a leading axis ``members``.
    """
    members, sets = (jax.tree.leaves(one)[0].shape[0] for one in (stacked, shared))
    if sets == members:
        return each_member(network, member, *stacked, shared, one_by_one=one_by_one)

    def of_set(held: PyTree, *own: PyTree) -> Any:
        return each_member(network, lambda *one: member(*one, held), *own, one_by_one=one_by_one)

    folded = jax.tree.map(lambda leaf: leaf.reshape(sets, members // sets, *leaf.shape[1:]), stacked)
    found = each_member(network, of_set, shared, *folded, one_by_one=one_by_one)
    return jax.tree.map(lambda leaf: leaf.reshape(members, *leaf.shape[2:]), found)


def mean_gradient(
    network: Network, loss: Loss, params: PyTree, x: Examples, y: Targets, key: PRNGKeyArray | None = None
) -> PyTree:
    """Gradient of the mean loss on a minibatch, summed over blocks if the network has one.

    Blocks are equal: the largest divisor of the batch that is at most ``network.block``. A minibatch that normalises
    itself is not cut.

    Args:
        network: the network.
        loss: the loss.
        params: the parameters of one member.
        x: the minibatch, shape ``(batch, inputs)``.
        y: its labels or targets.
        key: for what is random in the pass; a network with a training pass needs it.

    Returns:
        A pytree like the parameters, with None for what ``network.state`` holds constant.
    """
    trained, held = split(network.state, params)
    own = network.training

    def mean(p: PyTree, x: Examples, y: Targets) -> Any:
        whole = join(p, held)
        return loss.mean(network.apply(whole, x) if own is None else own(whole, x, key), y)  # type: ignore[arg-type]

    slope = jax.grad(mean)
    size = block_size(x.shape[0], block_of(network) if own is None else None)
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
