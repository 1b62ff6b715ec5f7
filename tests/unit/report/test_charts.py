import copy
import itertools
import json
import re

import altair as alt
import pytest

from overparam.core.errors import UsageError
from overparam.report import charts
from overparam.report.view import ALL, first_view

ARMS = ("0", "0.15", ALL)


def apply(spec, patch):
    """The page's way to apply a patch, written a second time."""
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


def scale(spec, channel):
    return spec["layer"][2]["layer"][0]["encoding"][channel]["scale"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_patches_of_all_toggles_combine_to_the_chart_built_at_once(record, number, every):
    """One in five combinations, which hold every pair of choices; all of them in the slow test."""
    chart = record["charts"][number]
    parcel, first = charts.parcel(chart), first_view(chart)
    flags = (False, True)
    combinations = list(itertools.product(ARMS, range(3), flags, flags, flags))[::every]
    for one, other in itertools.combinations(range(5), 2):
        pairs = {(c[one], c[other]) for c in combinations}
        assert len(pairs) == len({p[0] for p in pairs}) * len({p[1] for p in pairs})
    for arm, x, x_log, y_log, seeds in combinations:
        choice = {"arm": arm, "x": x, "x_log": x_log, "y_log": y_log, "seeds": seeds}
        spec = parcel["spec"]
        for toggle, value in choice.items():
            spec = apply(spec, parcel["patches"][toggle][charts.key(value)])
        assert spec == charts.spec(chart, first.with_(**choice))


def test_the_screen_patch_leaves_title_and_legend_to_the_page(chart):
    parcel = charts.parcel(chart)
    onscreen = apply(apply(parcel["spec"], parcel["patches"]["arm"][ALL]), parcel["screen"])
    assert onscreen == charts.spec(chart, first_view(chart).with_(arm=ALL), screen=True)
    assert "title" not in onscreen
    assert onscreen["config"] == {}
    assert parcel["spec"]["title"]["text"] == chart["title"]


def test_named_places_are_labelled_and_not_joined(chart):
    named = copy.deepcopy(chart)
    named["x"] = [{**chart["x"][0], "log": False, "names": ["fitted", "certified"]}]
    for screen in (False, True):
        spec = charts.spec(named, first_view(named), screen=screen)
        assert isinstance(alt.Chart.from_dict(spec), alt.LayerChart)
        axis = spec["layer"][2]["layer"][0]["encoding"]["x"]["axis"]
        assert axis["labelExpr"] == '["fitted", "certified"][datum.value - 1]'
        assert axis["values"] == [1, 2]
        widths = [spec["layer"][2]["layer"][0]["mark"]["strokeWidth"], spec["layer"][1]["mark"]["type"]]
        assert widths == [0, "tick"]
    plain = charts.spec(chart)["layer"]
    assert [plain[2]["layer"][0]["mark"]["strokeWidth"], plain[1]["mark"]["type"]] == [2, "line"]


@pytest.mark.slow
def test_every_specification_is_valid_for_altair(chart):
    for view in (first_view(chart), first_view(chart).with_(arm=ALL, x=2, y_log=True, x_log=False, seeds=True)):
        for screen in (False, True):
            made = alt.Chart.from_dict(charts.spec(chart, view, screen=screen))
            assert isinstance(made, alt.LayerChart)


def test_a_theme_of_the_reader_does_not_leak_into_the_file(chart):
    plain = charts.spec(chart)
    with alt.theme.enable("dark"):
        assert charts.spec(chart) == plain


def test_first_view_is_the_strongest_arm_on_the_first_axis(chart):
    view = first_view(chart)
    assert (view.arm, view.data, view.x, view.x_log, view.y_log) == ("0.15", "mnist1d", 0, True, False)


def test_first_view_is_the_arm_that_a_chart_names_where_there_is_one(chart):
    assert first_view({**chart, "arm_first": 0.0}).arm == "0"
    assert first_view({**chart, "arm_first": 0.3}).arm == "0.15"


def test_first_view_of_named_arms_is_the_first_of_them(chart):
    for series in chart["series"]:
        series["arm"] = {0.0: "fourier", 0.15: "relu"}[series["arm"]]
    assert first_view(chart).arm == "fourier"


def test_hues_tell_series_apart_in_one_arm_and_arms_when_all_are_shown(chart):
    one = scale(charts.spec(chart), "color")
    assert one["domain"] == ["test error", "training error"]
    assert len(set(one["range"])) == 2
    every = scale(charts.spec(chart, first_view(chart).with_(arm=ALL)), "color")
    hue = dict(zip(every["domain"], every["range"], strict=True))
    assert hue["test error, label noise 0 %"] == hue["training error, label noise 0 %"]
    assert hue["test error, label noise 0 %"] != hue["test error, label noise 15 %"]


def test_dashed_series_are_dashed(chart):
    dash = scale(charts.spec(chart), "strokeDash")
    assert dict(zip(dash["domain"], map(tuple, dash["range"]), strict=True)) == {
        "test error": (1, 0), "training error": (6, 4),
    }  # fmt: skip


def test_the_file_names_arm_data_n_and_what_the_logarithm_leaves_out(chart):
    title = charts.spec(chart)["title"]
    assert title["subtitle"][:2] == ["Label noise: 15 %", "mnist1d: mean and 95 % interval, n = 4 to 5 seeds"]
    assert not any(title["subtitle"][2:])
    logged = charts.spec(chart, first_view(chart).with_(y_log=True))["title"]["subtitle"]
    assert "left out on the logarithmic vertical axis" in " ".join(logged[2:])


def test_the_chart_holds_the_numbers_of_the_record_and_no_address_to_load(chart):
    spec = charts.spec(chart)
    means = [row["mean"] for row in spec["datasets"]["points"]]
    assert means == [m for series in chart["series"] for m in series["mean"]]
    assert '"url"' not in json.dumps(spec)
    json.dumps(spec, allow_nan=False)


def svg_marks(path, kind):
    return re.findall(rf'class="mark-{kind} role-mark[^"]*"', path.read_text(encoding="utf-8"))


def point_count(path):
    group = re.search(
        r'class="mark-symbol role-mark layer_2_layer_2_marks".*?</g>', path.read_text(encoding="utf-8")
    )
    return group.group(0).count("<path")


def test_a_missing_point_is_a_gap(record, chart, tmp_path):
    whole = charts.save(record, "error", tmp_path / "whole.svg")
    for series in chart["series"]:
        series["mean"][8] = series["low"][8] = series["high"][8] = None
    gap = charts.save(record, "error", tmp_path / "gap.svg")
    assert point_count(whole) == 2 * 19
    assert point_count(gap) == 2 * 18
    lines = re.findall(r'layer_2_layer_0_marks"[^>]*><path[^>]*d="([^"]*)"', gap.read_text(encoding="utf-8"))
    assert [line.count("M") for line in lines] == [2, 2]


def test_one_seed_is_drawn_without_bars(record, chart, tmp_path):
    for series in chart["series"]:
        count = len(series["mean"])
        series["low"], series["high"], series["n"] = [None] * count, [None] * count, [1] * count
    text = charts.save(record, "error", tmp_path / "one.svg").read_text(encoding="utf-8")
    assert point_count(tmp_path / "one.svg") == 2 * 19
    assert "one seed: no interval" in text
    bars = re.search(r'class="mark-rule role-mark layer_2_layer_1_marks".*?</g>', text).group(0)
    assert "<line" not in bars


def test_a_logarithmic_axis_leaves_out_what_is_not_positive(record, chart, tmp_path):
    view = first_view(chart).with_(y_log=True)
    path = charts.save(record, "error", tmp_path / "log.svg", view)
    shown = [s for s in chart["series"] if s["arm"] == 0.15]
    assert point_count(path) == sum(m > 0 for s in shown for m in s["mean"]) < 2 * 19
    assert "NaN" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("ending", "begins"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".json", b"{")]
)
def test_save_writes_each_format(record, tmp_path, ending, begins):
    path = charts.save(record, "loss", tmp_path / f"loss{ending}")
    assert path.read_bytes().startswith(begins)


