"""The page of a predicted risk curve, from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.report.charts import parcel
from overparam.report.page import asset, bundle, embed, environment, raw, sha256
from overparam.report.theme import DARK, LIGHT, config
from overparam.store.atomic import write_text


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


def summary_html(record: Mapping[str, Any]) -> str:
    """Return answer, facts and assumptions as a fragment, for a notebook's ``_repr_html_``."""
    return environment().get_template("risk_summary.html").render(r=record)


def write(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page atomically.

    Raises:
        StoreError: the folder cannot be written; the old page, if any, is untouched.
    """
    return write_text(Path(path), render(record))
