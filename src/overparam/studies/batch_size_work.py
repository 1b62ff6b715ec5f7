"""The work of batch-size: steps of one network to a loss, for each batch size with the best rate of a grid, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from overparam.core import DataError, Params, Progress, UsageError
from overparam.data import flatten, load, subset
from overparam.data.stream import stream
from overparam.theory import sgd
from overparam.training.tanh_network import TanhNetwork

HALVES = (
    0,
    1,
    2,
    3,
    -1,
    -2,
    -3,
)  # half powers of two times the step of Ma, Bassily and Belkin, in the order of trial
FARTHEST = 8  # half powers of two at most, where the best rate is at the edge of those
STAY, LEAST = (
    0.25,
    20,
)  # share of the steps to the goal, and steps at least, in which the loss must then stay there
NUDGE = 1e-3  # all samples are no draw: their runs start from weights that differ by so much, relative
LENGTH = 2.0  # of every input
FINE = 25  # the loss is looked at whenever steps have grown by one in so many


def fitting(cell: Params) -> None:
    """Refuse batch sizes that do not go together with the samples."""
    batches = list(cell["batch"])
    if batches != sorted(set(batches)) or batches[0] != 1 or batches[-1] >= cell["n"]:
        raise UsageError(
            f"--batch: expected sizes that ascend from 1 to less than the {cell['n']} samples, got {batches}. All samples are "
            "added by themselves."
        )


def run(cell: Params, progress: Progress) -> dict[str, Any]:
    """Steps to the goal for all batch sizes, with the best rate of each and with that of one sample, and the kernel's knee."""
    fitting(cell)
    n = cell["n"]
    found: Any = subset(flatten(load(cell["data"])), n, 1, seed=cell["seed"])
    x, y = found.x.reshape(n, -1).astype(np.float64), 2.0 * (found.y % 2) - 1.0
    x = x - x.mean(axis=0)
    size = np.linalg.norm(x, axis=1, keepdims=True)
    if not (size > 0).all():
        raise DataError(
            "data: expected inputs that differ from their mean, got one that does not. Take others."
        )
    x = LENGTH * x / size
    net = TanhNetwork((x.shape[1], cell["width"], 1))
    start = net.start(stream("batch-size weights", cell["seed"]))
    here = sgd.minimum_of_features(net.jacobian(start, x))
    first = net.gradient(start, x, y)[0]
    goal, rng = cell["goal"] * first, np.random.default_rng([cell["seed"], 52])
    batches = [*cell["batch"], n]
    steps, rates, shares, fixed, edges = [], [], [], [], 0
    for place, batch in enumerate(batches):
        base = sgd.batch_guarantee(here, batch).step
        best, share, end, edge = best_rate(
            net, start, x, y, batch, base, goal, cell["most"], cell["repeats"], rng
        )
        steps.append(best)
        shares.append(share)
        rates.append(share * base)
        edges += edge
        if batch == n:
            last = end
        # the rate of one sample for all: a run of its own only where it is another
        fixed.append(
            best
            if batch == 1
            else walk(net, start, x, y, rates[0], batch, goal, min(stayed(4 * steps[0]), cell["most"]), rng)[0]
        )
        progress((place + 1) / len(batches))
    found = summary(
        batches, steps, rates, fixed, here, sgd.minimum_of_features(net.jacobian(last, x)), cell["goal"]
    )
    return found | {"rate_share": shares, "at_edge": edges}


def stayed(steps: float) -> float:
    """The step up to which the loss must stay at the goal after so many steps to it.

    >>> stayed(1000), stayed(8)
    (1250.0, 28)
    """
    return steps + max(STAY * steps, LEAST)


