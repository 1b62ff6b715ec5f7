"""What rules over a grid of ratios share: settings judged apart, places on the grid, and whether it surrounds 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from overparam.core import Check, Evidence, MissingEvidence

WINDOW = (0.8, 1.25)  # of the ratio: around the place where a peak is expected
DENSE = 5  # grid points inside it
CLOSE = 0.02  # relative distance at which a ratio counts as the one asked for

Setting = Mapping[str, Any]


def settings(evidence: Evidence, names: Sequence[str]) -> list[dict[str, Any]]:
    """The distinct values of some axes among the cells, sorted: each is judged apart.

    Args:
        evidence: the finished cells of a run.
        names: the axes.

    Raises:
        MissingEvidence: there is no finished cell.

    >>> rows = (({"m": 2, "seed": 0}, {}), ({"m": 1, "seed": 0}, {}), ({"m": 1, "seed": 1}, {}))
    >>> settings(Evidence(rows), ("m",))
    [{'m': 1}, {'m': 2}]
    """
    found = {tuple((name, params[name]) for name in names if name in params) for params, _ in evidence.rows}
    if not found:
        raise MissingEvidence("no finished cell. Run the study first.")
    return [dict(pairs) for pairs in sorted(found)]


def label(evidence: Evidence, setting: Setting) -> str:
    """What tells a setting from the others, as the start of a label; empty if there is only one.

    >>> rows = (({"m": 2}, {}), ({"m": 1}, {}))
    >>> label(Evidence(rows), {"m": 1}), label(Evidence(rows[:1]), {"m": 2})
    ('m = 1: ', '')
    """
    several = [name for name in setting if len(evidence.levels(name)) > 1]
    text = ", ".join(f"{name} = {setting[name]:g}" for name in several)
    return f"{text}: " if text else ""


def at(ratio: Any, wanted: float, symbol: str, option: str) -> int:
    """Index of the ratio within 2 % of the one wanted.

    Args:
        ratio: the grid, shape ``(points,)``.
        wanted: the ratio asked for.
        symbol: what it is a multiple of, for the message.
        option: where to add it, for the message.

    Raises:
        MissingEvidence: the grid has none.
    """
    index = int(abs(ratio / wanted - 1).argmin())
    if abs(ratio[index] / wanted - 1) > CLOSE:
        raise MissingEvidence(f"no point within 2 % of {wanted:g} {symbol}. Add it to --{option}.")
    return index


def bracketed(
    evidence: Evidence, names: Sequence[str], symbol: str, ratios: Callable[[Evidence, Setting], Any]
) -> Check:
    """At least five points in [0.8, 1.25], one of them within 2 % of 1, in every setting.

    Args:
        evidence: the finished cells of a run.
        names: the axes whose values are judged apart.
        symbol: what the ratios are multiples of, for the detail.
        ratios: gives the grid of a setting, shape ``(points,)``.
    """
    texts, ok = [], True
    for setting in settings(evidence, names):
        ratio = ratios(evidence, setting)
        inside = int(((ratio >= WINDOW[0]) & (ratio <= WINDOW[1])).sum())
        nearest = float(ratio[abs(ratio - 1).argmin()])
        ok = ok and inside >= DENSE and abs(nearest - 1) <= CLOSE
        where = f"in [0.8, 1.25] {symbol}, the nearest to {symbol} at {nearest:.3g} {symbol}"
        texts.append(f"{label(evidence, setting)}{inside} points {where}")
    return Check(ok, "; ".join(texts))
