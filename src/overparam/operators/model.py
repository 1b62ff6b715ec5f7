"""One model on its data, of any framework: outputs, loss, gradient and products with its derivatives."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import Batch
from overparam.operators.layout import Layout
from overparam.operators.objective import Objective
from overparam.operators.ways import Chosen, Way, choose

KINDS = ("jacobian", "transpose", "hessian", "gauss_newton")
MEMORY = 1e9
PRODUCTS = 20


@dataclass(frozen=True)
class Settings:
    """How products are computed.

    Attributes:
        memory: bytes that kept graphs may take, all batches together.
        products: over how many products the building of a graph is spread when ways are compared.
        way: a way by name, instead of the fastest.
    """

    memory: float = MEMORY
    products: int = PRODUCTS
    way: str | None = None


class Model(abc.ABC):
    """A model with its parameters, its data and its loss, as functions of one flat vector.

    Vectors are NumPy arrays of the type of the parameters; how they are laid out is in ``layout``. What a batch gives is
    always a sum over its examples, and the whole is divided once, so batches of unequal sizes weigh what they hold.

    Attributes:
        layout: names and shapes of the parameters.
        objective: the loss and its convention.
        dtype: of the parameters, and so of every result.
        notes: what was found and done at opening, one sentence each.
    """

    layout: Layout
    objective: Objective
    dtype: np.dtype
    notes: tuple[str, ...]
    settings: Settings
    back_end: ClassVar[str]

    def __init__(
        self, layout: Layout, objective: Objective, dtype: np.dtype, notes: tuple[str, ...], settings: Settings
    ) -> None:
        self.layout, self.objective, self.dtype = layout, objective, dtype
        self.notes, self.settings = notes, settings
        self._chosen: dict[str, Chosen] = {}
        self._kept: dict[tuple[str, int], tuple[Callable[[Any], Any], float]] = {}
        self._sizes: tuple[int, tuple[int, ...], float] | None = None

    # what a back end is
    @abc.abstractmethod
    def batches(self) -> Iterator[Batch]:
        """The data in the back end's arrays, in one order."""

    @abc.abstractmethod
    def ways(self, kind: str) -> tuple[Way, ...]:
        """How products of a kind can be computed, the likely fastest first."""

    @abc.abstractmethod
    def native(self, vector: np.ndarray) -> Any:
        """A vector in the back end's arrays."""

    @abc.abstractmethod
    def host(self, array: Any) -> np.ndarray:
        """An array of the back end in NumPy."""

    @abc.abstractmethod
    def batch_outputs(self, batch: Batch) -> Any:
        """Outputs of a batch, as they come."""

    @abc.abstractmethod
    def batch_loss(self, batch: Batch) -> tuple[float, Any]:
        """Sum of the losses of a batch, and its gradient as one vector of the back end."""

    @abc.abstractmethod
    def batch_curvature(self, batch: Batch) -> Any:
        """Second derivatives of the losses of a batch by its outputs, one block an example, shape ``(count, C, C)``."""

    @abc.abstractmethod
    def vector(self) -> np.ndarray:
        """The parameters as one flat vector."""

    @abc.abstractmethod
    def at(self, vector: np.ndarray) -> Model:
        """The same model on the same data with other parameters.

        Args:
            vector: shape ``(size,)``.
        """

    @abc.abstractmethod
    def only(self, layers: str | tuple[str, ...] | list[str]) -> Model:
        """The same model as a function of some of its parameters; the others are held.

        Args:
            layers: patterns of names, see :meth:`~overparam.operators.layout.Layout.matching`.
        """

    @abc.abstractmethod
    def under(self, objective: Objective) -> Model:
        """The same model on the same data with another loss.

        Args:
            objective: made of the back end's own functions.
        """

    def shape_of(self, batch: Batch) -> tuple[int, ...]:
        """Shape of the outputs of one example."""
        return tuple(self.batch_outputs(batch).shape[1:])

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """What must hold while the model is called."""
        return contextlib.nullcontext()

    def wait(self) -> None:  # noqa: B027
        """Return when the device has finished."""

    timed: ClassVar[bool] = False

    # what follows
    @property
    def size(self) -> int:
        """How many parameters there are."""
        return self.layout.size

    @property
    def examples(self) -> int:
        """How many examples the data hold."""
        return self._measured()[0]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the outputs of one example."""
        return self._measured()[1]

    @property
    def divisor(self) -> float:
        """What the sum of losses is divided by: 1 for a sum."""
        return self._measured()[2] if self.objective.mean else 1.0

    @property
    def rows(self) -> int:
        """How many outputs there are: rows of the Jacobian."""
        return self.examples * int(np.prod(self.output_shape))

    @property
    def convention(self) -> str:
        """How the loss is summed, in one sentence."""
        return self.objective.said(self._measured()[2])

    @property
    def costs(self) -> Mapping[str, str]:
        """Which way was chosen for each kind of product, and why, in words."""
        return {kind: chosen.words for kind, chosen in self._chosen.items()}

    def outputs(self) -> np.ndarray:
        """Outputs of all examples, shape ``(examples, *output_shape)``."""
        with self.quiet():
            return np.concatenate([self.host(self.batch_outputs(batch)) for batch in self.batches()])

    def output_curvature(self) -> np.ndarray:
        """Second derivative of each example's loss by its own outputs, H_i of the Gauss-Newton matrix, not divided.

        Returns:
            Shape ``(examples, C, C)``, C the number of outputs of one example.

        Raises:
            UsageError: the model was opened without a loss.
        """
        self.check_loss()
        with self.quiet():
            return np.concatenate([self.host(self.batch_curvature(batch)) for batch in self.batches()])

    def loss(self) -> float:
        """The loss in its own convention."""
        return self.loss_and_gradient()[0]

    def gradient(self) -> np.ndarray:
        """Its gradient, shape ``(size,)``."""
        return self.loss_and_gradient()[1]

    def loss_and_gradient(self) -> tuple[float, np.ndarray]:
        """The loss in its own convention, and its gradient, shape ``(size,)``.

        Raises:
            UsageError: the model was opened without a loss.
            DataError: they are not finite.
        """
        self.check_loss()
        with self.quiet():
            found = [self.batch_loss(batch) for batch in self.batches()]
            loss = sum(one for one, _ in found)
            gradient = self.host(_sum([one for _, one in found]))
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise DataError(
                f"loss: expected finite numbers, got a loss of {loss:g} and a gradient that may not be finite."
            )
        return loss / self.divisor, gradient / self.dtype.type(self.divisor)

    def product(self, kind: str, vector: np.ndarray) -> np.ndarray:
        """A product with a derivative of the model.

        Args:
            kind: ``jacobian`` J v, ``transpose`` J^T u, ``hessian`` H v of the loss, or ``gauss_newton`` G v with
                ``G = sum_i J_i^T H_i J_i``, H_i the Hessian of an example's loss by its outputs; both as the loss is divided.
            vector: shape ``(size,)``, or ``(rows,)`` for ``transpose``; a complex one is taken in two parts.

        Returns:
            Shape ``(size,)``, or ``(rows,)`` for ``jacobian``.

        Raises:
            UsageError: another kind or shape, or a model without a loss.
        """
        if kind not in KINDS:
            raise UsageError(f"kind: expected one of {', '.join(KINDS)}, got '{kind}'.")
        if kind in ("hessian", "gauss_newton"):
            self.check_loss()
        given = np.asarray(vector)
        length = self.rows if kind == "transpose" else self.size
        if given.shape != (length,) or given.dtype.kind not in "fiubc":
            raise UsageError(
                f"vector: expected real numbers of shape ({length},), got {given.dtype} of {given.shape}."
            )
        if given.dtype.kind == "c":
            return self.product(kind, given.real) + 1j * self.product(kind, given.imag)
        with self.quiet():
            return self._product(kind, self.native(np.ascontiguousarray(given, self.dtype)))

    def release(self) -> None:
        """Let go of kept graphs and what they hold in memory; the next product builds them anew."""
        self._kept.clear()

    def _product(self, kind: str, vector: Any) -> np.ndarray:
        if kind not in self._chosen:
            self._chosen[kind] = choose(self, kind, vector)
        found, at = [], 0
        for index, batch in enumerate(self.batches()):
            rows = batch.count * int(np.prod(self.output_shape))
            part = vector[at : at + rows] if kind == "transpose" else vector
            found.append(self._ready(kind, index, batch)(part))
            at += rows
        if kind == "jacobian":
            return np.concatenate([self.host(one).reshape(-1) for one in found])
        total = self.host(_sum(found))
        return total if kind == "transpose" else total / self.dtype.type(self.divisor)

    def _ready(self, kind: str, index: int, batch: Batch) -> Callable[[Any], Any]:
        """The product of a batch, ready to be called, kept as far as the memory goes."""
        chosen = self._chosen[kind]
        if chosen.kept is None:
            return chosen.plain.make(batch)
        if (kind, index) in self._kept:
            return self._kept[kind, index][0]
        need = chosen.bytes * batch.count
        if need > self.settings.memory - self._held(kind):
            return chosen.plain.make(batch)
        if need > self.settings.memory - self._held():
            self._kept = {key: one for key, one in self._kept.items() if key[0] == kind}
        self._kept[kind, index] = (chosen.kept.make(batch), need)
        return self._kept[kind, index][0]

    def _held(self, kind: str | None = None) -> float:
        return sum(size for (one, _), (_, size) in self._kept.items() if kind in (None, one))

    def _measured(self) -> tuple[int, tuple[int, ...], float]:
        """Number of examples, shape of one output, and what the mean is divided by; found by one pass."""
        if self._sizes is None:
            number, divisor = 0, 0.0
            shape: tuple[int, ...] | None = None
            with self.quiet():
                for batch in self.batches():
                    if shape is None:
                        shape = self.shape_of(batch.rows(0, 1))
                    number += batch.count
                    divisor += self.objective.counted((batch.count, *shape), batch)
            if shape is None:
                raise DataError("data: expected at least one example, got none.")
            if divisor <= 0:
                raise DataError("data: expected at least one label that counts, got none but ignored ones.")
            self._sizes = (number, shape, divisor)
        return self._sizes

    def check_loss(self) -> None:
        """Raise unless the model was opened with a loss.

        Raises:
            UsageError: it was not.
        """
        if self.objective.total is None:
            raise UsageError(
                "loss: expected a model that was opened with targets and a loss, got one without. Give (inputs, targets)."
            )


def _sum(parts: list[Any]) -> Any:
    total = parts[0]
    for one in parts[1:]:
        total = total + one
    return total
