"""Up to which step stochastic gradient descent stays at the minimum that your own network has reached.

>>> import numpy as np
>>> from overparam.models import linear
>>> from overparam.operators import open_model
>>> x, y = np.array([[1.0], [3.0**0.5]], np.float32), np.zeros(2, np.float32)
>>> weight = {"output": {"weight": np.zeros((1, 1), np.float32)}}
>>> found = stability(open_model(linear(1, 1, bias=False), (x, y), params=weight), batch=1)
>>> round(found.bounds[0].exact, 6), round(found.descent, 6)
(0.8, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.core.memory import memory_budget
from overparam.operators import Model
from overparam.probes.curvature import top_eigenvalues
from overparam.probes.kernel import tangent_kernel
from overparam.theory.inputs import count
from overparam.theory.sgd import Minimum, StepBounds, batch_noise, minimum_of_kernel
from overparam.theory.sgd.sampling import sizes_of
from overparam.theory.sgd.threshold import bounds_of

MOST_ROWS = 2_000  # examples times outputs: the work grows with the cube of it
MATRICES = 8  # of rows squared that are held at once
STEPS = (
    "exact",
    "exact_low",
    "exact_high",
    "sufficient",
    "necessary",
    "descent",
    "trace",
    "direction",
    "wu_necessary",
)


@dataclass(frozen=True, eq=False)
class Stability:
    """The largest stable steps of stochastic gradient descent at a network's parameters, with what they rest on.

    Attributes:
        batches: batch sizes.
        bounds: of each: the exact threshold between its ends, bounds, sharpness a and non-uniformity s; steps multiply the
            gradient of the loss over a batch, in the model's own convention.
        descent: ``2 / a`` of gradient descent, a the largest eigenvalue of the Gauss-Newton matrix.
        hessian_descent: ``2 / lambda`` with the largest eigenvalue of the Hessian itself; infinite where none is positive.
        loss: at the parameters.
        examples: n.
        convention: how the loss is summed.
        remarks: what the numbers rest on, one sentence each.
    """

    batches: tuple[int, ...]
    bounds: tuple[StepBounds, ...]
    descent: float
    hessian_descent: float
    loss: float
    examples: int
    convention: str
    remarks: tuple[str, ...]

    def table(self) -> list[dict[str, float]]:
        """One row a batch size: the largest stable step, bounds on either side, sharpness and non-uniformity."""
        return [
            {
                "batch": batch,
                "largest stable step": one.exact,
                "at least": one.sufficient,
                "at most": one.necessary,
                "2 / a": one.descent,
                "sharpness a": one.sharpness,
                "non-uniformity s": one.nonuniformity,
            }
            for batch, one in zip(self.batches, self.bounds, strict=True)
        ]


def stability(model: Any, batch: int | Sequence[int], *, replacement: bool = False) -> Stability:
    r"""Largest mean-square stable step of stochastic gradient descent at a network's parameters, for every batch size.

    Every example has the curvature ``H_i = J_i^T S_i J_i``, J_i the derivative of its outputs and S_i that of its loss by them.
    From ``S^{1/2} J J^T S^{1/2}``, a tangent kernel that is verified on every call, follow the sharpness
    ``a = lambda_max(H)``, the non-uniformity ``s^2 = lambda_max(mean H_i^2 - H^2)`` and the exact threshold, on the range of H.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss that weighs its examples alike.
        batch: batch size, or several.
        replacement: whether batches are drawn with replacement.

    Returns:
        Bounds of each batch size; ``2 / lambda`` of the Hessian itself beside.

    Raises:
        UsageError: a batch that is not between 1 and n, more than 2,000 examples times outputs, a loss that is not convex in the
            outputs or weighs examples differently.
        DataError: outputs that no parameter moves, or a loss that is flat in all of them.

    Assumptions: every example is fitted; otherwise H_i lacks the part with the residual, and the remarks say how much the
        largest eigenvalue differs. Batches are independent and of one size.

    Cost: a tangent kernel and some 40 Hessian products; with r examples times outputs it holds 64 r^2 bytes and takes some
        r^3 operations an iteration.

    References: R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024, arXiv:2306.07850; L.
        Wu, C. Ma and W. E, NeurIPS 2018 (a, s and the sufficient condition; their necessary one is not necessary with two or
        more parameters, see :func:`overparam.theory.sgd.counterexample`, so it is replaced by three that are).
    """
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    model.check_loss()
    n = model.examples
    sizes = sizes_of(batch, "batch") if np.ndim(batch) else [count(batch, "batch")]
    if not sizes:
        raise UsageError("batch: expected a batch size, or several, got none.")
    shares = [batch_noise(n, one, replacement) for one in sizes]
    _check_rows(model.rows)
    _check_alike(model)
    minimum = _minimum(model)
    # a mean over the batch is that of examples; a sum over the batch is the batch times as steep
    steep = [1.0 if model.objective.mean else float(one) for one in sizes]
    bounds = tuple(_scaled(bounds_of(minimum, p), by) for p, by in zip(shares, steep, strict=True))
    whole = 1.0 if model.objective.mean else float(n)
    descent = 2 / (float(minimum.curvature[0]) * whole)
    found = top_eigenvalues(model, 1, which="largest")
    top = float(found.values[0])
    loss = model.loss()
    remarks = [
        f"The loss is {loss:.3g}: the threshold is that of a point where every example is fitted, and leaves out how residuals "
        f"curve the loss. With them the largest eigenvalue is {top:.4g}, without {2 / descent:.4g}.",
        f"{model.rows:,} outputs of {n:,} examples, {len(minimum.curvature):,} directions that move them.",
    ]
    if not found.converged:
        remarks.append(f"The largest eigenvalue of the Hessian is known up to {found.residuals[0]:.2g} only.")
    return Stability(
        tuple(sizes), bounds, descent, 2 / top if top > 0 else math.inf, loss, n, model.convention, tuple(remarks)
    )  # fmt: skip


def _minimum(model: Model) -> Minimum:
    """The curvatures of the examples, from the tangent kernel and the curvature of the loss by the outputs."""
    n, outputs = model.examples, model.rows // model.examples
    inner = model.output_curvature().astype(np.float64)
    inner = (inner + inner.transpose(0, 2, 1)) / 2
    values, vectors = np.linalg.eigh(inner)
    rounding = 1e3 * outputs * float(np.finfo(model.dtype).eps)
    if values.min() < -rounding * max(float(np.abs(values).max()), 1e-300):
        raise UsageError(
            f"loss: expected one that is convex in the outputs, got the second derivative {values.min():.3g} for an example. The "
            "threshold is one of squared losses and cross-entropies."
        )
    roots = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.transpose(0, 2, 1)
    kernel = tangent_kernel(model, accumulate="float64").matrix.reshape(n, outputs, n, outputs)
    left = np.einsum("iab,ibjc->iajc", roots, kernel)
    whole = np.einsum("iajc,jcd->iajd", left, roots).reshape(n * outputs, -1)
    if model.objective.mean:
        whole *= n / model.divisor
    whole = (whole + whole.T) / 2
    if not whole.any():
        raise DataError(
            "model: expected a loss that the parameters curve, got no curvature at any example: outputs that no parameter moves, "
            "or probabilities that have become 0 and 1 in this precision."
        )
    return minimum_of_kernel(whole, outputs)


def _check_rows(rows: int) -> None:
    need, free = 8.0 * MATRICES * rows * rows, memory_budget()
    if rows > MOST_ROWS or need > free:
        most = min(MOST_ROWS, int(math.sqrt(free / 8 / MATRICES)))
        raise UsageError(
            f"model: expected at most {most:,} examples times outputs, got {rows:,} ({need / 1e9:.3g} GB). Open the model on a "
            "part of the examples."
        )


def _check_alike(model: Model) -> None:
    """Raise unless every example counts alike in the mean."""
    if not model.objective.mean:
        return
    shape = (1, *model.output_shape)
    with model.quiet():
        counted = {
            model.objective.counted(shape, batch.rows(at, at + 1))
            for batch in model.batches()
            for at in range(batch.count)
        }
    if len(counted) > 1:
        raise UsageError(
            f"loss: expected one that weighs every example alike, got weights from {min(counted):g} to {max(counted):g}. Ignored "
            "labels and class weights do that: the mean over a batch is then divided by what the batch holds."
        )


def _scaled(bounds: StepBounds, by: float) -> StepBounds:
    """The bounds for a loss that is a factor steeper."""
    steps = {name: getattr(bounds, name) / by for name in STEPS}
    return replace(bounds, **steps, sharpness=bounds.sharpness * by, nonuniformity=bounds.nonuniformity * by)
