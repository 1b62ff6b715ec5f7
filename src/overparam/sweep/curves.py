"""From evidence to what the page draws: mean lines with intervals, and interpolation threshold lines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from overparam.core import Axis, Chart, Evidence, Series, Study, XAxis, clean
from overparam.core.looks import FIRST_LOOK
from overparam.core.stats import first_at_most, geometric_interval, mean_interval
from overparam.sweep.asked import asked, opened
from overparam.sweep.frames import framed
from overparam.sweep.units import drawn_in

_DIGITS = 6


def draw(study: Study, evidence: Mapping[str, Evidence]) -> list[dict[str, Any]]:
    """Return the study's charts with their series and lines, as JSON types.

    Args:
        study: the study.
        evidence: finished cells by data set.

    Returns:
        One dictionary a chart; a point shows the mean over its seeds with an interval at the level of the first
        look, or none at one seed. On a logarithmic vertical axis the mean is geometric and the interval formed on
        logarithms, as in the rules that judge ratios.
    """
    found = {data: opened(study, rows) for data, rows in evidence.items()}
    return [_chart(study, chart, found) for chart in (*study.charts, *asked(study, found))]


def _chart(study: Study, chart: Chart, evidence: Mapping[str, Evidence]) -> dict[str, Any]:
    series: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    y_title, times = drawn_in(study, chart)
    for data, rows in evidence.items():
        for arm in rows.levels(chart.arm) if chart.arm else (None,):
            arms = rows.where(**{chart.arm: arm}) if chart.arm else rows
            for suffix, part in _apart(study, chart, arms):
                base = {"arm": arm, "data": data}
                for frame, seen in framed(part, chart):
                    for one in chart.series:
                        drawn = _series(seen.where(**one.where), chart, one, times)
                        if drawn:
                            own = {"label": one.label + suffix, "metric": one.metric, "dashed": one.dashed}
                            series.append(
                                {**base, **({} if frame is None else {"frame": frame}), **own, **drawn}
                            )
                line = _fit_line(study, chart, part, suffix) if chart.fit else None
                if line:
                    lines.append({**base, **line})
    values = sorted({one["frame"] for one in series if "frame" in one}, key=lambda v: (isinstance(v, str), v))
    frames = {"frames": {"name": chart.frame, "title": chart.frame_title, "values": values}} if values else {}
    return clean(
        {
            "name": chart.name, "title": chart.title, "note": chart.note,
            "x": [_axis(x) for x in chart.x],
            "y_title": y_title, "y_log": chart.y_log, "arm": chart.arm, "arm_title": chart.arm_title,
            "level": FIRST_LOOK, "series": series, "lines": lines, **frames,
            **({} if chart.arm_first is None else {"arm_first": chart.arm_first}),
            **({"hero": asdict(study.hero)} if study.hero and study.hero.chart == chart.name else {}),
        }
    )  # fmt: skip


def _axis(x: XAxis) -> dict[str, Any]:
    plain = {"name": x.name, "title": x.title, "log": x.log and not x.names}
    return {**plain, "names": list(x.names)} if x.names else plain


def _apart(study: Study, chart: Chart, evidence: Evidence) -> list[tuple[str, Evidence]]:
    """Split by every other axis that has several values here, so that no line averages over what differs."""
    taken = {"seed", "data", chart.arm, chart.along, chart.frame, *(x.name for x in chart.x)}
    taken |= {k for s in chart.series for k in s.where}
    names = [
        a.name
        for a in study.axes
        if not a.inside_cell and a.name not in taken and len(evidence.levels(a.name)) > 1
    ]
    choices = itertools.product(*(evidence.levels(name) for name in names))
    return [
        ("".join(f", {_named(study.axis(k), value)}" for k, value in zip(names, values, strict=True)), part)
        for values in choices
        if (part := evidence.where(**dict(zip(names, values, strict=True)))).rows
    ]


def _named(axis: Axis, value: Any) -> str:
    """A value of an axis in words: those of its help, where it says what this value stands for.

    >>> _named(Axis("features", "Random features; 0 for the inputs themselves (64)."), 0)
    'the inputs themselves'
    """
    said = re.search(rf"(?<![\w.]){re.escape(str(value))} (?:means|for|is) ([^.;,(]+)", axis.help)
    return said.group(1).strip() if said else f"{axis.name.replace('_', ' ')} {value}"


def points(evidence: Evidence, metric: str, x: str) -> dict[float, dict[int, float | None]]:
    """Return ``{x: {seed: value}}`` for a metric over an axis or over a list inside the cells."""
    found: dict[float, dict[int, float | None]] = {}
    for params, values in evidence.rows:
        if metric not in values:
            continue
        if isinstance(values.get(x), list | tuple):
            pairs = zip(values[x], values[metric], strict=True)
        elif x in params or x in values:
            pairs = zip([params.get(x, values.get(x))], [values[metric]], strict=True)
        else:
            continue
        for place, value in pairs:
            if place is not None:
                found.setdefault(place, {})[params["seed"]] = value
    return found


def _series(evidence: Evidence, chart: Chart, one: Series, times: float) -> dict[str, Any] | None:
    main = chart.along or chart.x[0].name
    table = points(evidence, one.metric, main)
    if not table:
        return None
    if times != 1.0:
        scaled = ((p, {seed: v if v is None else times * v for seed, v in c.items()}) for p, c in table.items())
        table = dict(scaled)
    places = sorted(table)
    if (
        chart.along
    ):  # drawn in another order than measured, so a gap would break the line where nothing is missing
        places = [p for p in places if any(v is not None for v in table[p].values())]
    seeds = sorted({seed for column in table.values() for seed in column})
    values = [[v for v in table[p].values() if v is not None] for p in places]
    geometric = chart.y_log and all(v > 0 for column in values for v in column)
    stats = [geometric_interval(column) if geometric else mean_interval(column) for column in values]
    return {
        "x": {x.name: _along(evidence, main, x.name, places) for x in chart.x},
        "mean": [_round(s.mean) if s.n else None for s in stats],
        "low": [_round(s.low) for s in stats],
        "high": [_round(s.high) for s in stats],
        "n": [s.n for s in stats],
        "average": "geometric" if geometric else "arithmetic",
        "seed_names": seeds,
        "seeds": [[_round(table[p].get(seed)) for p in places] for seed in seeds],
    }


def _along(evidence: Evidence, main: str, other: str, places: list[float]) -> list[float | None]:
    """Translate places on the main axis to another axis (the mean over seeds where they differ)."""
    if other == main:
        return list(places)
    table = points(evidence, other, main)
    out: list[float | None] = []
    for place in places:
        values = [v for v in table.get(place, {}).values() if v is not None]
        out.append(_round(sum(values) / len(values)) if values else None)
    return out


def _fit_line(study: Study, chart: Chart, evidence: Evidence, suffix: str) -> dict[str, Any] | None:
    rule = study.fit
    if rule is None or rule.x not in {x.name for x in chart.x}:
        return None
    table = points(evidence, rule.metric, rule.x)
    places = sorted(table)
    seeds = sorted({seed for column in table.values() for seed in column})
    each = []
    for seed in seeds:
        line = [table[p].get(seed) for p in places]
        each.append(first_at_most(places, [float("inf") if v is None else v for v in line], rule.at_most))
    reached = sorted(p for p in each if p is not None)
    if not reached:
        return None
    middle, low, high = reached[(len(reached) - 1) // 2], reached[0], reached[-1]
    title = next(x.title for x in chart.x if x.name == rule.x)
    along = title[:1].lower() + title[1:] if title[1:2].islower() else title
    spread = "" if low == high else f" (from {low:g} to {high:g})"
    where = {
        name: {x.name: _along(evidence, rule.x, x.name, [value])[0] for x in chart.x}
        for name, value in (("x", middle), ("low", low), ("high", high))
    }
    return {
        "label": f"interpolation threshold{suffix}",
        **where,
        "n": len(reached),
        "detail": f"{rule.label} first at {along} {middle:g}{spread}, {len(reached)} of {len(seeds)} seeds",
    }


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
