"""A rule judged on the cells of a run: every setting apart, through an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from overparam.core.arms import Arm, Choice
from overparam.core.claim import Evidence, Finding, Part, Status
from overparam.core.errors import MissingEvidence
from overparam.core.estimates import interval
from overparam.core.expression import Expression
from overparam.core.places import Place, Region
from overparam.core.rule import Bound, Cut, Rule
from overparam.core.stats import FIRST_LOOK, mean_interval
from overparam.core.view import View, along, index, mask

LEAST_FALL = 4.0  # of what a limit promises, between the ends of the line
OUTSIDE = ("seed", "data")


@dataclass(frozen=True)
class Manner:
    """How a statement is judged.

    Attributes:
        level: confidence level of an interval, by the look.
        kind: claim, check or question: what the cut-offs themselves contradict.
        never: whether nothing contradicts it: a statement that something exists, or one outside its source's scope.
        somewhere: whether one setting is enough: a statement that something exists.
    """

    level: float = FIRST_LOOK
    kind: str = "claim"
    never: bool = False
    somewhere: bool = False


PLAIN = Manner()


@dataclass(frozen=True)
class _Asked:
    """A cut and the view that it is read in, before any interval is formed."""

    cut: Cut
    view: View
    label: str
    setting: str


def judge(
    rule: Rule, arm: Arm, x: str, evidence: Evidence, free: Iterable[str] = (), manner: Manner = PLAIN
) -> Finding:
    """Judge a rule.

    Support needs the interval of every part at the look's level. Where k parts can contradict, each does so only by its
    interval at an error of 1/k of the look's (Bonferroni), and so does each of k settings or points of which one is
    enough.

    Args:
        rule: what is compared.
        arm: the cells and metrics that are read.
        x: the study's x, where the arm names none.
        evidence: the finished cells of a run on one data set.
        free: axes that are not settings: those that arms select or lines run along.
        manner: how.

    Raises:
        MissingEvidence: no cell of the arm, or too few points or seeds.
    """
    reads, asked = rule.reads, []
    apart = [cut for cut in rule.cuts if not cut.together]
    for prefix, rows in settings(evidence, arm, free) if apart else ():
        asked += _asked(apart, View(rows, arm, arm.x or x, reads), prefix)
    rest = [cut for cut in rule.cuts if cut.together]
    asked += _asked(rest, View(evidence, arm, arm.x or x, reads), "") if rest else []
    shared = sum(_width(one, manner) for one in asked)
    among = len({one.setting for one in asked}) if manner.somewhere else 1
    parts = [_part(one, manner, shared, among) for one in asked]
    return Finding(tuple(part for some in parts for part in some), somewhere=manner.somewhere)


def _asked(cuts: Iterable[Cut], view: View, prefix: str) -> list[_Asked]:
    found = []
    for cut in cuts:
        if not cut.each:
            found.append(_Asked(cut, view, prefix + cut.number.words, prefix))
        elif isinstance(cut.each, Region):
            inside, grid = mask(view, cut.each), cut.each.of[0]
            if not inside.any():
                raise MissingEvidence(f"no point with {cut.each.words}. Add some to --{view.x}.")
            if view.reads:
                view.aligned()
            values = along(view, None, grid)
            found += [
                _Asked(cut, view.at(i), f"{prefix}{grid.words} {values[i]:g}: {cut.number.words}", prefix)
                for i, yes in enumerate(inside)
                if yes
            ]
        else:
            for value in view.evidence.levels(cut.each):
                told = f"{prefix}{cut.each.replace('_', ' ')} {_shown(value)}: {cut.number.words}"
                there = view.on(view.arm.but(**{cut.each: value}))
                found.append(_Asked(cut, there, told, prefix))
    return found


def _contradicted(cut: Cut, manner: Manner) -> bool:
    return not manner.never and (manner.kind != "claim" or cut.can_contradict)


def _width(one: _Asked, manner: Manner) -> int:
    """How many parts of it can contradict."""
    if not _contradicted(one.cut, manner):
        return 0
    return _many(one) if one.cut.number.op != "some" and not one.cut.trend else 1


def _many(one: _Asked) -> int:
    """How many values a seed has."""
    number: Any = one.cut.number
    if number.estimate in ("ratio", "binomial"):
        return 1
    found = one.view.read(number).y
    return int(found.shape[1]) if found.ndim > 1 else 1


def _part(one: _Asked, manner: Manner, shared: int, among: int) -> list[Part]:
    cut, view = one.cut, one.view
    number: Any = cut.number
    plain, wide = split(manner.level, among), split(manner.level, max(shared, 1))
    if cut.trend:
        return [_trend(one, manner, plain, wide)]
    low, high = _bound(view, cut.at_least, -cut.slack, number), _bound(view, cut.at_most, cut.slack, number)
    below, above = _excluded(cut, manner, low, high)
    proved, many = manner.kind == "check", _many(one)
    if many > 1 or (number.estimate not in ("ratio", "binomial") and view.read(number).y.ndim > 1):
        names = view.read(number).names or tuple(
            f", {i + 1} of {many}" if many > 1 else "" for i in range(many)
        )
        columns = [replace(number, op="column", of=(number, i)) for i in range(many)]
        plain = split(plain, many) if number.op == "some" else plain
    else:
        columns, names = [number], ("",)
    parts = []
    for column, name in zip(columns, names, strict=True):
        ends = interval(view, column, low, high, plain, proved=proved)
        apart = ends if wide == plain else interval(view, column, low, high, wide, proved=proved)
        effect = ends.mean if math.isfinite(ends.mean) else None
        known = effect is not None and ends.low == ends.low and ends.high == ends.high
        values = (ends.low, ends.high) if known else (None, None)
        more = (apart.low, apart.high) if known and apart is not ends else (None, None)
        parts.append(
            Part(
                one.label + name,
                effect,
                *values,
                ends.n,
                low,
                high,
                number.unit,
                below,
                above,
                *more,
                one.setting,
            )
        )
    return [_some(parts, one, many)] if number.op == "some" else parts


def _some(parts: list[Part], one: _Asked, many: int) -> Part:
    """Of all points the one that comes nearest; contradicted where every single one is."""
    best = Finding(tuple(parts))
    nearest = max(best.parts, key=lambda part: (part.status == "supported", part.margin))
    all_out = all(part.status == "contradicted" for part in parts)
    told = f"the best of {many} points, each at 1/{many} of the error" if many > 1 else ""
    decided = (
        "contradicted" if all_out else nearest.status if nearest.status != "contradicted" else "inconclusive"
    )
    return replace(nearest, setting=one.setting, decided=decided, told=told)


def split(level: float, parts: int) -> float:
    """The level at which each of some parts shares the error of one.

    >>> round(split(0.97, 3), 6)
    0.99
    """
    return 1 - (1 - level) / parts


def _excluded(
    cut: Cut, manner: Manner, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    if not _contradicted(cut, manner):
        return None, None
    if cut.stated or manner.kind != "claim":
        own = (cut.contradicted_below, cut.contradicted_above)
        return (low, high) if own == (None, None) or cut.stated else own
    return cut.contradicted_below, cut.contradicted_above


def _trend(one: _Asked, manner: Manner, plain: float, wide: float) -> Part:
    """A limit along a line, by its trend.

    y is what is measured minus the limit, at the left end (1) and the right end (K). Supported where y_K lies within
    the distance asked, or is at most half of y_1; contradicted where it is larger than y_1 on one side, beyond that
    distance, and no point between lies farther out. A plateau is inconclusive.
    """
    cut, number = one.cut, cast(Any, one.cut.number)
    limit, within, rate = cast(tuple[float, float, float], cut.trend)
    line = number.of[0]
    y, x = one.view.read(number).y - limit, along(one.view, line)
    if y.shape[1] < 3:
        raise MissingEvidence(f"a limit needs three points along {one.view.x}, got {y.shape[1]}. Add some.")
    promised = float((x.max() / x.min()) ** abs(rate)) if x.min() > 0 else math.inf
    if promised < LEAST_FALL * (1 - 1e-9):
        raise MissingEvidence(
            f"expected points over which {line.words} should fall at least {LEAST_FALL:g}-fold, got {promised:.2g}-fold from "
            f"{x.min():g} to {x.max():g}. Add values farther apart to --{one.view.x}."
        )
    first, last, mean = y[:, 0], y[:, -1], y.mean(axis=0)
    side = 1.0 if first.mean() >= 0 else -1.0

    def lower(values: Any, level: float) -> float:
        found = mean_interval(values, level)
        return -math.inf if found.low is None else found.low

    ends = mean_interval(last, plain)
    decided: Status = "inconclusive"
    told = f"from {mean[0]:.3g} at {x[0]:g} to {mean[-1]:.3g} at {x[-1]:g}"
    if len(y) > 1:
        near = ends.low is not None and ends.low >= -within and cast(float, ends.high) <= within
        halved = all(lower(side * first / 2 + sign * last, plain) >= 0 for sign in (1.0, -1.0))
        grows = _contradicted(cut, manner) and any(
            all(lower(t * last + sign * first, wide) > 0 for sign in (1.0, -1.0))
            and lower(t * last, wide) > within
            and t * mean[-1] >= (t * mean[1:-1]).max()
            for t in (1.0, -1.0)
        )
        decided = "supported" if near or halved else "contradicted" if grows else "inconclusive"
        told += f": {'it has arrived' if near else 'at most half is left' if halved else ''}".rstrip(": ")
    return Part(
        f"{one.label} minus {limit:g}, at {x[-1]:g}", ends.mean, ends.low, ends.high, ends.n, -within, within,
        number.unit, setting=one.setting, decided=decided, told=told,
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
