"""Training labels scored by parts: in each, a kernel ridge that leaves one example out, and the same at held-out examples."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from overparam.operators.model import Model
from overparam.own.diagnosis.context import Context
from overparam.own.diagnosis.likeness import Kind, kernel_of, kind_of
from overparam.own.diagnosis.ridge import fit, margin, votes
from overparam.own.diagnosis.rows import on_batches, on_rows

PART = 1000  # training examples of a kernel
HELD = 1000  # held-out examples of all parts together
STREAM = 3
SHARE = 0.5  # of the budget that is left


@dataclass(frozen=True, eq=False)
class Scores:
    """What the parts found.

    Attributes:
        rows: positions of the training examples that were scored, shape ``(n,)``.
        labels: theirs.
        score: margin by which the others disagree, ridge on the kernel.
        suggested: the label that it gives.
        neighbours: the same margin by nearest neighbours in the kernel.
        inputs: by nearest neighbours of the inputs; None where these are no plain numbers.
        held_wrong: whether held-out examples are predicted wrongly by the ridge, shape ``(m,)``.
        kind: of the kernel.
        parts: how many.
    """

    rows: np.ndarray
    labels: np.ndarray
    score: np.ndarray
    suggested: np.ndarray
    neighbours: np.ndarray
    inputs: np.ndarray | None
    held_wrong: np.ndarray
    kind: Kind
    parts: int


@dataclass(eq=False)
class _Found:
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, **parts: np.ndarray) -> None:
        for name, one in parts.items():
            self.columns.setdefault(name, []).append(one)

    def __getitem__(self, name: str) -> np.ndarray:
        return np.concatenate(self.columns[name])


def labels_of(targets: np.ndarray) -> np.ndarray:
    """Whole labels; of distributions the most likely ones.

    Args:
        targets: shape ``(n,)`` or ``(n, classes)``.
    """
    return np.asarray(targets.argmax(-1) if targets.dtype.kind == "f" else targets, dtype=np.int64)


def planned(context: Context) -> tuple[np.ndarray, int]:
    """Training examples that have a label, in random order, and the number of parts."""
    assert context.targets is not None
    labels = labels_of(context.targets)
    rows = context.draw(STREAM).permutation(np.flatnonzero(labels != context.ignore))
    return rows, max(1, round(len(rows) / PART))


def scores(context: Context) -> Scores:
    """Score training labels, part after part, as long as the time goes; an interrupt keeps the parts that are finished.

    Args:
        context: what the checks share.
    """
    assert context.targets is not None
    rows, parts = planned(context)
    labels, classes = labels_of(context.targets), context.model.output_shape[-1]
    held = _held(context, parts)
    seconds = SHARE * context.left()
    many = len(rows) // parts + (len(held[0]) if held else 0)
    kind, _ = kind_of(context.model, many, seconds / 2, context.pace)
    found, began, done = _Found(), time.monotonic(), 0
    for at, part in enumerate(np.array_split(rows, parts)):
        spent = time.monotonic() - began
        if done and spent * (done + 1) / done > seconds:
            break
        context.say(f"OP003 part {at + 1} of {parts}: {len(part):,} labels")
        try:
            _part(context, np.sort(part), labels, classes, held[at] if held else None, kind, found)
        except KeyboardInterrupt:
            if not done:
                raise
            context.stopped = True
            break
        done += 1
    inputs = found["inputs"] if "inputs" in found.columns else None
    wrong = found["held"] if held else np.zeros(0, dtype=bool)
    return Scores(
        found["rows"], labels[found["rows"]], found["score"], found["suggested"], found["neighbours"], inputs, wrong,
        kind, done,
    )  # fmt: skip


def _held(context: Context, parts: int) -> list[np.ndarray]:
    """Held-out examples for each part, no example twice; empty where there are none."""
    if context.test is None or context.test_targets is None:
        return []
    good = np.flatnonzero(labels_of(context.test_targets) != context.ignore)
    rows = context.draw(STREAM + 100).permutation(good)[: max(HELD, 100 * parts)]
    return [np.sort(one) for one in np.array_split(rows, parts)] if len(rows) >= parts else []


def _part(
    context: Context,
    part: np.ndarray,
    labels: np.ndarray,
    classes: int,
    held: np.ndarray | None,
    kind: Kind,
    found: _Found,
) -> None:
    own, n = on_rows(context.model, part), len(part)
    whole = own if held is None else _both(own, on_rows(_of(context.test), held))
    kernel = kernel_of(whole, kind)
    given = labels[part]
    ridge = fit(kernel[:n, :n], given, classes)
    near = votes(kernel[:n, :n], given, classes, np.arange(n))
    found.add(
        rows=part,
        score=margin(ridge.out, given),
        suggested=ridge.out.argmax(1),
        neighbours=margin(near, given),
    )
    plain = plain_inputs(own)
    if plain is not None:
        gap = -np.square(plain).sum(1)[None] + 2 * plain @ plain.T
        found.add(inputs=margin(votes(gap, given, classes, np.arange(n)), given))
    if held is not None:
        assert context.test_targets is not None
        found.add(held=ridge.predict(kernel[n:, :n]).argmax(1) != labels_of(context.test_targets)[held])


def _of(model: Model | None) -> Model:
    assert model is not None
    return model


def _both(first: Model, second: Model) -> Model:
    return on_batches(first, [*first.batches(), *second.batches()])


def plain_inputs(model: Model) -> np.ndarray | None:
    """The inputs as rows of numbers, where a model has one array of real numbers as its input.

    Args:
        model: on the examples.
    """
    parts = []
    with model.quiet():
        for batch in model.batches():
            if len(batch.args) != 1 or batch.named or not hasattr(batch.args[0], "shape"):
                return None
            array = model.host(batch.args[0])
            if array.dtype.kind != "f":
                return None
            parts.append(array.reshape(len(array), -1).astype(np.float64))
    return np.concatenate(parts)
