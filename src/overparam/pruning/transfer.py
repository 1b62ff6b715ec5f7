"""A ticket on another task: its mask and weights move to a network that differs in the number of outputs at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves
from overparam.pruning.arrays import numbers_of, placed, trained_arrays
from overparam.pruning.draws import generator, words
from overparam.pruning.mask import Mask, is_mask
from overparam.pruning.share import kept_of


@dataclass(frozen=True, eq=False)
class Transferred:
    """A ticket in another network.

    Attributes:
        mask: the mask there.
        params: the weights there.
        redrawn: paths of arrays that were drawn anew, because the number of outputs differs; empty if it does not.
        said: that in one sentence, or nothing.
    """

    mask: Mask
    params: PyTree
    redrawn: tuple[str, ...]
    said: str


def transfer(mask: Mask, params: PyTree, network: Network, key: Any) -> Transferred:
    """Move a mask and weights to another network.

    Arrays of equal path and shape move as they are. Where the first axis alone differs, which is the number of classes in a
    head, the weights are those of ``network.init``, and their mask is drawn with the density that the head had.

    Args:
        mask: a mask of the network that the ticket comes from.
        params: weights of that network.
        network: the other one.
        key: draws the head: a key of JAX, or a whole number.

    Raises:
        UsageError: a network that differs in more than its head.

    >>> from overparam.models import mlp
    >>> old, new = mlp(4, (6,), 3), mlp(4, (6,), 5)
    >>> moved = transfer(Mask.random(old, 0.5, 0), old.init(jax.random.key(0)), new, 1)
    >>> moved.redrawn, moved.mask.densities["output/weight"]
    (('output/bias', 'output/weight'), 0.5)
    """
    is_mask(mask)
    every, own = trained_arrays(network), dict(leaves(params))
    missing = sorted(set(every) - set(own)) + sorted(set(mask.paths) - set(every))
    if missing:
        raise UsageError(
            f"network: expected layers of the same names in '{network.name}', got no counterpart of '{missing[0]}'."
        )
    redrawn = tuple(path for path, one in every.items() if np.shape(own[path]) != one.shape)
    for path in redrawn:
        shape, was = every[path].shape, np.shape(own[path])
        if len(shape) != len(was) or shape[1:] != was[1:]:
            raise UsageError(
                f"network: expected one that differs in the number of outputs alone, got {path} of shape {shape} in "
                f"'{network.name}', {was} in the ticket."
            )
    fresh = network.init(jax.random.key(int(np.random.default_rng(words(key)).integers(1 << 31))))
    moved = {path: numbers_of(own[path], f"params: {path}") for path in every if path not in redrawn}
    masks: dict[str, Any] = dict(mask.arrays)
    for path in set(redrawn) & set(mask.paths):
        masks[path] = _drawn(every[path].shape, mask.densities[path], generator(key, f"head {path}"))
    said = ""
    if redrawn:
        said = f"The number of outputs differs: {', '.join(redrawn)} are drawn anew, with a random mask of the same density."
    return Transferred(Mask(masks).check(network), placed(fresh, moved), redrawn, said)


def _drawn(shape: tuple[int, ...], density: float, random: np.random.Generator) -> np.ndarray:
    size = int(np.prod(shape))
    flat = np.zeros(size, np.float32)
    flat[random.permutation(size)[: kept_of(size, density)]] = 1.0
    return flat.reshape(shape)
