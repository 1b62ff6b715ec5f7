"""A checkup: lines of 80 characters, JSON without NaN, a page without requests, ranked labels as CSV."""

import csv
import json

import numpy as np
import pytest

from overparam.core.errors import OverparamError, UsageError
from overparam.own.diagnosis import Answer, Checkup, Measured, Next, Ranking, Table
from overparam.own.diagnosis.checkup import SCHEMA, VERSION, Planned
from overparam.own.diagnosis.words import cell, measured
from overparam.report.checkup import curve_svg, fragment, render

SUBJECT = {
    "back_end": "jax", "parameters": 1234, "layers": 2, "examples": 100, "held_out": 50, "outputs": [3],
    "task": "a class an example", "dtype": "float32",
}  # fmt: skip


def ranking():
    return Ranking(np.array([5, 2]), np.array([0, 1]), np.array([1, 0]), np.array([0.75, -0.5]), "margin")


def checkup(**more):
    answers = (
        Answer(
            "OP901", "one", "Is this a question that is long enough to need more than one line of eighty?", "yes",
            "Words <script>alert(1)</script>.", Measured("gap", 1.25, "points", 0.5, float("nan"), 100), "yes if so.",
            (Measured("other", float("inf")),),
            (Table("Curve", ("density", "lost"), ((0.5, 1.0), (0.25, 4.0)), "", {"x": 0, "y": 1, "log": True}),),
            ("chance",), "0 of 60.", Next("More.", "overparam.diagnose(model)", 90.0), "diagnose.md#op901", 0.5, ranking(),
        ),
        Answer("OP902", "two", "And this?", "not run", "No time."),
    )  # fmt: skip
    plan = (Planned("OP901", "one", 0.5, "work"), Planned("OP902", "two", None, "Give it."))
    return Checkup(answers, plan, SUBJECT, ("A note.",), 60.0, 12.0, 0, **more)


def test_the_text_fits_80_columns_and_says_all():
    text = str(checkup())
    assert max(map(len, text.splitlines())) <= 80, text
    for part in (
        "OP901  YES",
        "Rule: yes if so.",
        "Error rate: 0 of 60.",
        "About 1 min 30 s",
        "1 yes, 1 not run",
        "A note.",
    ):
        assert part in text
    assert "Stopped by hand" in str(checkup(stopped=True))


def test_all_answers_stand_first_in_a_line_each():
    head = str(checkup()).split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in head] == ["code", "OP901", "OP902"]
    assert "yes" in head[1]
    assert "1.25 points" in head[1]
    assert "not run" in head[2]
    page = render(checkup().shown())
    assert page.index('class="outline"') < page.index('class="asked"')
    assert 'href="#op902"' in page


def test_plain_values_have_a_schema_and_no_nan():
    found = checkup().to_dict()
    assert (found["schema"], found["version"]) == (SCHEMA, VERSION)
    text = json.dumps(found, allow_nan=False)
    back = json.loads(text)
    assert back["answers"][0]["effect"]["high"] is None
    assert back["answers"][0]["beside"][0]["value"] is None
    assert back["answers"][0]["ranked"] == 2
    assert back["labels"][0] == {"rank": 1, "index": 5, "label": 0, "suggested": 1, "score": 0.75}


def test_files_by_their_ending(tmp_path):
    found = checkup()
    for name in ("a.html", "a.json", "a.txt", "a.csv"):
        assert found.save(tmp_path / name).exists()
    assert json.loads((tmp_path / "a.json").read_text()) == found.to_dict()
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["index"] for row in rows] == ["5", "2"]
    with pytest.raises(UsageError, match=r"ends in .html, .json, .txt or .csv, got 'a.pdf'"):
        found.save("a.pdf")
    bare = Checkup((found.answers[1],), (), SUBJECT, (), 60.0, 1.0, 0)
    with pytest.raises(UsageError, match="got one without. Run OP003"):
        bare.save(tmp_path / "b.csv")


def test_the_page_asks_for_nothing_and_shows_texts_as_texts():
    page = render(checkup().shown())
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<polyline" in page
    assert 'id="op901"' in page
    stored = page.split('id="stored">')[1].split("</script>")[0]
    assert json.loads(stored) == checkup().to_dict()
    assert "OP901" in fragment(checkup().shown())


def test_a_curve_needs_two_points_of_positive_places():
    table = {"columns": ["density", "lost"], "rows": [[0.5, 1.0]], "curve": {"x": 0, "y": 1, "log": True}}
    assert curve_svg(table) == ""
    table["rows"] = [[0.5, 1.0], [0.0, 2.0]]
    assert curve_svg(table) == ""
    table["rows"] = [[0.5, 1.0], [0.1, 2.0], [0.2, None]]
    assert str(curve_svg(table)).count("<circle") == 2


def test_answers_are_found_by_code_and_have_one_of_five_statuses():
    assert checkup()["op901"].decided
    assert checkup().labels.rows(1)[0]["index"] == 5
    with pytest.raises(OverparamError, match="unknown answer 'OP9'"):
        checkup()["OP9"]
    with pytest.raises(UsageError, match="status: expected one of yes, no"):
        Answer("OP901", "one", "So?", "maybe", "")


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            Measured("error", 2.5, "%", 1.8, 3.4, 1000),
            "error: 2.5 %, 95 % interval 1.8 to 3.4, n = 1,000 examples",
        ),
        (Measured("error", 2.5, "%", n=1000, whole=True), "error: 2.5 %, all 1,000 examples"),
        (Measured("error", None), "error: not measured"),
        (Measured("loss", 0.5, "", 0.25, None, 9), "loss: 0.5, 95 % sure: at least 0.25, n = 9 examples"),
        (Measured("norm", 12.5), "norm: 12.5"),
    ],
)
def test_a_number_says_how_it_was_measured(one, text):
    assert measured(one) == text


def test_cells():
    assert [cell(value) for value in (None, True, "a", 1234567, 0.00012345)] == [
        "–",
        "yes",
        "a",
        "1,234,567",
        "0.0001234",
    ]
