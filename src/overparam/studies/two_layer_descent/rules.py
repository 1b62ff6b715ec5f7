"""The rules of the study, with their cut-offs, fixed before the data.

Places are chosen so that the choice cannot help the claim: leaving one seed out where picking the largest of noisy
points would make an effect, and on all seeds where it works against the claim. Heights of peaks and minima are read
on the running mean over five widths, because single widths vary much (a network may lose a class for good).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overparam.core import Evidence, Finding, MissingEvidence
from overparam.studies.two_layer_descent.curves import WINDOW, Arm, arm, fit_point

if TYPE_CHECKING:
    from overparam.core.lines import PerSeed

STANDS_OUT = 1.05  # of the peak over the left minimum and over the right end, for a peak that is to be placed
RISE = 1.15  # from the left minimum to the peak
FALL = 0.75  # right end over the peak
CLIMB = 2.0  # points: largest climb of the 0-1 error
CLIFF = 2.0  # drop where reuse stops, over the drop without reuse
LEVEL = 1.25  # with reuse everywhere: largest loss near the threshold over the right end
DOSE = 1.10  # growth of the height of the peak from the least label noise to the most
THIRD = 1.0 / 3.0  # of nK, where the control of the fall begins


def peak(which: Arm, fit: int | None = None) -> Finding:
    """Where each seed's smoothed test loss is largest, right of the left minimum, and whether it stands out."""
    from overparam.core.lines import peak_places
    from overparam.core.stats import part, place_interval, ratio_interval

    places = [int(i) for i in peak_places(which.smooth_loss, which.left)]
    minimum, top = _height(which)
    low, high = WINDOW
    found = place_interval(which.ratio, places)
    return Finding(
        (
            part("place of the peak", found, at_least=low, at_most=high, unit="nK"),
            part("peak over the left minimum", ratio_interval(top, minimum), at_least=STANDS_OUT),
            part("peak over the right end", ratio_interval(top, which.loss[:, -1]), at_least=STANDS_OUT),
        ),
        _where(which, places, fit),
    )


def rise(which: Arm) -> Finding:
    """Smoothed peak of the test loss over its left minimum."""
    from overparam.core.stats import part, ratio_interval

    minimum, top = _height(which)
    return Finding((part("peak over the left minimum", ratio_interval(top, minimum), at_least=RISE),))


def fall(which: Arm) -> Finding:
    """Test loss at the right end over its smoothed peak."""
    from overparam.core.stats import part, ratio_interval

    _, top = _height(which)
    return Finding((part("right end over the peak", ratio_interval(which.loss[:, -1], top), at_most=FALL),))


def fall_before(which: Arm) -> Finding:
    """Smoothed peak over the smoothed test loss at a third of the threshold: as far in parameters as the fall."""
    import numpy as np

    from overparam.core.stats import part, ratio_interval

    start = int(np.abs(np.log(np.asarray(which.ratio) / THIRD)).argmin())
    _, top = _height(which)
    found = ratio_interval(top, which.smooth_loss[:, start])
    return Finding((part(f"peak over the loss at width {which.widths[start]}", found, at_most=FALL),))


def no_rise(which: Arm) -> Finding:
    """Largest factor by which the smoothed test loss climbs from any width to a larger one."""
    import numpy as np

    from overparam.core.lines import largest_climb
    from overparam.core.stats import geometric_interval, part

    climb, (low, high) = largest_climb(np.log(which.smooth_loss))
    found = part("largest climb of the test loss", geometric_interval(np.exp(climb)), at_most=RISE)
    return Finding((found,), f"At {which.name}: from width {which.widths[low]} to {which.widths[high]}.")


def no_error_climb(evidence: Evidence, *, backwards: bool = False) -> Finding:
    """Largest climb of the smoothed 0-1 test error, at every rate of label noise.

    Args:
        evidence: the finished cells.
        backwards: read from the widest network to the narrowest (the control).
    """
    from overparam.core.lines import largest_climb, smoothed
    from overparam.core.stats import mean_interval, part
    from overparam.studies.two_layer_descent.curves import SMOOTH

    parts = []
    for noise in evidence.levels("noise"):
        which = arm(evidence, noise)
        lines = smoothed(which.error, SMOOTH)
        climb, _ = largest_climb(lines[:, ::-1] if backwards else lines)
        parts.append(
            part(
                f"{which.name}: largest climb of the test error",
                mean_interval(climb),
                at_most=CLIMB,
                unit="points",
            )
        )
    return Finding(tuple(parts))


