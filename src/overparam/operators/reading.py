"""Whether targets are what a loss reads them as: labels, numbers, distributions; else what to give instead."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from overparam.core.errors import DataError, UsageError

NEAR_ONE = 1e-4  # how far from 1 a sum of probabilities may be by rounding


def check_meant(targets: Iterable[np.ndarray]) -> str:
    """The loss that targets ask for where none is given: cross-entropy for whole labels, squared loss for numbers.

    Args:
        targets: of every batch.

    Raises:
        UsageError: numbers that can be labels as well: zeros and ones, or rows that sum to 1.

    >>> check_meant([np.array([2, 0])]), check_meant([np.array([2.0, 0.5])])
    ('cross_entropy', 'squared')
    """
    binary = rows = True
    zeros = ones = False
    for one in targets:
        if one.dtype.kind in "iu":
            return "cross_entropy"
        if one.dtype.kind != "f":
            return "squared"
        zeros, ones = zeros or bool((one == 0).any()), ones or bool((one == 1).any())
        binary = binary and bool(((one == 0) | (one == 1)).all())
        rows = rows and is_distribution(one)
        if not (binary or rows):
            return "squared"
    if rows:
        what = "one-hot rows" if binary else "rows that sum to 1"
        raise UsageError(
            f"loss: expected a loss for targets that are {what}, got none: they can be classes or numbers. Give "
            "loss='cross_entropy' for classes, loss='squared' for a regression."
        )
    if zeros and ones:
        raise UsageError(
            "loss: expected a loss for targets that are zeros and ones as floats, got none: they can be labels or numbers. Give "
            "loss='binary_cross_entropy' for labels, loss='squared' for a regression."
        )
    return "squared"


def is_distribution(rows: np.ndarray, axis: int = -1) -> bool:
    """Whether numbers are at least 0 and sum to 1 along an axis of at least two.

    Args:
        rows: shape ``(n, ...)``.
        axis: along which they sum.

    >>> is_distribution(np.array([[0.25, 0.75]])), is_distribution(np.array([[1.0]]))
    (True, False)
    """
    if rows.ndim < 2 or not rows.size or rows.shape[axis] < 2:
        return False
    sums = rows.astype(np.float64).sum(axis)
    return bool((rows >= 0).all() and np.abs(sums - 1).max() <= NEAR_ONE)


def check_fitting(name: str, ignore: int | None, shape: tuple[int, ...], targets: np.ndarray) -> None:
    """Raise unless targets are what a loss by name takes for outputs of a shape.

    Args:
        name: of the loss.
        ignore: the label of positions without one.
        shape: of the outputs of a batch.
        targets: of the batch.

    Raises:
        DataError: another type or shape, labels outside the classes, numbers that are missing or outside.
    """
    given = np.asarray(targets)
    outputs = shape[-1] if len(shape) > 1 else 1
    positions = shape[:-1] if len(shape) > 1 else shape
    if given.dtype.kind not in "fiub":
        raise DataError(f"targets: expected real numbers or whole labels, got {given.dtype}.")
    if given.dtype.kind == "b" and name != "binary_cross_entropy":
        raise DataError(
            f"targets: expected whole labels or numbers for loss='{name}', got bool. Give loss='binary_cross_entropy', "
            "y.astype(int) for labels, or y.astype(float) for numbers."
        )
    if given.dtype.kind in "iu" and name != "binary_cross_entropy":
        if given.shape != positions:
            raise DataError(
                f"targets: expected labels of shape {positions} for outputs of shape {shape}, got {given.shape}."
                f"{_reshaped(given, shape, positions, name)}"
            )
        if outputs == 1:
            raise DataError(
                "targets: expected outputs of at least two classes for whole labels, got one output. Give numbers, "
                "y.astype(float), for a regression, or loss='binary_cross_entropy'."
            )
        check_labels(given, outputs, ignore, " For a label that marks no class give ignore=.")
        return
    more = ""
    whole = given.dtype.kind == "f" and bool((given == np.rint(given)).all())
    if outputs > 1 and whole and given.size == np.prod(positions):
        flat = "" if given.shape == positions else ".reshape(-1)"
        more = f" Labels of classes are given as integers: y{flat}.astype(int)."
    if given.shape != shape and not (outputs == 1 and given.shape == positions):
        raise DataError(f"targets: expected shape {shape}, that of the outputs, got {given.shape}.{more}")
    if not np.isfinite(given.astype(np.float64)).all():
        raise DataError("targets: expected finite numbers, got some that are missing or infinite.")
    if name != "squared":
        check_between(given)
    if name == "cross_entropy" and given.dtype.kind == "f":
        sums = given.reshape(shape).sum(-1)
        if outputs == 1 or np.abs(sums - 1).max() > NEAR_ONE:
            raise DataError(
                "targets: expected whole labels, or distributions over at least two classes that sum to 1, got numbers "
                "that do not. Give labels as integers, loss='binary_cross_entropy' for several labels at once, or "
                "loss='squared' for a regression."
            )


def check_between(targets: np.ndarray, low: float = 0.0, high: float = 1.0) -> None:
    """Raise unless numbers lie in a range.

    Args:
        targets: of a batch.
        low: its lower end.
        high: its upper end.

    Raises:
        DataError: some do not.
    """
    odd = targets[(targets < low) | (targets > high)]
    if odd.size:
        raise DataError(
            f"targets: expected numbers from {low:g} to {high:g} for this loss, got {float(odd.flat[0]):g} ({odd.size:,} of "
            f"{targets.size:,} are outside). Divide them by their largest, or give another loss."
        )


def check_labels(labels: np.ndarray, classes: int, ignore: int | None, advice: str = "") -> None:
    """Raise unless whole labels are those of the classes.

    Args:
        labels: of a batch.
        classes: how many there are.
        ignore: the label of positions without one.
        advice: what to do, where the labels do not tell it.

    Raises:
        DataError: some are outside.
    """
    seen = labels[labels != ignore] if ignore is not None else labels
    odd = seen[(seen < 0) | (seen >= classes)]
    if not odd.size:
        return
    if seen.min() == 1 and seen.max() == classes:
        advice = " Labels that begin at 1 are one too large: give y - 1."
    raise DataError(
        f"targets: expected labels from 0 to {classes - 1} for {classes} outputs, got {int(odd.flat[0])} "
        f"({odd.size:,} of {labels.size:,} labels are outside).{advice}"
    )


def _reshaped(given: np.ndarray, shape: tuple[int, ...], positions: tuple[int, ...], name: str) -> str:
    """What to do about whole labels of another shape."""
    if given.shape == (*positions, 1) and shape != given.shape:
        return " Give them without the last axis: y[..., 0]."
    if given.shape != shape:
        return ""
    if name == "squared":
        return " Give numbers as floats: y.astype(float)."
    if shape[-1] > 1 and ((given == 0) | (given == 1)).all() and (given.sum(-1) == 1).all():
        return " One-hot rows are given as labels, y.argmax(-1), or as floats, y.astype(float)."
    return " For several labels at once give loss='binary_cross_entropy'."
