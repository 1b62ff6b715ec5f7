"""What a cell does: draw the noise, train one stack of members of one width, keep the probes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from overparam.study import Estimate, Outcome, Params, Report

_DIGITS = 6
_FEATURES = {"mnist1d": 40, "digits": 64, "mnist": 784, "fashion-mnist": 784, "cifar10": 3072, "cifar100": 3072}
_CLASSES = {"cifar100": 100}
_TEST = 12_000
_STEP = 8e-6  # seconds a member-step before any arithmetic, one core
_RATE = 80e9  # floating-point operations a second of a stacked step, one core
_BLOCK = 512  # samples measured at a time
_START = 3.0  # seconds to compile a stack
_PROBES = 30
_BY_STEP = ("test_error", "test_loss", "train_error", "train_loss")


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell.

    A training step takes 6 p b floating-point operations (p parameters, b samples), a probe 2 p (n + test
    samples); 8 microseconds a step go to everything else. The two figures are fits to measurements of widths 2
    to 300 on one core; other data sets than the named ones are taken to have 40 inputs and 10 classes.
    """
    name = str(params["data"])
    inputs, outputs = _FEATURES.get(name, 40), _CLASSES.get(name, 10)
    width, batch, steps = params["width"], params["batch"], params["steps"]
    p = parameter_count(inputs, width, outputs)
    rows = params["n"] + _TEST
    seconds = steps * (_STEP + 6.0 * p * batch / _RATE) + _PROBES * 2.0 * p * rows / _RATE + _START / 10
    units = inputs + 2 * width + outputs
    return Estimate(
        seconds, 4.0 * (8.0 * p + 3.0 * max(batch, _BLOCK) * units + 4.0 * params["n"] + rows * inputs)
    )


def parameter_count(inputs: int, width: int, outputs: int) -> int:
    """Weights and biases of an MLP inputs-width-width-outputs.

    >>> parameter_count(40, 47, 10)
    4663
    """
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * outputs


def work(cells: Sequence[Params], report: Report) -> list[Outcome]:
    """Train one stack: every seed and noise rate of one width.

    Members of one seed share initialisation and minibatch order across noise rates, and the noise of one seed
    is the same at every width.

    Args:
        cells: parameters of the cells, equal on ``stack_by``.
        report: takes the fraction done.

    Returns:
        One outcome a cell: errors as shares, losses in nats, at the end and at the probe times.

    Raises:
        DataError: fewer training samples than asked for.
    """
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset
    from overparam.models import mlp, parameters
    from overparam.probes import standard
    from overparam.training import Member, Recipe, train

    first = cells[0]
    data = flatten(subset(load(first["data"]), first["n"]))
    network = mlp(data.features, (first["width"], first["width"]), data.classes)
    recipe = Recipe(
        steps=first["steps"],
        optimizer="sgd",
        learning_rate=first["learning_rate"],
        momentum=first["momentum"],
        batch=first["batch"],
        loss="cross_entropy",
        probes=_PROBES,
    )
    labels = [
        label_noise(data.y, cell["noise"], data.classes, kind=cell["noise_kind"], seed=cell["seed"])[0]
        for cell in cells
    ]
    members = [Member(seed=cell["seed"], y=y) for cell, y in zip(cells, labels, strict=True)]
    trained = train(
        network, recipe, members, data.x, data.x_test, data.y_test, probes=standard(), progress=report
    )
    size = parameters(network)
    outcomes = []
    for member, y in zip(trained, labels, strict=True):
        fixed = {
            "parameters": size,
            "parameters_per_sample": _short(size / data.n),
            "wrong_labels": _short(float(np.mean(y != data.y))),
        }
        outcomes.append(_outcome(member, fixed))
    return outcomes


def _outcome(member: Any, fixed: dict[str, Any]) -> Outcome:
    lines = {name: [_short(v) for v in member.values[name]] for name in _BY_STEP}
    kept = {
        **{name: line[-1] for name, line in lines.items()},
        **{f"best_{name}": _smallest(lines[name]) for name in ("test_error", "test_loss")},
        **{name: _short(member.values[name][-1]) for name in ("norm", "distance")},
    }
    diverged = member.diverged_at is not None
    values = {
        **fixed,
        **(dict.fromkeys(kept) if diverged else kept),
        "step": [int(step) for step in member.steps],
        **{f"{name}_by_step": line for name, line in lines.items()},
    }
    if diverged:
        return Outcome(values, "diverged", f"training diverged at step {int(member.diverged_at)}")
    return Outcome(values)


def _smallest(line: Sequence[float | None]) -> float | None:
    return min((value for value in line if value is not None), default=None)


def _short(value: Any) -> float | None:
    number = float(value)
    return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None
