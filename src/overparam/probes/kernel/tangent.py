"""The empirical tangent kernel of a model, and what it costs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.probes.kernel.asked import Asked, asked
from overparam.probes.kernel.compute import Prepared, chosen, computed, prepare
from overparam.probes.kernel.plan import ShortMemory, said
from overparam.probes.kernel.result import TangentKernel


@dataclass(frozen=True)
class KernelCost:
    """What a kernel takes, before it is computed.

    Attributes:
        method: the one that would run.
        bytes: peak of the memory beyond what the model and its data hold.
        shape: of the matrix.
        block: examples at a time.
        passes: reverse passes an example; two products with J for ``products``.
        notes: what was found, one sentence each.
        words: all of it in one sentence.
    """

    method: str
    bytes: float
    shape: tuple[int, ...]
    block: int
    passes: int
    notes: tuple[str, ...]
    words: str


def tangent_kernel(
    model: Any,
    *,
    against: Any = None,
    outputs: str | int = "full",
    layers: str | tuple[str, ...] | list[str] | None = None,
    method: str = "auto",
    block: int | None = None,
    memory: float | None = None,
    accumulate: str | None = None,
) -> TangentKernel:
    """Empirical tangent kernel ``Theta = J J^T`` of a model on its data; unit: squared outputs over squared parameters.

    - ``structured``: parameters that enter one matrix product or convolution give the product of two small kernels, that of
      its inputs and that of the derivatives of the outputs by its results; no Jacobian is formed. Where such a product has
      many positions the rows of that layer alone are formed, if that is cheaper. Whatever else a parameter does is taken by
      rows of that parameter, and said in the notes. It takes a reverse pass an output, about ``N^2 (inputs + outputs)``
      operations a layer, N rows of the kernel.
    - ``rows``: rows of the Jacobian, in blocks: ``N^2 P`` operations for P parameters, and ``block C P`` numbers.
    - ``products``: one product ``J (J^T e)`` a column: N passes over the data, hardly any memory.

    Each call is checked: a product of the kernel with a random vector must be ``J (J^T u)`` of the operators up to rounding,
    and so must the part of every layer on some examples; a layer that fails is taken by rows, and the notes say so.
    Blocks may be of any size, and one half is computed where the kernel is symmetric.

    Args:
        model: of :func:`overparam.operators.open_model`; n examples with C outputs, several axes of outputs as one in C order.
        against: the same network with the same parameters opened on m other examples; None for those of ``model``.
        outputs: ``full`` for all pairs of outputs, ``each`` for the kernel of every output, ``mean`` for the mean of those over
            outputs (not their sum, the trace), or the index of one output.
        layers: patterns of names of the parameters to derive by; None for all.
        method: one of these, or ``auto`` for the first that fits the memory.
        block: most examples at a time; None plans it.
        memory: bytes that may be used beyond what the model and its data hold; None for 60 % of the machine's.
        accumulate: ``float64`` sums in it, and gives a matrix of it, whatever the type of the parameters.

    Returns:
        The kernel; ``matrix`` has shape ``(n, C, m, C)``, ``(C, n, m)`` for ``each`` and else ``(n, m)``.

    Raises:
        UsageError: other arguments, a memory in which no method fits, or derivatives that cannot be verified.

    References: A. Jacot, F. Gabriel and C. Hongler, Neural tangent kernel, NeurIPS 2018, section 4; R. Novak, J. Sohl-Dickstein
        and S. Schoenholz, Fast finite width neural tangent kernel, ICML 2022, section 3, for the methods (both recalled).

    >>> import numpy as np
    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x = np.array([[1.0, 0.0], [3.0, 2.0]], np.float32)
    >>> weights = {"output": {"weight": np.zeros((1, 2), np.float32)}}
    >>> kernel = tangent_kernel(open_model(linear(2, 1, bias=False), x, params=weights), outputs="mean")
    >>> kernel.matrix.tolist()  # of a linear model: x x^T
    [[1.0, 3.0], [3.0, 13.0]]
    """
    ask = asked(model, against, outputs, layers, method, block, memory, accumulate)
    ready = chosen(ask)
    try:
        matrix, error = computed(ask, ready)
    except UsageError as first:
        if ask.method != "auto" or ready.method == "products" or isinstance(first, ShortMemory):
            raise
        ready = _instead(ask, ready, first)
        matrix, error = computed(ask, ready)
    norm = _norm(matrix)
    return TangentKernel(
        matrix,
        ask.outputs,
        ready.method,
        error,
        max(error, _eps(ask)) * norm,
        ready.plan.bytes,
        ask.symmetric,
        (*ready.notes, *_said(ask)),
    )


def kernel_cost(
    model: Any,
    *,
    against: Any = None,
    outputs: str | int = "full",
    layers: str | tuple[str, ...] | list[str] | None = None,
    method: str = "auto",
    block: int | None = None,
    memory: float | None = None,
    accumulate: str | None = None,
) -> KernelCost:
    """What :func:`tangent_kernel` would take with the same arguments: method, peak of memory in bytes, blocks.

    Costs one block of examples, by which the layers are checked; nothing of the size of the kernel is computed.

    Args:
        model: as there.
        against: as there.
        outputs: as there.
        layers: as there.
        method: as there.
        block: as there.
        memory: as there.
        accumulate: as there.

    Raises:
        UsageError: as there.
    """
    ask = asked(model, against, outputs, layers, method, block, memory, accumulate)
    ready = chosen(ask)
    passes = len(ask.chosen) * (1 if ready.source is not None else 2)
    words = (
        f"method='{ready.method}': at most {said(ready.plan.bytes)} at once, of which the kernel of shape "
        f"{'x'.join(str(one) for one in ask.shape)} takes {said(ask.matrix_bytes)}; {ready.plan.block} examples at a time."
    )
    return KernelCost(
        ready.method, ready.plan.bytes, ask.shape, ready.plan.block, passes, (*ready.notes, *_said(ask)), words
    )


def _instead(ask: Asked, ready: Prepared, why: UsageError) -> Prepared:
    """Another method, after one whose kernel was not that of the model."""
    rest = ("rows", "products") if ready.method == "structured" else ("products",)
    for method in rest:
        try:
            found = prepare(ask, method)
        except UsageError:
            continue
        return dataclasses.replace(found, notes=(*found.notes, f"Not by another method: {why}"))
    raise why


def _said(ask: Asked) -> tuple[str, ...]:
    names = {
        "full": "All pairs of outputs.",
        "mean": f"Mean over {ask.classes} outputs of the kernels of each: not their sum.",
        "each": "The kernel of every output.",
    }
    return (names.get(str(ask.outputs), f"The kernel of output {ask.outputs} of {ask.classes}."),)


def _norm(matrix: Any) -> float:
    return float(np.sqrt(sum(float(np.square(one, dtype=np.float64).sum()) for one in matrix)))


def _eps(ask: Asked) -> float:
    return float(np.finfo(ask.first.dtype).eps)
