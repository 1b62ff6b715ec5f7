"""The second derivative of a model's loss as a function of vectors, checked, counted and, where asked, rescaled."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import DataError, UsageError, unknown
from overparam.core.memory import memory_budget
from overparam.operators import Model
from overparam.operators.linear import Layers

OF = ("hessian", "gauss_newton")
SHARE = 0.5  # of the memory that may be used: vectors that are kept take up to it


class Symmetric(abc.ABC):
    """Products with a symmetric matrix, counted.

    Attributes:
        size: rows of the matrix.
        dtype: of the arithmetic behind the products.
        made: how many were made.
    """

    size: int
    dtype: np.dtype
    made: int = 0

    @abc.abstractmethod
    def product(self, vector: np.ndarray) -> np.ndarray:
        """The product with one vector, shape ``(size,)``, in float64."""

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """The product with one vector, counted."""
        self.made += 1
        return self.product(vector)

    def dense(self) -> np.ndarray:
        """The whole matrix, shape ``(size, size)``, made symmetric; as many products as it has rows.

        Raises:
            UsageError: products that belong to no symmetric matrix.
        """
        found = np.stack([self(row) for row in np.eye(self.size)])
        check_symmetric(float(np.abs(found - found.T).max()), float(np.abs(found).max()), self.dtype)
        return np.asarray((found + found.T) / 2)


class Products(Symmetric):
    """Products with a second derivative of a model: ``H v``, or ``|w| H |w| v`` where it is scaled.

    Attributes:
        model: of the parameters that are derived by.
    """

    def __init__(self, model: Model, of: str, scaled: bool = False) -> None:
        self.model, self.of = model, of
        self.size, self.dtype = model.size, model.dtype
        self._scale = np.abs(model.vector().astype(np.float64)) if scaled else None

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The product with one vector.

        Raises:
            DataError: numbers that are not finite.
        """
        given = vector if self._scale is None else vector * self._scale
        found = self.model.product(self.of, given).astype(np.float64)
        found = found if self._scale is None else found * self._scale
        if not np.isfinite(found).all():
            raise DataError(
                f"model: expected finite second derivatives, got {int((~np.isfinite(found)).sum()):,} numbers of a product with "
                f"the {self.of.replace('_', '-')} that are missing or infinite. Square roots and divisions at 0 do that."
            )
        return found


class Block(Symmetric):
    """Products with a diagonal block, made of products with the whole matrix: nothing is compiled anew.

    Attributes:
        places: of its rows in the whole.
    """

    def __init__(self, whole: Symmetric, places: np.ndarray) -> None:
        self.whole, self.places = whole, places
        self.size, self.dtype = len(places), whole.dtype

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The product with one vector of the block."""
        padded = np.zeros(self.whole.size)
        padded[self.places] = vector
        return self.whole(padded)[self.places]


def products_of(model: Any, of: str, layers: Layers, scaled: bool = False) -> Products:
    """Products with the Hessian or the Gauss-Newton matrix of a model.

    Args:
        model: of :func:`overparam.operators.open_model`.
        of: ``hessian`` or ``gauss_newton``.
        layers: patterns of names, for a diagonal block; None for all.
        scaled: whether rows and columns are multiplied by the sizes of their parameters.

    Raises:
        UsageError: something else, a model without a loss, or patterns that cover nothing.
    """
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    if not isinstance(of, str) or of not in OF:
        raise unknown("of", of if isinstance(of, str) else shown(of), OF)
    if not isinstance(scaled, bool | np.bool_):
        raise UsageError(f"scaled: expected True or False, got {shown(scaled)}.")
    model.check_loss()
    return Products(model if layers is None else model.only(layers), of, bool(scaled))


def generator_of(seed: int | np.random.Generator) -> np.random.Generator:
    """The generator of a seed, or the one that was given.

    Args:
        seed: a whole number of at least 0, or a generator of NumPy, which is drawn from.

    Raises:
        UsageError: something else.
    """
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng(count(seed, "seed", 0))


def check_symmetric(gap: float, size: float, dtype: np.dtype) -> None:
    """Raise where products belong to no symmetric matrix.

    Args:
        gap: the largest difference between mirrored entries.
        size: the largest entry.
        dtype: of the products.

    Raises:
        UsageError: the difference is no rounding.
    """
    if gap > 1e4 * float(np.finfo(dtype).eps) * size:
        advice = ", which dtype='float64' makes smaller" if dtype != np.float64 else ""
        raise UsageError(
            f"model: expected a symmetric second derivative, got mirrored entries that differ by {gap / size:.2g} of the "
            "largest. A derivative written by hand (a straight-through estimator, a custom backward pass) or in part detached "
            f"does that, and so does rounding where losses are nearly 0{advice}. No eigenvalue of such a matrix says how the "
            "loss curves."
        )


def columns_that_fit(size: int, itemsize: int, least: int, name: str) -> int:
    """How many vectors may be kept.

    Args:
        size: of a vector.
        itemsize: bytes of a number.
        least: how many are needed.
        name: of the argument that asks for them, for the message.

    Raises:
        UsageError: fewer fit into the memory than are needed.
    """
    fit = int(SHARE * memory_budget() / (size * itemsize))
    if fit < least:
        raise UsageError(
            f"{name}: expected vectors that fit into memory, got {least:,} of {size:,} numbers, "
            f"{least * size * itemsize / 1e9:.3g} GB, where {SHARE * memory_budget() / 1e9:.3g} GB are free for them. Ask for "
            "less, or for a part: layers=."
        )
    return fit
