"""Minibatch orders, drawn on the host and keyed by (seed, epoch), never by history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

from overparam.core.checked import count
from overparam.core.errors import UsageError

_STREAM = 0x0DE5  # keeps these draws apart from other uses of the same seed
_DRAWS = 0x0DE6


def steps_per_epoch(n: int, batch: int) -> int:
    """Number of whole minibatches in an epoch; the incomplete last one is dropped.

    Every epoch is shuffled anew, so which examples are dropped changes from epoch to epoch.

    Args:
        n: number of training examples.
        batch: examples a minibatch.

    Returns:
        ``n // batch``.

    Raises:
        UsageError: the minibatch is larger than the training set, or a number is no count.

    >>> steps_per_epoch(4000, 100), steps_per_epoch(1050, 100)
    (40, 10)
    """
    n, batch = count(n, "n"), count(batch, "batch")
    if batch > n:
        raise UsageError(
            f"batch: expected at most the {n} training examples, got {batch}. "
            "Use a smaller batch, or batch=None for the full batch."
        )
    return n // batch


def orders(
    seeds: Sequence[int], epochs: range, n: int, batch: int
) -> Integer[np.ndarray, "members steps batch"]:
    """Row numbers of the minibatches of some epochs.

    The permutation of an epoch depends on (seed, epoch, n) alone: a run that is split anywhere sees the same
    batches as a whole one, and two members with one seed see the same order.

    Args:
        seeds: one seed a member; equal seeds are drawn once.
        epochs: the epochs wanted, for instance ``range(0, 3)``.
        n: number of training examples.
        batch: examples a minibatch.

    Returns:
        Shape ``(members, steps, batch)`` with ``steps = len(epochs) * (n // batch)``; uint16 while n is at most
        65,536, else int32.

    Raises:
        UsageError: the minibatch is larger than the training set, or a number is no count.

    >>> drawn = orders([7], range(2), n=6, batch=3)
    >>> drawn.shape, sorted(drawn[0, :2].ravel().tolist())
    ((1, 4, 3), [0, 1, 2, 3, 4, 5])
    """
    steps = steps_per_epoch(n, batch)
    kind = np.uint16 if n <= 1 << 16 else np.int32
    drawn = {seed: np.empty((len(epochs) * steps, batch), kind) for seed in seeds}
    for seed, rows in drawn.items():
        for i, epoch in enumerate(epochs):
            order = np.random.default_rng((_STREAM, seed, epoch)).permutation(n)
            rows[i * steps : (i + 1) * steps] = order[: steps * batch].reshape(steps, batch)
    return np.stack([drawn[seed] for seed in seeds])


def draws(
    seeds: Sequence[int], epochs: range, n: int, batch: int
) -> Integer[np.ndarray, "members steps batch"]:
    """Row numbers of minibatches whose examples are drawn independently, with replacement.

    An "epoch" is ``n // batch`` steps, as for :func:`orders`; what is drawn in it depends on (seed, epoch, n) alone.

    Args:
        seeds: one seed a member; equal seeds are drawn once.
        epochs: the epochs wanted.
        n: number of training examples.
        batch: examples a minibatch.

    Returns:
        As :func:`orders`.

    Raises:
        UsageError: the minibatch is larger than the training set.
    """
    steps = steps_per_epoch(n, batch)
    kind = np.uint16 if n <= 1 << 16 else np.int32
    drawn = {}
    for seed in dict.fromkeys(seeds):
        random = (np.random.default_rng((_DRAWS, seed, epoch)) for epoch in epochs)
        drawn[seed] = np.concatenate([one.integers(n, size=(steps, batch)).astype(kind) for one in random])
    return np.stack([drawn[seed] for seed in seeds])
