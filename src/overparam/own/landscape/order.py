"""Hidden units of your own network that can change places: found by what a pass uses, and tried one layer after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators import Model
from overparam.operators.seen import see
from overparam.own.landscape.pair import Pair, held_of, with_held
from overparam.probes.paths.align import by_weights
from overparam.probes.paths.units import Place, Units, permuted, units_of

ROWS = 16
CLOSE = 1e3  # times the machine epsilon: a larger relative change of outputs is no rounding


def aligned_vector(pair: Pair, seed: int = 0) -> tuple[np.ndarray | None, str]:
    """The second network with its hidden units in the order closest to the first, and which layers that are, or why none.

    Args:
        pair: the networks.
        seed: of the orders that are tried.
    """
    model = pair.other
    try:
        units = units_of(pair.network) if pair.network is not None else ()
        tried = len(units)
        if not units:
            units, tried = permutable(model)
    except UsageError as error:
        return None, f"The order of units is not known: {error}"
    if not units:
        return None, (
            "No hidden layer was found whose units change places without changing the outputs: units behind skip connections, "
            "attention or grouped convolutions are tied to others."
        )
    arrays = _arrays(model)
    ours = {name: np.asarray(one, np.float64) for name, one in pair.model.layout.named(pair.a).items()}
    own = [
        Units(one.layer, one.size, tuple(p for p in one.places if p.name in model.layout.slices))
        for one in units
    ]
    theirs = {name: np.asarray(one, np.float64) for name, one in model.layout.named(pair.b).items()}
    orders = by_weights(ours, theirs, own, seed=seed)
    whole = permuted({**arrays, **theirs}, units, orders)
    vector = np.concatenate([whole[name].ravel() for name in model.layout.names])
    if not _same(model, vector, {name: whole[name] for name in held_of(model) if name in whole}):
        return None, "The order of units is not known: the permuted network gives other outputs."
    several = "layer" if len(units) == 1 else "layers"
    part = f"{len(units)} of {tried} hidden layers" if len(units) < tried else f"{len(units)} hidden {several}"
    return vector, f"Units of {part} are in the order of the closest weights."


def permutable(model: Model) -> tuple[tuple[Units, ...], int]:
    """Hidden layers whose units change places without changing the outputs, and how many were tried.

    Args:
        model: an open one.

    Raises:
        UsageError: a pass that cannot be watched.
    """
    seen = see(model)
    arrays = _arrays(model)
    uses = [(what, name) for what, name in seen.order if name in arrays]
    weights = [name for what, name in uses if what == "product"]
    if len(set(weights)) < len(weights) or any(name not in seen.unfoldings for name in weights):
        return (), len(weights)
    after = {
        name: uses[i + 1][1]
        for i, (what, name) in enumerate(uses[:-1])
        if what == "product" and uses[i + 1][0] == "sum"
    }
    taken = {*weights, *after.values()}
    found: list[Units] = []
    for name, following in itertools.pairwise(weights):
        for units in _candidates(name, following, after.get(name), seen, arrays, taken):
            if _invariant(model, units, arrays):
                found.append(units)
                taken |= {place.name for place in units.places}
                break
    return tuple(found), max(0, len(weights) - 1)


def _candidates(
    name: str, following: str, bias: str | None, seen: Any, arrays: Mapping[str, np.ndarray], taken: set[str]
) -> Iterator[Units]:
    """Ways in which the units of a layer may lie in the arrays."""
    rows, how = seen.unfoldings[name].rows, seen.unfoldings[following]
    if len(rows) != 1 or seen.unfoldings[name].groups != 1 or how.groups != 1:
        return
    size = arrays[name].shape[rows[0]]
    if size < 2:
        return
    own = [Place(name, rows[0])]
    if bias is not None:
        axis = _axis(arrays[bias], size)
        if axis is None:
            return
        own.append(Place(bias, axis))
    separator = "." if "." in name and "/" not in name else "/"
    groups: dict[str, list[Place]] = {}
    for other, array in arrays.items():
        axis = _axis(array, size)
        if other not in taken and axis is not None:
            groups.setdefault(_stem(other, separator), []).append(Place(other, axis))
    for beside in ([], *groups.values()):
        for axis in how.columns:
            length = arrays[following].shape[axis]
            if length % size:
                continue
            more = length // size
            for outer, inner in dict.fromkeys(((1, more), (more, 1))):
                yield Units(name, size, (*own, *beside, Place(following, axis, outer, inner)))


def _stem(name: str, separator: str) -> str:
    """The layer that an array belongs to, without what marks a collection of held arrays."""
    plain = name.strip("()").removeprefix("batch_stats/")
    return plain.rpartition(separator)[0] or plain


def _axis(array: np.ndarray, size: int) -> int | None:
    """The axis of an array that has one number a unit."""
    long = [i for i, length in enumerate(array.shape) if length != 1]
    return long[0] if len(long) == 1 and array.shape[long[0]] == size else None


def _invariant(model: Model, units: Units, arrays: Mapping[str, np.ndarray]) -> bool:
    order = np.roll(np.arange(units.size), 1)
    turned = permuted(arrays, [units], [order])
    vector = np.concatenate([turned[name].ravel() for name in model.layout.names])
    if np.array_equal(vector, model.vector()):
        return False
    held = {place.name: turned[place.name] for place in units.places if place.name not in model.layout.slices}
    return _same(model, vector, held)


def _same(model: Any, vector: np.ndarray, held: Mapping[str, np.ndarray]) -> bool:
    """Whether the outputs stay as they are with other parameters and held arrays."""
    kept = held_of(model)
    for name, array in held.items():
        kept[name] = _native(model, array, kept[name])
    moved = with_held(model, vector, kept)
    batch = next(iter(model.batches()))
    few = batch.rows(0, min(ROWS, batch.count))
    with model.quiet():
        before = model.host(model.batch_outputs(few))
    with moved.quiet():
        after = moved.host(moved.batch_outputs(few))
    size = float(np.abs(before).max(initial=0.0))
    return float(np.abs(before - after).max(initial=0.0)) <= CLOSE * np.finfo(model.dtype).eps * max(
        size, 1e-30
    )


def _native(model: Any, array: np.ndarray, like: Any) -> Any:
    if model.back_end == "torch":
        from overparam.own.landscape import torch_side

        return torch_side.tensor(array, like)
    return np.asarray(array, like.dtype)


def _arrays(model: Any) -> dict[str, np.ndarray]:
    """Parameters and held floats by name, as they are."""
    found = dict(model.layout.named(model.vector()))
    for name, leaf in held_of(model).items():
        if "float" in str(getattr(leaf, "dtype", "")):
            found[name] = np.asarray(model.host(leaf))
    return found
