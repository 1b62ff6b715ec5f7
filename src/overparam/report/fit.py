"""The range of the vertical axis: fitted to what is measured, so that a line near zero does not press it flat.

On a logarithmic axis a dashed line (training, theory, a reference) widens the range by a factor of ten each way at most;
on a hero picture it does not widen it at all. What leaves the picture is said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core.words import number
from overparam.report import rows
from overparam.report.hero import leads
from overparam.report.words import plain

_FAR = "1e300"  # of no line: Vega's expressions have no infinity
REACH = 10.0  # how far a dashed line widens a logarithmic axis


@dataclass(frozen=True)
class Span:
    """What one line asks of the vertical axis.

    Attributes:
        shown: an expression that is true while the line is shown.
        leads: whether it sets the range.
        hidden: whether it is hidden at first.
        name: its name.
        linear: smallest and largest value.
        log: the same among positive values; None where there is none.
        seeds: smallest and largest value of any seed.
        group: arm and data set.
    """

    shown: str
    leads: bool
    hidden: bool
    name: str
    linear: tuple[float, float]
    log: tuple[float, float] | None
    seeds: tuple[float, float]
    group: tuple[str | None, str]


def spans(chart: Mapping[str, Any]) -> list[Span]:
    """Return what every line of a chart asks of the vertical axis."""
    found = []
    for series in rows.whole(chart):
        first, last = rows.ends(chart, series)
        lines = (series["mean"], series["low"], series["high"])
        values = [v for line in lines for one in line if (v := rows.cut(one, first, last)) is not None]
        if not values:
            continue
        positive = [v for v in values if v > 0]
        each = [v for line in series["seeds"] for v in line if v is not None] + values
        arm = None if series["arm"] is None else plain(series["arm"])
        label, late = series["label"], rows.hidden_at_first(chart, series)
        names = f"arm === null ? {_text(rows.in_arm(chart, label, arm))} : {_text(label)}"
        in_arm = "true" if arm is None else f"(arm === null || arm === {_text(arm)})"
        shown = f"data_set === {_text(series['data'])} && {in_arm} && indexof(hidden, {names}) < 0"
        found.append(
            Span(
                f"({shown}{' && also' if late else ''})", leads(chart, series), late, label,
                (min(values), max(values)), (min(positive), max(positive)) if positive else None,
                (min(each), max(each)), (arm, series["data"]),
            )
        )  # fmt: skip
    return found


def _text(value: str) -> str:
    return json.dumps(value)


def expressions(chart: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters ``y_low`` and ``y_high`` as Vega expressions of the toggles."""
    found = spans(chart)
    if not found:
        return {"y_low": "0", "y_high": "1"}
    strict = bool((chart.get("hero") or {}).get("fit"))
    terms: dict[str, list[str]] = {"low": [], "high": []}
    alone: dict[str, list[str]] = {"low": [], "high": []}
    for one in found:
        for end, far in (("low", _FAR), ("high", f"-{_FAR}")):
            own = _value(one, end, far)
            alone[end].append(f"{one.shown} ? {own} : {far}")
            if one.leads:
                terms[end].append(f"{one.shown} ? {own} : {far}")
            elif not strict:
                terms[end].append(f"{one.shown} ? {_held(found, one, end, own, far)} : {far}")
    led = " || ".join(one.shown for one in found if one.leads) or "false"
    low, high = (
        f"(({led}) ? {_most(name, terms[end])} : {_most(name, alone[end])})"
        for name, end in (("min", "low"), ("max", "high"))
    )
    return {
        "y_led": led,
        "y_least": low, "y_most": high,
        "y_low": "y_least < 1e299 ? y_least : (y_log ? 0.1 : 0)",
        "y_high": "y_most > -1e299 && y_most > y_low ? y_most : (y_log ? 2 * y_low : y_low + 1)",
    }  # fmt: skip


