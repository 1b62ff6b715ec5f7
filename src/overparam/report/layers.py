"""The layers of a chart in Altair's classes: interpolation thresholds, single seeds, mean lines, interval bars, points.

``altair.Chart`` copies a chart at every step (0.3 s for one of these); its specification classes do not (4 ms).
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from overparam.core.words import superscript
from overparam.report import fit, rows
from overparam.report.theme import LIGHT, SHAPES
from overparam.report.view import ALL, View
from overparam.report.words import percent

_WIDTH, _HEIGHT = 660, 380
_SOLID, _DASHED = [1, 0], [6, 4]
_ZOOM = "wheel![event.altKey || event.ctrlKey || event.metaKey]"
_SHOWN = "data_set === datum.data && (arm === null || datum.arm === arm)"
_FRAME = " && datum.frame === frame"
_POWERS = json.dumps([superscript(k) for k in range(-40, 41)], ensure_ascii=False)
_TEN = "floor(log(datum.value) / LN10 + 1e-9)"
_FRONT = f"round(datum.value / pow(10, {_TEN}))"
_LABEL = (  # of a logarithmic axis far from 1: a power of ten
    "y_log && datum.label !== '' && (datum.value < 9e-4 || datum.value > 9e5) && abs(log(datum.value)) < 90 ? "
    f"({_FRONT} === 1 ? '' : {_FRONT} + '·') + '10' + {_POWERS}[{_TEN} + 40] : datum.label"
)
_WANTED = "(also || !datum.toggled)"
_PLACED = "isValid(datum.x) && (!x_log || datum.x > 0)"


def picture(chart: Mapping[str, Any], view: View, *, screen: bool) -> Any:
    """Return an Altair layer specification whose data are the named sets ``points``, ``seeds`` and ``lines``.

    Each toggle touches its own places of the specification: names and numbers live in parameters, only the arm
    changes the colour scale, and only the axes the axes. So patches of different toggles can be combined.

    Args:
        chart: one of a record's ``charts``.
        view: the setting of the toggles.
        screen: for the page: as wide as its container, without title and legend.
    """
    import altair as alt

    layers = [
        _fit_points(alt, chart, view),
        _single_seeds(alt, chart, view, screen),
        _measured(alt, chart, view, screen),
    ]
    title: dict[str, Any] = (
        {} if screen else {"title": alt.TitleParams(text=chart["title"], subtitle=_subtitle(chart, view))}
    )
    return alt.TopLevelLayerSpec(
        layer=layers,
        params=[
            *(alt.VariableParameter(name=name, value=value) for name, value in _settings(chart, view).items()),
            *(alt.VariableParameter(name=name, expr=text) for name, text in fit.expressions(chart).items()),
            *(alt.VariableParameter(name=name, expr=text) for name, text in fit.across(chart).items()),
        ],
        description=f"{chart['title']}: {chart['y_title']}. {rows.seed_counts(chart)}.",
        width="container" if screen else _WIDTH,
        height=_HEIGHT,
        **title,
    )


def _settings(chart: Mapping[str, Any], view: View) -> dict[str, Any]:
    positive = [
        v for r in rows.points(chart) for v in (r["mean"], r["low"], r["high"]) if v is not None and v > 0
    ]
    return {
        "arm": None if view.arm == ALL else view.arm, "data_set": view.data, "x_axis": f"x{view.x}",
        "x_low": f"a{view.x}", "x_high": f"b{view.x}", "x_log": view.x_log, "y_log": view.y_log,
        "seeds_shown": view.seeds, "also": view.also, "hidden": [], "floor": min(positive, default=1.0),
        **({"frame": view.frame} if rows.frames(chart) else {}),
    }  # fmt: skip


def _subtitle(chart: Mapping[str, Any], view: View) -> list[str]:
    """Lines under the title of a file; as many in every view, so that each has one toggle."""
    notes = {**rows.log_notes(chart), **fit.notes(chart)}
    counts = rows.seed_counts(chart)
    lines = [counts, str(view.data)]
    if rows.arms(chart):
        arm = ALL if view.arm is None or view.arm == ALL else rows.arm_words(chart, view.arm)
        lines = [f"{chart['arm_title']}: {arm}", f"{view.data}: {counts}"]
    if rows.frames(chart):
        lines.insert(0, rows.frame_words(chart, view.frame))
    across = [k for k in notes if k not in ("y", "fit", "also")]
    for on, keys in ((view.y_log, ["y", "fit"]), (view.also, ["also"]), (view.x_log, across)):
        for line in textwrap.wrap(" ".join(notes[k] for k in keys if notes[k]), 105):
            lines.append(line if on else "")
    return lines


def _calculate(alt: Any, **expressions: str) -> list[Any]:
    return [alt.CalculateTransform(calculate=text, **{"as": name}) for name, text in expressions.items()]


def _chosen(alt: Any, chart: Mapping[str, Any]) -> list[Any]:
    """Keep the rows of the arm, data set and frame shown, and name the lines after what is seen together."""
    return [
        alt.FilterTransform(filter=f"{_SHOWN}{_FRAME if rows.frames(chart) else ''} && {_WANTED}"),
        *_calculate(alt, line="arm === null ? datum.name_all : datum.name", x="datum[x_axis]"),
        alt.FilterTransform(filter=f"indexof(hidden, datum.line) < 0 && {_PLACED}"),
        *_calculate(
            alt,
            y="y_log && datum.mean <= 0 ? null : datum.mean",
            bar_low="y_log && datum.low !== null && datum.low <= 0 ? floor : datum.low",
        ),
    ]


def _scale(alt: Any, log: bool) -> Any:
    kind = {"type": "log"} if log else {"type": "linear", "zero": False}
    return alt.Scale(**kind, nice=False, padding=14)


def _names(chart: Mapping[str, Any]) -> list[str]:
    """Names of the places 1, 2, 3, ... on the horizontal axis; none where it has numbers."""
    return list(chart["x"][0].get("names", ()))


def _x(alt: Any, chart: Mapping[str, Any], view: View, field: str = "x") -> Any:
    title, names = chart["x"][view.x]["title"], _names(chart)
    if not names:
        scale = _scale(alt, view.x_log)
        if rows.frames(chart):  # the same axis in every frame
            scale.domain = [{"expr": "x_least"}, {"expr": "x_most"}]
        return alt.X(f"{field}:Q", title=title, scale=scale)
    axis = alt.Axis(
        values=list(range(1, len(names) + 1)),
        labelExpr=f"{json.dumps(names)}[datum.value - 1]",
        labelAngle=-35,
        labelLimit=190,
        labelOverlap=False,
    )
    ends = alt.Scale(domain=[0.5, len(names) + 0.5], nice=False, zero=False)
    return alt.X(f"{field}:Q", title=title, scale=ends, axis=axis)


def _y(alt: Any, chart: Mapping[str, Any], view: View, field: str = "y") -> Any:
    power = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-9"
    grid = {"condition": {"test": f"!y_log || {power}", "value": 1}, "value": 0.35}
    scale = _scale(alt, view.y_log)
    scale.domain = [{"expr": "y_low"}, {"expr": "y_high"}]
    axis = alt.Axis(gridOpacity=grid, labelExpr=_LABEL, titleY=-10 - 15 * _labelled(chart, view))
    return alt.Y(f"{field}:Q", title=chart["y_title"], scale=scale, axis=axis)


def _labelled(chart: Mapping[str, Any], view: View) -> int:
    """Rows of labels of thresholds above the picture, over which the title of the vertical axis stands."""
    if not chart["lines"]:
        return 0
    which = "row" if view.arm == ALL else "level"
    return max(row[which] for row in rows.fit_lines(chart)) + 1


def _styled(alt: Any, chart: Mapping[str, Any], view: View, screen: bool) -> dict[str, Any]:
    """Colour, dash and shape channels: hues tell series apart, or arms when all arms are shown together."""
    names: list[str] = []
    looks: dict[str, list[Any]] = {"color": [], "strokeDash": [], "shape": []}
    series, arms = rows.labels(chart), rows.arms(chart)
    for a, arm in enumerate(arms if view.arm == ALL else [None]):
        rank = {False: 0, True: 0}
        for i, (label, dashed) in enumerate(series):
            hue = rank[dashed] * len(arms) + a if view.arm == ALL else i
            rank[dashed] += 1
            names.append(rows.in_arm(chart, label, arm))
            looks["color"].append(LIGHT[hue % len(LIGHT)])
            looks["strokeDash"].append(_DASHED if dashed else _SOLID)
            looks["shape"].append(SHAPES[i % len(SHAPES)])
    legend = None if screen else alt.Legend(title=None, symbolOpacity=1, symbolStrokeWidth=0, **_listed(chart))
    kinds = {"color": alt.Color, "strokeDash": alt.StrokeDash, "shape": alt.Shape}
    return {
        channel: kind("line:N", sort=None, legend=legend, scale=alt.Scale(domain=names, range=looks[channel]))
        for channel, kind in kinds.items()
    }


def _listed(chart: Mapping[str, Any]) -> dict[str, Any]:
    """The lines of a file's legend: without those that are hidden at first, until they are asked for."""
    late = hidden_labels(chart)
    if not late:
        return {}
    one = [label for label, _ in rows.labels(chart)]
    every = [rows.in_arm(chart, label, arm) for arm in rows.arms(chart) for label in one] or one
    texts = [json.dumps(names) for names in (every, [n for n in every if n not in late], one, [
        n for n in one if n not in late])]  # fmt: skip
    return {
        "values": {
            "expr": f"arm === null ? (also ? {texts[0]} : {texts[1]}) : (also ? {texts[2]} : {texts[3]})"
        }
    }