def test_save_json_is_the_specification(record, tmp_path):
    path = charts.save(record, "loss", tmp_path / "loss.json")
    assert json.loads(path.read_text(encoding="utf-8")) == charts.spec(record["charts"][1])


def test_save_names_the_known_charts(record, tmp_path):
    with pytest.raises(UsageError, match=r"unknown chart 'los'. Did you mean 'loss'\? Known: error, loss"):
        charts.save(record, "los", tmp_path / "a.svg")


def test_save_names_the_known_endings(record, tmp_path):
    with pytest.raises(UsageError, match=r"a\.gif: expected a name that ends in one of .*\.svg, got '\.gif'"):
        charts.save(record, "loss", tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_a_chart_without_arms_and_with_two_data_sets(chart):
    chart["arm"] = chart["arm_title"] = ""
    chart["series"] = [{**s, "arm": None, "data": data} for s in chart["series"][:2] for data in ("a", "b")]
    chart["lines"] = [{**line, "arm": None, "data": "a"} for line in chart["lines"][:1]]
    parcel = charts.parcel(chart)
    assert parcel["patches"]["arm"] == {}
    assert list(parcel["patches"]["data"]) == ["a", "b"]
    moved = apply(parcel["spec"], parcel["patches"]["data"]["b"])
    assert moved == charts.spec(chart, first_view(chart).with_(data="b"))
    assert "b" in " ".join(moved["title"]["subtitle"])
