"""Two networks of one architecture on the same data, opened and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.models.network import Network
from overparam.operators import Model
from overparam.operators.batches import Batch
from overparam.own.landscape.opened import opened_model
from overparam.own.landscape.refresh import Refresh
from overparam.own.landscape.state import refresh_of

APART = 1e4  # times the machine epsilon: a larger relative difference of outputs is no rounding


@dataclass(frozen=True, eq=False)
class Pair:
    """Two networks that a path can join.

    Attributes:
        model: the first, on the data; every point is this model at another vector.
        a: parameters of the first, shape ``(size,)``, float64.
        b: those of the second.
        other: the second, opened.
        refresh: finds statistics of batches anew, where there are any.
        same: whether both have equal parameters.
        network: of the package, where both are one.
        notes: what was found, one sentence each.
    """

    model: Model
    a: np.ndarray
    b: np.ndarray
    other: Model
    refresh: Refresh | None
    same: bool
    network: Network | None
    notes: tuple[str, ...]


def opened_pair(a: Any, b: Any, data: Any, params: Any, options: Mapping[str, Any]) -> Pair:
    """Open both networks and raise unless a point between them has a meaning.

    Args:
        a: a network of any framework.
        b: another.
        data: for both.
        params: a pair of their parameters, for networks and functions; None for modules that hold their own.
        options: of ``open_model``.

    Raises:
        UsageError: other frameworks, names, shapes, types, held arrays or computations.
        DataError: parameters that are missing or infinite, data that do not fit.
    """
    if params is not None and (not isinstance(params, tuple | list) or len(params) != 2):
        raise UsageError(
            "params: expected a pair (parameters of a, parameters of b), or None for modules that hold their own, got "
            f"{type(params).__name__}."
        )
    own = [{}, {}] if params is None else [{"params": one} for one in params]
    first, second = (
        opened_model(given, data, {**options, **mine}, name)
        for given, mine, name in ((a, own[0], "a"), (b, own[1], "b"))
    )
    first.check_loss()
    if type(first) is not type(second):
        raise UsageError(
            f"b: expected a network of the framework of a, {first.back_end}, got one of {second.back_end}."
        )
    _check_layout(first, second)
    if first.dtype != second.dtype:
        raise UsageError(
            f"b: expected parameters of {first.dtype.name}, as a has them, got {second.dtype.name}. Cast both: dtype='float64'."
        )
    refresh = refresh_of(a, first, options)
    _check_held(first, second, refresh)
    moved = with_held(first, second.vector(), held_of(second))
    _check_computation(moved, second)
    one, other = (model.vector().astype(np.float64) for model in (first, second))
    notes = tuple(dict.fromkeys((*first.notes, *second.notes)))
    both = a if isinstance(a, Network) and isinstance(b, Network) else None
    return Pair(first, one, other, second, refresh, bool(np.array_equal(one, other)), both, notes)


def held_of(model: Any) -> dict[str, Any]:
    """What a model holds constant, by name.

    Args:
        model: an open one.
    """
    return dict(model.held)


def with_held(model: Any, vector: np.ndarray, held: Mapping[str, Any]) -> Any:
    """The same model at other parameters with other held arrays.

    Args:
        model: an open one.
        vector: shape ``(size,)``.
        held: by name.
    """
    made = model.at(vector)
    made.held = dict(held)
    return made


def _check_layout(first: Model, second: Model) -> None:
    ours, theirs = (dict(zip(one.layout.names, one.layout.shapes, strict=True)) for one in (first, second))
    if list(ours.values()) == list(theirs.values()) and list(ours) != list(theirs):
        one, other = next(pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1])
        raise UsageError(
            f"b: expected parameters with the names of a, got '{other}' where a has '{one}'. Load the weights of b into a copy "
            "of a if they are of one architecture."
        )
    for name in (*ours, *theirs):
        if ours.get(name) != theirs.get(name):
            sizes = [f"shape {d[name]}" if name in d else "none" for d in (theirs, ours)]
            raise UsageError(
                f"b: expected the architecture of a, got {sizes[0]} for '{name}', where a has {sizes[1]}. A path joins networks "
                "of one architecture."
            )


def _check_held(first: Any, second: Any, refresh: Refresh | None) -> None:
    free = set() if refresh is None else set(refresh.names)
    for name in sorted({*first.held, *second.held}):
        if name in free:
            continue
        pair = [model.held.get(name) for model in (first, second)]
        arrays = [
            None if one is None else _host(model, one) for model, one in zip((first, second), pair, strict=True)
        ]
        if arrays[0] is None or arrays[1] is None or not np.array_equal(*arrays, equal_nan=_floats(arrays[0])):
            raise UsageError(
                f"b: expected '{name}', which is held constant, as a has it, got another. What lies between two states has no "
                "meaning, and how to find it anew is known for BatchNorm of PyTorch, Flax Linen and the package alone: give both "
                "the same."
            )


def _host(model: Any, leaf: Any) -> np.ndarray | None:
    try:
        if hasattr(leaf, "dtype") and str(leaf.dtype).startswith("key<"):
            import jax

            return np.asarray(jax.random.key_data(leaf))
        return np.asarray(model.host(leaf))
    except Exception:
        return np.asarray(str(leaf))


def _floats(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


def _check_computation(moved: Any, second: Any) -> None:
    """Raise unless the first network's computation at the second's parameters gives the second's outputs."""
    with moved.quiet():
        ours = moved.host(moved.batch_outputs(_few(moved)))
    with second.quiet():
        theirs = second.host(second.batch_outputs(_few(second)))
    size = float(np.abs(theirs).max(initial=0.0))
    gap = float(np.abs(ours - theirs).max(initial=0.0)) if ours.shape == theirs.shape else np.inf
    if gap > APART * np.finfo(second.dtype).eps * max(size, 1e-30):
        raise UsageError(
            "b: expected the computation of a, got other outputs than a gives at the parameters of b. Activations, scales or the "
            "code of the pass differ."
        )


def _few(model: Model) -> Batch:
    batch = next(iter(model.batches()))
    return batch.rows(0, min(16, batch.count))
