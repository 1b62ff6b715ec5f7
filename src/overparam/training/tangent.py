"""A network trained by full-batch gradient descent, and how its tangent kernel and weights change on the way.

Call everything here inside ``jax.enable_x64(True)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from overparam.models.network import PyTree
from overparam.training.full_batch import Model, descend, flat_params, log_steps, model_jacobian

SHARE = 0.5  # step, as a share of 1 / largest eigenvalue of the kernel at the start


@dataclass(frozen=True, eq=False)
class TangentRun:
    """What was measured at the probe steps; all but the first NaN where training diverged.

    Attributes:
        gram: the kernel at the start, shape ``(n, n)``.
        moved: largest distance of a hidden unit's weights from their start.
        drift: largest Frobenius norm of the kernel's change over that of the kernel at the start.
        least: smallest eigenvalue of the kernel at any probe.
        gradient_low: smallest margin of ``s_min^2 <= |grad|^2 / (2 F)`` over ``s_max^2``, with the singular values s of
            the Jacobian and the loss F = ``|r|^2 / 2``.
        gradient_high: the same of ``|grad|^2 / (2 F) <= s_max^2``.
        mean_low: the first with the gradient of the mean loss, which obeys no such law.
    """

    gram: Float64[np.ndarray, "n n"]
    moved: float = np.nan
    drift: float = np.nan
    least: float = np.nan
    gradient_low: float = np.nan
    gradient_high: float = np.nan
    mean_low: float = np.nan


def tangent_run(
    model: Model,
    params: PyTree,
    x: Float64[np.ndarray, "n features"],
    y: Float64[np.ndarray, " n"],
    steps: int,
    progress: Callable[[float], None],
) -> TangentRun:
    """Train one network on ``|r|^2 / 2`` and measure it at about eight probe steps, even in the logarithm.

    Args:
        model: a scalar function, see :func:`~overparam.training.full_batch.scalar_model`.
        params: where to start, of a network (or two copies) with a layer ``hidden1``.
        x: shape ``(n, features)``.
        y: shape ``(n,)``.
        steps: steps, each half of 1 / largest eigenvalue of the kernel at the start.
        progress: told the fraction done.
    """
    jac = model_jacobian(model, params, x)
    gram = jac @ jac.T
    rate = SHARE / float(np.linalg.eigvalsh(gram)[-1])
    stack = jax.tree.map(lambda leaf: leaf[None], params)
    run = descend(model, stack, x, y[None], [rate], [1.0], log_steps(steps), progress)
    half = jax.value_and_grad(lambda p: 0.5 * jnp.sum((model(p, jnp.asarray(x)) - jnp.asarray(y)) ** 2))
    seen = []
    for probe in range(len(run.steps)):
        now = run.member(probe, 0)
        if not np.isfinite(flat_params(now)).all():
            return TangentRun(gram)
        jac = model_jacobian(model, now, x)
        here = jac @ jac.T
        lam, (value, grad) = np.linalg.eigvalsh(here), half(now)
        ratio = float(np.square(flat_params(grad)).sum()) / (2 * float(value))
        margins = np.array([ratio - lam[0], lam[-1] - ratio, ratio / len(y) - lam[0]]) / lam[-1]
        drift = np.linalg.norm(here - gram) / np.linalg.norm(gram)
        seen.append([-_moved(params, now), -drift, lam[0], *margins])
    moved, drift, least, low, high, mean = np.min(seen, axis=0).tolist()
    return TangentRun(gram, -moved, -drift, least, low, high, mean)


def _moved(params: PyTree, now: PyTree) -> float:
    """Largest distance of a first-layer unit's weights from their start."""
    copies = zip(params, now, strict=True) if isinstance(params, tuple) else [(params, now)]
    gaps = [np.asarray(b["hidden1"]["weight"] - a["hidden1"]["weight"]) for a, b in copies]
    return max(float(np.linalg.norm(gap, axis=1).max()) for gap in gaps)
