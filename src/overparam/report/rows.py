"""From a stored chart to flat rows: what the pictures and the CSV files are made of."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from overparam.core.words import number
from overparam.report.theme import DASHES, LIGHT
from overparam.report.words import interval, percent, plain

Row = dict[str, Any]
_NEVER_NEGATIVE = re.compile(
    r"error|loss|share|coverage|fraction|distance|norm|rank|residual|drift|gap|path|parameters|steps|radius|condition|kappa"
)
_ALONG = ("mean", "low", "high", "n")
_CORRELATION = re.compile(r"(?:\w+ )?correlation\b")
_PARTS = re.compile(r"share of|fraction of|% of")
_WHOLE = re.compile(r"(?:share|fraction|probability|% of)\b|(?:\w+ )?accuracy\b(?! (?:gain|loss|minus|over))")
_SIGNED = re.compile(r"gap|difference|gain|excess|change|less|minus|over\b")


def arms(chart: Mapping[str, Any]) -> list[str]:
    """Names of the arms, in stored order; empty when the chart has none."""
    return _distinct(plain(s["arm"]) for s in chart["series"] if s["arm"] is not None)


def data_sets(chart: Mapping[str, Any]) -> list[str]:
    """Names of the data sets, in stored order."""
    return _distinct(s["data"] for s in chart["series"])


def labels(chart: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Label and dashed flag of each series, in stored order."""
    return _distinct((s["label"], s["dashed"]) for s in chart["series"])


def frames(chart: Mapping[str, Any]) -> list[Any]:
    """Values of which a chart shows one at a time, in stored order; empty for a chart without frames."""
    return list((chart.get("frames") or {}).get("values", ()))


def frame_words(chart: Mapping[str, Any], frame: int) -> str:
    """Return what a frame shows, in words.

    >>> frame_words({"frames": {"title": "step", "values": [20, 12000]}}, 1)
    'step 12,000'
    """
    value = frames(chart)[frame]
    shown = number(value, 6) if isinstance(value, int | float) and not isinstance(value, bool) else plain(value)
    return f"{chart['frames']['title']} {shown}".strip()


def whole(chart: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The series of a chart with the points of all frames, for what does not change from frame to frame."""
    if not frames(chart):
        return list(chart["series"])
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in chart["series"]:
        key = tuple(one[name] for name in ("arm", "data", "label", "metric", "dashed"))
        if key not in found:
            found[key] = {
                **one,
                "seeds": [list(line) for line in one["seeds"]],
                **{k: list(one[k]) for k in _ALONG},
            }
            continue
        for name in _ALONG:
            found[key][name] += one[name]
        found[key]["seeds"] += one["seeds"]
    return list(found.values())


def _distinct(items: Any) -> list[Any]:
    return list(dict.fromkeys(items))


def in_arm(chart: Mapping[str, Any], label: str, arm: str | None) -> str:
    """Return the label of a line when all arms are shown together."""
    return label if arm is None else f"{label}, {_in_arm(chart, arm)}"


def _in_arm(chart: Mapping[str, Any], arm: str) -> str:
    title = chart["arm_title"] or chart["arm"]
    if title[1:2].islower():
        title = title[0].lower() + title[1:]
    return f"{title} {arm_words(chart, arm)}"


def arm_words(chart: Mapping[str, Any], arm: str) -> str:
    """Return the name of an arm for a person: a rate of noise in percent.

    >>> arm_words({"arm": "noise", "arm_title": "label noise"}, "0.15")
    '15 %'
    """
    if "noise" in f"{chart['arm']} {chart['arm_title']}".lower() and re.fullmatch(r"[01]|0\.\d+", arm):
        return f"{100 * float(arm):.4g} %"
    return arm


def ends(chart: Mapping[str, Any], series: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the smallest and largest value that a quantity can have, None where it has none.

    An error, a loss or a length is never negative, a share of something at most the whole, and a correlation at most 1 in
    size: an interval that says otherwise is cut where it is drawn. A chart whose title is a share or an accuracy holds such
    values whatever its lines are called, but for differences of them.
    """
    values = [v for line in (series["mean"], *series["seeds"]) for v in line if v is not None]
    if _CORRELATION.match(chart["y_title"]) and all(abs(v) <= 1 for v in values):
        return -1.0, 1.0
    if _WHOLE.match(chart["y_title"]) and not _SIGNED.search(f"{series['metric']} {chart['y_title']}"):
        most = 100.0 if re.search(r"%|points", chart["y_title"]) else 1.0
        if all(0 <= v <= most for v in values):
            return 0.0, most
    if not _NEVER_NEGATIVE.search(series["metric"]) or any(v < 0 for v in values):
        return None, None
    whole = {"% of": 100.0}.get((_PARTS.search(chart["y_title"]) or [""])[0])
    share = _PARTS.search(chart["y_title"]) is not None and all(v <= (whole or 1.0) for v in values)
    return 0.0, (whole or 1.0) if share else None


def cut(value: float | None, low: float | None, high: float | None) -> float | None:
    """Return a value moved between two ends."""
    if value is None:
        return None
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)


