"""The page of a checkup, from plain values: one HTML document with small drawings and no request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.core.words import number
from overparam.report.page import asset, embed, environment, raw, sha256
from overparam.report.theme import DARK, LIGHT

WIDE, HIGH, LEFT, EDGE = 560, 210, 46, 26
MARKS = {"yes": "supported", "no": "contradicted", "inconclusive": "inconclusive"}
ORDER = ("yes", "no", "inconclusive", "not run", "not applicable")


def render(record: Mapping[str, Any]) -> str:
    """Return the page of a checkup's record.

    Args:
        record: as ``Checkup.shown`` gives it, plain JSON types. Every text of it is shown as text.
    """
    script = asset("page.js")
    return (
        environment()
        .get_template("checkup.html")
        .render(
            r=record,
            answers=[_ready(one) for one in record["answers"]],
            counts=[(status, record["counts"][status]) for status in ORDER if status in record["counts"]],
            marks=MARKS,
            settings=embed({"normal": {}, "large": {}, "hues": LIGHT}),
            stored=embed(_without_texts(record)),
            hues={"light": LIGHT, "dark": DARK},
            script=raw(script),
            hashes=[sha256(script)],
        )
    )


def fragment(record: Mapping[str, Any]) -> str:
    """Return every answer as one HTML fragment with its own styles, for a notebook's ``_repr_html_``."""
    return (
        environment()
        .get_template("checkup_summary.html")
        .render(r=record, answers=[_ready(one) for one in record["answers"]], marks=MARKS)
    )


def write(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page atomically.

    Raises:
        StoreError: the folder cannot be written; the old page, if any, is untouched.
    """
    return write_text(Path(path), render(record))


def _without_texts(value: Any) -> Any:
    """The plain values of a record, without what was put into words for the page."""
    if isinstance(value, Mapping):
        return {name: _without_texts(one) for name, one in value.items() if name not in ("told", "cells")}
    return [_without_texts(one) for one in value] if isinstance(value, list | tuple) else value


def _ready(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {**answer, "tables": [{**one, "drawn": curve_svg(one)} for one in answer["tables"]]}


def curve_svg(table: Mapping[str, Any]) -> Any:
    """A table's curve with its interval; empty where it says none or has less than two points.

    Args:
        table: with ``curve``: the places of ``x`` and ``y`` among the columns, and of ``low``, ``high`` where there are any;
            ``log`` for the horizontal axis.
    """
    curve = table.get("curve")
    if not curve:
        return ""
    rows = [row for row in table["rows"] if _real(row[curve["x"]]) and _real(row[curve["y"]])]
    if len(rows) < 2 or (curve.get("log") and min(row[curve["x"]] for row in rows) <= 0):
        return ""
    across = [math.log(row[curve["x"]]) if curve.get("log") else row[curve["x"]] for row in rows]
    ends = [
        row[curve[name]]
        for name in ("y", "low", "high")
        if name in curve
        for row in rows
        if _real(row[curve[name]])
    ]
    x_at, y_at = _scale(across, LEFT, WIDE - EDGE), _scale(ends, HIGH - EDGE, EDGE)
    line = " ".join(f"{x_at(a):.1f},{y_at(row[curve['y']]):.1f}" for a, row in zip(across, rows, strict=True))
    bars = "".join(
        f'<line class="ci" x1="{x_at(a):.1f}" x2="{x_at(a):.1f}" y1="{y_at(row[curve["low"]]):.1f}" '
        f'y2="{y_at(row[curve["high"]]):.1f}"/>'
        for a, row in zip(across, rows, strict=True)
        if "low" in curve and _real(row[curve["low"]]) and _real(row[curve["high"]])
    )
    dots = "".join(
        f'<circle cx="{x_at(a):.1f}" cy="{y_at(row[curve["y"]]):.1f}" r="3.2"/>'
        for a, row in zip(across, rows, strict=True)
    )
    marks = "".join(
        f'<text x="{x_at(across[i]):.1f}" y="{HIGH - 8}" text-anchor="middle">{escape(number(rows[i][curve["x"]], 3))}</text>'
        for i in _spread(across, x_at)
    ) + "".join(
        f'<text x="{LEFT - 8}" y="{y_at(value) + 4:.1f}" text-anchor="end">{escape(number(value, 3))}</text>'
        for value in (min(ends), max(ends))
    )  # fmt: skip
    heads = [escape(str(table["columns"][curve[name]])) for name in ("x", "y")]
    return raw(
        f'<svg class="curve" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{heads[1]} against {heads[0]}">'
        f'<text x="{LEFT}" y="14">{heads[1]} against {heads[0]}</text>{bars}'
        f'<polyline points="{line}"/>{dots}{marks}</svg>'
    )


def _spread(across: Sequence[float], at: Any) -> list[int]:
    """Points whose labels do not run into each other."""
    kept: list[int] = []
    for i in sorted(range(len(across)), key=lambda i: across[i]):
        if not kept or at(across[i]) - at(across[kept[-1]]) > 44:
            kept.append(i)
    return kept


def _scale(values: Sequence[float], start: float, stop: float) -> Any:
    low, high = min(values), max(values)
    width = (high - low) or 1.0
    return lambda value: start + (stop - start) * (value - low) / width


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
