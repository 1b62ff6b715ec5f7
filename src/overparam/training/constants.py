"""A member's own constants: which weights count, which move, and what is added to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.checked import array_of
from overparam.core.errors import DataError, UsageError
from overparam.models.check import layout
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves, split
from overparam.training.member import Member

Constants = dict[
    str, PyTree
]  # any of "mask" and "moves" (booleans) and "offset": trees like the trained parameters
_FILLS = {"mask": 1.0, "trained": 1.0, "offset": 0.0}


def stacked_constants(
    network: Network, members: Sequence[Member], numbers: Sequence[int] | None = None
) -> Constants:
    """The constants of all members, with a leading axis ``members``; what no member has is left out.

    Args:
        network: the network.
        members: the members.
        numbers: their numbers among all members, for messages.

    Returns:
        ``mask``, the product of ``mask`` and ``trained`` as ``moves``, and ``offset``.

    Raises:
        UsageError: a tree of another network or of another shape, or a member of which no weight moves.
        DataError: a mask with other numbers than 0 and 1, or an offset that is not finite.
    """
    like = split(network.state, layout(network))[0]
    called = range(len(members)) if numbers is None else numbers
    trees = {
        name: [
            _whole(name, getattr(member, name), like, i, fill)
            for i, member in zip(called, members, strict=True)
        ]
        for name, fill in _FILLS.items()
        if any(getattr(member, name) is not None for member in members)
    }
    found = {
        name: jax.tree.map(lambda *rows: jax.device_put(np.stack(rows)), *own) for name, own in trees.items()
    }
    moves = [found[name] for name in ("mask", "trained") if name in found]
    if moves:
        found["moves"] = moves[0] if len(moves) == 1 else jax.tree.map(jnp.logical_and, *moves)
        _check_some_move(found["moves"], called)
    found.pop("trained", None)
    return found


def effective(own: Constants, params: PyTree) -> PyTree:
    """``mask * p + offset``: the weights with which a member computes.

    Args:
        own: the constants of one member.
        params: its trained parameters.
    """
    if "mask" in own:
        params = _only(own["mask"], params)
    return jax.tree.map(jnp.add, params, own["offset"]) if "offset" in own else params


def moving(own: Constants, tree: PyTree) -> PyTree:
    """A tree like the parameters, exactly 0 where they do not move, whatever it holds there.

    Args:
        own: the constants of one member.
        tree: parameters, gradients or updates.
    """
    return _only(own["moves"], tree) if "moves" in own else tree


def moved(own: Constants, new: PyTree, old: PyTree) -> PyTree:
    """The new parameters where they move, and the old ones elsewhere.

    Args:
        own: the constants of one member.
        new: parameters after a step.
        old: parameters before it.
    """
    return jax.tree.map(jnp.where, own["moves"], new, old) if "moves" in own else new


def resting(own: Constants, slots: PyTree) -> PyTree:
    """An optimizer's state, exactly 0 wherever it stands for a weight that does not move.

    A part of the state, of floats, stands for the weights of the array whose path ends its own and whose shape ends its
    shape.

    Args:
        own: the constants of one member.
        slots: the state of its optimizer.

    >>> own = {"moves": {"w": jnp.array([True, False])}}
    >>> jax.tree.map(lambda leaf: leaf.tolist(), resting(own, ({"w": jnp.ones(2)}, {"v": jnp.ones(2)})))
    ({'w': [1.0, 0.0]}, {'v': [1.0, 1.0]})
    """
    if "moves" not in own:
        return slots
    named = sorted(leaves(own["moves"]), key=lambda pair: -len(pair[0]))

    def rest(path: str, leaf: Any) -> Any:
        for name, moves in named if jnp.issubdtype(leaf.dtype, jnp.floating) else ():
            if name and path != name and not path.endswith("/" + name):
                continue
            shape = leaf.shape
            if shape[len(shape) - moves.ndim :] == moves.shape and len(shape) >= moves.ndim:
                return jnp.where(moves, leaf, jnp.zeros_like(leaf))
        return leaf

    parts = [rest(path, leaf) for path, leaf in leaves(slots)]
    return jax.tree.unflatten(jax.tree.structure(slots), parts)


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


def _only(where: PyTree, tree: PyTree) -> PyTree:
    return jax.tree.map(lambda keeps, leaf: jnp.where(keeps, leaf, jnp.zeros_like(leaf)), where, tree)


def _check_some_move(moves: PyTree, numbers: Sequence[int]) -> None:
    some = np.any(
        [np.asarray(leaf).reshape(len(numbers), -1).any(axis=1) for leaf in jax.tree.leaves(moves)], axis=0
    )
    for i, any_ in zip(numbers, some, strict=True):
        if not any_:
            raise UsageError(
                f"mask and trained of member {i}: expected a weight that moves, got none: its mask or what it trains is 0 "
                "everywhere."
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
        got = f"'{odd[0]}'" if odd[0] else type(given).__name__
        raise UsageError(f"{where}: expected parts of the network's parameters ({known}, ...), got {got}.")
    return jax.tree.unflatten(
        structure, [_part(name, where, own, path, leaf.shape, fill) for path, leaf in expected]
    )


def _part(
    name: str, where: str, own: dict[str, Any], path: str, shape: tuple[int, ...], fill: float
) -> np.ndarray:
    """One array of such a tree: booleans of a mask, float32 of an offset."""
    if path not in own:
        return np.full(shape, fill, np.float32 if name == "offset" else bool)
    part = array_of(own[path], f"{where}: {path}")
    if part.shape != shape:
        raise UsageError(
            f"{where}: expected an array of shape {shape} at {path}, got {part.shape}. It belongs to another network."
        )
    if name != "offset":
        odd = ~((part == 0) | (part == 1))
        if odd.any():
            raise DataError(f"{where}: expected 0 and 1 alone at {path}, got {part[odd][0]:g}.")
        return part.astype(bool)
    with np.errstate(over="ignore"):
        single = part.astype(np.float32)
    if not np.isfinite(single).all():
        raise DataError(
            f"{where}: expected finite numbers at {path}, got some that are missing or infinite in float32."
        )
    return single