def hidden_at_first(chart: Mapping[str, Any], series: Mapping[str, Any]) -> bool:
    """Whether a hero picture hides a line until it is asked for."""
    return series["metric"] in (chart.get("hero") or {}).get("toggled", ())


def points(chart: Mapping[str, Any]) -> list[Row]:
    """One row a point of a mean line, with interval and n; x values are ``x0``, ``x1``, ... in chart order."""
    out, level = [], chart.get("level")
    for series in chart["series"]:
        first, last = ends(chart, series)
        for i, mean in enumerate(series["mean"]):
            low, high = cut(series["low"][i], first, last), cut(series["high"][i], first, last)
            n = series["n"][i]
            within = interval(low, high, n, mean, level=level).removeprefix(f"{percent(level)} interval ")
            out.append(
                {
                    **_identity(chart, series), **_places(chart, series["x"], i),
                    "mean": mean, "low": low, "high": high, "n": n,
                    "shown": number(mean), "interval": within,
                }
            )  # fmt: skip
    return out


def seed_lines(chart: Mapping[str, Any]) -> list[Row]:
    """One row a series: its places and one list a seed, to be flattened twice by whoever draws them.

    Twenty seeds as rows of single points would make a page five times as large.
    """
    return [
        {
            **_identity(chart, series),
            **{f"x{k}": series["x"][axis["name"]] for k, axis in enumerate(chart["x"])},
            "seed": list(range(len(series["seeds"]))),
            "mean": series["seeds"],
        }
        for series in chart["series"]
    ]


def fit_lines(chart: Mapping[str, Any]) -> list[Row]:
    """One row a line at a threshold: its place, and the smallest and largest over seeds, on every x axis.

    ``level`` is the row of its label above the picture where one arm is shown, ``row`` where all are: lines of several
    settings may stand at one place.
    """
    out: list[Row] = []
    names = arms(chart)
    for line in chart["lines"]:
        arm = None if line["arm"] is None else plain(line["arm"])
        row: Row = {"arm": arm, "data": line["data"], "label": line["label"], "detail": line["detail"]}
        short = line["label"].replace("interpolation ", "")
        row["label_all"] = line["label"] if arm is None else f"{short}, {arm_words(chart, arm)}"
        which = names.index(arm) if arm in names else 0
        row["level"] = sum((one["arm"], one["data"]) == (arm, line["data"]) for one in out)
        row["row"] = which + max(1, len(names)) * row["level"]
        row["hue"], row["dash"] = LIGHT[which % len(LIGHT)], DASHES[which % len(DASHES)]
        for k, axis in enumerate(chart["x"]):
            for part, key in (("x", "x"), ("low", "a"), ("high", "b")):
                row[f"{key}{k}"] = (line[part] or {}).get(axis["name"])
        out.append(row)
    return out


def _identity(chart: Mapping[str, Any], series: Mapping[str, Any]) -> Row:
    arm = None if series["arm"] is None else plain(series["arm"])
    return {
        "name": series["label"],
        "name_all": in_arm(chart, series["label"], arm),
        "arm": arm,
        "data": series["data"],
        **({"toggled": True} if hidden_at_first(chart, series) else {}),
        **({"frame": frames(chart).index(series["frame"])} if frames(chart) else {}),
    }


def _places(chart: Mapping[str, Any], x: Mapping[str, Any], i: int) -> Row:
    return {f"x{k}": x[axis["name"]][i] for k, axis in enumerate(chart["x"])}


