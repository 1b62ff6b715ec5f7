"""Training data of any form with other targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.batches import TARGETS
from overparam.operators.generators import generators_kept
from overparam.operators.opening import plain
from overparam.pruning.module_format import like


def relabelled(data: Any, labels: np.ndarray, key: str | None = None) -> Any:
    """The same training data with other targets, in the form and the types of what was given; a loader becomes a list.

    Args:
        data: arrays ``(x, y)``, a data set, a mapping, or a loader.
        labels: of all examples, in the order of the data.
        key: of the targets in mappings.

    Raises:
        UsageError: other data.

    >>> relabelled((np.zeros((2, 3)), np.array([0, 1])), np.array([1, 1]))[1].tolist()
    [1, 1]
    """
    if isinstance(data, Mapping) or _is_pair(data):
        return _batch(data, labels, key)
    if dataclasses.is_dataclass(data) and hasattr(data, "y"):
        return dataclasses.replace(data, y=like(data.y, labels))  # type: ignore[type-var]
    if all(hasattr(data, part) for part in ("x", "y")):
        return data.x, like(data.y, labels)
    found, at = [], 0
    with generators_kept(data):
        for one in data:
            many = len(_targets(one, key))
            found.append(_batch(one, labels[at : at + many], key))
            at += many
    if at != len(labels):
        raise UsageError(f"train: expected {len(labels):,} examples in every pass, got {at:,}.")
    return found


def random_labels(y: np.ndarray, rng: np.random.Generator, ignore: int | None = None) -> np.ndarray:
    """Targets that have nothing to do with the inputs: labels drawn evenly among those that occur, numbers shuffled.

    Args:
        y: the true targets, shape ``(n, ...)``.
        rng: draws.
        ignore: a label that marks places without one; they keep it.
    """
    if y.dtype.kind not in "iu":
        return y[rng.permutation(len(y))]
    counts = y != ignore if ignore is not None else np.ones(y.shape, dtype=bool)
    found = y.copy()
    found[counts] = rng.choice(np.unique(y[counts]), int(counts.sum()))
    return found


def _batch(one: Any, labels: np.ndarray, key: str | None) -> Any:
    if isinstance(one, Mapping):
        own = _key(one, key)
        return {**one, own: like(one[own], labels)}
    made = [one[0], like(one[1], labels)]
    return tuple(made) if isinstance(one, tuple) else made


def _targets(one: Any, key: str | None) -> np.ndarray:
    return plain(one[_key(one, key)] if isinstance(one, Mapping) else one[1])


def _key(one: Mapping[str, Any], key: str | None) -> str:
    return key if key is not None else next(name for name in one if name in TARGETS)


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple | list) and len(data) == 2 and all(hasattr(one, "shape") for one in data)
