"""From a stored chart to a Vega-Lite specification: one picture for the page, PNG, SVG, PDF and JSON.

Every toggle of the page (arm, data set, horizontal axis, logarithms, single seeds) is a *patch*: the difference
between two specifications that are both made here. The page applies patches and never builds a chart by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_bytes
from overparam.core.errors import UsageError, unknown
from overparam.core.formulas import as_text
from overparam.core.harmless import harmless_in
from overparam.report import fit, rows
from overparam.report.layers import hidden_labels, picture
from overparam.report.theme import config
from overparam.report.view import ALL, View, first_view

Patch = list[list[Any]]
FORMATS = (".json", ".pdf", ".png", ".svg")


def spec(chart: Mapping[str, Any], view: View | None = None, *, screen: bool = False) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart, data included.

    Args:
        chart: one of a record's ``charts``.
        view: which arm, data set and axes; by default :func:`first_view`.
        screen: for the page, which brings its own title, legend and colours.

    Returns:
        A dictionary that Vega-Lite, Altair and vl-convert accept.
    """
    chart = in_letters(chart)
    made = bare(chart, view or first_view(chart), screen=screen)
    return {**made, "datasets": _datasets(chart)}


def in_letters(chart: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart whose words hold no set formulas, and nothing that no picture may hold: it has room for letters alone."""
    chart = harmless_in(dict(chart))
    return {
        **chart,
        **{name: as_text(chart[name]) for name in ("title", "y_title", "note", "arm_title")},
        "x": [{**axis, "title": as_text(axis["title"])} for axis in chart["x"]],
        "series": [{**series, "label": as_text(series["label"])} for series in chart["series"]],
        **(
            {"frames": {**chart["frames"], "title": as_text(chart["frames"]["title"])}}
            if rows.frames(chart)
            else {}
        ),
    }


def bare(chart: Mapping[str, Any], view: View, *, screen: bool = False) -> dict[str, Any]:
    """Return the specification without its data."""
    from altair.utils import schemapi

    with schemapi.debug_mode(False):
        made = picture(chart, view, screen=screen).to_dict(validate=False)
    return {**made, "config": {} if screen else config(screen=False)}


def _datasets(chart: Mapping[str, Any]) -> dict[str, Any]:
    return {"points": rows.points(chart), "seeds": rows.seed_lines(chart), "lines": rows.fit_lines(chart)}


def parcel(chart: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that the page needs to draw one chart and to toggle it.

    Returns:
        ``spec`` of the first view, as a file; ``first`` choice of every toggle; ``patches`` by choice,
        which may be applied in any order; then the ``screen`` patch, which leaves title and legend to the page;
        ``x_log``, the choice that goes with each horizontal axis; ``csv`` text; ``notes`` on what logarithmic
        axes leave out, and what the fitted axis does; ``late``, the lines that are hidden at first; ``frames``, what
        each frame shows, in words.
    """
    chart = in_letters(chart)
    first = first_view(chart)
    base = bare(chart, first)

    def patches(toggle: str, choices: Iterable[Any]) -> dict[str, Patch]:
        return {key(choice): patch(first.with_(**{toggle: choice})) for choice in choices}

    def patch(view: View) -> Patch:
        return [] if view == first else list(difference(base, bare(chart, view)))

    arms, flags = rows.arms(chart), (False, True)
    return {
        "name": chart["name"],
        "spec": {**base, "datasets": _datasets(chart)},
        "first": {toggle: key(choice) for toggle, choice in first.to_dict().items()},
        "x_log": [key(axis["log"]) for axis in chart["x"]],
        "patches": {
            "arm": patches("arm", [*arms, ALL] if len(arms) > 1 else arms),
            "data": patches("data", rows.data_sets(chart)),
            "x": patches("x", range(len(chart["x"]))),
            "x_log": patches("x_log", flags),
            "y_log": patches("y_log", flags),
            "seeds": patches("seeds", flags),
            "also": patches("also", flags),
            "touch": patches("touch", flags),
            "frame": patches("frame", range(len(rows.frames(chart)))),
        },
        "screen": list(difference(base, bare(chart, first, screen=True))),
        "csv": rows.csv_text(chart),
        "notes": {**rows.log_notes(chart), **fit.notes(chart)},
        "late": hidden_labels(chart),
        "frames": [rows.frame_words(chart, k) for k in range(len(rows.frames(chart)))],
    }


def key(choice: Any) -> str:
    """Return a toggle's choice as the text that stands in the page.

    >>> key(True), key(1), key("0.15")
    ('true', '1', '0.15')
    """
    return choice if isinstance(choice, str) else json.dumps(choice)


def difference(old: Any, new: Any, path: tuple[Any, ...] = ()) -> Iterator[list[Any]]:
    """Yield ``[path, value]`` to set and ``[path]`` to remove, which together turn old into new.

    >>> list(difference({"a": 1, "b": [1, 2]}, {"b": [1, 3], "c": 0}))
    [[['a']], [['b', 1], 3], [['c'], 0]]
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(k for k in new if k not in old)]:
            if name not in new:
                yield [[*path, name]]
            elif name not in old:
                yield [[*path, name], new[name]]
            else:
                yield from difference(old[name], new[name], (*path, name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from difference(a, b, (*path, i))
    elif old != new or type(old) is not type(new):
        yield [list(path), new]


def stills(chart: Mapping[str, Any]) -> list[View]:
    """Return up to four views of a chart with frames, from the first frame to the last; none for another chart."""
    last = len(rows.frames(chart)) - 1
    some = sorted({round(last * part / 3) for part in range(4)}) if last >= 0 else []
    return [first_view(chart).with_(frame=frame) for frame in some]


def find(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a record's chart by its name.

    Raises:
        UsageError: there is none of that name; the text lists those there are.
    """
    for chart in record["charts"]:
        if chart["name"] == name:
            return chart
    raise unknown("chart", name, [chart["name"] for chart in record["charts"]])


def save(record: Mapping[str, Any], chart_name: str, path: str | Path, view: View | None = None) -> Path:
    """Write one chart to a file; its ending chooses SVG, PNG (two pixels a point), PDF or Vega-Lite JSON.

    Args:
        record: a run's stored record.
        chart_name: name of one of its charts.
        path: where to; the folder must exist.
        view: which arm, data set and axes; by default what the page shows first.

    Returns:
        The path.

    Raises:
        UsageError: an unknown chart or ending.
    """
    to = Path(path)
    if to.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{to.name}: expected a name that ends in one of {', '.join(FORMATS)}, got '{to.suffix}'. "
            "Choose one of these endings."
        )
    write_bytes(to, convert(spec(find(record, chart_name), view), to.suffix.lower()))
    return to


def convert(made: dict[str, Any], ending: str) -> bytes:
    """Return a specification as the bytes of an SVG, PNG, PDF or JSON file."""
    if ending == ".json":
        return (json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
    import vl_convert

    made = harmless_in(made)  # a control character would end the process
    if ending == ".svg":
        return vl_convert.vegalite_to_svg(made).encode()
    if ending == ".png":
        return bytes(vl_convert.vegalite_to_png(made, scale=2))
    return bytes(vl_convert.vegalite_to_pdf(made))