def hidden_labels(chart: Mapping[str, Any]) -> list[str]:
    """Names of the lines that are hidden at first, alone and beside other arms."""
    late = [s for s in chart["series"] if rows.hidden_at_first(chart, s)]
    return list(
        dict.fromkeys(
            name
            for row in rows.seed_lines({**chart, "series": late})
            for name in (row["name"], row["name_all"])
        )
    )


def _unit(alt: Any, mark: dict[str, Any], encoding: dict[str, Any], **more: Any) -> Any:
    return alt.UnitSpec(mark=alt.MarkDef(**{"clip": True, **mark}), encoding=alt.Encoding(**encoding), **more)


def _measured(alt: Any, chart: Mapping[str, Any], view: View, screen: bool) -> Any:
    look = _styled(alt, chart, view, screen)
    x, y = _x(alt, chart, view), _y(alt, chart, view)
    places = {"x": x, "y": y}
    names = _names(chart)
    along = [alt.Tooltip(f"x{k}:Q", title=axis["title"], format=",.4~g") for k, axis in enumerate(chart["x"])]
    tooltip = [
        alt.Tooltip("line:N", title="line"),
        *([alt.Tooltip("place:N", title=chart["x"][0]["title"])] if names else along),
        alt.Tooltip("shown:N", title=chart["y_title"]),
        alt.Tooltip("interval:N", title=f"{percent(chart.get('level'))} interval"),
    ]
    grid = alt.SelectionParameter(
        name="grid",
        bind="scales",
        select=alt.IntervalSelectionConfig(
            type="interval", zoom=False if view.touch else _ZOOM, translate=not view.touch
        ),
    )
    units = [
        _unit(
            alt,
            {"type": "line", "strokeWidth": 0 if names else 2},
            {**places, "color": look["color"], "strokeDash": look["strokeDash"]},
        ),
        _unit(
            alt,
            {"type": "rule", "strokeWidth": 1.6, "opacity": 0.75},
            {"x": x, "y": _y(alt, chart, view, "bar_low"), "y2": alt.Y2("high"), "color": look["color"]},
            transform=[
                alt.FilterTransform(filter="datum.y !== null && isValid(datum.low) && isValid(datum.high)")
            ],
        ),
        _unit(
            alt,
            {"type": "point", "filled": True, "size": 90 if names else 38, "opacity": 1},
            {**places, "color": look["color"], "shape": look["shape"]},
        ),
        _unit(
            alt,
            {"type": "point", "filled": True, "size": 420, "opacity": 0},
            {**places, "tooltip": tooltip},
            name="hover",
            params=[grid],
        ),
    ]
    named = _calculate(alt, place=f"{json.dumps(names)}[datum.x - 1]") if names else []
    return alt.LayerSpec(
        layer=units, data=alt.NamedData(name="points"), transform=[*_chosen(alt, chart), *named]
    )