def cliff(evidence: Evidence, noise: float = 0.0, shift: int = 0) -> Finding:
    """Drop of the test loss across the point where reuse stops, over the drop there without reuse.

    Args:
        evidence: the finished cells.
        noise: rate of label noise.
        shift: steps of the width grid by which to move the point (-1 in the control).
    """
    from overparam.core.lines import align_seeds
    from overparam.core.stats import part, ratio_interval

    which = arm(evidence, noise)
    here = which.last_below + shift
    with_reuse, without = align_seeds(evidence, "width", "below_test_loss", "test_loss", noise=noise).lines
    drops = [line[:, here] / line[:, here + 1] for line in (with_reuse, without)]
    label = f"drop from width {which.widths[here]} to {which.widths[here + 1]}, with reuse over without"
    means = ", ".join(f"{ratio_interval(d, 1.0 + 0 * d).mean:.3g}" for d in drops)
    return Finding(
        (part(label, ratio_interval(*drops), at_least=CLIFF),), f"The drops with and without reuse are {means}."
    )


def level(which: Arm) -> Finding:
    """Largest smoothed test loss near the threshold over the test loss at the right end.

    The width is that of the largest mean over all seeds: picking works against the claim that there is no drop.
    """
    from overparam.core.stats import part, ratio_interval

    if not which.window:
        raise MissingEvidence("no width with p in [0.75, 1.35] nK. Add some to --widths.")
    mean = which.smooth_loss.mean(axis=0)
    top = max(which.window, key=lambda i: float(mean[i]))
    found = ratio_interval(which.smooth_loss[:, top], which.loss[:, -1])
    return Finding((part("loss near the threshold over the right end", found, at_most=LEVEL),))


def dose(evidence: Evidence, *, bend: bool = False) -> Finding:
    """Growth of the peak's height over the left minimum from the least label noise to the most.

    The factor is ``exp(b (most - least))`` with b each seed's least-squares slope of log height over the rate.

    Args:
        evidence: the finished cells.
        bend: take the slope over the distance of the rate from the middle, in which a steady growth cancels (the
            control).

    Raises:
        MissingEvidence: fewer than three rates of label noise, or no seed is complete in all of them.
    """
    import numpy as np

    from overparam.core.stats import geometric_interval, part

    rates = evidence.levels("noise")
    if len(rates) < 3:
        raise MissingEvidence(
            f"expected at least three rates of label noise, got {len(rates)}. Add some to --noise."
        )
    arms = [arm(evidence, rate) for rate in rates]
    seeds = sorted(set.intersection(*(set(a.seeds) for a in arms)))
    if not seeds:
        raise MissingEvidence("no seed is complete at every rate of label noise. Resume the run.")
    heights = []
    for which in arms:
        minimum, top = _height(which)
        heights.append(np.log(top / minimum)[[which.seeds.index(seed) for seed in seeds]])
    x = np.asarray(rates, dtype=np.float64)
    x = np.abs(x - (x[0] + x[-1]) / 2) if bend else x
    away = x - x.mean()
    growth = away @ np.asarray(heights) / float(away @ away) * float(np.ptp(x))
    what = (
        "most and least noise against the middle" if bend else f"from {rates[0]:.0%} to {rates[-1]:.0%} noise"
    )
    label = f"growth of peak over left minimum, {what}"
    means = ", ".join(f"{np.exp(h.mean()):.3g} at {rate:.0%}" for h, rate in zip(heights, rates, strict=True))
    return Finding((part(label, geometric_interval(np.exp(growth)), at_least=DOSE),), f"Heights: {means}.")


def first_peak(evidence: Evidence, noise: float) -> Finding:
    """The rule ``peak`` without reuse, with the fit point in its remark where there is one."""
    try:
        fit: int | None = fit_point(evidence, noise)
    except MissingEvidence:
        fit = None
    return peak(arm(evidence, noise), fit)


def _height(which: Arm) -> tuple[PerSeed, PerSeed]:
    """The left minimum and the peak of the smoothed test loss, each read leaving one seed out."""
    from overparam.core.lines import minimum_peak_end

    minimum, top, _ = minimum_peak_end(which.smooth_loss, which.left)
    return minimum, top


def _where(which: Arm, places: list[int], fit: int | None) -> str:
    widths = ", ".join(map(str, sorted({which.widths[i] for i in places})))
    fitted = "not reached" if fit is None else f"at width {which.widths[fit]} ({which.ratio[fit]:.3g} nK)"
    return f"At {which.name}: peak at width {widths}; fit point {fitted}."
