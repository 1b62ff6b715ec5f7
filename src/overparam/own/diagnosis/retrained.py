"""What the checks that train share: family, trainer, the width of the model, errors an example, seeds for a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.jax_adapt import framework_of
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.tasks import wrong_share
from overparam.own.retraining.built import Family
from overparam.own.retraining.trainer import Done, Job, Trainer, trainer_of

HOW = ("loss", "reduction", "smoothing", "ignore", "batch", "targets", "evaluation", "call", "dtype", "frozen")
FEWEST, MOST = 5, 20  # seeds
SHARE = 0.3  # of the budget that more seeds than the fewest may take
MANY = 2000  # test examples of which a loss of one's own is taken one by one
GIVE = "Give build=, a function from a width to an untrained model"


@dataclass(frozen=True)
class Plan:
    """What is trained.

    Attributes:
        trainer: how.
        width: of the model.
        wider: the width that it is compared with.
        growth: parameters of the wider one over those of the model.
    """

    trainer: Trainer
    width: int
    wider: int
    growth: float


def missing(context: Context, held_out: bool = True) -> str:
    """What is not given for a check that trains, in a sentence; empty where nothing is missing.

    Args:
        context: what the checks share.
        held_out: whether the check needs held-out data.
    """
    if context.build is None:
        return f"It needs trainings of the same family. {GIVE}."
    if context.task == "none":
        return "It needs targets to train on."
    if context.task == "other":
        return "What counts as an error under this loss is not known. Give a loss by name: 'squared', 'cross_entropy'."
    if held_out and context.test is None:
        return "It needs held-out data. Give test=."
    if not callable(context.fit) and framework_of(context.given["model"]) == "torch":
        return "It needs trainings, and this package does not train modules of PyTorch. Give fit=, a function fit(model, train)."
    return ""


def plan_of(context: Context) -> Plan:
    """The family, its trainer and the width of the model; made once.

    Args:
        context: what the checks share.

    Raises:
        UsageError: no width has the shapes of the model, or the family cannot be trained.
    """
    if "retrained" not in context.kept:
        context.kept["retrained"] = _plan(context)
    found: Plan = context.kept["retrained"]
    return found


def _plan(context: Context) -> Plan:
    assert context.build is not None
    model, how = context.model, {name: context.given[name] for name in HOW if name in context.given}
    with model.quiet():
        first = next(iter(model.batches())).rows(0, 2)
        example = tuple(model.host(one) for one in first.args if hasattr(one, "shape"))
        named = {name: model.host(one) for name, one in first.named.items() if hasattr(one, "shape")}
    family = Family(context.build, (example, named), how.get("frozen") or (), how.get("call"))
    widths = _widths(context.widths)
    shapes = dict(zip(model.layout.names, model.layout.shapes, strict=True))
    if widths:
        own = [one for one in widths if sorted(family.at(one).subject.layout.shapes) == sorted(shapes.values())]
        width = own[0] if own else widths[0]
        wider = next((one for one in widths if one > width), 2 * width)
    else:
        width, wider = _found(family, shapes, model.size)
    if family.size(wider) <= family.size(width):
        raise UsageError(
            f"build: expected more parameters at width {wider} than at {width}, got {family.size(wider):,} and "
            f"{family.size(width):,}. Use the argument for the size of the layers."
        )
    family.check_seeds(width)
    given = context.given
    trainer = trainer_of(family, context.fit, given["train"], given["test"], model, context.test, how, width)
    return Plan(trainer, width, wider, family.size(wider) / max(1, model.size))


def _found(family: Family, shapes: Mapping[str, tuple[int, ...]], size: int) -> tuple[int, int]:
    """The width of the model in its family, and twice it."""
    advice = "Give widths=(its width, a larger one)."
    try:
        width = family.width_of(shapes)
    except UsageError as error:
        raise UsageError(
            f"{error} Where not every width can be built: {advice[0].lower()}{advice[1:]}"
        ) from error
    if width is None:
        raise UsageError(
            f"build: expected a width at which build(width) has the {size:,} parameters of the model in its shapes, got none. "
            f"{advice}"
        )
    return width, 2 * width


def _widths(given: Any) -> list[int]:
    if given is None:
        return []
    try:
        widths = [int(one) for one in given if int(one) == one and int(one) >= 1]
        whole = len(widths) == len(list(given)) and len(widths) > 0
    except (TypeError, ValueError):
        whole, widths = False, []
    if not whole or widths != sorted(set(widths)):
        raise UsageError(
            f"widths: expected ascending whole numbers from 1 on, the first that of the model, got {given!r}."
        )
    return widths


def seeds_for(context: Context, seconds: float) -> int:
    """How many seeds a budget allows.

    Args:
        context: what the checks share.
        seconds: that one seed takes.
    """
    return int(min(MOST, max(FEWEST, SHARE * context.budget / max(seconds, 1e-9))))


def trained(
    context: Context, jobs: Callable[[int], Sequence[Job]], seeds: int
) -> tuple[list[list[Done]], float]:
    """The trainings of some seeds, fewer where the first shows that they take longer than what is left of the budget.

    An interrupt after the second seed keeps those that are finished.

    Args:
        context: what the checks share.
        jobs: those of a seed.
        seeds: how many.

    Returns:
        The trainings of each seed, and how many seconds a seed took.
    """
    trainer = plan_of(context).trainer
    began = time.monotonic()
    own = seeds if type(trainer).__name__ == "OwnTrainer" else 1
    found = _several(trainer, [jobs(context.seed + i) for i in range(own)])
    each = (time.monotonic() - began) / own
    for at in range(own, seeds):
        if each > context.left() and at >= 2:
            break
        if at == 1 and each * (FEWEST - 1) > context.left():
            break
        context.say(f"... training {at + 1} of {seeds}")
        try:
            found += _several(trainer, [jobs(context.seed + at)])
        except KeyboardInterrupt:
            if at < 2:
                raise
            context.stopped = True
            break
        each = (time.monotonic() - began) / (at + 1)
    return found, each


def _several(trainer: Trainer, groups: Sequence[Sequence[Job]]) -> list[list[Done]]:
    done = iter(trainer.run([job for one in groups for job in one]))
    return [[next(done) for _ in one] for one in groups]


def errors_of(context: Context, outputs: np.ndarray) -> np.ndarray:
    """What each held-out example has wrong: the share of its labels in percent, or its loss.

    Args:
        context: what the checks share.
        outputs: of all held-out examples, in any shape that holds them.
    """
    assert context.test is not None
    targets = context.test_targets
    assert targets is not None
    made = np.asarray(outputs).reshape(len(targets), *context.test.output_shape)
    if context.task != "numbers":
        return 100 * wrong_share(made, targets, context.task, context.ignore)
    if context.test.objective.name == "squared":
        return ((made.reshape(targets.shape) - targets).reshape(len(made), -1) ** 2).sum(1) / 2
    total, model = context.test.objective.total, context.test
    found: list[Any] = []
    assert total is not None
    with model.quiet():
        for batch in model.batches():
            for i in range(min(batch.count, MANY - len(found))):
                row = np.ascontiguousarray(made[len(found)].ravel(), model.dtype)
                out = model.native(row).reshape((1, *made.shape[1:]))
                found.append(float(total(out, batch.rows(i, i + 1).targets)))
    return np.array(found)


def unit_of(context: Context) -> tuple[str, str]:
    """What :func:`errors_of` gives: its name and the unit of differences."""
    return ("test loss", "%") if context.task == "numbers" else ("test error", "points")


def call_with(context: Context, code: str, seconds: float | None = None) -> str:
    """The exact call that runs a check alone, with a budget."""
    fit = ", fit=fit" if context.fit is not None else ""
    more = "" if seconds is None else f", budget={max(1.0, seconds):.0f}"
    test = "" if context.test is None else ", test"
    params = ", params=params" if context.given.get("params") is not None else ""
    return f'overparam.diagnose(model, train{test}{params}, build=build{fit}, only="{code}"{more})'


def given_error(context: Context) -> float:
    """Mean error of the model that was given, on the held-out data."""
    return float(np.nanmean(errors_of(context, context.test_outputs)))


def counted(tables: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
    """Tables without the examples of which nothing counts.

    Args:
        tables: shape ``(seeds, examples)`` each.
    """
    good = np.all([np.isfinite(one).all(0) for one in tables.values()], axis=0)
    return {name: one[:, good] for name, one in tables.items()}
