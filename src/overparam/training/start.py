"""Where a stack starts and what is kept of its end: fresh parameters or checkpoints, checked, with a leading axis of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network, PyTree
from overparam.models.passes import check_rows
from overparam.models.state import is_held, join, leaves, split
from overparam.training.constants import Constants
from overparam.training.evaluate import Examples
from overparam.training.loop import fresh_params, fresh_slots
from overparam.training.member import Checkpoint, Member
from overparam.training.recipe import Recipe


def begin(
    network: Network,
    recipe: Recipe,
    members: Sequence[Member],
    start: Sequence[Checkpoint] | None,
    x: Examples,
    own: Constants,
) -> tuple[PyTree, PyTree, PyTree]:
    """Parameters, optimizer state and origin of a stack, from seeds or from checkpoints.

    Args:
        network: the network.
        recipe: how to train.
        members: the members.
        start: one checkpoint a member, or None.
        x: examples, shape ``(n, inputs)``.
        own: the members' constants; what a mask leaves out starts at 0.

    Returns:
        Three pytrees with a leading axis ``members``.

    Raises:
        DataError: parameters that are missing or infinite.
        UsageError: outputs that depend on other rows than their own, or the state of another optimizer.
    """
    if start is None:
        params = _with_own(network, members, first_params(network, members, x), own)
        return params, fresh_slots(params, network=network, recipe=recipe), params
    params = _with_own(network, members, _stack([point.params for point in start]), own)
    check_rows(network, start[0].params, x)
    origin = _stack([point.params if point.origin is None else point.origin for point in start])
    origin = _with_own(network, members, origin, own)
    slots = fresh_slots(params, network=network, recipe=recipe)
    if any(point.slots is None for point in start):
        return params, slots, origin
    for i, point in enumerate(start):
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(point.slots)]
        if shapes != [leaf.shape[1:] for leaf in jax.tree.leaves(slots)]:
            rule = f"'{recipe.optimizer}'" if isinstance(recipe.optimizer, str) else "of the recipe"
            raise UsageError(
                f"start of member {i}: expected slots of the optimizer {rule} with momentum "
                f"{recipe.momentum:g}, got those of another. Give Checkpoint(params, step), which begins it afresh."
            )
    return params, _stack([point.slots for point in start]), origin


def first_params(network: Network, members: Sequence[Member], x: Examples) -> PyTree:
    """The parameters from which members start, checked.

    Args:
        network: the network.
        members: the members.
        x: examples, shape ``(n, inputs)``.

    Returns:
        Parameters with a leading axis ``members``.

    Raises:
        DataError: parameters that are missing or infinite.
        UsageError: outputs that depend on other rows than their own.
    """
    params = fresh_params(jnp.asarray([m.seed for m in members], jnp.uint32), network=network)
    for path, leaf in leaves(params):
        bad = np.flatnonzero(~_finite(leaf))
        if len(bad):
            raise DataError(
                f"network: expected finite parameters from init of '{network.name}', got some in {path} with seed "
                f"{members[bad[0]].seed} that are missing or infinite."
            )
    check_rows(network, jax.tree.map(lambda leaf: leaf[0], params), x)
    return params


def _with_own(network: Network, members: Sequence[Member], params: PyTree, own: Constants) -> PyTree:
    """Stacked parameters with the members' own state, and 0 where a mask leaves out."""
    given = [member.state or {} for member in members]
    for name in dict.fromkeys(key for one in given for key in one):
        if not isinstance(params, dict) or name not in params or not is_held(network.state, name):
            raise UsageError(
                f"state of a member: expected names of what '{network.name}' holds constant, {network.state!r}, got "
                f"'{name}'."
            )
        rows = [one[name] if name in one else _row(params[name], i) for i, one in enumerate(given)]
        want = jax.tree.map(lambda leaf: leaf.shape[1:], params[name])
        for i, row in enumerate(rows):
            if str(jax.tree.structure(row)) != str(
                jax.tree.structure(_row(params[name], 0))
            ) or want != jax.tree.map(np.shape, row):
                raise UsageError(
                    f"state of member {i}: expected the structure and shapes of '{name}' in init, got others."
                )
        params = {**params, name: _stack(rows)}
    if "mask" not in own:
        return params
    trained, held = split(network.state, params)
    return join(jax.tree.map(jnp.multiply, trained, own["mask"]), held)


def _row(tree: PyTree, i: int) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[i], tree)


def take(
    wanted: Sequence[int], params: PyTree, slots: PyTree, origin: PyTree, step: int
) -> dict[int, Checkpoint]:
    """Checkpoints of some members of a stack, as NumPy arrays; keys stay arrays of JAX.

    Args:
        wanted: which members.
        params: parameters with a leading axis ``members``.
        slots: optimizer state, likewise.
        origin: parameters at initialisation, likewise.
        step: steps taken so far.
    """
    if not wanted:
        return {}
    stacked = jax.tree.map(lambda leaf: leaf if _is_key(leaf) else np.asarray(leaf), (params, slots, origin))
    points = {}
    for i in wanted:
        own, state, first = jax.tree.map(
            lambda leaf, i=i: leaf[i] if _is_key(leaf) else np.array(leaf[i]), stacked
        )
        points[i] = Checkpoint(own, step, state, first)
    return points


def _finite(leaf: Any) -> NDArray[np.bool_]:
    """Whether a member's part of a stacked leaf is finite; what is no float always is."""
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return np.ones(len(leaf), dtype=bool)
    return np.asarray(jnp.isfinite(leaf).reshape(len(leaf), -1).all(axis=1))


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _stack(trees: Sequence[PyTree]) -> PyTree:
    def together(*leaves: Any) -> Any:
        if _is_key(leaves[0]):
            return jnp.stack(leaves)
        return jnp.asarray(np.stack([np.asarray(leaf) for leaf in leaves]))

    return jax.tree.map(together, *trees)
