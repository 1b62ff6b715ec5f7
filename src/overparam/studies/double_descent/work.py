"""What a cell does: draw the noise, train one stack of members of one width, keep the probes."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.widths.outcome import PROBES, cost, outcome, short

_FEATURES = {"mnist1d": 40, "digits": 64, "mnist": 784, "fashion-mnist": 784, "cifar10": 3072, "cifar100": 3072}
_CLASSES = {"cifar100": 100}
_BY_STEP = ("test_error", "test_loss", "train_error", "train_loss")


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell; other data sets than the named ones are taken to have 40 inputs and 10 classes."""
    name = str(params["data"])
    inputs, outputs = _FEATURES.get(name, 40), _CLASSES.get(name, 10)
    width = params["width"]
    p, units = parameter_count(inputs, width, outputs), inputs + 2 * width + outputs
    return cost(p, units, inputs, n=params["n"], batch=params["batch"], steps=params["steps"])


def parameter_count(inputs: int, width: int, outputs: int) -> int:
    """Weights and biases of an MLP inputs-width-width-outputs.

    >>> parameter_count(40, 47, 10)
    4663
    """
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * outputs


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
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
        probes=PROBES,
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
            "outputs": data.classes,
            "parameters_per_sample": short(size / data.n),
            "wrong_labels": short(float(np.mean(y != data.y))),
        }
        outcomes.append(outcome(member, fixed, _BY_STEP))
    return outcomes