def across(chart: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters ``x_least`` and ``x_most``, the same in all frames; empty for a chart without frames."""
    if not rows.frames(chart):
        return {}
    low = high = "0"
    for k, axis in enumerate(chart["x"]):
        every = [v for one in chart["series"] for v in one["x"][axis["name"]] if v is not None]
        positive = [v for v in every if v > 0]
        ends = [(min(some), max(some)) if some else (1.0, 2.0) for some in (positive, every)]
        ends = [(a, b) if a < b else (a / 2, 2 * b) if a > 0 else (a - 1, b + 1) for a, b in ends]
        (a, b), (c, d) = ends
        low, high = (
            f"x_axis === 'x{k}' ? (x_log ? {log:.9g} : {plain_:.9g}) : ({rest})"
            for log, plain_, rest in ((a, c, low), (b, d, high))
        )
    return {"x_least": low, "x_most": high}


def _most(name: str, terms: list[str]) -> str:
    return f"{name}({', '.join(terms)})" if terms else (_FAR if name == "min" else f"-{_FAR}")


def _value(one: Span, end: str, far: str) -> str:
    k = 0 if end == "low" else 1
    log = far if one.log is None else f"{one.log[k]:.6g}"
    return f"(y_log ? {log} : (seeds_shown ? {one.seeds[k]:.6g} : {one.linear[k]:.6g}))"


def _held(found: list[Span], one: Span, end: str, own: str, far: str) -> str:
    """A value held near those of the leading lines of its arm, on a logarithmic axis."""
    lead = _lead(found, one)
    if lead is None or one.log is None:
        return own
    held = max(one.log[0], lead[0] / REACH) if end == "low" else min(one.log[1], lead[1] * REACH)
    k = 0 if end == "low" else 1
    return f"(y_log ? {held:.6g} : (seeds_shown ? {one.seeds[k]:.6g} : {one.linear[k]:.6g}))"


def _lead(found: list[Span], one: Span) -> tuple[float, float] | None:
    near = [s.log for s in found if s.leads and s.group == one.group and s.log is not None]
    return (min(low for low, _ in near), max(high for _, high in near)) if near else None


def notes(chart: Mapping[str, Any]) -> dict[str, str]:
    """Return which lines leave the picture: ``fit`` on a logarithmic axis, ``also`` among those hidden at first."""
    found = spans(chart)
    strict = bool((chart.get("hero") or {}).get("fit"))
    gone: dict[bool, dict[str, dict[str, float]]] = {False: {}, True: {}}
    for one in found:
        lead = _lead(found, one)
        if one.leads or lead is None or one.log is None:
            continue
        reach = 1.0 if strict else REACH
        below, above = one.log[0] < lead[0] / reach, one.log[1] > lead[1] * reach
        near = [s.linear for s in found if s.leads and s.group == one.group]
        inside = min(a for a, _ in near) <= one.linear[0] and one.linear[1] <= max(b for _, b in near)
        if below or above or (strict and not inside):
            least, most = one.linear if strict and not chart["y_log"] else one.log
            far = gone[one.hidden].setdefault(one.name, {})
            if below or not above:
                far["down to"] = min(least, far.get("down to", math.inf))
            if above:
                far["up to"] = max(most, far.get("up to", -math.inf))
    fitted = dict.fromkeys(one.name for one in found if one.leads)
    return {
        key: _leaves(list(fitted), gone[hidden]) if gone[hidden] else ""
        for key, hidden in (("fit", False), ("also", True))
    }


def _leaves(fitted: list[str], gone: dict[str, dict[str, float]]) -> str:
    lines = ", ".join(
        f"{name} ({', '.join(f'{way} {number(value, 2)}' for way, value in far.items())})"
        for name, far in gone.items()
    )
    to = " and ".join(fitted) if len(fitted) <= 2 else "the solid lines"
    return f"The vertical axis is fitted to {to}; outside of it: {lines}."
