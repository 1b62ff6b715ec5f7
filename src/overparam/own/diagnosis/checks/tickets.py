"""OP010: is there a smaller model in it: its largest weights trained again from their start, against as many at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.own.diagnosis.answer import Answer, Measured, Next, Table
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.retrained import (
    FEWEST,
    MOST,
    SHARE,
    call_with,
    counted,
    errors_of,
    missing,
    plan_of,
    seeds_for,
    trained,
    unit_of,
)
from overparam.own.retraining.spread import Spread, spread_of
from overparam.own.retraining.trainer import Job
from overparam.pruning.criteria import Weights
from overparam.pruning.draws import generator
from overparam.pruning.mask import Mask
from overparam.pruning.module_format import zeroed
from overparam.pruning.select import choose

DENSITY = 0.2
SAME = 1.0  # point of test error by which the ticket may be worse than the whole
BETTER = 0.0  # points by which a random mask must be worse
RELATIVE = 10.0  # percent of the test loss of a regression


def _missing(context: Context) -> str:
    why = missing(context)
    if why:
        return why
    kind = plan_of(context).trainer.family.at(plan_of(context).width).subject
    return "" if kind.weights else "The model has no weight of two or more axes to prune."


def _seconds(context: Context) -> float:
    return plan_of(context).trainer.seconds(context.pace.gradient, context.model.examples, 1, 3)


def _cost(context: Context) -> Cost:
    plan, each = plan_of(context), _seconds(context)
    seeds = seeds_for(context, each)
    return Cost(
        each * seeds,
        f"{3 * seeds} trainings, dense, ticket and random mask of density {DENSITY:g}, by {plan.trainer.words}",
    )


def masks_of(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...], seed: int, criterion: str
) -> tuple[Mask, Mask]:
    """The mask of a trained model and a random one of its densities.

    Args:
        arrays: trained parameters by name.
        names: of those that may be pruned.
        seed: draws.
        criterion: which weights are kept.
    """
    full = Mask({name: np.ones(arrays[name].shape, np.float32) for name in names})
    seen = Weights(None, {name: arrays[name] for name in names}, full, None, seed)
    found = choose(criterion, seen, DENSITY)
    drawn = {}
    for path, one in found:
        flat = np.zeros(one.size, np.float32)
        flat[generator((seed, 10), f"random mask of {path}").permutation(one.size)[: int(one.sum())]] = 1.0
        drawn[path] = flat.reshape(one.shape)
    return found, Mask(drawn)


def _run(context: Context, criterion: str = "large_final") -> Answer:
    plan, trainer = plan_of(context), plan_of(context).trainer
    seeds = seeds_for(context, _seconds(context))
    names = trainer.family.at(plan.width).subject.weights
    dense, first = trained(context, lambda seed: [Job(plan.width, seed)], seeds)
    if 3 * first * FEWEST > context.left() + first * len(dense) or len(dense) < FEWEST:
        return _too_long(context, 3 * first)
    jobs = {}
    for (one,) in dense:
        masks = masks_of(one.arrays, names, one.job.seed, criterion)
        jobs[one.job.seed] = [
            Job(plan.width, one.job.seed, mask=mask, begun={**one.begun, **zeroed(one.begun, mask.arrays)})
            for mask in masks
        ]
    masked, again = trained(context, lambda seed: jobs[seed], len(dense))
    each = first + again
    if len(masked) < FEWEST:
        return _too_long(context, each)
    rows: dict[str, list[Any]] = {"dense": [one for (one,) in dense[: len(masked)]]}
    rows["ticket"], rows["random mask"] = [one[0] for one in masked], [one[1] for one in masked]
    tables = counted(
        {name: np.array([errors_of(context, one.test_outputs) for one in some]) for name, some in rows.items()}
    )
    what, unit = unit_of(context)
    numbers = context.task == "numbers"
    status, words, lost, better = judged(tables["dense"], tables["ticket"], tables["random mask"], numbers)
    head = ("trained", what if numbers else f"{what} in %", "sd over seeds")
    return CHECK.answer(
        status,
        words,
        effect=Measured(
            f"{what} of the ticket above that of the whole",
            lost.mean, unit, lost.low, lost.high, len(masked), f"seeds, on {lost.examples:,} held-out examples",
        ),
        beside=(
            Measured(
                f"{what} of a random mask above that of the ticket",
                better.mean, unit, better.low, better.high, len(masked), "seeds",
            ),
            Measured("density", 100 * jobs[next(iter(jobs))][0].mask.density, "% of the weights"),  # type: ignore[union-attr]
        ),
        tables=(
            Table(
                f"trained by {trainer.words}",
                head,
                tuple((name, float(one.mean()), float(one.mean(1).std(ddof=1))) for name, one in tables.items()),
            ),
        ),
        next=_next(context, status, lost, better, len(masked), each),
    )  # fmt: skip


def judged(
    dense: np.ndarray, ticket: np.ndarray, random: np.ndarray, numbers: bool = False
) -> tuple[str, str, Spread, Spread]:
    """The rule: a status, what it says, how much worse the ticket is, and how much worse a random mask.

    Args:
        dense: errors in percent, or losses, of the whole, shape ``(seeds, examples)``.
        ticket: the same of the ticket, of the same seeds and examples.
        random: the same of the random mask.
        numbers: whether they are losses.
    """
    scale, step = (100 / max(float(dense.mean()), 1e-300), 0.0) if numbers else (1.0, 100.0)
    lost, better = (
        spread_of(scale * (ticket - dense), step=step),
        spread_of(scale * (random - ticket), step=step),
    )
    same, unit = (RELATIVE, "%") if numbers else (SAME, "point")
    part = f"{100 * DENSITY:g} %"
    if lost.high <= same and better.low > BETTER:
        status, words = (
            "yes",
            f"The {part} largest weights, set back and trained again, end within {same:g} {unit} of the whole, and as "
            "many at random end worse.",
        )
    elif lost.low > same:
        status, words = "no", f"The {part} largest weights end more than {same:g} {unit} worse than the whole."
    elif better.high <= BETTER:
        status, words = (
            "no",
            f"A random {part} does as well as the largest: it is not these weights that matter.",
        )
    else:
        status, words = (
            "inconclusive",
            f"The intervals do not tell whether the {part} largest do as well as the whole, or better than as many at random.",
        )
    return status, words, lost, better


def _next(context: Context, status: str, lost: Any, better: Any, seeds: int, each: float) -> Next:
    if status == "inconclusive":
        many = max(lost.of_examples, better.of_examples) > max(lost.of_seeds, better.of_seeds)
        if many or seeds >= MOST:
            return Next("More held-out examples: they, not the seeds, make the intervals wide.")
        more = min(MOST, 2 * seeds)
        return Next(f"{more} seeds.", call_with(context, CHECK.code, each * more / SHARE), each * more)
    return Next(
        "Loss and accuracy at other densities, without training or with it.",
        "overparam.prune(model, data=train, test=test).curve([0.5, 0.2, 0.1, 0.05], fit=fit, seeds=range(5))",
        4 * 5 * each / 3,
    )


def _too_long(context: Context, each: float) -> Answer:
    return CHECK.not_run(
        f"One seed takes about {each:.3g} s, and {FEWEST} do not fit into what is left of the budget.",
        Cost(each * FEWEST, f"{3 * FEWEST} trainings by {plan_of(context).trainer.words}"),
        call_with(context, CHECK.code, 2 * each * FEWEST / SHARE),
    )


CHECK = Check(
    "OP010",
    "ticket",
    "Is there a smaller model in it that trains as well?",
    f"yes where the {100 * DENSITY:g} % largest weights of every layer, set back to their start and trained alone, end at most "
    f"{SAME:g} point of test error above the whole ({RELATIVE:g} % of the loss of a regression), and a random mask of the same "
    "densities ends above them, both over the whole 95 % interval; no where they end further above, or a random mask ends no "
    "worse.",
    _missing,
    _cost,
    _run,
    ("a training so long or so short that sparse and whole models end alike",),
)
