"""OP002: parameters per example, counted in several ways."""

from __future__ import annotations

import math

from overparam.own.diagnosis.answer import Answer, Measured, Next
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context


def _cost(context: Context) -> Cost:
    return Cost(0.0, "counting, and one gradient of the first batch")


def _run(context: Context) -> Answer:
    model = context.model
    vector = model.vector()
    outputs = math.prod(model.output_shape)
    numbers = model.examples * outputs
    ratio = model.size / numbers
    with model.quiet():
        gradient = model.host(model.batch_loss(next(iter(model.batches())))[1])
    zero, reached = int((vector == 0).sum()), int((gradient != 0).sum())
    more = ratio >= 1
    return CHECK.answer(
        "yes" if more else "no",
        f"{model.size:,} parameters that train against {model.examples:,} examples of {outputs:,} output"
        f"{'s' if outputs > 1 else ''} each, {numbers:,} numbers to fit. "
        + (
            "There are enough of them to fit any labels, as far as counting tells."
            if more
            else "Counting says that not every labelling can be fitted; a labelling with structure may be."
        ),
        effect=Measured("parameters per number to fit", ratio, whole=True, n=None),
        beside=(
            Measured("parameters per example", model.size / model.examples),
            Measured("parameters that are not exactly 0", float(model.size - zero)),
            Measured("parameters that a gradient reaches", float(reached), n=_first(context), of="examples"),
        ),
        next=None if context.task in ("numbers", "several labels", "other") else Next(
            "Whether it fits random labels of your data, which counting does not tell: OP009.",
            'overparam.diagnose(model, train, test, ..., build=build, only="OP009")',
        ),
    )  # fmt: skip


def _first(context: Context) -> int:
    return int(next(iter(context.model.batches())).count)


CHECK = Check(
    "OP002",
    "parameters per example",
    "Has it more parameters than the training set has numbers to fit?",
    "yes from as many parameters that train as examples times outputs, no below. It is a count, not a measurement.",
    lambda context: "",
    _cost,
    _run,
    ("weights that are shared, dead or redundant, which count here and do not help to fit",),
    exact=True,
)
