"""What an example's label would be without it: kernel ridge with each example left out, and its nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PENALTIES = tuple(10.0**power for power in np.arange(-6, 1.5, 0.5))  # over the mean of the kernel's diagonal
NEIGHBOURS = 10


@dataclass(frozen=True, eq=False)
class Fitted:
    """Ridge regression of one-hot labels on a kernel.

    Attributes:
        out: prediction for each example from the others, shape ``(n, classes)``.
        weights: of the fit to all, shape ``(n, classes)``.
        centre: added to predictions, shape ``(classes,)``.
        penalty: that was chosen, over the mean of the kernel's diagonal.
    """

    out: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    penalty: float

    def predict(self, cross: np.ndarray) -> np.ndarray:
        """Predictions at other examples.

        Args:
            cross: kernel of these with the examples of the fit, shape ``(m, n)``.
        """
        return cross @ self.weights + self.centre


def fit(kernel: np.ndarray, labels: np.ndarray, classes: int) -> Fitted:
    """Kernel ridge, its penalty chosen by the squared error of predictions that leave one example out.

    With ``G = (K + a I)^-1`` the prediction at example i from the others is ``y_i - (G y)_i / G_ii``, exactly.

    Args:
        kernel: shape ``(n, n)``, positive semidefinite.
        labels: whole, shape ``(n,)``.
        classes: how many.

    References: G. Golub, M. Heath and G. Wahba, Technometrics 21 (1979), section 2, for the formula (recalled).
    """
    n = len(kernel)
    aims = np.eye(classes)[labels]
    centre = aims.mean(0)
    aims = aims - centre
    values, vectors = np.linalg.eigh(kernel.astype(np.float64))
    values = np.maximum(values, 0.0)
    turned, squares = vectors.T @ aims, vectors**2
    scale = float(np.trace(kernel)) / n
    best: tuple[float, float, np.ndarray, np.ndarray] | None = None
    for penalty in PENALTIES:
        inverse = 1.0 / (values + penalty * scale)
        weights = vectors @ (inverse[:, None] * turned)
        left = weights / (squares @ inverse)[:, None]
        error = float(np.square(left).mean())
        if best is None or error < best[0]:
            best = (error, penalty, left, weights)
    assert best is not None
    _, penalty, left, weights = best
    return Fitted(aims - left + centre, weights, centre, penalty)


def margin(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much the best other class is ahead of the label, shape ``(n,)``; positive where they disagree.

    Args:
        scores: shape ``(n, classes)``.
        labels: shape ``(n,)``.

    >>> margin(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1])).round(1).tolist()
    [-0.8, 0.6]
    """
    at = np.arange(len(labels))
    others = scores.copy()
    others[at, labels] = -np.inf
    return others.max(1) - scores[at, labels]


def votes(nearness: np.ndarray, labels: np.ndarray, classes: int, own: np.ndarray | None = None) -> np.ndarray:
    """Shares of the labels of the nearest ten examples, shape ``(m, classes)``.

    Args:
        nearness: larger is nearer, shape ``(m, n)``.
        labels: of the n, whole.
        classes: how many.
        own: for each of the m its place among the n, so that no example votes for itself; -1 for none.
    """
    near = np.array(nearness, dtype=np.float64)
    if own is not None:
        rows = np.flatnonzero(own >= 0)
        near[rows, own[rows]] = -np.inf
    k = min(NEIGHBOURS, near.shape[1] - (own is not None))
    best = np.argpartition(-near, k - 1, axis=1)[:, :k]
    return np.eye(classes)[labels[best]].mean(1)


def cosine(kernel: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A kernel divided by the lengths of both of its arguments.

    Args:
        kernel: shape ``(n, m)``.
        first: ``k(x, x)`` of the rows, shape ``(n,)``.
        second: that of the columns, shape ``(m,)``.
    """
    least = 1e-12 * max(float(first.max(initial=0.0)), 1e-300)
    size = np.sqrt(np.outer(np.maximum(first, least), np.maximum(second, least)))
    return np.asarray(kernel / size)
