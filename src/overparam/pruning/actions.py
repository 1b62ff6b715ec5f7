"""Mask-1 actions: with which weights the kept ones start a round; pure functions of the initial weights, mask and key."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import UsageError, unknown
from overparam.models.network import PyTree
from overparam.pruning.arrays import called, finite_of, picked, placed
from overparam.pruning.draws import generator
from overparam.pruning.mask import Mask, is_mask

Array = NDArray[np.floating]
_EXPECTED = "the starting weights of a layer from rule(initial, kept, random)"
Rule = Callable[[Array, NDArray[np.bool_], np.random.Generator], Array]


@dataclass(frozen=True)
class Action:
    """What kept weights start with.

    Attributes:
        name: its name.
        words: what it does.
        rule: initial weights of a layer, which are kept, and a generator, to the starting weights.
        rescaled: whether they are multiplied by size over number kept.
    """

    name: str
    words: str
    rule: Rule
    rescaled: bool = False

    def __call__(self, initial: PyTree, mask: Mask, key: Any = 0) -> PyTree:
        """Starting weights; those that are pruned are 0, and what the mask does not hold stays as it is.

        Args:
            initial: the weights w0 of the network.
            mask: which weights are kept.
            key: draws permutations.

        Raises:
            UsageError: weights of another network, no mask, or a rule that gives something else.
            DataError: kept weights that are missing or infinite.

        >>> mask = Mask({"w": [[1, 1, 0, 1]]})
        >>> MASK1["signed_constant"]({"w": np.array([[1.0, -2.0, 5.0, 4.0]])}, mask)["w"].round(3).tolist()
        [[2.739, -2.739, 0.0, 2.739]]
        """
        is_mask(mask)
        found = {}
        for path, leaf in picked(initial, mask.arrays, "initial").items():
            kept = mask.arrays[path] == 1
            own = finite_of(leaf, f"initial: {path}", kept)
            what = f"mask1 '{self.name}'"
            given = called(what, _EXPECTED, self.rule, own, kept, generator(key, f"start of {path}"))
            start = finite_of(given, f"{what}: {path}", kept if np.shape(given) == kept.shape else None)
            if start.shape != own.shape:
                raise UsageError(
                    f"{what}: expected weights of shape {own.shape} for {path}, got {start.shape}."
                )
            if self.rescaled and kept.any():
                start = start * (kept.size / np.count_nonzero(kept))
            found[path] = np.where(kept, start, 0.0).astype(own.dtype)
        return placed(jax.tree.map(lambda leaf: leaf, initial), found)


def _rewind(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
    return own


def _permuted(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """All initial weights of the layer in another order."""
    return random.permutation(own.ravel()).reshape(own.shape)


def _shuffled(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """The initial weights that are kept, in another order."""
    start = own.copy()
    start[kept] = random.permutation(own[kept])
    return start


def _signed(size: Rule) -> Rule:
    """Sizes of another rule with the signs that the initial weights have at their places."""

    @functools.wraps(size)
    def rule(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
        return np.abs(size(own, kept, random)) * np.sign(own)

    return rule


def _constant(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
    return np.sign(own) * np.std(own)


def _constant_anywhere(own: Array, kept: NDArray[np.bool_], random: np.random.Generator) -> Array:
    return _permuted(_constant(own, kept, random), kept, random)


_PLAIN = (
    Action("rewind", "kept weights start at their initial values", _rewind),
    Action("reinit", "kept weights start at initial values of the layer, all of which are permuted", _permuted),
    Action("reshuffle", "kept weights start at the initial values of kept ones, permuted", _shuffled),
    Action("signed_reinit", "as reinit, with the sign that the weight had at first", _signed(_permuted)),
    Action("signed_reshuffle", "as reshuffle, with the sign that the weight had at first", _signed(_shuffled)),
    Action("signed_constant", "the sign that the weight had times the layer's standard deviation", _constant),
    Action("random_signed_constant", "as signed_constant, permuted over the layer", _constant_anywhere),
)
_RESCALED = tuple(
    Action(
        f"{one.name}_rescaled",
        f"{one.words}; times number of weights over number kept",
        one.rule,
        rescaled=True,
    )
    for one in _PLAIN
)

MASK1: Mapping[str, Action] = {one.name: one for one in (*_PLAIN, *_RESCALED)}


def action_of(action: str | Action) -> Action:
    """The mask-1 action of that name; an action of one's own is passed on.

    ======================== ==========================================================================
    name                     what kept weights start with
    ======================== ==========================================================================
    rewind                   their initial values
    reinit                   initial values of the layer, all of which are permuted
    reshuffle                the initial values of the kept weights, permuted
    signed_reinit            the size of reinit, the sign that the weight had
    signed_reshuffle         the size of reshuffle, the sign that the weight had
    signed_constant          the sign that the weight had, times the layer's standard deviation
    random_signed_constant   the same, permuted over the layer
    NAME_rescaled            the same as NAME, times number of weights over number kept
    ======================== ==========================================================================

    Args:
        action: a name, or an :class:`Action`.

    Raises:
        UsageError: no action has that name.

    References: Zhou, Lan, Liu and Yosinski, Deconstructing lottery tickets, NeurIPS 2019, section 4.
    """
    if isinstance(action, Action):
        return action
    if not isinstance(action, str) or action not in MASK1:
        raise unknown("mask1", action, MASK1, "Or give an Action(name, words, rule).")
    return MASK1[action]
