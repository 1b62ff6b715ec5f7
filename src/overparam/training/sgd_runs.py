"""Many runs of stochastic gradient descent at once in float64: linear models by their residuals, small networks in full.

Loops of numpy over steps, all runs of a step together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

LEFT = 1e12  # times the loss at the start: a run this far out has left and is stopped
_LOOK = 20  # steps between two looks


def draw_batches(
    random: np.random.Generator, runs: int, n: int, batch: int, replacement: bool
) -> Int64[np.ndarray, "members batch"]:
    """Numbers of the samples in a batch of every run, shape ``(runs, batch)``."""
    if replacement or batch == 1:
        return random.integers(0, n, (runs, batch))
    return random.random((runs, n)).argpartition(batch - 1, axis=1)[:, :batch]


def linear_losses(
    kernel: Float64[np.ndarray, "n n"],
    residual: Float64[np.ndarray, " n"],
    batch: int,
    step: float,
    times: Sequence[int],
    runs: int,
    random: np.random.Generator,
    replacement: bool = False,
    weigh: NDArray[np.float64] | None = None,
) -> Float64[np.ndarray, "times members"]:
    """Losses ``|r|^2 / 2`` of a linear model, or ``|weigh r|^2``, shape ``(times, runs)``.

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

    >>> linear_losses(np.eye(1), np.ones(1), 1, 0.5, (0, 1), 2, np.random.default_rng(0)).tolist()
    [[0.5, 0.5], [0.125, 0.125]]
    """
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


def network_losses(
    x: Float64[np.ndarray, "n features"],
    y: Float64[np.ndarray, " n"],
    weights: Float64[np.ndarray, "units features"],
    output: Float64[np.ndarray, " units"],
    activation: Any,
    batch: int,
    step: float,
    times: Sequence[int],
    runs: int,
    random: np.random.Generator,
) -> Float64[np.ndarray, "times members"]:
    """Losses ``|f - y|^2 / 2`` of a two-layer network, its first layer trained, shape ``(times, runs)``.

    Args:
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)``.
        weights: of the hidden layer at the start, shape ``(units, features)``.
        output: fixed output weights, shape ``(units,)``.
        activation: with ``value`` and ``slope``.
        batch: samples a step, drawn without replacement.
        step: eta.
        times: ascending numbers of steps.
        runs: number of runs.
        random: numpy generator.
    """
    n = len(x)
    w = np.tile(weights, (runs, 1, 1))
    losses = []
    for t in range(max(times) + 1):
        if t in times:
            outputs = np.stack([activation.value(one @ x.T).T @ output for one in w])
            losses.append(((outputs - y) ** 2).sum(axis=1) / 2)
        chosen = draw_batches(random, runs, n, batch, False)
        near = x[chosen]
        z = w @ near.transpose(0, 2, 1)
        left = output @ activation.value(z) - y[chosen]
        pull = (output[:, None] * activation.slope(z)) * left[:, None, :]
        w -= (step / batch) * (pull @ near)
    return np.stack(losses)


def excursions(
    kernel: Float64[np.ndarray, "n n"],
    residual: Float64[np.ndarray, " n"],
    step: float,
    steps: int,
    runs: int,
    random: np.random.Generator,
) -> tuple[Float64[np.ndarray, " members"], Float64[np.ndarray, " members"]]:
    """How far single-sample runs get: largest and last loss over the first, each of shape ``(runs,)``, up to LEFT.

    Args:
        kernel: G, shape ``(n, n)``.
        residual: at the start, shape ``(n,)``.
        step: eta.
        steps: number of steps.
        runs: number of runs.
        random: numpy generator.
    """
    n = len(kernel)
    r = np.tile(residual, (runs, 1))
    start = float(residual @ residual)
    largest, out = np.ones(runs), np.zeros(runs, dtype=bool)
    for t in range(steps):
        chosen = random.integers(0, n, (runs, 1))
        r -= step * np.take_along_axis(r, chosen, 1) * kernel[chosen[:, 0]]
        if t % _LOOK == _LOOK - 1 or t == steps - 1:
            ratio = (r**2).sum(axis=1) / start
            out |= ratio > LEFT
            largest = np.maximum(largest, ratio)
            r[out] = 0.0
    last = np.where(out, LEFT, (r**2).sum(axis=1) / start)
    return np.where(out, LEFT, largest), last
