"""All stored runs on one page: a small picture and the verdict counts of each, with links to their pages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from overparam.core import disk
from overparam.core.atomic import write_text
from overparam.core.errors import UsageError
from overparam.report import hero, page, words
from overparam.report.charts import bare, convert
from overparam.report.rows import fit_lines, points
from overparam.report.theme import DARK, LIGHT, config
from overparam.report.view import first_view

_WIDTH, _HEIGHT = 300, 150
_FAR = 1e-3


@dataclass(frozen=True)
class Card:
    """One run on the gallery.

    Attributes:
        record: the stored record.
        link: address of its page, relative to the gallery.
        picture: its first chart as SVG, or empty.
    """

    record: Mapping[str, Any]
    link: str
    picture: str

    @property
    def drawn(self) -> str:
        """What the picture shows."""
        chart = first_drawn(self.record)
        return str(chart["title"]) if chart is not None else ""

    @property
    def data(self) -> str:
        """The data sets."""
        return words.values(_parameter(self.record, "data"))

    @property
    def seeds(self) -> str:
        """The number of seeds in words."""
        return words.seeds(len(_parameter(self.record, "seed")))


def write(records: Sequence[tuple[Path, Mapping[str, Any]]], damaged: Sequence[str], to: Path) -> Path:
    """Write the gallery of stored runs; a run whose page is missing gets one.

    Args:
        records: each run's path and its record, the newest first in each study.
        damaged: names of the records that cannot be read.
        to: the file; links are relative to it.

    Returns:
        The path of the file.

    Raises:
        UsageError: a file that does not end in ``.html``.
        StoreError: a file cannot be written.
    """
    if to.suffix not in (".html", ".htm"):
        raise UsageError(f"--to: expected a file ending in .html, .htm for the gallery, got '{to}'.")
    folder = to.resolve().parent
    cards: list[Card] = []
    for path, record in records:
        file = path.with_suffix(".html")
        if not disk.exists(file):
            page.write(record, file)
        link = Path(os.path.relpath(file.resolve(), folder)).as_posix()
        cards.append(Card(record, quote(link), thumbnail(record, f"t{len(cards)}-")))
    return write_text(to, render(cards, damaged))


def render(cards: Sequence[Card], damaged: Sequence[str] = ()) -> str:
    """Return the gallery as one HTML document that asks the network for nothing."""
    groups: dict[str, list[Card]] = {}
    for card in cards:
        groups.setdefault(card.record["study"], []).append(card)
    script = page.asset("gallery.js")
    verdicts = [verdict for card in cards for verdict in card.record["verdicts"]]
    return (
        page.environment()
        .get_template("gallery.html")
        .render(
            groups=groups,
            runs=len(cards),
            damaged=list(damaged),
            verdicts=verdicts,
            counts=words.counts,
            hues={"light": LIGHT, "dark": DARK},
            script=page.raw(script),
            hashes=[page.sha256(script)],
        )
    )


def first_drawn(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The chart that stands on top of a record's page, or None."""
    place = hero.number(record)
    return None if place is None else record["charts"][place - 1]


def thumbnail(record: Mapping[str, Any], prefix: str) -> str:
    """Return a run's first chart as a small SVG in the page's own colours; empty where nothing is drawn.

    Args:
        record: a stored record.
        prefix: put before every id, so that several pictures can share a page.
    """
    whole = first_drawn(record)
    if whole is None:
        return ""
    chart = {**whole, "series": _in_sight(whole)}
    made = bare(chart, first_view(chart), screen=True)
    made |= {"width": _WIDTH, "height": _HEIGHT, "config": _small(), "padding": 2}
    made["datasets"] = {"points": points(chart), "seeds": [], "lines": fit_lines(chart)}
    made["layer"][2]["layer"].pop()  # what answers the pointer
    _plain(made)
    svg = convert(made, ".svg").decode()
    svg = re.sub(r'(\bid="|url\(#)', rf"\g<1>{prefix}", svg)
    return re.sub(r'(<svg\b[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)


def _in_sight(chart: Mapping[str, Any]) -> list[Any]:
    """The series of a small picture: on a logarithmic axis without dashed lines far below all others (rounding)."""
    solid = [v for s in chart["series"] if not s["dashed"] for v in s["mean"] if v]
    if not chart["y_log"] or not solid:
        return list(chart["series"])
    return [s for s in chart["series"] if not s["dashed"] or all(v > min(solid) * _FAR for v in s["mean"] if v)]


def _small() -> dict[str, Any]:
    made = config(screen=True)
    axis = {**made["axis"], "labelFontSize": 10, "labelPadding": 3, "tickSize": 3}
    return {**made, "aria": False, "padding": 2, "axis": axis, "axisX": {**made["axisX"], "tickCount": 4},
            "axisY": {**made["axisY"], "tickCount": 3}}  # fmt: skip


def _plain(node: Any) -> None:
    """Take titles and tooltips from a specification, and give the lines the page's own colours."""
    if isinstance(node, dict):
        node.pop("tooltip", None)
        for channel in ("x", "y"):
            if isinstance(node.get(channel), dict) and "field" in node[channel]:
                node[channel]["title"] = None
        if node.get("hue") in LIGHT:
            node["hue"] = f"var(--hue{LIGHT.index(node['hue'])})"
        span = node.get("range")
        if isinstance(span, list):
            node["range"] = [f"var(--hue{LIGHT.index(hue)})" if hue in LIGHT else hue for hue in span]
        if node.get("type") == "point" and "size" in node:
            node["size"] = 16
        for value in node.values():
            _plain(value)
    elif isinstance(node, list):
        for value in node:
            _plain(value)


def _parameter(record: Mapping[str, Any], name: str) -> list[Any]:
    return next((list(p["values"]) for p in record["parameters"] if p["name"] == name), [])