def walk(
    net: TanhNetwork, theta: Any, x: Any, y: Any, rate: float, batch: int, goal: float, most: float, rng: Any
) -> Any:
    """Steps until the loss of all samples is at the goal and stays there for a quarter as many more, 20 at least; and the end.

    A rate at the edge of stability passes low losses by: one look would count luck. Infinite where the loss is not there
    to stay within the most steps.
    Samples are drawn with replacement, as in the theorem; all of them are one batch without.
    """
    look, n, since = 1, len(y), 0
    for t in range(1, int(most) + 1):
        some = slice(None) if batch == n else rng.integers(0, n, batch)
        theta = theta - rate * net.gradient(theta, x[some], y[some])[1]
        if t >= look:
            loss = net.gradient(theta, x, y)[0]
            if not loss < 1e6:
                break
            since = (since or t) if loss <= goal else 0
            if since and t >= stayed(since):
                return since, theta
            look = t + max(1, t // FINE)
    return math.inf, theta


def best_rate(
    net: TanhNetwork,
    start: Any,
    x: Any,
    y: Any,
    batch: int,
    base: float,
    goal: float,
    most: int,
    repeats: int,
    rng: Any,
) -> tuple[float, float, Any, bool]:
    """Fewest steps to the goal over the grid of rates (geometric mean of the repeats).

    Runs of all samples start from weights moved by a thousandth: beyond the edge of stability one run may land at a low loss
    by luck, and a rate counts only if all of its runs get there. One that needs four times the best so far is cut off.
    Where the best is the largest or the smallest rate that was tried, the grid goes on beyond it.

    Returns:
        Steps; the best rate as a multiple of ``base``; an end of its runs; whether it is still at an edge of the grid.
    """
    best, chosen, where = math.inf, 0, start
    tried: list[int] = []
    ahead = [*HALVES]
    while ahead:
        half, found = ahead.pop(0), []
        tried.append(half)
        for _ in range(repeats):
            begin = start * (1 + NUDGE * rng.standard_normal(len(start))) if batch == len(y) else start
            one, end = walk(
                net, begin, x, y, 2 ** (half / 2) * base, batch, goal, min(stayed(4 * best), most), rng
            )
            found.append(one)
            if not math.isfinite(one):
                break
        taken = math.exp(sum(map(math.log, found)) / len(found))
        if taken < best:
            best, chosen, where = taken, half, end
        edge = chosen in (min(tried), max(tried))
        if not ahead and edge and abs(chosen) < FARTHEST:
            ahead.append(chosen + (1 if chosen > 0 else -1))
    return best, 2 ** (chosen / 2), where, edge


def summary(
    batches: list[int],
    steps: list[float],
    rates: list[float],
    fixed: list[float],
    here: Any,
    last: Any,
    goal: float,
) -> dict[str, Any]:
    """What the claims read: slopes below and above the closed form of the critical batch size, and the measured knee.

    ``knee``: batch size at which steps are twice those of perfect scaling, ``2 m*`` for a line that bends at m*;
    ``small``: slope of log steps over log batch from one
    sample to the largest batch up to m*; ``large``: the same from the first batch of 4 m* or more to all samples,
    None where there is no such batch.
    """
    first = sgd.batch_guarantee(here, 1)
    critical = first.critical
    reached = [math.isfinite(one) for one in steps]
    below = [i for i, b in enumerate(batches) if b <= max(critical, 2)]
    above = next((i for i, b in enumerate(batches[:-1]) if b >= 4 * critical), None)

    def slope(values: list[float], i: int | None, j: int) -> float | None:
        if i is None or not (math.isfinite(values[i]) and math.isfinite(values[j])) or i == j:
            return None
        return math.log(values[j] / values[i]) / math.log(batches[j] / batches[i])

    knee = sgd.departure(batches, steps) if reached[0] else math.inf
    finite = [one if good else None for one, good in zip(steps, reached, strict=True)]
    samples = [one * b if good else None for one, b, good in zip(steps, batches, reached, strict=True)]
    return {
        "batches": batches, "steps": finite, "rate": rates, "samples": samples,
        "fixed_steps": [one if math.isfinite(one) else None for one in fixed],
        "perfect": [steps[0] / b if reached[0] else None for b in batches],
        "bent": [steps[0] / min(b, critical) if reached[0] else None for b in batches],
        "critical": critical, "critical_end": sgd.batch_guarantee(last, 1).critical, "goal_share": goal,
        "knee": knee if math.isfinite(knee) else None,
        "bent_knee": 2 * critical,
        "small": slope(steps, 0, below[-1]), "large": slope(steps, above, len(batches) - 1),
        "few_over_all": steps[0] * batches[0] / (steps[-1] * batches[-1]) if reached[0] and reached[-1] else None,
        "reached": float(all(reached)),
    }  # fmt: skip
