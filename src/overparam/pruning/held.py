"""Mask-0 actions: what becomes of pruned weights. They are zero, or frozen, or one or the other by how they moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import UsageError, unknown
from overparam.models.network import PyTree
from overparam.pruning.arrays import called, finite_of, nested, picked, placed
from overparam.pruning.draws import chosen, generator
from overparam.pruning.mask import Mask, is_mask

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Held:
    """What a member is trained with: ``Member(seed, y, mask=held.mask, offset=held.offset)``.

    What the network computes with is ``mask * p + offset``: a kept weight p, and a frozen one exactly the value that
    ``offset`` has there.

    Attributes:
        mask: which weights are kept and trained.
        offset: the values of pruned weights, 0 where a weight is kept; None where all pruned weights are 0.
        start: the weights from which the kept ones start.
    """

    mask: Mask
    offset: PyTree | None
    start: PyTree

    @property
    def frozen(self) -> int:
        """How many pruned weights have a value other than 0."""
        if self.offset is None:
            return 0
        return sum(
            int(np.count_nonzero(one)) for one in picked(self.offset, self.mask.arrays, "offset").values()
        )


@dataclass(frozen=True)
class Hold:
    """A mask-0 action.

    Attributes:
        name: its name.
        words: what it does.
        zeroed: which of the weights that are pruned now become 0: initial weights, final weights, which are pruned now, and
            a generator, to booleans.
        kept_too: whether a kept weight that shrank starts at 0.
    """

    name: str
    words: str
    zeroed: Callable[[Array, Array, NDArray[np.bool_], np.random.Generator], NDArray[np.bool_]] | None
    kept_too: bool = False

    def __call__(
        self,
        mask: Mask,
        initial: PyTree,
        final: PyTree | None = None,
        key: Any = 0,
        *,
        start: PyTree | None = None,
        before: Held | None = None,
    ) -> Held:
        """What a member is trained with under a mask.

        Args:
            mask: which weights are kept now.
            initial: the weights w0 at the start of the round whose end the mask was found at; pruned weights freeze there.
            final: the weights w at its end.
            key: draws which weights become 0, where that is random.
            start: what kept weights start with; None takes ``initial``.
            before: what the round before was trained with; a weight that was pruned by then keeps its value.

        Raises:
            UsageError: weights of another network, final weights that are missing, or a mask that keeps what was pruned
                before.
        """
        is_mask(mask)
        if before is not None and not isinstance(before, Held):
            raise UsageError(f"before: expected what a mask-0 action gave, got {shown(before)}.")
        if before is not None:
            picked(dict(before.mask.arrays), mask.arrays, "before")
        begun = initial if start is None else start
        if self.zeroed is None:
            return Held(mask, None, mask.apply(begun))
        first = _numbers(initial, mask, "initial")
        if final is None and self.name != "freeze":
            raise UsageError(
                f"mask0 '{self.name}': expected the final weights, which it reads, got none. Give final=."
            )
        last = first if final is None else _numbers(final, mask, "final")
        began = _numbers(begun, mask, "start")
        old = None if before is None or before.offset is None else _numbers(before.offset, mask, "before")
        offsets, starts = {}, {}
        for path, one in mask:
            kept = one == 1
            was = np.ones_like(kept) if before is None else before.mask.arrays[path] == 1
            if (kept & ~was).any():
                raise UsageError(f"mask: expected weights that were kept before, got others at {path}.")
            random = generator(key, f"zeros of {path}")
            zero = self._zero(path, first[path], last[path], was & ~kept, random)
            value = np.where(zero, 0.0, first[path])
            if before is not None:
                value = np.where(was, value, 0.0 if old is None else old[path])
            offsets[path] = np.where(kept, 0.0, value).astype(np.float32)
            shrank = _shrank(first[path], last[path]) if self.kept_too else np.zeros_like(kept)
            starts[path] = np.where(kept & ~shrank, began[path], 0.0).astype(began[path].dtype)
        return Held(mask, nested(offsets), placed(begun, starts))

    def _zero(self, path: str, first: Array, last: Array, pruned: Array, random: Any) -> NDArray[np.bool_]:
        assert self.zeroed is not None
        what = f"mask0 '{self.name}'"
        expected = "booleans for a layer from zeroed(initial, final, pruned, random)"
        zero = np.asarray(called(what, expected, self.zeroed, first, last, pruned, random))
        if zero.dtype != np.bool_ or zero.shape != pruned.shape:
            raise UsageError(f"{what}: expected {expected}, got {zero.dtype} of shape {zero.shape} for {path}.")
        return zero


def _numbers(tree: PyTree, mask: Mask, name: str) -> dict[str, Array]:
    return {path: finite_of(one, f"{name}: {path}") for path, one in picked(tree, mask.arrays, name).items()}


def _shrank(initial: Array, final: Array) -> NDArray[np.bool_]:
    return np.abs(initial) > np.abs(final)


def _none(initial: Array, final: Array, pruned: NDArray[np.bool_], random: Any) -> NDArray[np.bool_]:
    return np.zeros_like(pruned)


def _which_shrank(initial: Array, final: Array, pruned: NDArray[np.bool_], random: Any) -> NDArray[np.bool_]:
    return _shrank(initial, final)


def _which_grew(initial: Array, final: Array, pruned: NDArray[np.bool_], random: Any) -> NDArray[np.bool_]:
    return np.abs(initial) < np.abs(final)


def _as_many(
    initial: Array, final: Array, pruned: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """As many of the pruned weights as shrank, at random places among them."""
    places = np.flatnonzero(pruned)
    many = int(np.count_nonzero(_shrank(initial, final) & pruned))
    return chosen(places, many, pruned.shape, random) == 1


MASK0: Mapping[str, Hold] = {
    one.name: one
    for one in (
        Hold("zero", "pruned weights are 0", None),
        Hold("freeze", "pruned weights stay at their initial values", _none),
        Hold(
            "zero_if_shrank",
            "pruned weights that shrank are 0, the others stay at their initial values",
            _which_shrank,
        ),
        Hold(
            "zero_all_shrunk",
            "as zero_if_shrank, and kept weights that shrank start at 0",
            _which_shrank,
            kept_too=True,
        ),
        Hold(
            "zero_if_grew",
            "control: pruned weights that grew are 0, the others stay at their initial values",
            _which_grew,
        ),
        Hold(
            "zero_as_many",
            "control: of the pruned weights as many are 0 as shrank, at random places; the others stay",
            _as_many,
        ),
    )
}


def hold_of(action: str | Hold) -> Hold:
    """The mask-0 action of that name; an action of one's own is passed on.

    =============== =================================================================================
    name            what becomes of pruned weights
    =============== =================================================================================
    zero            they are 0
    freeze          they stay at their initial values
    zero_if_shrank  those that shrank (initial size above the final one) are 0, the others stay
    zero_all_shrunk the same, and kept weights that shrank start at 0
    zero_if_grew    control: those that grew are 0, the others stay
    zero_as_many    control: as many are 0 as shrank, at random places; the others stay
    =============== =================================================================================

    Args:
        action: a name, or a :class:`Hold`.

    Raises:
        UsageError: no action has that name.

    References: Zhou, Lan, Liu and Yosinski, Deconstructing lottery tickets, NeurIPS 2019, section 5; ``zero_if_shrank``
        and ``zero_all_shrunk`` are its variants 1 and 2.
    """
    if isinstance(action, Hold):
        return action
    if not isinstance(action, str) or action not in MASK0:
        raise unknown("mask0", action, MASK0, "Or give a Hold(name, words, zeroed).")
    return MASK0[action]
