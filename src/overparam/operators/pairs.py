"""Two models that are compared: of one layout, and on the same examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.model import Model

SAME = 1e-6  # relative: inputs that were rounded to float32 by one of two models


def check_model(model: Any, name: str = "model") -> Model:
    """Return a model, or raise.

    Args:
        model: of :func:`overparam.operators.open_model`.
        name: of the argument.

    Raises:
        UsageError: something else.
    """
    if not isinstance(model, Model):
        raise UsageError(
            f"{name}: expected a model of open_model(network, data, ...), got {type(model).__name__}. Open it first."
        )
    return model


def check_pair(start: Any, end: Any, names: tuple[str, str] = ("start", "end")) -> tuple[Model, Model]:
    """Return two models of one layout, or raise.

    Args:
        start: a model.
        end: another, with other parameters.
        names: of the arguments.

    Raises:
        UsageError: something else than models, of other arrays, or of another framework.
        DataError: parameters that are missing or infinite.
    """
    for one, name in zip((start, end), names, strict=True):
        check_model(one, name)
        if not np.isfinite(one.vector()).all():
            raise DataError(f"{name}: expected finite parameters, got some that are missing or infinite.")
    if start.layout != end.layout:
        ours, theirs = (dict(zip(one.layout.names, one.layout.shapes, strict=True)) for one in (start, end))
        odd = next((n for n in [*theirs, *ours] if ours.get(n) != theirs.get(n)), None)
        if odd is None:
            got = "the same names in another order"
        else:
            got = f"'{odd}' of {_shape(ours, odd)} in {names[0]} and of {_shape(theirs, odd)} in {names[1]}"
        raise UsageError(
            f"{names[1]}: expected the arrays of {names[0]} with other numbers, got {got}. Open the same network twice, with the "
            "parameters of both times."
        )
    return start, end


def check_same_data(one: Model, other: Model, names: tuple[str, str]) -> None:
    """Raise unless two models were opened on the same inputs.

    Args:
        one: a model.
        other: another.
        names: of the arguments.

    Raises:
        UsageError: the inputs differ in number or content.
    """
    ours, theirs = _inputs(one), _inputs(other)
    if len(ours) != len(theirs):
        raise UsageError(f"{names[1]}: expected {len(ours)} inputs as {names[0]} has, got {len(theirs)}.")
    for a, b in zip(ours, theirs, strict=True):
        if len(a) != len(b):
            raise UsageError(
                f"{names[1]}: expected the {len(a):,} examples of {names[0]}, got {len(b):,}. Open both on the same data."
            )
        size = float(np.abs(a).max(initial=0.0))
        if a.shape != b.shape or float(np.abs(a - b).max(initial=0.0)) > SAME * size:
            raise UsageError(
                f"{names[1]}: expected the inputs of {names[0]}, in the same order, got others. Open both on the same data."
            )


def _inputs(model: Model) -> list[np.ndarray]:
    """Every input of a model, flat a row."""
    parts: list[list[np.ndarray]] = []
    for batch in model.batches():
        leaves = replace(batch, targets=None).leaves()
        parts.append([np.asarray(model.host(leaf), np.float64).reshape(len(leaf), -1) for leaf in leaves])
    return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    return f"shape {shapes[name]}" if name in shapes else "no shape, as it is not there"