def csv_text(chart: Mapping[str, Any]) -> str:
    """Return a chart as CSV: one row a point with its mean, interval, n and the value of every seed.

    Numbers are written in full, as stored; a missing one is an empty field.
    """
    seeds = sorted({name for s in chart["series"] for name in s["seed_names"]})
    names = [axis["name"] for axis in chart["x"]]
    arm = [chart["arm"]] if chart["arm"] else []
    frame = [chart["frames"]["name"]] if frames(chart) else []
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head = ["mean", "low", "high", "n", "average", *(f"seed_{k}" for k in seeds)]
    writer.writerow(["data", *arm, *frame, "series", "metric", *names, *head])
    for series in chart["series"]:
        for i, mean in enumerate(series["mean"]):
            own = {name: line[i] for name, line in zip(series["seed_names"], series["seeds"], strict=True)}
            writer.writerow(
                [
                    series["data"], *([series["arm"]] if arm else []), *([series["frame"]] if frame else []),
                    series["label"], series["metric"],
                    *(series["x"][name][i] for name in names),
                    mean, series["low"][i], series["high"][i], series["n"][i],
                    series["average"], *(own.get(name) for name in seeds),
                ]
            )  # fmt: skip
    return file.getvalue()


_LISTED = 4  # lines whose points are counted one by one


def log_notes(chart: Mapping[str, Any]) -> dict[str, str]:
    """Return what a logarithmic axis leaves out, by axis (``y``, ``x0``, ``x1``, ...), or an empty text."""
    rows = points(chart)
    notes = {"y": _left_out(chart, rows, "mean", "vertical")}
    cut = sum(1 for r in rows if (r["mean"] or 0) > 0 and r["low"] is not None and r["low"] <= 0)
    if cut:
        notes["y"] += (
            f"{' ' if notes['y'] else ''}{_count(cut, 'interval')} reaching 0 or below {_are(cut)} cut at the axis."
        )
    for k, axis in enumerate(chart["x"]):
        notes[f"x{k}"] = _left_out(chart, rows, f"x{k}", f"horizontal ({axis['title']})")
    return notes


def _left_out(chart: Mapping[str, Any], rows: list[Row], field: str, where: str) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        if row["mean"] is not None and row[field] is not None and row[field] <= 0:
            counts[row["name_all"]] = counts.get(row["name_all"], 0) + 1
    if not counts:
        return ""
    listed = "; ".join(f"{name}: {_count(count, 'point')}" for name, count in counts.items())
    if len(counts) > _LISTED:
        listed = f"{_count(sum(counts.values()), 'point')} of {len(counts)} lines"
    return f"Not positive, so left out on the logarithmic {where} axis: {listed}."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def band_words(chart: Mapping[str, Any]) -> str:
    """Return what the dotted lines and the bands of a chart are, in words; empty where it has none."""
    if not chart["lines"]:
        return ""
    own = (chart.get("hero") or {}).get("band", "")
    several = len(data_sets(chart)) > 1
    told, asked = [], ""
    for line in chart["lines"]:
        asked, first, place = line["detail"].partition(" first at ")
        where = [line["data"]] if several else []
        where += [] if line["arm"] is None else [_in_arm(chart, plain(line["arm"]))]
        where += [line["label"].partition(", ")[2]] if ", " in line["label"] else []
        told.append((f"{', '.join(where)}: " if where else "") + (place if first else line["detail"]))
    head = (
        own
        or f"Vertical line and band: interpolation threshold ({asked}), of the middle seed and of all seeds."
    )
    listed = "; ".join(told[:_LISTED])
    more = "" if len(told) <= _LISTED else f"; and {len(told) - _LISTED} more"
    return f"{head} {listed[:1].upper()}{listed[1:]}{more}."


def seed_counts(chart: Mapping[str, Any]) -> str:
    """Return the numbers of seeds behind the points, in words."""
    counts = sorted(
        {n for s in chart["series"] for n, mean in zip(s["n"], s["mean"], strict=True) if mean is not None}
    )
    if not counts:
        return "no point was measured"
    if counts == [0]:
        return "computed from formulas: no seeds"
    if counts == [1]:
        return "one seed: no interval"
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    kinds = {s["average"] for s in chart["series"]}
    which = "geometric mean" if kinds == {"geometric"} else "mean"
    return f"{which} and {percent(chart.get('level'))} interval, n = {span} seeds"
