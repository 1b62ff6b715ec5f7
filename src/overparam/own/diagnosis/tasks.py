"""What is learnt, read off targets, outputs and loss; and what an example has wrong."""

from __future__ import annotations

from typing import Literal

import numpy as np

from overparam.operators.model import Model

Task = Literal["classes", "positions", "several labels", "numbers", "none"]

SAID = {
    "classes": "a class an example",
    "positions": "a class at each position of an example",
    "several labels": "several labels an example",
    "numbers": "numbers (a regression)",
    "none": "no targets",
}


def task_of(model: Model, targets: np.ndarray | None) -> Task:
    """What is learnt.

    Args:
        model: with its loss.
        targets: of all examples, or None.
    """
    if targets is None or model.objective.total is None:
        return "none"
    if model.objective.name == "binary_cross_entropy":
        return "several labels"
    if targets.dtype.kind in "iu" and len(model.output_shape) and targets.ndim == len(model.output_shape):
        return "classes" if targets.ndim == 1 else "positions"
    if model.objective.name == "cross_entropy" and targets.dtype.kind == "f":
        return "classes" if len(model.output_shape) == 1 else "positions"
    return "numbers"


def predicted(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Classes or labels that outputs say: the largest output, or every output above 0.

    Args:
        outputs: shape ``(n, *output_shape)``.
        task: what is learnt.
    """
    return outputs > 0 if task == "several labels" else outputs.argmax(-1)


def wrong_share(outputs: np.ndarray, targets: np.ndarray, task: Task, ignore: int | None = None) -> np.ndarray:
    """What share of an example's labels is predicted wrongly, shape ``(n,)``; missing where none of them counts.

    Args:
        outputs: shape ``(n, *output_shape)``.
        targets: labels, or distributions of which the most likely label is taken.
        task: what is learnt; not numbers.
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
