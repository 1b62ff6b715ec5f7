"""Before anything is measured: the pass is a function of the parameters alone, row by row, and so are loss and gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import Batch
from overparam.operators.model import ROWS, Model
from overparam.operators.telling import SAME, told_of

APART = 1e4  # times the machine epsilon: a larger relative difference is no rounding
Culprit = Callable[
    [Batch, Batch, int], str
]  # names the part of a model that gives other outputs in a second pass


def check_outputs(model: Model, name: str = "model") -> None:
    """Raise unless the first examples give outputs of the parameters' type, one row an example.

    Args:
        model: of any back end.
        name: of the argument, for messages.

    Raises:
        UsageError: the pass fails, or gives something else.
    """
    with model.quiet():
        batch = next(iter(model.batches())).rows(0, ROWS)
        with told_of(
            f"{name}: expected a model that takes the inputs of data ({_shapes(batch)})", model.advice
        ):
            found = model.described(batch)
        if not (hasattr(found, "shape") and hasattr(found, "dtype")):
            kind = type(found).__name__
            raise UsageError(
                f"{name}: expected one array of outputs, got {kind}. Wrap the model so that it returns its outputs alone."
            )
        shape, dtype = tuple(found.shape), str(found.dtype).removeprefix("torch.")
        if not shape or shape[0] != batch.count:
            raise UsageError(
                f"{name}: expected outputs with one row an example, got shape {shape} for {batch.count} examples. A loss inside "
                "the model or a mean over the batch does that: return the outputs."
            )
        if dtype != model.dtype.name:
            raise UsageError(
                f"{name}: expected outputs of {model.dtype.name}, the type of the parameters, got {dtype}. Remove casts and "
                "autocast from the pass."
            )


def check_targets(model: Model) -> tuple[str, ...]:
    """Raise unless the targets of every batch fit outputs and loss; what is odd about them, one sentence each.

    Args:
        model: of any back end, with its loss.

    Raises:
        DataError: labels outside the range, another shape, numbers that are missing.
    """
    if model.objective.total is None or model.objective.check is None:
        return ()
    shape, ends = model.output_shape, (np.inf, -np.inf)
    with model.quiet():
        for batch in model.batches():
            targets = model.host(batch.targets)
            model.objective.check((batch.count, *shape), targets)
            seen = targets[targets != model.objective.ignore] if targets.dtype.kind in "iu" else targets[:0]
            if seen.size:
                ends = min(ends[0], float(seen.min())), max(ends[1], float(seen.max()))
    axis = model.objective.axis
    if axis is None or ends != (1, (classes := shape[axis if axis < 0 else axis - 1] if shape else 1) - 1):
        return ()
    return (
        f"No example has label 0, though there are {classes} outputs: labels that begin at 1 would be read as others. Give y - 1 "
        "then.",
    )


def check_passes(model: Model, culprit: Culprit | None = None) -> np.ndarray | None:
    """Raise unless two passes over the first batch give the same finite numbers, and each row alone what it gives beside others.

    Loss and gradient are compared, or the outputs where there is no loss.

    Args:
        model: of any back end.
        culprit: names what is to blame.

    Returns:
        The gradient of the loss on the first batch, not divided; None where there is no loss.

    Raises:
        UsageError: they differ; the text names the part where it is known.
        DataError: outputs, loss or gradient are not finite.
    """
    eps = float(np.finfo(model.dtype).eps)
    with model.quiet():
        batch = next(iter(model.batches()))
        with told_of(f"model: expected a model that takes the inputs of data ({_shapes(batch)})"):
            whole = model.host(model.batch_outputs(batch))
        bad = int((~np.isfinite(whole)).sum())
        if bad:
            raise DataError(
                f"model: expected finite outputs, got {bad:,} of {whole.size:,} in the first batch that are missing or infinite."
            )
        passes = [_pass(model, batch) for _ in range(2)]
        if any(not np.isfinite(one).all() for one in passes[0]):
            raise DataError(
                "loss: expected finite loss and gradient, got numbers that are missing or infinite in the first batch."
            )
        gap = max(_gap(one, other) for one, other in zip(*passes, strict=True))
        if gap > APART * eps:
            who = culprit(batch, batch, 0) if culprit else ""
            raise UsageError(
                f"model: expected the same loss and gradient in two passes over one batch, got a relative change of {gap:.2g}"
                f"{f', which begins at {who}' if who else ''}. Random numbers drawn in a pass and counters do that."
            )
        if batch.count > 1:
            start = max(
                1, batch.count // 3
            )  # from the middle: what reads examples as times looks back or ahead
            part = batch.rows(start, min(start + ROWS, max(start + 1, batch.count - 1)))
            with told_of(
                f"model: expected every output to depend on its own example alone, and so a pass over {part.count} of them",
                "Batch normalisation by the batch itself does that: measure in evaluation mode, evaluation=True.",
            ):
                alone = model.host(model.batch_outputs(part))
            gap = _gap(whole[start : start + part.count], alone)
            if gap > APART * eps:
                who = culprit(batch, part, start) if culprit else ""
                raise UsageError(
                    "model: expected every output to depend on its own example alone, got a relative change of "
                    f"{gap:.2g} without the other examples{f', which begins at {who}' if who else ''}. Batch normalisation by "
                    "the batch itself, division by its size, random numbers, and examples along a "
                    "later axis do that."
                )
    return passes[0][1] if len(passes[0]) > 1 else None


def _pass(model: Model, batch: Batch) -> list[np.ndarray]:
    if model.objective.total is None:
        return [model.host(model.batch_outputs(batch))]
    with told_of(
        f"loss: expected {model.objective.name} to be differentiable by the outputs, in arrays of the model's own framework",
        SAME,
    ):
        loss, gradient = model.batch_loss(batch)
    return [np.asarray(loss), model.host(gradient)]


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference over the largest size; infinite where one is not finite."""
    size = float(np.abs(one).max(initial=0.0))
    gap = float(np.abs(one - other).max(initial=0.0))
    return gap / size if size else float(gap > 0)


def apart(one: np.ndarray, other: np.ndarray, start: int, dtype: np.dtype) -> bool:
    """Whether an array of some examples differs by more than rounding from one of all, in which they begin at a place."""
    if not one.ndim or one.shape[1:] != other.shape[1:] or one.dtype.kind not in "fc":
        return False
    same = one[start : start + len(other)]
    if len(same) != len(other):
        return False
    return _gap(np.asarray(same, np.float64), np.asarray(other, np.float64)) > APART * np.finfo(dtype).eps


def _shapes(batch: Batch) -> str:
    """Shapes of the inputs, as a person reads them."""
    inputs = replace(batch, targets=None).leaves()
    return f"arrays of {', '.join(str(tuple(leaf.shape)) for leaf in inputs[:3])}"
