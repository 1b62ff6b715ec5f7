"""The work of local-minima: ends of descent on and off kinks, the rank of features, and a minimum that is proved to be bad.

Networks have one output. The loss is ``F = (1/2n) |r|^2`` with the residual r; with J the Jacobian of the outputs its gradient is
``J^T r / n``, so ``|r| <= |J^T r| / sigma_min(J)`` wherever J has rank n: no critical point there has a residual.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from overparam.core import Params, Progress, UsageError
from overparam.data.stream import stream
from overparam.theory.yun2019 import BadMinimum, bad_minimum
from overparam.training.levenberg_marquardt import levenberg_marquardt

SLOPE = 0.1  # of the leaky relu below 0
NOISE = 0.25  # standard deviation of the factors that stand for dropout
ITERATIONS = 300  # systems solved from one start
FLAT = 1e-8  # |J^T r| over |J| |y| at which a point counts as critical
KINK = 1e-6  # distance to the nearest kink, over the length of the input, below which a point lies on it
REGULAR = 1e-4  # sigma_min(J) / sigma_max(J) from which on J has rank n for sure
LOW = 1e-16  # what is drawn for less
LINE = tuple(i / 40 for i in range(-8, 49))  # places between the minimum, 0, and the end of a random start, 1
KICKS = (0.01, 0.1, 1.0)  # standard deviation of what every parameter is multiplied by, less 1
BUILT = {"few": (8,), "some": (30,), "two layers": (8, 8), "many": (200,), "two wide layers": (30, 30)}


def fitting(cell: Params) -> None:
    """Refuse sizes that do not go together."""
    if cell["n"] < 2 * cell["d"]:
        raise UsageError(
            f"--n, --d: expected at least twice as many samples as inputs, got {cell['n']} and {cell['d']}. Raise --n."
        )
    if cell["built_n"] < cell["built_d"] + 2:
        raise UsageError(
            f"--built-n, --built-d: expected at least two samples more than inputs, got {cell['built_n']} and "
            f"{cell['built_d']}. A linear model fits fewer."
        )
    if max(cell["built"]) > 5:
        raise UsageError(f"--built: expected numbers from 1 to 5, got {list(cell['built'])}.")


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """Everything of one seed."""
    fitting(cell)
    found = leaky_ends(cell)
    progress(0.3)
    found |= wide_layers(cell)
    progress(0.5)
    return found | built_minima(cell, lambda share: progress(0.5 + 0.5 * share))


def examples(cell: Params, what: str, n: int, d: int) -> tuple[Any, Any]:
    """Gaussian inputs ``(n, d)`` and labels +1 and -1 that do not depend on them."""
    rng = stream(f"local-minima {what}", cell["seed"])
    return rng.standard_normal((n, d)), np.where(rng.random(n) < 0.5, -1.0, 1.0)


def leaky(w: Any, v: Any, x: Any, eps: Any) -> tuple[Any, Any]:
    """Outputs ``(n,)`` of ``sum_l v_l eps_il phi(w_l . x_i)`` and their Jacobian by w and v, ``(n, k d + k)``."""
    z = x @ w.T
    slope = np.where(z > 0, 1.0, SLOPE) * eps
    h = slope * z
    first = (slope * v)[:, :, None] * x[:, None, :]
    return h @ v, np.concatenate([first.reshape(len(x), -1), h], axis=1)


def leaky_ends(cell: Params) -> dict[str, Any]:
    """Where a trust region ends from random starts, for several numbers of units, without and with noise like dropout's.

    ``kinks``, ``differentiable``: how many of the starts end on a kink, and at a critical point off all kinks; ``residual``:
    the largest ``|r| / |y|`` of those; ``excess``: the largest ``|r| sigma_min(J) / |J^T r|`` of all; ``errors``: the largest
    share of wrong labels at differentiable critical points of networks with at least as many weights as samples.
    """
    n, d = cell["n"], cell["d"]
    x, y = examples(cell, "ends", n, d)
    rng = stream("local-minima starts", cell["seed"])
    out: dict[str, Any] = {"ratio": list(cell["ratio"])}
    for arm in ("plain", "noise"):
        kinks, critical, residual, excess, wrong = [], [], [], 0.0, []
        for ratio in cell["ratio"]:
            k = max(1, round(ratio * n / d))
            on = off = 0
            largest = LOW
            for _ in range(cell["starts"]):
                eps = np.ones((n, k)) if arm == "plain" else 1 + NOISE * rng.standard_normal((n, k))
                end = trusted(x, y, eps, rng.standard_normal((k, d)) / d**0.5, rng.standard_normal(k) / k**0.5)
                excess = max(excess, end["excess"])
                on += end["kink"]
                if end["critical"] and not end["kink"]:
                    off += 1
                    largest = max(largest, end["residual"])
                    if ratio >= 1:
                        wrong.append(end["wrong"])
            kinks.append(on)
            critical.append(off)
            residual.append(largest if off else None)
        out |= {f"{arm}_kinks": kinks, f"{arm}_critical": critical, f"{arm}_residual": residual, f"{arm}_excess": excess,
                f"{arm}_errors": max(wrong, default=None), f"{arm}_points": len(wrong)}  # fmt: skip
    few = [at for at, ratio in enumerate(cell["ratio"]) if ratio <= 1]
    out["narrow_kinks"] = sum(out["plain_kinks"][at] for at in few)
    out["narrow_starts"] = cell["starts"] * len(few)
    return out


def trusted(x: Any, y: Any, eps: Any, w: Any, v: Any) -> dict[str, Any]:
    """The end of Levenberg and Marquardt's method from one start, and what is true there."""
    k, d = w.shape

    def parts(theta: Any) -> tuple[Any, Any]:
        return theta[: k * d].reshape(k, d), theta[k * d :]

    fit = levenberg_marquardt(
        lambda theta: leaky(*parts(theta), x, eps)[0] - y, lambda theta: leaky(*parts(theta), x, eps)[1],
        np.concatenate([w.ravel(), v]), tolerance=1e-12, iterations=ITERATIONS,
    )  # fmt: skip
    w, v = parts(fit.params)
    out, jacobian = leaky(w, v, x, eps)
    told = at_point(jacobian, out - y, y)
    rows = np.linalg.norm(w, axis=1) * np.linalg.norm(x, axis=1)[:, None]
    told["kink"] = bool((np.abs(x @ w.T) / np.maximum(rows, 1e-300)).min() < KINK)
    told["wrong"] = float(np.mean(np.sign(out) != y))
    return told


