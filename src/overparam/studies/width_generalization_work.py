"""Train one stack of two-layer networks of one width, read at the end and where a validation set stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, UsageError, outcome
from overparam.data import LabelNoise, flatten, load, subset
from overparam.data.stream import stream
from overparam.models import parameters, two_layer
from overparam.probes.probe import Probe
from overparam.sweep.work import shared
from overparam.training import Member, Recipe, train
from overparam.training.evaluate import fit

BY_STEP = ("train_error", "validation_error", "test_error")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One outcome a cell: errors as shares, losses in nats.

    The training and validation samples are one fixed draw without overlap; random labels are drawn for the training
    samples only.

    Raises:
        DataError: fewer samples than asked for.
    """
    common = shared(cells)
    n, n_validation = common["n"], common["n_validation"]
    data = subset(load(common["data"]), n + n_validation)
    data = small(data, common["side"]) if common["side"] else flatten(data)
    order = stream("width-generalization-split", 0).permutation(n + n_validation)
    rows, held = order[:n], order[n:]
    network = two_layer(data.features, common["width"], data.classes)
    recipe = Recipe(
        steps=common["steps"], optimizer="sgd", learning_rate=common["learning_rate"], momentum=common["momentum"],
        batch=common["batch"], loss="cross_entropy", probes=30)  # fmt: skip
    noise = [LabelNoise(float(cell["labels"] == "random"), "inclusive", cell["seed"]) for cell in cells]
    members = [
        Member(cell["seed"], one.apply(data.y[rows], data.classes))
        for cell, one in zip(cells, noise, strict=True)
    ]
    trained = train(
        network, recipe, members, data.x[rows], np.concatenate([data.x[held], data.x_test]),
        np.concatenate([data.y[held], data.y_test]), probes={"three": three(n_validation)}, progress=progress,
    )  # fmt: skip
    size = parameters(network)
    fixed = {"parameters": size, "parameters_per_sample": size / n, "n_test": data.n_test}
    return [_outcome(member, fixed) for member in trained]


def small(data: Any, side: int) -> Any:
    """The samples as grey images of ``side`` x ``side`` pixels, flattened."""
    if len(data.shape) < 2 or min(data.shape[:2]) < side:
        raise UsageError(
            f"--side: expected 0, or at most the side of the images of {data.title}, got {side} for inputs of shape "
            f"{data.shape}."
        )
    return flatten(replace(data, x=shrink(data.x, side), x_test=shrink(data.x_test, side)))


def shrink(images: Any, side: int) -> Any:
    """Grey images made smaller by averaging over areas, float32, shape ``(n, side, side)``.

    A new pixel is the mean of the old ones under it, weighted by the area they share; colours are averaged first.
    ``images`` have the shape ``(n, height, width)`` or ``(n, height, width, colours)``.

    >>> shrink(np.arange(9.0).reshape(1, 3, 3), 1).tolist()
    [[[4.0]]]
    """
    grey = np.asarray(images, dtype=np.float64)
    grey = grey.mean(axis=-1) if grey.ndim == 4 else grey

    def shares(old: int) -> Any:
        edges = np.arange(side + 1) * old / side
        cells = np.arange(old)
        covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
        return covered.clip(0) * side / old

    return (shares(grey.shape[1]) @ grey @ shares(grey.shape[2]).T).astype(np.float32)


@lru_cache
def three(n_validation: int) -> Probe:
    """A probe of the training set, and of the validation and test samples that stand one after the other."""

    def measure(
        network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
    ) -> Mapping[str, Any]:
        sides = {
            "train": (x, y),
            "validation": (x_test[:n_validation], y_test[:n_validation]),
            "test": (x_test[n_validation:], y_test[n_validation:]),
        }
        values: dict[str, Any] = {}
        for side, (inputs, targets) in sides.items():
            values[f"{side}_loss"], values[f"{side}_error"] = fit(network, loss, params, inputs, targets)
        return values

    told = {f"{side}_loss": f"Mean loss on the {side} set, nats." for side in ("train", "validation", "test")}
    told |= {name.replace("loss", "error"): "Share of its labels not predicted, from 0 to 1." for name in told}
    return Probe("three", told, measure)


def _outcome(member: Any, fixed: Mapping[str, Any]) -> Outcome:
    lines = {name: member.values[name] for name in BY_STEP}
    diverged = member.diverged_at is not None
    best = None if diverged else int(lines["validation_error"].argmin())
    kept = {
        **{name: member.values[name][-1] for name in ("train_error", "train_loss", "test_error", "test_loss")},
        "stopped_test_error": None if best is None else lines["test_error"][best],
        "stopped_step": None if best is None else float(member.steps[best]),
        "oracle_test_error": None if diverged else lines["test_error"].min(),
    }
    values = {
        **fixed,
        **(dict.fromkeys(kept) if diverged else {name: float(value) for name, value in kept.items()}),
        "step": [int(step) for step in member.steps],
        "test_error_by_step": lines["test_error"],
    }
    return outcome(values, lost=f"step {int(member.diverged_at)}" if diverged else "")
