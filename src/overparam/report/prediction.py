"""A prediction as a small table and a curve for notebooks: plain HTML and SVG, no script, no request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

WIDE, HIGH, EDGE = 420, 200, 34


def fragment(prediction: Mapping[str, Any]) -> str:
    """Return answer, table, curve and assumptions as one HTML fragment."""
    unit = "time" if prediction["rate"] is None else "step"
    heads = [unit, "train loss", *(["distance of the parameters"] if prediction["distance"] else [])]
    columns = ["steps", "train_loss", *(["distance"] if prediction["distance"] else [])]
    rows = zip(*([_number(value) for value in prediction[name]] for name in columns), strict=True)
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{v}</td>" for v in row) + "</tr>" for row in rows)
    reached = "".join(
        f"<li>{float(share):g} of the initial loss: {unit} {_number(at)}</li>"
        for share, at in prediction["steps_to"].items()
    )
    asked = "".join(
        f"<li><b>{one['state']}</b> {escape(one['name'])}: {escape(one['detail'])}</li>"
        for one in prediction["assumptions"]
    )
    return (
        f'<div style="font: 14px/1.45 sans-serif; max-width: 60rem"><p><b>{escape(prediction["kind"])}</b>, '
        f"{escape(prediction['network'])}, n = {prediction['n']}: {escape(prediction['answer'])}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{curve_svg(prediction)}"
        f"<ul>{reached}</ul><details><summary>Assumptions</summary><ul>{asked}</ul></details></div>"
    )


def curve_svg(prediction: Mapping[str, Any]) -> str:
    """The predicted train loss against the step, both logarithmic; empty where there is nothing to draw."""
    points = [(math.log10(s), math.log10(v)) for s, v in prediction["curve"] if s and v and s > 0 and v > 0]
    if len(points) < 2:
        return ""
    (left, right), (low, high) = ((min(v), max(v)) for v in zip(*points, strict=True))
    across, up = (right - left) or 1.0, (high - low) or 1.0
    places = " ".join(
        f"{EDGE + (WIDE - 2 * EDGE) * (a - left) / across:.1f},{HIGH - EDGE - (HIGH - 2 * EDGE) * (b - low) / up:.1f}"
        for a, b in points
    )
    name = "time" if prediction["rate"] is None else "steps"
    words = (
        f'<text x="{EDGE}" y="{HIGH - 14}">{10**left:.3g}</text>'
        f'<text x="{WIDE - EDGE}" y="{HIGH - 14}" text-anchor="end">{10**right:.3g} {name}</text>'
        f'<text x="{EDGE}" y="20">{10**high:.3g} train loss</text>'
        f'<text x="{EDGE + 4}" y="{HIGH - EDGE - 4}">{10**low:.3g}</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" role="img" font-size="11" '
        f'fill="currentColor" aria-label="predicted train loss over {name}, logarithmic axes">'
        f'<polyline points="{places}" fill="none" stroke="currentColor" stroke-width="1.6"/>{words}</svg>'
    )


def _number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.4g}"
