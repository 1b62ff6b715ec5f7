"""Kernels from products with the Jacobian alone: no rows, little memory, many passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from overparam.core.errors import OverparamError, UsageError
from overparam.operators import Model
from overparam.operators.batches import Batch
from overparam.probes.kernel.asked import Asked
from overparam.probes.kernel.plan import Plan, said, short

ORDER = {
    "jacobian": (1, -1, 0),
    "transpose": (-1, 0),
}  # of ways that keep nothing first, and need nothing loaded


class Derivatives:
    """``J v`` and ``J^T u`` of a model by the first ways that work, without the trial that many products would repay."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._way: dict[str, Callable[[Batch], Callable[[np.ndarray], np.ndarray]]] = {}

    def batch(self, kind: str, batch: Batch, vector: np.ndarray) -> np.ndarray:
        """The product of one batch, flat.

        Args:
            kind: ``jacobian`` or ``transpose``.
            batch: of the model.
            vector: flat.
        """
        batch = Batch(batch.args, batch.named, None, batch.count)  # one program, whatever the targets are
        native = self.model.native(np.ascontiguousarray(vector, self.model.dtype))
        if kind in self._way:
            return self.model.host(self._way[kind](batch)(native)).reshape(-1)
        ways = self.model.ways(kind)
        failed = []
        for at in ORDER[kind]:
            try:
                found = self.model.host(ways[at].make(batch)(native)).reshape(-1)
            except OverparamError:
                raise
            except Exception as error:
                failed.append(f"{ways[at].name}: {type(error).__name__}")
                continue
            self._way[kind] = ways[at].make
            return found
        raise UsageError(
            f"model: expected derivatives that a {kind} product can be made of, got none that works: {'; '.join(failed)}."
        )

    def transpose(self, weights: np.ndarray) -> np.ndarray:
        """``J^T u`` over all data; u of shape ``(n, C)``."""
        at, total = 0, np.zeros(self.model.size, self.model.dtype)
        for batch in self.model.batches():
            total += self.batch("transpose", batch, weights[at : at + batch.count].reshape(-1))
            at += batch.count
        return total

    def jacobian(self, vector: np.ndarray) -> np.ndarray:
        """``J v`` over all data, shape ``(n, C)``."""
        found = [
            self.batch("jacobian", batch, vector).reshape(batch.count, -1) for batch in self.model.batches()
        ]
        return np.concatenate(found)


def planned(ask: Asked) -> Plan:
    """The memory of products: the kernel and a few vectors.

    Raises:
        UsageError: it is more than the memory that is given.
    """
    numbers = 4 * ask.first.size + 4 * (ask.first.rows + ask.second.rows)
    need = ask.matrix_bytes + numbers * ask.first.dtype.itemsize
    if need > ask.memory:
        raise short(ask, "products", need)
    return Plan(1, False, 1, need)


def by_products(ask: Asked) -> np.ndarray:
    """The kernel column by column: ``J (J^T e)`` for every example and output of the columns.

    Args:
        ask: what is asked.
    """
    out = np.zeros(ask.shape, ask.dtype)
    first, second = Derivatives(ask.first), Derivatives(ask.second)
    with ask.first.quiet():
        j = 0
        for batch in ask.second.batches():
            for at in range(batch.count):
                alone = batch.rows(at, at + 1)
                for c in ask.chosen:
                    unit = np.zeros(ask.classes)
                    unit[c] = 1.0
                    column = first.jacobian(second.batch("transpose", alone, unit))
                    if ask.outputs == "full":
                        out[:, :, j, c] = column
                    elif ask.outputs == "each":
                        out[c, :, j] = column[:, c]
                    else:
                        out[:, j] += column[:, c] / len(ask.chosen)
                j += 1
    return out


def cost_in_words(ask: Asked) -> str:
    """How many passes it takes."""
    columns = ask.second.examples * len(ask.chosen)
    return f"{columns:,} products J (J^T e), {said(planned(ask).bytes)}"
