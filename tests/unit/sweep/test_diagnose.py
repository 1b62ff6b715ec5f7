"""Causes are stored with a run, drawn on its page and told in the terminal; a study without them shows nothing."""

import dataclasses
import io

import pytest
from rich.console import Console

from overparam.api.result import Result, claim_rows
from overparam.cli.display import verdict_table
from overparam.core import Diagnosis, Evidence
from overparam.report import render
from overparam.sweep.diagnose import diagnoses
from overparam.sweep.run import execute, make_plan

ITEMS = (
    Diagnosis("noise", "There is too little label noise.", "likely", "The most is <5%>."),
    Diagnosis("grid", "The grid is too coarse.", "ruled_out", "7 widths."),
    Diagnosis("steps", "Training is too short.", "not_checked", "No lines."),
)


def text(record):
    console = Console(file=io.StringIO(), width=160)
    console.print(verdict_table(record))
    return console.file.getvalue()


@pytest.fixture
def asks(toy):
    return dataclasses.replace(toy, diagnose=lambda evidence: ITEMS)


def test_where_the_effect_is_absent_the_likely_causes_are_told(asks, tmp_path):
    record = execute(make_plan(asks, out=tmp_path, overrides={"noise": [0.0, 0.05]}), on="inline")
    (found,) = record["diagnoses"]
    assert (found["open"], found["data"], found["claims"]) == (True, "digits", ["toy.rise"])
    assert found["items"][0] == ITEMS[0].to_dict()
    shown = text(record)
    assert "why no peak? 2 causes were checked, 1 could not be" in shown
    assert "likely: There is too little label noise. The most is <5%>." in shown
    assert "The grid" not in shown
    page = render(record)
    assert '<details class="why" open>' in page
    assert "The most is &lt;5%&gt;." in page
    assert "Not checked: steps" in page
    assert "Ruled out: grid" in page
    assert claim_rows(record)[0]["causes"] == [
        {"name": "noise", "sentence": "There is too little label noise.", "detail": "The most is <5%>."}
    ]
    assert [d["state"] for d in Result(record, tmp_path).diagnoses] == ["likely", "ruled_out", "not_checked"]


def test_where_the_effect_is_there_they_are_kept_closed(asks, tmp_path):
    record = execute(make_plan(asks, out=tmp_path), on="inline")
    assert record["verdicts"][0]["status"] == "supported"
    assert "why no peak" not in text(record)
    page = render(record)
    assert '<details class="why">' in page
    assert "Causes of a missing peak" in page
    assert claim_rows(record)[0]["causes"] == []


def part(low, at_least=3.0, unit="points", **more):
    return {
        "label": "rise",
        "low": low,
        "high": 9.0,
        "at_least": at_least,
        "at_most": None,
        "unit": unit,
        **more,
    }


@pytest.mark.parametrize(
    ("parts", "asked"),
    [
        ([part(0.9), part(3.99, at_least=4.0)], False),
        ([part(-0.1), part(3.99, at_least=4.0)], True),
        ([part(1.05, at_least=1.5, unit="")], False),
        ([part(0.98, at_least=1.5, unit="")], True),
        ([part(0.5, contradicted_below=1.0)], True),
        ([part(None)], True),
        ([], True),
    ],
)
def test_a_rise_and_a_fall_that_exclude_none_are_an_effect_and_nobody_asks_why(asks, parts, asked):
    verdict = {"claim": "toy.rise", "data": "digits", "status": "inconclusive", "parts": parts}
    (found,) = diagnoses(asks, {"digits": Evidence((({"seed": 0}, {}),))}, [verdict])
    assert found["open"] is asked


def test_only_the_claims_named_are_explained(asks, tmp_path):
    other = dataclasses.replace(asks.claims[0], name="other")
    study = dataclasses.replace(asks, claims=(*asks.claims, other), diagnosed_claims=("rise",))
    record = execute(make_plan(study, out=tmp_path, overrides={"noise": [0.0, 0.05]}), on="inline")
    assert [bool(row["causes"]) for row in claim_rows(record)] == [True, False]


def test_a_study_without_them_and_an_older_record_show_nothing(toy, tmp_path):
    record = execute(make_plan(toy, out=tmp_path), on="inline")
    assert record["diagnoses"] == []
    older = {k: v for k, v in record.items() if k not in ("diagnoses", "again")}
    for one in (record, older):
        assert "why no peak" not in text(one)
        assert 'class="why"' not in render(one)
        assert claim_rows(one)[0]["causes"] == []
    assert Result(older, tmp_path).diagnoses == []


def test_one_that_raises_costs_no_verdict(toy, tmp_path):
    def broken(evidence):
        raise ZeroDivisionError("planted")

    record = execute(make_plan(dataclasses.replace(toy, diagnose=broken), out=tmp_path), on="inline")
    assert record["verdicts"][0]["status"] == "supported"
    assert record["diagnoses"][0]["items"][0]["detail"] == "The diagnosis raised ZeroDivisionError: planted."


def test_what_a_study_adds_to_its_cells_identity_changes_their_names(toy, tmp_path):
    plain = make_plan(toy, out=tmp_path).names
    named = make_plan(
        dataclasses.replace(toy, extra_identity=lambda params: {"shapes": params["width"]}), out=tmp_path
    )
    assert not set(plain) & set(named.names)


def test_what_makes_a_run_again_may_be_a_call(toy, tmp_path):
    record = execute(make_plan(dataclasses.replace(toy, rerun_command="f(x=1)"), out=tmp_path), on="inline")
    assert '<pre tabindex="0" id="command">f(x=1)</pre>' in render(record)
