"""A rule judged on the cells of a run: every setting apart, through an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from overparam.core.arms import Arm, Choice
from overparam.core.claim import Evidence, Finding, Part
from overparam.core.errors import MissingEvidence
from overparam.core.estimates import interval
from overparam.core.expression import Expression
from overparam.core.places import Place, Region
from overparam.core.rule import Bound, Cut, Rule
from overparam.core.view import View, along, index, mask

OUTSIDE = ("seed", "data")


def judge(rule: Rule, arm: Arm, x: str, evidence: Evidence, free: Iterable[str] = ()) -> Finding:
    """Judge a rule.

    Args:
        rule: what is compared.
        arm: the cells and metrics that are read.
        x: the study's x, where the arm names none.
        evidence: the finished cells of a run on one data set.
        free: axes that are not settings: those that arms select or lines run along.

    Raises:
        MissingEvidence: no cell of the arm, or too few points or seeds.
    """
    reads, parts = rule.reads, []
    apart = [cut for cut in rule.cuts if not cut.together]
    for prefix, rows in settings(evidence, arm, free) if apart else ():
        parts += _parts(apart, View(rows, arm, arm.x or x, reads), prefix)
    rest = [cut for cut in rule.cuts if cut.together]
    parts += _parts(rest, View(evidence, arm, arm.x or x, reads), "") if rest else []
    return Finding(tuple(parts))


def _parts(cuts: Iterable[Cut], view: View, prefix: str) -> list[Part]:
    parts = []
    for cut in cuts:
        if not cut.each:
            parts += [_part(one, view, prefix) for one in _apart(cut, view)]
            continue
        if isinstance(cut.each, Region):
            parts += _at_every_point(cut, cut.each, view, prefix)
            continue
        for level in view.evidence.levels(cut.each):
            told = f"{prefix}{cut.each.replace('_', ' ')} {_shown(level)}: "
            parts.append(_part(cut, view.on(view.arm.but(**{cut.each: level})), told))
    return parts


def _at_every_point(cut: Cut, region: Region, view: View, prefix: str) -> list[Part]:
    inside, grid = mask(view, region), region.of[0]
    if not inside.any():
        raise MissingEvidence(f"no point with {region.words}. Add some to --{view.x}.")
    if view.reads:
        view.aligned()
    values = along(view, None, grid)
    return [
        _part(cut, view.at(i), f"{prefix}{grid.words} {values[i]:g}: ") for i, yes in enumerate(inside) if yes
    ]


def _apart(cut: Cut, view: View) -> list[Cut]:
    """A number with several values a seed (an escape that returns ``(seeds, values)``) is judged apart at each."""
    number: Any = cut.number
    many = view.read(number).y.shape[1:] if number.estimate not in ("ratio", "binomial") else ()
    if not many:
        return [cut]
    words = [f"{number.words}, {i + 1} of {many[0]}" for i in range(many[0])]
    return [
        replace(cut, number=replace(number, op="column", of=(number, i), words=text))
        for i, text in enumerate(words)
    ]


def _part(cut: Cut, view: View, prefix: str) -> Part:
    number: Any = cut.number
    low, high = _bound(view, cut.at_least, -cut.slack, number), _bound(view, cut.at_most, cut.slack, number)
    found = interval(view, number, low, high)
    effect = found.mean if math.isfinite(found.mean) else None
    known = effect is not None and found.low == found.low and found.high == found.high
    ends = (found.low, found.high) if known else (None, None)
    return Part(
        prefix + number.words, effect, *ends, found.n, low, high, number.unit,
        cut.contradicted_below, cut.contradicted_above,
    )  # fmt: skip


def _bound(view: View, bound: Bound | None, slack: float, number: Expression) -> float | None:
    if bound is None or not isinstance(bound, Expression):
        return bound
    if isinstance(bound, Place):
        line = number.of[0] if number.op == "hump_step" else None
        return index(view, bound, line) + slack
    return float(view.read(bound).y.mean())


def settings(evidence: Evidence, arm: Arm, free: Iterable[str] = ()) -> list[tuple[str, Evidence]]:
    """The cells of every setting that the arm has cells in, with what tells it from the others.

    An axis that a claim does not speak of (no arm selects it, no line runs along it) is judged apart by itself.

    Raises:
        MissingEvidence: the arm has no cells.
    """
    fixed = {axis: value for axis, value in arm.where.items() if not isinstance(value, Choice)}
    if not evidence.where(**fixed).rows:
        at = ", ".join(f"{axis} = {_shown(value)}" for axis, value in fixed.items())
        raise MissingEvidence(f"no finished cell{f' at {at}' if at else ''}. Run the study first.")
    apart = {*free, *arm.where, *OUTSIDE}
    names = [name for name in evidence.rows[0][0] if name not in apart]
    found: dict[tuple[Any, ...], list[Any]] = {}
    for row in evidence.rows:
        found.setdefault(tuple(_key(row[0].get(name)) for name in names), []).append(row)
    kept = {key: Evidence(tuple(rows)) for key, rows in found.items()}
    kept = {key: rows for key, rows in kept.items() if rows.where(**fixed).rows}
    if arm.only:
        kept = {key: rows for key, rows in kept.items() if arm.only.holds(rows.where(**fixed).rows)}
        if not kept:
            raise MissingEvidence(f"no finished cell with {arm.only.words}. Run the study's other settings.")
    several = [i for i in range(len(names)) if len({key[i] for key in kept}) > 1]
    told = {key: ", ".join(f"{names[i].replace('_', ' ')} {_shown(key[i])}" for i in several) for key in kept}
    return [
        (f"{told[key]}: " if told[key] else "", kept[key])
        for key in sorted(kept, key=lambda key: [_order(one) for one in key])
    ]


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _order(value: Any) -> tuple[bool, Any]:
    return (True, value) if isinstance(value, int | float) else (False, str(value))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
