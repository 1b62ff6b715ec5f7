"""A member's own constants: which weights count, which move, and what is added to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.models.check import layout
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves, split
from overparam.training.member import Member

Constants = dict[str, PyTree]  # any of "mask", "moves" and "offset": trees like the trained parameters
_FILLS = {"mask": 1.0, "trained": 1.0, "offset": 0.0}


def stacked_constants(network: Network, members: Sequence[Member]) -> Constants:
    """The constants of all members, with a leading axis ``members``; what no member has is left out.

    Args:
        network: the network.
        members: the members.

    Returns:
        ``mask``, the product of ``mask`` and ``trained`` as ``moves``, and ``offset``.

    Raises:
        UsageError: a tree of another network, or of another shape.
        DataError: a mask with other numbers than 0 and 1, or an offset that is not finite.
    """
    like = split(network.state, layout(network))[0]
    trees = {
        name: [_whole(name, getattr(member, name), like, i, fill) for i, member in enumerate(members)]
        for name, fill in _FILLS.items()
        if any(getattr(member, name) is not None for member in members)
    }
    found = {name: jax.tree.map(lambda *rows: jnp.asarray(np.stack(rows)), *own) for name, own in trees.items()}
    moves = [found[name] for name in ("mask", "trained") if name in found]
    if moves:
        found["moves"] = moves[0] if len(moves) == 1 else jax.tree.map(jnp.multiply, *moves)
    found.pop("trained", None)
    return found


def effective(own: Constants, params: PyTree) -> PyTree:
    """``mask * p + offset``: the weights with which a member computes.

    Args:
        own: the constants of one member.
        params: its trained parameters.
    """
    if "mask" in own:
        params = jax.tree.map(jnp.multiply, params, own["mask"])
    return jax.tree.map(jnp.add, params, own["offset"]) if "offset" in own else params


def moving(own: Constants, tree: PyTree) -> PyTree:
    """A tree like the parameters, exactly 0 where they do not move."""
    return jax.tree.map(jnp.multiply, tree, own["moves"]) if "moves" in own else tree


def constrained(network: Network, own: Constants) -> Network:
    """The network as a function of the weights that move: its passes see the effective ones.

    Args:
        network: the network.
        own: the constants of one member; they may be traced.
    """
    if "mask" not in own and "offset" not in own:
        return network

    def seen(params: PyTree) -> PyTree:
        trained, held = split(network.state, params)
        return effective(own, trained) if held is None else _joined(effective(own, trained), held)

    def through(function: Any) -> Any:
        return None if function is None else lambda params, *rest: function(seen(params), *rest)

    return dataclasses.replace(
        network,
        apply=through(network.apply),
        training=through(network.training),
        moments=through(network.moments),
        form=None,
    )


def _joined(trained: PyTree, held: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: b if a is None else a, trained, held, is_leaf=lambda one: one is None)


def _whole(name: str, given: PyTree | None, like: PyTree, member: int, fill: float) -> PyTree:
    """A tree like the trained parameters in float32, with a fill for what is left out."""
    own, where = dict(leaves(given)), f"{name} of member {member}"
    expected, structure = leaves(like), jax.tree.structure(like)
    odd = sorted(set(own) - {path for path, _ in expected})
    if odd:
        known = ", ".join(path for path, _ in expected[:6])
        raise UsageError(f"{where}: expected parts of the network's parameters ({known}, ...), got '{odd[0]}'.")
    parts = []
    for path, shape in ((path, leaf.shape) for path, leaf in expected):
        part = np.asarray(own.get(path, fill))
        if part.dtype.kind not in "fiub":
            raise UsageError(f"{where}: expected numbers at {path}, got {part.dtype}.")
        if path in own and part.shape != shape:
            raise UsageError(
                f"{where}: expected an array of shape {shape} at {path}, got {part.shape}. It belongs to another network."
            )
        values = np.broadcast_to(part.astype(np.float32), shape)
        if name != "offset" and not np.isin(values, (0.0, 1.0)).all():
            raise DataError(
                f"{where}: expected 0 and 1 alone at {path}, got {values[~np.isin(values, (0, 1))][0]:g}."
            )
        if not np.isfinite(values).all():
            raise DataError(
                f"{where}: expected finite numbers at {path}, got some that are missing or infinite."
            )
        parts.append(values)
    return jax.tree.unflatten(structure, parts)
