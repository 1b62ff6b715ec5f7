"""Minibatch orders on their way to the device: one buffer of fixed shape, refilled a few epochs at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Integer

from overparam.training.orders import draws, orders, steps_per_epoch

BUFFER_BYTES = 32 * 2**20
SEGMENT = 500  # most steps in one call, so that progress is reported and an interrupt is heard


@final
class Feed:
    """Gives, for any step of a run, the buffer that holds its minibatch.

    The buffer keeps one shape over the run, so that one compiled loop serves all of it. It holds whole epochs,
    at least one, and at most ``BUFFER_BYTES`` if an epoch fits.

    Attributes:
        capacity: steps in a buffer.
    """

    def __init__(
        self, seeds: Sequence[int], n: int, batch: int | None, first: int, last: int, sampling: str = "epochs"
    ) -> None:
        """Prepare the steps from ``first`` (included) to ``last`` (excluded); nothing is drawn yet.

        Equal seeds give one stream, which has no axis of members to speak of: the first layer of all members then is one
        product with the examples.
        """
        self._seeds = tuple(seeds) if len(set(seeds)) > 1 else tuple(seeds[:1])
        self._n, self._batch, self._last = n, batch, last
        self._draw = orders if sampling == "epochs" else draws
        self._rows: Integer[Array, "members steps batch"] | None = None
        self._base = 0
        self.capacity = last
        if batch is not None:
            self._epoch = steps_per_epoch(n, batch)
            needed = -(-last // self._epoch) - first // self._epoch
            self._epochs = max(1, min(needed, BUFFER_BYTES // _epoch_bytes(len(self._seeds), n)))
            self.capacity = self._epochs * self._epoch

    def segment(self, step: int, until: int) -> tuple[Integer[Array, "members steps batch"] | None, int, int]:
        """The buffer that holds a step, where it begins, and how far one may go with it.

        Args:
            step: next step.
            until: step not to go beyond.

        Returns:
            The buffer of shape ``(members, capacity, batch)``, or ``(1, capacity, batch)`` where all members have one
            seed (None for the full batch), the step of its first entry, and the end of the segment (excluded).
        """
        end = min(until, step + SEGMENT)
        if self._batch is None:
            return None, 0, end
        if self._rows is None or not self._base <= step < self._base + self.capacity:
            self._fill(step)
        return self._rows, self._base, min(end, self._base + self.capacity)

    def _fill(self, step: int) -> None:
        assert self._batch is not None
        first = step // self._epoch
        stop = min(first + self._epochs, -(-self._last // self._epoch))
        drawn = self._draw(self._seeds, range(first, stop), self._n, self._batch)
        spare = self.capacity - drawn.shape[1]
        self._rows = jnp.asarray(np.pad(drawn, [(0, 0), (0, spare), (0, 0)]) if spare else drawn)
        self._base = first * self._epoch


def _epoch_bytes(members: int, n: int) -> int:
    return members * n * (2 if n <= 1 << 16 else 4)
