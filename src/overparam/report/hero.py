"""The picture on top of a page: which chart it is, and which of its lines set the vertical axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def number(record: Mapping[str, Any]) -> int | None:
    """Return the place among a record's charts, from 1, of the one that stands on top; None where nothing is drawn.

    It is the chart that the study declares, else that of its first statement, else the first that has lines.
    """
    charts = record["charts"]
    drawn = [k for k, chart in enumerate(charts, 1) if chart["series"]]
    declared = [k for k in drawn if charts[k - 1].get("hero")]
    names = [v["chart"] for v in record["verdicts"]]
    of_claims = [k for name in names for k in drawn if charts[k - 1]["name"] == name]
    return next(iter([*declared, *of_claims, *drawn]), None)


def leads(chart: Mapping[str, Any], series: Mapping[str, Any]) -> bool:
    """Whether a line sets the range of the vertical axis: those that a hero picture names, else those not dashed."""
    named = (chart.get("hero") or {}).get("fit", ())
    return series["metric"] in named if named else not series["dashed"]
