"""Matrices whose columns come in blocks: read once for the factorisations, once more to evaluate every width.

A matrix of features is a function ``columns(start, stop) -> (samples, stop - start)``, never held whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray
from scipy.linalg import blas

Array = NDArray[np.float64]
Matrix = Float64[np.ndarray, "n features"]
Gram = Float64[np.ndarray, "n n"]
Targets = Float64[np.ndarray, "n classes"]
TestTargets = Float64[np.ndarray, "n_test classes"]
Coefficients = Float64[np.ndarray, "features classes"]
Columns = Callable[[int, int], Matrix]

BLOCK = 1024
HELD = 1e9
"""Bytes up to which columns that are read several times are kept."""


@dataclass(frozen=True)
class Solution:
    """Coefficients of one width, given directly or through the samples, with how they were found.

    Attributes:
        width: number of features.
        primal: coefficients, shape ``(width, outputs)``; None if dual.
        dual: weights of the samples, shape ``(samples, outputs)``: the coefficients are ``Phi^T dual``.
        rank: numerical rank of the features on the training inputs.
        condition: estimated condition number of the features over that rank.
        method: ``qr``, ``cholesky``, ``svd`` or ``eigh``.
        penalty: ridge penalty, 0 for the minimum-norm solution.
    """

    width: int
    primal: Coefficients | None
    dual: Targets | None
    rank: int
    condition: float
    method: str
    penalty: float = 0.0

    def coefficients(self, part: Matrix, start: int, stop: int) -> Coefficients:
        """Return the coefficients of features ``start`` to ``stop - 1``, whose training columns are ``part``.

        Args:
            part: shape ``(samples, stop - start)``.
            start: first feature.
            stop: one past the last feature.
        """
        if self.primal is not None:
            return self.primal[start:stop]
        return part.T @ np.asarray(self.dual)


@dataclass(frozen=True)
class WidthFit:
    """What a solved width does on the training and the test set.

    Attributes:
        width: number of features.
        train_loss: mean over samples of the squared error summed over outputs.
        test_loss: the same on the test set.
        train_error: fraction of samples whose largest output is not at the largest target (one output: whose
            sign is wrong).
        test_error: the same on the test set.
        norm: Frobenius norm of the coefficients.
        rank: numerical rank of the features on the training inputs.
        condition: estimated condition number of the features over that rank; NaN at rank 0.
        method: ``qr``, ``cholesky``, ``svd`` or ``eigh``.
        penalty: ridge penalty, 0 for the minimum-norm solution.
    """

    width: int
    train_loss: float
    test_loss: float
    train_error: float
    test_error: float
    norm: float
    rank: int
    condition: float
    method: str
    penalty: float = 0.0


@dataclass(frozen=True)
class Tall:
    """The leading columns as long as no more than ``samples`` of them are live.

    Attributes:
        matrix: live columns (not all zero), Fortran order, shape ``(samples, live)``.
        index: their places among all columns, shape ``(live,)``.
        counts: number of live columns at each width that was reached.
        reach: number of columns read, dead ones included.
    """

    matrix: Matrix
    index: Int64[np.ndarray, " features"]
    counts: dict[int, int] = field(default_factory=dict)
    reach: int = 0


def segments(start: int, stop: int, cuts: Sequence[int], block: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Split columns into runs of at most ``block`` that never cross a cut.

    >>> list(segments(0, 7, [2], block=4))
    [(0, 2), (2, 6), (6, 7)]
    """
    here = start
    while here < stop:
        ahead = [c for c in cuts if c > here]
        there = min(here + block, stop, min(ahead, default=stop))
        yield here, there
        here = there


def gather(columns: Columns, samples: int, widths: Sequence[int], block: int = BLOCK) -> Tall:
    """Read leading columns while at most ``samples`` of them are live.

    A dead column (zero on every training input) gets coefficient 0 in every minimum-norm and ridge solution, so
    leaving it out is exact.

    Args:
        columns: the features on the training inputs.
        samples: number of training inputs.
        widths: ascending.
        block: most columns read at a time.
    """
    matrix = np.empty((samples, min(samples, widths[-1])), order="F")
    index: list[int] = []
    counts: dict[int, int] = {}
    reach = 0
    for start, stop in segments(0, widths[-1], widths, block):
        part = columns(start, stop)
        live = np.flatnonzero(part.any(axis=0))
        if len(index) + live.size > samples:
            break
        matrix[:, len(index) : len(index) + live.size] = part[:, live]
        index.extend((live + start).tolist())
        reach = stop
        if stop in widths:
            counts[stop] = len(index)
    return Tall(matrix[:, : len(index)], np.asarray(index, dtype=np.int64), counts, reach)


