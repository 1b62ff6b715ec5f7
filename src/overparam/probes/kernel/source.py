"""Where the factors of a kernel come from: one way of one back end to take the Jacobian of a block of examples apart."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np

from overparam.operators import Model
from overparam.operators.batches import Batch
from overparam.probes.kernel.factors import Factor


class Source(abc.ABC):
    """A way to take the Jacobian of examples apart.

    Attributes:
        method: ``rows`` or ``structured``.
        model: any model of the network with these parameters.
        chosen: the outputs, by index, that derivatives are taken of.
        wide: whether factors are given in float64.
        notes: what was found, one sentence each.
    """

    method: str

    def __init__(self, model: Model, chosen: tuple[int, ...], wide: bool) -> None:
        self.model, self.chosen, self.wide = model, chosen, wide
        self.notes: list[str] = []
        self._first: tuple[Model, int, list[Factor]] | None = None

    @abc.abstractmethod
    def factors(self, batch: Batch) -> list[Factor]:
        """Factors of the examples of a batch, whose kernels add up; always the same ones in the same order."""

    @abc.abstractmethod
    def sizes(self, batch: Batch) -> tuple[float, float]:
        """Bytes an example of the factors, and of what is needed beside them while they are made."""

    def sample(self, model: Model, most: int) -> Batch:
        """Examples to find sizes with."""
        return next(self.blocks(model, most))[1]

    @abc.abstractmethod
    def joined(self, leaves: list[Any]) -> Any:
        """Arrays one behind the other along the examples."""

    def without(self, names: tuple[str, ...]) -> Source | None:
        """The same with explicit rows for some parameters; None where there is no such way."""
        return None

    def given(self, tile: Any) -> np.ndarray:
        """A tile of the kernel in NumPy."""
        return tile if isinstance(tile, np.ndarray) else self.model.host(tile)

    def weights(self, array: np.ndarray, like: Any) -> Any:
        """An array of NumPy where the factors live."""
        wide = np.asarray(array, np.float64 if self.wide else self.model.dtype)
        return wide if isinstance(like, np.ndarray) else self.model.native(wide)

    def blocks(self, model: Model, most: int) -> Iterator[tuple[int, Batch]]:
        """The data of a model in blocks of at most so many examples, each with the index of its first example.

        Batches are cut where they are larger and joined where they are smaller.
        """
        at, held = 0, None
        for batch in model.batches():
            for piece in _cut(batch, most):
                joined = self._with(held, piece, most)
                if joined is None:
                    if held is not None:
                        yield at, held
                        at += held.count
                    joined = piece
                held = joined
        if held is not None:
            yield at, held

    def made(
        self, model: Model, most: int, skip: int = 0, last: bool = False
    ) -> Iterator[tuple[int, Batch, list[Factor]]]:
        """Blocks of a model with their factors; those of the first block are kept until they are used last.

        Args:
            model: whose data.
            most: examples in a block.
            skip: blocks that are left out.
            last: whether this is the last time that the first block is asked for.
        """
        for at, (start, batch) in enumerate(self.blocks(model, most)):
            if at < skip:
                continue
            if at:
                yield start, batch, self.factors(batch)
                continue
            if self._first is None or self._first[0] is not model or self._first[1] != batch.count:
                self._first = (model, batch.count, self.factors(batch))
            found = self._first[2]
            if last:
                self._first = None
            yield start, batch, found

    def _with(self, held: Batch | None, piece: Batch, most: int) -> Batch | None:
        """Two batches as one, or None where they are too many or of other shapes."""
        if held is None or held.count + piece.count > most:
            return None
        one, other = _inputs(held), _inputs(piece)
        pairs = list(zip(one.leaves(), other.leaves(), strict=False))
        if len(one.leaves()) != len(other.leaves()) or not all(
            a.shape[:1] == (held.count,) and b.shape[:1] == (piece.count,) and a.shape[1:] == b.shape[1:]
            for a, b in pairs
        ):
            return None
        parts = iter(pairs)
        whole = one.mapped(lambda leaf: self.joined(list(next(parts))))
        return Batch(whole.args, whole.named, None, held.count + piece.count)


def _inputs(batch: Batch) -> Batch:
    return Batch(batch.args, batch.named, None, batch.count)


def _cut(batch: Batch, most: int) -> Iterator[Batch]:
    whole = _inputs(batch)
    parts = -(-batch.count // most)
    size = -(-batch.count // parts)
    if parts == 1:
        yield whole
        return
    for start in range(0, batch.count, size):
        yield whole.rows(start, min(start + size, batch.count))
