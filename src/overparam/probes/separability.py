"""Whether classes are linearly separable by some features: a perceptron, else a linear program, exact in what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import csr_array

from overparam.core.checked import array_of, count
from overparam.core.errors import DataError, UsageError

_TINY = 1e-9  # margins below it, for features of size 1 and weights up to 1, are rounding
_TURNS = 1000  # of the perceptron
_ADDED = 2000  # constraints that one round may add


@dataclass(frozen=True, eq=False)
class Separation:
    """The linear classifier that a linear program found.

    Attributes:
        separable: whether the classifier is right on every example: a proof. False: no linear classifier is, within rounding.
        margin: smallest difference between the output of the right class and the largest other one, for features that are
            scaled to at most 1 and weights from -1 to 1; at most 0 where classes are not separable.
        weight: of the classifier, for the features as given, shape ``(classes, features)``.
        bias: its offsets, shape ``(classes,)``.
        rounds: linear programs that were solved; 0 where a perceptron was right on every example.
    """

    separable: bool
    margin: float
    weight: Float64[np.ndarray, "classes features"]
    bias: Float64[np.ndarray, " classes"]
    rounds: int


def separable(features: ArrayLike, labels: ArrayLike) -> Separation:
    r"""Whether a linear classifier ``argmax_c w_c x + b_c`` can be right on all examples, and one that is.

    A perceptron is tried first; what it separates is proved so. Else the linear program is ``max t`` with
    ``(w_y - w_c) x + b_y - b_c >= t`` for every example x of class y and every other class c, all weights from -1 to 1. It is
    solved on some of these constraints, those that are violated most are added, and again: a classifier that is right everywhere
    proves separability and ends it (its margin need not be the largest), and ``t = 0`` on some constraints proves that there is
    none.

    Args:
        features: shape ``(n, features)``.
        labels: whole numbers from 0, shape ``(n,)``, of at least two classes.

    Raises:
        UsageError: features that are no table, labels of another number, or of one class.
        DataError: numbers that are missing or infinite, or labels that are no whole numbers from 0.

    References: O. Mangasarian, Linear and nonlinear separation of patterns by linear programming, Operations Research 1965;
        the classes side by side as in K. Crammer and Y. Singer, JMLR 2001, without slack (recalled).

    Exclusive or, and the same with the product as a third feature.

    >>> x = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> y = [0, 0, 1, 1]
    >>> separable(x, y).separable, separable(np.column_stack([x, x.prod(axis=1)]), y).separable
    (False, True)
    """
    x, y, classes = _checked(features, labels)
    scale = np.abs(x).max(axis=0)
    scale[scale == 0] = 1.0
    rows = np.column_stack([x / scale, np.ones(len(x))])
    found = _perceptron(rows, y, classes)
    best, turn = float(_gaps(rows, y, found)[0].min()), 0
    if best > _TINY:
        return Separation(True, best, found[:, :-1] / scale, found[:, -1], 0)
    chosen = _first(rows, y, classes)
    while True:  # every turn adds a constraint, of which there are finitely many
        turn += 1
        weights, bound = _solved(rows, y, classes, chosen)
        gaps, other = _gaps(rows, y, weights)
        if gaps.min() > best:
            best, found = float(gaps.min()), weights
        if best > _TINY or bound <= _TINY:
            break
        worst = np.argsort(gaps)[:_ADDED]
        new = {(int(i), int(other[i])) for i in worst if gaps[i] < bound - _TINY / 2} - chosen
        if not new:
            break
        chosen |= new
    return Separation(bool(best > _TINY), best, found[:, :-1] / scale, found[:, -1], turn)


def _checked(features: Any, labels: Any) -> tuple[Any, Any, int]:
    x, y = array_of(features, "features"), array_of(labels, "labels")
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y) or not len(x):
        raise UsageError(
            f"features: expected a table with a row an example and as many labels, got shapes {x.shape} and {y.shape}."
        )
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise DataError("features: expected finite numbers, got some that are missing or infinite.")
    if not (np.issubdtype(y.dtype, np.integer) and y.min() >= 0):
        raise DataError(f"labels: expected whole numbers from 0, got {y.dtype}.")
    classes = count(int(y.max()) + 1, "classes")
    if len(np.unique(y)) < 2:
        raise UsageError("labels: expected at least two classes, got one. One class is always separated.")
    return x, y, classes


def _gaps(rows: Any, y: Any, weights: Any) -> tuple[Any, Any]:
    """Output of the right class less the largest other one, for every example, and which class that is."""
    outputs = rows @ weights.T
    at = np.arange(len(y))
    own = outputs[at, y]
    outputs[at, y] = -np.inf
    other = outputs.argmax(axis=1)
    return own - outputs[at, other], other


def _perceptron(rows: Any, y: Any, classes: int) -> Any:
    """Weights from -1 to 1 of a perceptron on all examples at once; where it is right everywhere, no program is needed."""
    targets = np.eye(classes)[y] - 1.0 / classes
    weights = np.linalg.lstsq(rows, targets, rcond=None)[0].T
    best, found = -np.inf, weights
    for _ in range(_TURNS):
        gaps, other = _gaps(rows, y, weights)
        if gaps.min() > best:
            best, found = float(gaps.min()), weights
        if best > 0:
            break
        wrong = gaps <= 0
        push = np.eye(classes)[y[wrong]] - np.eye(classes)[other[wrong]]
        weights = weights + push.T @ rows[wrong] / np.sqrt(wrong.sum())
    return found / max(np.abs(found).max(), 1e-300)


def _first(rows: Any, y: Any, classes: int) -> set[tuple[int, int]]:
    """One constraint an example: the class that a least-squares classifier takes it for."""
    targets = np.eye(classes)[y]
    outputs = rows @ np.linalg.lstsq(rows, targets, rcond=None)[0]
    outputs[np.arange(len(y)), y] = -np.inf
    return {(i, int(c)) for i, c in enumerate(outputs.argmax(axis=1))}


def _solved(rows: Any, y: Any, classes: int, chosen: set[tuple[int, int]]) -> tuple[Any, float]:
    """Weights of the largest margin on some constraints, and that margin, which bounds the one on all."""
    wide = rows.shape[1]
    pairs = sorted(chosen)
    example, other = (np.array(one) for one in zip(*pairs, strict=True))
    inside = np.arange(wide)
    columns = np.concatenate([y[example][:, None] * wide + inside, other[:, None] * wide + inside], axis=1)
    values = np.concatenate([-rows[example], rows[example]], axis=1)
    columns = np.column_stack([columns, np.full(len(pairs), classes * wide)])
    values = np.column_stack([values, np.ones(len(pairs))])
    ends = np.arange(len(pairs) + 1) * columns.shape[1]
    table = csr_array((values.ravel(), columns.ravel(), ends), shape=(len(pairs), classes * wide + 1))
    aim = np.zeros(classes * wide + 1)
    aim[-1] = -1.0
    bounds = [(-1.0, 1.0)] * (classes * wide) + [(None, 1.0)]
    solved = linprog(aim, A_ub=table, b_ub=np.zeros(len(pairs)), bounds=bounds, method="highs")
    return solved.x[:-1].reshape(classes, wide), float(-solved.fun)
