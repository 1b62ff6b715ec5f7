"""One cell: matrix recovery at every number of columns r: ranks at the start, and gradient descent from it.

Arms of the labels: ``near_``, the values at the start plus a twentieth of their length in a random direction;
``any_``, a random direction of the values' length; ``infeasible_``, as near_, but the first matrix is the identity with
the label -1, which no factor can reach; ``diagonal_``, as near_ with diagonal matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.progress import one_by_one
from overparam.studies.rounding import rounded

NEAR = 0.05  # length of the change of the labels over that of the values at the start
DONE = 1e-6  # of the first residual: success
DONE_PROVED = 1e-8
LOOK, STALLED = 500, 0.99  # a run that keeps this share of its residual over so many steps is given up
IN_VAIN = 300  # steps towards labels that no factor reaches: no number of steps would do
PROVED_H = 0.25
FRACTIONS = (0.1, 0.25, 0.5)  # of d r: labels at which success is counted
AROUND = (
    0.5,
    0.8,
    0.9,
)  # of the local dimension: labels at which the rank is counted, besides those next to it


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


@dataclass(frozen=True)
class Problem:
    """Matrices as rows, symmetric parts of A_i, and labels; ``d`` rows of U."""

    halves: Any
    y: Any
    d: int

    def values(self, u: Any) -> Any:
        """``<A_i, U U^T>``."""
        return self.halves @ (u @ u.T).ravel()

    def pull(self, r: Any, u: Any) -> Any:
        """Gradient ``J^T r`` as a matrix of U's shape."""
        return 2.0 * (r @ self.halves).reshape(self.d, self.d) @ u

    def jacobian(self, u: Any) -> Any:
        """``vec((A_i + A_i^T) U)`` as rows."""
        return 2.0 * (self.halves.reshape(-1, self.d, self.d) @ u).reshape(len(self.halves), -1)


def solve(cell: Params, report: Progress) -> Outcome:
    """Measure every number of columns of one cell.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream
    from overparam.theory.matrix_recovery import burer_monteiro_rank, local_dimension, local_rank

    d, ranks, multiples = cell["d"], cell["rank"], cell["multiple"]
    most = round(d * max(*multiples, 0, 1 + max(ranks)))
    a = load(f"gaussian:n={most},d={d * d},n_test=1,seed={cell['seed']}").x.astype(np.float64).reshape(-1, d, d)
    rng = stream("matrix-recovery", cell["seed"])
    gaussian = (0.5 * (a + a.transpose(0, 2, 1))).reshape(most, -1)
    diagonal = (a * np.eye(d)).reshape(most, -1)
    lines: dict[str, list[Any]] = {"rank": list(ranks)}
    solved: dict[str, list[list[bool]]] = {"near_": [], "any_": [], "diagonal_": []}

    for done, r in enumerate(ranks):
        dimension = local_dimension(d, r)
        found: dict[str, Any] = {"dimension": dimension, "entries": d * r}
        starts = [orthonormal(rng, d, r) for _ in range(cell["trials"])]
        found |= transition(gaussian, d, r, dimension, starts[0])
        found["predicted_steps"] = 0
        for fraction in FRACTIONS:
            n = max(1, math.floor(fraction * d * r))
            asked = asked_steps(Problem(gaussian[:n], None, d).jacobian(starts[0]))
            found["predicted_steps"] = max(asked, found["predicted_steps"])
            for arm in ("near_", "any_", "infeasible_"):
                most_steps = IN_VAIN if arm == "infeasible_" else cell["steps"]
                hits = [succeeds(labelled(arm, gaussian[:n], d, u, rng), u, most_steps) for u in starts]
                found[f"{arm}{round(100 * fraction)}"] = sum(hits)
        extra = dimension + max(2, dimension // 10)
        found |= proved(gaussian, max(1, math.floor(0.5 * d * r)), extra, starts[0], rng)
        for arm, one in solved.items():
            halves = diagonal if arm == "diagonal_" else gaussian
            sizes = [round(d * k) for k in multiples]
            one.append(
                [
                    succeeds(labelled(arm, halves[:n], d, starts[0], rng), starts[0], cell["steps"])
                    for n in sizes
                ]
            )
        for name, value in found.items():
            lines.setdefault(name, []).append(rounded(value, 10))
        report((done + 1) / len(ranks))
    lines["multiple"] = list(multiples)
    for arm, table in solved.items():
        lines[f"{arm}boundary"] = [boundary(ranks, column) for column in zip(*table, strict=True)]
    lines["theory_printed"] = [float(k) for k in multiples]
    lines["theory_local"] = [local_rank(round(d * k), d) if 2 * k <= d + 1 else None for k in multiples]
    lines["theory_landscape"] = [burer_monteiro_rank(round(d * k)) for k in multiples]
    lines["theory_unit"] = [1.0] * len(ranks)
    lines["theory_printed_share"] = [d * r / local_dimension(d, r) for r in ranks]
    return Outcome(lines)


def orthonormal(rng: Any, d: int, r: int) -> Any:
    """A start with all singular values 1: uniform orthonormal columns (rows, where there are more columns)."""
    import numpy as np

    q, s = np.linalg.qr(rng.standard_normal((max(d, r), min(d, r))))
    q = q * np.sign(np.diag(s))
    return q if d >= r else q.T


def labelled(arm: str, halves: Any, d: int, u: Any, rng: Any) -> Problem:
    """The labels of an arm; see the file's head."""
    import numpy as np

    if arm == "infeasible_":
        halves = halves.copy()
        halves[0] = np.eye(d).ravel()
    values = halves @ (u @ u.T).ravel()
    away = rng.standard_normal(len(values))
    away *= np.linalg.norm(values) / np.linalg.norm(away)
    y = away if arm == "any_" else values + NEAR * away
    if arm == "infeasible_":
        y[0] = -1.0
    return Problem(halves, y, d)


