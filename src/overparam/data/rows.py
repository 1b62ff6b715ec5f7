"""Inputs of norm 1, as most theorems ask for them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def unit_rows(x: Float[np.ndarray, "n features"]) -> Float[np.ndarray, "n features"]:
    """Rows divided by their Euclidean norms.

    Args:
        x: shape ``(n, features)``, no row of it zero.

    Returns:
        Array of the same shape and type.

    >>> unit_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    return x / np.linalg.norm(x, axis=1, keepdims=True)
