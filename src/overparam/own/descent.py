"""Gradient descent on a two-layer instance in float64, recorded step by step, to be held against a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.own.instance import Instance
from overparam.theory.inputs import count, kernel_of, nonnegative, positive, representable, vector

MOST = 100_000_000  # steps


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
        UsageError: no instance, a step that is not positive, a negative tolerance, or no number of steps from 0 to
            100 million.

    >>> from overparam.own.instance import draw_instance
    >>> start = draw_instance(np.eye(2), [1.0, -1.0], "identity", 8, 0)
    >>> trajectory = descend(start, 1.0 / start.kernel()[0, 0], 100, tolerance=1e-9)
    >>> bool(trajectory.norms[-1] <= 1e-9 * trajectory.norms[0])
    True
    """
    if not isinstance(instance, Instance):
        raise UsageError(f"instance: expected one of draw_instance, got {type(instance).__name__}.")
    step, steps, tolerance = (
        positive(step, "step"),
        count(steps, "steps", 0, MOST),
        nonnegative(tolerance, "tolerance"),
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
    kernel: ArrayLike, start: ArrayLike, step: float, times: int
) -> Float64[np.ndarray, "times n"]:
    """Residuals of the same descent on the linearised network, ``(I - eta G)^t r_0``, shape ``(times, n)``.

    Args:
        kernel: G = J J^T at the start, shape ``(n, n)``.
        start: r_0, shape ``(n,)``.
        step: eta.
        times: number of times t = 0, 1, ...

    Raises:
        DataError: no symmetric kernel, numbers that do not fit to it, or a course beyond the range of float64.
        UsageError: a step that is not positive, or a number of times that is none.

    >>> linear_course(np.eye(1), np.ones(1), 0.5, 3).ravel().tolist()
    [1.0, 0.5, 0.25]
    """
    k, many = kernel_of(kernel), count(times, "times", 0, MOST)
    residual = vector(start, "start", negative=True)
    if len(residual) != len(k):
        raise DataError(f"start: expected {len(k)} numbers, one a row of the kernel, got {len(residual)}.")
    values, vectors = np.linalg.eigh(k)
    with np.errstate(over="ignore", invalid="ignore"):
        factors = 1.0 - positive(step, "step") * values
        powers = np.power(factors[None, :], np.arange(many)[:, None])
        course = (powers * (vectors.T @ residual)) @ vectors.T
    return np.asarray(representable(course, "kernel, start, step"))
