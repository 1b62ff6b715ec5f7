"""Loss and accuracy of a model of any framework on its data, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.operators.model import Model
from overparam.pruning.measured import Fit

_LABELS_SECOND = ("CrossEntropyLoss", "NLLLoss")  # modules of PyTorch whose classes are along the second axis
_SEVERAL = ("binary_cross_entropy", "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")


def fit_of_model(model: Model, vector: np.ndarray | None = None, ignore: int | None = None) -> Fit:
    """Mean loss and share of right labels of a model.

    A label is right where its output is the largest; one of several, or of two, where its output is above 0 as it is 1.
    Positions with an ignored label count for nothing.

    Args:
        model: opened with data and a loss.
        vector: other parameters, shape ``(size,)``; None: its own.
        ignore: the label of positions without one.

    Returns:
        The loss in the model's convention, the share of right labels, or None for targets that are numbers, how many
        examples there are, and the standard deviation over examples of what is averaged where they are not 0 or 1.
    """
    model.check_loss()
    now = model if vector is None else model.at(vector)
    loss, rights, losses = 0.0, [], []
    with now.quiet():
        for batch in now.batches():
            outputs = now.batch_outputs(batch)
            assert now.objective.total is not None
            loss += float(now.objective.total(outputs, batch.targets))
            made, wanted = now.host(outputs), now.host(batch.targets)
            rights.append(right_labels(made, wanted, now.objective.name, ignore))
            if now.objective.name == "squared" and wanted.dtype.kind == "f":
                each = (made.reshape(wanted.shape) - wanted).reshape(len(made), -1) ** 2 / 2
                losses.append(each.sum(1))
    loss /= now.divisor
    if any(one is None for one in rights):
        scale = loss / max(float(np.concatenate(losses).mean()), 1e-300) if losses else 0.0
        spread = float(np.concatenate(losses).std(ddof=1)) * scale if losses and now.examples > 1 else None
        return Fit(loss, None, now.examples, spread)
    flat = np.concatenate([one for one in rights if one is not None])
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return Fit(loss, None, now.examples)
    plain = bool(np.isin(flat, (0.0, 1.0)).all())
    spread = None if plain or len(flat) < 2 else float(flat.std(ddof=1))
    return Fit(loss, float(flat.mean()), len(flat), spread)


def right_labels(outputs: Any, targets: Any, name: str, ignore: int | None = None) -> np.ndarray | None:
    """The share of right labels of every example; None for targets that are numbers, not a number where none counts.

    Args:
        outputs: of the model, examples along the first axis.
        targets: labels, distributions over classes, or numbers.
        name: of the loss.
        ignore: the label of positions without one.

    >>> right_labels(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1, 1]), "cross_entropy").tolist()
    [1.0, 0.0]
    >>> right_labels(np.array([[1.0, -2.0]]), np.array([[1.0, 1.0]]), "binary_cross_entropy").tolist()
    [0.5]
    """
    made, wanted = np.asarray(outputs), np.asarray(targets)
    n = len(made)
    if name in _SEVERAL:
        if not np.isin(wanted, (0, 1)).all() or wanted.size != made.size:
            return None
        return np.asarray(((made.reshape(n, -1) > 0) == (wanted.reshape(n, -1) > 0.5)).mean(1))
    if wanted.dtype.kind in "iu":
        axis = 1 if name in _LABELS_SECOND and made.ndim > 1 else -1
        if made.ndim < 2 or np.moveaxis(made, axis, -1).shape[:-1] != wanted.shape:
            return None
        classes = made.shape[axis]
        counts = (wanted >= 0) & (wanted < classes)
        if ignore is not None:
            counts &= wanted != ignore
        hit = (made.argmax(axis) == wanted) & counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(hit.reshape(n, -1).sum(1) / counts.reshape(n, -1).sum(1))
    if name == "cross_entropy" and wanted.shape == made.shape and made.ndim > 1:
        return np.asarray((made.argmax(-1) == wanted.argmax(-1)).reshape(n, -1).mean(1))
    return None
