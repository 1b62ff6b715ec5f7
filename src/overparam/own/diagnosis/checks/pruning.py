"""OP006: what is left of the accuracy when the smallest weights are set to 0, without training again."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.own.diagnosis.answer import Answer, Measured, Next, Table
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.intervals import error_of, mean_of, paired
from overparam.own.diagnosis.tasks import SAID, wrong_share
from overparam.pruning.module_format import subject_of

DENSITIES = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02)
LOSS = 1.0  # points of accuracy
LEVEL = 0.98  # of the intervals that decide
STREAM = 6
SHOWN = DENSITIES.index(0.5)  # the row that stands for all where the rule, which chooses one, is not applied
SHARE = 0.3  # of the budget that is left
FEWEST = 540  # held-out examples below which the rule cannot be met: an upper end of 1 point needs that many


def _missing(context: Context) -> str:
    if context.task in ("numbers", "other", "none"):
        return (
            f"It counts errors of predicted labels, and this model learns {SAID[context.task]}. For its loss use "
            "overparam.prune."
        )
    if context.test is None:
        return "It needs held-out data, because accuracy on the training set does not tell. Give test=(inputs, labels)."
    return ""


def _rows(context: Context) -> int:
    assert context.test is not None
    rate = max(context.pace.outputs, 1e-9) * (1 + len(DENSITIES))
    return int(min(context.test.examples, max(FEWEST, SHARE * context.left() / rate)))


def _cost(context: Context) -> Cost:
    many = _rows(context)
    words = f"outputs of {many:,} held-out examples at {len(DENSITIES)} densities"
    return Cost(context.pace.outputs * many * (1 + len(DENSITIES)), words)


def _run(context: Context) -> Answer:
    assert context.test is not None
    assert context.test_targets is not None
    names = _weights(context)
    if not names:
        return CHECK.answer(
            "not applicable", "It has no weights that may be pruned: no array of two axes or more."
        )
    model, rows = context.some(context.test, _rows(context), STREAM)
    targets, vector = context.test_targets[rows], model.vector()
    places = np.zeros(len(vector), dtype=bool)
    for name in names:
        places[model.layout.slices[name]] = True
    order = np.flatnonzero(places)[np.argsort(np.abs(vector[places]), kind="stable")]
    before = wrong_share(model.outputs(), targets, context.task, context.ignore)
    counted = np.isfinite(before)
    table: list[tuple[float, float, float, float, float]] = []
    error = error_of("held-out error, dense", before[counted])
    for density in DENSITIES:
        pruned = vector.copy()
        pruned[order[: len(order) - max(1, round(density * len(order)))]] = 0
        try:
            after = wrong_share(model.at(pruned).outputs(), targets, context.task, context.ignore)
        except KeyboardInterrupt:
            if not table:
                raise
            context.stopped = True  # densities descend, and are judged in this order
            break
        after = np.where(np.isfinite(after), after, 1.0)
        table.append(
            (density, 100 * (1 - float(after[counted].mean())), *lost(before[counted], after[counted]))
        )
    status, place, words = judged(table)
    stopped = f"Stopped by hand after density {table[-1][0]:g}." if context.stopped else ""
    density, _, value, low, high = table[min(SHOWN, len(table) - 1) if CHECK.withheld else place]
    n = int(counted.sum())
    effect = Measured(f"accuracy lost at density {density:g}", value, "points", low, high, n, level=LEVEL)
    kept = (1 - error.value / 100) * 100 if error.value is not None else None
    rows_out = ((1.0, kept, 0.0, 0.0, 0.0), *table)
    return CHECK.answer(
        status, words, stopped,
        effect=effect,
        beside=(
            error,
            Measured("weights that may be pruned", float(places.sum())),
            Measured("other parameters, left as they are", float(len(vector) - places.sum())),
        ),
        tables=(
            Table(
                "Without retraining, smallest weights of all layers first",
                ("density", "accuracy %", "lost, points", "low", "high"),
                rows_out,
                "Lost: among the same examples, 98 % intervals, one for each density.",
                {"x": 0, "y": 2, "low": 3, "high": 4, "log": True},
            ),
        ),
        next=Next(
            "What retraining brings back: prune in rounds.",
            f"overparam.prune(model, train, test, density={density:g}, ...)",
            None,
        ),
    )  # fmt: skip


def _weights(context: Context) -> list[str]:
    """Names of the arrays that may be pruned: weights of layers, no biases, normalisations or embeddings."""
    how: dict[str, Any] = {name: context.given.get(name) for name in ("frozen", "evaluation", "call")}
    found = subject_of(context.given["model"], context.given.get("params"), **how)
    return [name for name in found.weights if name in context.model.layout.slices]


def lost(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Points of accuracy lost among the same examples, with the ends of the interval.

    Args:
        before: share of an example's labels that is wrong, shape ``(n,)``.
        after: the same of the pruned network.
    """
    gap = 100 * float((after - before).mean())
    if np.isin(before, (0.0, 1.0)).all() and np.isin(after, (0.0, 1.0)).all():
        low, high = paired(int((after > before).sum()), int((after < before).sum()), len(before), LEVEL)
        return gap, 100 * low, 100 * high
    _, least, most = mean_of(100 * (after - before), LEVEL)
    return gap, least, most


def judged(table: list[tuple[float, float, float, float, float]]) -> tuple[str, int, str]:
    """Status, the row it rests on, and words: the densities are tried in order until one fails, so no correction is due.

    Args:
        table: density, accuracy, points lost and the ends of their interval; densities descend.
    """
    good = next((at for at, row in enumerate(table) if row[4] > LOSS), len(table))
    if good:
        density = table[good - 1][0]
        return "yes", good - 1, f"It can be pruned to density {density:g} at a loss of at most {LOSS:g} point."
    if table[0][3] > LOSS:
        return (
            "no",
            0,
            f"Already at density {table[0][0]:g} it loses more than {LOSS:g} point without retraining.",
        )
    return (
        "inconclusive",
        0,
        f"At density {table[0][0]:g} a loss of {LOSS:g} point is neither shown nor excluded: more held-out examples decide it.",
    )


CHECK = Check(
    "OP006",
    "pruning curve",
    "Can it be pruned without retraining, at a loss of at most 1 point of held-out accuracy?",
    "yes to the lowest density to which, going down, every upper end of the 98 % interval of the points lost is at most "
    f"{LOSS:g}; no if the lower end at density {DENSITIES[0]:g} is above {LOSS:g}.",
    _missing,
    _cost,
    _run,
    (
        "label noise, which makes accuracy fall earlier",
        "weight decay and training time, which set how many weights are small",
    ),
)
