"""Hidden units of a network that can change places: which axes of which arrays belong to each of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from overparam.models.check import layout
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves

Arrays = Mapping[str, np.ndarray]
_LAYER = re.compile(r"(conv|hidden)(\d+)|(output)")
_MODULES = ("overparam.models.mlp", "overparam.models.cnn")


@dataclass(frozen=True)
class Place:
    """Where the units of a layer lie in an array: its axis has ``outer * units * inner`` entries, in C order.

    Attributes:
        name: of the array.
        axis: of it.
        outer: entries in front of the units: places of a map whose channels stand last.
        inner: entries behind: places of a map whose channels stand first.
    """

    name: str
    axis: int
    outer: int = 1
    inner: int = 1


@dataclass(frozen=True)
class Units:
    """The hidden units of a layer.

    Attributes:
        layer: its name.
        size: how many.
        places: where they lie; permuting them in all of these leaves the outputs as they are.
    """

    layer: str
    size: int
    places: tuple[Place, ...]


def moved(array: np.ndarray, place: Place, order: np.ndarray) -> np.ndarray:
    """An array with the units of one axis in another order.

    Args:
        array: the array.
        place: where the units lie.
        order: which unit comes to each place, shape ``(units,)``.

    >>> moved(np.array([0, 1, 2, 3]), Place("w", 0, inner=2), np.array([1, 0])).tolist()
    [2, 3, 0, 1]
    """
    return _back(np.take(_split(array, place), order, axis=1), array, place)


def permuted(arrays: Arrays, units: Sequence[Units], orders: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by name with hidden units in another order.

    Args:
        arrays: of a network.
        units: of each layer that changes.
        orders: for each which unit comes to each place.
    """
    found = dict(arrays)
    for one, order in zip(units, orders, strict=True):
        for place in one.places:
            found[place.name] = moved(np.asarray(found[place.name]), place, order)
    return found


def rows_of(array: np.ndarray, place: Place) -> np.ndarray:
    """What belongs to each unit in an array, shape ``(units, numbers)``.

    Args:
        array: the array.
        place: where the units lie.
    """
    return np.moveaxis(_split(array, place), 1, 0).reshape(_count(array, place), -1)


def units_of(network: Network) -> tuple[Units, ...]:
    """The hidden layers of a network of :func:`~overparam.models.mlp.mlp`, ``two_layer``, ``cnn`` or ``cnn1d``; else none.

    Args:
        network: any network.

    >>> from overparam.models import cnn
    >>> [(one.layer, one.size, one.places[-1].inner) for one in units_of(cnn((4, 4), (3, 5), 2))]
    [('conv1', 3, 1), ('conv2', 5, 4)]
    """
    if network.apply.__module__ not in _MODULES or network.state:
        return ()
    shapes = {name: leaf.shape for name, leaf in leaves(layout(network))}
    layers = sorted({name.partition("/")[0] for name in shapes}, key=_rank)
    if not layers or _LAYER.fullmatch(layers[-1]) is None or layers[-1] != "output":
        return ()  # a last layer that is not trained has signs of its own for every unit
    found = []
    for layer, after in itertools.pairwise(layers):
        size, inputs = shapes[f"{layer}/weight"][0], shapes[f"{after}/weight"][1]
        places = [Place(f"{layer}/weight", 0)]
        places += [Place(f"{layer}/bias", 0)] if f"{layer}/bias" in shapes else []
        places.append(Place(f"{after}/weight", 1, inner=inputs // size))
        found.append(Units(layer, size, tuple(places)))
    return tuple(found)


def named(params: PyTree) -> dict[str, np.ndarray]:
    """The arrays of a tree by their paths.

    Args:
        params: of a network.
    """
    return {name: np.asarray(leaf) for name, leaf in leaves(params)}


def tree_of(arrays: Arrays, like: PyTree) -> PyTree:
    """The tree whose arrays by name these are.

    Args:
        arrays: by path.
        like: a tree of that structure.
    """
    return jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name, _ in leaves(like)])


def _rank(layer: str) -> tuple[int, int]:
    known = _LAYER.fullmatch(layer)
    if known is None:
        return (3, 0)
    return (2, 0) if known[3] else (("conv", "hidden").index(known[1]), int(known[2]))


def _count(array: np.ndarray, place: Place) -> int:
    return int(array.shape[place.axis] // (place.outer * place.inner))


def _split(array: np.ndarray, place: Place) -> np.ndarray:
    """Axes: what is in front, units, behind, and the other axes of the array."""
    first = np.moveaxis(array, place.axis, 0)
    return first.reshape(place.outer, _count(array, place), place.inner, *first.shape[1:])


def _back(split: np.ndarray, like: np.ndarray, place: Place) -> np.ndarray:
    return np.moveaxis(split.reshape(like.shape[place.axis], *split.shape[3:]), 0, place.axis)
