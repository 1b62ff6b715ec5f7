"""One cell of sgd-moments: a problem, the exact mean of stochastic gradient descent on it, and runs beside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, each_cell
from overparam.data import flatten, load, subset, unit_rows
from overparam.data.stream import stream
from overparam.theory import sgd
from overparam.theory.activations import activation
from overparam.theory.certificates.lipschitz import fourth_moment
from overparam.theory.sgd.operator import threshold_ratio
from overparam.training import sgd_runs

MEAN_BATCHES, SIZES, SHARES = (1, 4, 16), (20, 40, 80, 160), (0.9, 1.1, 1.5)  # as in sgd_moments.py
UNITS = 32  # hidden units, in pairs that cancel at the start
NEARNESS = 0.05  # the network's h: curvature * residual / smallest singular value squared
TANH = activation("tanh")
CHECKS = (1, 5, 20)  # times n: where measured means are judged
MA_STEPS = (100, 300)
LARGER, ACCURACY, MOST = 5, 1e-3, 10_000  # steps to an accuracy: samples over n, of the loss, steps at most
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
ESCAPE = (100, 5000)  # runs, steps
ATLAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2)  # of 2/a


@dataclass(frozen=True, eq=False)
class Problem:
    """One problem in float64.

    Attributes:
        x: inputs, shape ``(n, d)``.
        y: targets, shape ``(n,)``.
        features: gradients of the outputs at the start, shape ``(n, params)``.
        h: 0 for a linear model; for a network how far from linear it is.
        weights: of the hidden layer at the start, shape ``(units, d)``; None for a linear model.
        output: of the last layer, shape ``(units,)``; None for a linear model.
    """

    x: Any
    y: Any
    features: Any
    h: float = 0.0
    weights: Any = None
    output: Any = None

    @property
    def kernel(self) -> Any:
        """Gram matrix of the gradients, shape ``(n, n)``."""
        return self.features @ self.features.T


def problem(cell: Params, n: int, model: str = "") -> Problem:
    """The problem of a cell with n samples; ``model`` in place of the cell's."""
    x, labels = inputs(cell, n)
    if (model or cell["model"]) == "linear":
        return Problem(x, x @ stream("sgd-moments-target", cell["seed"]).standard_normal(x.shape[1]), x)
    return network(x, labels, cell["seed"])


def inputs(cell: Params, n: int) -> tuple[Any, Any]:
    """Inputs ``(n, d)`` and labels +-1; ``centred`` takes their mean away and divides each by its length."""
    if cell["data"] == "sphere":
        found = load(f"sphere:n={n},d={cell['d']},n_test=1,seed={cell['seed']}")
    else:
        found = subset(flatten(load(cell["data"])), n, 1, seed=cell["seed"])
    x = found.x.reshape(n, -1).astype(np.float64)
    x = unit_rows(x - x.mean(axis=0)) if cell["inputs"] == "centred" else x
    return x, 2.0 * (found.y % 2) - 1.0