def held(columns: Columns, samples: int, widest: int, limit: float = HELD, block: int = BLOCK) -> Columns:
    """Return the same columns, computed once and kept, if they take at most ``limit`` bytes; else as they were.

    Args:
        columns: called block by block.
        samples: number of rows.
        widest: number of columns that will be asked for.
        limit: most bytes kept.
        block: most columns computed at a time.

    >>> asked = []
    >>> kept = held(lambda a, b: asked.append((a, b)) or np.ones((2, b - a)), 2, 3, block=2)
    >>> kept(0, 3).shape, kept(1, 2).shape, asked
    ((2, 3), (2, 1), [(0, 2), (2, 3)])
    """
    if 8.0 * samples * widest > limit:
        return columns
    every = np.empty((samples, widest), order="F")
    for start, stop in segments(0, widest, (), block):
        every[:, start:stop] = columns(start, stop)
    return lambda start, stop: every[:, start:stop]


def add_gram(gram: Gram, part: Matrix) -> Gram:
    """Add ``part part^T`` to the lower triangle of a Fortran-ordered Gram matrix, in place; return it.

    Args:
        gram: shape ``(samples, samples)``.
        part: shape ``(samples, columns)``.
    """
    if part.flags.f_contiguous:
        return blas.dsyrk(1.0, part, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return blas.dsyrk(1.0, part.T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)


def evaluate(
    train: Columns,
    test: Columns,
    y: Targets,
    y_test: TestTargets,
    solutions: Sequence[Solution],
    block: int = BLOCK,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[WidthFit, ...]:
    """Apply the solutions of all widths in one pass over the columns.

    Args:
        train: features on the training inputs.
        test: features on the test inputs.
        y: targets, shape ``(samples, outputs)``.
        y_test: test targets, shape ``(test samples, outputs)``.
        solutions: by ascending width.
        block: most columns read at a time.
        progress: told the fraction done.

    Returns:
        One :class:`WidthFit` a solution; losses are those of the coefficients, not of a formula.
    """
    outputs, widths = y.shape[1], [s.width for s in solutions]
    fitted = np.zeros((len(y), len(solutions) * outputs))
    predicted = np.zeros((len(y_test), len(solutions) * outputs))
    squares = np.zeros(len(solutions))
    for start, stop in segments(0, widths[-1], widths, block):
        first = next(i for i, w in enumerate(widths) if w >= stop)
        part = train(start, stop)
        c = np.hstack([s.coefficients(part, start, stop) for s in solutions[first:]])
        fitted[:, first * outputs :] += part @ c
        predicted[:, first * outputs :] += test(start, stop) @ c
        squares[first:] += np.square(c).sum(axis=0).reshape(-1, outputs).sum(axis=1)
        progress(stop / widths[-1])
    fits = []
    for i, s in enumerate(solutions):
        mine = slice(i * outputs, (i + 1) * outputs)
        fits.append(
            WidthFit(
                width=s.width,
                train_loss=squared_loss(fitted[:, mine], y),
                test_loss=squared_loss(predicted[:, mine], y_test),
                train_error=zero_one_error(fitted[:, mine], y),
                test_error=zero_one_error(predicted[:, mine], y_test),
                norm=float(np.sqrt(squares[i])),
                rank=s.rank,
                condition=s.condition,
                method=s.method,
                penalty=s.penalty,
            )
        )
    return tuple(fits)


def squared_loss(predicted: Targets, y: Targets) -> float:
    """Mean over samples of the squared error summed over outputs, in squared units of the target.

    Args:
        predicted: shape ``(samples, outputs)``.
        y: shape ``(samples, outputs)``.

    >>> squared_loss(np.zeros((2, 3)), np.eye(3)[:2])
    1.0
    """
    return float(np.square(predicted - y).sum(axis=1).mean())


def zero_one_error(predicted: Targets, y: Targets) -> float:
    """Fraction of samples whose largest output is not at the largest target; one output: whose sign is wrong.

    Args:
        predicted: shape ``(samples, outputs)``.
        y: shape ``(samples, outputs)``.

    >>> zero_one_error(np.array([[0.9, 0.1], [0.6, 0.4]]), np.eye(2))
    0.5
    """
    if y.shape[1] == 1:
        return float(np.mean(np.sign(predicted) != np.sign(y)))
    return float(np.mean(predicted.argmax(axis=1) != y.argmax(axis=1)))
