"""OP007: whether training should have stopped earlier, from what it wrote down."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from overparam.own.diagnosis.answer import Answer, Measured, Next, Table
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.intervals import mean_of
from overparam.own.diagnosis.training_log import Log, read_log

STREAM = 7
LEVEL = 0.98  # of the intervals that decide
SMALL = 0.01  # of the last loss, or a point of error: what is no reason to stop
SHOWN = 12


def _missing(context: Context) -> str:
    if context.log is None:
        return "It reads what training wrote down. Give log=, rows or columns or a file with steps and held-out loss or accuracy."
    return ""


def _run(context: Context) -> Answer:
    log = read_log(context.log)
    best, last = int(np.argmin(log.values)), len(log.values) - 1
    where = f"{log.unit} {log.steps[best]:g}"
    scale, unit = (100.0, "points") if log.kind == "error" else (1.0, "")
    beside = [
        Measured(
            f"{log.kind} at the best point, {where}", scale * float(log.values[best]), "%" if unit else ""
        ),
        Measured(
            f"{log.kind} at the end, {log.unit} {log.steps[last]:g}",
            scale * float(log.values[last]),
            "%" if unit else "",
        ),
        Measured("points of the log", float(len(log.steps))),
    ]
    status, effect, words = judged(log, context)
    picked = (
        "A minimum that was picked looks better than it is, and the log does not tell its noise. "
        if effect.low is None
        else ""
    )
    return CHECK.answer(
        status,
        words,
        f"{picked}The best point is {where} of {log.steps[last]:g}."
        + (f" {log.dropped} rows without '{log.name}' are left out." if log.dropped else ""),
        effect=effect,
        beside=tuple(beside),
        tables=(_table(log),),
        next=None if log.each is not None else Next(
            "A log with one loss for every held-out example measures it by pairs: val_losses as a list in each row.",
            'overparam.diagnose(model, train, test, ..., log=log, only="OP007")',
        ),
    )  # fmt: skip


def judged(log: Log, context: Context) -> tuple[str, Measured, str]:
    """Status, effect and words.

    Args:
        log: what was read.
        context: what the checks share; its held-out examples count where the log holds shares alone.
    """
    scale, unit = (100.0, "points") if log.kind == "error" else (1.0, "")
    label = f"held-out {log.kind} at the end less that at the best point"
    if log.each is not None:
        value, low, _ = crossed(log.each, context.draw(STREAM))
        high = max(mean_of(log.each[-1] - one, LEVEL)[2] for one in log.each[:-1])
        limit = SMALL if log.kind == "error" else SMALL * abs(float(log.values[-1]))
        effect = Measured(
            f"{label}, chosen on other examples", scale * value, unit, scale * low, scale * high, log.each.shape[1],
            level=LEVEL,
        )  # fmt: skip
        if low > 0:
            return (
                "yes",
                effect,
                "At the end it is worse than at a point that other examples chose, beyond noise.",
            )
        if high <= limit:  # for every point, so that none had to be chosen
            small = "1 %" if log.kind == "loss" else "a point"
            return "no", effect, f"The end is at most {small} worse than any point before it."
        return "inconclusive", effect, "A better point before the end is neither shown nor excluded."
    gap = float(log.values[-1] - log.values.min())
    n = None if context.test is None else context.test.examples
    if log.kind == "loss" or n is None:
        words = "There is no rule for such a log."
        return "inconclusive", Measured(label, scale * gap, unit), words
    low = bound(log.values, n)
    effect = Measured(label, scale * gap, unit, scale * low, None, n, level=LEVEL)
    if low > 0:
        return (
            "yes",
            effect,
            "It lost accuracy after its best point, more than picking the best of all points explains.",
        )
    return "inconclusive", effect, "No more was lost than picking the best of all points may explain."


def crossed(each: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """The last value less that at the best point, where each half of the examples is judged at the point the other chose.

    Args:
        each: shape ``(times, n)``.
        rng: for the halves.
    """
    n = each.shape[1]
    order = rng.permutation(n)
    halves = order[: n // 2], order[n // 2 :]
    gaps = np.zeros(n)
    for own, other in (halves, halves[::-1]):
        chosen = int(np.argmin(each[:, other].mean(1)))
        gaps[own] = each[-1, own] - each[chosen, own]
    return mean_of(gaps, LEVEL)


def bound(errors: np.ndarray, n: int, level: float = LEVEL) -> float:
    """What the last error is worse than the lowest at least, whatever the dependence, with every point a candidate.

    The variance of a difference of two means is at most the square of the sum of their standard errors; the error is shared
    among the points.

    Args:
        errors: from 0 to 1, shape ``(times,)``.
        n: held-out examples.
        level: of the bound.
    """
    deviation = np.sqrt(np.maximum(errors * (1 - errors), 1.0 / (n + 2)) / n)
    z = float(norm.ppf(1 - (1 - level) / (2 * max(1, len(errors) - 1))))
    gaps = errors[-1] - errors - z * (deviation + deviation[-1])
    return float(gaps[:-1].max()) if len(errors) > 1 else -math.inf


def _table(log: Log) -> Table:
    kept = sorted(
        {*np.linspace(0, len(log.steps) - 1, SHOWN).round().astype(int).tolist(), int(np.argmin(log.values))}
    )
    scale, unit = (100.0, " in %") if log.kind == "error" else (1.0, "")
    rows = tuple((float(log.steps[i]), scale * float(log.values[i])) for i in kept)
    return Table(f"Held-out {log.kind}", (log.unit, f"{log.kind}{unit}"), rows, curve={"x": 0, "y": 1})


CHECK = Check(
    "OP007",
    "stopping",
    "Should training have stopped earlier?",
    "yes if the lower end of the 98 % interval of what the end is worse than the best point is above 0. With a value for every "
    "held-out example the point is chosen on one half and judged on the other; with accuracy alone every point is a candidate "
    "and the worst dependence is taken; with a loss alone there is no verdict. No if the end is, at the upper end for every "
    "single point, at most 1 % of the loss worse, or 1 point of accuracy.",
    _missing,
    lambda context: Cost(0.0, "reading the log"),
    _run,
    (
        "a learning rate that still falls: the end of a schedule is not the end of a constant one",
        "a second descent later: a longer run may pass the earlier minimum",
        "held-out data of the log that are not those given as test",
    ),
)