def at_point(jacobian: Any, r: Any, y: Any) -> dict[str, Any]:
    """Residual over ``|y|``, whether the point is critical, whether J has rank n, and ``|r| sigma_min / |J^T r|``."""
    s = np.linalg.svd(jacobian, compute_uv=False)
    least = s[-1] if jacobian.shape[1] >= jacobian.shape[0] else 0.0
    size, pull = float(np.linalg.norm(r)), float(np.linalg.norm(jacobian.T @ r))
    rounding = 1e-14 * s[0] * float(np.linalg.norm(y)) * len(y) ** 0.5
    return {
        "residual": max(size / float(np.linalg.norm(y)), LOW),
        "critical": pull <= FLAT * s[0] * float(np.linalg.norm(y)),
        "regular": bool(least >= REGULAR * s[0]),
        "excess": size * least / (pull + rounding),
    }


def smooth(flat: Any, x: Any, k: int) -> tuple[Any, Any, Any]:
    """Outputs of a tanh layer of k units with a linear output, Jacobian, and the features with their constant."""
    n, d = x.shape
    w, b, v = flat[: k * d].reshape(k, d), flat[k * d : k * d + k], flat[k * d + k :]
    h = np.tanh(x @ w.T + b)
    rise = (1 - h * h) * v[:-1]
    features = np.concatenate([h, np.ones((n, 1))], axis=1)
    first = (rise[:, :, None] * x[:, None, :]).reshape(n, -1)
    return features @ v, np.concatenate([first, rise, features], axis=1), features


