"""What a cell of a user's family does: draw the noise, train one stack of members of one width, keep the probes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.api.width_sweep.family import Family
from overparam.api.width_sweep.given import Given, read
from overparam.core import Estimate, Outcome, Params, Progress
from overparam.core.errors import UsageError
from overparam.data import label_noise
from overparam.data.target_noise import target_noise
from overparam.probes import standard
from overparam.studies.widths.outcome import cost, outcome, short
from overparam.training import Member, Recipe, train

_ROWS = 64  # rows for which a forward pass is costed
Work = Callable[[Sequence[Params], Progress], list[Outcome]]


def recipe_of(base: Recipe, params: Params) -> Recipe:
    """The recipe of a cell: the base with the values of its axes; a batch of 0 is the whole training set."""
    own = {name: params[name] for name in ("steps", "learning_rate", "momentum", "weight_decay")}
    return dataclasses.replace(base, **own, batch=params["batch"] or None)


def worker(family: Family, base: Recipe, labels: bool) -> Work:
    """Return the work function of a family's study.

    Members of one seed share initialisation and minibatch order across noise rates, and the noise of one seed is the
    same at every width.

    Args:
        family: the family.
        base: the recipe, of which steps, step size, momentum, weight decay and batch come from the cell.
        labels: whether the targets are classes.
    """

    def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
        first = cells[0]
        if first["family"] != family.tag:
            raise UsageError(
                f"family: expected {first['family']} as when the run began, got {family.tag}. Its file was changed, or "
                "another module of the same name was found. Run it again."
            )
        data = read(first["data"], first["n"], labels)
        network = family.network(first["width"], data.x.shape[1], data.outputs)
        drawn = [_noisy(data, cell) for cell in cells]
        members = [Member(seed=cell["seed"], y=y) for cell, y in zip(cells, drawn, strict=True)]
        trained = train(
            network, recipe_of(base, first), members, data.x, data.x_test, data.y_test,
            probes=standard(), progress=report,
        )  # fmt: skip
        size, n = family.size(first["width"]), len(data.x)
        fixed = {
            "parameters": size, "outputs": data.outputs, "n": n, "parameters_per_sample": short(size / n),
        }  # fmt: skip
        return [
            _outcome(member, {**fixed, "wrong_labels": short(_wrong(y, data.y))}, y, data, base)
            for member, y in zip(trained, drawn, strict=True)
        ]

    return work


def _noisy(data: Given, cell: Params) -> Any:
    if data.labels:
        return label_noise(data.y, cell["noise"], data.outputs, kind=cell["noise_kind"], seed=cell["seed"])[0]
    return target_noise(data.y, cell["noise"], seed=cell["seed"])[0]


def _wrong(y: Any, clean: Any) -> float:
    return float(np.mean(np.any(np.reshape(y != clean, (len(clean), -1)), axis=1)))


def constant_loss(y: Any, outputs: int) -> float:
    """Squared loss of the best constant prediction: half the variance of the targets, summed over outputs.

    Args:
        y: classes, which stand for one-hot vectors, or targets.
        outputs: number of classes or of targets.

    >>> constant_loss(np.array([0, 1], np.int32), 2), constant_loss(np.array([1.0, 3.0]), 1)
    (0.25, 0.5)
    """
    values = np.asarray(y)
    if values.dtype.kind in "iu":
        shares = np.bincount(values, minlength=outputs) / len(values)
        return float(0.5 * (1.0 - np.sum(shares**2)))
    return float(0.5 * np.var(values.astype(np.float64), axis=0).sum())


def _outcome(member: Any, fixed: dict[str, Any], y: Any, data: Given, base: Recipe) -> Outcome:
    metrics = (
        ("test_error", "test_loss", "train_error", "train_loss") if data.labels else ("test_loss", "train_loss")
    )
    made = outcome(member, fixed, metrics)
    if base.loss != "squared":
        return made
    loss, null = made.values["train_loss"], constant_loss(y, data.outputs)
    share = None if loss is None or null == 0 else short(loss / null)
    return dataclasses.replace(made, values={**made.values, "train_loss_share": share})


def estimator(family: Family, base: Recipe, labels: bool) -> Callable[[Params], Estimate]:
    """Return the function that costs a cell, after checking the network and the recipe on the data.

    The arithmetic is that of the network's own forward pass, as the compiler counts it.
    """

    @lru_cache(maxsize=512)
    def estimate(data: str, n: int, width: int, batch: int, steps: int) -> Estimate:
        given = read(data, n, labels)
        rows, inputs = given.x.shape
        if batch > rows:
            raise UsageError(
                f"batch: expected at most {rows:,}, the training rows, got {batch:,}. "
                "Give a recipe with a smaller batch, or batch=None for all rows."
            )
        network = family.network(width, inputs, given.outputs)
        flops, units = _forward(network.init, network.apply, inputs)
        p = family.size(width)
        return cost(p, units or inputs + p, inputs, n=rows, batch=batch or rows, steps=steps, flops=flops)

    def of_cell(params: Params) -> Estimate:
        recipe_of(base, params)
        return estimate(*(params[name] for name in ("data", "n", "width", "batch", "steps")))

    return of_cell


def _forward(init: Any, apply: Any, inputs: int) -> tuple[float | None, int | None]:
    """Operations, and numbers read or written, of one forward pass of one example; None where not counted."""
    shapes = jax.eval_shape(init, jax.random.key(0))
    rows = jax.ShapeDtypeStruct((_ROWS, inputs), jnp.float32)
    try:
        counted: Any = jax.jit(apply).lower(shapes, rows).cost_analysis()
        counted = counted[0] if isinstance(counted, list) else counted
        return float(counted["flops"]) / _ROWS, int(counted["bytes accessed"] / (4 * _ROWS))
    except Exception:  # a compiler that does not count is no reason not to run
        return None, None
