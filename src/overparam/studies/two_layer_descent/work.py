"""What a cell does: train every width twice, from random weights and from the width before, and keep the ends.

The three arms of weight reuse share their trainings. Without reuse every width starts from random weights. With
reuse at every width they form a chain. With reuse below the threshold they are the chain below it, and from the
threshold on they are the trainings from random weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.studies.progress import within
from overparam.studies.rounding import rounded
from overparam.studies.two_layer_descent.reuse import widen

_short = partial(rounded, digits=6)
ARMS = {"": "no reuse", "below_": "reuse below the threshold", "continuous_": "reuse at every width"}
METRICS = ("train_loss", "test_loss", "train_error", "test_error", "norm", "silent_classes")
LOSSES = ("train_loss", "test_loss")
EPOCHS, DECAY = 500, 0.9  # of the published schedule below the threshold: 10 % less every 500 epochs
LOOKS = 100  # probe times of the published schedule, at which a network without errors stops
_FEATURES = {"mnist1d": 40, "digits": 64, "mnist": 784, "fashion-mnist": 784, "cifar10": 3072, "cifar100": 3072}
_TESTS = {"digits": 597, "mnist1d": 1000}
_STEP = 8e-6  # seconds a member-step before any arithmetic, one core
_RATE = 80e9  # floating-point operations a second of a stacked step, one core
_START = 1.5  # seconds to compile one width
_STACK = 5  # cells that share it

Chain = list[dict[str, Any]]


def parameter_count(inputs: int, width: int, outputs: int) -> int:
    """Weights and biases of a network inputs-width-outputs.

    >>> parameter_count(64, 53, 10)
    3985
    """
    return (inputs + 1) * width + (width + 1) * outputs


def rate_for_half_sum(rate: float, outputs: int) -> float:
    """The learning rate for half the sum of squares over outputs that acts as ``rate`` on their mean.

    The mean of squares over K outputs is 2/K times half their sum, so its gradient is 2/K times as long and steps
    agree at ``2 rate / K``.

    >>> rate_for_half_sum(0.1, 10)
    0.02
    """
    return 2.0 * rate / outputs


def estimate(params: Params) -> Estimate:
    """Expected cost of one cell.

    A training step takes 6 p b floating-point operations (p parameters, b samples); 8 microseconds a step go to
    everything else: fits to measurements on one core. Every width is trained twice where weights are reused.
    """
    name, widths, batch = str(params["data"]), params["width"], params["batch"]
    inputs, chains = _FEATURES.get(name, 40), 1 if params["reuse"] == "none" else 2
    sizes = [parameter_count(inputs, width, 10) for width in widths]
    steps = sum(_STEP + 6.0 * p * batch / _RATE for p in sizes) * params["steps"]
    rows = params["n"] + _TESTS.get(name, 10_000)
    units = inputs + 2 * max(widths) + 10
    memory = (
        chains * (24.0 * max(sizes) + 12.0 * units * max(batch, 512) + 8.0 * params["n"]) + 4.0 * rows * inputs
    )
    return Estimate(chains * steps + _START * len(widths) / _STACK, memory + 1e7)


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Train one stack: every seed, width after width.

    Members of one seed share initialisation, minibatch order and added weights across noise rates. The label noise
    of one seed is drawn once, for all widths and arms.

    Args:
        cells: parameters of the cells, equal on ``stack_by``.
        report: takes the fraction done.

    Returns:
        One outcome a cell, with lists over its widths: squared losses as means over samples and outputs, errors as
        shares.

    Raises:
        DataError: fewer training samples than asked for.
        UsageError: widths that are not ascending.
    """
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset

    first = cells[0]
    widths = _ascending(first["width"])
    data = flatten(subset(load(first["data"]), first["n"]))
    labels = [label_noise(data.y, cell["noise"], data.classes, seed=cell["seed"])[0] for cell in cells]
    sizes = [parameter_count(data.features, width, data.classes) for width in widths]
    fresh: list[Chain] = [[] for _ in cells]
    chain: list[Chain] = [[] for _ in cells]
    weights = np.cumsum([0.0, *(2e4 + size for size in sizes)])
    for index, width in enumerate(widths):
        span = (float(weights[index] / weights[-1]), float(weights[index + 1] / weights[-1]))
        ends = _train_width(cells, labels, data, width, chain if index else None, within(report, *span))
        for own, line in zip(ends, fresh + (chain if len(ends) > len(cells) else []), strict=True):
            line.append(own)
        if index == 0:
            chain = [list(line) for line in fresh]
    threshold = data.n * data.classes
    fixed = {"width": list(widths), "parameters": sizes, "ratio": [_short(p / threshold) for p in sizes]}
    return [
        _outcome(cell, {**fixed, "wrong_labels": _short(np.mean(y != data.y))}, own, grown)
        for cell, y, own, grown in zip(cells, labels, fresh, chain, strict=True)
    ]


