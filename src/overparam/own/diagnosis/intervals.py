"""Intervals for shares and for their differences."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from overparam.core.stats import mean_interval
from overparam.own.diagnosis.answer import LEVEL, Measured


def share(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson).

    Args:
        hits: how many.
        n: of how many, at least 1.
        level: of the interval.

    References: C. Clopper and E. Pearson, Biometrika 26 (1934), 404.

    >>> [round(end, 4) for end in share(0, 60)]
    [0.0, 0.0596]
    """
    found = binomtest(hits, n).proportion_ci(level, "exact")
    return float(found.low), float(found.high)


def difference(first: tuple[int, int], second: tuple[int, int], level: float = LEVEL) -> tuple[float, float]:
    """Interval of the difference of two independent shares, first less second (Newcombe's, from score intervals).

    Args:
        first: hits and n.
        second: hits and n.
        level: of the interval.

    References: R. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17
        (1998), method 10.

    >>> [round(end, 4) for end in difference((56, 70), (48, 80))]
    [0.0524, 0.3339]
    """
    (a, n), (b, m) = first, second
    p, q = a / n, b / m
    (pl, pu), (ql, qu) = _score(a, n, level), _score(b, m, level)
    gap = p - q
    return gap - math.hypot(p - pl, qu - q), gap + math.hypot(pu - p, q - ql)


def paired(lost: int, won: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the share lost less the share won among the same examples (Tango's score interval).

    Args:
        lost: examples right before and wrong after.
        won: examples wrong before and right after.
        n: examples.
        level: of the interval.

    References: T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
        design, Statistics in Medicine 17 (1998), equations 8 to 10 (numbers recalled).

    >>> low, high = paired(0, 0, 1000)  # z^2 / (n + z^2)
    >>> round(high, 5), low == -high
    (0.00383, True)
    """
    z = float(norm.ppf(0.5 + level / 2))
    return -_highest(won, lost, n, z), _highest(lost, won, n, z)


def _highest(lost: int, won: int, n: int, z: float) -> float:
    """The largest difference that the score does not reject."""

    def score(gap: float) -> float:
        b = -lost - won + (2 * n - lost + won) * gap
        other = (math.sqrt(max(b * b + 8 * n * won * gap * (1 - gap), 0.0)) - b) / (4 * n)
        spread = n * (2 * other + gap * (1 - gap))
        return (lost - won - n * gap) / math.sqrt(spread) + z if spread > 0 else z

    middle, top = (lost - won) / n, 1 - 1e-9
    return 1.0 if score(top) >= 0 else float(brentq(score, middle, top, xtol=1e-9))


def error_of(label: str, wrong: np.ndarray, level: float = LEVEL, of: str = "examples") -> Measured:
    """The mean of shares of an example that are wrong, in percent, with its interval.

    Exact where an example is right or wrong; by Student's t over the examples where several labels of one count.

    Args:
        label: what is measured.
        wrong: shares from 0 to 1, shape ``(n,)``.
        level: of the interval.
        of: what the examples are.
    """
    n, value = len(wrong), float(wrong.mean())
    if np.isin(wrong, (0.0, 1.0)).all():
        low, high = share(round(value * n), n, level)
    else:
        found = mean_interval(wrong, level)
        low = max(0.0, found.low if found.low is not None else 0.0)
        high = min(1.0, found.high if found.high is not None else 1.0)
    return Measured(label, 100 * value, "%", 100 * low, 100 * high, n, of, level)


def _score(hits: int, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a share."""
    z = float(norm.ppf(0.5 + level / 2))
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_of(values: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """A mean with its interval by Student's t; two values at least, else the ends are infinite.

    Args:
        values: shape ``(n,)``.
        level: of the interval.
    """
    found = mean_interval(values, level)
    low = -math.inf if found.low is None else found.low
    return found.mean, low, math.inf if found.high is None else found.high
