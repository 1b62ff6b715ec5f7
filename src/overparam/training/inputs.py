"""What must hold of examples and labels before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from overparam.core.checked import array_of
from overparam.core.errors import DataError, UsageError
from overparam.models.check import check_kind
from overparam.models.network import Network
from overparam.training.recipe import Recipe

SUM = 1e-5  # float32 numbers that sum to 1 may miss it by their rounding, 6e-8 a class
_HINT = "Flatten images to rows, or build the network for these inputs."
_LOST = 1e-3  # rounding to float32, as a share of the spread of a column
_NOISE = 1e-12  # spread of a column, as a share of its size, that is rounding of float64
_ENTRIES = 1 << 22  # numbers looked at together


def examples(name: str, x: Any, network: Network) -> Float32[np.ndarray, "n features"]:
    """Return examples as float32 rows that fit the network.

    Args:
        name: name of the argument, for the message.
        x: shape ``(n, inputs)``.
        network: the network.

    Returns:
        float32 array of the same shape.

    Raises:
        DataError: another shape, no rows, no real numbers, missing or infinite ones, or numbers that float32 cannot tell
            apart.
        UsageError: a floating-point type of fewer than 32 bits.
    """
    given = _real(name, x)
    if given.ndim != 2 or given.shape[1] != network.inputs or given.shape[0] == 0:
        raise DataError(f"{name}: expected shape (n, {network.inputs}) with n >= 1, got {given.shape}. {_HINT}")
    return _single(name, given)


def targets(name: str, y: Any, n: int, network: Network, recipe: Recipe) -> Shaped[np.ndarray, "n ..."]:
    """Return labels as int32, or float targets as float32, checked against network and loss.

    Args:
        name: name of the argument, for the message.
        y: integer labels ``(n,)``, or floats ``(n,)`` (one output) or ``(n, outputs)``.
        n: number of examples.
        network: the network.
        recipe: the recipe.

    Returns:
        int32 array of shape ``(n,)`` or float32 array of the shape given.

    Raises:
        DataError: another length or shape, or a label that is not an output.
        UsageError: float targets where the loss or the stopping rule needs labels.
    """
    values = _real(name, y)
    if values.shape[:1] != (n,):
        raise DataError(f"{name}: expected {n} entries, one an example, got shape {values.shape}.")
    if np.issubdtype(values.dtype, np.integer):
        if values.ndim != 1 or values.min() < 0 or values.max() >= network.outputs or network.outputs < 2:
            raise DataError(
                f"{name}: expected labels from 0 to {network.outputs - 1} for {network.outputs} outputs, got "
                f"shape {values.shape} with values from {values.min()} to {values.max()}. "
                "Renumber the classes, or give float targets for regression."
            )
        return values.astype(np.int32)
    if recipe.stop_error is not None:
        raise UsageError(
            f"{name}: stop_error needs integer labels, got {values.dtype}. Use stop_loss for targets."
        )
    if recipe.loss == "cross_entropy":
        return _distributions(name, values, network)
    if callable(recipe.loss):
        return _single(name, values)
    if values.reshape(n, -1).shape[1] != network.outputs:
        raise DataError(f"{name}: expected {network.outputs} targets an example, got shape {values.shape}.")
    return _single(name, values)


def _distributions(name: str, values: np.ndarray, network: Network) -> Float32[np.ndarray, "n classes"]:
    """Soft labels: a distribution over the classes in every row."""
    if values.ndim != 2 or values.shape[1] != network.outputs or network.outputs < 2:
        raise UsageError(
            f"{name}: loss 'cross_entropy' needs integer labels, or a distribution over the {network.outputs} classes in "
            f"every row, got {values.dtype} of shape {values.shape}. Use loss='squared' with stop_loss for targets."
        )
    with np.errstate(all="ignore"):
        off = np.abs(values.sum(axis=1, dtype=np.float64) - 1.0)
    for row in np.flatnonzero(~((values >= 0).all(axis=1) & (off <= SUM)))[:1]:
        low = values[row].min()
        got = f"{low:g}" if not low >= 0 else f"a sum of {values[row].sum(dtype=np.float64):g}"
        raise DataError(
            f"{name}: expected rows that are not negative and sum to 1, got {got} in row {row}. Divide every row by its sum."
        )
    return _single(name, values)


def _real(name: str, values: Any) -> np.ndarray:
    """An array of real numbers of its own type."""
    array = array_of(values, name)
    check_kind(
        values if isinstance(values, np.ndarray) else array, name, f'{name.split()[0]}.astype("float32")'
    )
    return array


def _single(name: str, values: np.ndarray) -> np.ndarray:
    """The same numbers in float32, if they are finite and what tells them apart survives."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(f"{name}: expected finite numbers, got {bad} that are missing or infinite.")
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    if values.dtype.itemsize < 4 or single.dtype == values.dtype:
        return single
    if values.dtype.kind in "iu" and int(np.abs(values.astype(np.float64)).max(initial=0.0)) > 2**53:
        raise DataError(
            f"{name}: expected numbers that float32 can tell apart, got whole numbers beyond 2^53. Subtract their mean."
        )
    rows, narrow = values.reshape(len(values), -1), single.reshape(len(values), -1)
    many = max(1, _ENTRIES // len(rows))
    for at in range(0, rows.shape[1], many):
        columns = rows[:, at : at + many].astype(np.float64)
        lost = np.abs(narrow[:, at : at + many] - columns).max(axis=0)
        size = np.abs(columns).max(axis=0)
        spread = columns.max(axis=0) - columns.min(axis=0)
        spread = np.where(spread > _NOISE * size, spread, size)
        for i in np.flatnonzero(~(lost <= _LOST * spread))[:1]:
            raise DataError(
                f"{name}: column {at + i}, from {columns[:, i].min():.9g} to {columns[:, i].max():.9g}, loses what tells "
                "its numbers apart in float32, in which training is done. Subtract its mean and divide by its spread."
            )
    return single


def check_recipe(recipe: object) -> None:
    """Raise unless a recipe was given.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(recipe, Recipe):
        raise UsageError(f"recipe: expected Recipe(steps, learning_rate, ...), got {type(recipe).__name__}.")
