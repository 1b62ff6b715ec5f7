"""What a pass of a model is made of, watched from outside: products with its arrays, and the inputs of its ReLUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.model import Model
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


def see(model: Model) -> Seen:
    """What a pass of the model is made of, without a change to it; cost: one pass over two examples.

    Args:
        model: of :func:`overparam.operators.open_model`.

    Raises:
        UsageError: something else than a model.
    """
    return _back_end(model).see(model)


def gates(model: Model) -> Iterator[list[Gate]]:
    """The inputs of every ReLU of the model, batch by batch; cost: one pass.

    A ReLU is what passes its input above zero, and below zero gives 0 or a multiple of it: relu, leaky relu, PReLU and ReLU6,
    as modules or functions. ELU, GELU, SiLU and softplus are none.

    Args:
        model: of :func:`overparam.operators.open_model`.

    Raises:
        UsageError: something else than a model, one without a ReLU, or with one inside a compiled loop.
    """
    found = False
    for one in _back_end(model).gates(model):
        if not one:
            break
        found = True
        yield one
    if not found:
        raise UsageError(
            "model: expected a network with ReLUs (relu, leaky relu, PReLU, ReLU6), got one in whose pass none was seen. Smooth "
            "activations have no pattern of signs: compare outputs or kernels instead."
        )


def _back_end(model: Any) -> Any:
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    if model.back_end == "torch":
        from overparam.operators import torch_seen

        return torch_seen
    from overparam.operators import jax_seen

    return jax_seen


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
