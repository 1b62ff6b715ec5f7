"""A ticket on another task: its mask and weights move to a network that differs in the number of outputs at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.check import layout
from overparam.models.network import Network, PyTree
from overparam.models.state import leaves
from overparam.pruning.arrays import finite_of, placed, trained_arrays
from overparam.pruning.draws import chosen, generator, words
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

    Arrays of equal path and shape move as they are, with what the network holds constant. Where the axis of the outputs
    alone differs, which is the number of classes in a head, the weights are those of ``network.init``, and their mask is
    drawn with the density that the head had. That axis is the first, as in this package, or the last, as in Flax.

    Args:
        mask: a mask of the network that the ticket comes from.
        params: weights of that network.
        network: the other one.
        key: draws the head: a key of JAX, or a whole number.

    Raises:
        UsageError: a network that differs in more than its head.
        DataError: weights that are missing or infinite.

    >>> from overparam.models import mlp
    >>> old, new = mlp(4, (6,), 3), mlp(4, (6,), 5)
    >>> moved = transfer(Mask.random(old, 0.5, 0), old.init(jax.random.key(0)), new, 1)
    >>> moved.redrawn, moved.mask.densities["output/weight"]
    (('output/bias', 'output/weight'), 0.5)
    """
    is_mask(mask)
    trained, every = trained_arrays(network), dict(leaves(layout(network)))
    own = dict(leaves(params))
    missing = sorted(set(every) ^ set(own)) + sorted(set(mask.paths) - set(trained))
    if missing:
        raise UsageError(
            f"network: expected layers of the same names in '{network.name}', got no counterpart of '{missing[0]}'."
        )
    for path, one in mask:
        if np.shape(one) != np.shape(own[path]):
            raise UsageError(
                f"mask: expected an array of shape {np.shape(own[path])} at {path}, as in params, got {np.shape(one)}. It "
                "belongs to another network."
            )
    redrawn = tuple(path for path, one in every.items() if np.shape(own[path]) != one.shape)
    axis = _axis(network, params)
    for path in redrawn:
        if not _is_head(every[path].shape, np.shape(own[path]), axis, network.outputs):
            raise UsageError(
                f"network: expected one that differs in the number of outputs alone, got {path} of shape "
                f"{every[path].shape} in '{network.name}', {np.shape(own[path])} in the ticket."
            )
    fresh = network.init(jax.random.key(int(np.random.default_rng(words(key)).integers(1 << 31))))
    moved = {
        path: finite_of(own[path], f"params: {path}") if path in trained else own[path]
        for path in every
        if path not in redrawn
    }
    masks: dict[str, Any] = dict(mask.arrays)
    masked = sorted(set(redrawn) & set(mask.paths))
    for path in masked:
        shape = every[path].shape
        size = int(np.prod(shape))
        kept = kept_of(size, mask.densities[path])
        masks[path] = chosen(size, kept, shape, generator(key, f"head {path}"))
    said = ""
    if redrawn:
        said = f"The number of outputs differs: {', '.join(redrawn)} are drawn anew"
        said += ", with a random mask of the same density." if masked else "."
    return Transferred(Mask(masks).check(network), placed(fresh, moved), redrawn, said)


def _axis(network: Network, params: PyTree) -> int:
    """The axis of a head along which its outputs lie: -1 where the network computes with the ticket's own head."""
    rows = jax.ShapeDtypeStruct((2, network.inputs), jnp.float32)
    try:
        found = jax.eval_shape(network.apply, params, rows)
    except Exception:
        return 0
    return -1 if np.shape(found) != (2, network.outputs) else 0


def _is_head(new: tuple[int, ...], old: tuple[int, ...], axis: int, outputs: int) -> bool:
    """Whether shapes differ in the number of outputs alone."""
    if len(new) != len(old):
        return False
    places = {0, len(new) - 1} if axis == -1 else {0}
    differ = [at for at, (a, b) in enumerate(zip(new, old, strict=True)) if a != b]
    return len(differ) == 1 and differ[0] in places and new[differ[0]] == outputs
