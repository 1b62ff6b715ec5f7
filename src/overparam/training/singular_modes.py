"""The singular modes of nested features, and what a mode does on the test inputs, in float64.

With ``Phi = U diag(s) V^T`` on the training inputs, the minimum-norm fit predicts, for a test input with features
phi(x), the sum over modes r of ``(phi(x) . v_r / s_r) (u_r . Y)``. The two factors are all that is needed to leave
modes out, to change the targets, or to read the weights that a prediction gives to the training targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy import linalg

from overparam.training.nested import (
    BLOCK,
    Array,
    Columns,
    Gram,
    Matrix,
    Targets,
    TestTargets,
    add_gram,
    segments,
)

GRAM_LIMIT = 1e10
"""Largest condition number at which the eigenvectors of a Gram matrix stand for the singular vectors."""
Kept = Int64[np.ndarray, " kept"]
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Modes:
    """The singular modes of one width whose singular value is not rounding, largest first.

    Attributes:
        width: number of features.
        size: singular values s, shape ``(rank,)``, in the unit of the features.
        left: u_r on the training inputs, shape ``(samples, rank)``.
        test: ``phi(x) . v_r / s_r`` of every test input, shape ``(test samples, rank)``.
    """

    width: int
    size: Float64[np.ndarray, " rank"]
    left: Float64[np.ndarray, "n rank"]
    test: Float64[np.ndarray, "n_test rank"]

    def predict(self, y: Targets, keep: slice | Kept = slice(None)) -> TestTargets:
        """Return the predictions on the test inputs with these modes alone, shape ``(test samples, outputs)``.

        Args:
            y: training targets, shape ``(samples, outputs)``.
            keep: which modes; all of them give the minimum-norm fit.
        """
        return self.test[:, keep] @ (self.left[:, keep].T @ y)

    @property
    def train_parameters(self) -> float:
        r"""Effective number of parameters on the training inputs: the sum of squared weights, here the rank.

        :math:`n \cdot \frac1n \sum_i \|\hat s(x_i)\|^2 = \|U U^T\|_F^2`.
        """
        return float(self.size.size)

    @property
    def test_parameters(self) -> float:
        r"""Effective number of parameters on the test inputs: n times the mean squared length of the weights.

        :math:`\hat p = n \cdot \frac1m \sum_j \|\hat s(x_j)\|^2` with the weights s of the training targets in the
        prediction at test input j. A mean of k samples has p = n/k, and interpolation on the training inputs n.

        References: A. Curth, A. Jeffares and M. van der Schaar, NeurIPS 2023, generalized effective number of
            parameters (the formula as recalled; the paper's code records the same mean squared length).
        """
        return float(len(self.left) * np.square(self.test).sum(axis=1).mean())


def modes(
    train: Columns, test: Columns, samples: int, tests: int, widths: Sequence[int], *, block: int = BLOCK
) -> Iterator[Modes]:
    """Yield the modes of every width, reading each column about once.

    A Gram matrix while its condition is below 1e10, else a singular value decomposition of the features. Singular
    values below ``max(samples, N) * eps`` times the largest count as zero.

    Args:
        train: features on the training inputs: ``train(a, b)`` has shape ``(samples, b - a)``.
        test: the same on the test inputs.
        samples: number of training inputs.
        tests: number of test inputs.
        widths: ascending.
        block: most columns read at a time.

    References: G. Golub and C. Van Loan, Matrix Computations (4th ed.), section 5.5.

    >>> phi = np.diag([2.0, 1.0])
    >>> both = list(modes(lambda a, b: phi[:, a:b], lambda a, b: phi[:1, a:b], 2, 1, [1, 2]))
    >>> [m.size.tolist() for m in both], both[1].predict(np.array([[3.0], [5.0]])).round(9).tolist()
    ([[2.0], [2.0, 1.0]], [[3.0]])
    """
    held = min(2 * samples, max(widths))
    rows, rows_test = np.empty((samples, held), order="F"), np.empty((tests, held), order="F")
    gram = np.zeros((samples, samples), order="F")
    cross = np.zeros((tests, samples))
    here = 0
    for width in widths:
        for start, stop in segments(here, width, (held,), block):
            part, part_test = train(start, stop), test(start, stop)
            gram = add_gram(gram, part)
            cross += part_test @ part.T
            if stop <= held:
                rows[:, start:stop], rows_test[:, start:stop] = part, part_test
        here = width
        small = width <= samples
        found = _primal(rows[:, :width], rows_test[:, :width]) if small else _dual(gram, cross, width)
        if found is None:
            whole = width <= held
            found = _direct(
                rows[:, :width] if whole else train(0, width), rows_test[:, :width] if whole else test(0, width)
            )
        yield found


def _primal(rows: Array, rows_test: Array) -> Modes | None:
    size = rows.shape[1]
    squares, v = linalg.eigh(
        add_gram(np.zeros((size, size), order="F"), np.asfortranarray(rows.T)), lower=True, driver="evd"
    )
    if not squares[0] > squares[-1] / GRAM_LIMIT:
        return None
    s = np.sqrt(squares[::-1])
    turned = v[:, ::-1] / s
    return Modes(size, s, rows @ turned, rows_test @ turned)


def _dual(gram: Gram, cross: Array, width: int) -> Modes | None:
    squares, u = linalg.eigh(gram, lower=True, driver="evd")
    if not squares[0] > squares[-1] / GRAM_LIMIT:
        return None
    squares, u = squares[::-1], u[:, ::-1]
    return Modes(width, np.sqrt(squares), u, cross @ (u / squares))


def _direct(rows: Array, rows_test: Array) -> Modes:
    u, s, vt = linalg.svd(rows, full_matrices=False, check_finite=False)
    kept = int((s > max(rows.shape) * _EPS * s[0]).sum())
    return Modes(rows.shape[1], s[:kept], u[:, :kept], (rows_test @ vt[:kept].T) / s[:kept])


def nested_projections(
    rows: Matrix, y: Targets, widths: Sequence[int], shown: int, *, tolerance: float = 1e-10
) -> dict[int, Array]:
    """Targets as the first N columns can represent them best, on the leading rows: the ideal fit of every width.

    ``Phi_N (Phi_N^+ Y)``, from one QR: the projection on the first N columns grows by one direction a column. A
    column that lies in the span of those before it adds none and is left out.

    Args:
        rows: features on a population, shape ``(population, features)``, at most as many columns as rows.
        y: targets, shape ``(population, outputs)``.
        widths: ascending; those above the number of columns are left out.
        shown: number of leading rows that are returned.
        tolerance: a column counts as dependent when less than this share of its length is new.

    Returns:
        By width, shape ``(shown, outputs)``.

    >>> half = nested_projections(np.eye(2), np.array([[1.0], [2.0]]), [1, 2], 2)
    >>> [abs(part).round(9).ravel().tolist() for part in half.values()]
    [[1.0, 0.0], [1.0, 2.0]]
    """
    q, r = linalg.qr(rows, mode="economic", check_finite=False)
    length = np.sqrt(np.square(rows).sum(axis=0))
    live = np.abs(np.diagonal(r)) > tolerance * length
    if not live.all():
        q = linalg.qr(rows[:, live], mode="economic", check_finite=False)[0] if live.any() else rows[:, live]
    turned = q.T @ y
    counts = np.concatenate([[0], np.cumsum(live)])
    return {w: q[:shown, : counts[w]] @ turned[: counts[w]] for w in widths if w <= rows.shape[1]}
