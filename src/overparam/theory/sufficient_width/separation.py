"""How far apart the inputs are, up to sign and length: the separation of data that width theorems ask for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import numbers


def labels_of(labels: ArrayLike) -> np.ndarray:
    """Labels as an array.

    Raises:
        DataError: rows of different lengths.
    """
    try:
        return np.asarray(labels)
    except ValueError:
        raise DataError("labels: expected one label a row of x, got rows of different lengths.") from None


def separation(x: ArrayLike, labels: ArrayLike | None = None) -> float:
    """Smallest distance between two inputs up to sign and length, 0 to sqrt(2).

    ``delta = min_{i != j} min(|u_i - u_j|, |u_i + u_j|)`` with ``u_i = x_i / |x_i|``: two rows that are multiples of
    one another give the same or the opposite features and count as distance 0.

    Args:
        x: inputs, shape ``(n, features)``.
        labels: if given, only pairs with different labels count.

    Returns:
        The distance; infinite if there is no such pair.

    Raises:
        DataError: a shape that does not fit, missing numbers, or a row of zeros.

    References: Allen-Zhu, Li and Song 2019 (assumption on inputs); the sign is added here, see above.

    >>> separation([[1.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])
    0.0
    """
    rows = numbers(x, "x")
    if rows.ndim != 2 or not rows.size:
        raise DataError(f"x: expected shape (n, features), got {rows.shape}.")
    if not np.isfinite(rows).all():
        raise DataError(
            "x: expected finite numbers, got some that are missing or infinite. Leave those rows out."
        )
    scale = np.abs(rows).max(axis=1)
    if not scale.all():
        place = int(np.flatnonzero(scale == 0)[0])
        raise DataError(
            f"x: expected rows with a direction, got zeros in row {place}. Leave the row out, or append a constant "
            "feature to every row."
        )
    rows /= scale[:, None]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if labels is None:
        differ = ~np.eye(len(rows), dtype=bool)
    else:
        names = labels_of(labels)
        if names.shape != (len(rows),):
            raise DataError(f"labels: expected shape ({len(rows)},), got {names.shape}.")
        differ = names[:, None] != names[None, :]
    best = math.inf
    for i, row in enumerate(rows[:-1], start=1):
        chosen = rows[i:][differ[i - 1, i:]]
        for near in (chosen - row, chosen + row):
            best = min(best, float(np.linalg.norm(near, axis=1).min(initial=math.inf)))
    return best
