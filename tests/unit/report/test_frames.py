"""A chart that shows one value at a time: its rows, its pictures in every frame, and what a page without scripts shows."""

import copy
import csv
import io
import itertools
import re

import pytest

from overparam.report import charts, render, rows
from overparam.report.view import first_view

STEPS = [20, 600, 12_000]


def framed(chart):
    """The chart with three frames: the values of a line are divided by 1, 2 and 4."""
    out = copy.deepcopy(chart)
    out["frames"] = {"name": "size_step", "title": "step", "values": STEPS}
    out["series"] = [
        {**copy.deepcopy(series), "frame": step,
         **{name: [None if v is None else v / 2**k for v in series[name]] for name in ("mean", "low", "high")},
         "seeds": [[None if v is None else v / 2**k for v in line] for line in series["seeds"]]}
        for k, step in enumerate(STEPS) for series in chart["series"]
    ]  # fmt: skip
    return out


@pytest.fixture
def moving(chart):
    return framed(chart)


def apply(spec, patch):
    out = copy.deepcopy(spec)
    for path, *value in patch:
        at = out
        for key in path[:-1]:
            at = at[key]
        if value:
            at[path[-1]] = copy.deepcopy(value[0])
        else:
            del at[path[-1]]
    return out


def heights(chart, view):
    """Vertical places of the points of a picture."""
    text = charts.convert(charts.spec(chart, view), ".svg").decode()
    points = text.split('class="mark-symbol role-mark layer_2_layer_2_marks"')[1].split("</g>")[0]
    return [float(y) for y in re.findall(r"translate\([-\d.]+,([-\d.]+)\)", points)]


def test_the_last_frame_is_shown_first(moving, chart):
    assert first_view(moving).frame == 2
    assert first_view(chart).frame == 0
    assert charts.parcel(moving)["frames"] == ["step 20", "step 600", "step 12,000"]
    assert charts.parcel(chart)["frames"] == []


@pytest.mark.slow
def test_patches_of_frames_combine_with_those_of_other_toggles(moving):
    parcel, first = charts.parcel(moving), first_view(moving)
    for frame, arm, x, y_log in itertools.product(range(3), ("0", "all"), (0, 1), (False, True)):
        choice = {"frame": frame, "arm": arm, "x": x, "y_log": y_log}
        spec = parcel["spec"]
        for toggle, value in choice.items():
            spec = apply(spec, parcel["patches"][toggle][charts.key(value)])
        assert spec == charts.spec(moving, first.with_(**choice))


def test_frames_differ_in_their_points_alone(moving):
    """Half of the values lie half as high above 0 on the one axis that all frames share."""
    view = first_view(moving).with_(y_log=False, arm="0.15")
    low, half, whole = (heights(moving, view.with_(frame=k)) for k in (2, 1, 0))
    assert len(low) == len(half) == len(whole) > 20
    for a, b, c in zip(low, half, whole, strict=True):  # 1/4, 1/2 and 1: the second step is twice the first
        assert b - c == pytest.approx(2 * (a - b), abs=0.01)


def test_both_axes_are_those_of_all_frames(moving, chart):
    for one in moving["series"]:  # a frame that lies elsewhere
        if one["frame"] == 20:
            one["x"] = {name: [10 * v for v in places] for name, places in one["x"].items()}
    spec = charts.spec(moving)
    found = {p["name"]: p.get("expr", "") for p in spec["params"]}
    name = moving["x"][0]["name"]
    every = [v for one in moving["series"] for v in one["x"][name]]
    assert f"x_axis === 'x0' ? (x_log ? {max(every):.9g}" in found["x_most"]
    assert f"x_axis === 'x0' ? (x_log ? {min(v for v in every if v > 0):.9g}" in found["x_least"]
    assert "x_most" not in {p["name"] for p in charts.spec(chart)["params"]}


def test_the_table_names_the_frame_of_every_point(moving, chart):
    table = list(csv.DictReader(io.StringIO(rows.csv_text(moving))))
    assert [row["size_step"] for row in table[:: len(table) // 3]][:3] == ["20", "600", "12000"]
    assert len(table) == 3 * len(list(csv.DictReader(io.StringIO(rows.csv_text(chart)))))


def test_the_whole_of_a_line_has_the_points_of_all_frames(moving, chart):
    whole = rows.whole(moving)
    assert [one["label"] for one in whole] == [one["label"] for one in chart["series"]]
    assert [len(one["mean"]) for one in whole] == [3 * len(one["mean"]) for one in chart["series"]]
    assert rows.whole(chart) == chart["series"]


def test_a_page_without_scripts_has_frames_from_first_to_last(record):
    record["charts"][0] = framed(record["charts"][0])
    page = render(record)
    without = [part for part in re.findall(r"<noscript>(.*?)</noscript>", page, re.S) if "<img" in part]
    assert len(without) == 1
    words = re.findall(r'src="data:image/svg\+xml;base64,[^"]+" alt="[^"]*: (step [\d,]+)"', without[0])
    assert words == ["step 20", "step 600", "step 12,000"]
    assert page.count("data-play") - page.count("[data-play]") == 1


def test_a_page_without_frames_has_no_slider(record):
    assert '<div class="frames"' not in render(record)
