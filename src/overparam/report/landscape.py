"""The page of what was measured between two networks or around one, from plain values, with pictures that answer the pointer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.core.harmless import harmless_in
from overparam.report import plane
from overparam.report.page import asset, bundle, embed, environment, raw, sha256
from overparam.report.theme import DARK, LIGHT, config

MARKS = {"found": "supported", "not found": "inconclusive", "not tried": "not_applicable"}


def figures(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pictures of a record: title, a sentence, and a Vega-Lite specification each.

    Args:
        record: of :func:`overparam.connect` or :func:`overparam.sharpness`, plain JSON types.
    """
    paths = [one for one in record.get("paths", ()) if one.get("t")]
    found = []
    if paths:
        errors = any(one["error"] for one in paths)
        found += [
            {
                "title": f"{of.capitalize()} along the paths",
                "note": "Points between those drawn were not looked at.",
                "spec": plane.lines(paths, of),
            }
            for of in (("error", "loss") if errors else ("loss",))
        ]
    if record.get("surface"):
        third = record["surface"]["names"][2]
        found.append(
            {"title": f"The plane through a, b and the {third.removesuffix(' b')}" + (" b" if third.endswith(" b") else ""),
             "note": "Loss at a grid of points; lengths are those of the weights. The dashed line is the path.",
             "spec": plane.surface(record["surface"])}
        )  # fmt: skip
    return found


def render(record: Mapping[str, Any]) -> str:
    """Return the page: one HTML document that asks the network for nothing.

    Args:
        record: plain JSON types. Every text of it is shown as text.
    """
    record = harmless_in(dict(record))
    drawn = figures(record)
    vega, script, own = bundle(), asset("page.js"), asset("landscape.js")
    scripts = [vega, own, script] if drawn else [script]
    return (
        environment()
        .get_template("landscape.html")
        .render(
            r=record,
            marks=MARKS,
            figures=[{**one, "spec": embed(one["spec"])} for one in drawn],
            settings=embed(
                {"normal": config(screen=True), "large": config(screen=True, large=True), "hues": LIGHT}
            ),
            stored=embed(record),
            hues={"light": LIGHT, "dark": DARK},
            bundle=raw(vega) if drawn else "",
            own=raw(own) if drawn else "",
            script=raw(script),
            hashes=[sha256(one) for one in scripts],
        )
    )


def fragment(record: Mapping[str, Any]) -> str:
    """Return the numbers as a fragment, for a notebook's ``_repr_html_``.

    Args:
        record: plain JSON types.
    """
    return environment().get_template("landscape_summary.html").render(r=record)


def write(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page atomically.

    Raises:
        StoreError: the folder cannot be written; the old page, if any, is untouched.
    """
    return write_text(Path(path), render(record))