def network(x: Any, y: Any, seed: int) -> Problem:
    """A two-layer network whose output is 0 at the start, with the output scale that makes h the one asked for.

    ``f = nu sum_l (phi(w_l.x) - phi(w'_l.x))`` with ``w'_l = w_l`` at the start, inputs of root mean square
    length 1; ``h = L ||y|| / sigma^2`` falls as 1/nu, so one nu gives the h wanted.
    """
    x = x / np.sqrt((x**2).sum(axis=1).mean())
    half = stream("sgd-moments-weights", seed).standard_normal((UNITS // 2, x.shape[1]))
    weights, signs = np.concatenate([half, half]), np.repeat([1.0, -1.0], UNITS // 2)
    slopes = TANH.slope(x @ weights.T)
    smallest = np.linalg.eigvalsh((slopes @ slopes.T) * (x @ x.T))[0]
    curvature = TANH.largest_curvature * fourth_moment(x).upper
    scale = curvature * np.linalg.norm(y) / (smallest * NEARNESS) if smallest > 0 else 1.0
    output = scale * signs
    features = ((slopes * output)[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    return Problem(x, y, features, NEARNESS if smallest > 0 else math.inf, weights, output)


def wide_kernel(x: Any, seed: int) -> Any:
    """Kernel ``(n, n)`` of a tanh network with n^2 first-layer weights and output weights ``1/sqrt(units)``."""
    n, d = x.shape
    x = x / ((x**2).sum(axis=1).mean()) ** 0.5
    units = max(2, -(-n * n // d))
    slopes = TANH.slope(x @ stream("sgd-moments-wide", seed).standard_normal((d, units)))
    return (slopes @ slopes.T / units) * (x @ x.T)


def crowded(x: Any, seed: int) -> Any:
    """The same inputs with every second one moved next to the one before it, at 1/n of its length."""
    n, d = x.shape
    away = stream("sgd-moments-crowded", seed).standard_normal((n, d))
    away *= np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(away, axis=1, keepdims=True) / n
    out = x.copy()
    out[1::2] = x[: 2 * (n // 2) : 2] + away[1::2]
    return out


@each_cell
def solve(cell: Params, progress: Progress) -> Any:
    """Compute and measure one cell."""
    found, model = problem(cell, cell["n"]), cell["model"]
    values: dict[str, Any] = {"h": found.h if model == "network" else 0.0}
    if not math.isfinite(found.h):
        note = "the gradients of the samples are linearly dependent: no finite h"
        return Outcome(values, "diverged", note)
    values |= thresholds(found)
    progress(0.1)
    values |= curves(cell, found, dict(zip(values["batch"], values["exact_step"], strict=True)))
    progress(0.6)
    if model != "network":
        values |= guarantees(cell, found) | escape(cell, found, values["exact_step"][0])
        progress(0.8)
    values |= rates(cell) if model == "features" else efficiency(cell) if model == "linear" else {}
    progress(1.0)
    return values


def thresholds(found: Problem) -> dict[str, Any]:
    """The largest stable step of every batch size with its bounds, the minimum built against one, the atlas."""
    minimum, n, log = sgd.minimum_of_features(found.features), len(found.x), np.log
    batches = [b for b in BATCHES if b < n] + [n]
    bounds = [sgd.step_bounds(minimum, b) for b in batches]
    built = sgd.step_bounds(sgd.counterexample(), 3)
    atlas = sgd.stability_atlas(minimum, (*MEAN_BATCHES, n), [2 / bounds[0].sharpness * s for s in ATLAS])
    return {
        "batch": batches,
        "exact_step": [b.exact for b in bounds],
        "sufficient_step": [b.sufficient for b in bounds],
        "necessary_step": [b.necessary for b in bounds],
        "printed_step": [b.wu_necessary for b in bounds],
        "descent_step": [b.descent for b in bounds],
        "sharpness": bounds[0].sharpness,
        "nonuniformity": bounds[0].nonuniformity,
        "above_sufficient": min(float(log(b.exact_low / b.sufficient)) for b in bounds),
        "below_necessary": min(float(log(b.necessary / b.exact_high)) for b in bounds),
        "descent_below_necessary": min(float(log(b.necessary / b.descent)) for b in bounds),
        "over_printed": max(float(log(b.exact_low / b.wu_necessary)) for b in bounds),
        "built_over_printed": float(log(built.exact_low / built.wu_necessary)),
        "atlas_step": list(ATLAS),
        **{f"atlas_{b}": row for b, row in zip((*MEAN_BATCHES, "all"), atlas, strict=True)},
    }


def curves(cell: Params, found: Problem, largest: dict[int, float]) -> dict[str, Any]:
    """The exact expected loss, the mean loss of runs, and how far they are apart, for three batch sizes.

    ``deviation``: largest of ``|measured - exact| / (3 s.e. + 2 h L_0)`` over batch sizes and the three times;
    ``descent_deviation`` the same with the loss of gradient descent in place of the exact mean; ``tail``:
    largest share of one run in a summed loss.
    """
    deep, kernel = cell["model"] == "network", found.kernel
    checks = [c * len(found.x) for c in CHECKS]
    times = sorted({0, *checks, *np.geomspace(1, checks[-1], 22).round().astype(int).tolist()})
    out: dict[str, Any] = {"time": times, "deviation": 0.0, "descent_deviation": 0.0, "tail": 0.0}
    for batch in MEAN_BATCHES:
        step = cell["share"] * largest[batch]
        exact = sgd.expected_course(kernel, -found.y, batch, step, checks[-1], times=times)
        random = np.random.default_rng([cell["seed"], batch, 11])
        if deep:
            net = (found.x, found.y, found.weights, found.output, TANH)
            losses = sgd_runs.network_losses(*net, batch, step, times, cell["runs"] // 5, random)
        else:
            losses = sgd_runs.linear_losses(kernel, -found.y, batch, step, times, cell["runs"], random)
        start = exact.loss[0]
        out |= {
            f"exact_{batch}": exact.loss / start,
            f"descent_{batch}": exact.mean_loss / start,
            f"mean_{batch}": losses.mean(axis=1) / start,
            f"median_{batch}": np.median(losses, axis=1) / start,
        }
        for at in map(times.index, checks):
            error = losses[at].std(ddof=1) / math.sqrt(losses.shape[1])
            allowed, mean = 3 * error + 2 * (found.h if deep else 0.0) * start, losses[at].mean()
            for name, line in (("deviation", exact.loss), ("descent_deviation", exact.mean_loss)):
                out[name] = max(out[name], abs(mean - line[at]) / allowed)
            out["tail"] = max(out["tail"], losses[at].max() / losses[at].sum())
    return out


def guarantees(cell: Params, found: Problem) -> dict[str, Any]:
    """The measured squared distance to the solution over the guarantee ``g^t``, samples drawn with replacement.

    ``over_guarantee``: largest of ``(measured - 3 s.e.) / (g^t e_0^2)``; ``exact_over_guarantee`` with the
    exact mean; ``over_average`` against the rate that the average eigenvalue would give.
    """
    minimum, weigh = sgd.minimum_of_features(found.features), np.linalg.pinv(found.features)
    kernel, lam = found.kernel, minimum.curvature
    out = {"over_guarantee": 0.0, "exact_over_guarantee": 0.0, "over_average": 0.0}
    for batch in (1, 8, len(found.x)):
        promised = sgd.batch_guarantee(minimum, batch)
        optimistic = sgd.guarantee(minimum.largest_sample, float(lam[0]), float(lam.mean()), batch).rate
        random, times = np.random.default_rng([cell["seed"], batch, 52]), [0, *MA_STEPS]
        given = (kernel, -found.y, batch, promised.step)
        exact = sgd.expected_course(*given, MA_STEPS[-1], replacement=True, times=times)
        measured = sgd_runs.linear_losses(*given, MA_STEPS, cell["runs"], random, True, weigh)
        for at, t in enumerate(MA_STEPS):
            least = measured[at].mean() - 3 * measured[at].std(ddof=1) / math.sqrt(measured.shape[1])
            if promised.rate**t < 1e-20:
                continue  # both are rounding
            bound, average = exact.distance[0] * promised.rate**t, exact.distance[0] * max(optimistic**t, 1e-20)
            out["over_guarantee"] = max(out["over_guarantee"], least / bound)
            out["exact_over_guarantee"] = max(out["exact_over_guarantee"], exact.distance[1 + at] / bound)
            out["over_average"] = max(out["over_average"], least / average)
    return out


def escape(cell: Params, found: Problem, edge: float) -> dict[str, Any]:
    """Powers of ten by which single-sample runs leave or approach the minimum at shares of the stable step."""
    random, kernel, log = np.random.default_rng([cell["seed"], 56]), found.kernel, np.log10
    start = found.features @ random.standard_normal(found.features.shape[1])
    values, vectors = np.linalg.eigh(kernel)
    out: dict[str, Any] = {"share_of_edge": list(SHARES)}
    for share in SHARES:
        peak, last = sgd_runs.excursions(kernel, start, share * edge, ESCAPE[1], ESCAPE[0], random)
        end, shrink = np.maximum(last, 1e-30), (1 - share * edge / len(found.x) * values) * (vectors.T @ start)
        away = math.log10(float(shrink @ shrink) / float(start @ start))
        row = {"leave_mean": log(peak.mean()), "leave_median": log(np.median(peak)), "end_mean": log(end.mean()),
               "end_median": log(np.median(end)), "leave_descent": max(0.0, away)}  # fmt: skip
        for name, value in row.items():
            out.setdefault(name, []).append(float(value))
    return out


def rates(cell: Params) -> dict[str, Any]:
    """The constant c of the rate ``(1 - c d/n^2)^2`` of single samples at half the stable step, over sizes n.

    ``c = (1 - sqrt(rho)) n^2 / d`` with the exact factor rho of the expected loss a step; ``crowded_c`` for inputs
    in pairs whose distance falls as 1/n.
    """
    out: dict[str, Any] = {"size": list(SIZES), "c": [], "crowded_c": []}
    for n in SIZES:
        x, noise = inputs(cell, n)[0], sgd.batch_noise(n, 1)
        for name, rows in (("c", x), ("crowded_c", crowded(x, cell["seed"]))):
            minimum = sgd.minimum_of_kernel(wide_kernel(rows, cell["seed"]))
            edge = 1 / threshold_ratio(minimum, noise)[0].low
            rho = sgd.spectral_radius(minimum, noise, edge / 2, edge).low
            out[name].append(max(1 - math.sqrt(rho), 1e-16) * n * n / x.shape[1])
    return out


def efficiency(cell: Params) -> dict[str, Any]:
    """Exact steps to an accuracy against the batch size, with the guaranteed step; slopes on both sides of m*."""
    found = problem(cell, LARGER * cell["n"], "linear")
    minimum, kernel = sgd.minimum_of_features(found.features), found.kernel
    one = sgd.batch_guarantee(minimum, 1)
    half, eight = max(2, int(one.critical / 2)), math.ceil(8 * one.critical)
    ends = sorted({1, half, eight, 4 * eight})
    batches = sorted({*BATCHES, *ends})

    def count(many: list[int], steps: list[float] | None) -> dict[int, float]:
        taken = sgd.steps_to_accuracy(kernel, -found.y, many, steps, ACCURACY, replacement=True, most=MOST)
        return dict(zip(many, taken.tolist(), strict=True))

    def slope(steps: dict[int, float], low: int, high: int) -> float:
        known = math.isfinite(steps[low]) and math.isfinite(steps[high])
        return math.log(steps[high] / steps[low]) / math.log(high / low) if known else math.nan

    best, fixed = count(batches, None), count(ends, [one.step] * len(ends))
    line = list(best.values())
    return {
        "critical": one.critical,
        "departure": sgd.departure(batches, line) if math.isfinite(best[1]) else None,
        "many_batch": batches,
        "steps": line,
        "perfect_steps": [best[1] / b for b in batches],
        "guaranteed_steps": [sgd.batch_guarantee(minimum, b).steps(ACCURACY) for b in batches],
        "small_slope": slope(best, 1, half),
        "large_slope": slope(best, eight, 4 * eight),
        "fixed_small_slope": slope(fixed, 1, half),
        "fixed_large_slope": slope(fixed, eight, 4 * eight),
    }
