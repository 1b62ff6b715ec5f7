"""Data that theorems speak of: inputs of norm 1 with real targets +1 and -1."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.core.errors import UsageError
from overparam.data.catalog import load
from overparam.data.rows import unit_rows
from overparam.data.stream import stream

PAIR = (3, 8)  # digits that are told apart


def signed_examples(name: str, n: int, d: int, seed: int, *, raw: bool = False) -> tuple[Any, Any]:
    """Points on the unit sphere with fair random signs, or images of two digits with one sign each.

    Args:
        name: ``sphere``: rows uniform on the unit sphere; ``digits``: images of 3 and 8, drawn without replacement, the
            mean image subtracted and every row divided by its norm.
        n: samples.
        d: features of the points on the sphere; digits have 64.
        seed: draws them.
        raw: digits as they are, pixels from 0 to 1.

    Returns:
        Inputs of shape ``(n, features)`` in float64 and targets of shape ``(n,)``.

    Raises:
        UsageError: more images than there are.

    >>> x, y = signed_examples("sphere", 4, 3, 0)
    >>> x.shape, sorted(set(abs(y)))
    ((4, 3), [np.float64(1.0)])
    """
    draw = stream("certified-convergence targets", seed)
    if name == "sphere":
        x = load(f"sphere:n={n},d={d},n_test=1,seed={seed}").x.astype(np.float64)
        return unit_rows(x), np.where(draw.uniform(size=n) < 0.5, -1.0, 1.0)
    found = load("digits")
    places = np.flatnonzero(np.isin(found.y, PAIR))
    if n > len(places):
        raise UsageError(f"--n: expected at most {len(places)} images of two digits, got {n}.")
    places = draw.permutation(places)[:n]
    x = found.x[places].reshape(n, -1).astype(np.float64)
    y = np.where(found.y[places] == PAIR[0], -1.0, 1.0)
    return (x, y) if raw else (unit_rows(x - x.mean(axis=0)), y)
