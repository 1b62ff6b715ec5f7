"""Outputs that are no longer what a loss reads them as: probabilities where it takes logits, logits where it takes logarithms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.model import Model
from overparam.operators.reading import NEAR_ONE, is_distribution

MANY = 32  # outputs between 0 and 1 that are no chance
_SOFTMAX = {
    "CrossEntropyLoss",
    "cross_entropy",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
}
_SIGMOID = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits", "sigmoid_binary_cross_entropy"}
_LOGARITHMS = {"NLLLoss", "nll_loss"}


def check_kinds(model: Model) -> tuple[str, ...]:
    """What is to be said of the outputs of the first batch under the loss of a model; a loss that misreads them is refused.

    A loss by name is this package's reading of a person's model, so outputs that it misreads are refused. A loss that a person
    hands in is what was trained on, and is only told.

    Args:
        model: with its loss.

    Raises:
        UsageError: probabilities under a loss by name that takes logits; no logarithms of probabilities where a loss takes them.
    """
    if model.objective.total is None:
        return ()
    with model.quiet():
        outputs = model.host(model.batch_outputs(next(iter(model.batches()))))
    said = tuple(_said(model, outputs.astype(np.float64)))
    if said and model.objective.named:
        raise UsageError(f"model: {said[0]}")
    return tuple(f"Look at the loss: {one}" for one in said) + _logarithms(model, outputs)


def _said(model: Model, outputs: np.ndarray) -> Iterator[str]:
    name, axis, named = model.objective.name, _axis(model), model.objective.named
    sigmoid = name in _SIGMOID or (named and name == "binary_cross_entropy")
    if name in _SOFTMAX and is_distribution(outputs, axis):
        yield (
            f"expected outputs before the softmax for {_told(name, named)}, got probabilities, rows that sum to 1: their softmax "
            "would be taken again. Return the outputs before it, or give a loss of probabilities as a function."
        )
    elif sigmoid and outputs.size >= MANY and ((outputs > 0) & (outputs < 1)).all():
        yield (
            f"expected outputs before the sigmoid for {_told(name, named)}, got numbers that all lie between 0 and 1: their "
            "sigmoid would be taken again. Return the outputs before it, or give a loss of probabilities as a function."
        )
    elif name in _LOGARITHMS and not _is_log(outputs, axis):
        raise UsageError(
            f"model: expected logarithms of probabilities for {name}, got outputs whose exponentials do not sum to 1. Return "
            "log_softmax(outputs), or give loss='cross_entropy'."
        )


def _logarithms(model: Model, outputs: np.ndarray) -> tuple[str, ...]:
    if model.objective.name in _SOFTMAX and outputs.ndim > 1 and _is_log(outputs, _axis(model)):
        return (
            "Outputs are logarithms of probabilities: loss and curvature are those of the outputs before log_softmax, kernel and "
            "margins are not.",
        )
    return ()


def _axis(model: Model) -> int:
    second = model.objective.axis == 1 or (model.back_end == "torch" and not model.objective.named)
    return 1 if second and len(model.output_shape) > 0 else -1


def _is_log(outputs: np.ndarray, axis: int) -> bool:
    if outputs.ndim < 2 or outputs.shape[axis] < 2:
        return False
    return bool((outputs <= NEAR_ONE).all() and np.abs(np.exp(outputs).sum(axis) - 1).max() <= 10 * NEAR_ONE)


def _told(name: str, named: bool) -> str:
    return f"loss='{name}'" if named else name
