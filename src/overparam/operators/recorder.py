"""What is noted of a pass: which arrays enter which products and sums, and the inputs of ReLUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from overparam.operators.unfolding import Unfolding


@dataclass(frozen=True)
class Seen:
    """What one pass did.

    Attributes:
        unfoldings: of the arrays that entered a product, in the order of their first use.
        order: ``(what, name)`` of every use of an array in order: ``product``, or ``sum`` for one added to other numbers.
        operations: names of all operations, as their back end has them.
        products: how many products there were; some may be of no named array.
        unclear: arrays of which no unfolding is known, each with the reason.
    """

    unfoldings: Mapping[str, Unfolding]
    order: tuple[tuple[str, str], ...]
    operations: frozenset[str]
    products: int
    unclear: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Gate:
    """The inputs of one ReLU at the examples of a batch.

    Attributes:
        name: its number in the pass, and the array that was last multiplied by: ``relu1 after layers.0.weight``.
        values: shape ``(examples, units)``, units in C order, or ``(1, all)`` where the examples have no axis of their own.
        apart: whether the rows are the examples.
    """

    name: str
    values: np.ndarray
    apart: bool


class Recorder:
    """Uses of arrays as a back end meets them.

    Attributes:
        order: as in :class:`Seen`.
        products: as in :class:`Seen`.
        operations: as in :class:`Seen`.
        other: names of kinks that are none of a ReLU's at zero.
    """

    def __init__(self) -> None:
        self.order: list[tuple[str, str]] = []
        self.products = 0
        self.operations: set[str] = set()
        self.last = ""
        self.gates = 0
        self._found: dict[str, Unfolding] = {}
        self._unclear: dict[str, str] = {}

    def product(self, name: str | None, how: Unfolding | None) -> None:
        """A product; with the array ``name``, where it is one of the model's."""
        self.products += 1
        if name is None:
            return
        self.order.append(("product", name))
        self.last = name
        if how is None:
            self._unclear[name] = "it is changed before it enters a product"
        elif name in self._found and not how.same(self._found[name]):
            self._unclear[name] = "it enters two products in two ways"
        else:
            self._found.setdefault(name, how)

    def table(self, name: str) -> None:
        """Rows that are looked up in an array of two axes."""
        self.order.append(("table", name))
        self._found.setdefault(name, Unfolding((1,), (0,), kind="table"))

    def sum(self, name: str) -> None:
        """An array added to other numbers."""
        self.order.append(("sum", name))

    def gate(self) -> str:
        """A name for the next ReLU."""
        self.gates += 1
        return f"relu{self.gates}" + (f" after {self.last}" if self.last else "")

    def seen(self) -> Seen:
        """What was met."""
        kept = {name: how for name, how in self._found.items() if name not in self._unclear}
        return Seen(kept, tuple(self.order), frozenset(self.operations), self.products, dict(self._unclear))


def by_example(values: np.ndarray, axis: int | None) -> tuple[np.ndarray, bool]:
    """Values with the examples first and everything else flat, and whether that could be done.

    Args:
        values: inputs of a ReLU.
        axis: of the examples; None where they have none.
    """
    if axis is None:
        return values.reshape(1, -1), False
    moved = np.moveaxis(values, axis, 0)
    return moved.reshape(len(moved), -1), True


def axis_of(shorter: tuple[int, ...], longer: tuple[int, ...]) -> int | None:
    """The axis that grew by the one example that was added; None where it is not one alone, or another size.

    >>> axis_of((5, 2), (5, 3)), axis_of((10, 4), (15, 4))
    (1, None)
    """
    grown = [i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b]
    if len(shorter) != len(longer) or len(grown) != 1 or (shorter[grown[0]], longer[grown[0]]) != (2, 3):
        return None
    return grown[0]
