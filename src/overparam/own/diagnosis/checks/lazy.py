"""OP004: whether training was lazy: whether the network linearised at its start tells what training did to its outputs."""

from __future__ import annotations

import numpy as np

from overparam.core.errors import OverparamError
from overparam.own.diagnosis.answer import Answer, Measured, Next
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.intervals import mean_of
from overparam.own.diagnosis.rows import on_rows
from overparam.probes.kernel import kernel_drift

STREAM = 4
LAZY, RICH = 0.10, 0.50  # of the change of the outputs that the linearised network does not tell
MOST = 500  # examples
DRIFT = 100  # examples of the kernels
SHARE = 0.25


def _missing(context: Context) -> str:
    if context.start is None:
        return "It compares with the parameters before training. Give start=, of the kind of params, a module or a state dict."
    return ""


def _cost(context: Context) -> Cost:
    many, outputs = min(MOST, context.model.examples), int(np.prod(context.model.output_shape))
    few = min(DRIFT, context.model.examples)
    kernels = 2 * few * outputs * context.pace.gradient + few**2 * context.model.size * outputs / 1e10
    words = f"one product with the Jacobian on {many:,} examples, kernels of {few:,} before and after"
    return Cost(2.0 + 4 * many * context.pace.gradient + min(kernels, SHARE * context.budget), words)


def _run(context: Context) -> Answer:
    assert context.start is not None
    model, rows = context.some(context.model, min(MOST, context.model.examples), STREAM)
    start = on_rows(context.start, rows) if len(rows) < context.start.examples else context.start
    moved = model.vector().astype(np.float64) - start.vector().astype(np.float64)
    distance = float(np.linalg.norm(moved)) / max(float(np.linalg.norm(start.vector())), 1e-300)
    n = len(rows)
    change = (model.outputs().astype(np.float64) - start.outputs()).reshape(n, -1)
    if not np.square(change).sum() > 0:
        return CHECK.answer(
            "inconclusive", "The outputs are those of the start: nothing was trained, so nothing was lazy."
        )
    linear = start.product("jacobian", moved.astype(start.dtype)).astype(np.float64).reshape(n, -1)
    value, low, high = unexplained(change, linear)
    status = "yes" if high <= LAZY else "no" if low >= RICH else "inconclusive"
    words = {
        "yes": "Lazy: the network linearised at its start tells what training did to its outputs.",
        "no": "Not lazy: what training did to the outputs is not what the linearised network says.",
        "inconclusive": "Between lazy and not: the linearised network tells a part of what training did.",
    }[status]
    beside = [Measured("distance of the parameters from their start, relative", distance)]
    try:
        beside += _drift(context, model, start)
    except OverparamError as error:
        words += f" The drift of the kernel is missing: {error}"
    return CHECK.answer(
        status, words,
        effect=Measured("change of the outputs that the linearised network does not tell", 100 * value, "%", 100 * max(0.0, low),
                        100 * high, n),
        beside=tuple(beside),
        next=Next("Whether a wider network is lazier: the drift along a sweep of widths, OP008.",
                  'overparam.diagnose(model, train, test, ..., build=build, only="OP008")'),
    )  # fmt: skip


def unexplained(change: np.ndarray, linear: np.ndarray) -> tuple[float, float, float]:
    """``sum |change - linear|^2 / sum |change|^2`` with its interval over the examples, by the delta method.

    Args:
        change: of the outputs, shape ``(n, outputs)``.
        linear: what the linearised network says of it.

    >>> unexplained(np.eye(3), np.eye(3))
    (0.0, 0.0, 0.0)
    """
    left, size = np.square(change - linear).sum(1), np.square(change).sum(1)
    ratio = float(left.sum() / size.sum())
    _, low, high = mean_of((left - ratio * size) / size.mean())
    return ratio, ratio + low, ratio + high


def _drift(context: Context, model: object, start: object) -> list[Measured]:
    """Kernel drift on the first examples of those drawn."""
    few = np.arange(min(DRIFT, model.examples))  # type: ignore[attr-defined]
    found = kernel_drift(on_rows(start, few), on_rows(model, few))  # type: ignore[arg-type]
    return [
        Measured("change of the tangent kernel, relative", found.relative_change, n=len(few)),
        Measured("cosine of the kernels before and after", found.cosine, n=len(few)),
    ]


CHECK = Check(
    "OP004",
    "lazy training",
    "Was training lazy?",
    f"yes if the upper end of the 95 % interval of the share of the change of the outputs that the network linearised at its "
    f"start does not tell is at most {100 * LAZY:g} %, no if the lower end is at least {100 * RICH:g} %. No verdict rests on the "
    "drift of the kernel, which is a number beside.",
    _missing,
    _cost,
    _run,
    (
        "running statistics of normalisation, which are those of the end in one and of the start in the other",
        "training time: shortly after the start every network is lazy",
    ),
)
