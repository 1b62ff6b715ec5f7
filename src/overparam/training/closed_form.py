"""Least squares over nested widths in closed form: minimum norm, ridge and the ridgeless kernel, in float64.

The first N columns are the features of width N, so one factorisation serves many widths:

    live columns <= samples   one QR; width N solves the leading triangle. Where that is ill-conditioned,
                              an SVD of the triangle decides the rank.
    live columns >  samples   the Gram matrix grows with the width; a Cholesky of it while its estimated
                              condition is below 1e12, else a QR of the transposed features (whose
                              condition is not squared), else an SVD of that triangle.

Singular values below ``max(samples, N) * eps`` times the largest count as zero, and the rank is reported.
No penalty is ever added to help a factorisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from scipy.linalg import lapack

from overparam.core.checked import (
    all_finite,
    array_of,
    count,
    exponent_of,
    kernel_of,
    no_negative,
    numbers,
    representable,
    shown,
)
from overparam.core.errors import DataError, UsageError
from overparam.training.nested import (
    BLOCK,
    Array,
    Columns,
    Gram,
    Matrix,
    Solution,
    Tall,
    Targets,
    TestTargets,
    WidthFit,
    add_gram,
    evaluate,
    gather,
    segments,
)

CHOLESKY_LIMIT = 1e12
QR_LIMIT = 1e10
_EPS = float(np.finfo(np.float64).eps)
_LARGEST, _SQUARABLE = 1e300, 1e150

Progress = Callable[[float], None]


def _silent(fraction: float) -> None:
    return None


@dataclass(frozen=True)
class KernelSolution:
    """The ridgeless kernel solution on the test inputs.

    Attributes:
        predictions: shape ``(test samples, outputs)``, in units of the target.
        rank: number of eigenvalues kept.
        condition: condition number of the kernel matrix over that rank (an estimate for ``cholesky``).
        method: ``cholesky`` or ``eigh``.
    """

    predictions: TestTargets
    rank: int
    condition: float
    method: str


def min_norm(
    train: Columns,
    test: Columns,
    y: ArrayLike,
    y_test: ArrayLike,
    widths: Sequence[int],
    *,
    block: int = BLOCK,
    progress: Progress = _silent,
) -> tuple[WidthFit, ...]:
    """Least-squares solutions of smallest norm at every width.

    ``argmin |c|_F  subject to  c in argmin |Phi_N c - Y|_F``

    Args:
        train: features on the training inputs: ``train(a, b)`` has shape ``(samples, b - a)``; called twice for
            every column.
        test: the same on the test inputs.
        y: targets, shape ``(samples, outputs)``.
        y_test: test targets, shape ``(test samples, outputs)``.
        widths: ascending.
        block: most columns held at a time.
        progress: told the fraction done.

    Returns:
        One :class:`~overparam.training.nested.WidthFit` a width.

    Raises:
        UsageError: widths that are not positive and ascending.
        DataError: targets or features of the wrong shape, or missing or infinite ones.

    References: G. Golub and C. Van Loan, Matrix Computations (4th ed.), sections 5.3 and 5.5; M. Belkin et al.,
        PNAS 116 (2019), equation of minimum-norm random Fourier features.

    >>> phi = np.eye(3)
    >>> [round(f.norm, 6) for f in min_norm(lambda a, b: phi[:, a:b], lambda a, b: phi[:, a:b],
    ...                                     np.ones((3, 1)), np.ones((3, 1)), [1, 2, 3])]
    [1.0, 1.414214, 1.732051]
    """
    y, y_test = _targets(y, y_test)
    widths = _ascending(widths)
    train, test = _checked(train, len(y), "train"), _checked(test, len(y_test), "test")
    tall = gather(train, len(y), widths, block)
    wide = [w for w in widths if w > tall.reach]
    gram = np.zeros((len(y), len(y)), order="F")
    if wide and tall.matrix.size:
        gram = add_gram(gram, tall.matrix)
    solutions = list(_solve_tall(tall, y))
    here = tall.reach
    del tall
    for width in wide:
        for start, stop in segments(here, width, (), block):
            gram = add_gram(gram, train(start, stop))
        here = width
        solutions.append(_solve_wide(gram, train, y, width, block))
        progress(0.7 * width / widths[-1])
    return evaluate(train, test, y, y_test, solutions, block, lambda f: progress(0.7 + 0.3 * f))


def ridge(
    train: Columns,
    test: Columns,
    y: ArrayLike,
    y_test: ArrayLike,
    widths: Sequence[int],
    penalties: Sequence[float],
    *,
    block: int = BLOCK,
    progress: Progress = _silent,
) -> tuple[WidthFit, ...]:
    """Ridge solutions at every width, the penalty chosen by leave-one-out error; no test sample is used.

    ``argmin |Phi_N c - Y|_F^2 + lambda |c|_F^2`` with ``lambda = penalty * tr(Phi_N Phi_N^T) / samples``.
    From one eigendecomposition of the Gram matrix K a width, the error on a sample left out is, for every
    penalty at once, ``[(K + lambda I)^-1 Y]_i / [(K + lambda I)^-1]_ii``.

    Args:
        train: features on the training inputs: ``train(a, b)`` has shape ``(samples, b - a)``.
        test: the same on the test inputs.
        y: targets, shape ``(samples, outputs)``.
        y_test: test targets, shape ``(test samples, outputs)``.
        widths: ascending.
        penalties: candidates, in units of the mean squared length of a sample's features; keep them well above
            ``samples * eps``, below which float64 cannot see them.
        block: most columns held at a time.
        progress: told the fraction done.

    Returns:
        One :class:`~overparam.training.nested.WidthFit` a width; its ``penalty`` is lambda.

    Raises:
        UsageError: widths or penalties that are not positive.
        DataError: targets or features of the wrong shape, or missing or infinite ones.

    References: D. Allen, Technometrics 16 (1974); G. Golub, M. Heath and G. Wahba, Technometrics 21 (1979).

    >>> phi = np.ones((2, 1))
    >>> fit, = ridge(lambda a, b: phi[:, a:b], lambda a, b: phi[:, a:b], phi, phi, [1], [2.0])
    >>> fit.penalty, round(fit.norm, 12)
    (2.0, 0.5)
    """
    y, y_test = _targets(y, y_test)
    widths = _ascending(widths)
    train, test = _checked(train, len(y), "train"), _checked(test, len(y_test), "test")
    given = numbers(penalties, "penalties")
    if given.ndim != 1 or not given.size or not ((given >= 1e-140) & (given <= 1e140)).all():
        raise UsageError(
            f"penalties: expected positive penalties from 1e-140 to 1e140, got {shown(penalties)}. Use min_norm for no penalty."
        )
    penalties = given.tolist()
    gram = np.zeros((len(y), len(y)), order="F")
    solutions, here = [], 0
    for width in widths:
        for start, stop in segments(here, width, (), block):
            gram = add_gram(gram, train(start, stop))
        here = width
        solutions.append(_solve_ridge(gram, y, width, penalties))
        progress(0.8 * width / widths[-1])
    return evaluate(train, test, y, y_test, solutions, block, lambda f: progress(0.8 + 0.2 * f))


def kernel_solution(kernel: ArrayLike, kernel_test: ArrayLike, y: ArrayLike) -> KernelSolution:
    """Ridgeless (minimum-norm) kernel interpolation on the test inputs: ``k(x)^T K^+ Y``.

    Args:
        kernel: symmetric and positive semidefinite, shape ``(samples, samples)``.
        kernel_test: shape ``(test samples, samples)``.
        y: targets, shape ``(samples, outputs)``.

    Returns:
        Predictions with the rank used: a Cholesky while the estimated condition is below 1e12, else the
        eigenvalues above ``samples * eps`` times the largest.

    Raises:
        DataError: shapes that do not fit, numbers that are missing or infinite, or a kernel that is not symmetric, not
            positive semidefinite to rounding, or zero: the same that :func:`overparam.risk_curve` refuses.

    >>> kernel_solution(4 * np.eye(2), [[1.0, 0.0]], [[8.0], [6.0]]).predictions.tolist()
    [[2.0]]
    """
    k, k_test, targets = (
        numbers(value, name, high=_LARGEST)
        for value, name in ((kernel, "kernel"), (kernel_test, "kernel_test"), (y, "y"))
    )
    n = targets.shape[0] if targets.ndim else 0
    if k.shape != (n, n) or k_test.ndim != 2 or k_test.shape[1] != n or targets.ndim != 2:
        raise DataError(
            "kernel, kernel_test, y: expected shapes (samples, samples), (test samples, samples) and (samples, outputs), "
            f"got {k.shape}, {k_test.shape} and {targets.shape}. Pass rows as samples."
        )
    kernel_of(kernel, n=n)  # solved as given: each routine reads one of the two halves
    largest = float(np.abs(k).max(initial=0.0))
    all_finite(k_test, "kernel_test")
    all_finite(targets, "y")
    if largest == 0:
        raise DataError("kernel: expected one that differs from zero, got only zeros.")
    shift, scale = exponent_of(k) // 2 * 2, exponent_of(targets)  # an even one: roots lose no digit either
    k, k_test, targets = (
        np.asfortranarray(np.ldexp(k, -shift)),
        np.ldexp(k_test, -shift),
        np.ldexp(targets, -scale),
    )
    solved = _cholesky(k, targets)
    if solved is not None:
        weights, rank, condition, method = solved[0], n, solved[1], "cholesky"
    else:
        s, u = linalg.eigh(k, driver="evd", check_finite=False)
        no_negative(s, float(np.abs(k).max()), kernel)
        keep = s > n * _EPS * s[-1]
        weights = u[:, keep] @ ((u[:, keep].T @ targets) / s[keep, None])
        rank, condition, method = int(keep.sum()), float(s[-1] / s[keep][0]), "eigh"
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = representable(np.ldexp(k_test @ weights, scale), "y, kernel_test")
    return KernelSolution(predictions, rank, condition, method)


def _solve_tall(tall: Tall, y: Targets) -> Iterator[Solution]:
    """Solve every width at which no more columns are live than there are samples, from one QR."""
    n, all_live = tall.matrix.shape
    if all_live:
        qr, _, projected = _qr(tall.matrix, y)
    for width, live in tall.counts.items():
        primal = np.zeros((width, y.shape[1]))
        if live == 0:
            yield Solution(width, primal, None, 0, float("nan"), "qr")
            continue
        r = np.asfortranarray(qr[:live, :live])
        solved, rank, condition, method = _triangle(r, projected[:live], max(n, width), transposed=False)
        primal[tall.index[:live]] = solved
        yield Solution(width, primal, None, rank, condition, method)


def _solve_wide(gram: Gram, train: Columns, y: Targets, width: int, block: int) -> Solution:
    """Solve one width with more live columns than samples."""
    n = len(y)
    solved = _cholesky(gram, y)
    if solved is not None:
        return Solution(width, None, solved[0], n, float(np.sqrt(solved[1])), "cholesky")
    rows = np.empty((width, n), order="F")
    for start, stop in segments(0, width, (), block):
        rows[start:stop] = train(start, stop).T
    qr, tau, _ = _qr(rows, None)
    inner, rank, condition, method = _triangle(np.asfortranarray(qr[:n]), y, width, transposed=True)
    padded = np.zeros((width, y.shape[1]), order="F")
    padded[:n] = inner
    return Solution(width, _apply_q(qr, tau, padded, "N"), None, rank, condition, method)


def _solve_ridge(gram: Gram, y: Targets, width: int, penalties: Sequence[float]) -> Solution:
    n = len(y)
    s, u = linalg.eigh(gram, lower=True, driver="evd", check_finite=False)
    s = np.maximum(s, 0.0)
    unit = float(s.sum()) / n or 1.0
    turned = u.T @ y
    shrinks = 1.0 / (s[:, None] + unit * np.asarray(penalties))
    left_out = (u @ (shrinks[:, :, None] * turned[:, None, :]).reshape(n, -1)).reshape(n, len(penalties), -1)
    left_out /= (np.square(u) @ shrinks)[:, :, None]
    chosen = unit * penalties[int(np.square(left_out).sum(axis=(0, 2)).argmin())]
    rank = int((s > max(n, width) * _EPS * s[-1]).sum())
    condition = float(np.sqrt((s[-1] + chosen) / (s[0] + chosen)))
    return Solution(width, None, u @ (turned / (s + chosen)[:, None]), rank, condition, "eigh", chosen)


def _cholesky(gram: Gram, y: Targets) -> tuple[Targets, float] | None:
    """Solve ``K a = y`` from the lower triangle, with the estimated condition of K; None above the limit."""
    try:
        factor = linalg.cholesky(gram, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return None
    inverse = float(lapack.dpocon(factor, _one_norm(gram), uplo="L")[0])
    if not inverse > 1.0 / CHOLESKY_LIMIT:
        return None
    return linalg.cho_solve((factor, True), y, check_finite=False), 1.0 / inverse


def _one_norm(gram: Gram, block: int = BLOCK) -> float:
    """Largest absolute column sum of a symmetric matrix given by its lower triangle."""
    total = np.zeros(len(gram))
    for start in range(0, len(gram), block):
        part = np.abs(gram[start:, start : start + block])
        size = part.shape[1]
        part[:size] = np.tril(part[:size])
        total[start:] += part.sum(axis=1)
        total[start : start + size] += part.sum(axis=0) - np.diagonal(part)
    return float(total.max())


def _triangle(r: Array, b: Array, larger: int, *, transposed: bool) -> tuple[Array, int, float, str]:
    """Minimum-norm solution of ``R c = b`` or ``R^T c = b`` from the upper triangle of ``r``.

    Returns:
        The solution, the rank, the condition and the method.
    """
    inverse = float(lapack.dtrcon(r, norm="1", uplo="U")[0])
    if inverse > 1.0 / QR_LIMIT:
        solved = linalg.solve_triangular(r, b, trans="T" if transposed else "N", check_finite=False)
        return solved, len(r), 1.0 / inverse, "qr"
    system = np.triu(r).T if transposed else np.triu(r)
    solved, _, rank, s = linalg.lstsq(system, b, cond=larger * _EPS, lapack_driver="gelsd", check_finite=False)
    condition = float(s[0] / s[rank - 1]) if rank else float("nan")
    return solved, int(rank), condition, "svd"


def _qr(a: Array, y: Array | None) -> tuple[Array, Array, Array]:
    """Householder QR in place of ``a`` (Fortran order), and ``Q^T y``."""
    work = int(lapack.dgeqrf_lwork(*a.shape)[0])
    qr, tau, _, _ = lapack.dgeqrf(a, lwork=work, overwrite_a=1)
    return qr, tau, qr[:0] if y is None else _apply_q(qr, tau, np.array(y, order="F"), "T")


def _apply_q(qr: Array, tau: Array, b: Array, trans: str) -> Array:
    work = int(lapack.dormqr("L", trans, qr, tau, b, -1)[1][0])
    return lapack.dormqr("L", trans, qr, tau, b, work, overwrite_c=1)[0]


def _checked(columns: Columns, rows: int, name: str) -> Columns:
    """The same features, each block of them refused where it has another shape or numbers that are none."""

    def block(start: int, stop: int) -> Matrix:
        part = columns(start, stop)
        if np.shape(part) != (rows, stop - start):
            raise DataError(
                f"{name}: expected features {start} to {stop} of shape {(rows, stop - start)}, one row a target of y"
                f"{'' if name == 'train' else '_test'}, got {np.shape(part)}."
            )
        part = array_of(part, name)
        all_finite(part, name)
        return part

    return block


def _targets(y: ArrayLike, y_test: ArrayLike) -> tuple[Targets, TestTargets]:
    a, b = numbers(y, "y", high=_SQUARABLE), numbers(y_test, "y_test", high=_SQUARABLE)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise DataError(
            f"y, y_test: expected y (samples, outputs) and y_test (test samples, outputs), got {a.shape} and {b.shape}. "
            "Give one-hot targets, or a column for one output."
        )
    all_finite(a, "y")
    all_finite(b, "y_test")
    return a, b


def _ascending(widths: Sequence[int]) -> list[int]:
    given = list(widths) if np.ndim(widths) == 1 else []
    try:
        out = [count(w, "widths") for w in given]
    except UsageError:
        out = []
    if not out or any(a >= b for a, b in pairwise(out)):
        raise UsageError(
            f"widths: expected ascending widths of at least 1, got {shown(widths)}. Sort them, drop repeats."
        )
    return out
