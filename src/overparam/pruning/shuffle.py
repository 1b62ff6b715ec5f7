"""Control masks: which weights are kept is drawn anew, and what matters otherwise stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core.checked import shown
from overparam.core.errors import UsageError
from overparam.pruning.draws import generator
from overparam.pruning.mask import Mask, is_mask


def shuffle(mask: Mask, key: Any) -> Mask:
    """A mask with the density of every layer, its places drawn: the control for "which weights", given how many a layer.

    A random mask with the same densities (``Mask.random(network, mask.densities, key)``) has the same distribution.

    Args:
        mask: the mask.
        key: a key of JAX, or a whole number.

    Raises:
        UsageError: no mask, or no key.

    >>> mask = Mask({"w": [[1, 1, 0, 0, 0, 0]], "v": [[0, 1]]})
    >>> shuffle(mask, 0).densities == mask.densities
    True
    """
    _check(mask)
    return Mask(
        {
            path: generator(key, f"shuffle of {path}").permutation(one.ravel()).reshape(one.shape)
            for path, one in mask
        }
    )


def shuffle_outgoing(mask: Mask, key: Any, *, inputs_axis: int = 1) -> Mask:
    """A mask in which every unit keeps its number of outgoing weights, and to which units they go is drawn.

    Units and inputs that were cut off stay cut off, so this control differs from :func:`shuffle` where a network is very
    sparse.

    Args:
        mask: the mask; arrays with one axis, such as biases, are shuffled as a whole.
        key: a key of JAX, or a whole number.
        inputs_axis: the axis of a weight along which its inputs lie: 1 for ``(outputs, inputs, ...)`` as in this package,
            -2 for ``(..., inputs, outputs)`` as in Flax.

    Raises:
        UsageError: no mask, no key, or an axis that a weight does not have.

    >>> mask = Mask({"w": [[1, 0, 1], [1, 0, 0]]})
    >>> shuffle_outgoing(mask, 0).arrays["w"].sum(axis=0).tolist()
    [2.0, 0.0, 1.0]
    """
    _check(mask)
    found = {}
    for path, one in mask:
        random = generator(key, f"outgoing weights of {path}")
        if one.ndim < 2:
            found[path] = random.permutation(one)
            continue
        if (
            not isinstance(inputs_axis, int | np.integer)
            or isinstance(inputs_axis, bool)
            or not -one.ndim <= inputs_axis < one.ndim
        ):
            raise UsageError(
                f"inputs_axis: expected an axis of {path}, which has {one.ndim}, got {shown(inputs_axis)}."
            )
        columns = np.moveaxis(one, inputs_axis, 0)
        mixed = random.permuted(columns.reshape(len(columns), -1), axis=1)
        found[path] = np.moveaxis(mixed.reshape(columns.shape), 0, inputs_axis)
    return Mask(found)


def shuffle_everywhere(mask: Mask, key: Any) -> Mask:
    """A mask with the density of the whole network, its places drawn among all layers together.

    Args:
        mask: the mask.
        key: a key of JAX, or a whole number.

    Raises:
        UsageError: no mask, or no key.
    """
    _check(mask)
    flat = generator(key, "shuffle of all layers").permutation(np.concatenate([one.ravel() for _, one in mask]))
    found, at = {}, 0
    for path, one in mask:
        found[path] = flat[at : at + one.size].reshape(one.shape)
        at += one.size
    return Mask(found)


def _check(mask: Any) -> None:
    is_mask(mask)
