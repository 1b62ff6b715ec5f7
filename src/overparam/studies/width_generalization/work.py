"""What a cell does: train one stack of two-layer networks of one width, stopped at the end and by a validation set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.rounding import rounded

_DIGITS = 6
_SHAPES = {"digits": (64, 597), "mnist1d": (40, 1000), "cifar10": (3072, 10_000)}  # inputs, test samples
_MNIST = (784, 10_000)
_STEP = 8e-6  # seconds a member-step before any arithmetic, one core
_RATE = 80e9  # floating-point operations a second of a stacked step, one core
_PROBES = 30
_START = 3.0  # seconds to compile a stack
_BY_STEP = ("train_error", "validation_error", "test_error")


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell: 6 p b operations a step (p parameters, b samples) and 2 p a sample measured."""
    inputs, tests = _SHAPES.get(str(params["data"]), _MNIST)
    inputs = params["side"] ** 2 if params["side"] else inputs
    p = (inputs + 1) * params["width"] + (params["width"] + 1) * 10
    rows = params["n"] + params["n_validation"] + tests
    seconds = params["steps"] * (_STEP + 6.0 * p * params["batch"] / _RATE) + _PROBES * 2.0 * p * rows / _RATE
    units = inputs + params["width"] + 10
    return Estimate(
        seconds + _START / 10, 4.0 * (8.0 * p + 3.0 * 512 * units + 4.0 * params["n"] + rows * inputs)
    )


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Train one stack: every seed and arm of labels of one width.

    Members of one seed share initialisation and minibatch order across arms. The training and validation samples
    are one fixed draw without overlap; random labels are drawn for the training samples only.

    Args:
        cells: parameters of the cells, equal on ``stack_by``.
        report: takes the fraction done.

    Returns:
        One outcome a cell: errors as shares, losses in nats.

    Raises:
        DataError: fewer samples than asked for.
    """
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset
    from overparam.models import parameters, two_layer
    from overparam.training import Member, Recipe, train

    first = cells[0]
    n, n_validation = first["n"], first["n_validation"]
    data = flatten(subset(load(first["data"]), n + n_validation)) if not first["side"] else small(first)
    order = split(n + n_validation)
    rows, held = order[:n], order[n:]
    network = two_layer(data.features, first["width"], data.classes)
    recipe = Recipe(
        steps=first["steps"], optimizer="sgd", learning_rate=first["learning_rate"], momentum=first["momentum"],
        batch=first["batch"], loss="cross_entropy", probes=_PROBES,
    )  # fmt: skip
    labels = [
        label_noise(data.y[rows], 1.0 if cell["labels"] == "random" else 0.0, data.classes, seed=cell["seed"])[
            0
        ]
        for cell in cells
    ]
    trained = train(
        network, recipe, [Member(cell["seed"], y) for cell, y in zip(cells, labels, strict=True)], data.x[rows],
        np.concatenate([data.x[held], data.x_test]), np.concatenate([data.y[held], data.y_test]),
        probes={"three": three(n_validation)}, progress=report,
    )  # fmt: skip
    fixed = {
        "parameters": parameters(network),
        "parameters_per_sample": parameters(network) / n,
        "n_test": data.n_test,
    }
    return [_outcome(member, fixed) for member in trained]


def small(params: Params) -> Any:
    """The samples of a cell as grey images of ``side`` x ``side`` pixels, flattened."""
    from dataclasses import replace

    from overparam.core import UsageError
    from overparam.data import flatten, load, subset

    data = subset(load(params["data"]), params["n"] + params["n_validation"])
    side = params["side"]
    if len(data.shape) < 2 or min(data.shape[:2]) < side:
        raise UsageError(
            f"--side: expected 0, or at most the side of the images of {data.title}, got {side} for inputs of shape "
            f"{data.shape}."
        )
    return flatten(replace(data, x=shrink(data.x, side), x_test=shrink(data.x_test, side)))


def shrink(images: Any, side: int) -> Any:
    """Grey images made smaller by averaging over areas, float32, shape ``(n, side, side)``.

    A new pixel is the mean of the old ones under it, weighted by the area they share; colours are averaged first.

    Args:
        images: shape ``(n, height, width)`` or ``(n, height, width, colours)``.
        side: pixels of a side.

    >>> import numpy as np
    >>> shrink(np.arange(9.0).reshape(1, 3, 3), 1).tolist()
    [[[4.0]]]
    """
    import numpy as np

    grey = np.asarray(images, dtype=np.float64)
    grey = grey.mean(axis=-1) if grey.ndim == 4 else grey

    def shares(old: int) -> Any:
        edges = np.arange(side + 1) * old / side
        cells = np.arange(old)
        covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
        return covered.clip(0) * side / old

    return (shares(grey.shape[1]) @ grey @ shares(grey.shape[2]).T).astype(np.float32)


def split(rows: int) -> Any:
    """A fixed shuffle of the rows, so that training and validation samples are draws of one law."""
    from overparam.data.stream import stream

    return stream("width-generalization-split", 0).permutation(rows)


@lru_cache
def three(n_validation: int) -> Any:
    """A probe of the training set, and of the validation and test samples that stand one after the other."""
    from overparam.probes.probe import Probe
    from overparam.training.evaluate import fit

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

    sides = (("train", "training"), ("validation", "validation"), ("test", "test"))
    told = {f"{side}_loss": f"Mean loss on the {name} set, nats." for side, name in sides}
    told |= {f"{side}_error": f"Share of {name} labels not predicted, from 0 to 1." for side, name in sides}
    return Probe("three", told, measure)


def _outcome(member: Any, fixed: Mapping[str, Any]) -> Outcome:
    lines = {name: member.values[name] for name in _BY_STEP}
    diverged = member.diverged_at is not None
    best = None if diverged else int(lines["validation_error"].argmin())
    kept = {
        "train_error": lines["train_error"][-1],
        "train_loss": member.values["train_loss"][-1],
        "test_error": lines["test_error"][-1],
        "test_loss": member.values["test_loss"][-1],
        "stopped_test_error": None if best is None else lines["test_error"][best],
        "stopped_step": None if best is None else member.steps[best],
        "oracle_test_error": None if diverged else lines["test_error"].min(),
    }
    values = {
        **fixed,
        **(dict.fromkeys(kept) if diverged else {name: float(value) for name, value in kept.items()}),
        "step": [int(step) for step in member.steps],
        "test_error_by_step": lines["test_error"],
    }
    short = {name: rounded(value, _DIGITS) for name, value in values.items()}
    if diverged:
        return Outcome(short, "diverged", f"training diverged at step {int(member.diverged_at)}")
    return Outcome(short)
