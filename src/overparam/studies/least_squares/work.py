"""One cell: a least-squares problem with at least as many unknowns as labels, and descent on it in five ways.

The arms: gradient descent; ``overshoot_``, the same with the step 1.9 / |X|^2; ``momentum_``, with the same step and
nine tenths of the last move; ``adam_``; and ``tall_``, gradient descent with half as many unknowns as labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.progress import one_by_one, within
from overparam.studies.rounding import rounded
from overparam.studies.rows import unit

SETTLED = 1e-10  # what is left of the slowest component at the end of a run
MOST_STEPS = 400_000
OVERSHOOT = 1.9  # of 1/|X|^2
MOMENTUM = 0.9
TALL_STEPS = 4_000
ADAM_STEPS, ADAM_RATE = 20_000, 0.01
SHARP = 1e-4  # rates are read while this share of the first residual is left: below, rounding shows


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Run every arm of one cell and compare it with the closed form.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    import numpy as np
    from scipy import linalg

    from overparam.theory.least_squares import descent_residuals, least_squares_descent

    x, y, start = problem(cell)
    top = float(np.linalg.norm(x, 2)) ** 2
    eta = cell["step"] / top
    theory = least_squares_descent(x, y, start, step=eta)
    # an independent solver: a complete orthogonal factorisation, not the singular values of the theory
    closest = start + linalg.lstsq(x, y - x @ start, lapack_driver="gelsy")[0]
    basis = linalg.orth(x.T)
    scale = float(np.linalg.norm(closest - start))
    values: dict[str, Any] = {
        "rank": theory.rank, "unknowns": x.shape[1], "distance_scale": scale,
        "condition": float((theory.singular[0] / theory.singular[-1]) ** 2), "theory_rate": theory.rate,
    }  # fmt: skip

    def ends(name: str, end: Any) -> None:
        off = end - start
        values[f"{name}distance"] = float(np.linalg.norm(end - closest)) / scale
        values[f"{name}outside"] = float(np.linalg.norm(off - basis @ (basis.T @ off))) / scale

    steps = settling(theory.rate)
    values["predicted_steps"], values["settled"] = steps, int(steps <= MOST_STEPS)
    steps = min(steps, MOST_STEPS)
    left = np.linalg.svd(x, full_matrices=False)[0][:, : theory.rank].T
    run = descend(x, y, start, eta, steps, left)
    ends("", run["end"])
    values |= facts(run, theory.rate, scale, len(y), "")
    values |= against(run, descent_residuals(x, y, run["times"], start, step=eta), theory.rate, "")
    values |= {"theory_path_low": theory.path_low / scale, "theory_path_high": theory.path_high / scale}
    report(0.5)
    needed = settling(momentum_rate(eta * np.square(theory.singular), MOMENTUM))
    again = descend(x, y, start, eta, min(round(1.2 * needed), MOST_STEPS), left, momentum=MOMENTUM)
    ends("momentum_", again["end"])
    values |= facts(again, theory.rate, scale, len(y), "momentum_")
    want = descent_residuals(x, y, again["times"], start, step=eta)
    values |= against(again, want, theory.rate, "momentum_")
    values |= lines(run, again, scale)
    values["theory_line"] = descent_residuals(x, y, values["times"], start, step=eta) / run["lengths"][0]
    report(0.75)
    far = descend(x, y, start, OVERSHOOT / top, steps, left)
    ends("overshoot_", far["end"])
    values |= facts(far, theory.rate, scale, len(y), "overshoot_")
    tall = x @ draw(cell, "tall").standard_normal((x.shape[1], max(1, len(y) // 2)))
    first = np.zeros(tall.shape[1])
    rest = descend(tall, y, first, 1 / float(np.linalg.norm(tall, 2)) ** 2, TALL_STEPS, left)
    values["tall_residual"] = rest["lengths"][-1] / rest["lengths"][0]
    values |= adam(x, y, start, ends, within(report, 0.8, 1.0))
    return Outcome({name: rounded(value, 10) for name, value in values.items()})


def draw(cell: Params, purpose: str) -> Any:
    """The random stream of one purpose in a cell."""
    from overparam.data.stream import stream

    return stream(f"least-squares {purpose}", cell["seed"])


def problem(cell: Params) -> tuple[Any, Any, Any]:
    """Inputs, labels and start of a cell, float64, of shapes ``(n, p)``, ``(n,)``, ``(p,)``.

    Digits are a random choice of training images, labelled +1 for an even and -1 for an odd digit; Gaussian inputs
    have 4 n coordinates and normal labels. Normalised inputs have the mean of the whole training set taken out and
    Euclidean norm 1. Features, if any, are ``max(0, w.x + b) / sqrt(features)`` with normal w and b.
    """
    import numpy as np

    from overparam.data import load

    n, rng = cell["n"], draw(cell, "rows")
    if cell["data"] == "gaussian":
        x = load(f"gaussian:n={n},d={4 * n},n_test=1,seed={cell['seed']}").x.astype(np.float64)
        y, middle = draw(cell, "labels").standard_normal(n), np.zeros(4 * n)
    else:
        data = load(cell["data"])
        everything = data.x.reshape(len(data.x), -1).astype(np.float64)
        rows = rng.permutation(len(everything))[:n]
        x, middle = everything[rows], everything.mean(axis=0)
        y = 1.0 - 2.0 * (data.y[rows] % 2)
    if cell["inputs"] == "normalised":
        x = unit(x - middle)
    if cell["features"]:
        lift = draw(cell, "features")
        w, b = lift.standard_normal((x.shape[1], cell["features"])), lift.standard_normal(cell["features"])
        x = np.maximum(x @ w + b, 0.0) / math.sqrt(cell["features"])
    start = draw(cell, "start").standard_normal(x.shape[1]) / math.sqrt(x.shape[1])
    return x, y, start


def settling(rate: float) -> int:
    """Steps until the slowest component is settled, by the closed form.

    >>> settling(0.1)
    10
    """
    return max(1, math.ceil(round(math.log(SETTLED) / math.log(rate), 6))) if 0 < rate < 1 else 1


def momentum_rate(strengths: Any, momentum: float) -> float:
    """Factor by which the error of the heavy ball shrinks a step, in the long run: the largest root's modulus.

    The error of a component obeys ``e'' = (1 + m - eta s^2) e' - m e``.

    Args:
        strengths: ``eta s_j^2``, shape ``(rank,)``.
        momentum: m, from 0 to 1.

    >>> import numpy as np
    >>> momentum_rate(np.array([0.5]), 0.0), momentum_rate(np.array([1.0]), 0.81)
    (0.5, 0.9)
    """
    import numpy as np

    middle = 0.5 * (1.0 + momentum - strengths)
    roots = (
        middle + np.sqrt(np.square(middle) - momentum + 0j),
        middle - np.sqrt(np.square(middle) - momentum + 0j),
    )
    return float(round(np.abs(roots).max(), 15))


def descend(
    x: Any, y: Any, start: Any, eta: float, steps: int, left: Any, momentum: float = 0.0
) -> dict[str, Any]:
    """Gradient descent, really run, in float64.

    Args:
        x: shape ``(n, p)``.
        y: shape ``(n,)``.
        start: shape ``(p,)``.
        eta: step.
        steps: how many.
        left: left singular vectors as rows, ``(rank, n)``: overshoot is read in their coordinates.
        momentum: share of the last move that is added to a move.

    Returns:
        The end; at times 0, 1, 1.4, 2, ... the length of the residual, the path so far and the last component; the
        largest ratio of successive residuals while a share ``SHARP`` is left; the largest overshoot of a component.
    """
    import numpy as np

    theta, move, path = start.copy(), np.zeros_like(start), 0.0
    marks = sorted({0, steps, *(round(2 ** (k / 2)) for k in range(60) if 2 ** (k / 2) < steps)})
    wanted = set(marks)
    r = x @ theta - y
    first, last_length = float(np.linalg.norm(r)), float(np.linalg.norm(r))
    initial = left @ r
    towards = 1.0 / np.where(initial == 0, math.inf, initial)
    lengths, paths, slow, ratio, least = [first], [0.0], [1.0], 0.0, np.ones(len(left))
    for t in range(1, steps + 1):
        move = momentum * move - eta * (r @ x)
        theta += move
        path += math.sqrt(move @ move)
        r = x @ theta - y
        length = math.sqrt(r @ r)
        share = (left @ r) * towards
        np.minimum(least, share, out=least)
        if last_length > SHARP * first:
            ratio = max(ratio, length / last_length)
        last_length = length
        if t in wanted:
            lengths.append(length)
            paths.append(path)
            slow.append(float(share[-1]))
    return {
        "end": theta, "times": marks, "lengths": np.array(lengths), "paths": np.array(paths),
        "slow": np.array(slow), "ratio": ratio, "overshoot": float(max(0.0, -least.min())), "path": path,
    }  # fmt: skip


def lines(run: dict[str, Any], other: dict[str, Any], scale: float) -> dict[str, Any]:
    """Residuals and path over the times that all seeds share: all but the last one, None where a run had ended."""
    times, first = run["times"][:-1], run["lengths"][0]
    found = dict(zip(other["times"][:-1], other["lengths"][:-1], strict=True))
    return {
        "times": times,
        "residual_line": run["lengths"][:-1] / first,
        "momentum_line": [found[t] / first if t in found else None for t in times],
        "path_line": run["paths"][:-1] / scale,
    }


def facts(run: dict[str, Any], rate: float, scale: float, n: int, name: str) -> dict[str, Any]:
    """What is judged of a run: residual, path over sqrt(n) distances, overshoot, and the excess of its contraction."""
    return {
        f"{name}residual": run["lengths"][-1] / run["lengths"][0],
        f"{name}path": run["path"] / scale,
        f"{name}path_share": run["path"] / scale / math.sqrt(n),
        f"{name}overshoot": run["overshoot"],
        f"{name}excess": run["ratio"] / rate - 1.0,
    }


def against(run: dict[str, Any], want: Any, rate: float, name: str) -> dict[str, Any]:
    """Largest relative distance from the closed form, of the residual and of the slowest component's rate."""
    import numpy as np

    sharp = run["lengths"] > SHARP * run["lengths"][0]
    gap = np.abs(np.log(run["lengths"][sharp] / want[sharp])).max()
    at = np.array([t > 0 and rate**t > SHARP for t in run["times"]])
    logs = np.log(np.maximum(np.abs(run["slow"]), 1e-300))[at] / (np.array(run["times"])[at] * math.log(rate))
    return {f"{name}gap": float(gap), f"{name}slow_gap": float(np.abs(logs - 1).max()) if at.any() else 0.0}


