"""Runs of stochastic gradient descent, many at once in float64: linear models by their residuals, networks in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LEFT = 1e12  # times the loss at the start: a run this far out has left and is stopped


def draw_batches(random: Any, runs: int, n: int, batch: int, replacement: bool) -> Any:
    """Numbers of samples in a batch of every run, shape ``(runs, batch)``."""
    if replacement or batch == 1:
        return random.integers(0, n, (runs, batch))
    return random.random((runs, n)).argpartition(batch - 1, axis=1)[:, :batch]


def linear_losses(
    kernel: Any,
    residual: Any,
    batch: int,
    step: float,
    times: Sequence[int],
    runs: int,
    random: Any,
    replacement: bool = False,
    weigh: Any = None,
) -> Any:
    """Losses ``(1/2)||r||^2`` of a linear model, or ``||weigh r||^2``, shape ``(times, runs)``.

    Args:
        kernel: G, shape ``(n, n)``.
        residual: at the start, shape ``(n,)``.
        batch: samples a step.
        step: eta.
        times: ascending numbers of steps.
        runs: number of runs.
        random: numpy generator.
        replacement: whether batches are drawn with replacement.
        weigh: matrix of another measure, shape ``(m, n)``.
    """
    import numpy as np

    n = len(kernel)
    r = np.tile(residual, (runs, 1))
    rows = np.arange(runs)[:, None]
    found = []
    for t in range(max(times) + 1):
        if t in times:
            found.append((r**2).sum(axis=1) / 2 if weigh is None else ((r @ weigh.T) ** 2).sum(axis=1))
        chosen = draw_batches(random, runs, n, batch, replacement)
        if batch == 1:
            r -= step * np.take_along_axis(r, chosen, 1) * kernel[chosen[:, 0]]
        else:
            counts = np.zeros((runs, n))
            np.add.at(counts, (rows, chosen), 1.0)
            r -= (step / batch) * ((counts * r) @ kernel)
    return np.stack(found)


def network_losses(found: Any, batch: int, step: float, times: Sequence[int], runs: int, random: Any) -> Any:
    """Losses ``(1/2)||f - y||^2`` of the whole network, trained by its own gradients, shape ``(times, runs)``.

    Args:
        found: a problem with weights.
        batch: samples a step, drawn without replacement.
        step: eta.
        times: ascending numbers of steps.
        runs: number of runs.
        random: numpy generator.
    """
    import numpy as np

    from overparam.studies.sgd_moments.problems import ACTIVATION
    from overparam.theory.activations import activation

    act, n = activation(ACTIVATION), len(found.x)
    w = np.tile(found.weights, (runs, 1, 1))
    losses = []
    for t in range(max(times) + 1):
        if t in times:
            outputs = np.stack([act.value(one @ found.x.T).T @ found.output for one in w])
            losses.append(((outputs - found.y) ** 2).sum(axis=1) / 2)
        chosen = draw_batches(random, runs, n, batch, False)
        near = found.x[chosen]
        z = w @ near.transpose(0, 2, 1)
        left = found.output @ act.value(z) - found.y[chosen]
        pull = (found.output[:, None] * act.slope(z)) * left[:, None, :]
        w -= (step / batch) * (pull @ near)
    return np.stack(losses)


def excursions(kernel: Any, residual: Any, step: float, steps: int, runs: int, random: Any) -> tuple[Any, Any]:
    """How far single-sample runs get: largest and last loss over the first, each of shape ``(runs,)``, up to LEFT.

    Args:
        kernel: G, shape ``(n, n)``.
        residual: at the start, shape ``(n,)``.
        step: eta.
        steps: number of steps.
        runs: number of runs.
        random: numpy generator.
    """
    import numpy as np

    n = len(kernel)
    r = np.tile(residual, (runs, 1))
    start = float(residual @ residual)
    largest, out = np.ones(runs), np.zeros(runs, dtype=bool)
    for t in range(steps):
        chosen = random.integers(0, n, (runs, 1))
        r -= step * np.take_along_axis(r, chosen, 1) * kernel[chosen[:, 0]]
        if t % 20 == 19 or t == steps - 1:
            ratio = (r**2).sum(axis=1) / start
            out |= ratio > LEFT
            largest = np.maximum(largest, ratio)
            r[out] = 0.0
    last = np.where(out, LEFT, (r**2).sum(axis=1) / start)
    return np.where(out, LEFT, largest), last
