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
from overparam.operators.telling import told_of
from overparam.operators.ways import Chosen, Way, choose

KINDS = ("jacobian", "transpose", "hessian", "gauss_newton")
MEMORY = 1e9
PRODUCTS = 20
BLOCK = 16  # vectors that are multiplied at once
ROWS = 8  # examples of a batch that are looked at first


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
        self._single: set[str] = set()
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

    def described(self, batch: Batch) -> Any:
        """Outputs of a batch, or what tells their shape and type, whichever is cheaper."""
        return self.batch_outputs(batch)

    @abc.abstractmethod
    def under(self, objective: Objective) -> Model:
        """The same model on the same data with another loss.

        Args:
            objective: made of the back end's own functions.
        """

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """What must hold while the model is called."""
        return contextlib.nullcontext()

    def wait(self) -> None:  # noqa: B027
        """Return when the device has finished."""

    timed: ClassVar[bool] = False
    advice = ""  # what to do where a first pass fails
    worth: ClassVar[int] = 2  # how many vectors are worth a product of several at once

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
        return self.objective.said(self._measured()[2], len(self.output_shape) > 1)

    @property
    def costs(self) -> Mapping[str, str]:
        """Which way was chosen for each kind of product, and why, in words."""
        return {kind: chosen.words for kind, chosen in self._chosen.items()}

    def outputs(self) -> np.ndarray:
        """Outputs of all examples, shape ``(examples, *output_shape)``.

        Raises:
            DataError: some are missing or infinite.
        """
        with self.quiet():
            found = []
            for index, batch in enumerate(self.batches()):
                with told_of(f"model: expected outputs of batch {index}"):
                    found.append(self.host(self.batch_outputs(batch)))
                if not np.isfinite(found[-1]).all():
                    raise DataError(f"model: expected finite outputs, got some that are not in batch {index}.")
            return np.concatenate(found)

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
            loss, total = 0.0, None
            for index, batch in enumerate(self.batches()):
                with told_of(f"model: expected loss and gradient of batch {index}"):
                    one, gradient = self.batch_loss(batch)
                loss, total = loss + one, gradient if total is None else total + gradient
                if not np.isfinite(loss):
                    raise DataError(f"loss: expected finite numbers, got {one:g} in batch {index}.")
            gradient = self.host(total)
        if not np.isfinite(gradient).all():
            raise DataError("loss: expected a finite gradient, got numbers that are missing or infinite.")
        return loss / self.divisor, gradient / self.dtype.type(self.divisor)

    def product(self, kind: str, vector: np.ndarray) -> np.ndarray:
        """A product with a derivative of the model.

        Args:
            kind: ``jacobian`` J v, ``transpose`` J^T u, ``hessian`` H v of the loss, or ``gauss_newton`` G v with
                ``G = sum_i J_i^T H_i J_i``, H_i the Hessian of an example's loss by its outputs; both as the loss is divided.
            vector: shape ``(size,)``, or ``(rows,)`` for ``transpose``; or several as columns, ``(size, columns)``, which are
                multiplied together where that is faster; complex ones are taken in two parts.

        Returns:
            Shape ``(size,)``, or ``(rows,)`` for ``jacobian``; with as many columns as were given.

        Raises:
            UsageError: another kind or shape, or a model without a loss.
            DataError: a product that is not finite.
        """
        if kind not in KINDS:
            raise UsageError(f"kind: expected one of {', '.join(KINDS)}, got '{kind}'.")
        if kind in ("hessian", "gauss_newton"):
            self.check_loss()
        given = np.asarray(vector)
        length = self.rows if kind == "transpose" else self.size
        if given.ndim not in (1, 2) or given.shape[0] != length or given.dtype.kind not in "fiubc":
            raise UsageError(
                f"vector: expected real numbers of shape ({length},) or ({length}, columns), got {given.dtype} of {given.shape}."
            )
        if given.dtype.kind == "c":
            return self.product(kind, given.real) + 1j * self.product(kind, given.imag)
        with self.quiet():
            if given.ndim == 2:
                return self._columns(kind, given)
            return self._product(kind, self.native(np.ascontiguousarray(given, self.dtype)))

    def release(self) -> None:
        """Let go of kept graphs and what they hold in memory; the next product builds them anew."""
        self._kept.clear()

    def _product(self, kind: str, vector: Any) -> np.ndarray:
        self._choose(kind, vector)
        found, at = [], 0
        for index, batch in enumerate(self.batches()):
            rows = batch.count * int(np.prod(self.output_shape))
            part = vector[at : at + rows] if kind == "transpose" else vector
            with told_of(f"model: expected a {kind.replace('_', '-')} product of batch {index}"):
                found.append(self._ready(kind, index, batch)[0](part))
            at += rows
        rowwise = kind == "jacobian"
        return self._divided(
            kind,
            np.concatenate([self.host(one).reshape(-1) for one in found])
            if rowwise
            else self.host(_sum(found)),
        )

    def _choose(self, kind: str, vector: Any) -> None:
        """Decide how products of a kind are computed, unless it is decided."""
        if kind in self._chosen:
            return
        self._chosen[kind], made = choose(self, kind, vector)
        first = next(iter(self.batches())).count * self._chosen[kind].bytes
        if made is not None and first <= self.settings.memory - self._held():
            self._kept[kind, 0] = (made, first)

    def _columns(self, kind: str, given: np.ndarray) -> np.ndarray:
        """Products with several vectors, as columns: a graph that is not kept is built once for all of them."""
        width = given.shape[1]
        whole = np.zeros((self.rows if kind == "jacobian" else self.size, width), self.dtype)
        if not width:
            return whole
        vectors, at = self.native(np.ascontiguousarray(given.T, self.dtype)), 0
        self._choose(kind, vectors[0])
        for index, batch in enumerate(self.batches()):
            rows = batch.count * int(np.prod(self.output_shape))
            part = vectors[:, at : at + rows] if kind == "transpose" else vectors
            with told_of(f"model: expected {width} {kind.replace('_', '-')} products of batch {index}"):
                found = self._several(kind, index, batch, part, width)
            if kind == "jacobian":
                whole[at : at + rows] = found.T
            else:
                whole += found.T
            at += rows
        return self._divided(kind, whole)

    def _several(self, kind: str, index: int, batch: Batch, vectors: Any, width: int) -> np.ndarray:
        """Products of a batch with each of several vectors, in blocks where the way takes them and the memory is there."""
        made, way = self._ready(kind, index, batch, several=True)
        need = self._chosen[kind].bytes * batch.count
        block = min(BLOCK, int(self.settings.memory // need) if need else BLOCK)
        if way.several and width >= self.worth and block > 1 and kind not in self._single:
            try:
                parts = [self.host(made(vectors[at : at + block])) for at in range(0, width, block)]
                return np.concatenate([part.reshape(len(part), -1) for part in parts])
            except Exception:  # an operation that cannot be mapped over vectors
                self._single.add(kind)
        return np.stack([self.host(made(vectors[at])).reshape(-1) for at in range(width)])

    def _divided(self, kind: str, whole: np.ndarray) -> np.ndarray:
        if not np.isfinite(whole).all():
            raise DataError(
                f"vector: expected a finite {kind.replace('_', '-')} product, got numbers that are missing or infinite. The "
                "vector has some, or the model beyond the first batch, or its type is too small for it: dtype='float64'."
            )
        return whole / self.dtype.type(self.divisor) if kind in ("hessian", "gauss_newton") else whole

    def _ready(
        self, kind: str, index: int, batch: Batch, several: bool = False
    ) -> tuple[Callable[[Any], Any], Way]:
        """The product of a batch, ready to be called, kept as far as the memory goes; and the way that made it."""
        chosen = self._chosen[kind]
        plain = chosen.again if several and chosen.again is not None else chosen.plain
        if chosen.kept is None:
            return plain.make(batch), plain
        if (kind, index) in self._kept:
            return self._kept[kind, index][0], chosen.kept
        need = chosen.bytes * batch.count
        if need > self.settings.memory - self._held(kind):
            return plain.make(batch), plain
        if need > self.settings.memory - self._held():
            self._kept = {key: one for key, one in self._kept.items() if key[0] == kind}
        self._kept[kind, index] = (chosen.kept.make(batch), need)
        return self._kept[kind, index][0], chosen.kept

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
                        shape = tuple(self.described(batch.rows(0, ROWS)).shape[1:])
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
