"""The same model on some of its examples."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from overparam.operators.batches import Batch, Batches
from overparam.operators.model import Model

CHUNK = 256


def on_rows(model: Model, rows: np.ndarray, chunk: int = CHUNK) -> Model:
    """The same model, same parameters, on some of its examples, in ascending order.

    Args:
        model: of any back end.
        rows: ascending positions of examples, shape ``(some,)``.
        chunk: examples a batch.
    """
    with model.quiet():
        kept = list(_pieces(_picked(model, np.asarray(rows)), chunk))
    return on_batches(model, kept)


def on_batches(model: Model, batches: list[Batch]) -> Model:
    """The same model on other batches in its own arrays.

    Args:
        model: of any back end.
        batches: in the arrays of its back end.
    """
    return on_data(model, Batches(batches, lambda: iter(batches), False))


def on_data(model: Model, data: Batches) -> Model:
    """The same model, its compiled programs too, on other data in its own arrays.

    Args:
        model: of any back end.
        data: as another model of the same back end holds them.
    """
    made = copy.copy(model)
    made.data = data  # type: ignore[attr-defined]
    made._chosen, made._kept, made._sizes = {}, {}, None
    return made


def _picked(model: Model, rows: np.ndarray) -> list[Batch]:
    """The rows as one batch where their arrays can be joined, so that few rows of many batches do not cost as many passes."""
    at, found = 0, []
    for batch in model.batches():
        own = rows[(rows >= at) & (rows < at + batch.count)] - at
        at += batch.count
        if len(own):
            found.append(_taken(batch, own))
    if len(found) > 1 and (model.back_end == "jax" or _alike(found)):
        return [_joined(found)]
    return found


def _taken(batch: Batch, places: np.ndarray) -> Batch:
    size = batch.count
    made = batch.mapped(
        lambda leaf: leaf[places.tolist()] if hasattr(leaf, "requires_grad") and _per_example(leaf, size)
        else leaf[places] if _per_example(leaf, size) else leaf
    )  # fmt: skip
    return replace(made, count=len(places))


def _alike(parts: list[Batch]) -> bool:
    """Whether all arrays have the examples along the first axis, and else one shape and type in all parts."""
    columns = list(zip(*(one.leaves() for one in parts), strict=False))
    return len({len(one.leaves()) for one in parts}) == 1 and all(
        len({(tuple(leaf.shape[1:]), leaf.dtype) for leaf in column}) == 1
        and all(_per_example(leaf, one.count) for leaf, one in zip(column, parts, strict=True))
        for column in columns
    )


def _per_example(leaf: Any, size: int) -> bool:
    return bool(len(leaf.shape)) and int(leaf.shape[0]) == size


def _joined(parts: list[Batch]) -> Batch:
    """Batches behind one another as one."""
    columns = zip(*(one.leaves() for one in parts), strict=True)
    whole = iter([_stacked(column, parts) for column in columns])
    made = parts[0].mapped(lambda leaf: next(whole))
    return replace(made, count=sum(one.count for one in parts))


def _stacked(column: tuple[Any, ...], parts: list[Batch]) -> Any:
    if all(_per_example(leaf, one.count) for leaf, one in zip(column, parts, strict=True)):
        if hasattr(column[0], "new_empty"):  # a tensor
            whole, at = column[0].new_empty((sum(map(len, column)), *column[0].shape[1:])), 0
            for leaf in column:
                whole[at : at + len(leaf)] = leaf
                at += len(leaf)
            return whole
        return np.concatenate([np.asarray(leaf) for leaf in column])
    return column[0]


def _pieces(parts: list[Batch], chunk: int) -> Iterator[Batch]:
    """Each batch in pieces of at most a size; small ones stay as they are."""
    for one in parts:
        for start in range(0, one.count, chunk):
            yield one.rows(start, start + chunk)
