"""Seed aggregation, intervals, paired comparisons, peaks and interpolation thresholds.

Everything works on arrays of shape ``(seeds, points)``: one line a seed, paired over the points. Intervals are Student's
t over seeds at every n, at the level of the first look (97 %) unless said otherwise: at 5 seeds a percentile bootstrap
errs 17 % of the time, at 20 it covers 92 % where t covers 94 % (simulated at 95 %).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike, NDArray
from scipy import stats as _scipy

from overparam.core.checked import (
    all_finite,
    count,
    exponent_of,
    numbers,
    probability,
    real,
    representable,
    shown,
)
from overparam.core.errors import DataError, UsageError
from overparam.core.looks import FIRST_LOOK

Array = NDArray[np.float64]
Pick = Callable[[Float64[np.ndarray, " points"]], int]


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; ``low`` and ``high`` are None when one seed gives no interval."""

    mean: float
    low: float | None
    high: float | None
    n: int


def mean_interval(values: ArrayLike, level: float = FIRST_LOOK) -> Interval:
    """Mean over seeds with an interval for the mean.

    Args:
        values: one number a seed, shape ``(seeds,)``, all finite.
        level: confidence level.

    Returns:
        Student's t interval; no interval for one seed. The unit is that of the values. A missing value makes the mean
        missing, and so does no value at all.

    Raises:
        DataError: what is no list of real numbers.
        UsageError: a level outside (0, 1).

    Assumptions: seeds are independent, their mean is close to normal. Skewed seeds cost up to 11 % a side at n = 5.

    >>> interval = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)
    >>> round(interval.low, 4), interval.mean, round(interval.high, 4)
    (1.0368, 3.0, 4.9632)
    """
    share = probability(level, "level")
    v, e = _scaled(numbers(values, "values"))
    n = v.size
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(np.ldexp(v.mean(), e)) if n else float("nan")
        if n < 2:
            return Interval(mean, None, None, n)
        half = float(np.ldexp(quantile(share, n - 1) * v.std(ddof=1) / np.sqrt(n), e))
    return Interval(mean, mean - half, mean + half, n)


def _scaled(v: Array) -> tuple[Array, int]:
    """Values over a power of two, so that their squares are numbers; no digit changes."""
    e = exponent_of(v[np.isfinite(v)])
    return np.ldexp(v, -e), e


def quantile(level: float, freedom: int) -> float:
    """The two-sided quantile of Student's t.

    Args:
        level: between 0 and 1.
        freedom: degrees of freedom.

    Raises:
        UsageError: a level or a number of degrees that is none.

    >>> round(quantile(0.95, 4), 4)
    2.7764
    """
    return _quantile(probability(level, "level"), count(freedom, "freedom"))


@functools.cache
def _quantile(level: float, freedom: int) -> float:
    return float(_scipy.t.ppf(0.5 + level / 2, freedom))