def transition(halves: Any, d: int, r: int, dimension: int, u: Any) -> dict[str, Any]:
    """Where the rank of the Jacobian at the start stops to be the number of labels, against the local dimension.

    Args:
        halves: matrices, shape ``(most, d d)``.
        d: rows of U.
        r: columns of U.
        dimension: the local dimension.
        u: the start, shape ``(d, r)``.

    Returns:
        ``transition``, the largest number of labels with that rank over the local dimension; ``wrong``, at how many
        sizes the rank is not min(n, dimension); ``printed``, the rank at n = d r over d r; and ``weak_transition`` and
        ``weak_printed`` from a start with its last column set to 0.
    """
    import numpy as np

    sizes = {max(1, round(f * dimension)) for f in AROUND} | {
        max(1, dimension - 1),
        dimension,
        dimension + 1,
        d * r,
    }
    weak = u.copy()
    weak[:, -1] = 0.0
    found: dict[str, float] = {"wrong": 0, "printed": 0.0, "transition": 0.0, "weak_transition": 0.0}
    for n in sorted(sizes):
        problem = Problem(halves[:n], None, d)
        rank = int(np.linalg.matrix_rank(problem.jacobian(u)))
        found["wrong"] += rank != min(n, dimension)
        if rank == n:
            found["transition"] = n / dimension
        if n == d * r:
            found["printed"] = rank / n
    every = int(np.linalg.matrix_rank(Problem(halves[: d * r], None, d).jacobian(weak)))
    return found | {"weak_transition": every / dimension, "weak_printed": every / (d * r)}


def asked_steps(jacobian: Any) -> int:
    """Steps after which the linear model at the start has a millionth of its residual left, ``kappa^2 log(1e6)``.

    >>> import numpy as np
    >>> asked_steps(np.diag([2.0, 1.0]))
    56
    """
    import numpy as np

    s = np.linalg.svd(jacobian, compute_uv=False)
    return math.ceil((float(s[0]) / max(float(s[-1]), 1e-12 * float(s[0]))) ** 2 * math.log(1 / DONE))


