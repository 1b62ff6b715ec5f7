"""The page of a predicted risk curve, from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.report.charts import parcel
from overparam.report.page import asset, bundle, embed, environment, raw, sha256
from overparam.report.theme import DARK, LIGHT, config

_LINES = (
    ("risk", "predicted test error", False),
    ("variance", "part from label noise", False),
    ("optimal_risk", "best penalty at each width", False),
    ("floor", "Holzmüller's floor for the noise part", True),
    ("kernel", "kernel: many features", True),
)


def record(curve: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows: a curve's values and words, a title, a question and the chart.

    Args:
        curve: plain values; what is infinite is None there, and said in words in ``rows`` and ``facts``.
    """
    return {
        **curve,
        "study": "risk",
        "title": "Predicted risk curve",
        "question": "Do more parameters hurt, when, and why?",
        "charts": [_chart(curve)],
    }


def _chart(curve: Mapping[str, Any]) -> dict[str, Any]:
    widths, n = curve["widths"], curve["n"]
    values = {name: curve[name] for name, _, _ in _LINES if name != "kernel"}
    values["kernel"] = [curve["kernel_risk"]] * len(widths)
    x: dict[str, list[float]] = {"width": list(widths), "ratio": [w / n for w in widths]}
    gaps = " The error is infinite where the line is broken." if None in curve["risk"] else ""
    return {
        "name": "risk",
        "title": "Predicted error against width",
        "note": f"Squared error summed over outputs, on noisy labels, at n = {n}.{gaps}",
        "x": [
            {"name": "width", "title": "random features k", "log": True},
            {"name": "ratio", "title": "random features per training sample k/n", "log": True},
        ],
        "y_title": "squared error",
        "y_log": True,
        "arm": "",
        "arm_title": "",
        "lines": [],
        "series": [
            {
                "label": label, "metric": name, "dashed": dashed, "arm": None, "data": "theory", "x": x,
                "mean": list(values[name]), "low": [None] * len(widths), "high": [None] * len(widths),
                "n": [0] * len(widths), "seeds": [], "seed_names": [], "average": "arithmetic",
            }
            for name, label, dashed in _LINES
            if name != "floor" or curve["noise"]["variance"] > 0
        ],
    }  # fmt: skip


def render(record: Mapping[str, Any]) -> str:
    """Return the page of a curve's record: one HTML document that asks the network for nothing."""
    vega, script = bundle(), asset("page.js")
    return (
        environment()
        .get_template("risk.html")
        .render(
            r=record,
            parcels=[embed(parcel(chart)) for chart in record["charts"]],
            settings=embed(
                {"normal": config(screen=True), "large": config(screen=True, large=True), "hues": LIGHT}
            ),
            stored=embed(record),
            hues={"light": LIGHT, "dark": DARK},
            bundle=raw(vega),
            script=raw(script),
            hashes=[sha256(vega), sha256(script)],
        )
    )


def fragment(curve: Mapping[str, Any]) -> str:
    """Return answer, facts and assumptions as a fragment, for a notebook's ``_repr_html_``."""
    return environment().get_template("risk_summary.html").render(r=record(curve))


def write(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page atomically.

    Raises:
        StoreError: the folder cannot be written; the old page, if any, is untouched.
    """
    return write_text(Path(path), render(record))
