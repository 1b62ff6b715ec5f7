"""What is learnt, read off targets, outputs and loss; and what an example has wrong."""

from __future__ import annotations

from typing import Literal

import numpy as np

from overparam.operators.model import Model

Task = Literal["classes", "positions", "channels", "several labels", "numbers", "other", "none"]

SAID = {
    "classes": "a class an example",
    "positions": "a class at each position of an example",
    "channels": "a class at each position of an example",
    "several labels": "several labels an example",
    "numbers": "numbers (a regression)",
    "other": "targets by a loss of your own",
    "none": "no targets",
}
# names of losses of PyTorch and optax, without underscores and in small letters
_SQUARES = {"mseloss", "l1loss", "smoothl1loss", "huberloss", "squarederror", "l2loss"}
_LOGITS = {"bcewithlogitsloss", "binarycrossentropywithlogits", "sigmoidbinarycrossentropy"}
_CHANNELS = {"crossentropyloss", "crossentropy", "nllloss"}


def task_of(model: Model, targets: np.ndarray | None, named: bool = True) -> Task:
    """What is learnt; ``other`` where it cannot be told.

    Args:
        model: with its loss.
        targets: of all examples, or None.
        named: whether the loss is one of the package, by name.
    """
    if targets is None or model.objective.total is None:
        return "none"
    name, shape = model.objective.name.replace("_", "").lower(), model.output_shape
    if targets.dtype.kind in "iu" and not (named and name == "binarycrossentropy"):
        return _of_labels(targets.shape[1:], shape, named, model.back_end == "torch" and name in _CHANNELS)
    if named:
        if name == "binarycrossentropy":
            return "several labels"
        if name == "crossentropy":
            return "classes" if len(shape) == 1 else "positions"
        return "numbers"
    if name in _LOGITS:
        return "several labels"
    same = int(np.prod(targets.shape[1:])) == int(np.prod(shape))
    return "numbers" if name in _SQUARES and same else "other"


def _of_labels(labels: tuple[int, ...], outputs: tuple[int, ...], named: bool, second: bool) -> Task:
    """Whole labels of a shape for outputs of a shape; ``second`` says that classes lie behind the examples."""
    if not labels:
        return "classes" if len(outputs) == 1 and outputs[0] > 1 else "other"
    last, first = labels == outputs[:-1], labels == outputs[1:]
    if named or (last and not first):
        return "positions" if last else "other"
    return "channels" if first and (second or not last) else "other"


def predicted(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Classes or labels that outputs say: the largest output, or every output above 0.

    Args:
        outputs: shape ``(n, *output_shape)``.
        task: what is learnt.
    """
    return outputs > 0 if task == "several labels" else outputs.argmax(1 if task == "channels" else -1)


def wrong_share(outputs: np.ndarray, targets: np.ndarray, task: Task, ignore: int | None = None) -> np.ndarray:
    """What share of an example's labels is predicted wrongly, shape ``(n,)``; missing where none of them counts.

    Args:
        outputs: shape ``(n, *output_shape)``.
        targets: labels, or distributions of which the most likely label is taken.
        task: what is learnt; neither numbers nor other.
        ignore: the label of positions without one.

    >>> outputs = np.array([[2.0, 1.0], [0.0, 3.0]])
    >>> wrong_share(outputs, np.array([0, 0]), "classes").tolist()
    [0.0, 1.0]
    """
    if task == "several labels":
        wrong = predicted(outputs, task) != (targets.reshape(outputs.shape) > 0.5)
        return wrong.reshape(len(outputs), -1).mean(1)
    labels = targets.argmax(-1) if targets.dtype.kind == "f" else targets
    wrong = (predicted(outputs, task) != labels).reshape(len(outputs), -1)
    counts = (
        (labels != ignore).reshape(len(outputs), -1) if ignore is not None else np.ones(wrong.shape, dtype=bool)
    )
    number = counts.sum(1)
    return np.where(number > 0, (wrong & counts).sum(1) / np.maximum(number, 1), np.nan)