def succeeds(problem: Problem, u: Any, steps: int) -> bool:
    """Whether gradient descent leaves at most a millionth of the first residual.

    The step is ``1/|J|^2`` at the start, halved whenever the loss would rise. A run that gains less than a hundredth in
    500 steps has failed.
    """
    import numpy as np

    r = problem.values(u) - problem.y
    first = now = float(np.linalg.norm(r))
    top = float(np.linalg.norm(problem.jacobian(u), 2))
    eta = 1.0 / top**2 if top else 0.0
    before = math.inf
    for step in range(steps):
        if now <= DONE * first:
            return True
        if step % LOOK == 0:
            if now > STALLED * before:
                return False
            before = now
        trial = u - eta * problem.pull(r, u)
        left = problem.values(trial) - problem.y
        length = math.sqrt(left @ left)
        if length <= now:
            u, r, now = trial, left, length
        else:
            eta *= 0.5
    return now <= DONE * first


def proved(halves: Any, n: int, beyond: int, u: Any, rng: Any) -> dict[str, Any]:
    """Descent on labels so close that h is a quarter, against the certified rate, distance and path.

    It runs as long as the certified rate takes to leave 1e-8 of the residual. In the control, ``beyond_``, the same is
    asked of more labels than the local dimension, with the certificate of the n labels.
    """
    import numpy as np

    from overparam.theory.matrix_recovery import local_fit
    from overparam.theory.matrix_recovery_certificate import certify_recovery

    d = u.shape[0]
    matrices = halves.reshape(-1, d, d)
    values = halves @ (u @ u.T).ravel()
    away = rng.standard_normal(beyond)
    fit = local_fit(matrices[:n], u, values[:n])
    first = PROVED_H * fit.sigma**2 / fit.lipschitz
    found: dict[str, Any] = {}
    promise = None
    for arm, size in (("proved_", n), ("beyond_", beyond)):
        y = values[:size] + first * away[:size] / np.linalg.norm(away[:size])
        promise = promise or certify_recovery(matrices[:size], u, y)
        found[f"{arm}certified"] = int(promise.certified)
        found |= promised(Problem(halves[:size], y, d), u, promise, arm)
    return found


def promised(problem: Problem, u: Any, promise: Any, arm: str) -> dict[str, Any]:
    """Descent as a certificate describes it: what is left, and lengths and rate over those promised.

    A run is stopped when 500 steps shrink the residual less than half as many promised ones, on a logarithmic scale:
    one that keeps the promise is not.
    """
    import numpy as np

    if not promise.certified:
        return dict.fromkeys((f"{arm}left", f"{arm}distance", f"{arm}path", f"{arm}excess"))
    start, path, excess = u, 0.0, -1.0
    r = problem.values(u) - problem.y
    first = now = float(np.linalg.norm(r))
    before, stalled = math.inf, promise.rate ** (LOOK / 2)
    for step in range(math.ceil(math.log(DONE_PROVED) / math.log(promise.rate))):
        if now <= DONE_PROVED * first or (step % LOOK == 0 and now > stalled * before):
            break
        before = now if step % LOOK == 0 else before
        move = -promise.step * problem.pull(r, u)
        u, path = u + move, path + float(np.linalg.norm(move))
        r = problem.values(u) - problem.y
        length = math.sqrt(r @ r)
        excess, now = max(excess, length / now / promise.rate - 1), length
    return {
        f"{arm}left": now / first, f"{arm}distance": float(np.linalg.norm(u - start)) / promise.distance,
        f"{arm}path": path / promise.distance, f"{arm}excess": excess,
    }  # fmt: skip


def boundary(ranks: Sequence[int], hits: Sequence[bool]) -> int | None:
    """Smallest number of columns from which descent succeeds at all that were tried; None if it fails at the last.

    >>> boundary((1, 2, 3, 4), (True, False, True, True)), boundary((1, 2), (True, False))
    (3, None)
    """
    found = None
    for r, hit in zip(reversed(ranks), reversed(hits), strict=True):
        if not hit:
            break
        found = r
    return found


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core: matrix products of every step; only few runs take all that are allowed."""
    d, steps = cell["d"], cell["steps"]
    most = max(d * max(cell["multiple"]), 1 + d * max(cell["rank"]))
    each = 2.5e-5 + most * d * d * 4e-10
    runs = len(cell["rank"]) * (len(cell["multiple"]) * 0.6 + 0.3 * cell["trials"] + 6)
    return Estimate(1.0 + runs * 25 * math.sqrt(steps) * each, 3e8 + 60.0 * most * d * d)
