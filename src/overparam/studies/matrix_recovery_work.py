"""One cell of matrix-recovery: ranks, successes and a certified run for every number of columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from overparam.core import Params, Progress, each_cell
from overparam.data import load
from overparam.data.stream import stream
from overparam.theory.matrix_recovery import burer_monteiro_rank, local_dimension, local_fit, local_rank
from overparam.theory.matrix_recovery_certificate import certify_recovery

NEAR = 0.05  # length of the change of the labels over that of the values at the start
DONE, DONE_PROVED = 1e-6, 1e-8  # of the first residual
PERCENTS, KEPT = (10, 25, 50), ("left", "distance", "path", "excess")  # as in matrix_recovery.py
LOOK = 500  # steps between two looks at whether a run still gains


@each_cell(digits=10)
def solve(cell: Params, progress: Progress) -> dict[str, Any]:
    """Every number of columns: ranks at the start, successes, a certified run; then the columns needed."""
    d, ranks, multiples, steps = cell["d"], cell["rank"], cell["multiple"], cell["steps"]
    most, sizes = round(d * max(*multiples, 0, 1 + max(ranks))), [round(d * k) for k in multiples]
    a = load(f"gaussian:n={most},d={d * d},n_test=1,seed={cell['seed']}").x.astype(np.float64).reshape(-1, d, d)
    rng = stream("matrix-recovery", cell["seed"])
    gaussian, diagonal = (0.5 * (a + a.transpose(0, 2, 1))).reshape(most, -1), (a * np.eye(d)).reshape(most, -1)
    found: dict[str, list[Any]] = {}
    solved: dict[str, list[list[bool]]] = {"near_": [], "any_": [], "diagonal_": []}
    for done, r in enumerate(ranks):
        count = local_dimension(d, r)
        starts = [orthonormal(rng, d, r) for _ in range(cell["trials"])]
        u = starts[0]
        own = {"dimension": count, "entries": d * r, "theory_unit": 1.0, "theory_printed_share": d * r / count}
        own |= transition(gaussian, r, count, u) | {"predicted_steps": 0}
        for percent in PERCENTS:
            some = gaussian[: max(1, math.floor(percent / 100 * d * r))]
            s = np.linalg.svd(jacobian(some, u), compute_uv=False)  # kappa^2 log(1e6) steps in the linear model
            asked = math.ceil((s[0] / max(s[-1], 1e-12 * s[0])) ** 2 * math.log(1 / DONE))
            own["predicted_steps"] = max(asked, own["predicted_steps"])
            for labels, allowed in (("near_", steps), ("any_", steps), ("infeasible_", 300)):
                hits = [succeeds(*labelled(labels, some, v, rng), v, allowed) for v in starts]
                own[f"{labels}{percent}"] = sum(hits)
        own |= proved(gaussian, max(1, math.floor(0.5 * d * r)), count + max(2, count // 10), u, rng)
        for labels, table in solved.items():
            halves = diagonal if labels == "diagonal_" else gaussian
            table.append([succeeds(*labelled(labels, halves[:n], u, rng), u, steps) for n in sizes])
        for name, value in own.items():
            found.setdefault(name, []).append(value)
        progress((done + 1) / len(ranks))
    needed = {f"{labels}boundary": [boundary(ranks, hits) for hits in zip(*table, strict=True)]
              for labels, table in solved.items()}  # fmt: skip
    local = [local_rank(n, d) if 2 * k <= d + 1 else None for n, k in zip(sizes, multiples, strict=True)]
    return {"rank": ranks, "multiple": multiples, **found, **needed, "theory_printed": multiples, "theory_local": local,
            "theory_landscape": [burer_monteiro_rank(n) for n in sizes]}  # fmt: skip


def boundary(ranks: tuple[int, ...], hits: tuple[bool, ...]) -> int | None:
    """Smallest number of columns from which descent succeeds at all that were tried; None if it fails at the last."""
    return min((r for i, r in enumerate(ranks) if all(hits[i:])), default=None)


def orthonormal(rng: Any, d: int, r: int) -> Any:
    """A start with all singular values 1: uniform orthonormal columns (rows, where there are more columns)."""
    q, s = np.linalg.qr(rng.standard_normal((max(d, r), min(d, r))))
    q = q * np.sign(np.diag(s))
    return q if d >= r else q.T


def jacobian(halves: Any, u: Any) -> Any:
    """``vec((A_i + A_i^T) U)`` as rows; ``halves`` are the symmetric parts of the A_i as rows."""
    return 2.0 * (halves.reshape(-1, len(u), len(u)) @ u).reshape(len(halves), -1)


def labelled(labels: str, halves: Any, u: Any, rng: Any) -> tuple[Any, Any]:
    """Matrices and labels: a random direction (any_), or near the values at the start, one of them out of reach."""
    infeasible = labels == "infeasible_"
    halves = np.concatenate([np.eye(len(u)).reshape(1, -1), halves[1:]]) if infeasible else halves
    values = halves @ (u @ u.T).ravel()
    away = rng.standard_normal(len(values))
    away *= np.linalg.norm(values) / np.linalg.norm(away)
    y = away if labels == "any_" else values + NEAR * away
    y[0] = -1.0 if infeasible else y[0]
    return halves, y


def transition(halves: Any, r: int, count: int, u: Any) -> dict[str, Any]:
    """Where the rank of the Jacobian stops to be the number of labels, over the local count; weak_ with a zero column."""

    def rank(n: int, v: Any) -> int:
        return int(np.linalg.matrix_rank(jacobian(halves[:n], v)))

    near = (*(round(share * count) for share in (0.5, 0.8, 0.9)), count - 1, count, count + 1)
    sizes = {max(1, n) for n in (*near, u.size)}
    ranks, every = {n: rank(n, u) for n in sizes}, rank(u.size, u * (np.arange(r) < r - 1))
    full = max((n for n, k in ranks.items() if n == k), default=0)
    return {"wrong": sum(k != min(n, count) for n, k in ranks.items()), "printed": ranks[u.size] / u.size,
            "transition": full / count, "weak_transition": every / count, "weak_printed": every / u.size}  # fmt: skip


def descend(a: Any, y: Any, u: Any, eta: float, steps: int, goal: float, stalled: float, halve: bool) -> Any:
    """Gradient descent: factor, residual at the end and at the start, path, largest ratio of a step's residuals.

    It stops at ``goal`` of the first residual, or when 500 steps leave more than ``stalled`` of it. With ``halve`` the
    rate is halved whenever the loss would rise.
    """
    r = a @ (u @ u.T).ravel() - y
    first = now = float(np.linalg.norm(r))
    path, ratio, before = 0.0, 0.0, math.inf
    for step in range(steps):
        if now <= goal * first or (step % LOOK == 0 and now > stalled * before):
            break
        before = now if step % LOOK == 0 else before
        move = eta * (2.0 * (r @ a).reshape(len(u), len(u)) @ u)
        left = a @ ((u - move) @ (u - move).T).ravel() - y
        length = math.sqrt(left @ left)
        if halve and not length <= now:
            eta *= 0.5
            continue
        path, ratio = (path, ratio) if halve else (path + float(np.linalg.norm(move)), max(ratio, length / now))
        u, r, now = u - move, left, length
    return u, now, first, path, ratio


def succeeds(halves: Any, y: Any, u: Any, steps: int) -> bool:
    """Whether descent at first at the rate ``1/|J|^2`` leaves a millionth of the first residual; gaining 1 % is asked."""
    top = float(np.linalg.norm(jacobian(halves, u), 2))
    _, now, first, *_ = descend(halves, y, u, 1.0 / top**2 if top else 0.0, steps, DONE, 0.99, halve=True)
    return bool(now <= DONE * first)


def proved(halves: Any, n: int, beyond: int, u: Any, rng: Any) -> dict[str, Any]:
    """Descent at L |r| / sigma^2 = 1/4 on n labels, and on more than the local count, over what one certificate promises.

    It stops where 500 steps shrink the residual less than half as many promised ones: a kept promise never does.
    """
    matrices, values = halves.reshape(-1, len(u), len(u)), halves @ (u @ u.T).ravel()
    away = rng.standard_normal(beyond)
    fit = local_fit(matrices[:n], u, values[:n])
    found: dict[str, Any] = {}
    first = 0.25 * fit.sigma**2 / fit.lipschitz
    promise = certify_recovery(matrices[:n], u, values[:n] + first * away[:n] / np.linalg.norm(away[:n]))
    for run, m in (("proved_", n), ("beyond_", beyond)):
        if not promise.certified:
            found |= {f"{run}certified": 0, **dict.fromkeys(f"{run}{name}" for name in KEPT)}
            continue
        y = values[:m] + first * away[:m] / np.linalg.norm(away[:m])
        steps, stalled = math.ceil(math.log(DONE_PROVED) / math.log(promise.rate)), promise.rate ** (LOOK / 2)
        end, now, start, path, ratio = descend(
            halves[:m], y, u, promise.step, steps, DONE_PROVED, stalled, False
        )
        away_from = float(np.linalg.norm(end - u))
        kept = (now / start, away_from / promise.distance, path / promise.distance, ratio / promise.rate - 1)
        found |= {f"{run}certified": 1, **{f"{run}{name}": v for name, v in zip(KEPT, kept, strict=True)}}
    return found
