"""A model between two others: parameters on the line, and running statistics with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators import Model

_CLOSE = 1e3  # times the machine epsilon: larger differences of outputs are no rounding


def differing(start: Any, end: Any) -> list[str]:
    """Names of the arrays of floats that two models hold with different numbers.

    Args:
        start: a model.
        end: another of the same network.
    """
    ours, theirs = _held(start), _held(end)
    return [
        name
        for name, one in ours.items()
        if name not in theirs or one.shape != theirs[name].shape or not np.array_equal(one, theirs[name])
    ]


def between(start: Model, end: Model, t: float, statistics: str) -> Model:
    """The model at ``(1 - t) start + t end``.

    Args:
        start: a model.
        end: another of the same network.
        t: 0 is the start, 1 the end.
        statistics: ``interpolate``, ``start`` or ``end``: what is held.
    """
    before, after = (one.vector().astype(np.float64) for one in (start, end))
    vector = after if t == 1 else before if t == 0 else (1 - t) * before + t * after
    if statistics == "start":
        return start.at(vector)
    here: Any = end.at(vector)
    if statistics == "end":
        return here
    return _with_held(here, start, end, t)


def check_visible(start: Model, end: Model) -> None:
    """Raise unless the end with the parameters and all that is held of the start is the start; cost: two passes over a batch.

    Args:
        start: a model.
        end: another of the same network.

    Raises:
        UsageError: something else differs, inside of the models.
    """
    if not _same(_with_held(end.at(start.vector()), start, end, 0.0), start):
        raise UsageError(
            "statistics: expected running statistics that can be seen, to interpolate them, got something inside of the model "
            "that differs between start and end. Give statistics='end' or 'start' to hold those of one."
        )


def _with_held(model: Any, start: Any, end: Any, t: float) -> Model:
    ours, theirs = _held(start), _held(end)
    held = dict(model.held)
    for name in differing(start, end):
        array = ((1 - t) * ours[name] + t * theirs[name]).astype(ours[name].dtype)
        with model.quiet():
            held[name] = model.native(array.ravel()).reshape(array.shape)
    model.held = held
    found: Model = model
    return found


def _held(model: Any) -> dict[str, np.ndarray]:
    arrays = {}
    for name, one in model.held.items():
        if hasattr(one, "shape") and "float" in str(getattr(one, "dtype", "")):
            arrays[name] = np.asarray(model.host(one))
    return arrays


def _same(one: Model, other: Model) -> bool:
    with one.quiet():
        batch = next(iter(one.batches()))
        first = one.host(one.batch_outputs(batch))
    with other.quiet():
        batch = next(iter(other.batches()))
        second = other.host(other.batch_outputs(batch))
    rows = min(len(first), len(second))
    size = float(np.abs(second).max(initial=0.0))
    gap = float(np.abs(first[:rows] - second[:rows]).max(initial=0.0))
    return gap <= _CLOSE * float(np.finfo(one.dtype).eps) * max(size, 1e-30)
