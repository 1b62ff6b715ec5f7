"""From numbers by seed to a number with an interval: what each estimate of the vocabulary covers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import overparam.core.evaluate  # noqa: F401  (fills the table of operations)
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.expressions import Number
from overparam.core.stats import (
    FIRST_LOOK,
    Interval,
    geometric_interval,
    mean_interval,
    place_interval,
    ratio_of_means,
    sign_interval,
)
from overparam.core.view import Array, View, along

ROUNDING = 1e-12  # relative: a spread below it is none
HALF_STEP = 0.5  # of the grid: how well it can place a peak


def interval(
    view: View,
    number: Number,
    at_least: float | None,
    at_most: float | None,
    level: float = FIRST_LOOK,
    *,
    proved: bool = False,
) -> Interval:
    """The estimate with its interval, from all seeds of one setting.

    Seeds that all give the same number have no spread to form an interval from, except for what is proved.

    Args:
        view: the cells of the setting.
        number: what is estimated.
        at_least: cut-off from below; without one the worst run is the largest.
        at_most: cut-off from above.
        level: confidence level.
        proved: whether equal seeds are an exact value: a check of what is proved.

    Raises:
        MissingEvidence: the cells hold too little.
    """
    while number.op == "on" and number.estimate == "place":
        view, number = view.on(number.of[1], number.of[0].reads), number.of[0]
    found = view.read(number)
    if number.estimate in ("worst", "total"):
        return _without_spread(view, number, found.y, largest=at_least is None)
    if number.estimate == "trend":
        return _trend(float(found.y[0]), len({p["seed"] for p, _ in view.rows()}), at_most or 0.05)
    if number.estimate == "place":
        line, grid = number.of[0], number.of[-1]
        return place_interval(along(view, line, grid).tolist(), [int(i) for i in found.y], level)
    if number.estimate == "binomial":
        return _binomial(found.y, level)
    if found.y.ndim > 1 and number.estimate != "ratio":
        raise UsageError(f"expected one value a seed of {number.words}, got {found.y.shape[1]}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = _OF[number.estimate](found.y, level)
    if (
        proved
        or number.estimate not in ("mean", "geometric", "ratio")
        or whole.low is None
        or whole.high is None
    ):
        return whole
    flat = whole.high - whole.low <= ROUNDING * abs(whole.mean)
    return Interval(whole.mean, None, None, whole.n) if flat else whole


def _step(y: Array, level: float) -> Interval:
    mean = mean_interval(y, level)
    if mean.low is None or mean.high is None:
        return mean
    return Interval(
        mean.mean, min(mean.low, mean.mean - HALF_STEP), max(mean.high, mean.mean + HALF_STEP), mean.n
    )


def _binomial(y: Array, level: float) -> Interval:
    """Hits and trials of each seed, pooled; one seed is one draw of what the trials share, and gives no interval."""
    if np.isnan(y).any():
        return Interval(math.nan, None, None, len(y))
    hits, trials = (round(float(v)) for v in y.sum(axis=0))
    if not trials:
        raise MissingEvidence("no trial was made. Run the study first.")
    if (y[:, 0] < 0).any() or hits > trials:
        raise UsageError("a share of trials: expected no more hits than trials, and none below 0.")
    share = sign_interval([1] * hits + [-1] * (trials - hits), level)
    low, high = (share.low, share.high) if len(y) > 1 else (None, None)
    return Interval(share.mean, low, high, len(y))


def _without_spread(view: View, number: Number, y: Array, *, largest: bool) -> Interval:
    seeds = len({params["seed"] for params, values in view.rows() if _holds(view, number, values)})
    value = float(y.max() if largest else y.min()) if not np.isnan(y).any() else math.nan
    return Interval(value, None if math.isnan(value) else value, None if math.isnan(value) else value, seeds)


def _holds(view: View, number: Number, values: Any) -> bool:
    base = number.of[0] if number.op == "plus" else number
    return base.op != "worst" or view.name(base.of[0]) in values


def _trend(p: float, seeds: int, level: float) -> Interval:
    """A p-value as a bar from 0 to p; p alone where it is as clear the other way."""
    if seeds < 2 or math.isnan(p):
        return Interval(p, None, None, seeds)
    return Interval(p, p if p >= 1 - level else 0.0, p, seeds)


def _signs(y: Array, level: float) -> Interval:
    return Interval(math.nan, None, None, y.size) if np.isnan(y).any() else sign_interval(y, level)


_OF: dict[str, Callable[[Array, float], Interval]] = {
    "mean": mean_interval,
    "geometric": geometric_interval,
    "step": _step,
    "signs": _signs,
    "ratio": lambda y, level: ratio_of_means(y[:, 0], y[:, 1], level),
}