def _single_seeds(alt: Any, chart: Mapping[str, Any], view: View, screen: bool) -> Any:
    encoding = {
        "x": _x(alt, chart, view),
        "y": _y(alt, chart, view),
        "color": _styled(alt, chart, view, screen)["color"],
        "detail": [alt.Detail("seed:N"), alt.Detail("line:N")],
    }
    mark: dict[str, Any] = {"type": "line", "strokeWidth": 1, "opacity": 0.4}
    if _names(chart):
        mark = {"type": "tick", "thickness": 1, "opacity": 0.5}
    places = [f"x{k}" for k in range(len(chart["x"]))]
    transform = [
        alt.FilterTransform(filter="seeds_shown"),
        alt.FlattenTransform(flatten=["seed", "mean"]),
        alt.FlattenTransform(flatten=[*places, "mean"]),
        *_chosen(alt, chart),
    ]
    return _unit(alt, mark, encoding, data=alt.NamedData(name="seeds"), transform=transform)


def _fit_points(alt: Any, chart: Mapping[str, Any], view: View) -> Any:
    """Interpolation thresholds with their bands; arms shown together differ in hue and in their dashes."""
    x = _x(alt, chart, view)
    detail = {"tooltip": alt.Tooltip("detail:N", title="interpolation threshold")}
    inside = alt.ConditionalValueDefnumberExprRef(test="inrange(datum.x, domain('x'))", value=1)
    side = "scale('x', datum.x) > 0.7 * width ? 'right' : scale('x', datum.x) < 0.3 * width ? 'left' : 'center'"
    label = {
        "x": x,
        "y": alt.Y("height:Q", scale=None, axis=None),
        "text": alt.Text("shown:N"),
        "opacity": alt.OpacityValue(value=0, condition=inside),
    }
    tint = alt.Color("tint:N", scale=None)
    dash = alt.StrokeDash("dash:N", scale=None)
    units = [
        _unit(
            alt,
            {"type": "rect", "opacity": 0.11},
            {"x": _x(alt, chart, view, "a"), "x2": alt.X2("b"), "color": tint, **detail},
        ),
        _unit(alt, {"type": "rule", "strokeWidth": 1.5}, {"x": x, "color": tint, "strokeDash": dash}),
        _unit(alt, {"type": "rule", "strokeWidth": 14, "opacity": 0}, {"x": x, **detail}),
        _unit(alt, {"type": "text", "baseline": "bottom", "clip": False, "align": {"expr": side}}, label),
    ]
    return alt.LayerSpec(
        layer=units,
        data=alt.NamedData(name="lines"),
        transform=[
            alt.FilterTransform(filter=_SHOWN),
            *_calculate(
                alt,
                shown="arm === null ? datum.label_all : datum.label",
                tint="arm === null ? datum.hue : 'gray'",
                x="datum[x_axis]",
                a="datum[x_low]",
                b="datum[x_high]",
                height="-6 - 15 * (arm === null ? datum.row : datum.level)",
            ),
            alt.FilterTransform(filter=_PLACED),
        ],
    )
