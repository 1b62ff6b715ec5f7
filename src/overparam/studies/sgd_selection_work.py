"""The work of sgd-selection: minima of one small network by descent with several steps and batch sizes, in float64.

The network is a tanh network with one output, the loss ``F = (1/2n) |f - y|^2``; parameters are one vector.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from overparam.core import DataError, Params, Progress, UsageError
from overparam.data import flatten, load, subset
from overparam.data.stream import stream
from overparam.theory import sgd
from overparam.training.levenberg_marquardt import levenberg_marquardt
from overparam.training.tanh_network import TanhNetwork

SHARES = (0.9, 1.5, 3.0)  # of the largest stable step of single samples, from which a minimum is left or not
OFF = 1e-8  # loss to which a minimum is moved before it is left
GONE = 100.0  # times the first loss at which a run has left
LENGTH = 2.0  # of every input
WHOLE = 2  # runs of all samples that try to leave


def descend(
    net: TanhNetwork,
    theta: Any,
    x: Any,
    y: Any,
    step: float,
    batch: int,
    most: int,
    rng: Any,
    goal: float,
    least: int = 0,
) -> Any:
    """Descent with batches drawn without replacement each step, until the loss of all samples has stayed low for 100 steps.

    At the edge of stability the loss goes up and down, so that one low value is passed by and no end.

    Args:
        net: the network.
        theta: where it begins.
        x: inputs.
        y: targets.
        step: constant.
        batch: samples a step; all of them for gradient descent.
        most: steps after which it ends anyway.
        rng: draws the batches.
        goal: the loss at which it ends.
        least: steps that are taken in any case.

    Returns:
        Parameters, steps, and the last loss of all samples; NaN where it was lost.
    """
    n, below = len(y), 0
    whole = batch == n
    for t in range(most + 1):
        if whole or t % 50 == 0:
            loss, pull = net.gradient(theta, x, y)
            below = below + (1 if whole else 50) if loss <= goal else 0
            if not math.isfinite(loss) or loss > 1e6:
                return theta, t, math.nan
            if (below >= 100 and t >= least) or t == most:
                return theta, t, loss
        if not whole:
            some = rng.permutation(n)[:batch]
            pull = net.gradient(theta, x[some], y[some])[1]
        theta = theta - step * pull
    return theta, most, loss


def examples(cell: Params) -> tuple[Any, Any]:
    """Digits less their mean and of length 2, ``(n, 64)``, and +1 for odd ones, -1 for even ones."""
    n = cell["n"]
    found = subset(flatten(load(cell["data"])), n, 1, seed=cell["seed"])
    x = found.x.reshape(n, -1).astype(np.float64)
    x = x - x.mean(axis=0)
    size = np.linalg.norm(x, axis=1, keepdims=True)
    if not (size > 0).all():
        raise DataError(
            "data: expected inputs that differ from their mean, got one that does not. Take others."
        )
    return LENGTH * x / size, 2.0 * (found.y % 2) - 1.0


def fitting(cell: Params) -> None:
    """Refuse batch sizes and steps that do not go together."""
    batches, given = list(cell["batch"]), list(cell["times"])
    if batches != sorted(set(batches)) or batches[0] != 1 or batches[-1] >= cell["n"]:
        raise UsageError(
            f"--batch: expected sizes that ascend from 1 to less than the {cell['n']} samples, got {batches}. All samples are "
            "added by themselves."
        )
    if given != sorted(set(given)):
        raise UsageError(f"--times: expected numbers that ascend, got {given}.")


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """Minima of descent with several steps, then of several batch sizes; then how single samples leave one."""
    fitting(cell)
    x, y = examples(cell)
    net, n = TanhNetwork((x.shape[1], cell["width"], 1)), len(y)
    start, goal = net.start(stream("sgd-selection weights", cell["seed"])), cell["goal"]
    rng = np.random.default_rng([cell["seed"], 56])
    flow, taken, loss = descend(net, start, x, y, cell["flow_step"], n, cell["most"], rng, goal)
    if not loss <= goal:
        slope = float(np.linalg.norm(net.gradient(flow, x, y)[1]))
        raise DataError(
            f"flow_step: expected a run that reaches a loss of {goal:g} in {cell['most']} steps, got a loss of {loss:.3g} with a "
            f"gradient of norm {slope:.3g}: no minimum that fits the samples. Raise --most or --goal, or take another step."
        )
    first = told(net, flow, x, y, loss, goal)
    out: dict[str, Any] = {"flow_sharpness": first["sharpness"], "flow_share": cell["flow_step"] * first["sharpness"] / 2,
                           "flow_steps": taken, "flow_loss": loss}  # fmt: skip
    progress(0.3)
    ends = [(loss, first["gradient"])]
    rows: dict[str, list[Any]] = {name: [] for name in ("edge_over", "edge_sharp", "edge_steps", "flow_over")}
    gentle = None
    for times in cell["times"]:
        step = times * 2 / first["sharpness"]
        end, taken, loss = descend(net, start, x, y, step, n, cell["most"], rng, goal)
        found = told(net, end, x, y, loss, goal)
        ends.append((loss, found["gradient"]))
        sharp = found["sharpness"]
        for name, value in zip(rows, (sharp * step / 2, sharp / first["sharpness"], taken, times), strict=True):
            rows[name].append(value if math.isfinite(loss) else None)
        if times == cell["times"][0]:
            gentle = (end, step, taken)
    out |= {"times": list(cell["times"]), "line": [1 / t for t in cell["times"]],
            "level": [min(1.0, 1 / t) for t in cell["times"]], **rows}  # fmt: skip
    progress(0.55)
    assert gentle is not None
    out |= by_batch(cell, net, start, x, y, gentle, rng, ends)
    progress(0.85)
    out |= leaving(cell, net, gentle[0], x, y, rng)
    out["steps"] = out.pop("edge_steps")
    out["worst_loss"] = max((one if math.isfinite(one) else 1e9) for one, _ in ends)
    out["worst_gradient"] = max((one if math.isfinite(one) else 1e9) for _, one in ends)
    out["fitted"] = float(out["worst_loss"] <= goal)
    progress(1.0)
    return out


def told(net: TanhNetwork, theta: Any, x: Any, y: Any, loss: float, goal: float) -> dict[str, float]:
    """Sharpness of the loss and the norm of its gradient, NaN where training was lost."""
    if not math.isfinite(loss):
        return {"sharpness": math.nan, "gradient": math.nan}
    return {
        "sharpness": net.sharpness(theta, x, y),
        "gradient": float(np.linalg.norm(net.gradient(theta, x, y)[1])),
    }


def by_batch(
    cell: Params, net: TanhNetwork, start: Any, x: Any, y: Any, gentle: Any, rng: Any, ends: Any
) -> dict[str, Any]:
    """Sharpness, non-uniformity and the exact largest stable step of the minima of several batch sizes, at one step.

    ``longer``: gradient descent for as many steps as the smallest batch took, which is the rival of the batch.
    """
    n, step = len(y), gentle[1]
    batches = [*cell["batch"], n]
    out: dict[str, list[Any]] = {name: [] for name in (
        "sharp", "uneven", "share", "batch_steps", "exact", "sufficient", "necessary", "printed", "descent_share")}  # fmt: skip
    checks = []
    for batch in batches:
        end, taken, loss = (gentle[0], gentle[2], 0.0) if batch == n else descend(
            net, start, x, y, step, batch, cell["most"], rng, cell["goal"])  # fmt: skip
        if batch != n:
            ends.append((loss, told(net, end, x, y, loss, cell["goal"])["gradient"]))
        if not math.isfinite(loss):
            for values in out.values():
                values.append(None)
            continue
        here = sgd.minimum_of_features(net.jacobian(end, x))
        bounds = sgd.step_bounds(here, batch)
        checks += [bounds.exact_high / bounds.sufficient, bounds.necessary / bounds.exact_low]
        row = (bounds.sharpness, bounds.nonuniformity, step / bounds.exact, taken, bounds.exact, bounds.sufficient,
               bounds.necessary, bounds.wu_necessary)  # fmt: skip
        for name, value in zip(out, row, strict=False):
            out[name].append(value)
    lowest = sgd.minimum_of_features(net.jacobian(gentle[0], x))
    out["descent_share"] = [step / sgd.step_bounds(lowest, batch).exact for batch in batches]
    most = out["batch_steps"][0] or gentle[2]
    end, _, loss = descend(net, gentle[0], x, y, step, n, max(0, most - gentle[2]), rng, -1.0)
    longer = sgd.step_bounds(sgd.minimum_of_features(net.jacobian(end, x)), n)
    small = out["uneven"][0]
    whole = {"sharp": out["sharp"][-1], "uneven": out["uneven"][-1]}
    return {
        "batches": batches, **out, "largest_share": max((one for one in out["share"][:-1] if one is not None), default=None),
        "single_descent": out["descent_share"][0], "bounds_kept": min(checks), "longer_loss": loss,
        "uneven_change": math.log(small / whole["uneven"]) if small else None,
        "sharp_change": math.log(out["sharp"][0] / whole["sharp"]) if small else None,
        "uneven_longer": math.log(longer.nonuniformity / whole["uneven"]),
        "sharp_longer": math.log(longer.sharpness / whole["sharp"]),
    }  # fmt: skip


def leaving(cell: Params, net: TanhNetwork, theta: Any, x: Any, y: Any, rng: Any) -> dict[str, Any]:
    """How many runs of single samples, and of all samples, leave the minimum of gradient descent at shares of its largest step.

    The minimum is first brought to residual 0 by Levenberg and Marquardt's method, for which the threshold is exact, and then
    moved off it at random to a loss of 1e-8.
    """
    fit = levenberg_marquardt(lambda t: net.outputs(t, x)[0] - y, lambda t: net.jacobian(t, x), theta, tolerance=1e-12,
                              iterations=100)  # fmt: skip
    here = sgd.minimum_of_features(net.jacobian(fit.params, x))
    bounds = sgd.step_bounds(here, 1)
    out: dict[str, Any] = {
        "residual": fit.norm / len(y) ** 0.5, "edge_share": list(SHARES), "runs": cell["runs"], "all_runs": WHOLE,
        "single_share": bounds.exact / bounds.descent,
        "moved": float(np.linalg.norm(fit.params - theta) / np.linalg.norm(theta)),
    }  # fmt: skip
    for arm, batch in (("leave", 1), ("leave_all", len(y))):
        out[arm], out[f"{arm}_end"] = [], []
        for share in SHARES:
            gone, ends = 0, []
            for _ in range(cell["runs"] if batch == 1 else WHOLE):
                way = rng.standard_normal(len(theta))
                size = math.sqrt(2 * OFF * len(y)) / np.linalg.norm(net.jacobian(fit.params, x) @ way)
                peak, last = excursion(
                    net, fit.params + size * way, x, y, share * bounds.exact, batch, cell["follow"], rng
                )
                gone += peak >= GONE
                ends.append(last)
            out[arm].append(gone)
            out[f"{arm}_end"].append(float(np.median(ends)))
    names = {"leave_below": out["leave"][0], "leave_beyond": out["leave"][1], "all_below": out["leave_all"][0],
             "all_beyond": out["leave_all"][1]}  # fmt: skip
    return out | names


def excursion(
    net: TanhNetwork, theta: Any, x: Any, y: Any, step: float, batch: int, steps: int, rng: Any
) -> tuple[float, float]:
    """Largest loss of a run and powers of ten of its last, over the first; ends where it has left."""
    begin = net.gradient(theta, x, y)[0]
    peak = last = 1.0
    for t in range(steps):
        some = slice(None) if batch == len(y) else rng.integers(0, len(y), batch)
        theta = theta - step * net.gradient(theta, x[some], y[some])[1]
        if t % 20 == 19 or t == steps - 1:
            last = net.gradient(theta, x, y)[0] / begin
            if not last < GONE:
                return GONE, math.log10(GONE)
            peak = max(peak, last)
    return peak, math.log10(max(last, 1e-20))