def adam(x: Any, y: Any, start: Any, ends: Any, report: Progress) -> dict[str, Any]:
    """Adam with a cosine schedule, in float64: how much of the residual is left; its end goes to ``ends``."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    with jax.enable_x64(True):
        inputs, labels = jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64)
        method = optax.adam(optax.cosine_decay_schedule(ADAM_RATE, ADAM_STEPS))

        def step(_: Any, both: Any) -> Any:
            theta, state = both
            moves, state = method.update((inputs @ theta - labels) @ inputs, state)
            return optax.apply_updates(theta, moves), state

        theta = jnp.asarray(start, jnp.float64)
        theta, _ = jax.jit(lambda both: jax.lax.fori_loop(0, ADAM_STEPS, step, both))(
            (theta, method.init(theta))
        )
        end = np.asarray(theta)
    report(1.0)
    ends("adam_", end)
    first = float(np.linalg.norm(x @ start - y))
    return {"adam_residual": float(np.linalg.norm(x @ end - y)) / first}


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core; the number of steps is guessed from the sort of inputs."""
    n = cell["n"]
    p = cell["features"] or (4 * n if cell["data"] == "gaussian" else 64)
    steps = 5.0 * n if cell["data"] == "gaussian" else (20.0 if cell["inputs"] == "normalised" else 50.0) * n**2
    steps *= 10.0 if cell["features"] and cell["data"] == "gaussian" else 1.0
    steps = min(MOST_STEPS, steps / min(cell["step"], 1.0))
    return Estimate(0.4 + 3 * steps * (1.5e-5 + n * p * 1e-9) + ADAM_STEPS * n * p * 6e-10, 3e8 + 64.0 * n * p)
