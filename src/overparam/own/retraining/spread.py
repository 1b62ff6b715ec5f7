"""The mean of numbers that vary over trainings and over test examples, with one interval for both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """A mean with its interval.

    Attributes:
        mean: over trainings and examples.
        low: lower end.
        high: upper end.
        seeds: trainings.
        examples: test examples.
        of_seeds: standard error from trainings alone.
        of_examples: standard error from test examples alone.
    """

    mean: float
    low: float
    high: float
    seeds: int
    examples: int
    of_seeds: float
    of_examples: float

    @property
    def half(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2


def spread_of(values: np.ndarray, level: float = LEVEL, step: float = 0.0) -> Spread:
    """The mean of a table and an interval for another training on other test examples.

    The variance of the mean is that of the means of the rows over the number of rows, plus that of the means of the columns over
    the number of columns: what belongs to a training, what belongs to an example, and their interaction twice, so the interval
    is too wide rather than too narrow. Degrees of freedom after Satterthwaite.

    Args:
        values: shape ``(seeds, examples)``; paired differences, for instance.
        level: of the interval.
        step: what one example counts where values are shares, so that no spread at all is not taken for certainty.

    References: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007, section 3, on two crossed random factors.

    >>> found = spread_of(np.array([[1.0, 3.0], [3.0, 5.0]]))
    >>> found.mean, found.of_seeds, found.of_examples
    (3.0, 1.0, 1.0)
    """
    table = np.asarray(values, np.float64)
    seeds, many = table.shape
    mean = float(table.mean())
    by_seed = float(table.mean(1).var(ddof=1)) / seeds if seeds > 1 else math.inf
    by_example = float(table.mean(0).var(ddof=1)) / many if many > 1 else math.inf
    by_example = max(by_example, (step / many) ** 2)
    variance = by_seed + by_example
    if not math.isfinite(variance):
        return Spread(mean, -math.inf, math.inf, seeds, many, math.sqrt(by_seed), math.sqrt(by_example))
    parts = by_seed**2 / (seeds - 1) + by_example**2 / (many - 1)
    freedom = variance**2 / parts if parts > 0 else 1.0
    half = float(student.ppf((1 + level) / 2, freedom)) * math.sqrt(variance) if variance > 0 else 0.0
    return Spread(mean, mean - half, mean + half, seeds, many, math.sqrt(by_seed), math.sqrt(by_example))
