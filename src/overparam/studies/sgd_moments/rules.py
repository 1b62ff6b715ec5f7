"""The rules of the claims on stochastic gradient descent: functions of the evidence, cut-offs fixed before the data.

Each rule is applied to every setting (model, inputs, sizes) among the cells; all parts must hold. Rules that say
``never`` allow no failure: the worst seed is judged, with nothing but rounding allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from overparam.core import Check, Evidence, Finding, MissingEvidence, Part

ROUNDING = 1e-9  # relative, of quantities computed in float64
SMALL = (-1.2, -0.8)  # slope of log steps over log batch up to m*/2
LARGE = 0.25  # the same from 8 m* on, at most in size
ROOM = 4  # least m* with a slope to measure: two batch sizes up to m*/2
LEAVE, CALM = 2.0, -1.0  # powers of ten of the loss
OUT, IN = 1.5, 0.9  # shares of the largest stable step
TAIL = 0.1  # share of one run in the summed loss
NEAR = 0.1  # largest h


def mean_is_exact(evidence: Evidence, metric: str = "deviation") -> Finding:
    """Measured means lie within 3 standard errors (and 2 h of the first loss, for networks) of the exact ones."""
    label = "largest |measured - exact| over the distance allowed"
    return Finding(tuple(_over_seeds(evidence, metric, label, at_most=1.0)))


def rate_constant(evidence: Evidence, metric: str = "c") -> Finding:
    """The constant c of the rate does not fall as n grows."""
    import numpy as np

    from overparam.core.stats import mean_interval, part

    parts = []
    for label, rows in _settings(evidence, metric):
        slopes = [float(np.polyfit(np.log(values["size"]), np.log(values[metric]), 1)[0]) for _, values in rows]
        least = min(min(values[metric]) for _, values in rows)
        text = f"{label}slope of log c over log n (smallest c {least:.3g})"
        parts.append(part(text, mean_interval(slopes), at_least=0.0))
    return Finding(tuple(parts))


def within_guarantee(evidence: Evidence, metric: str = "over_guarantee") -> Finding:
    """The measured squared distance lies below the guarantee, and the exact mean never above it."""
    label = "(measured - 3 s.e.) over the guarantee, largest"
    parts = _over_seeds(evidence, metric, label, at_most=1.0)
    if metric == "over_guarantee":
        text = "exact mean over the guarantee, largest of all seeds"
        parts += _worst(evidence, "exact_over_guarantee", text, at_most=1.0 + ROUNDING)
    return Finding(tuple(parts))


def scales_then_saturates(evidence: Evidence, arm: str = "") -> Finding:
    """Steps fall as 1/m up to half the critical batch size and hardly beyond eight times it."""
    from overparam.core.stats import mean_interval, part

    parts, left = [], []
    for label, rows in _settings(evidence, "small_slope"):
        if min(values["critical"] for _, values in rows) < ROOM:
            left.append(label.rstrip(": ") or "the only setting")
            continue
        small, large = (_numbers(rows, f"{arm}{end}_slope") for end in ("small", "large"))
        parts.append(
            part(f"{label}slope up to m*/2", mean_interval(small), at_least=SMALL[0], at_most=SMALL[1])
        )
        parts.append(
            part(f"{label}slope from 8 m* to 32 m*", mean_interval(large), at_least=-LARGE, at_most=LARGE)
        )
    note = f"m* below {ROOM}, not judged: {'; '.join(left)}." if left else ""
    return Finding(tuple(parts), note)


def ordered(evidence: Evidence, metric: str = "below_necessary") -> Finding:
    """The sufficient bound is never above the exact threshold, which is never above the necessary one."""
    above = _worst(
        evidence,
        "above_sufficient",
        "log of exact over sufficient, smallest of all batch sizes and seeds",
        at_least=-ROUNDING,
    )
    below = _worst(
        evidence,
        metric,
        "log of necessary over exact, smallest of all batch sizes and seeds",
        at_least=-ROUNDING,
    )
    return Finding((*above, *below))


def leaves_above(evidence: Evidence, leaving: tuple[str, str] = ("leave_mean", "leave_median")) -> Finding:
    """Runs leave the minimum at 1.5 times the largest stable step and approach it at 0.9 times."""
    from overparam.core.stats import mean_interval, part

    parts = []
    for label, rows in _settings(evidence, "leave_mean"):
        for metric, word in zip(leaving, ("mean", "median"), strict=True):
            values = [_at(line, metric, OUT) for _, line in rows]
            text = f"{label}powers of ten that the {word} run leaves by at {OUT:g} eta*"
            parts.append(part(text, mean_interval(values), at_least=LEAVE))
        values = [_at(line, "end_median", IN) for _, line in rows]
        text = f"{label}powers of ten of the median run's last loss at {IN:g} eta*"
        parts.append(part(text, mean_interval(values), at_most=CALM))
    return Finding(tuple(parts))


def printed_is_necessary(evidence: Evidence, factor: float = 1.0) -> Finding:
    """No stable step exceeds a multiple of the printed bound: on the data, and at a minimum built against it."""
    shift = -math.log(factor)
    data = _worst(
        evidence,
        "over_printed",
        "log of the exact over the printed bound, largest of all batch sizes and seeds",
        at_most=ROUNDING,
        shift=shift,
    )
    built = _worst(
        evidence, "built_over_printed", "the same at the constructed minimum", at_most=ROUNDING, shift=shift
    )
    return Finding((*data, *built[:1]))


def light_tails(evidence: Evidence) -> Check:
    """No single run carries more than a tenth of a summed loss, and networks are near their linearisation."""
    tail, h = 0.0, 0.0
    for _, rows in _settings(evidence, "tail"):
        tail = max([tail, *_numbers(rows, "tail")])
        h = max([h, *_numbers(rows, "h")])
    return Check(
        tail <= TAIL and h <= NEAR,
        f"largest share of one run {tail:.3g} (at most {TAIL:g}), largest h {h:.3g} (at most {NEAR:g})",
    )


def has_room(evidence: Evidence) -> Check:
    """Some setting has a critical batch size of at least 4, and the accuracy is reached there."""
    good, texts = False, []
    for label, rows in _settings(evidence, "small_slope"):
        least = min(values["critical"] for _, values in rows)
        ends = ("small_slope", "large_slope", "fixed_small_slope", "fixed_large_slope")
        reached = all(values[end] is not None for _, values in rows for end in ends)
        good = good or (least >= ROOM and reached)
        texts.append(f"{label}m* at least {least:.3g}, accuracy {'' if reached else 'not '}reached")
    return Check(good, "; ".join(texts))


def _settings(evidence: Evidence, metric: str) -> list[tuple[str, list[Any]]]:
    """Cells that hold a metric, by setting, each with what tells it from the others as the start of a label."""
    rows = [row for row in evidence.rows if metric in row[1]]
    if not rows:
        raise MissingEvidence(
            f"no finished cell has '{metric}'. Run every model: --models linear,features,network."
        )
    axes = [name for name in rows[0][0] if name not in ("seed", "data")]
    several = [name for name in axes if len({row[0][name] for row in rows}) > 1]
    found: dict[str, list[Any]] = {}
    for row in rows:
        label = ", ".join(f"{name} {row[0][name]}" for name in several)
        found.setdefault(f"{label}: " if label else "", []).append(row)
    return sorted(found.items())


def _numbers(rows: Iterable[Any], metric: str) -> list[float]:
    return [math.nan if values[metric] is None else float(values[metric]) for _, values in rows]


def _over_seeds(evidence: Evidence, metric: str, text: str, **cut: float) -> list[Part]:
    from overparam.core.stats import mean_interval, part

    return [
        part(f"{label}{text}", mean_interval(_numbers(rows, metric)), **cut)  # type: ignore[arg-type]
        for label, rows in _settings(evidence, metric)
    ]


def _worst(
    evidence: Evidence,
    metric: str,
    text: str,
    at_least: float | None = None,
    at_most: float | None = None,
    shift: float = 0.0,
) -> list[Part]:
    """The worst seed of each setting, as a number without spread: no failure is allowed."""
    parts = []
    for label, rows in _settings(evidence, metric):
        values = [value + shift for value in _numbers(rows, metric)]
        worst = min(values) if at_least is not None else max(values)
        known = worst if math.isfinite(worst) else None
        parts.append(Part(f"{label}{text}", known, known, known, len(values), at_least, at_most))
    return parts


def _at(values: Any, metric: str, share: float) -> float:
    return float(values[metric][values["share_of_edge"].index(share)])
