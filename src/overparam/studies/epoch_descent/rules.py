"""The rules on networks as functions of one course, with their cut-offs.

Places are always chosen so that the choice cannot help the claim: leaving one seed out where picking the largest
of noisy points would make an effect, and on all seeds where it works against the claim.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from overparam.core import Finding, Part
from overparam.studies.epoch_descent.courses import Course

if TYPE_CHECKING:
    from overparam.core.lines import PerSeed
    from overparam.core.stats import Interval

RISE = 1.0  # points: from the first minimum of the test error to its peak
LOSS_RISE = 1.05  # peak of the test loss over its first minimum
FITTED = 1.0  # percentage points of mean train error: the labels are fitted
SHARE = 0.2  # of the rise, which the second descent takes back


def second_descent(which: Course, metric: str) -> Finding:
    """The test error or loss rises to a peak and falls again by a share of the rise: the weak form."""
    rise, share = _parts(which, metric)
    return Finding((_rise(rise, metric), _share(share, at_least=SHARE)), reading(which, metric))


def no_second_descent(which: Course, metric: str) -> Finding:
    """The test error or loss rises and falls again by less than that share: longer training only hurts."""
    rise, share = _parts(which, metric)
    return Finding((_rise(rise, metric), _share(share, at_most=SHARE)), reading(which, metric))


def below_first_minimum(which: Course, metric: str, place: int = -1) -> Finding:
    """How far the test error or loss at the end (or another place) lies below the first minimum: the strong form."""
    from overparam.core.lines import left_minimum
    from overparam.core.stats import mean_interval, part, ratio_interval

    lines = which.lines[metric]
    lowest, here = left_minimum(lines, which.left), lines[:, place]
    where = f"epoch {which.epochs[place]:.3g}"
    if metric == "test_loss":
        found = part(f"first minimum over the loss at {where}", ratio_interval(lowest, here), at_least=1.0)
    else:
        label = f"first minimum minus the error at {where}"
        found = part(label, mean_interval(lowest - here), at_least=0.0, unit="points")
    return Finding((found,), reading(which, metric))


def peak_place(which: Course, metric: str) -> int:
    """Index of the peak of the mean line over all seeds, right of its first minimum."""
    from overparam.core.lines import peak_after

    mean = which.lines[metric].mean(axis=0)
    return peak_after(mean, int(mean[: which.left].argmin()))


def reading(which: Course, metric: str) -> str:
    """First minimum, peak, end and fit of the mean line in words: what stopping early would have given."""
    mean = which.lines[metric].mean(axis=0)
    low, top = int(mean[: which.left].argmin()), peak_place(which, metric)
    unit, name = ("nats", "nats") if metric == "test_loss" else ("%", "points")
    fitted = (which.lines["train_error"].mean(axis=0) <= FITTED).nonzero()[0]
    fit = (
        f"the labels are fitted from epoch {which.epochs[fitted[0]]:.3g} on" if len(fitted) else "never fitted"
    )
    peak = (
        f"highest after it at the end, {mean[-1]:.3g} {unit}"
        if top == len(mean) - 1
        else f"peak {mean[top]:.3g} {unit} at epoch {which.epochs[top]:.3g}, {mean[-1]:.3g} {unit} at the end"
    )
    gain = mean[-1] - mean[low]
    return (
        f"{which.name} ({fit}): first minimum {mean[low]:.3g} {unit} at epoch {which.epochs[low]:.3g}, {peak}. "
        f"Stopping at the first minimum would {'cost' if gain < 0 else 'save'} {abs(gain):.2g} {name}."
    )


def ratio_of_means(numerator: PerSeed, denominator: PerSeed) -> Interval:
    """Mean of the numerator over the mean of the denominator, with Fieller's 95 % interval for paired seeds.

    A cut-off c lies outside of it exactly if the Student t interval of ``numerator - c * denominator`` excludes 0.

    Args:
        numerator: one number a seed, shape ``(seeds,)``.
        denominator: one number a seed, of a mean that should be positive.

    Returns:
        No interval where the denominator is not significantly above 0, or at one seed.

    References: E. C. Fieller, Some problems in interval estimation, J. R. Statist. Soc. B 16, 1954.
    """
    import numpy as np
    from scipy import stats

    from overparam.core.stats import Interval

    n = len(numerator)
    a, b = float(numerator.mean()), float(denominator.mean())
    ratio = a / b if b else math.nan
    if n < 2:
        return Interval(ratio, None, None, n)
    (aa, ab), (_, bb) = np.cov(numerator, denominator) / n
    t2 = float(stats.t.ppf(0.975, n - 1)) ** 2
    square = b * b - t2 * bb
    if b <= 0 or square <= 0:
        return Interval(ratio, None, None, n)
    middle = (a * b - t2 * ab) / square
    half = math.sqrt(max(0.0, middle**2 - (a * a - t2 * aa) / square))
    return Interval(ratio, float(middle - half), float(middle + half), n)


def _parts(which: Course, metric: str) -> tuple[tuple[PerSeed, PerSeed], Interval]:
    from overparam.core.lines import minimum_peak_end

    first, peak, end = minimum_peak_end(which.lines[metric], which.left)
    return (first, peak), ratio_of_means(peak - end, peak - first)


def _rise(ends: tuple[PerSeed, PerSeed], metric: str) -> Part:
    from overparam.core.stats import mean_interval, part, ratio_interval

    first, peak = ends
    if metric == "test_loss":
        return part("peak of the loss over its first minimum", ratio_interval(peak, first), at_least=LOSS_RISE)
    label = "rise from the first minimum to the peak"
    return part(label, mean_interval(peak - first), at_least=RISE, unit="points")


def _share(share: Interval, *, at_least: float | None = None, at_most: float | None = None) -> Part:
    from overparam.core.stats import part

    return part(
        "share of the rise that the second descent takes back", share, at_least=at_least, at_most=at_most
    )
