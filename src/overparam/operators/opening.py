"""What the entrance asks of a back end."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import Batch, Batches
from overparam.operators.layout import Layout
from overparam.operators.model import Model, Settings
from overparam.operators.objective import Arithmetic, Objective


class Opening(abc.ABC):
    """A model of a back end on its way to be measured.

    Attributes:
        layout: of all its parameters.
        dtype: of them.
        notes: what was found, one sentence each.
        arithmetic: for losses by name.
    """

    layout: Layout
    dtype: np.dtype
    notes: tuple[str, ...]
    arithmetic: Arithmetic

    @abc.abstractmethod
    def batch(self, given: Batch, notes: set[str]) -> Batch:
        """Examples in the back end's arrays; sentences about what was changed are added to the notes."""

    @abc.abstractmethod
    def made(
        self, objective: Objective, data: Batches, layout: Layout, notes: tuple[str, ...], settings: Settings
    ) -> Model:
        """The model with a loss, as a function of the parameters of a layout; the others are held."""

    def look(self, model: Model) -> tuple[str, ...]:
        """Further checks with a pass; what was found, one sentence each."""
        return ()

    def mark(self) -> str:
        """A mark of what a measurement must leave as it is."""
        return ""

    def culprit(self, model: Model, one: Batch, other: Batch, start: int) -> str:
        """The part of a model that gives other outputs for some examples, which begin at a place, in words; or nothing."""
        return ""


def plain(leaf: Any) -> np.ndarray:
    """An array of any framework in NumPy."""
    if isinstance(leaf, np.ma.MaskedArray) and np.ma.is_masked(leaf):
        raise DataError(
            "data: expected numbers, got an array with masked ones. Leave those examples out, or fill them."
        )
    if hasattr(leaf, "detach"):
        leaf = leaf.detach().cpu()
        leaf = leaf.float() if "bfloat16" in str(leaf.dtype) else leaf
        return np.asarray(leaf.numpy())
    return np.asarray(leaf)


def check_whole(array: np.ndarray, widest: type[np.signedinteger]) -> np.ndarray:
    """Return whole numbers that a type can hold, or raise.

    Args:
        array: in NumPy.
        widest: the widest type of whole numbers of the back end.

    Raises:
        DataError: larger numbers, which would become others.
    """
    room = np.iinfo(widest)
    if array.dtype.kind in "iu" and array.size and (array.max() > room.max or array.min() < room.min):
        raise DataError(
            f"data: expected whole numbers from {room.min} to {room.max}, got {array.min()} to {array.max()}. Number them anew, "
            "or give floats."
        )
    return array


def check_leaf(array: np.ndarray, name: str = "data") -> np.ndarray:
    """Return an array of inputs or targets, or raise.

    Args:
        array: in NumPy.
        name: of the argument, for messages.

    Raises:
        DataError: text, objects, complex or masked numbers, or numbers that are missing or infinite.
    """
    if array.dtype.kind not in "fiub" and "float" not in array.dtype.name:
        raise DataError(f"{name}: expected arrays of real numbers, got {array.dtype}.")
    if array.dtype.kind not in "iub" and not np.isfinite(array.astype(np.float64)).all():
        raise DataError(f"{name}: expected finite numbers, got some that are missing or infinite.")
    return array


def rounded(given: str, wanted: str) -> str:
    """The sentence about numbers that were rounded."""
    return f"Data of {given} are rounded to {wanted}, the type of the parameters."


def fitting(array: np.ndarray, features: int) -> np.ndarray:
    """Rows of a network of the package, or raise.

    Raises:
        UsageError: another shape.
    """
    if array.ndim != 2 or array.shape[1] != features:
        raise UsageError(
            f"data: expected inputs of shape (n, {features}) for this network, got {array.shape}. Flatten images to rows: "
            "x.reshape(len(x), -1)."
        )
    return array
