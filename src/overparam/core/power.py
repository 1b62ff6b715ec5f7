"""What a number of seeds can see: the distance from a cut-off that is found with a wanted power."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import stats as _scipy

from overparam.core.looks import FIRST_LOOK, LEVELS
from overparam.core.stats import quantile

POWER = 0.9
MOST_SEEDS = 10_000


@functools.cache
def visible(n: int, level: float = FIRST_LOOK, power: float = POWER) -> float:
    """Distance of the truth from a cut-off, in standard deviations of a seed, that n seeds find with a power.

    The interval of Student's t lies wholly beyond the cut-off if ``t > t(level)``, where t is noncentral with
    noncentrality ``distance sqrt(n)``.

    >>> round(visible(5), 2), round(visible(8), 2), round(visible(10), 2), round(visible(20), 2)
    (2.26, 1.49, 1.27, 0.82)
    """
    if n < 2:
        return math.inf
    cut, low, high = quantile(level, n - 1), 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2
        if _scipy.nct.sf(cut, n - 1, middle * math.sqrt(n)) < power:
            low = middle
        else:
            high = middle
    return high


def seeds_for(distance: float, level: float = FIRST_LOOK, power: float = POWER) -> int | None:
    """Fewest seeds that find a distance (in standard deviations of a seed) with a power; None beyond 10,000.

    >>> seeds_for(2.3), seeds_for(1.0)
    (5, 15)
    """
    if not distance > 0:
        return None
    rough = (quantile(level, 10**6) + _scipy.norm.ppf(power)) ** 2 / distance**2
    if rough > MOST_SEEDS:
        return None
    n = max(2, math.floor(rough))
    while visible(n, level, power) > distance:
        n += 1
    return n


def next_look(plan: int, distance: float) -> tuple[int, float] | None:
    """The first look after the planned one that finds a distance: its seeds and its level; None if none does."""
    for times, level in LEVELS.items():
        if times > 1 and visible(times * plan, level) <= distance:
            return times * plan, level
    return None


def spread(low: float, high: float, n: int, level: float) -> float:
    """The standard deviation of a seed behind an interval of Student's t.

    >>> round(spread(1.0368, 4.9632, 5, 0.95), 3)
    1.581
    """
    return float((high - low) / 2 * np.sqrt(n) / quantile(level, n - 1))


def upper(pilots: int) -> float:
    """By what the standard deviation of a few pilots is multiplied before seeds are planned with it.

    The upper end of its one-sided 80 % interval: ``sqrt((n - 1) / chi2(0.2, n - 1))``.

    >>> [round(upper(n), 2) for n in (3, 5, 8, 10)]
    [2.12, 1.56, 1.35, 1.29]
    """
    return float(math.sqrt((pilots - 1) / _scipy.chi2.ppf(0.2, pilots - 1)))
