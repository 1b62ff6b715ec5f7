"""What a person asks of a kernel, checked: outputs, layers, method, blocks and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count, real, shown
from overparam.core.errors import UsageError, unknown
from overparam.core.memory import memory_budget
from overparam.operators import Model

METHODS = ("auto", "structured", "rows", "products")
OUTPUTS = ("full", "mean", "each")
BLOCK = 256  # examples whose Jacobian is worked on at a time, where memory allows it
Outputs = str | int


@dataclass(frozen=True, eq=False)
class Asked:
    """One kernel to be computed.

    Attributes:
        first: the model of the rows.
        second: the model of the columns; the same one where the kernel is symmetric.
        outputs: ``full``, ``mean``, ``each`` or the index of one output.
        method: by name.
        block: most examples at a time.
        memory: bytes that may be used.
        wide: whether sums are taken in float64.
    """

    first: Model
    second: Model
    outputs: Outputs
    method: str
    block: int
    memory: float
    wide: bool

    @property
    def symmetric(self) -> bool:
        """Whether rows and columns are the same examples."""
        return self.first is self.second

    @property
    def classes(self) -> int:
        """How many outputs an example has."""
        return int(np.prod(self.first.output_shape))

    @property
    def chosen(self) -> tuple[int, ...]:
        """The outputs, by index, that derivatives are taken of."""
        return tuple(range(self.classes)) if isinstance(self.outputs, str) else (self.outputs,)

    @property
    def dtype(self) -> np.dtype:
        """Type of the kernel."""
        return np.dtype(np.float64) if self.wide else self.first.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the kernel."""
        n, m, c = self.first.examples, self.second.examples, self.classes
        return {"full": (n, c, m, c), "each": (c, n, m)}.get(str(self.outputs), (n, m))

    @property
    def matrix_bytes(self) -> float:
        """Memory of the kernel itself."""
        return float(np.prod(self.shape, dtype=np.float64)) * self.dtype.itemsize


def asked(
    model: Any,
    against: Any,
    outputs: Any,
    layers: Any,
    method: Any,
    block: Any,
    memory: Any,
    accumulate: Any,
) -> Asked:
    """The kernel that a person asks for; see :func:`overparam.probes.kernel.tangent_kernel`.

    Raises:
        UsageError: an argument that is none of those allowed; models that are not one network.
    """
    first = opened(model, "model")
    second = first if against is None else opened(against, "against")
    if second is not first:
        _check_one(first, second)
        if second.dtype != first.dtype:
            raise UsageError(
                f"against: expected parameters of {first.dtype}, as model has, got {second.dtype}."
            )
    if not isinstance(method, str) or method not in METHODS:
        raise unknown("method", method, METHODS)
    if accumulate not in (None, "float64"):
        raise UsageError(f"accumulate: expected 'float64' or None, got {shown(accumulate)}.")
    size = int(np.prod(first.output_shape))
    if isinstance(outputs, str):
        if outputs not in OUTPUTS:
            raise unknown("outputs", outputs, OUTPUTS, "Or give the index of one output.")
        wanted: Outputs = outputs
    else:
        wanted = count(outputs, "outputs", 0, size - 1)
    most = BLOCK if block is None else count(block, "block")
    bytes_ = memory_budget() if memory is None else real(memory)
    if not bytes_ > 0:
        raise UsageError(f"memory: expected a number of bytes above 0, or None, got {shown(memory)}.")
    if layers is not None:
        same = second is first
        first = first.only(layers)
        second = first if same else second.only(layers)
    return Asked(first, second, wanted, method, most, bytes_, accumulate == "float64")


def opened(model: Any, name: str) -> Model:
    """Return an opened model, or raise.

    Args:
        model: what was given.
        name: of the argument, for the message.

    Raises:
        UsageError: something else.
    """
    if not isinstance(model, Model):
        raise UsageError(f"{name}: expected a model of open_model(...), got {type(model).__name__}.")
    return model


def check_alike(first: Model, second: Model, name: str) -> None:
    """Raise unless two models have parameters of one layout and outputs of one shape.

    Args:
        first: a model.
        second: another.
        name: of the argument, for the message.

    Raises:
        UsageError: they differ.
    """
    if first.layout != second.layout:
        raise UsageError(
            f"{name}: expected the parameters {_some(first)} of the first model, got {_some(second)}. Open the same network."
        )
    if first.output_shape != second.output_shape:
        raise UsageError(
            f"{name}: expected outputs of shape {first.output_shape}, got {second.output_shape}. Open the same network."
        )


def _check_one(first: Model, second: Model) -> None:
    check_alike(first, second, "against")
    if first.back_end != second.back_end:
        raise UsageError(f"against: expected a model of {first.back_end}, got one of {second.back_end}.")
    if not np.array_equal(first.vector(), second.vector()):
        raise UsageError(
            "against: expected a model with the same parameters on other data, got other parameters. A kernel between two sets "
            "of parameters is no tangent kernel; for how far it moved, see kernel_drift(start, end)."
        )


def _some(model: Model) -> str:
    return f"({model.size:,} in {', '.join(model.layout.names[:3])}, ...)"
