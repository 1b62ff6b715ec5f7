import csv
import io

import pytest

from overparam.report import rows


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_holds_every_number_of_the_chart(chart):
    table = iter(read(rows.csv_text(chart)))
    for series in chart["series"]:
        for i in range(len(series["mean"])):
            row = next(table)
            assert (row["data"], float(row["noise"]), row["series"], row["metric"]) == (
                series["data"], series["arm"], series["label"], series["metric"],
            )  # fmt: skip
            for field in ("mean", "low", "high", "n"):
                assert float(row[field]) == series[field][i]
            for axis in chart["x"]:
                assert float(row[axis["name"]]) == series["x"][axis["name"]][i]
            for k, line in enumerate(series["seeds"]):
                assert row[f"seed_{series['seed_names'][k]}"] == ("" if line[i] is None else str(line[i]))
    assert next(table, None) is None


def test_csv_writes_missing_numbers_as_empty_fields(chart):
    series = chart["series"][0]
    series["mean"][3] = series["low"][3] = series["high"][3] = None
    row = read(rows.csv_text(chart))[3]
    assert (row["mean"], row["low"], row["high"]) == ("", "", "")


def test_csv_of_a_chart_without_arms_has_no_arm_column(chart):
    chart["arm"] = ""
    assert "noise" not in read(rows.csv_text(chart))[0]


def test_csv_quotes_labels(chart):
    chart["series"][0]["label"] = 'a, "b"\nc'
    assert read(rows.csv_text(chart))[0]["series"] == 'a, "b"\nc'


def test_points_carry_interval_and_n(chart):
    first = rows.points(chart)[0]
    series = chart["series"][0]
    assert (first["x0"], first["x1"], first["mean"]) == (2, series["x"]["parameters"][0], series["mean"][0])
    assert first["interval"].endswith("n = 5 seeds")
    assert first["name_all"] == "test error, label noise 0 %"


def test_points_of_one_seed_say_so(chart):
    series = chart["series"][0]
    series["low"][0] = series["high"][0] = None
    series["n"][0] = 1
    assert rows.points(chart)[0]["interval"] == "one seed: no interval"


def test_seed_lines_hold_the_seeds_once(chart):
    lines = rows.seed_lines(chart)
    assert [line["mean"] for line in lines] == [series["seeds"] for series in chart["series"]]
    assert [line["seed"] for line in lines] == [list(range(len(s["seeds"]))) for s in chart["series"]]


def test_fit_lines_have_a_place_on_every_axis(chart):
    line = next(row for row in rows.fit_lines(chart) if row["arm"] == "0.15")
    stored = next(row for row in chart["lines"] if row["arm"] == 0.15)
    assert [line["x0"], line["x1"], line["x2"]] == [stored["x"][axis["name"]] for axis in chart["x"]]
    assert (line["a0"], line["b0"]) == (stored["low"]["width"], stored["high"]["width"])
    assert line["label_all"] == "fit point, 15 %"


def test_no_two_labels_of_thresholds_share_a_row_where_settings_differ(chart):
    names = rows.arms(chart)
    other = [{**line, "label": f"{line['label']}, other"} for line in chart["lines"]]
    found = rows.fit_lines({**chart, "lines": [*chart["lines"], *other]})
    assert len({row["row"] for row in found}) == len(found)
    assert [row["level"] for row in found] == [0] * len(other) + [1] * len(other)
    assert [row["hue"] for row in found[: len(other)]] == [row["hue"] for row in found[len(other) :]]
    assert {row["row"] for row in rows.fit_lines(chart)} <= set(range(len(names)))


def test_log_notes_count_what_is_left_out(chart):
    notes = rows.log_notes(chart)
    zero = sum(
        m <= 0 for s in chart["series"] if s["metric"] == "train_error" and s["arm"] == 0 for m in s["mean"]
    )
    assert zero > 1
    assert f"training error, label noise 0 %: {zero} points" in notes["y"]
    assert "test error" not in notes["y"]
    assert notes["x0"] == ""


