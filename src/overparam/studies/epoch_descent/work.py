"""What a cell does: solve the linear model, or train one stack of networks and keep its course over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.studies.double_descent.work import parameter_count
from overparam.studies.epoch_descent import linear
from overparam.studies.epoch_descent.linear import short
from overparam.studies.epoch_descent.models import LINEAR, family_and_size

PROBES = 61  # step 0, and 60 evaluations from the first step to the last
COURSE = ("test_error", "test_loss", "train_error", "train_loss")
_INPUTS = {"mnist1d": 40, "mnist1d-5k": 40, "digits": 64}  # other data are taken to have 784
_TEST = 12_000
_CLASSES = 10
_STEP = 2e-5  # seconds a member-step before any arithmetic, one core
_RATE = {"mlp": 64e9, "cnn": 56e9}  # floating-point operations a second of a stacked step, one core
_BLOCK = 512  # samples measured at a time
_START = 3.0  # seconds to compile a stack


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell.

    With f floating-point operations for one example forward, a step takes 3 f a sample of its batch, and an
    evaluation f a sample of both parts of the data.

    Raises:
        UsageError: an unknown model.
    """
    family, size = family_and_size(params["model"])
    if family == LINEAR:
        return Estimate(0.05, 8.0 * linear.FEATURES * (3 * linear.SAMPLES + 4 * linear.POINTS))
    inputs = _INPUTS.get(str(params["data"]), 784)
    forward, units, count = _sizes(family, size, inputs)
    rows = params["n"] + _TEST
    steps = params["epochs"] * max(1, params["n"] // params["batch"])
    work = steps * 3.0 * forward * params["batch"] + PROBES * forward * rows
    seconds = steps * _STEP + work / _RATE[family] + _START / 5
    held = 8.0 * count + 3.0 * max(params["batch"], _BLOCK) * units + 4.0 * params["n"] + rows * inputs
    return Estimate(seconds, 4.0 * held)


def _sizes(family: str, size: int, inputs: int) -> tuple[float, float, float]:
    """Operations of one example forward, numbers that it needs inside, and parameters."""
    if family == "mlp":
        count = float(parameter_count(inputs, size, _CLASSES))
        return 2.0 * count, inputs + 2.0 * size + _CLASSES, count
    length, depth, products, units, count = inputs, 1, 0.0, float(inputs), 0.0
    for taps in (5, 3, 3):
        length = (length + 2 - taps) // 2 + 1
        products += length * taps * depth * size
        units += length * (taps * depth + size)
        count += (taps * depth + 1) * size
        depth = size
    head = length * size * _CLASSES
    return 2.0 * (products + head), units, count + head + _CLASSES


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Run one stack: every seed of one model at one rate of label noise.

    Members of one seed share initialisation and minibatch order across noise rates, and the noise of one seed
    is the same for every network.

    Args:
        cells: parameters of the cells, equal on ``stack_by``.
        report: takes the fraction done.

    Returns:
        One outcome a cell. Networks: errors as shares and losses in nats, over ``epoch`` and at the end.

    Raises:
        UsageError: an unknown model, or a batch larger than the training set.
        DataError: fewer training samples than asked for.
    """
    first = cells[0]
    family, size = family_and_size(first["model"])
    if family == LINEAR:
        return linear.solve(cells, report)
    if first["batch"] > first["n"]:
        raise UsageError(
            f"--batch: expected at most the {first['n']} training samples, got {first['batch']}. Take a smaller batch."
        )
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset
    from overparam.models import cnn1d, mlp, parameters
    from overparam.probes import standard
    from overparam.training import Member, Recipe, train

    data = flatten(subset(load(first["data"]), first["n"]))
    if family == "mlp":
        network = mlp(data.features, (size, size), data.classes)
    else:
        network = cnn1d(data.features, (size, size, size), data.classes)
    epoch = first["n"] // first["batch"]
    recipe = Recipe(
        steps=first["epochs"] * epoch,
        optimizer=first["optimizer"],
        learning_rate=first["learning_rate"],
        momentum=first["momentum"],
        batch=first["batch"],
        loss="cross_entropy",
        probes=PROBES,
    )
    labels = [
        label_noise(data.y, cell["noise"], data.classes, kind=cell["noise_kind"], seed=cell["seed"])[0]
        for cell in cells
    ]
    members = [Member(seed=cell["seed"], y=y) for cell, y in zip(cells, labels, strict=True)]
    probes = {"fit": standard()["fit"]}
    trained = train(network, recipe, members, data.x, data.x_test, data.y_test, probes=probes, progress=report)
    count = parameters(network)
    outcomes = []
    for member, y in zip(trained, labels, strict=True):
        fixed = {
            "parameters": count,
            "parameters_per_sample": short(count / data.n),
            "wrong_labels": short(float(np.mean(y != data.y))),
        }
        outcomes.append(_outcome(member, epoch, fixed))
    return outcomes


def _outcome(member: Any, epoch: int, fixed: dict[str, Any]) -> Outcome:
    lines = {name: [short(v) for v in member.values[name][1:]] for name in COURSE}
    epochs = [short(step / epoch) for step in member.steps[1:]]
    ends: dict[str, Any] = {f"final_{name}": line[-1] for name, line in lines.items()}
    for name in ("test_error", "test_loss"):
        known = [(value, place) for value, place in zip(lines[name], epochs, strict=True) if value is not None]
        ends[f"best_{name}"], ends[f"best_{name}_epoch"] = min(known, default=(None, None))
    diverged = member.diverged_at is not None
    values = {**fixed, **(dict.fromkeys(ends) if diverged else ends), "epoch": epochs, **lines}
    if diverged:
        return Outcome(values, "diverged", f"training diverged at step {int(member.diverged_at)}")
    return Outcome(values)
