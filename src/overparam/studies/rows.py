"""Inputs of norm 1, as most theorems ask for them."""

from __future__ import annotations

from typing import Any


def unit(x: Any) -> Any:
    """Rows divided by their norms.

    Args:
        x: array of shape ``(n, features)``, no row of it zero.

    >>> import numpy as np
    >>> unit(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    import numpy as np

    return x / np.linalg.norm(x, axis=1, keepdims=True)
