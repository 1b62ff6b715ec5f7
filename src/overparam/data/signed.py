"""Few inputs with targets +1 and -1 in float64, as theorems take them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int32

from overparam.core.errors import UsageError
from overparam.data.catalog import load
from overparam.data.dataset import flatten
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


class Signed(NamedTuple):
    """Inputs and labels.

    Attributes:
        x: training inputs, shape ``(n, features)``.
        y: +1 for the upper half of the classes, -1 for the lower, shape ``(n,)``.
        classes: shape ``(n,)``.
        x_test: test inputs, shape ``(n_test, features)``.
        classes_test: shape ``(n_test,)``.
    """

    x: Float64[np.ndarray, "n features"]
    y: Float64[np.ndarray, " n"]
    classes: Int32[np.ndarray, " n"]
    x_test: Float64[np.ndarray, "n_test features"]
    classes_test: Int32[np.ndarray, " n_test"]


def signed(name: str, n: int, n_test: int, *, d: int, seed: int, unit: bool = True) -> Signed:
    """Inputs with labels +1 and -1, drawn or chosen by a seed.

    Args:
        name: ``digits``, or a generator: ``sphere``, ``gaussian``.
        n: training samples.
        n_test: test samples, of digits at most 597.
        d: dimension of generated inputs.
        seed: which draw.
        unit: whether digits are centred and every input is scaled to norm 1.

    >>> few = signed("digits", 12, 5, d=0, seed=0)
    >>> few.x.shape, sorted(set(few.y.tolist())), bool(np.allclose((few.x**2).sum(axis=1), 1))
    ((12, 64), [-1.0, 1.0], True)
    """
    digits = name == "digits"
    if digits:
        whole, random = flatten(load(name)), stream("lazy-training", seed)
        train, test = random.permutation(len(whole.y))[:n], random.permutation(len(whole.y_test))[:n_test]
        x, labels, x_test, labels_test = whole.x[train], whole.y[train], whole.x_test[test], whole.y_test[test]
    else:
        made = load(f"{name}:n={n},d={d},n_test={n_test},seed={seed}")
        x, labels, x_test, labels_test = made.x, made.y, made.x_test, made.y_test
    x, x_test = x.astype(np.float64), x_test.astype(np.float64)
    if unit:
        mean = x.mean(axis=0) if digits else 0.0
        x, x_test = unit_rows(x - mean), unit_rows(x_test - mean)
    return Signed(x, np.where(labels >= (5 if digits else 1), 1.0, -1.0), labels, x_test, labels_test)
