"""The range of the vertical axis: what is measured sets it, and what leaves it is said."""

import copy

import pytest

from overparam.report import charts, fit
from overparam.report.gallery import thumbnail

HERO = {
    "chart": "error", "fit": ["test_error"], "toggled": ["train_error"], "toggle": "training error", "band": "",
    "together": True,
}  # fmt: skip


@pytest.fixture
def hero(chart):
    chart["hero"] = copy.deepcopy(HERO)
    return chart


def axis(spec_svg):
    """Labels of the vertical axis in an SVG."""
    import re

    group = re.findall(r"role-axis-label[^>]*>(.*?)</g>", spec_svg, re.S)[1]
    return [float(t.replace("−", "-")) for t in re.findall(r">([−0-9.]+)</text>", group)]


def drawn(chart, view=None):
    return charts.convert(charts.spec(chart, view), ".svg").decode()


def test_a_line_near_zero_does_not_press_the_measured_one_flat(record, chart):
    for series in chart["series"]:
        if series["dashed"]:
            for name in ("mean", "low", "high"):
                series[name] = [1e-9] * len(series[name])
            series["seeds"] = [[1e-9] * len(line) for line in series["seeds"]]
    chart["y_log"] = True
    values = [v for s in chart["series"] if not s["dashed"] for v in s["low"]]
    note = fit.notes(chart)["fit"]
    assert "fitted to test error" in note
    assert "training error (down to 1 × 10⁻⁹)" in note
    assert min(axis(drawn(chart))) >= min(values) / fit.REACH / 1.5


def test_a_line_that_leaves_above_is_said_to_go_up(chart):
    for series in chart["series"]:
        if series["dashed"]:
            for name in ("mean", "low", "high"):
                series[name] = [1e9] * len(series[name])
    chart["y_log"] = True
    assert "outside of it: training error (up to 1 × 10⁹)" in fit.notes(chart)["fit"]
    for series in chart["series"]:
        if series["dashed"]:
            series["low"] = [1e-9] * len(series["low"])
    assert "training error (down to 1 × 10⁻⁹, up to 1 × 10⁹)" in fit.notes(chart)["fit"]


def test_the_hero_axis_is_that_of_the_test_error_and_its_training_error_waits(hero):
    from overparam.report.view import ALL, first_view

    view = first_view(hero)
    assert (view.arm, view.also) == (ALL, False)
    least = min(v for s in hero["series"] if s["metric"] == "test_error" for v in s["low"])
    for also in (False, True):
        assert min(axis(drawn(hero, view.with_(also=also)))) > least - 6
    parcel = charts.parcel(hero)
    assert set(parcel["patches"]["also"]) == {"false", "true"}
    assert "training error" in parcel["late"]
    assert "outside of it: training error" in parcel["notes"]["also"]
    assert ">training error, label noise 15 %<" not in drawn(hero)
    assert ">training error, label noise 15 %<" in drawn(hero, view.with_(also=True))


def test_a_hidden_line_gives_the_axis_to_those_that_stay(hero):
    spec = charts.spec(hero)
    spec["params"] = [
        {**p, "value": ["test error, label noise 15 %"]} if p["name"] == "hidden" else p for p in spec["params"]
    ]
    high = max(v for s in hero["series"] if s["metric"] == "test_error" and s["arm"] == 0 for v in s["high"])
    assert max(axis(charts.convert(spec, ".svg").decode())) <= high + 1


def test_thresholds_of_several_arms_differ_in_hue_and_dashes(hero):
    lines = charts.spec(hero)["datasets"]["lines"]
    assert len({line["hue"] for line in lines}) == len({tuple(line["dash"]) for line in lines}) == 2


def test_the_small_picture_is_the_hero(record):
    record["charts"][1]["hero"] = {**HERO, "chart": "loss", "fit": [], "toggled": []}
    assert thumbnail(record, "t-") != thumbnail({**record, "charts": record["charts"][:1]}, "t-")
