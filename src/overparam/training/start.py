"""Where a stack starts and what is kept of its end: fresh parameters or checkpoints, checked, with a leading axis of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_params
from overparam.models.network import Network, PyTree
from overparam.models.passes import check_rows
from overparam.models.state import is_held, join, leaves, split
from overparam.training.constants import Constants, effective, resting
from overparam.training.evaluate import Examples
from overparam.training.loop import fresh_params, fresh_slots
from overparam.training.member import Checkpoint, Member
from overparam.training.recipe import Recipe
from overparam.training.statistics import STATISTICS


def begin(
    network: Network,
    recipe: Recipe,
    members: Sequence[Member],
    start: Sequence[Checkpoint] | None,
    x: Examples,
    own: Constants,
    numbers: Sequence[int],
) -> tuple[PyTree, PyTree, PyTree]:
    """Parameters, optimizer state and origin of a stack, from seeds or from checkpoints.

    Args:
        network: the network.
        recipe: how to train.
        members: the members.
        start: one checkpoint a member, or None.
        x: examples, shape ``(n, inputs)``.
        own: the members' constants; what a mask leaves out starts at 0, and so does the state of what does not move.
        numbers: the members' numbers among all, for messages.

    Returns:
        Three pytrees with a leading axis ``members``.

    Raises:
        DataError: parameters that are missing or infinite.
        UsageError: outputs that depend on other rows than their own, or the state of another optimizer.
    """
    if start is None:
        params = _with_own(network, members, first_params(network, members, x), own, numbers)
        return params, fresh_slots(params, own, network=network, recipe=recipe), params
    params = _with_own(network, members, _stack([point.params for point in start]), own, numbers)
    check_rows(network, start[0].params, x)
    origin = params
    if any(point.origin is not None for point in start):
        first = _stack([point.params if point.origin is None else point.origin for point in start])
        origin = _with_own(network, members, first, own, numbers)
    slots = fresh_slots(params, own, network=network, recipe=recipe)
    if all(point.slots is None for point in start):
        return params, slots, origin
    given = [
        _row(slots, i) if point.slots is None else _slots(point.slots, slots, recipe, number)
        for i, (number, point) in enumerate(zip(numbers, start, strict=True))
    ]
    stacked = _stack(given)
    return params, jax.vmap(resting)(own, stacked) if "moves" in own else stacked, origin


def _slots(given: PyTree, like: PyTree, recipe: Recipe, member: int) -> PyTree:
    """A checkpoint's optimizer state, if it is that of the recipe's optimizer."""
    shapes = [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in jax.tree.leaves(given)]
    wanted = [(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(like)]
    if shapes != wanted or str(jax.tree.structure(given)) != str(jax.tree.structure(like)):
        rule = f"'{recipe.optimizer}'" if isinstance(recipe.optimizer, str) else "of the recipe"
        raise UsageError(
            f"start of member {member}: expected slots of the optimizer {rule} with momentum "
            f"{recipe.momentum:g}, got those of another. Give Checkpoint(params, step), which begins it afresh."
        )
    return jax.tree.unflatten(jax.tree.structure(like), jax.tree.leaves(given))


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


def _with_own(
    network: Network, members: Sequence[Member], params: PyTree, own: Constants, numbers: Sequence[int]
) -> PyTree:
    """Stacked parameters with the members' own state, and 0 where a mask leaves out."""
    if any(member.state is not None for member in members):
        rows = [
            _stated(network, member.state, _row(params, i), number)
            for i, (number, member) in enumerate(zip(numbers, members, strict=True))
        ]
        params = _stack(rows)
    if "mask" not in own:
        return params
    trained, held = split(network.state, params)
    return join(_masked(own["mask"], trained), held)


@jax.jit
def _masked(mask: PyTree, trained: PyTree) -> PyTree:
    """Trained parameters of all members, 0 where their masks leave out; compiled together, not array by array."""
    return jax.vmap(effective)({"mask": mask}, trained)


def _stated(network: Network, state: Any, params: PyTree, member: int) -> PyTree:
    """One member's parameters with its own state in place."""
    where = f"state of member {member}"
    if state is None:
        return params
    if not isinstance(state, Mapping):
        raise UsageError(f"{where}: expected values by name, got {type(state).__name__}.")
    for name in state:
        if network.moments is not None and name == STATISTICS:
            raise UsageError(
                f"{where}: expected no '{name}': they are found anew from the member's examples. Give it its own x."
            )
        held = [path for path, _ in leaves(params) if path == name or path.startswith(f"{name}/")]
        if not isinstance(params, dict) or not held or not all(is_held(network.state, path) for path in held):
            raise UsageError(
                f"{where}: expected names of what '{network.name}' holds constant, {network.state!r}, got '{name}'."
            )
    whole = {**params, **state}
    check_params(network, whole, where, single=True)
    return jax.tree.map(lambda new, old: new if _is_key(old) else np.asarray(new, old.dtype), whole, params)


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
    return np.isfinite(np.asarray(leaf)).reshape(len(leaf), -1).all(axis=1)


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _stack(trees: Sequence[PyTree]) -> PyTree:
    def together(*leaves: Any) -> Any:
        if _is_key(leaves[0]):
            return jnp.stack(leaves)
        return jax.device_put(np.stack([np.asarray(leaf) for leaf in leaves]))

    return jax.tree.map(together, *trees)
