"""From a stored run record to one HTML file that asks the network for nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core import diagnosis
from overparam.core.atomic import write_text
from overparam.report import hero, statements, words
from overparam.report.answer import answer
from overparam.report.charts import convert, parcel, spec, stills
from overparam.report.formula import marked_up
from overparam.report.rows import arm_words, band_words, frame_words, frames, seed_counts
from overparam.report.theme import DARK, LIGHT, config


def render(record: Mapping[str, Any]) -> str:
    """Return a run's page.

    Args:
        record: a run's stored record, plain JSON types.

    Returns:
        One HTML document with its charts, styles and scripts inside. Every text of the record is shown as text.
    """
    vega, script = bundle(), asset("page.js")
    return (
        environment()
        .get_template("page.html")
        .render(
            r=record,
            groups=statements.groups(record),
            answer=answer(record),
            hero=hero.number(record),
            marks=statements.marks(record),
            below=statements.below_plan(record),
            plan=statements.plan_words(record),
            several_data=len({v["data"] for v in record["verdicts"]}) > 1,
            counts=words.counts(record["verdicts"]),
            data=", ".join(dict.fromkeys(v["data"] for v in record["verdicts"])) or _data(record),
            diagnoses=record.get("diagnoses", []),
            charts=record["charts"],
            parcels=[embed(parcel(chart) if chart["series"] else None) for chart in record["charts"]],
            stills=[_stills(chart) for chart in record["charts"]],
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
    """Return the verdicts alone, as a fragment with its own styles, for a notebook's ``_repr_html_``."""
    groups = statements.groups(record)
    return environment().get_template("summary.html").render(r=record, groups=groups, answer=answer(record))


def write(record: Mapping[str, Any], path: str | Path) -> Path:
    """Write a run's page atomically.

    Raises:
        StoreError: the folder cannot be written; the old page, if any, is untouched.
    """
    return write_text(Path(path), render(record))


def _stills(chart: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Frames of a chart as addresses of pictures, each with its words, for a reader without scripts."""
    found = []
    for view in stills(chart) if chart["series"] else ():
        drawn = base64.b64encode(convert(spec(chart, view), ".svg")).decode()
        found.append((f"data:image/svg+xml;base64,{drawn}", frame_words(chart, view.frame)))
    return found


def _data(record: Mapping[str, Any]) -> str:
    return ", ".join(str(v) for p in record["parameters"] if p["name"] == "data" for v in p["values"])


def embed(value: Any) -> Any:
    r"""Return JSON that may stand inside a script element: no character in it can end the element.

    >>> str(embed("</script>&"))
    '"\\u003c/script\\u003e\\u0026"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return raw(text)


def raw(text: str) -> Any:
    """Return text that a template takes as it is."""
    from markupsafe import Markup

    return Markup(text)


def sha256(script: str) -> str:
    """Return the hash by which a content policy allows a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@functools.cache
def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the installed vl-convert."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Inside a script element these two would end it, or begin a state from which it does not end.
    return script.replace("\r", "").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def asset(name: str) -> str:
    """Return a file of the templates folder."""
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _link(url: str) -> str:
    """Return a web address, or nothing if it is not one (``javascript:`` and the like)."""
    return url if re.match(r"https?://", url) else ""


def _date(created: str) -> str:
    """Return ``2026-02-11 16:42 UTC`` for ``2026-02-11T16:42:07Z``."""
    return (
        f"{created[:10]} {created[11:16]} UTC" if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", created) else created
    )


@functools.cache
def environment() -> Any:
    """Return the templates with their words."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["math"] = marked_up
    made.globals.update(
        {name: getattr(words, name) for name in _WORDS},
        link=_link,
        date=_date,
        seed_counts=seed_counts,
        arm_words=arm_words,
        band_words=band_words,
        frames=frames,
        tally_causes=diagnosis.tally,
    )
    return made


_WORDS = (
    "bar", "command", "cutoff", "duration", "estimate", "params", "percent", "plain", "seeds", "span", "status",
    "summary", "took", "values",
)  # fmt: skip
