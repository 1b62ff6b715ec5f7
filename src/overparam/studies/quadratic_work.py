"""The work of quadratic: minima of two-layer networks of squares, escape from their saddles, and the mean-field limit.

The network is ``f(x) = sum_l v_l (w_l . x)^2`` with fixed signs v, the loss ``F = (1/2n) sum_i (f(x_i) - y_i)^2``. With
``S = (1/n) sum_i (f(x_i) - y_i) x_i x_i^T`` the gradient of unit l is ``2 v_l S w_l``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import linalg, optimize

from overparam.core import Params, Progress, within
from overparam.data.stream import stream

STARTS_AT = 0.3  # standard deviation of the first weights
KICK = 1e-6  # size of what is added to the idle units of a saddle
ROOM = (30.0, 1000.0)  # growth is read where they are so many times as large as at first
FLAT = 1e-7  # |gradient| / (1 + |W|) from which on a point counts as critical
POINTS = 40  # of a loss curve
FLOOR = 1e-15  # excess loss that is drawn for less


def signs(width: int, kind: str) -> Any:
    """Output weights: all +1, or +1 and -1 in turn.

    >>> signs(3, "plus").tolist(), signs(3, "both").tolist()
    ([1.0, 1.0, 1.0], [1.0, -1.0, 1.0])
    """
    return np.ones(width) if kind == "plus" else np.where(np.arange(width) % 2 == 0, 1.0, -1.0)


def pull(w: Any, v: Any, x: Any, y: Any) -> tuple[float, Any]:
    """Loss and S at weights ``(units, inputs)``."""
    r = ((x @ w.T) ** 2) @ v - y
    return float(0.5 * np.mean(r * r)), (x * r[:, None]).T @ x / len(y)


def descend(w: Any, v: Any, x: Any, y: Any, steps: int) -> tuple[Any, float, float]:
    """A critical point by a quasi-Newton method: weights, loss, and gradient over ``1 + |W|``."""

    def value(flat: Any) -> tuple[float, Any]:
        at = flat.reshape(w.shape)
        loss, s = pull(at, v, x, y)
        return loss, (2 * v[:, None] * (at @ s)).ravel()

    found = optimize.minimize(
        value, w.ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 0.0, "gtol": 1e-11, "maxcor": 30},
    )  # fmt: skip
    end = found.x.reshape(w.shape)
    loss, slope = value(found.x)
    return end, loss, float(np.linalg.norm(slope) / (1 + np.linalg.norm(end)))


def settle(w: Any, v: Any, x: Any, y: Any, steps: int) -> tuple[Any, float, float, float]:
    """Descent past further saddles: weights, loss, gradient over ``1 + |W|``, and lowest over largest curvature at its end.

    Where the curvature is below -1e-6 of the largest it goes on from a step of ``1e-3 (1 + |W|)`` along the direction of the
    lowest, to the lower side, at most 20 times.
    """
    for _ in range(21):
        w, loss, flat = descend(w, v, x, y, steps)
        values, directions = np.linalg.eigh(hessian(w, v, x, y))
        lowest = float(values[0] / values[-1])
        if lowest >= -1e-6:
            break
        step = 1e-3 * (1 + float(np.linalg.norm(w))) * directions[:, 0].reshape(w.shape)
        w = min((w + step, w - step), key=lambda one: pull(one, v, x, y)[0])
    return w, loss, flat, lowest


def least_loss(x: Any, y: Any, kind: str) -> float:
    """The least loss of any width, by a convex problem.

    With both signs over all symmetric matrices, by least squares; with signs +1 over those without a negative eigenvalue, by
    projected descent with momentum until the gap is 1e-12 of the loss of answering zero. The gap: with g the loss as a function
    of M and G its gradient, ``g(M*) >= g(M) - <G, M> + min(0, lambda_min(G)) tr M*``; the trace of M* is taken to be at most
    twice that of M.
    """
    d = x.shape[1]
    rows, cols = np.triu_indices(d)
    features = x[:, rows] * x[:, cols] * np.where(rows == cols, 1.0, 2.0)
    if kind == "both":
        left = y - features @ linalg.lstsq(features, y)[0]
        return float(0.5 * np.mean(left * left))
    flat = (x[:, :, None] * x[:, None, :]).reshape(len(y), -1)
    smooth = np.linalg.norm(flat, 2) ** 2 / len(y)
    m, ahead, momentum = np.zeros(d * d), np.zeros(d * d), 1.0
    best = 0.5 * float(np.mean(y * y))
    for step in range(200_000):
        slope = flat.T @ (flat @ ahead - y) / len(y)
        values, vectors = np.linalg.eigh((ahead - slope / smooth).reshape(d, d))
        new = ((vectors * np.maximum(values, 0.0)) @ vectors.T).ravel()
        later = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        if (ahead - new) @ (new - m) > 0:  # the momentum points uphill: start it anew
            later, ahead = 1.0, new
        else:
            ahead = new + (momentum - 1) / later * (new - m)
        m, momentum = new, later
        if step % 50 == 0:
            r = flat @ m - y
            best = min(best, 0.5 * float(r @ r) / len(y))
            g = flat.T @ r / len(y)
            lowest = float(np.linalg.eigvalsh(g.reshape(d, d))[0])
            gap = float(g @ m) - min(0.0, lowest) * 2 * max(float(np.trace(m.reshape(d, d))), 1.0)
            if gap <= 1e-12 * max(0.5 * float(np.mean(y * y)), 1e-300):
                break
    return best


def landscape(cell: Params, kind: str, n: int, progress: Progress) -> dict[str, Any]:
    """Ends of descent from random starts at every width, over the least loss of any width."""
    x, y = examples(cell, kind, n)
    rng = stream(f"quadratic starts {kind} {n}", cell["seed"])
    lowest, zero = least_loss(x, y, kind), 0.5 * float(np.mean(y * y))
    excess, share, trapped = [], [], []
    for place, width in enumerate(cell["width"]):
        v, ends = signs(width, kind), []
        for _ in range(cell["starts"]):
            start = STARTS_AT * rng.standard_normal((width, x.shape[1]))
            _, loss, flat = descend(start, v, x, y, cell["steps"])
            ends.append(((loss - lowest) / zero, flat))
        over = [one for one, _ in ends]
        excess.append(max(*over, FLOOR))
        share.append(float(np.mean([one <= cell["tolerance"] for one in over])))
        bad = [one > min(over) + cell["tolerance"] and flat <= FLAT for one, flat in ends]
        trapped.append(float(np.mean(bad)))
        progress((place + 1) / len(cell["width"]))
    sure = next((w for i, w in enumerate(cell["width"]) if min(share[i:]) == 1.0), None)
    return {"excess": excess, "share": share, "trapped": trapped, "needed": sure, "least": lowest / zero}


def examples(cell: Params, kind: str, n: int) -> tuple[Any, Any]:
    """Gaussian inputs, and normal labels that do not depend on them.

    Where all output weights are +1 the labels get ``|x|^2 / sqrt(2 d)`` on top: negative labels alone would be answered
    by one or two units.
    """
    d, rng = cell["d"], stream(f"quadratic examples {n}", cell["seed"])
    x = rng.standard_normal((n, d))
    y = rng.standard_normal(n)
    return x, y + (x**2).sum(axis=1) / math.sqrt(2 * d) if kind == "plus" else y


def hessian(w: Any, v: Any, x: Any, y: Any) -> Any:
    """Second derivatives of the loss in all weights, ``(units inputs, units inputs)``."""
    k, d = w.shape
    _, s = pull(w, v, x, y)
    slopes = (2 * v[None, :, None] * (x @ w.T)[:, :, None] * x[:, None, :]).reshape(len(y), k * d)
    found = slopes.T @ slopes / len(y)
    for unit in range(k):
        at = slice(unit * d, (unit + 1) * d)
        found[at, at] += 2 * v[unit] * s
    return found


def escape(cell: Params, n: int) -> dict[str, Any]:
    """A critical point of a narrow network with idle units added: its curvature, and how fast descent leaves it.

    Idle units (weights zero) obey ``w <- w - 2 rate v S w`` near it, so they grow like ``(1 + 2 rate mu)^t`` with
    ``mu = max(lambda_max(S), -lambda_min(S))`` where both signs are idle.
    """
    x, y = examples(cell, "both", n)
    d, rng = cell["d"], stream("quadratic saddle", cell["seed"])
    narrow = signs(2, "both")
    w, loss, flat = descend(STARTS_AT * rng.standard_normal((2, d)), narrow, x, y, cell["steps"])
    v = signs(2 * d, "both")
    wide = np.zeros((2 * d, d))
    wide[:2] = w
    _, s = pull(wide, v, x, y)
    values = np.linalg.eigvalsh(s)
    mu = float(max(values[-1], -values[0]))
    curves = np.linalg.eigvalsh(hessian(wide, v, x, y))
    rate = 0.5 / float(curves[-1])
    lowest = least_loss(x, y, "both")
    zero = 0.5 * float(np.mean(y * y))
    wide[2:] += KICK * rng.standard_normal((2 * d - 2, d))
    sizes, first = [], float(np.linalg.norm(wide[2:], 2))
    for _ in range(cell["escape_steps"]):
        sizes.append(float(np.linalg.norm(wide[2:], 2)))
        if sizes[-1] > 3 * ROOM[1] * first:
            break
        _, s_now = pull(wide, v, x, y)
        wide = wide - 2 * rate * v[:, None] * (wide @ s_now)
    at = [i for i, one in enumerate(sizes) if ROOM[0] * first <= one <= ROOM[1] * first]
    grown = np.polyfit(at, np.log([sizes[i] for i in at]), 1)[0] if len(at) > 2 else np.nan
    _, after, level, best = settle(wide, v, x, y, cell["steps"])
    return {
        "saddle_flat": flat, "saddle_excess": (loss - lowest) / zero, "escaped_excess": max((after - lowest) / zero, FLOOR),
        "saddle_curvature": float(curves[0] / curves[-1]), "curvature_over_law": float(-curves[0] / (2 * mu)),
        "minimum_curvature": best, "escaped_flat": level,
        "growth_off": abs(float(grown / np.log1p(2 * rate * mu)) - 1.0),
    }  # fmt: skip


def limit_curve(targets: Any, spread: float, times: Any) -> Any:
    """Eigenvalues of the mean-field limit over time, shape ``(times, inputs)``: logistic curves.

    ``d lambda/dt = 8 (a - lambda) lambda`` from ``spread^2``: ``a / (1 + (a/spread^2 - 1) exp(-8 a t))``, and
    ``spread^2 / (1 + 8 spread^2 t)`` for a = 0.

    >>> limit_curve([1.0], 0.5, np.array([0.0, 100.0])).round(6).ravel().tolist()
    [0.25, 1.0]
    """
    a, t, first = np.asarray(targets, float)[None, :], np.asarray(times, float)[:, None], spread**2
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = a / (1 + (a / first - 1) * np.exp(-8 * a * t))
    return np.where(a > 0, grown, first / (1 + 8 * first * t))


def mean_field(cell: Params, progress: Progress) -> dict[str, Any]:
    """Loss curves over the width beside two limits in closed form, and their largest distances from the mean-field limit.

    The eigenvalues of the target are symmetric about 1/2, so that both scalings and both limits start at one loss.
    """
    d, seed, rate = cell["inputs"], cell["seed"], cell["rate"]
    targets = np.linspace(0.0, 1.0, d)
    turn = np.linalg.qr(stream("quadratic teacher", seed).standard_normal((d, d)))[0]
    teacher = (turn * targets) @ turn.T
    steps = max(1, round(cell["horizon"] / rate))
    every = max(1, steps // POINTS)
    times = rate * every * np.arange(steps // every + 1)
    limit = ((limit_curve(targets, 1.0, times) - targets) ** 2).sum(axis=1)
    found: dict[str, Any] = {
        "units": list(cell["units"]), "time": times, "limit_loss": limit,
        "lazy_limit_loss": (targets**2).sum() * np.exp(-16 * times),
    }  # fmt: skip
    runs = (("gap", "mean_field", 0), ("sgd_gap", "mean_field", cell["batch"]), ("lazy_gap", "root", 0))
    ends = {min(cell["units"]): "narrow", max(cell["units"]): "wide"}
    for place, m in enumerate(cell["units"]):
        for name, scaling, batch in runs:
            curve = train_units(teacher, m, scaling, rate, steps, every, seed, batch)
            found.setdefault(name, []).append(float(np.max(np.abs(curve / limit - 1.0))))
            if m in ends and name != "sgd_gap":
                found[f"{ends[m]}_{name.replace('gap', 'loss')}"] = curve
        progress((place + 1) / len(cell["units"]))
    return found


def train_units(
    teacher: Any, m: int, scaling: str, rate: float, steps: int, every: int, seed: int, batch: int = 0
) -> Any:
    """Losses over all inputs of one network in training, at every so many steps.

    The output is ``(1/m) sum_j (w_j . x)^2`` and the step m times the rate (``mean_field``); or ``(1/sqrt m) sum_j +-(w_j .
    x)^2`` with the rate as step, from output zero: half of the units are copies (``root``). A constant is added to the
    output that is the best one at each time. The inputs are Gaussian, and half of the mean squared residual over all of
    them is ``|M - A|_F^2``, exactly; its gradient is used, or with a batch that of so many fresh examples.
    """
    d = len(teacher)
    rng = stream(f"quadratic units {m} {scaling}", seed)
    if scaling == "mean_field":
        w, v, out, step = rng.standard_normal((m, d)), np.ones(m), 1.0 / m, rate * m
    else:
        w = np.repeat(rng.standard_normal(((m + 1) // 2, d)), 2, axis=0)
        v, out, step = signs(len(w), "both"), len(w) ** -0.5, rate
    losses = []
    for t in range(steps + 1):
        gap = out * (w.T * v) @ w - teacher
        if t % every == 0:
            losses.append(float((gap**2).sum()))
        if t == steps:
            break
        pulled = 2 * gap
        if batch:
            x = rng.standard_normal((batch, d))
            r = np.einsum("bi,ij,bj->b", x, gap, x) - np.trace(gap)
            pulled = (x * r[:, None]).T @ x / batch
        w = w - step * 2 * out * v[:, None] * (w @ pulled)
    return np.array(losses)


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """All parts of one cell."""
    d, widths = cell["d"], tuple(cell["width"])
    found: dict[str, Any] = {"width": list(widths)}
    gathered: dict[str, list[Any]] = {}
    parts = [
        (prefix, n, kind)
        for prefix, n in (("", cell["n"]), ("many_", cell["many"]))
        for kind in ("both", "plus")
    ]
    for place, (prefix, n, kind) in enumerate(parts):
        told = within(progress, 0.17 * place, 0.17 * (place + 1))
        part = landscape(cell, kind, n, told)
        found |= {
            f"{prefix}{kind}_{name}": part[name] for name in ("excess", "share", "trapped", "needed", "least")
        }
        asked = {"both": 2 * d} if kind == "both" else {"plus": d, "root": math.isqrt(2 * n - 1) + 1}
        for name, least in asked.items():
            gathered.setdefault(f"{name}_asked", []).append(least)
            beyond = [one for k, one in zip(widths, part["excess"], strict=True) if k >= least]
            gathered.setdefault(f"{name}_beyond", []).extend(beyond)
        gathered.setdefault(f"{kind}_first", []).append(part["excess"][0])
        if kind == "both":
            gathered.setdefault("needed_over", []).append(
                None if part["needed"] is None else part["needed"] / (2 * d)
            )
            gathered.setdefault("traps", []).append(max(part["trapped"]))
            for name, one in escape(cell, n).items():
                gathered.setdefault(name, []).append(one)
    return found | gathered | mean_field(cell, within(progress, 0.68, 1.0))
