"""One cell: a problem, the exact course of stochastic gradient descent on it, and runs of it beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from overparam.core import Estimate, Outcome, Params, Progress
from overparam.studies.progress import one_by_one
from overparam.studies.rounding import rounded
from overparam.studies.sgd_moments.problems import UNITS, Problem, crowded, inputs, problem, wide_kernel

MEAN_BATCHES = (1, 4, 16)
CHECKS = (1, 5, 20)  # times n: where measured means are judged
MA_STEPS = (100, 300)
SIZES = (20, 40, 80, 160)  # samples of the rate
LARGER = 5  # times n: samples of the steps to an accuracy
ACCURACY = 1e-3
MOST = 10_000
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SHARES = (0.9, 1.1, 1.5)  # of the largest stable step
ESCAPE = (100, 5000)  # runs, steps
ATLAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2)  # of 2/a


def work(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    return one_by_one(solve, cells, report)


def solve(cell: Params, report: Progress) -> Outcome:
    """Compute and measure one cell.

    Args:
        cell: parameters of the study's axes.
        report: told the fraction done.
    """
    found = problem(cell, cell["n"])
    values: dict[str, Any] = {"h": found.h if cell["model"] == "network" else 0.0}
    if not math.isfinite(found.h):
        return Outcome(values, "diverged", "the gradients of the samples are linearly dependent: no finite h")
    values |= thresholds(found)
    report(0.1)
    values |= courses(cell, found, values)
    report(0.6)
    if cell["model"] != "network":
        values |= guarantees(cell, found)
        values |= escape(cell, found, values["exact_step"][0])
        report(0.8)
    if cell["model"] == "features":
        values |= rates(cell)
    if cell["model"] == "linear":
        values |= efficiency(cell)
    report(1.0)
    return Outcome({name: rounded(value) for name, value in values.items()})


def batches_of(n: int) -> list[int]:
    """Powers of two below n, and n.

    >>> batches_of(40)
    [1, 2, 4, 8, 16, 32, 40]
    """
    return [b for b in BATCHES if b < n] + [n]


def thresholds(found: Problem) -> dict[str, Any]:
    """The largest stable step of every batch size with its bounds, the minimum built against one of them, the atlas."""
    import numpy as np

    from overparam.theory.sgd import counterexample, minimum_of_features, stability_atlas, step_bounds

    minimum = minimum_of_features(found.features)
    n = len(found.x)
    batches = batches_of(n)
    bounds = [step_bounds(minimum, b) for b in batches]
    lines = {
        "exact_step": [b.exact for b in bounds],
        "sufficient_step": [b.sufficient for b in bounds],
        "necessary_step": [b.necessary for b in bounds],
        "printed_step": [b.wu_necessary for b in bounds],
        "descent_step": [b.descent for b in bounds],
    }
    built = step_bounds(counterexample(), 3)
    atlas = stability_atlas(minimum, (*MEAN_BATCHES, n), [2 / bounds[0].sharpness * s for s in ATLAS])
    log = np.log
    return {
        "batch": batches,
        **lines,
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


def courses(cell: Params, found: Problem, values: dict[str, Any]) -> dict[str, Any]:
    """The exact expected loss, the mean loss of runs, and how far they are apart, for three batch sizes.

    ``deviation``: largest of ``|measured - exact| / (3 s.e. + 2 h L_0)`` over batch sizes and the three times;
    ``descent_deviation`` the same with the loss of gradient descent in place of the exact mean.
    """
    import numpy as np

    from overparam.studies.sgd_moments.runs import linear_losses, network_losses
    from overparam.theory.sgd import expected_course

    n = len(found.x)
    h = found.h if cell["model"] == "network" else 0.0
    checks = [c * n for c in CHECKS]
    times = sorted({0, *checks, *np.geomspace(1, checks[-1], 22).round().astype(int).tolist()})
    out: dict[str, Any] = {"time": times}
    worst = {"deviation": 0.0, "descent_deviation": 0.0, "tail": 0.0}
    for batch in MEAN_BATCHES:
        step = cell["share"] * values["exact_step"][values["batch"].index(batch)]
        course = expected_course(found.kernel, -found.y, batch, step, checks[-1], times=times)
        random = np.random.default_rng([cell["seed"], batch, 11])
        if cell["model"] == "network":
            losses = network_losses(found, batch, step, times, cell["runs"] // 5, random)
        else:
            losses = linear_losses(found.kernel, -found.y, batch, step, times, cell["runs"], random)
        start = course.loss[0]
        out[f"exact_{batch}"] = course.loss / start
        out[f"descent_{batch}"] = course.mean_loss / start
        out[f"mean_{batch}"] = losses.mean(axis=1) / start
        out[f"median_{batch}"] = np.median(losses, axis=1) / start
        for check in checks:
            at = times.index(check)
            error = losses[at].std(ddof=1) / math.sqrt(losses.shape[1])
            allowed = 3 * error + 2 * h * start
            mean = losses[at].mean()
            worst["deviation"] = max(worst["deviation"], abs(mean - course.loss[at]) / allowed)
            worst["descent_deviation"] = max(
                worst["descent_deviation"], abs(mean - course.mean_loss[at]) / allowed
            )
            worst["tail"] = max(worst["tail"], losses[at].max() / losses[at].sum())
    return out | worst


def guarantees(cell: Params, found: Problem) -> dict[str, Any]:
    """The measured squared distance to the solution over the guarantee ``g^t``, samples drawn with replacement.

    ``over_guarantee``: largest of ``(measured - 3 s.e.) / (g^t e_0^2)``; ``exact_over_guarantee`` with the exact
    mean; ``over_average`` against the rate that the average eigenvalue would give.
    """
    import numpy as np

    from overparam.studies.sgd_moments.runs import linear_losses
    from overparam.theory.sgd import batch_guarantee, expected_course, guarantee, minimum_of_features

    minimum = minimum_of_features(found.features)
    lam, n = minimum.curvature, len(found.x)
    weigh = np.linalg.pinv(found.features)
    out = {"over_guarantee": 0.0, "exact_over_guarantee": 0.0, "over_average": 0.0}
    for batch in (1, 8, n):
        promised = batch_guarantee(minimum, batch)
        optimistic = guarantee(minimum.largest_sample, float(lam[0]), float(lam.mean()), batch).rate
        random = np.random.default_rng([cell["seed"], batch, 52])
        course = expected_course(
            found.kernel, -found.y, batch, promised.step, MA_STEPS[-1], replacement=True, times=[0, *MA_STEPS]
        )
        measured = linear_losses(
            found.kernel, -found.y, batch, promised.step, MA_STEPS, cell["runs"], random, True, weigh
        )
        for at, t in enumerate(MA_STEPS):
            least = measured[at].mean() - 3 * measured[at].std(ddof=1) / math.sqrt(measured.shape[1])
            bound = course.distance[0] * promised.rate**t
            if bound < 1e-20 * course.distance[0]:
                continue  # both are rounding
            out["over_guarantee"] = max(out["over_guarantee"], least / bound)
            out["exact_over_guarantee"] = max(out["exact_over_guarantee"], course.distance[1 + at] / bound)
            average = course.distance[0] * max(optimistic**t, 1e-20)
            out["over_average"] = max(out["over_average"], least / average)
    return out


def escape(cell: Params, found: Problem, edge: float) -> dict[str, Any]:
    """Powers of ten by which single-sample runs leave or approach the minimum at shares of the stable step."""
    import numpy as np

    from overparam.studies.sgd_moments.runs import excursions

    n = len(found.x)
    random = np.random.default_rng([cell["seed"], 56])
    start = found.features @ random.standard_normal(found.features.shape[1])
    values, vectors = np.linalg.eigh(found.kernel)
    peaks, ends, descent = [], [], []
    runs, steps = ESCAPE
    for share in SHARES:
        peak, last = excursions(found.kernel, start, share * edge, steps, runs, random)
        peaks.append(peak)
        ends.append(np.maximum(last, 1e-30))
        shrink = (1 - share * edge / n * values) * (vectors.T @ start)
        descent.append(math.log10(float(shrink @ shrink) / float(start @ start)))
    log = np.log10
    return {
        "share_of_edge": list(SHARES),
        "leave_mean": [float(log(p.mean())) for p in peaks],
        "leave_median": [float(log(np.median(p))) for p in peaks],
        "end_mean": [float(log(e.mean())) for e in ends],
        "end_median": [float(log(np.median(e))) for e in ends],
        "leave_descent": [max(0.0, d) for d in descent],
    }


def rates(cell: Params) -> dict[str, Any]:
    """The constant c of the rate ``(1 - c d/n^2)^2`` of single samples at half the stable step, over sizes n.

    ``c = (1 - sqrt(rho)) n^2 / d`` with the exact factor rho of the expected loss a step; ``crowded_c`` for inputs in
    pairs whose distance falls as 1/n.
    """
    from overparam.theory.sgd import batch_noise, minimum_of_kernel, spectral_radius
    from overparam.theory.sgd.operator import threshold_ratio

    found: dict[str, list[float]] = {"c": [], "crowded_c": []}
    for n in SIZES:
        x, _ = inputs(cell, n)
        noise = batch_noise(n, 1)
        for name, rows in (("c", x), ("crowded_c", crowded(x, cell["seed"]))):
            minimum = minimum_of_kernel(wide_kernel(rows, cell["seed"]))
            edge = 1 / threshold_ratio(minimum, noise)[0].low
            rho = spectral_radius(minimum, noise, edge / 2, edge).low
            found[name].append(max(1 - math.sqrt(rho), 1e-16) * n * n / x.shape[1])
    return {"size": list(SIZES), **found}


def efficiency(cell: Params) -> dict[str, Any]:
    """Exact steps to an accuracy against the batch size, with the guaranteed step, and slopes on both sides of m*."""
    from overparam.theory.sgd import batch_guarantee, departure, minimum_of_features, steps_to_accuracy

    found = problem(cell, LARGER * cell["n"], "linear")
    minimum = minimum_of_features(found.features)
    critical = batch_guarantee(minimum, 1).critical
    half, eight = max(2, int(critical / 2)), math.ceil(8 * critical)
    ends = sorted({1, half, eight, 4 * eight})
    batches = sorted({*BATCHES, *ends})

    def count(many: list[int], steps: list[float] | None) -> dict[int, float]:
        found_steps = steps_to_accuracy(
            found.kernel, -found.y, many, steps, ACCURACY, replacement=True, most=MOST
        )
        return dict(zip(many, found_steps.tolist(), strict=True))

    def slope(steps: dict[int, float], low: int, high: int) -> float:
        if not (math.isfinite(steps[low]) and math.isfinite(steps[high])):
            return math.nan
        return math.log(steps[high] / steps[low]) / math.log(high / low)

    best = count(batches, None)
    fixed = count(ends, [batch_guarantee(minimum, 1).step] * len(ends))
    first = best[1]
    line = list(best.values())
    return {
        "critical": critical,
        "departure": departure(batches, line) if math.isfinite(first) else None,
        "many_batch": batches,
        "steps": line,
        "perfect_steps": [first / b for b in batches],
        "guaranteed_steps": [batch_guarantee(minimum, b).steps(ACCURACY) for b in batches],
        "small_slope": slope(best, 1, half),
        "large_slope": slope(best, eight, 4 * eight),
        "fixed_small_slope": slope(fixed, 1, half),
        "fixed_large_slope": slope(fixed, eight, 4 * eight),
    }


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core."""
    n, d = cell["n"], cell["d"] if cell["data"] == "sphere" else 64
    steps = CHECKS[-1] * n
    if cell["model"] == "network":
        runs = cell["runs"] // 5
        seconds = 1.0 + steps * runs * UNITS * (sum(MEAN_BATCHES) * 5e-8 + d * 2.5e-8)
        return Estimate(seconds, 2e8 + 8.0 * runs * UNITS * (3 * d + 3 * max(MEAN_BATCHES)))
    seconds = 1.0 + d / 20 + (3 * steps + 3 * MA_STEPS[-1]) * cell["runs"] * n * 1.5e-8
    return Estimate(seconds, 2e8 + 8.0 * cell["runs"] * n * 6)
