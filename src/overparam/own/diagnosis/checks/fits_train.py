"""OP001: whether the network fits its training set."""

from __future__ import annotations

import numpy as np

from overparam.own.diagnosis.answer import Answer, Measured, Next
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.intervals import error_of, mean_of
from overparam.own.diagnosis.tasks import wrong_share

FITS = 0.01  # training error, or squared error over the variance of the targets
STREAM = 1
SHARE = 0.25  # of the budget


def _missing(context: Context) -> str:
    return "" if context.targets is not None else "It needs targets in one array. Give (inputs, targets)."


def _rows(context: Context, examples: int) -> int:
    """How many examples are looked at: all, or as many as a quarter of the budget allows."""
    rate = max(context.pace.outputs, 1e-9)
    return int(min(examples, max(1000, SHARE * context.budget / rate)))


def _cost(context: Context) -> Cost:
    held = 0 if context.test is None else _rows(context, context.test.examples)
    many = _rows(context, context.model.examples) + held
    return Cost(context.pace.outputs * many, f"outputs of {many:,} examples")


def _run(context: Context) -> Answer:
    assert context.targets is not None
    n = context.model.examples
    many = _rows(context, n)
    whole = many >= n
    if whole:
        outputs, targets = context.outputs, context.targets
    else:
        model, rows = context.some(context.model, many, STREAM)
        outputs, targets = model.outputs(), context.targets[rows]
    if context.task == "other":
        return CHECK.answer(
            "inconclusive",
            f"What counts as a fit of {context.model.objective.name} is not known: the loss alone stands here. A loss by name, "
            "such as loss='squared' or 'cross_entropy', has a rule.",
            beside=(_loss(context),),
        )
    if context.task == "numbers":
        return _regression(context, outputs, targets, whole)
    wrong = wrong_share(outputs, targets, context.task, context.ignore)
    wrong = wrong[np.isfinite(wrong)]
    found = error_of("training error", wrong)
    beside = [_loss(context)]
    if context.test is not None and context.test_targets is not None:
        beside.append(_held_out(context))
    value, low, high = found.value or 0.0, found.low or 0.0, found.high or 0.0
    status = _status(value, value, value) if whole else _status(value, low, high)
    if whole:
        found = Measured("training error", value, "%", n=len(wrong), whole=True)
    return CHECK.answer(
        status, _words(status, "predicted wrongly"), effect=found, beside=tuple(beside), next=_next(status)
    )


def _regression(context: Context, outputs: np.ndarray, targets: np.ndarray, whole: bool) -> Answer:
    aims = targets.reshape(len(outputs), -1).astype(np.float64)
    found = outputs.reshape(len(outputs), -1).astype(np.float64)
    scale = float(np.square(aims - aims.mean(0)).sum(1).mean())
    if not scale > 0:
        return CHECK.answer(
            "inconclusive",
            "All targets are the same, so there is no variance to compare errors with.",
            beside=(_loss(context),),
        )
    errors = np.square(found - aims).sum(1) / scale
    value, low, high = mean_of(100 * errors)
    status = _status(value, value, value) if whole else _status(value, low, high)
    effect = (
        Measured("squared error over the variance of the targets", value, "%", n=len(errors), whole=True)
        if whole
        else Measured(
            "squared error over the variance of the targets", value, "%", max(0.0, low), high, len(errors)
        )
    )
    beside = [_loss(context)]
    return CHECK.answer(
        status,
        _words(status, "of the variance left over"),
        effect=effect,
        beside=tuple(beside),
        next=_next(status),
    )


def _status(value: float, low: float, high: float) -> str:
    limit = 100 * FITS
    return "yes" if high <= limit else "no" if low > limit else "inconclusive"


def _words(status: str, what: str) -> str:
    limit = f"{100 * FITS:g} %"
    return {
        "yes": f"It fits: at most {limit} {what}.",
        "no": f"It does not fit: more than {limit} {what}. It is below its interpolation threshold, or training ended early.",
        "inconclusive": f"Whether more or less than {limit} is {what} is not decided by the examples that were looked at.",
    }[status]


def _loss(context: Context) -> Measured:
    if context.model.examples * context.pace.gradient <= SHARE * context.budget:
        return Measured(
            f"training loss ({context.model.objective.words_of_name})",
            context.model.loss(),
            whole=True,
            n=context.model.examples,
        )
    some, _ = context.some(context.model, 1000, STREAM)
    return Measured(f"training loss ({context.model.objective.words_of_name})", some.loss(), n=some.examples)


def _held_out(context: Context) -> Measured:
    assert context.test is not None
    assert context.test_targets is not None
    many = _rows(context, context.test.examples)
    if many >= context.test.examples:
        outputs, targets = context.test_outputs, context.test_targets
    else:
        model, rows = context.some(context.test, many, STREAM + 100)
        outputs, targets = model.outputs(), context.test_targets[rows]
    wrong = wrong_share(outputs, targets, context.task, context.ignore)
    return error_of("held-out error", wrong[np.isfinite(wrong)])


def _next(status: str) -> Next | None:
    if status == "yes":
        return Next(
            "Whether it would fit labels that mean nothing, too: OP009.",
            'overparam.diagnose(model, train, test, ..., build=build, only="OP009")',
        )
    return Next(
        "Whether a wider network fits: OP008.",
        'overparam.diagnose(model, train, test, ..., build=build, only="OP008")',
    )


CHECK = Check(
    "OP001",
    "fits the training set",
    "Does it fit its training set?",
    f"yes at a training error of at most {100 * FITS:g} %, no above; where not all examples were looked at, by the 95 % "
    "interval. For a regression: squared error over the variance of the targets.",
    _missing,
    _cost,
    _run,
    (
        "augmentation and dropout in training, which are off here",
        "labels that are wrong, which a network may rightly not fit",
    ),
)
