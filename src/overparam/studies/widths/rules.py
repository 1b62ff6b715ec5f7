"""The rules of a width sweep as functions of one arm, with their cut-offs.

Places are always chosen so that the choice cannot help the claim: leaving one seed out where picking the
largest of noisy points would make an effect, and on all seeds where it works against the claim.
"""

from __future__ import annotations

from collections.abc import Iterable

from overparam.core import Finding, Part
from overparam.studies.widths.arms import Arm

RISE = 3.0  # points: from the left minimum to the peak of the test error
FALL = 4.0  # points: from the peak of the test error to the right end
SOME_FALL = 1.0  # points: a peak that is to be placed falls again by this much
FLAT = 2.0  # points: with clean labels the test error climbs by no more
LOSS_RATIO = 1.5  # peak of the test loss over its right end
LOSS_RISE = 1.2  # peak of the test loss over its left minimum, where a peak is to be placed
LOSS_FALL = 1.1  # peak of the test loss over its right end, where a peak is to be placed
PER_SAMPLE = (0.7, 2.0)  # parameters per training sample at the peak
HALF_STEP = 0.5  # of the grid: how well it can place a peak


def peak_at_fit(which: Arm) -> Finding:
    """Peak of the test error between the end of the left part and the fit point, in steps of the width grid."""
    places = _places(which, "test_error")
    return Finding((_place(which, places), *error_parts(which, SOME_FALL)), _where(which, places))


def loss_peak_at_fit(which: Arm, metric: str = "test_loss") -> Finding:
    """Peak of the test loss between the end of the left part and the fit point, in steps of the width grid."""
    places = _places(which, metric)
    parts = loss_parts(which, LOSS_RISE, LOSS_FALL, metric)
    return Finding((_place(which, places), *parts), _where(which, places))


def error_peak(which: Arm) -> Finding:
    """The test error rises to a peak and falls again: the weak form of double descent."""
    return Finding(error_parts(which, FALL), _where(which, _places(which, "test_error")))


def peak_parameters(which: Arm) -> Finding:
    """Parameters per training sample at the peak of the test error."""
    from overparam.core.stats import part, place_interval

    places = _places(which, "test_error")
    here = place_interval(which.per_sample, places)
    low, high = PER_SAMPLE
    where = part("parameters per sample at the peak", here, at_least=low, at_most=high)
    return Finding((where, *error_parts(which, SOME_FALL)), _where(which, places))


def no_climb(which: Arm) -> Finding:
    """The largest climb of the test error from any width to a larger one."""
    from overparam.core.lines import largest_climb
    from overparam.core.stats import mean_interval, part

    climb, (low, high) = largest_climb(which.lines["test_error"])
    found = part("largest climb of the test error", mean_interval(climb), at_most=FLAT, unit="points")
    return Finding((found,), f"At {which.name}: from width {which.widths[low]} to {which.widths[high]}.")


def loss_peak(which: Arm, metric: str = "test_loss") -> Finding:
    """Largest loss to the right of the left minimum over the loss at the right end."""
    _, fall = loss_parts(which, LOSS_RISE, LOSS_RATIO, metric)
    return Finding((fall,), _where(which, _places(which, metric)))


def error_below_minimum(which: Arm, place: int = -1) -> Finding:
    """How far the test error at the right end (or another place) lies below the left minimum."""
    from overparam.core.lines import left_minimum
    from overparam.core.stats import mean_interval, part

    below = left_minimum(which.lines["test_error"], which.left_end) - which.lines["test_error"][:, place]
    label = f"left minimum minus the error at width {which.widths[place]}"
    return Finding((part(label, mean_interval(below), at_least=0.0, unit="points"),))


def loss_below_minimum(which: Arm, place: int = -1) -> Finding:
    """The left minimum of the test loss over the loss at the right end (or another place)."""
    from overparam.core.lines import left_minimum
    from overparam.core.stats import part, ratio_interval

    ratio = ratio_interval(
        left_minimum(which.lines["test_loss"], which.left_end), which.lines["test_loss"][:, place]
    )
    return Finding((part(f"left minimum over the loss at width {which.widths[place]}", ratio, at_least=1.0),))


def error_parts(which: Arm, fall: float) -> tuple[Part, Part]:
    """Rise to the peak of the test error and fall from it, in percentage points, against their cut-offs."""
    from overparam.core.lines import minimum_peak_end
    from overparam.core.stats import mean_interval, part

    low, peak, end = minimum_peak_end(which.lines["test_error"], which.left_end)
    return (
        part("rise from the left minimum to the peak", mean_interval(peak - low), at_least=RISE, unit="points"),
        part("fall from the peak to the right end", mean_interval(peak - end), at_least=fall, unit="points"),
    )


def loss_parts(which: Arm, rise: float, fall: float, metric: str = "test_loss") -> tuple[Part, Part]:
    """Peak of the test loss over its left minimum and over its right end, as ratios, against their cut-offs."""
    from overparam.core.lines import minimum_peak_end
    from overparam.core.stats import part, ratio_interval

    low, peak, end = minimum_peak_end(which.lines[metric], which.left_end)
    return (
        part("peak of the loss over its left minimum", ratio_interval(peak, low), at_least=rise),
        part("peak of the loss over its right end", ratio_interval(peak, end), at_least=fall),
    )


def _place(which: Arm, places: list[int]) -> Part:
    """Where the peak lies, in steps of the width grid, against the left part's end and the fit point."""
    from overparam.core.stats import Interval, mean_interval, part

    place = mean_interval(places)
    if place.low is not None and place.high is not None:
        low, high = min(place.low, place.mean - HALF_STEP), max(place.high, place.mean + HALF_STEP)
        place = Interval(place.mean, low, high, place.n)
    first, last = which.left_end - HALF_STEP, which.fit_point + HALF_STEP
    return part("place of the peak", place, at_least=first, at_most=last, unit="grid steps")


def _places(which: Arm, metric: str) -> list[int]:
    from overparam.core.lines import peak_places

    return [int(i) for i in peak_places(which.lines[metric], which.left_end)]


def _where(which: Arm, places: Iterable[int]) -> str:
    fit = which.widths[which.fit_point]
    return f"At {which.name}: peak at width {_names(which, places)}; fit point at {fit}."


def _names(which: Arm, places: Iterable[int]) -> str:
    return ", ".join(map(str, sorted({which.widths[int(i)] for i in places})))
