"""How much the loss can rise in a small box of a random subspace around the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from overparam.core.checked import count, positive
from overparam.core.errors import DataError, UsageError
from overparam.core.memory import memory_budget
from overparam.operators import Model
from overparam.probes.curvature.products import generator_of
from overparam.probes.curvature.sharpness import MOST, Sharpness

SHARE = 0.5  # of the memory that may be used, for the directions


def subspace_sharpness(
    model: Any,
    *,
    eps: float = 1e-3,
    dimensions: int = 100,
    steps: int = 10,
    seed: int | np.random.Generator = 0,
) -> Sharpness:
    r"""Largest rise of the loss in a box of a random subspace, in percent of one plus the loss; a bound from below.

    .. math:: \phi = 100 \max_{|z_i| \le \epsilon (|(A^+ w)_i| + 1)} \frac{L(w + A z) - L(w)}{1 + L(w)}

    A has independent normal columns of length 1. The maximum is looked for by L-BFGS-B from z = 0 and, because a minimum has no
    slope there, from one random corner of the box.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        eps: half width of the box, relative to ``|(A^+ w)_i| + 1``.
        dimensions: columns of A; where there are fewer parameters, as many as these.
        steps: iterations of L-BFGS-B.
        seed: of A; or a generator of NumPy.

    Returns:
        The rise and where it was found, in the parameters.

    Raises:
        UsageError: a number that is none, more dimensions than memory holds, a model without a loss, a loss of -1 or less, or a
            box in which it is not finite.

    References: N. Keskar et al., On large-batch training for deep learning, ICLR 2017, metric 2.1 with p = 100 (that columns
        are normal is recalled).

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0]], np.float32), np.zeros(1, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 1), np.float32)}}
    >>> found = subspace_sharpness(open_model(linear(1, 1, bias=False), (x, y), params=weight), eps=0.5, dimensions=1)
    >>> round(found.percent, 4)  # 2 z^2 at z = 0.5, as in the whole space
    50.0
    """
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    half, many = positive(eps, "eps"), min(count(dimensions, "dimensions"), model.size)
    steps, rng = count(steps, "steps", 1, MOST), generator_of(seed)
    if 8.0 * many * model.size > SHARE * memory_budget():
        raise UsageError(
            f"dimensions: expected directions that take at most {SHARE * memory_budget() / 1e9:.3g} GB, got {many} of "
            f"{model.size:,} parameters. Take fewer."
        )
    loss, _ = model.loss_and_gradient()
    start = float(loss)
    if start <= -1:
        raise UsageError(
            f"loss: expected one above -1, because the rise is divided by 1 + loss, got {start:g}."
        )
    center = model.vector().astype(np.float64)
    columns = rng.normal(size=(model.size, many))
    columns /= np.linalg.norm(columns, axis=0)
    inner = cho_solve(cho_factor(columns.T @ columns), columns.T @ center)
    edge, made, seen = half * (np.abs(inner) + 1.0), 1, [(start, np.zeros(many))]

    def down(unit: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal made
        made += 1
        z = unit * edge
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                value, slope = model.at(center + columns @ z).loss_and_gradient()
        except DataError as error:
            raise UsageError(
                f"eps: expected a box in which the loss is finite, got {half:g}, in which it is not. Take a smaller one."
            ) from error
        seen.append((float(value), z))
        return -float(value), -(columns.T @ slope.astype(np.float64)) * edge

    for first in (np.zeros(many), rng.choice([-1.0, 1.0], size=many)):
        minimize(
            down, first, jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * many,
            options={"maxiter": steps, "maxfun": 2 * steps},
        )  # fmt: skip
    highest, z = max(seen, key=lambda one: one[0])
    return Sharpness(
        100 * (highest - start) / (1 + start), start, highest, columns @ z, half,
        f"|z_i| <= eps (|(A^+ w)_i| + 1), {many} random directions A", float(np.linalg.norm(center)), made,
        f"L-BFGS-B, {steps} iterations, from z = 0 and a random corner",
    )  # fmt: skip
