"""Pictures of the landscape between networks, as Vega-Lite: loss along paths, and the plane through three networks.

Both are drawn from plain values, so a study, a person's own pair of networks and a notebook can use them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overparam.report.theme import LIGHT

WORDS = {"loss": "loss", "error": "error (%)"}


def lines(paths: Sequence[Mapping[str, Any]], of: str) -> dict[str, Any]:
    """Loss or error along several paths, with both numbers at the pointer.

    Args:
        paths: each with ``name``, ``t``, ``loss`` and ``error`` (None where there is none); others are left out.
        of: ``loss`` or ``error``.
    """
    rows = [
        {"t": t, "path": one["name"], **_told(loss, error)}
        for one in paths
        if one.get("t")
        for t, loss, error in zip(one["t"], one["loss"], one["error"] or [None] * len(one["t"]), strict=True)
    ]
    names = list(dict.fromkeys(row["path"] for row in rows))
    x = {"field": "t", "type": "quantitative", "title": "place t on the path: 0 is a, 1 is b"}
    y = {"field": of, "type": "quantitative", "title": WORDS[of], "scale": {"zero": True}}
    colour = {
        "field": "path", "type": "nominal", "scale": {"domain": names, "range": list(LIGHT[: len(names)])},
        "legend": {"orient": "bottom", "columns": 3},
    }  # fmt: skip
    base = {"x": x, "y": y, "color": colour}
    return {
        "data": {"values": rows},
        "width": "container",
        "height": 260,
        "autosize": {"type": "fit", "contains": "padding"},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {**base, "strokeDash": {"field": "path", "legend": None}}},
            {
                "mark": {"type": "point", "filled": True, "size": 46},
                "encoding": {**base, "tooltip": [_tip("path"), _tip("t"), *_tips(rows)]},
            },
        ],
    }  # fmt: skip


def surface(plane: Mapping[str, Any], of: str = "loss") -> dict[str, Any]:
    """The plane through three networks as a map of loss or error, with the networks and a path; hover gives both numbers.

    Args:
        plane: ``across`` and ``up`` (coordinates of columns and rows), ``loss`` and ``error`` (rows of numbers; None where there
            is no error), ``names`` and ``corners`` of the three networks, ``curve`` (points of a path, may be empty).
        of: ``loss`` or ``error``.
    """
    across, up = plane["across"], plane["up"]
    half = [(side[1] - side[0]) / 2 for side in (across, up)]
    cells = []
    for j, y in enumerate(up):
        for i, x in enumerate(across):
            loss = plane["loss"][j][i]
            error = None if plane["error"] is None else plane["error"][j][i]
            cells.append(
                {"x": x, "y": y, "x0": x - half[0], "x1": x + half[0], "y0": y - half[1], "y1": y + half[1], **_told(loss, error)}
            )  # fmt: skip
    seen = [one[of] for one in cells if one[of] is not None]
    marks = [
        {"x": x, "y": y, "name": name} for name, (x, y) in zip(plane["names"], plane["corners"], strict=True)
    ]
    path = [{"x": x, "y": y, "order": k} for k, (x, y) in enumerate(plane["curve"])]
    ends = {
        "x": [across[0] - half[0], across[-1] + half[0]],
        "y": [up[0] - half[1], up[-1] + half[1]],
    }  # fmt: skip

    def axis(name: str) -> dict[str, Any]:
        return {
            "type": "quantitative", "scale": {"domain": ends[name], "nice": False, "zero": False},
            "title": "distance in the weights", "axis": {"grid": False, "tickCount": 5},
        }  # fmt: skip

    x, y = axis("x"), axis("y")
    colour = {
        "field": of, "type": "quantitative", "title": WORDS[of],
        "scale": {"scheme": "cividis", "reverse": True, "type": "log" if of == "loss" and seen and min(seen) > 0 else "linear"},
        "legend": {"orient": "bottom", "direction": "horizontal", "gradientLength": 200, "title": WORDS[of]},
    }  # fmt: skip
    return {
        "width": "container",
        "height": 340,
        "autosize": {"type": "fit", "contains": "padding"},
        "layer": [
            {
                "data": {"values": cells},
                "mark": {"type": "rect", "invalid": "filter"},
                "encoding": {
                    "x": {"field": "x0", **x}, "x2": {"field": "x1"}, "y": {"field": "y0", **y}, "y2": {"field": "y1"},
                    "color": colour, "tooltip": [*_tips(cells), _tip("x", "along a to b"), _tip("y", "at right angles")],
                },
            },
            {
                "data": {"values": path},
                "mark": {"type": "line", "color": "#ffffff", "strokeWidth": 2.5, "strokeDash": [6, 3]},
                "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}, "order": {"field": "order"}},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "point", "filled": True, "size": 90, "color": "#ffffff", "stroke": "#16191d", "strokeWidth": 2},
                "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}, "tooltip": [_tip("name", "network")]},
            },
            {
                "data": {"values": marks},
                "mark": {
                    "type": "text", "dy": -13, "fontWeight": 700, "fontSize": 14, "color": "#16191d", "stroke": "#ffffff",
                    "strokeWidth": 3, "strokeOpacity": 0.9,
                },
                "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}, "text": {"field": "name"}},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "text", "dy": -13, "fontWeight": 700, "fontSize": 14, "color": "#16191d"},
                "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}, "text": {"field": "name"}},
            },
        ],
    }  # fmt: skip


def _told(loss: Any, error: Any) -> dict[str, Any]:
    return {"loss": loss, "error": None if error is None else 100 * error}


def _tips(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    whole = [_tip("loss")]
    return [*whole, _tip("error", WORDS["error"])] if any(row["error"] is not None for row in rows) else whole


def _tip(name: str, title: str = "") -> dict[str, Any]:
    kind = "nominal" if name in ("path", "name") else "quantitative"
    form = {} if kind == "nominal" else {"format": ".4~g"}
    return {"field": name, "type": kind, "title": title or name, **form}
