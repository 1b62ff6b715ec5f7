"""The data of a cell: points on the sphere with random signs, or two classes of handwritten digits."""

from __future__ import annotations

from typing import Any

from overparam.core import Params, UsageError
from overparam.studies.rows import unit

PAIR = (3, 8)  # digits that are told apart


def examples(cell: Params, raw: bool = False) -> tuple[Any, Any]:
    """Inputs of shape ``(n, features)`` in float64 and targets +1 and -1 of shape ``(n,)``.

    Sphere: rows uniform on the unit sphere, targets independent fair signs. Digits: n images of two classes, drawn
    without replacement, the mean image subtracted and every row divided by its norm.

    Args:
        cell: parameters of the study's axes.
        raw: digits as they are, pixels from 0 to 1.

    Raises:
        UsageError: more images than there are.
    """
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream

    n, seed = cell["n"], cell["seed"]
    draw = stream("certified-convergence targets", seed)
    if cell["data"] == "sphere":
        x = load(f"sphere:n={n},d={cell['d']},n_test=1,seed={seed}").x.astype(np.float64)
        return unit(x), np.where(draw.uniform(size=n) < 0.5, -1.0, 1.0)
    found = load("digits")
    places = np.flatnonzero(np.isin(found.y, PAIR))
    if n > len(places):
        raise UsageError(f"--n: expected at most {len(places)} images of two digits, got {n}.")
    places = draw.permutation(places)[:n]
    x = found.x[places].reshape(n, -1).astype(np.float64)
    y = np.where(found.y[places] == PAIR[0], -1.0, 1.0)
    if raw:
        return x, y
    return unit(x - x.mean(axis=0)), y


def contradicting(x: Any, y: Any) -> tuple[Any, Any]:
    """The same data with the second row made equal to the first and their targets opposite: nothing fits it."""
    x, y = x.copy(), y.copy()
    x[1] = x[0]
    y[0], y[1] = 1.0, -1.0
    return x, y
