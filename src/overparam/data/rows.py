"""Inputs of norm 1, as most theorems ask for them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from overparam.core.checked import all_finite, array_of
from overparam.core.errors import DataError


def unit_rows(x: ArrayLike) -> Float[np.ndarray, "n features"]:
    """Rows divided by their Euclidean norms.

    Args:
        x: shape ``(n, features)``, no row of it zero.

    Returns:
        Array of the same shape, float32 where x is, else float64.

    Raises:
        DataError: another shape, missing or infinite numbers, or a row of zeros.

    >>> unit_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    given = array_of(x, "x")
    if given.ndim != 2 or not given.size:
        raise DataError(f"x: expected shape (n, features), got {given.shape}.")
    all_finite(given, "x")
    rows = given if given.dtype in (np.float32, np.float64) else given.astype(np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64)
    if not (largest > 0).all():
        raise DataError(
            f"x: expected no row of zeros, got {int((largest == 0).sum())}. Such a row has no direction."
        )
    if not ((largest > 1e-15) & (largest < 1e15)).all():  # squares of float32 reach to 1e38
        rows = np.ldexp(rows, -np.frexp(largest)[1])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