def geometric_interval(values: ArrayLike, level: float = FIRST_LOOK) -> Interval:
    """Geometric mean over seeds with the interval formed on logarithms.

    Args:
        values: positive, shape ``(seeds,)``.
        level: confidence level.

    Returns:
        Mean and interval in the unit of the values; missing where a value is negative or missing.

    Raises:
        DataError: what is no list of real numbers.
        UsageError: a level outside (0, 1).

    >>> geometric_interval([1.0, 4.0]).mean
    2.0
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inner = mean_interval(np.log(numbers(values, "values")), level)
        low = None if inner.low is None else float(np.exp(inner.low))
        high = None if inner.high is None else float(np.exp(inner.high))
        return Interval(float(f"{np.exp(inner.mean):.12g}"), low, high, inner.n)


def sign_interval(differences: ArrayLike, level: float = FIRST_LOOK) -> Interval:
    """Share of seeds whose difference is positive, among those that differ, with the exact binomial interval.

    A difference of zero says nothing about the sign and is left out, as in the sign test. The interval is that of
    Clopper and Pearson: with s of n positive, its ends are the (1 - level)/2 quantile of Beta(s, n - s + 1) and the
    (1 + level)/2 quantile of Beta(s + 1, n - s). It excludes 1/2 exactly when the two-sided sign test rejects at
    ``1 - level`` (twice the smaller tail): at 97 %, 7 seeds of one sign do so, 6 cannot.

    Args:
        differences: one number a seed, shape ``(seeds,)``; only the sign counts.
        level: confidence level.

    Returns:
        A share from 0 to 1, without unit; n counts the seeds that differ. No interval for fewer than two of them.

    Raises:
        DataError: what is no list of real numbers, or missing ones.
        UsageError: a level outside (0, 1).

    References: C. Clopper and E. Pearson, Biometrika 26 (1934).

    >>> interval = sign_interval([1] * 9 + [-1, 0], 0.95)
    >>> interval.mean, round(interval.low, 4), round(interval.high, 4), interval.n
    (0.9, 0.555, 0.9975, 10)
    """
    share, given = probability(level, "level"), numbers(differences, "differences")
    if np.isnan(given).any():
        raise DataError("differences: expected numbers, got some that are missing. Leave these seeds out.")
    v = np.sign(given)
    positive, n = int((v > 0).sum()), int((v != 0).sum())
    if n < 2:
        return Interval(positive / n if n else float("nan"), None, None, n)
    tail = 0.5 - share / 2
    low = float(_scipy.beta.ppf(tail, positive, n - positive + 1)) if positive else 0.0
    high = float(_scipy.beta.ppf(1 - tail, positive + 1, n - positive)) if positive < n else 1.0
    return Interval(positive / n, low, high, n)


def ratio_of_means(numerator: ArrayLike, denominator: ArrayLike, level: float = FIRST_LOOK) -> Interval:
    """Mean of the numerator over the mean of the denominator, with Fieller's interval for paired seeds.

    A cut-off c lies outside of it exactly if the Student t interval of ``numerator - c * denominator`` excludes 0.

    Args:
        numerator: one number a seed, shape ``(seeds,)``.
        denominator: one number a seed, of a mean that should be positive.
        level: confidence level.

    Returns:
        No interval where the denominator is not significantly above 0, or at one seed; missing where the mean of the
        denominator is 0, or a value is missing.

    Raises:
        DataError: what is no list of real numbers, or lists of two lengths.
        UsageError: a level outside (0, 1).

    References: E. C. Fieller, Some problems in interval estimation, J. R. Statist. Soc. B 16, 1954.

    >>> ratio_of_means([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]).mean
    2.0
    """
    above, below = numbers(numerator, "numerator"), numbers(denominator, "denominator")
    if above.shape != below.shape or above.ndim != 1:
        raise DataError(
            f"numerator, denominator: expected one number a seed in both, got shapes {above.shape} and {below.shape}."
        )
    share, n = probability(level, "level"), above.size
    (above, up), (below, down) = _scaled(above), _scaled(below)
    e = up - down
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = (float(one.mean()) if n else float("nan") for one in (above, below))
        ratio = float(np.ldexp(a / b, e)) if b else float("nan")
        if n < 2:
            return Interval(ratio, None, None, n)
        (aa, ab), (_, bb) = np.cov(above, below) / n
        t2 = quantile(share, n - 1) ** 2
        square = b * b - t2 * bb
        if b <= 0 or square <= 0:
            return Interval(ratio, None, None, n)
        middle = (a * b - t2 * ab) / square
        half = float(np.sqrt(max(0.0, middle**2 - (a * a - t2 * aa) / square)))
        return Interval(ratio, float(np.ldexp(middle - half, e)), float(np.ldexp(middle + half, e)), n)


def prediction_interval(values: ArrayLike, level: float = FIRST_LOOK) -> tuple[float, float]:
    """Interval in which one further run falls: mean +- t sd sqrt(1 + 1/n), for normal seeds, n >= 2.

    Args:
        values: one number a seed, shape ``(seeds,)``.
        level: confidence level.

    Raises:
        DataError: what is no list of at least two finite numbers.
        UsageError: a level outside (0, 1).
    """
    share, given = probability(level, "level"), numbers(values, "values")
    if given.ndim != 1 or given.size < 2:
        raise DataError(f"values: expected one number a seed of at least two seeds, got shape {given.shape}.")
    all_finite(given, "values")
    v, e = _scaled(given)
    half = quantile(share, v.size - 1) * v.std(ddof=1) * np.sqrt(1 + 1 / v.size)
    with np.errstate(over="ignore"):
        low, high = np.ldexp(v.mean() - half, e), np.ldexp(v.mean() + half, e)
    representable(np.array([low, high]), "values")
    return float(low), float(high)


def leave_one_out(
    y: ArrayLike, pick: Pick
) -> tuple[Float64[np.ndarray, " seeds"], Int64[np.ndarray, " seeds"]]:
    """Read each seed at a place chosen on the other seeds.

    Args:
        y: values, shape ``(seeds, points)``.
        pick: chooses a point from the mean line of the other seeds, shape ``(points,)``.

    Returns:
        The held-out values, shape ``(seeds,)``, and the points chosen, shape ``(seeds,)``. With one seed the
        place is chosen on that seed.

    Raises:
        DataError: another shape, or what is no real number.

    References: sample splitting for selective inference (Cox 1975, "A note on data-splitting").

    >>> leave_one_out([[0, 5, 1], [0, 3, 2]], np.argmax)[0].tolist()
    [5.0, 3.0]
    """
    lines = numbers(y, "y")
    if lines.ndim != 2 or not lines.size:
        raise DataError(f"y: expected shape (seeds, points), got {lines.shape}.")
    seeds = lines.shape[0]
    places = np.array(
        [pick(np.delete(lines, s, 0).mean(0) if seeds > 1 else lines[0]) for s in range(seeds)], dtype=np.int64
    )
    return lines[np.arange(seeds), places], places


def argmax_within(allowed: ArrayLike) -> Pick:
    """A pick: the largest point among those allowed (boolean mask of shape ``(points,)``)."""
    mask = np.asarray(allowed, dtype=bool)
    return lambda line: int(np.argmax(np.where(mask, line, -np.inf)))


def first_at_most(x: Sequence[float], line: ArrayLike, cutoff: float) -> float | None:
    """Smallest x from which the line is at most the cut-off; None if it never is.

    Args:
        x: places, ascending.
        line: a value at each; a missing one is not at most anything.
        cutoff: what the line should reach.

    Raises:
        DataError: lists of two lengths, or what is no real number.

    >>> first_at_most([9, 16, 27], [0.5, 0.2, 0.0], 0.2)
    16
    """
    places, values, most = numbers(x, "x"), numbers(line, "line"), real(cutoff)
    if places.ndim != 1 or values.shape != places.shape:
        raise DataError(f"x, line: expected two lists of one length, got {places.shape} and {values.shape}.")
    if np.isnan(places).any() or math.isnan(most):
        raise DataError(f"x, cutoff: expected numbers, got {shown(x)} and {shown(cutoff)}.")
    below = np.flatnonzero(values <= most)
    return None if below.size == 0 else x[int(below[0])]


def grid_cell(x: ArrayLike, index: int) -> tuple[float, float]:
    """Half way (on a log scale) to the neighbours of a grid point: how well the grid can place a peak.

    Args:
        x: positive grid, ascending.
        index: of the point.

    Raises:
        DataError: a grid that is not positive.
        UsageError: a point that is not on it.

    >>> grid_cell([1.0, 4.0, 16.0], 1)
    (2.0, 8.0)
    """
    grid = _grid(x)
    e, index = exponent_of(grid), count(index, "index", 0, len(grid) - 1)
    points = np.ldexp(grid, -e)
    here = points[index]
    left = np.sqrt(points[index - 1] * here) if index > 0 else here
    right = np.sqrt(here * points[index + 1]) if index + 1 < len(points) else here
    return float(np.ldexp(left, e)), float(np.ldexp(right, e))


def _grid(x: ArrayLike) -> Array:
    grid = numbers(x, "x")
    if grid.ndim != 1 or not grid.size or not (grid > 0).all():
        raise DataError(f"x: expected a grid of positive numbers, got {shown(x)}.")
    all_finite(grid, "x")
    return grid


def place_interval(x: Sequence[float], places: Sequence[int], level: float = FIRST_LOOK) -> Interval:
    """Where a peak lies: mean over seeds of log x, with an interval no narrower than the grid resolves.

    Args:
        x: positive grid, ascending.
        places: index of the peak for each seed.
        level: confidence level.

    Returns:
        Interval in units of x; each end at least half a grid step from its seed's point.

    Raises:
        DataError: a grid that is not positive.
        UsageError: a place that is not on it, or a level outside (0, 1).
    """
    grid = _grid(x)
    if not np.ndim(places) or not len(places):
        raise UsageError(f"places: expected the index of a peak for each seed, got {shown(places)}.")
    logs = np.log(grid[[count(i, "places", 0, len(grid) - 1) for i in places]])
    inner = mean_interval(logs, level)
    if inner.low is None or inner.high is None:
        return Interval(float(np.exp(inner.mean)), None, None, inner.n)
    cells = np.log(np.asarray([grid_cell(grid, i) for i in places]))
    low = min(inner.low, float(cells[:, 0].mean()))
    high = max(inner.high, float(cells[:, 1].mean()))
    return Interval(float(np.exp(inner.mean)), float(np.exp(low)), float(np.exp(high)), inner.n)
