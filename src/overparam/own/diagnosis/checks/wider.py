"""OP008: would a wider model help: the same family at the model's width and at twice it, paired over seeds."""

from __future__ import annotations

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
    given_error,
    missing,
    plan_of,
    seeds_for,
    trained,
    unit_of,
)
from overparam.own.retraining.spread import LEVEL, Spread, spread_of
from overparam.own.retraining.trainer import Job

POINTS = 0.5  # of test error: a change below it is none
RELATIVE = 5.0  # percent of the test loss of a regression
APART = 2.0  # points by which trainings here may do worse than the model that was given


def _seconds(context: Context) -> float:
    plan = plan_of(context)
    size = (1 + plan.growth) / 2
    return plan.trainer.seconds(context.pace.gradient, context.model.examples, size, 2)  # type: ignore[arg-type]


def _cost(context: Context) -> Cost:
    plan, each = plan_of(context), _seconds(context)
    seeds = seeds_for(context, each)
    return Cost(
        each * seeds, f"{2 * seeds} trainings, widths {plan.width} and {plan.wider}, by {plan.trainer.words}"
    )


def _run(context: Context) -> Answer:
    plan = plan_of(context)
    seeds = seeds_for(context, _seconds(context))
    done, each = trained(context, lambda seed: [Job(plan.width, seed), Job(plan.wider, seed)], seeds)
    if len(done) < FEWEST:
        return CHECK.not_run(
            f"A training of each width took {each:.3g} s, and {FEWEST} seeds do not fit into what is left of the budget.",
            Cost(each * FEWEST, f"{2 * FEWEST} trainings by {plan.trainer.words}"),
            call_with(context, CHECK.code, 2 * each * FEWEST),
        )
    tables = counted({
        at: np.array([errors_of(context, one[at].test_outputs) for one in done])  # type: ignore[arg-type]
        for at in (0, 1)
    })  # fmt: skip
    what, unit = unit_of(context)
    numbers = context.task == "numbers"
    base, margin = float(tables[0].mean()), RELATIVE if numbers else POINTS
    own = given_error(context)
    worse = (100 / max(base, 1e-300) if numbers else 1.0) * (base - own)
    other = worse > (10 * RELATIVE if numbers else APART)
    status, words, gain = judged(tables[0], tables[1], numbers)
    if other and status != "inconclusive":
        status = "inconclusive"
        words = (
            f"Trained here, width {plan.width} has a {what} of {base:.3g}, and yours of {own:.3g}: yours was trained in another "
            "way, and what width does here need not hold for it. Give fit=, the training that made it."
        )
    effect = Measured(
        f"fall of the {what} from width {plan.width} to {plan.wider}",
        gain.mean,
        unit,
        gain.low,
        gain.high,
        len(done),
        f"seeds, on {gain.examples:,} held-out examples",
    )
    rows = tuple(
        (width, context_size, float(one.mean()), float(one.mean(1).std(ddof=1)))
        for width, context_size, one in (
            (plan.width, plan.trainer.family.size(plan.width), tables[0]),
            (plan.wider, plan.trainer.family.size(plan.wider), tables[1]),
        )
    )
    head = ("width", "parameters", what if numbers else f"{what} in %", "sd over seeds")
    return CHECK.answer(
        status,
        words,
        effect=effect,
        beside=(
            Measured(f"{what} of your model", own, "" if numbers else "%", n=gain.examples),
            Measured("standard error from seeds alone", gain.of_seeds, unit, n=len(done), of="seeds"),
            Measured("standard error from held-out examples alone", gain.of_examples, unit, n=gain.examples),
        ),
        tables=(Table(f"trained by {plan.trainer.words}", head, rows),),
        next=_next(context, status, gain.half, gain.of_seeds, gain.of_examples, len(done), each, margin, plan.wider),
    )  # fmt: skip


def judged(narrow: np.ndarray, wide: np.ndarray, numbers: bool = False) -> tuple[str, str, Spread]:
    """The rule: a status, what it says, and the effect.

    Args:
        narrow: errors in percent, or losses, at the model's width, shape ``(seeds, examples)``.
        wide: the same at twice it, of the same seeds and examples.
        numbers: whether they are losses.
    """
    scale = 100 / max(float(narrow.mean()), 1e-300) if numbers else 1.0
    gain = spread_of(scale * (narrow - wide), step=0.0 if numbers else 100.0)
    margin, unit = (RELATIVE, "%") if numbers else (POINTS, "points")
    if gain.low >= margin:
        return (
            "yes",
            f"Twice the width lowers it by at least {gain.low:.2g} {unit}, as far as these trainings tell.",
            gain,
        )
    if gain.high < margin:
        return "no", f"Twice the width changes it by less than {margin:g} {unit}, or for the worse.", gain
    words = f"The interval has both a change that counts, {margin:g} {unit}, and one that does not."
    return "inconclusive", words, gain


def _next(
    context: Context,
    status: str,
    half: float,
    of_seeds: float,
    of_examples: float,
    seeds: int,
    each: float,
    margin: float,
    wider: int,
) -> Next:
    if status != "inconclusive":
        more = ", params=params" if context.given.get("params") is not None else ""
        more += ", build=build" + (", fit=fit" if context.fit is not None else "")
        return Next(
            f"The curve over more widths, its interpolation threshold among them: overparam.widths, from {wider}.",
            f"overparam.widths(model, train, test{more}, widths={sorted({wider // 4 or 1, wider // 2, wider, 2 * wider})})",
            4 * each * FEWEST / 2,
        )
    if of_examples > of_seeds or seeds >= MOST:
        return Next(
            f"More held-out examples: they are {of_examples**2 / (of_examples**2 + of_seeds**2):.0%} of the variance, and more "
            "seeds do not help against them."
        )
    needed = min(MOST, max(seeds + 1, round(seeds * (2 * half / margin) ** 2)))
    return Next(f"{needed} seeds.", call_with(context, CHECK.code, each * needed / SHARE), each * needed)


CHECK = Check(
    "OP008",
    "wider helps",
    "Would a wider model have a smaller test error?",
    f"yes where twice the width lowers the test error by at least {POINTS:g} points over the whole {100 * LEVEL:g} % interval "
    f"(of a regression the test loss by {RELATIVE:g} %), no where by less over all of it. The interval is over seeds and "
    "held-out examples, paired by seed.",
    missing,
    _cost,
    _run,
    (
        "a training that is too short at one of the widths",
        "a learning rate that suits one of the widths better",
    ),
)
