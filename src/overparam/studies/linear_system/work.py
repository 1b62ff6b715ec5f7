"""One cell: Gaussian systems of m equations in n unknowns for every n, with their residuals, ranks and iterations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.studies.progress import one_by_one
from overparam.studies.rounding import rounded

EXACT_DRAWS = (
    16  # right-hand sides solved where a solution exists: the residual is rounding, no average is needed
)


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Measure every size of one cell, plain and in the two control arms.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.

    Raises:
        UsageError: two ratios give the same number of unknowns.
    """
    import numpy as np

    from overparam.data.stream import stream
    from overparam.theory.marchenko1967 import condition, descent_iterations

    m, tolerance = cell["m"], cell["tolerance"]
    sizes = unknowns(m, cell["ratio"])
    b = stream("linear-system", cell["seed"]).standard_normal((m, cell["draws"]))
    lines: dict[str, list[Any]] = {}
    for done, n in enumerate(sizes):
        a = system(cell["data"], m, n, cell["seed"])
        found: dict[str, Any] = {"unknowns": n, "ratio": n / m}
        u, s, vt, rank = decompose(a)
        found |= {
            "rank": rank,
            "solvable": int(rank == m),
            "residual": residual(a, u, s, vt, b if n < m else b[:, :EXACT_DRAWS]),
            "condition": float(s[0] / s[-1]) ** 2,
            "iterations": iterations(s, tolerance),
            "whitened_iterations": iterations(np.linalg.svd(u @ vt, compute_uv=False)[:rank], tolerance),
        }
        half = -(-n // 2)
        copies = np.concatenate([a[:, :half], a[:, : n - half]], axis=1)
        u, s, vt, rank = decompose(copies)
        draws = b if rank < m else b[:, :EXACT_DRAWS]
        found |= {
            "copies_rank": rank,
            "copies_solvable": int(rank == m),
            "copies_residual": residual(copies, u, s, vt, draws),
        }
        kappa = condition(m, n)
        found |= {
            "theory_residual": max(0.0, 1 - n / m),
            "theory_rank": min(m, n),
            "theory_condition": kappa,
            "theory_iterations": descent_iterations(kappa, tolerance),
        }
        for name, value in found.items():
            lines.setdefault(name, []).append(rounded(value))
        report((done + 1) / len(sizes))
    return Outcome(lines)


def unknowns(m: int, ratios: Sequence[float]) -> list[int]:
    """Numbers of unknowns for the ratios n/m, ascending.

    Raises:
        UsageError: two ratios round to one number.

    >>> unknowns(20, (0.1, 1.0, 4.0))
    [2, 20, 80]
    """
    sizes = [max(1, round(ratio * m)) for ratio in ratios]
    if any(a >= b for a, b in pairwise(sizes)):
        raise UsageError(
            f"--ratios: expected ascending ratios that give different numbers of unknowns at m = {m}, "
            f"got {sizes}. Leave some out, or use more equations."
        )
    return sizes


def system(family: str, m: int, n: int, seed: int) -> Any:
    """The matrix A of a family of inputs, float64, shape ``(m, n)``: its rows are the data set's inputs."""
    import numpy as np

    from overparam.data import load

    return load(f"{family}:n={m},d={n},n_test=1,seed={seed}").x.astype(np.float64)


def decompose(a: Any) -> tuple[Any, Any, Any, int]:
    """Singular value decomposition cut at the numerical rank.

    Singular values up to ``max(m, n) * 2.2e-16`` of the largest count as zero.

    Args:
        a: shape ``(m, n)``.

    Returns:
        U of shape ``(m, rank)``, the singular values ``(rank,)``, V^T ``(rank, n)``, and the rank.
    """
    import numpy as np

    u, s, vt = np.linalg.svd(a, full_matrices=False)
    rank = int((s > max(a.shape) * np.finfo(np.float64).eps * s[0]).sum())
    return u[:, :rank], s[:rank], vt[:rank], rank


def residual(a: Any, u: Any, s: Any, vt: Any, b: Any) -> float:
    """Mean over right-hand sides of ``min |Ax - b|^2 / |b|^2``, from 0 to 1, with x really computed.

    Args:
        a: shape ``(m, n)``.
        u: left singular vectors, ``(m, rank)``.
        s: singular values, ``(rank,)``.
        vt: right singular vectors, ``(rank, n)``.
        b: shape ``(m, draws)``.
    """
    x = vt.T @ ((u.T @ b) / s[:, None])
    left = b - a @ x
    return float(((left**2).sum(axis=0) / (b**2).sum(axis=0)).mean())


def iterations(singular: Any, tolerance: float) -> int:
    r"""Steps of gradient descent from zero until the error of x is small, averaged over all right-hand sides.

    With step :math:`\eta = 2/(\sigma_1^2 + \sigma_r^2)` the error along a singular direction is multiplied by
    :math:`1 - \eta\sigma_i^2` a step. For b ~ N(0, I) the solution has variance :math:`\sigma_i^{-2}` there, so the
    squared relative error after t steps, expectations of numerator and denominator, is
    :math:`\sum\sigma_i^{-2}(1-\eta\sigma_i^2)^{2t} / \sum\sigma_i^{-2}`. The smallest t is found by bisection.

    Args:
        singular: nonzero singular values of A, shape ``(rank,)``.
        tolerance: relative error asked for, between 0 and 1.

    Returns:
        A number of steps, at least 1.

    >>> import numpy as np
    >>> iterations(np.array([2.0, 2.0]), 1e-6)  # one step lands on the solution
    1
    """
    import numpy as np

    squared = np.square(np.asarray(singular, dtype=np.float64))
    step = 2.0 / (squared.max() + squared.min())
    weights = 1.0 / squared
    weights /= weights.sum()
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(1.0 - step * squared))

    def small(t: int) -> bool:
        return bool(np.dot(weights, np.exp(2.0 * t * logs)) <= tolerance**2)

    slowest = float(logs.max())
    low, high = 0, 1 if math.isinf(slowest) else max(1, math.ceil(math.log(tolerance) / slowest) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if small(middle) else (middle, high)
    return high


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: three singular value decompositions a size, and the residuals."""
    m = cell["m"]
    sizes = [max(1.0, ratio * m) for ratio in cell["ratio"]]
    decomposed = sum(3 * 30 * min(m, n) ** 2 * max(m, n) for n in sizes)
    solved = sum(8 * m * n * cell["draws"] for n in sizes if n < 2 * m)
    drawn = sum(m * n for n in sizes)
    seconds = 0.05 + (decomposed + solved) / 4.5e10 + drawn * 3e-8
    return Estimate(seconds, 1.5e8 + 8.0 * (8 * m * max(sizes) + 6 * m * cell["draws"]))
