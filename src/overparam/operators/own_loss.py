"""A person's own loss: one number an example, or one a batch of which is found out whether it is a mean or a sum."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import Batch
from overparam.operators.model import Model
from overparam.operators.objective import Objective, check_reduction, mean_or_sum
from overparam.operators.reading import check_between, check_labels

_BY_ELEMENT = (
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss", "BCELoss", "SoftMarginLoss"),
    "PoissonNLLLoss",
)
_BY_LABEL = ("CrossEntropyLoss", "NLLLoss")
_RANGES = {
    **dict.fromkeys(("BCEWithLogitsLoss", "BCELoss", "MultiLabelSoftMarginLoss"), (0.0, 1.0)),
    **dict.fromkeys(("binary_cross_entropy_with_logits", "binary_cross_entropy"), (0.0, 1.0)),
    **dict.fromkeys(("sigmoid_binary_cross_entropy", "sigmoid_focal_loss"), (0.0, 1.0)),
    **dict.fromkeys(("SoftMarginLoss", "soft_margin_loss"), (-1.0, 1.0)),
    **dict.fromkeys(("PoissonNLLLoss", "poisson_nll_loss"), (0.0, float("inf"))),
}  # what targets of losses of PyTorch and optax must lie in


def own_loss(loss: Any, model: Model, reduction: str | None) -> Objective:
    """The objective of a person's loss.

    A module of PyTorch that says how it reduces is asked for the sum and divided by its own count: of labels that are not
    ignored, by their class weights, or of elements. A function gives one loss an example, shape ``(batch,)``, whose mean is
    taken, or one number a batch, which is compared with those of two pieces of every batch.

    Args:
        loss: ``loss(outputs, targets)``.
        model: the model without a loss.
        reduction: ``mean`` or ``sum``, where the person says it.

    Raises:
        UsageError: a loss that gives something else, is neither a mean nor a sum, or cannot be called.
    """
    check_reduction(reduction)
    _check_made(loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    kinds = {one.__name__ for one in type(loss).__mro__ if one.__module__.startswith("torch.nn.modules.loss")}
    if (
        kinds & {*_BY_ELEMENT, *_BY_LABEL}
        and type(loss).__name__ in kinds
        and loss.reduction in ("mean", "sum")
    ):
        if model.back_end != "torch":
            raise UsageError(
                f"loss: expected a name or a function of JAX for this model, got {name} of PyTorch. Give loss='cross_entropy', "
                "'squared' or 'binary_cross_entropy'."
            )
        if reduction not in (None, loss.reduction):
            raise UsageError(f"reduction: expected '{loss.reduction}', as {name} says, got '{reduction}'.")
        return _of_module(loss, name)
    parts: list[tuple[int, int, float, float, float]] = []
    each: bool | None = None
    odd = ""
    with model.quiet():
        for batch in model.batches():
            if hasattr(batch.targets, "shape"):
                _check_range(name, model.host(batch.targets))
            outputs = model.batch_outputs(batch)
            value = _called(loss, outputs, batch.targets, name)
            if not hasattr(value, "shape") and not isinstance(value, int | float):
                raise UsageError(f"loss: expected {name} to give numbers, got {type(value).__name__}.")
            shape = tuple(getattr(value, "shape", ()))
            odd = odd or _check_reading(loss, outputs, batch, value, name, model)
            if shape not in ((), (batch.count,)) or (each is not None and each != bool(shape)):
                raise UsageError(
                    f"loss: expected {name} to give one loss an example, shape ({batch.count},), or one number a batch, got "
                    f"shape {shape}."
                )
            each = bool(shape)
            if each:
                continue
            parts.append(_parts(lambda out, aims: _called(loss, out, aims, name), outputs, batch))
            parts += _more_parts(loss, outputs, batch)
    count = lambda shape, batch: float(batch.count)  # noqa: E731
    if each:
        return Objective(
            name, lambda out, targets: loss(out, targets).sum(), count, reduction != "sum", words=odd
        )
    found = mean_or_sum(parts, float(np.finfo(model.dtype).eps), reduction, name)
    if found == "sum":
        return Objective(name, loss, count, False, words=odd)
    return Objective(name, lambda out, targets: loss(out, targets) * out.shape[0], count, True, words=odd)


def _parts(loss: Callable[[Any, Any], Any], outputs: Any, batch: Batch) -> tuple[int, int, float, float, float]:
    """The loss of a batch and of both pieces of it, with their sizes."""
    n = batch.count
    h = n // 3 or n // 2
    pieces = (
        [float(loss(outputs[a:b], batch.rows(a, b).targets)) for a, b in ((0, h), (h, n))] if h else [0.0, 0.0]
    )
    return n, h, float(loss(outputs, batch.targets)), pieces[0], pieces[1]


def _more_parts(
    loss: Callable[[Any, Any], Any], outputs: Any, batch: Batch
) -> list[tuple[int, int, float, float, float]]:
    """The same at other outputs, where every example has nearly the same loss: no weights of examples would show there.

    Outputs are shrunk, which keeps probabilities what they are, and moved; a loss that does not take those is not asked.
    """
    n = batch.count
    shape = (n, *[1] * (len(outputs.shape) - 1))
    share = np.linspace(0.1, 1.0, n).reshape(shape)
    where = 3.0 * np.sin(np.arange(1.0, 1.0 + np.prod(outputs.shape)) ** 2).reshape(tuple(outputs.shape))
    found = []
    for scale, shift in ((share, 0.0 * where), (1.0 + 0.0 * share, where)):
        with contextlib.suppress(Exception):
            other = outputs * _like(scale, outputs) + _like(shift, outputs)
            one = _parts(loss, other, batch)
            if np.isfinite(one).all():
                found.append(one)
    return found


def _like(array: np.ndarray, outputs: Any) -> Any:
    """Numbers as an array of the framework, type and device of the outputs."""
    if hasattr(outputs, "new_tensor"):
        return outputs.new_tensor(array)
    return array.astype(outputs.dtype)


def _check_reading(loss: Any, outputs: Any, batch: Batch, value: Any, name: str, model: Model) -> str:
    """Refuse a loss that reads labels outside the classes as others; what it is given, in words, where it does not.

    Indexing in JAX takes the nearest class for a label that is too large, and counts from the end for one below 0.
    """
    aims, shape = batch.targets, tuple(outputs.shape)
    if "int" not in str(getattr(aims, "dtype", "")) or tuple(aims.shape) != shape[:-1] or shape[-1] < 2:
        return ""
    odd = (aims < 0) | (aims >= shape[-1])
    number = int(odd.sum())
    if not number:
        return ""
    seen = int(model.host(aims)[model.host(odd)].flat[0])
    what = (
        f"targets: expected labels from 0 to {shape[-1] - 1} for {shape[-1]} outputs, got {seen} ({number:,} in a batch are "
        "outside)"
    )
    if not np.isfinite(model.host(value) if hasattr(value, "shape") else value).all():
        raise DataError(f"{what}, for which {name} gives no number.")
    for other in (aims.clip(0, shape[-1] - 1), aims % shape[-1]):
        if bool((_called(loss, outputs, other, name) == value).all()):
            raise DataError(f"{what}, which {name} reads as other classes.")
    return f"with labels outside 0 to {shape[-1] - 1} as it reads them"


def _check_made(loss: Any) -> None:
    """Refuse a class of losses where one of its objects is meant."""
    if isinstance(loss, type):
        raise UsageError(f"loss: expected a loss, got the class {loss.__name__}. Make one: {loss.__name__}().")


def _called(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any, name: str) -> Any:
    try:
        return loss(outputs, targets)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise UsageError(
            f"loss: expected {name} to take outputs of shape {tuple(outputs.shape)} and the targets, got "
            f"{type(error).__name__}: {first.rstrip('.')}."
        ) from error


def _of_module(loss: Any, name: str) -> Objective:
    whole = copy.copy(loss)
    whole.reduction = "sum"
    kind = type(loss).__name__
    by_label = any(one.__name__ in _BY_LABEL for one in type(loss).__mro__)

    def counted(shape: tuple[int, ...], batch: Batch) -> float:
        targets = batch.targets
        if not by_label:
            return float(np.prod(shape))
        if targets.is_floating_point():
            return float(np.prod(shape) / shape[1 if len(shape) > 1 else 0])
        kept = targets[targets != loss.ignore_index]
        return float(kept.numel() if loss.weight is None else loss.weight[kept].sum())

    words = [f"label smoothing {loss.label_smoothing:g}"] if getattr(loss, "label_smoothing", 0) else []
    words += ["class weights"] if getattr(loss, "weight", None) is not None else []
    words += [f"label {loss.ignore_index} ignored"] if getattr(loss, "ignore_index", -100) != -100 else []
    return Objective(
        name,
        whole,
        counted,
        loss.reduction == "mean",
        ("weighted labels" if getattr(loss, "weight", None) is not None else "labels")
        if by_label
        else "elements",
        ", ".join(words),
        (lambda shape, targets: _check_labels(loss, shape, targets))
        if by_label
        else (lambda shape, targets: _check_elements(kind, shape, targets)),
        loss.ignore_index if by_label else None,
        1 if by_label else -1,
    )


def _check_labels(loss: Any, shape: tuple[int, ...], targets: Any) -> None:
    given = np.asarray(targets)
    if given.dtype.kind not in "iu":
        return
    classes, places = shape[1 if len(shape) > 1 else 0], (shape[0], *shape[2:])
    if given.shape != places:
        raise DataError(
            f"targets: expected labels of shape {places} for outputs of shape {shape}, whose classes PyTorch takes along "
            f"the second axis, got {given.shape}. For classes along the last axis give loss='cross_entropy'."
        )
    check_labels(given, classes, loss.ignore_index)


def _check_elements(name: str, shape: tuple[int, ...], targets: Any) -> None:
    """Refuse what PyTorch would broadcast: outputs (batch, 1) against targets (batch,) give batch squared numbers."""
    if np.asarray(targets).dtype.kind == "b":
        raise DataError("targets: expected numbers for this loss, got bool. Give y.float().")
    if np.shape(targets) != shape:
        raise DataError(f"targets: expected shape {shape}, that of the outputs, got {np.shape(targets)}.")
    _check_range(name, targets)


def _check_range(name: str, targets: Any) -> None:
    """Refuse targets outside of what a loss, known by its name, is made for."""
    if name in _RANGES and hasattr(targets, "shape"):
        check_between(np.asarray(targets), *_RANGES[name])