def missed(flat: Any, x: Any, y: Any, k: int) -> Any:
    """Residuals of :func:`smooth`."""
    return smooth(flat, x, k)[0] - y


def slope_of(flat: Any, x: Any, k: int) -> Any:
    """Their Jacobian."""
    return smooth(flat, x, k)[1]


def wide_layers(cell: Params) -> dict[str, Any]:
    """Rank of a random tanh layer with a constant, and the ends of descent of layers with up to n - 1 units and fewer."""
    n, d = cell["n"], cell["d"]
    x, y = examples(cell, "features", n, d)
    rng = stream("local-minima features", cell["seed"])
    units = [n // 4, n // 2, n - 2, n - 1, n, 2 * n]

    def start(k: int) -> Any:
        return np.concatenate([rng.standard_normal(k * d) / d**0.5, rng.standard_normal(k),
                               rng.standard_normal(k) / k**0.5, [0.0]])  # fmt: skip

    rank = [int(np.linalg.matrix_rank(smooth(start(k), x, k)[2])) for k in units]
    out: dict[str, Any] = {"units": units, "rank": rank, "rank_wanted": [min(n, k + 1) for k in units]}
    out["rank_off"] = max(abs(a - b) for a, b in zip(rank, out["rank_wanted"], strict=True))
    layer_excess = 0.0
    # the narrow network has fewer parameters than samples; the wide one n - 1 units
    for arm, k in (("narrow", max(1, (n - 1) // (2 * (d + 2)))), ("wide", n - 1)):
        residuals = []
        for _ in range(cell["starts"]):
            fit = levenberg_marquardt(partial(missed, x=x, y=y, k=k), partial(slope_of, x=x, k=k), start(k), tolerance=1e-12,
                                      iterations=ITERATIONS)  # fmt: skip
            value, jacobian, features = smooth(fit.params, x, k)
            end = at_point(jacobian, value - y, y)
            if end["critical"] or arm == "narrow":
                residuals.append(end["residual"])
            layer_excess = max(layer_excess, at_point(features, value - y, y)["excess"])
        out |= {f"{arm}_residual": max(residuals, default=None), f"{arm}_points": len(residuals)}
    out["layer_excess"] = layer_excess
    return out


def network(weights: Any, biases: Any, x: Any) -> tuple[list[Any], list[Any], Any]:
    """Outputs of every layer before and behind its activation, and of the network."""
    before, behind = [], [x]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        before.append(behind[-1] @ w.T + b)
        behind.append(np.maximum(before[-1], 0.0))
    return before, behind, (behind[-1] @ weights[-1].T + biases[-1])[:, 0]


def slopes(weights: Any, biases: Any, x: Any, pull: Any) -> list[Any]:
    """Gradients by weights, then biases, of a function whose derivative by the outputs is ``pull``, ``(n,)``."""
    before, behind, _ = network(weights, biases, x)
    by_weight: list[Any] = []
    by_bias: list[Any] = []
    at = pull[:, None]
    for layer in range(len(weights) - 1, -1, -1):
        by_weight.insert(0, at.T @ behind[layer])
        by_bias.insert(0, at.sum(axis=0))
        if layer:
            at = (at @ weights[layer]) * (before[layer - 1] > 0)
    return by_weight + by_bias


def followed(minimum: BadMinimum, x: Any, y: Any, kick: float, steps: int, rng: Any) -> float:
    """Loss of gradient descent from kicked parameters after so many steps, over that of the minimum.

    The rate is one over the largest curvature at the start, from power iteration on differences of gradients.
    """
    at = [p * (1 + kick * rng.standard_normal(p.shape)) for p in (*minimum.weights, *minimum.biases)]
    depth = len(minimum.weights)

    def pull(params: list[Any]) -> list[Any]:
        r = network(params[:depth], params[depth:], x)[2] - y
        return slopes(params[:depth], params[depth:], x, r / len(y))

    way, largest = [rng.standard_normal(p.shape) for p in at], 1.0
    for _ in range(30):
        size = np.sqrt(sum(float((one**2).sum()) for one in way))
        step = [1e-6 * one / size for one in way]
        up = pull([p + s for p, s in zip(at, step, strict=True)])
        down = pull([p - s for p, s in zip(at, step, strict=True)])
        way = [(a - b) / 2e-6 for a, b in zip(up, down, strict=True)]
        largest = np.sqrt(sum(float((one**2).sum()) for one in way))
    for _ in range(steps):
        at = [p - g / largest for p, g in zip(at, pull(at), strict=True)]
    r = network(at[:depth], at[depth:], x)[2] - y
    return float(0.5 * np.mean(r * r)) / minimum.loss


def curvature(minimum: BadMinimum, x: Any, y: Any) -> Any:
    """The dense float64 Hessian of the loss at the minimum, ``(params, params)``; weights, then biases.

    By central differences of the gradient. Where every unit is on, outputs are affine in each single parameter, so the gradient
    is quadratic in it and the difference exact but for rounding.
    """
    at, depth = [*minimum.weights, *minimum.biases], len(minimum.weights)
    ends = np.cumsum([0, *(p.size for p in at)])
    theta, step = np.concatenate([p.ravel() for p in at]), minimum.certificate.radius / 4

    def pull(flat: Any) -> Any:
        params = [flat[a:b].reshape(p.shape) for a, b, p in zip(ends, ends[1:], at, strict=False)]
        r = network(params[:depth], params[depth:], x)[2] - y
        return np.concatenate([g.ravel() for g in slopes(params[:depth], params[depth:], x, r / len(y))])

    rows = []
    for one in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[one] += step
        down[one] -= step
        rows.append((pull(up) - pull(down)) / (up[one] - down[one]))
    found = np.array(rows)
    return (found + found.T) / 2


def lowest_curvature(minimum: BadMinimum, x: Any, y: Any) -> float:
    """The lowest eigenvalue of the Hessian over the largest."""
    values = np.linalg.eigvalsh(curvature(minimum, x, y))
    return float(values[0] / values[-1])


def random_start(x: Any, y: Any, widths: tuple[int, ...], rng: Any) -> tuple[float, list[Any]]:
    """``(1/2n) |r|^2`` that Levenberg and Marquardt's method reaches from a random start of the same network, and where."""
    sizes = [x.shape[1], *widths, 1]
    shapes = [*zip(sizes[1:], sizes, strict=False), *((one,) for one in sizes[1:])]
    start = [
        rng.standard_normal(s) * (2 / s[1]) ** 0.5 if len(s) == 2 else 0.1 * rng.standard_normal(s)
        for s in shapes
    ]
    ends = np.cumsum([0, *(one.size for one in start)])
    depth = len(sizes) - 1

    def parts(theta: Any) -> list[Any]:
        return [theta[a:b].reshape(s) for a, b, s in zip(ends, ends[1:], shapes, strict=False)]

    def jacobian(theta: Any) -> Any:
        p = parts(theta)
        rows = [slopes(p[:depth], p[depth:], x[at : at + 1], np.ones(1)) for at in range(len(x))]
        return np.array([np.concatenate([g.ravel() for g in row]) for row in rows])

    fit = levenberg_marquardt(lambda t: network(parts(t)[:depth], parts(t)[depth:], x)[2] - y, jacobian,
                              np.concatenate([one.ravel() for one in start]), tolerance=1e-8, iterations=100)  # fmt: skip
    return float(fit.norm**2 / (2 * len(y))), parts(fit.params)


def between(minimum: BadMinimum, other: list[Any], x: Any, y: Any) -> list[float]:
    """Losses on the straight line from the minimum to other parameters and beyond, over the loss at the minimum."""
    depth, here = len(minimum.weights), [*minimum.weights, *minimum.biases]
    losses = []
    for t in LINE:
        at = [(1 - t) * a + t * b for a, b in zip(here, other, strict=True)]
        losses.append(0.5 * float(np.mean((network(at[:depth], at[depth:], x)[2] - y) ** 2)) / minimum.loss)
    return [max(one, 1e-4) for one in losses]


def built_minima(cell: Params, progress: Progress) -> dict[str, Any]:
    """The minimum that is proved to be bad, for several shapes; what follows small and large kicks; random starts."""
    x, y = examples(cell, "built", cell["built_n"], cell["built_d"])
    rng = stream("local-minima kicks", cell["seed"])
    shapes = list(BUILT.values())
    out: dict[str, Any] = {"shape": list(cell["built"]), "kick": list(KICKS)}
    rows: dict[str, list[Any]] = {name: [] for name in (
        "proved", "radius", "built_gradient", "built_curvature", "built_loss", "better", "reached", "returned", "escaped",
        "built_wrong")}  # fmt: skip
    after: list[list[float]] = []
    for place, number in enumerate(cell["built"]):
        widths = shapes[number - 1]
        found = bad_minimum(x, y, widths, seed=cell["seed"])
        r = found.predict(x) - y
        pull = slopes(found.weights, found.biases, x, r / len(y))
        ends = [followed(found, x, y, kick, cell["steps"], rng) for kick in KICKS]
        after.append(ends)
        dense = sum(one.size for one in (*found.weights, *found.biases)) <= cell["dense"]
        least, other = random_start(x, y, widths, rng)
        reached = max(least / found.loss, LOW)
        if not place or max(widths) == 30:
            out["between"] = between(found, other, x, y)
        row = (float(found.certificate.certified), found.certificate.radius, max(float(np.abs(g).max()) for g in pull),
               lowest_curvature(found, x, y) if dense else None, found.loss, found.better_loss / found.loss, reached,
               max(abs(end - 1) for end in ends[:-1]), ends[-1], float(np.mean(np.sign(r + y) != y)))  # fmt: skip
        for name, value in zip(rows, row, strict=True):
            rows[name].append(value)
        progress((place + 1) / len(cell["built"]))
    out |= rows
    out |= {"line": list(LINE), "level": [1.0] * len(LINE), "kick_level": [1.0] * len(KICKS)}
    out["after_kick"] = np.exp(np.mean(np.log(np.maximum(after, LOW)), axis=0)).tolist()
    out["shape_count"] = len(cell["built"])
    out["returns"] = sum(one <= 0.01 for one in rows["returned"])
    out["escapes"] = sum(one <= 0.999 for one in rows["escaped"])
    wide = [
        value
        for value, number in zip(rows["reached"], cell["built"], strict=True)
        if max(shapes[number - 1]) >= 30
    ]
    out["wide_reached"] = max(wide, default=None)
    few = [
        value
        for value, number in zip(rows["reached"], cell["built"], strict=True)
        if max(shapes[number - 1]) < 30
    ]
    out["few_reached"] = max(few, default=None)
    out["better_loss"] = [a * b for a, b in zip(rows["better"], rows["built_loss"], strict=True)]
    out["reached_loss"] = [a * b for a, b in zip(rows["reached"], rows["built_loss"], strict=True)]
    built, noisy = ranks(x, y, rng)
    return out | {"built_rank_short": len(y) - built, "noisy_rank_short": len(y) - noisy}


def ranks(x: Any, y: Any, rng: Any) -> tuple[int, int]:
    """Rank of the Jacobian of a layer with every unit on, without and with noise like dropout's, as many units as samples."""
    found = bad_minimum(x, y, (len(y),), slope=SLOPE)
    h = x @ found.weights[0].T + found.biases[0]
    inputs = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    both = []
    for eps in (np.ones_like(h), 1 + NOISE * rng.standard_normal(h.shape)):
        first = (eps * found.weights[1][0])[:, :, None] * inputs[:, None, :]
        jacobian = np.concatenate([first.reshape(len(x), -1), eps * h, np.ones((len(x), 1))], axis=1)
        both.append(int(np.linalg.matrix_rank(jacobian)))
    return both[0], both[1]
