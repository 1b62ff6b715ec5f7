"""One cell of least-squares: a problem with at least as many unknowns as labels, and descent on it in five ways."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import linalg

from overparam.core import Params, Progress, each_cell
from overparam.data import load
from overparam.data.rows import unit_rows
from overparam.data.stream import stream
from overparam.theory.least_squares import descent_residuals, least_squares_descent

SETTLED = 1e-10  # what is left of the slowest component at the end of a run
MOST_STEPS = 400_000
OVERSHOOT = 1.9  # of 1/|X|^2
MOMENTUM = 0.9
TALL_STEPS = 4_000
ADAM_STEPS, ADAM_RATE = 20_000, 0.01
SHARP = 1e-4  # rates are read while this share of the first residual is left: below, rounding shows


@each_cell(digits=10)
def solve(cell: Params, progress: Progress) -> dict[str, Any]:
    """Run every arm of one cell and compare it with the closed form."""
    x, y, start = problem(cell)
    top = float(np.linalg.norm(x, 2)) ** 2
    eta = cell["step"] / top
    theory = least_squares_descent(x, y, start, step=eta)
    # an independent solver: a complete orthogonal factorisation, not the singular values of the theory
    closest = start + linalg.lstsq(x, y - x @ start, lapack_driver="gelsy")[0]
    basis = linalg.orth(x.T)
    scale = float(np.linalg.norm(closest - start))
    left = np.linalg.svd(x, full_matrices=False)[0][:, : theory.rank].T
    needed = settling(theory.rate)
    steps = min(needed, MOST_STEPS)
    values: dict[str, Any] = {
        "rank": theory.rank, "unknowns": x.shape[1], "distance_scale": scale, "theory_rate": theory.rate,
        "condition": float((theory.singular[0] / theory.singular[-1]) ** 2), "predicted_steps": needed,
        "settled": int(needed <= MOST_STEPS), "theory_path_low": theory.path_low / scale,
        "theory_path_high": theory.path_high / scale}  # fmt: skip

    def ends(name: str, end: Any) -> None:
        off = end - start
        values[f"{name}distance"] = float(np.linalg.norm(end - closest)) / scale
        values[f"{name}outside"] = float(np.linalg.norm(off - basis @ (basis.T @ off))) / scale

    def told(name: str, run: dict[str, Any]) -> None:
        ends(name, run["end"])
        found = {
            "residual": run["lengths"][-1] / run["lengths"][0], "path": run["path"] / scale,
            "path_share": run["path"] / scale / math.sqrt(len(y)), "overshoot": run["overshoot"],
            "excess": run["ratio"] / theory.rate - 1.0}  # fmt: skip
        if name != "overshoot_":
            found |= against(run, descent_residuals(x, y, run["times"], start, step=eta), theory.rate)
        values.update({name + key: value for key, value in found.items()})

    run = descend(x, y, start, eta, steps, left)
    told("", run)
    progress(0.5)
    slower = settling(momentum_rate(eta * np.square(theory.singular), MOMENTUM))
    again = descend(x, y, start, eta, min(round(1.2 * slower), MOST_STEPS), left, momentum=MOMENTUM)
    told("momentum_", again)
    values |= lines(run, again, scale)
    values["theory_line"] = descent_residuals(x, y, values["times"], start, step=eta) / run["lengths"][0]
    progress(0.75)
    told("overshoot_", descend(x, y, start, OVERSHOOT / top, steps, left))
    tall = x @ draw(cell, "tall").standard_normal((x.shape[1], max(1, len(y) // 2)))
    rest = descend(tall, y, np.zeros(tall.shape[1]), 1 / float(np.linalg.norm(tall, 2)) ** 2, TALL_STEPS, left)
    values["tall_residual"] = rest["lengths"][-1] / rest["lengths"][0]
    end = adam(x, y, start)
    progress(1.0)
    ends("adam_", end)
    values["adam_residual"] = float(np.linalg.norm(x @ end - y)) / float(np.linalg.norm(x @ start - y))
    return values


def draw(cell: Params, purpose: str) -> Any:
    """The random stream of one purpose in a cell."""
    return stream(f"least-squares {purpose}", cell["seed"])


def problem(cell: Params) -> tuple[Any, Any, Any]:
    """Inputs, labels and start of a cell, float64, of shapes ``(n, p)``, ``(n,)``, ``(p,)``.

    Digits are a random choice of training images, labelled +1 for an even and -1 for an odd digit; Gaussian inputs
    have 4 n coordinates and normal labels. Normalised inputs have the mean of the whole training set taken out and
    Euclidean norm 1. Features, if any, are ``max(0, w.x + b) / sqrt(features)`` with normal w and b.
    """
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
        x = unit_rows(x - middle)
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

    The error of a component obeys ``e'' = (1 + m - eta s^2) e' - m e``; ``strengths`` are ``eta s_j^2``, ``(rank,)``.

    >>> momentum_rate(np.array([0.5]), 0.0), momentum_rate(np.array([1.0]), 0.81)
    (0.5, 0.9)
    """
    middle = 0.5 * (1.0 + momentum - strengths)
    root = np.sqrt(np.square(middle) - momentum + 0j)
    return float(round(np.abs([middle + root, middle - root]).max(), 15))


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
    theta, move, path = start.copy(), np.zeros_like(start), 0.0
    marks = sorted({0, steps, *(round(2 ** (k / 2)) for k in range(60) if 2 ** (k / 2) < steps)})
    wanted = set(marks)
    r = x @ theta - y
    first = last_length = float(np.linalg.norm(r))
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
        "slow": np.array(slow), "ratio": ratio, "overshoot": float(max(0.0, -least.min())), "path": path}  # fmt: skip


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


def against(run: dict[str, Any], want: Any, rate: float) -> dict[str, float]:
    """Largest relative distance from the closed form, of the residual and of the slowest component's rate."""
    sharp = run["lengths"] > SHARP * run["lengths"][0]
    gap = np.abs(np.log(run["lengths"][sharp] / want[sharp])).max()
    at = np.array([t > 0 and rate**t > SHARP for t in run["times"]])
    logs = np.log(np.maximum(np.abs(run["slow"]), 1e-300))[at] / (np.array(run["times"])[at] * math.log(rate))
    return {"gap": float(gap), "slow_gap": float(np.abs(logs - 1).max()) if at.any() else 0.0}


def adam(x: Any, y: Any, start: Any) -> Any:
    """Where Adam with a cosine schedule ends, in float64, shape ``(p,)``."""
    with jax.enable_x64(True):
        inputs, labels = jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64)
        method = optax.adam(optax.cosine_decay_schedule(ADAM_RATE, ADAM_STEPS))

        def step(_: Any, both: Any) -> Any:
            theta, state = both
            moves, state = method.update((inputs @ theta - labels) @ inputs, state)
            return optax.apply_updates(theta, moves), state

        theta = jnp.asarray(start, jnp.float64)
        run = jax.jit(lambda both: jax.lax.fori_loop(0, ADAM_STEPS, step, both))
        return np.asarray(run((theta, method.init(theta)))[0])