def test_log_notes_count_many_lines_together(chart):
    copies = [{**chart["series"][0], "label": f"line {i}"} for i in range(5)]
    for series in copies:
        series["mean"] = [-1.0, *series["mean"][1:]]
    chart["series"] = copies
    note = "Not positive, so left out on the logarithmic vertical axis: 5 points of 5 lines."
    assert rows.log_notes(chart)["y"].startswith(note)


def test_log_notes_tell_of_intervals_that_reach_zero(chart):
    chart["series"] = chart["series"][:1]
    chart["series"][0]["low"][2] = -0.5
    assert rows.log_notes(chart)["y"] == "1 interval reaching 0 or below is cut at the axis."


def test_nothing_left_out_gives_no_note(record):
    assert set(rows.log_notes(record["charts"][1]).values()) == {""}


def test_an_interval_of_an_error_is_cut_at_zero_and_at_the_whole(chart):
    series = chart["series"][0]
    chart["y_title"] = "error (% of samples)"
    series["low"][0], series["high"][1] = -4.0, 130.0
    drawn = rows.points(chart)
    assert (drawn[0]["low"], drawn[1]["high"]) == (0.0, 100.0)
    assert read(rows.csv_text(chart))[0]["low"] == "-4.0"


def test_an_interval_of_a_correlation_is_cut_at_one_in_size(chart):
    series = chart["series"][0]
    chart["y_title"], series["metric"] = "rank correlation of place and time", "order"
    for one in chart["series"]:
        one["mean"] = [None if v is None else v / 1000 for v in one["mean"]]
        one["seeds"] = [[None if v is None else v / 1000 for v in line] for line in one["seeds"]]
    series["low"][0], series["high"][1] = -4.0, 130.0
    drawn = rows.points(chart)
    assert (drawn[0]["low"], drawn[1]["high"]) == (-1.0, 1.0)
    chart["y_title"] = "log 1 - correlation"
    assert rows.points(chart)[0]["low"] == -4.0


@pytest.mark.parametrize(
    ("title", "metric", "most"),
    [
        ("share of the seeds", "reached", 1.0),
        ("share that is fitted", "wrong_fit", 1.0),
        ("test accuracy, %", "constant", 100.0),
        ("share of samples", "gap", None),
        ("test accuracy minus that of the parent, points", "ticket", None),
        ("loss, share of its start", "mean_4", None),
    ],
)
def test_a_share_is_cut_at_the_whole_by_its_title_whatever_its_line_is_called(chart, title, metric, most):
    chart["y_title"], chart["series"] = title, chart["series"][:1]
    (one,) = chart["series"]
    one["metric"], one["mean"] = metric, [0.9] * len(one["mean"])
    one["low"], one["high"] = [-120.0] * len(one["low"]), [120.0] * len(one["high"])
    one["seeds"] = [[0.9] * len(line) for line in one["seeds"]]
    ends = {(row["low"], row["high"]) for row in rows.points(chart)}
    if metric == "gap":  # never below zero where no seed is, as before
        assert ends == {(0.0, 1.0)}
    else:
        assert ends == ({(-120.0, 120.0)} if most is None else {(0.0, most)})
    one["seeds"][0][0] = -0.1  # what was measured below 0 is no share
    assert {(row["low"], row["high"]) for row in rows.points(chart)} == {(-120.0, 120.0)}


def test_an_interval_of_what_can_be_negative_is_not_cut(chart):
    series = chart["series"][0]
    series["metric"], series["low"][0] = "gain", -4.0
    assert rows.points(chart)[0]["low"] == -4.0


def test_the_band_is_explained_with_its_numbers(chart):
    words = rows.band_words(chart)
    assert words.startswith("Vertical line and band: interpolation threshold")
    assert "label noise 15 %: " in words
    chart["hero"] = {"band": "The threshold of our own."}
    assert rows.band_words(chart).startswith("The threshold of our own.")
    chart["lines"] = []
    assert rows.band_words(chart) == ""


def test_seed_counts(chart):
    assert rows.seed_counts(chart) == "mean and 95 % interval, n = 4 to 5 seeds"
    for series in chart["series"]:
        series["n"] = [1] * len(series["n"])
    assert rows.seed_counts(chart) == "one seed: no interval"
    chart["series"] = []
    assert rows.seed_counts(chart) == "no point was measured"
