"""OP003: training labels in order of how much the rest of the data disagrees with them."""

from __future__ import annotations

import numpy as np

from overparam.own.diagnosis.answer import Answer, Measured, Next, Table
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.intervals import difference, error_of, share
from overparam.own.diagnosis.label_scores import Scores, planned, scores
from overparam.own.diagnosis.likeness import RATE
from overparam.own.diagnosis.ranking import Ranking
from overparam.own.diagnosis.run import call_of
from overparam.own.diagnosis.tasks import SAID

LEVEL = 0.99  # of the interval that decides
GATE = 0.20  # error of the kernel on held-out labels, at most
MOST = 0.02  # excess of wrong labels below which the answer is no
HELD = 100  # held-out examples, at least
FEWEST = 20  # training examples, at least
METHOD = "margin of the best other class, kernel ridge, each example left out"


def _missing(context: Context) -> str:
    if context.task != "classes":
        return (
            f"It ranks examples that have one class each, and this model learns {SAID[context.task]}. Give whole labels, "
            "one an example."
        )
    rows, _ = planned(context)
    if len(rows) < FEWEST:
        return (
            f"It needs at least {FEWEST} training examples with a label, and there are {len(rows)}. Give more."
        )
    return ""


def _cost(context: Context) -> Cost:
    rows, parts = planned(context)
    held = 0 if context.test is None else min(context.test.examples, 1000)
    size, outputs = (len(rows) + held) / parts, context.model.output_shape[-1]
    solving = 25 * (len(rows) / parts) ** 3 / RATE * parts
    passes = (len(rows) + held) * min(outputs, 64) * context.pace.gradient
    how = f", in {parts} parts as far as the time goes" if parts > 1 else ""
    words = f"a kernel of {round(size):,} examples for {len(rows):,} labels{how}"
    return Cost(min(2 + solving + passes, max(3.0, 0.4 * context.budget)), words)


def _run(context: Context) -> Answer:
    found = scores(context)
    order = np.argsort(-found.score, kind="stable")
    more = {"neighbours": found.neighbours[order]}
    if found.inputs is not None:
        more["neighbours_of_inputs"] = found.inputs[order]
    ranking = Ranking(
        found.rows[order], found.labels[order], found.suggested[order], found.score[order],
        f"{METHOD}; {found.kind.words}", more,
    )  # fmt: skip
    status, words, effect, excess = judged(found)
    n = len(found.rows)
    whole = len(planned(context)[0])
    left = (
        ""
        if n == whole
        else f"{n:,} of {whole:,} labels were ranked before it was stopped by hand. "
        if context.stopped
        else f"{n:,} of {whole:,} labels were ranked in the time; a larger budget ranks the rest. "
    )
    said = [("labels with which the others disagree", found.score > 0)]
    said.append(("the same by nearest neighbours in the kernel", found.neighbours > 0))
    if found.inputs is not None:
        said.append(("the same by nearest neighbours of the inputs", found.inputs > 0))
    if len(found.held_wrong):
        said.append(("held-out labels with which they disagree", found.held_wrong))
    beside = [error_of(label, against.astype(np.float64), of="labels") for label, against in said]
    if excess is not None:
        beside.append(excess)
    return CHECK.answer(
        status,
        words,
        f"{left}Kernel: {found.kind.words}.",
        effect=effect,
        beside=tuple(beside),
        tables=(_agreement(found),) if found.inputs is not None else (),
        next=Next(
            "Look at the first of the ranking: checkup.labels, and all of it as CSV by checkup.save('labels.csv').",
            "" if n == whole else call_of(CHECK, 2.5 * context.budget),
        ),
        ranking=ranking,
    )  # fmt: skip


def judged(found: Scores) -> tuple[str, str, Measured | None, Measured | None]:
    """Status, words, the effect, and the share of labels that may be wrong with its interval.

    Args:
        found: scores of training labels and errors on held-out ones.
    """
    n, wrong = len(found.rows), int((found.suggested != found.labels).sum())
    m, missed = len(found.held_wrong), int(found.held_wrong.sum())
    if m < HELD:
        got = f"{m} held-out labels, below {HELD}," if m else "no held-out labels"
        return (
            "inconclusive",
            f"A ranking alone: with {got} nothing tells hard examples from wrong labels.",
            None,
            None,
        )
    low, high = difference((wrong, n), (missed, m), LEVEL)
    gap = wrong / n - missed / m
    effect = Measured(
        "disagreement with training labels less that with held-out labels", 100 * gap, "points", 100 * low, 100 * high,
        n + m, "labels", LEVEL,
    )  # fmt: skip
    most = share(missed, m)[1]
    if most > GATE:
        return (
            "inconclusive",
            f"A ranking alone: on held-out labels the kernel errs up to {100 * most:.3g} %, above {100 * GATE:g} %, so what it "
            "disagrees with is mostly hard, not wrong.",
            effect,
            None,
        )
    classes = int(max(found.labels.max(), found.suggested.max())) + 1
    kept = max(0.5, 1 - missed / m * classes / max(1, classes - 1))
    excess = Measured(
        "training labels that are wrong, beyond the share of held-out ones; it takes for granted that held-out data are drawn "
        "alike, and that wrong ones are spread evenly",
        max(0.0, gap / kept * n), "labels", max(0.0, low / kept * n), max(0.0, high / kept * n), n, "labels", LEVEL,
    )  # fmt: skip
    if low > 0:
        return (
            "yes",
            "Training labels are contradicted by the rest of the data more often than held-out labels are.",
            effect,
            excess,
        )
    if high <= MOST:
        return "no", "Training labels are contradicted no more often than held-out labels are.", effect, excess
    return (
        "inconclusive",
        "More wrong labels than among the held-out ones are neither shown nor excluded.",
        effect,
        excess,
    )


def _agreement(found: Scores) -> Table:
    """How many of the first k two ways of ranking share."""
    assert found.inputs is not None
    rows = []
    for k in (10, 30, 100, 300):
        if k <= len(found.rows) // 2:
            firsts = [
                set(np.argsort(-one, kind="stable")[:k].tolist())
                for one in (found.score, found.neighbours, found.inputs)
            ]
            rows.append((k, len(firsts[0] & firsts[1]), len(firsts[0] & firsts[2])))
    return Table(
        "Shared among the first k by the ridge",
        ("first k", "with neighbours in the kernel", "with neighbours of the inputs"),
        tuple(rows),
        "Neighbours of the inputs need no network: where they agree, the network added little.",
    )


CHECK = Check(
    "OP003",
    "suspect labels",
    "Are training labels wrong more often than held-out labels?",
    f"a verdict only where the upper end of the kernel's error on at least {HELD} held-out labels is at most {100 * GATE:g} %. "
    f"Yes if the {100 * LEVEL:g} % interval of the difference is above 0, no if it is at most {100 * MOST:g} points.",
    _missing,
    _cost,
    _run,
    (
        "training data that are harder than the held-out data, or drawn otherwise",
        "held-out labels that are wrong as often, which make the answer no",
    ),
)
