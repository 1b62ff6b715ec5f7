"""Seed aggregation, intervals, paired comparisons, peaks and interpolation thresholds.

Everything works on arrays of shape ``(seeds, points)``: one line a seed, paired over the points. Intervals are Student's
t over seeds at every n, at the level of the first look (97 %) unless said otherwise: at 5 seeds a percentile bootstrap
errs 17 % of the time, at 20 it covers 92 % where t covers 94 % (simulated at 95 %).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike, NDArray
from scipy import stats as _scipy

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
        Student's t interval; no interval for one seed. The unit is that of the values.

    Assumptions: seeds are independent, their mean is close to normal. Skewed seeds cost up to 11 % a side at n = 5.

    >>> interval = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)
    >>> round(interval.low, 4), interval.mean, round(interval.high, 4)
    (1.0368, 3.0, 4.9632)
    """
    v = np.asarray(values, dtype=np.float64)
    n = v.size
    mean = float(v.mean()) if n else float("nan")
    if n < 2:
        return Interval(mean, None, None, n)
    half = float(quantile(level, n - 1) * v.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


@functools.cache
def quantile(level: float, freedom: int) -> float:
    """The two-sided quantile of Student's t.

    >>> round(quantile(0.95, 4), 4)
    2.7764
    """
    return float(_scipy.t.ppf(0.5 + level / 2, freedom))


def geometric_interval(values: ArrayLike, level: float = FIRST_LOOK) -> Interval:
    """Geometric mean over seeds with the interval formed on logarithms.

    Args:
        values: positive, shape ``(seeds,)``.
        level: confidence level.

    Returns:
        Mean and interval in the unit of the values.

    >>> geometric_interval([1.0, 4.0]).mean
    2.0
    """
    inner = mean_interval(np.log(np.asarray(values, dtype=np.float64)), level)
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

    References: C. Clopper and E. Pearson, Biometrika 26 (1934).

    >>> interval = sign_interval([1] * 9 + [-1, 0], 0.95)
    >>> interval.mean, round(interval.low, 4), round(interval.high, 4), interval.n
    (0.9, 0.555, 0.9975, 10)
    """
    v = np.sign(np.asarray(differences, dtype=np.float64))
    positive, n = int((v > 0).sum()), int((v != 0).sum())
    if n < 2:
        return Interval(positive / n if n else float("nan"), None, None, n)
    tail = 0.5 - level / 2
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
        No interval where the denominator is not significantly above 0, or at one seed.

    References: E. C. Fieller, Some problems in interval estimation, J. R. Statist. Soc. B 16, 1954.

    >>> ratio_of_means([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]).mean
    2.0
    """
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    n = above.size
    a, b = float(above.mean()), float(below.mean())
    ratio = a / b if b else float("nan")
    if n < 2:
        return Interval(ratio, None, None, n)
    (aa, ab), (_, bb) = np.cov(above, below) / n
    t2 = quantile(level, n - 1) ** 2
    square = b * b - t2 * bb
    if b <= 0 or square <= 0:
        return Interval(ratio, None, None, n)
    middle = (a * b - t2 * ab) / square
    half = float(np.sqrt(max(0.0, middle**2 - (a * a - t2 * aa) / square)))
    return Interval(ratio, float(middle - half), float(middle + half), n)


def prediction_interval(values: ArrayLike, level: float = FIRST_LOOK) -> tuple[float, float]:
    """Interval in which one further run falls: mean +- t sd sqrt(1 + 1/n), for normal seeds, n >= 2."""
    v = np.asarray(values, dtype=np.float64)
    half = quantile(level, v.size - 1) * v.std(ddof=1) * np.sqrt(1 + 1 / v.size)
    return float(v.mean() - half), float(v.mean() + half)


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

    References: sample splitting for selective inference (Cox 1975, "A note on data-splitting").

    >>> leave_one_out([[0, 5, 1], [0, 3, 2]], np.argmax)[0].tolist()
    [5.0, 3.0]
    """
    lines = np.asarray(y, dtype=np.float64)
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

    >>> first_at_most([9, 16, 27], [0.5, 0.2, 0.0], 0.2)
    16
    """
    below = np.flatnonzero(np.asarray(line, dtype=np.float64) <= cutoff)
    return None if below.size == 0 else x[int(below[0])]


def grid_cell(x: Sequence[float], index: int) -> tuple[float, float]:
    """Half way (on a log scale) to the neighbours of a grid point: how well the grid can place a peak.

    >>> grid_cell([1.0, 4.0, 16.0], 1)
    (2.0, 8.0)
    """
    here = x[index]
    left = np.sqrt(x[index - 1] * here) if index > 0 else here
    right = np.sqrt(here * x[index + 1]) if index + 1 < len(x) else here
    return float(left), float(right)


def place_interval(x: Sequence[float], places: Sequence[int], level: float = FIRST_LOOK) -> Interval:
    """Where a peak lies: mean over seeds of log x, with an interval no narrower than the grid resolves.

    Args:
        x: positive grid, ascending.
        places: index of the peak for each seed.
        level: confidence level.

    Returns:
        Interval in units of x; each end at least half a grid step from its seed's point.
    """
    logs = np.log(np.asarray([x[i] for i in places], dtype=np.float64))
    inner = mean_interval(logs, level)
    if inner.low is None or inner.high is None:
        return Interval(float(np.exp(inner.mean)), None, None, inner.n)
    cells = np.log(np.asarray([grid_cell(x, i) for i in places]))
    low = min(inner.low, float(cells[:, 0].mean()))
    high = max(inner.high, float(cells[:, 1].mean()))
    return Interval(float(np.exp(inner.mean)), float(np.exp(low)), float(np.exp(high)), inner.n)
