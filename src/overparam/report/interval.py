"""A small picture of one measured part: the effect, its interval and the cut-offs, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core.words import number
from overparam.report.words import bar, cutoff, estimate

_LOG_FROM = 20
_CLOSE = 40.0  # percent of the width: nearer cut-offs share one label


@dataclass(frozen=True)
class Plot:
    """Places in percent of the picture's width; None where a number is missing.

    Attributes:
        effect: the dot.
        low: lower end of the bar.
        high: upper end of the bar.
        allowed: where the claim asks the interval to lie, from and to.
        cuts: the cut-offs, each with its label and the side on which the label stands (start, middle, end).
        status: colours the dot.
        log: the scale is logarithmic.
        text: the picture in words, for those who cannot see it.
    """

    effect: float | None
    low: float | None
    high: float | None
    allowed: tuple[float, float]
    cuts: tuple[tuple[float, str, str], ...]
    status: str
    log: bool
    text: str


def plot(part: Mapping[str, Any], level: float | None = None) -> Plot | None:
    """Place a part on a scale that holds its effect, its interval and its cut-offs.

    The scale is linear, or logarithmic where all are positive and the largest is 20 times the smallest.

    Args:
        part: ``effect, low, high, at_least, at_most, unit, n, status`` as stored in a record.
        level: the level of the interval, for the words.

    Returns:
        Places in percent, or None when nothing was measured.
    """
    if part["effect"] is None:
        return None
    limits = [v for v in (part["at_least"], part["at_most"]) if v is not None]
    shown = [v for v in (part["effect"], part["low"], part["high"], *limits) if v is not None]
    log = min(shown) > 0 and max(shown) > _LOG_FROM * min(shown)
    to_scale: Callable[[float], float] = math.log if log else float
    first, last = to_scale(min(shown)), to_scale(max(shown))
    span = last - first or abs(part["effect"]) or 1.0
    start, width = first - 0.18 * span, 1.36 * span

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * (to_scale(value) - start) / width, 2)

    below, above = place(part["at_least"]), place(part["at_most"])
    allowed = (0.0 if below is None else below, 100.0 if above is None else above)
    if below is None and above is None:
        allowed = (0.0, 0.0)
    cuts = _cuts(part, below, above)
    words = f"{part['label']}: {estimate(part)}, {bar(part, level)}; asked: {cutoff(part)}"
    ends = place(part["low"]), place(part["high"])
    return Plot(place(part["effect"]), *ends, allowed, cuts, part["status"], log, words)


def _cuts(
    part: Mapping[str, Any], below: float | None, above: float | None
) -> tuple[tuple[float, str, str], ...]:
    """The cut-offs with their labels; two that are close have one label between them, so that none covers the other."""
    if below is not None and above is not None and abs(above - below) < _CLOSE:
        both = f"{number(part['at_least'])} to {number(part['at_most'])}"
        at = (below + above) / 2
        labels = (both, "") if at < 50 else ("", both)
        return (below, labels[0], _anchor(below)), (above, labels[1], _anchor(above))
    labelled = ((below, "≥", part["at_least"]), (above, "≤", part["at_most"]))
    return tuple((at, f"{sign} {number(value)}", _anchor(at)) for at, sign, value in labelled if at is not None)


def _anchor(at: float) -> str:
    return "start" if at < 25 else "end" if at > 75 else "middle"
