"""OP009: does the same training fit labels that have nothing to do with the inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import beta

from overparam.core.errors import UsageError
from overparam.own.diagnosis.answer import Answer, Measured, Next
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.retrained import FEWEST, call_with, missing, plan_of, trained
from overparam.own.diagnosis.tasks import wrong_share
from overparam.own.retraining.spread import spread_of
from overparam.own.retraining.targets import random_labels
from overparam.own.retraining.trainer import Job

FITTED = 95.0  # percent of random labels
STREAM = 9


def _missing(context: Context) -> str:
    if context.task in ("numbers", "several labels"):
        return f"It asks for labels, one or more classes a position, and this model learns {context.task}."
    return missing(context, held_out=False)


def _cost(context: Context) -> Cost:
    plan = plan_of(context)
    each = plan.trainer.seconds(context.pace.gradient, context.model.examples, 1, 2)
    return Cost(
        each * FEWEST, f"{2 * FEWEST} trainings, half of them on random labels, by {plan.trainer.words}"
    )


def _run(context: Context) -> Answer:
    plan, targets = plan_of(context), context.targets
    assert targets is not None
    drawn: dict[int, np.ndarray] = {}

    def jobs(seed: int) -> list[Job]:
        drawn[seed] = random_labels(targets, np.random.default_rng((seed, STREAM)), context.ignore)
        return [Job(plan.width, seed, drawn[seed]), Job(plan.width, seed)]

    done, each = trained(context, jobs, FEWEST)
    if len(done) < 2:
        return CHECK.not_run(
            f"A training on random labels and one on true ones took {each:.3g} s, and two do not fit into what is left of the "
            "budget.",
            Cost(each * FEWEST, f"{2 * FEWEST} trainings by {plan.trainer.words}"),
            call_with(context, CHECK.code, 2 * each * FEWEST),
        )

    if any(_same(one[0].arrays, one[1].arrays) for one in done):
        raise UsageError(
            "fit: expected a training on the targets that fit is given, got the same numbers from random labels and from true "
            "ones. Train on the second argument, fit(model, train)."
        )

    def fitted(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        made = np.asarray(outputs).reshape(len(labels), *context.model.output_shape)
        return 100 * (1 - wrong_share(made, labels, context.task, context.ignore))

    random = np.array([fitted(one[0].outputs, drawn[one[0].job.seed]) for one in done])
    true = np.array([fitted(one[1].outputs, targets) for one in done])
    random = random[:, np.isfinite(random).all(0)]
    true = true[:, np.isfinite(true).all(0)]
    status, mean, low, high = judged(random)
    n = random.shape[1]
    words = {
        "yes": "It can memorise: that it fits its training set says nothing about whether it has learnt.",
        "no": "The same training does not fit random labels: fitting the true ones shows that they have structure it found.",
        "inconclusive": f"The interval has shares on both sides of {FITTED:g} %.",
    }[status]
    return CHECK.answer(
        status,
        words,
        effect=Measured("random labels fitted", mean, "%", low, high, len(done), f"seeds, {n:,} examples each"),
        beside=(
            Measured(
                "true labels fitted by the same training", float(true.mean()), "%", n=len(done), of="seeds"
            ),
            Measured("random labels that a guess would hit", 100 / max(1, len(np.unique(targets))), "%"),
        ),
        next=Next(
            "Whether a longer training fits them: a fit that trains for twice as long.",
            call_with(context, CHECK.code, 4 * each * FEWEST),
            2 * each * FEWEST,
        ),
    )


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Whether two trainings ended at the same numbers."""
    return all(np.array_equal(array, other[name]) for name, array in one.items())


def judged(fitted: np.ndarray) -> tuple[str, float, float, float]:
    """The rule: a status, and the share of random labels that are fitted, in percent, with its interval.

    The interval is the wider of that over seeds and examples and the exact one of as many examples as one seed has.

    Args:
        fitted: 100 where a random label is fitted and 0 where it is not, shape ``(seeds, examples)``.
    """
    found, n = spread_of(fitted, step=100.0), fitted.shape[1]
    hits = round(found.mean / 100 * n)
    low = min(found.low, 100 * float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0)
    high = max(found.high, 100 * float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 100.0)
    low, high = max(low, 0.0), min(high, 100.0)
    return "yes" if low >= FITTED else "no" if high < FITTED else "inconclusive", found.mean, low, high


CHECK = Check(
    "OP009",
    "fits random labels",
    "Does the same training fit random labels?",
    f"yes where at least {FITTED:g} % of labels that were drawn at random are fitted over the whole 95 % interval, no where "
    "fewer are. The interval is over seeds and examples.",
    _missing,
    _cost,
    _run,
    ("a training that is too short for random labels, which take longer than true ones",),
)