def _train_width(
    cells: Sequence[Params],
    labels: Sequence[Any],
    data: Any,
    width: int,
    chain: Sequence[Chain] | None,
    report: Progress,
) -> Chain:
    """Train one width of all cells from random weights and, after the first width, from the chain's ends."""
    import jax
    import jax.numpy as jnp

    from overparam.models import two_layer
    from overparam.probes import standard
    from overparam.training import Checkpoint, Member, train
    from overparam.training.loop import fresh_params

    first = cells[0]
    network = two_layer(data.features, width, data.classes, init="glorot")
    seeds = [cell["seed"] for cell in cells]
    drawn = jax.device_get(fresh_params(jnp.asarray(seeds, jnp.uint32), network=network))
    start = [Checkpoint(jax.tree.map(lambda leaf, i=i: leaf[i], drawn)) for i in range(len(cells))]
    members = [Member(seed=seed, y=y) for seed, y in zip(seeds, labels, strict=True)]
    reuse = first["reuse"] == "all"
    if chain is not None and reuse:
        ends = [line[-1]["params"] for line in chain]
        start += [Checkpoint(widen(end, width, first["spread"], s)) for end, s in zip(ends, seeds, strict=True)]
        members += members
    recipe = recipe_of(first, width, data)
    probes: dict[str, Any] = {**standard(), "silent": silent_classes}
    trained = train(
        network, recipe, members, data.x, data.x_test, data.y_test, probes=probes, progress=report,
        keep_params=reuse, start=start,
    )  # fmt: skip
    scale = 2.0 / data.classes
    return [
        {
            **{name: float(run.values[name][-1]) * (scale if name in LOSSES else 1.0) for name in METRICS},
            "train_loss_ratio": float(run.values["train_loss"][-1]) / 0.5,
            "diverged_at": run.diverged_at,
            "params": run.params,
        }
        for run in trained
    ]


def recipe_of(cell: Params, width: int, data: Any) -> Any:
    """How one width is trained: at a constant rate, or with the published schedule below the threshold.

    Args:
        cell: parameters of a cell.
        width: hidden units.
        data: the training data, for its size.

    Returns:
        A :class:`overparam.training.Recipe`.
    """
    from overparam.training import Recipe
    from overparam.training.orders import steps_per_epoch

    below = parameter_count(data.features, width, data.classes) < data.n * data.classes
    published: Mapping[str, Any] = {}
    if cell["schedule"] == "published" and below:
        period = EPOCHS * steps_per_epoch(data.n, cell["batch"])
        published = {"schedule": "step", "period": period, "decay": DECAY, "stop_error": 0.0, "probes": LOOKS}
    settings: dict[str, Any] = {
        "steps": cell["steps"],
        "learning_rate": rate_for_half_sum(cell["learning_rate"], data.classes),
        "momentum": cell["momentum"],
        "batch": cell["batch"],
        "loss": "squared",
        "probes": 2,
    }
    return Recipe(**{**settings, **published})


def silent_classes(
    network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
) -> dict[str, Any]:
    """Number of classes that a network predicts for no training sample (a probe)."""
    import jax.numpy as jnp

    predicted = jnp.argmax(network.apply(params, x), axis=1)
    heard = (predicted[:, None] == jnp.arange(network.outputs)).any(axis=0)
    return {"silent_classes": network.outputs - heard.sum()}


def _outcome(cell: Params, fixed: dict[str, Any], fresh: Chain, chain: Chain) -> Outcome:
    values, lost = dict(fixed), []
    below = sum(ratio < 1 for ratio in fixed["ratio"])
    arms = {"": fresh, "below_": chain[:below] + fresh[below:], "continuous_": chain}
    for prefix, line in arms.items() if cell["reuse"] == "all" else [("", fresh)]:
        for name in METRICS:
            values[prefix + name] = [_short(end[name]) for end in line]
        gone = [str(w) for w, end in zip(fixed["width"], line, strict=True) if end["diverged_at"] is not None]
        lost += [f"{ARMS[prefix]}: width {', '.join(gone)}"] if gone else []
    values["train_loss_ratio"] = [_short(end["train_loss_ratio"]) for end in fresh]
    if lost:
        return Outcome(values, "diverged", f"training diverged; {'; '.join(lost)}")
    return Outcome(values)


def _ascending(widths: Sequence[int]) -> tuple[int, ...]:
    if list(widths) != sorted(set(widths)):
        raise UsageError(f"--widths: expected ascending widths, got {', '.join(map(str, widths))}. Sort them.")
    return tuple(widths)
