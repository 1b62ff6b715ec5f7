"""The rules of the study as functions of the evidence, with their cut-offs.

A shift of the critical width is judged by its sign alone, with the exact interval of the binomial: the share of seeds
that move the expected way, ties left out, against one half.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median

from overparam.core import Evidence, Finding, MissingEvidence, Part
from overparam.studies.effective_complexity.curves import Searched, Sizes, sizes

HALF = 0.5  # share of seeds that move the expected way, if nothing moves
STEP = 1.0  # grid steps between the peak and the critical width
SOME = 1.0  # points: a peak that is to be placed rises and falls by this much
HALF_STEP = 0.5  # of the grid: how well it can place a peak
PLACED = 0.8  # share of the seeds for which EMC must reach n inside the widths searched
SAME = 1.0  # ratio of two EMC that do not differ

Arms = Sequence[tuple[str, int]]


def critical_shift(evidence: Evidence, arms: Arms) -> Finding:
    """Sign of the paired shift of the critical width from the base to each arm.

    Args:
        evidence: the finished cells of a run.
        arms: names of arms, each with the expected sign, 1 or -1. An arm with another base is ``arm/base``.
    """
    parts, notes = [], []
    for name, sign in arms:
        arm, base = _pair(evidence, name)
        seeds = [seed for seed in arm.seeds if seed in base.seeds]
        here, there = (dict(zip(a.seeds, a.critical, strict=True)) for a in (arm, base))
        what = f"seeds with a {_word(sign)} critical width ({arm.arm} against {base.arm})"
        parts.append(_signs(what, [here[s] for s in seeds], [there[s] for s in seeds], sign))
        notes.append(
            f"Median critical width: {base.arm} {_named([there[s] for s in seeds])}, "
            f"{arm.arm} {_named([here[s] for s in seeds])}; {len(seeds) - parts[-1].n} ties."
        )
    return Finding(tuple(parts), " ".join(notes))


def peak_shift(evidence: Evidence, arms: Arms) -> Finding:
    """Sign of the paired shift of the width of the largest test error; every peak must stand out."""
    parts, notes = [], []
    for name, sign in arms:
        arm, base = _pair(evidence, name)
        seeds = [seed for seed in arm.seeds if seed in base.seeds]
        here, there = (dict(zip(a.seeds, [a.widths[i] for i in a.peaks], strict=True)) for a in (arm, base))
        what = f"seeds whose peak has a {_word(sign)} width ({arm.arm} against {base.arm})"
        parts.append(_signs(what, [here[s] for s in seeds], [there[s] for s in seeds], sign))
        notes.append(
            f"Median width of the peak: {base.arm} {_named([there[s] for s in seeds])}, "
            f"{arm.arm} {_named([here[s] for s in seeds])}; {len(seeds) - parts[-1].n} ties."
        )
    standing = [sizes(evidence, name) for name in dict.fromkeys(["base", *(name for name, _ in arms)])]
    return Finding((*parts, *(p for which in standing for p in _stands_out(which))), " ".join(notes))


def peak_at_fit(which: Sizes) -> Finding:
    """Grid steps from the smallest width that learns to the peak of the test error."""
    reached = [k for k, place in enumerate(which.fitting) if place < len(which.widths)]
    steps = [float(which.peaks[k] - which.fitting[k]) for k in reached]
    return Finding((_near(steps), *_stands_out(which)), _where(which))


def peak_at_emc(which: Sizes, found: Searched) -> Finding:
    """Grid steps from the smallest width with EMC of at least n to the peak of the test error.

    Raises:
        MissingEvidence: for more than a fifth of the seeds EMC does not cross n inside the widths searched.
    """
    places = dict(zip(found.seeds, _reaching(found, which), strict=True))
    shared = [seed for seed in which.seeds if seed in places]
    kept = [seed for seed in shared if places[seed] is not None]
    if not shared or len(kept) < PLACED * len(shared):
        raise MissingEvidence(
            f"EMC crosses n = {which.samples} inside the widths {', '.join(map(str, found.widths))} for "
            f"{len(kept)} of {len(shared)} seeds, asked at least {PLACED:.0%}. Search at more widths (--emc-widths)."
        )
    peaks = dict(zip(which.seeds, which.peaks, strict=True))
    steps = [float(peaks[seed] - (places[seed] or 0)) for seed in kept]
    return Finding((_near(steps), *_stands_out(which)), _where(which))


def grows_with_width(found: Searched) -> Finding:
    """EMC at each searched width over that at the next smaller one."""
    from overparam.core.stats import part, ratio_interval

    inside = _enough(found, found.inside, 2)
    parts = []
    for low, high in itertools.pairwise(inside):
        ratio = ratio_interval(found.at(high, found.seeds), found.at(low, found.seeds))
        label = f"EMC at width {found.widths[high]} over EMC at width {found.widths[low]}"
        parts.append(part(label, ratio, at_least=SAME))
    return Finding(tuple(parts), _left_out(found, inside))


def compared(found: Searched, base: Searched, sign: int) -> Finding:
    """Paired ratio of EMC between two arms, the geometric mean over widths: above 1 (sign 1) or below (-1)."""
    seeds = tuple(seed for seed in found.seeds if seed in base.seeds)
    inside = _enough(found, [i for i in found.inside if i in base.inside], 1)
    if found.widths != base.widths or not seeds:
        raise MissingEvidence(f"'{found.arm}' and '{base.arm}' share no widths and seeds. Run them together.")
    means = [_over_widths(which, inside, seeds) for which in (found, base)]
    label = f"EMC of {found.arm} over EMC of {base.arm}, mean over {len(inside)} widths"
    return Finding((_ratio(label, means[0], means[1], sign),), _left_out(found, inside))


def halves(found: Searched, sign: int) -> Finding:
    """The ratio rule between two halves of the seeds of one arm, where nothing differs but the seeds."""
    inside, half = _enough(found, found.inside, 1), len(found.seeds) // 2
    if half < 2:
        raise MissingEvidence(f"halves of the seeds need at least 4 seeds, got {len(found.seeds)}. Add seeds.")
    means = [_over_widths(found, inside, own) for own in (found.seeds[half : 2 * half], found.seeds[:half])]
    label = f"EMC of one half of the seeds over the other half, {found.arm}"
    return Finding((_ratio(label, means[0], means[1], sign),))


def _pair(evidence: Evidence, name: str) -> tuple[Sizes, Sizes]:
    arm, _, base = name.partition("/")
    return sizes(evidence, arm), sizes(evidence, base or "base")


def _signs(label: str, here: Sequence[float], there: Sequence[float], sign: int) -> Part:
    from overparam.core.stats import part, sign_interval

    moved = [sign * ((a > b) - (a < b)) for a, b in zip(here, there, strict=True)]
    return part(label, sign_interval(moved), at_least=HALF, unit="of the seeds")


def _ratio(label: str, above: Sequence[float], below: Sequence[float], sign: int) -> Part:
    from overparam.core.stats import part, ratio_interval

    ratio = ratio_interval(above, below)
    return part(label, ratio, at_least=SAME) if sign > 0 else part(label, ratio, at_most=SAME)


def _near(steps: Sequence[float]) -> Part:
    from overparam.core.stats import Interval, mean_interval, part

    mean = mean_interval(steps)
    if mean.low is not None and mean.high is not None:
        low, high = min(mean.low, mean.mean - HALF_STEP), max(mean.high, mean.mean + HALF_STEP)
        mean = Interval(mean.mean, low, high, mean.n)
    return part("peak minus critical width", mean, at_least=-STEP, at_most=STEP, unit="grid steps")


def _stands_out(which: Sizes) -> tuple[Part, Part]:
    from overparam.core.lines import minimum_peak_end
    from overparam.core.stats import mean_interval, part

    low, peak, end = minimum_peak_end(which.test, which.left_end)
    return (
        part(
            f"rise from the left minimum to the peak ({which.arm})",
            mean_interval(peak - low),
            at_least=SOME,
            unit="points",
        ),
        part(
            f"fall from the peak to the right end ({which.arm})",
            mean_interval(peak - end),
            at_least=SOME,
            unit="points",
        ),
    )


def _reaching(found: Searched, which: Sizes) -> list[int | None]:
    """For each seed the index in the width grid of the first width with EMC >= n; None where it cannot be told."""
    places: list[int | None] = []
    for emc, censored in zip(found.emc, found.censored, strict=True):
        hits = [
            width
            for width, value, end in zip(found.widths, emc, censored, strict=True)
            if end > 0 or (value is not None and value >= which.samples)
        ]
        told = hits and hits[0] in which.widths and (hits[0] > found.widths[0] or hits[0] == which.widths[0])
        places.append(which.widths.index(hits[0]) if told else None)
    return places


def _over_widths(which: Searched, inside: Sequence[int], seeds: tuple[int, ...]) -> list[float]:
    from math import exp, fsum, log

    lines = [[log(value) for value in which.at(i, seeds)] for i in inside]
    return [exp(fsum(column) / len(column)) for column in zip(*lines, strict=True)]


def _enough(found: Searched, inside: Sequence[int], least: int) -> Sequence[int]:
    if len(inside) < least:
        raise MissingEvidence(
            f"EMC lies inside the grid of sample sizes for every seed at {len(inside)} of {len(found.widths)} "
            f"widths, asked at least {least}. Search at other widths (--emc-widths)."
        )
    return inside


def _left_out(found: Searched, inside: Sequence[int]) -> str:
    out = [str(width) for i, width in enumerate(found.widths) if i not in inside]
    return f"Left out, because a search hit an end of the grid: width {', '.join(out)}." if out else ""


def _where(which: Sizes) -> str:
    peaks = ", ".join(map(str, sorted({which.widths[i] for i in which.peaks})))
    return f"Peak at width {peaks}; median critical width {_named(which.critical)}."


def _word(sign: int) -> str:
    return "larger" if sign > 0 else "smaller"


def _named(widths: Sequence[float]) -> str:
    middle = median(widths)
    if middle == 0:
        return "below the grid"
    return "beyond the grid" if middle == float("inf") else f"{middle:.3g}"
