"""Gradient descent on a two-layer instance in float64, recorded step by step, to be held against a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.own.instance import Instance


@dataclass(frozen=True, eq=False)
class Descent:
    """The trajectory of full-batch gradient descent on ``(1/2) |f - y|^2``.

    Attributes:
        residuals: f - y before every step and at the end, shape ``(times, n)``.
        lengths: Frobenius norm of every step, shape ``(steps,)``.
        distances: ``|W_t - W_0|_F``, shape ``(times,)``.
        weights: W at the end, shape ``(units, features)``.
        diverged: whether the residual stopped being finite or grew beyond 1e6 times its start.
    """

    residuals: Float64[np.ndarray, "times n"]
    lengths: Float64[np.ndarray, " steps"]
    distances: Float64[np.ndarray, " times"]
    weights: Float64[np.ndarray, "units features"]
    diverged: bool

    @property
    def norms(self) -> Float64[np.ndarray, " times"]:
        """``|f - y|``, shape ``(times,)``."""
        return np.asarray(np.linalg.norm(self.residuals, axis=1))

    @property
    def path(self) -> Float64[np.ndarray, " times"]:
        """Length of the way so far, shape ``(times,)``."""
        return np.concatenate([[0.0], np.cumsum(self.lengths)])


def descend(instance: Instance, step: float, steps: int, *, tolerance: float = 0.0) -> Descent:
    """Run gradient descent ``W <- W - eta J^T r`` and record its trajectory.

    Args:
        instance: where to start.
        step: eta.
        steps: most steps.
        tolerance: stop at ``|r| <= tolerance |r_0|``.

    Returns:
        The trajectory, up to the stop.

    Raises:
        UsageError: a step that is not positive, or a negative number of steps.

    >>> from overparam.own.instance import draw_instance
    >>> start = draw_instance(np.eye(2), [1.0, -1.0], "identity", 8, 0)
    >>> trajectory = descend(start, 1.0 / start.kernel()[0, 0], 100, tolerance=1e-9)
    >>> bool(trajectory.norms[-1] <= 1e-9 * trajectory.norms[0])
    True
    """
    if not (step > 0 and np.isfinite(step)) or steps < 0:
        raise UsageError(
            f"step, steps: expected a positive step and a number of steps, got {step!r}, {steps!r}."
        )
    x, v, act = instance.x, instance.output, instance.activation
    w, start = instance.weights.copy(), instance.weights
    residuals, lengths, distances = [], [], [0.0]
    diverged = False
    limit = goal = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is a result
        for t in range(steps + 1):
            z = x @ w.T
            r = act.value(z) @ v - instance.y
            norm = float(np.linalg.norm(r))
            if t == 0:
                limit, goal = 1e6 * norm, tolerance * norm
            residuals.append(r)
            if not norm <= limit:
                diverged = True
                break
            if norm <= goal or t == steps:
                break
            change = ((act.slope(z) * (step * r)[:, None]) * v).T @ x
            w -= change
            lengths.append(float(np.linalg.norm(change)))
            distances.append(float(np.linalg.norm(w - start)))
    return Descent(np.array(residuals), np.array(lengths), np.array(distances), w, diverged)


def linear_course(
    kernel: Float64[np.ndarray, "n n"], start: Float64[np.ndarray, " n"], step: float, times: int
) -> Float64[np.ndarray, "times n"]:
    """Residuals of the same descent on the linearised network, ``(I - eta G)^t r_0``, shape ``(times, n)``.

    Args:
        kernel: G = J J^T at the start, shape ``(n, n)``.
        start: r_0, shape ``(n,)``.
        step: eta.
        times: number of times t = 0, 1, ...

    >>> linear_course(np.eye(1), np.ones(1), 0.5, 3).ravel().tolist()
    [1.0, 0.5, 0.25]
    """
    values, vectors = np.linalg.eigh(kernel)
    factors = 1.0 - step * values
    powers = np.power(factors[None, :], np.arange(times)[:, None])
    return np.asarray((powers * (vectors.T @ start)) @ vectors.T)
