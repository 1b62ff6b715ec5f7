"""How far the tangent kernel of a network moved in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators import Model
from overparam.operators.batches import row_marks
from overparam.operators.opening import plain
from overparam.probes.kernel.asked import check_alike, opened
from overparam.probes.kernel.result import TangentKernel
from overparam.probes.kernel.tangent import tangent_kernel


@dataclass(frozen=True, eq=False)
class Drift:
    """How far a tangent kernel moved.

    Attributes:
        relative_change: ``|Theta_1 - Theta_0|_F / |Theta_0|_F``, Frobenius; 0 where it did not move.
        cosine: ``<Theta_0, Theta_1> / (|Theta_0| |Theta_1|)``: 1 where it only grew or shrank. Also called alignment; one less
            it is the kernel distance.
        scale: ``|Theta_1|_F / |Theta_0|_F``.
        error: of the relative change that rounding explains: errors of both kernels over ``|Theta_0|_F``.
        examples: how many were used.
        start: the kernel at the start.
        end: the kernel at the end.
    """

    relative_change: float
    cosine: float
    scale: float
    error: float
    examples: int
    start: TangentKernel
    end: TangentKernel


def kernel_drift(
    start: Model,
    end: Model,
    *,
    outputs: str | int = "mean",
    layers: str | tuple[str, ...] | list[str] | None = None,
    method: str = "auto",
    block: int | None = None,
    memory: float | None = None,
    accumulate: str | None = None,
) -> Drift:
    """How far the tangent kernel moved between two sets of parameters of one network on the same examples; no unit.

    Small where training was lazy. Of the numbers of two kernels, each up to ``memory`` at a time.

    Args:
        start: the model before, of :func:`overparam.operators.open_model`.
        end: the model after, on the same examples in the same order; ``start.at(vector)`` gives one.
        outputs: which kernel is compared, see :func:`tangent_kernel`; by default the mean of those of each output.
        layers: patterns of names of the parameters to derive by.
        method: as there.
        block: as there.
        memory: as there.
        accumulate: as there.

    Raises:
        UsageError: models of other networks.
        DataError: other examples, or a kernel of 0 at the start.

    References: S. Fort and others, Deep learning versus kernel learning, NeurIPS 2020, section 3, for the kernel distance
        (recalled); L. Chizat, E. Oyallon and F. Bach, On lazy training in differentiable programming, NeurIPS 2019.

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x = np.array([[1.0, 0.0], [3.0, 2.0]], np.float32)
    >>> weights = {"output": {"weight": np.zeros((1, 2), np.float32)}}
    >>> model = open_model(linear(2, 1, bias=False), x, params=weights)
    >>> kernel_drift(model, model.at(np.ones(2))).relative_change  # the kernel of a linear model never moves
    0.0
    """
    first, second = opened(start, "start"), opened(end, "end")
    check_alike(first, second, "end")
    _check_data(first, second)
    given: dict[str, Any] = {
        "outputs": outputs,
        "layers": layers,
        "method": method,
        "block": block,
        "memory": memory,
        "accumulate": accumulate,
    }
    before, after = tangent_kernel(first, **given), tangent_kernel(second, **given)
    one, other = (kernel.matrix.astype(np.float64).ravel() for kernel in (before, after))
    size, grown = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    if not size > 0:
        raise DataError("start: expected a kernel that is not 0, got one whose outputs no parameter moves.")
    inner = float(one @ other)
    return Drift(
        float(np.linalg.norm(other - one)) / size,
        min(1.0, max(-1.0, inner / (size * grown))) if grown else 0.0,
        grown / size,
        (before.error + after.error) / size,
        first.examples,
        before,
        after,
    )


def _check_data(first: Model, second: Model) -> None:
    if first.examples != second.examples:
        raise DataError(
            f"end: expected the {first.examples:,} examples of start, got {second.examples:,}. Open both on the same data."
        )
    if first.back_end != second.back_end or first.dtype != second.dtype:
        raise UsageError(
            f"end: expected a model of {first.back_end} in {first.dtype}, as start is, got one of {second.back_end} in "
            f"{second.dtype}."
        )
    if _marks(first) != _marks(second):
        raise DataError(
            "end: expected the examples of start in the same order, got others. Open both on the same data."
        )


def _marks(model: Model) -> list[str]:
    return [mark for batch in model.batches() for mark in row_marks(batch, plain)]
