"""The work of epoch-descent: the linear model in closed form, and networks trained for some epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, UsageError, each_cell, outcome, rounded
from overparam.data.stream import stream
from overparam.models import cnn1d, mlp, parameters
from overparam.probes import standard
from overparam.sweep.work import shared, task
from overparam.theory.heckel2021 import early_stopped_risk, expected_risk
from overparam.training import Recipe
from overparam.training.recipe import probe_times

TIMES = 61  # evaluations of a network: step 0, and 60 from the first step to the last
FEATURES, SAMPLES = 50, 1000  # of the linear model; half of its features are fast (scale 1), half slow
STEP_SIZE, LAST, POINTS = 0.02, 1_000_000, 80  # its step size, last step and evaluations
COURSE = ("test_error", "test_loss", "train_error", "train_loss")


def draw(seed: int, samples: int, features: int, slow: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussian inputs, a target and the scales of the features: 1 in the first half, ``slow`` in the second.

    Coefficients are normal with sd sqrt(2 / features) over the scale, so each half has a signal of mean variance 1.
    """
    random, scales = stream("epoch-descent", seed), np.repeat([1.0, slow], features // 2)
    x = random.standard_normal((samples, features)) * scales
    return x, random.standard_normal(features) * math.sqrt(2 / features) / scales, scales


def run(cells: Sequence[Params], progress: Progress, split: Any) -> list[Outcome]:
    """Solve the linear model, or train one stack: every seed of one network at one rate of label noise."""
    family, size = split(cells[0]["model"])
    return linear(cells, progress) if family == "linear" else networks(cells, family, size, progress)


@each_cell(digits=6)
def linear(cell: Params, progress: Progress) -> dict[str, Any]:
    """Risk over time of one drawn design and target, with one step size and with matched ones, and its theory."""
    x, theta, scales = draw(cell["seed"], SAMPLES, FEATURES, cell["slow"])
    noise = math.sqrt(cell["noise"] * cell["variance"])
    times = probe_times(LAST, POINTS)[1:]
    found: dict[str, Any] = {"step": list(times), "noise_variance": noise**2}
    for prefix, rates in (("", np.full(FEATURES, STEP_SIZE)), ("balanced_", STEP_SIZE / np.square(scales))):
        each = expected_risk(x, theta, scales, rates, noise, times)
        found[f"{prefix}risk"] = each.sum(axis=1)
        found[f"{prefix}theory"] = early_stopped_risk(times, scales, theta, rates, noise, SAMPLES)
        if not prefix:
            found["fast_risk"], found["slow_risk"] = (half.sum(axis=1) for half in np.hsplit(each, 2))
    progress(1.0)
    return found


def networks(cells: Sequence[Params], family: str, size: int, progress: Progress) -> list[Outcome]:
    """Train one stack: every seed of one network at one rate of label noise."""
    given = shared(cells)
    if given["batch"] > given["n"]:
        raise UsageError(
            f"--batch: expected at most the {given['n']} training samples, got {given['batch']}. Take a smaller batch."
        )
    stack, epoch = task(cells), given["n"] // given["batch"]
    build, layers = (mlp, 2) if family == "mlp" else (cnn1d, 3)
    network = build(stack.data.features, (size,) * layers, stack.data.classes)
    recipe = Recipe(
        steps=given["epochs"] * epoch, probes=TIMES, loss="cross_entropy",
        **{name: given[name] for name in ("optimizer", "learning_rate", "momentum", "batch")})  # fmt: skip
    made, runs = [], stack.curves(network, recipe, progress, {"fit": standard()["fit"]})
    for run, facts in zip(runs, stack.facts, strict=True):
        after = run.since(1)
        epochs = rounded([step / epoch for step in after.steps], 6)
        count = parameters(network)
        values = {
            **facts, "parameters": count, "parameters_per_sample": count / given["n"], "epoch": epochs,
            **after.lines(*COURSE), **after.ends(*COURSE, prefix="final_"), **after.ends(),
            **after.best("test_error", "test_loss", at=("epoch", epochs))}  # fmt: skip
        made.append(outcome(values, lost=after.lost))
    return made
