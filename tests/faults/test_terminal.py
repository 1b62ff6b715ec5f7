"""What comes from a file cannot steer the terminal, nor a page; a changed document is refused, or can be shown."""

import io
import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.api.result import Result, claim_rows
from overparam.api.terminal import Terminal
from overparam.cli import entry
from overparam.cli.display import verdict_table
from overparam.core.documents import Damaged
from overparam.core.errors import StoreError
from overparam.core.findings import entry as finding
from overparam.core.harmless import harmless, harmless_json
from overparam.core.totals import rows
from overparam.report.page import render, summary_html
from overparam.store import CellStore, RecordStore
from overparam.store.record_schema import RECORD
from overparam.store.schema import CELL, parsed
from overparam.sweep.changed import seen_in
from overparam.sweep.run import execute, make_plan
from tests.faults.damage import of, put
from tests.toy_study import STUDY as TOY

EVIL = "\x1b[2J\x1b]8;;https://evil.example\x07here\x1b]8;;\x07 \x9b31m \u202eabc \x07\x00\r [red]x[/red] [/] :smile: \ud83d"
TEXT = EVIL.replace("\ud83d", "")
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "report_record.json").read_text())


def steers(text):
    """The characters in a text that a terminal would obey, or not show."""
    return [one for one in text if one != "\n" and (not one.isprintable() or one in "\u202e\x9b")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    execute(make_plan(TOY, out=out, overrides={"seeds": 2}), on="inline")
    return out


def everywhere(value, text, keep=()):
    """A document in which every free text is another one."""
    if isinstance(value, dict):
        return {k: v if k in keep else everywhere(v, text, keep) for k, v in value.items()}
    if isinstance(value, list):
        return [everywhere(v, text, keep) for v in value]
    return text if isinstance(value, str) else value


KEPT = (
    "study", "run", "status", "claim", "kind", "average", "decided", "state", "name", "chart", "metric", "profile", "mark",
    "cell_names", "form", "seed_names", "reference", "again", "data", "votes",
)  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [("show", "toy"), ("show", "toy", "--json"), ("ls", "--stored", "toy"), ("doctor",), ("gallery",)],
)
def test_no_text_of_a_file_steers_the_terminal(whole, tmp_path, capsys, monkeypatch, command):
    out = shutil.copytree(whole, tmp_path / "store")
    monkeypatch.setattr("overparam.core.registry.get", lambda name: None)
    record = out / "toy" / "quick+seed=0-1.json"
    record.write_text(json.dumps(everywhere(of(record), TEXT, KEPT)))
    cell = sorted((out / "toy" / "cells").glob("*.json"))[0]
    put(cell, {**of(cell), "note": TEXT, "finished": TEXT})
    (out / "toy" / "cells" / f"{TEXT.translate({0: None, 47: None})}.json").write_text("{")
    (out / "toy" / "failed").mkdir()
    (out / "toy" / "failed" / "a--1.json").write_text(
        json.dumps({"schema": 1, "error": TEXT, "traceback": TEXT})
    )
    entry._main([*command, *([str(out)] if command == ("doctor",) else ["--out", str(out)])])
    said = capsys.readouterr()
    assert steers(said.out + said.err) == []
    assert said.out
    if "--json" in command:
        assert json.loads(said.out)[0]["rule"] == TEXT


def test_a_query_writes_escapes_by_their_numbers_and_a_file_gets_what_is_stored(tmp_path, capsys):
    pytest.importorskip("duckdb")
    document = {"params": {"width": 3}, "values": {"word": TEXT}, "status": "ok"}
    CellStore(tmp_path, "toy").write("a--1", document)
    assert entry._main(["query", "SELECT word FROM toy", "--out", str(tmp_path)]) == 0
    assert steers(capsys.readouterr().out) == []
    assert entry._main(["query", "SELECT word FROM toy", "--json", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert steers(said) == []
    assert json.loads(said) == [{"word": TEXT}]
    assert entry._main(["query", "SELECT word FROM toy", "--csv", "--out", str(tmp_path)]) == 0
    assert TEXT in capsys.readouterr().out  # no terminal


def test_results_and_errors_are_harmless_from_python():
    record = {**everywhere(GOLDEN, EVIL, KEPT), "run": "quick", "study": "toy"}
    result = Result(record, Path("\x1b[31m"))
    assert steers(str(result) + repr(result)) == []
    assert steers(str(StoreError(EVIL))) == []


@given(st.text())
def test_harmless_text_says_the_same(text):
    shown = harmless(text)
    assert harmless(shown) == shown
    assert steers(shown.replace("\t", "")) == [one for one in steers(text.replace("\t", "")) if one in shown]
    assert json.loads(harmless_json(json.dumps(text, ensure_ascii=False))) == text


def test_a_page_shows_markup_of_a_record_as_text():
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)> $</mtext><script>$"
    record = {**everywhere(GOLDEN, evil, (*KEPT, "url")), "study": "toy", "run": "quick"}
    for source in record["sources"]:
        source["url"] = "javascript:alert(1)//https://x"
    parsed(json.dumps(record), RECORD)
    made = render(record)
    assert "<script>alert" not in made
    assert "<img src=x" not in made
    assert 'href="javascript' not in made.lower()
    assert "<script>alert" not in summary_html(record)


ODD = [
    None, True, -1, 0, 1, 1e308, -1e308, 5e-324, 10**30, "x", "", "supported", "inconclusive", "check", [], {}, [[]], [None],
    "a" * 300, "\x1b[31m", "[/red]", "$x^2$", "a.b", 0.97, "limit",
]  # fmt: skip


def changed(value, draw):
    """A document with one place changed: another value, gone, or twice."""
    made = json.loads(json.dumps(value))
    place, key = made, None
    while isinstance(place, dict | list) and place:
        parent, key = place, draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        place = parent[key]
        if draw.random() < 0.25:
            break
    way = draw.randrange(4)
    if way == 0:
        del parent[key]
    elif way == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    else:
        parent[key] = draw.choice(ODD)
    return made


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_record_that_was_changed_anywhere_is_refused_or_can_be_shown(seed):
    record = changed({**GOLDEN, "study": "toy", "run": "quick"}, random.Random(seed))
    try:
        parsed(json.dumps(record), RECORD)
    except Damaged:
        return
    Terminal(file=io.StringIO(), width=100).print(verdict_table(record))
    result = Result(record, Path("runs"))
    assert str(result)
    assert repr(result)
    json.dumps([claim_rows(record), result.verdicts, result.diagnoses], allow_nan=False)
    assert len(rows([finding(record)])) == 63
    seen_in(record)
    summary_html(record)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_cell_that_was_changed_anywhere_is_refused_or_can_be_read(seed):
    document = {
        "schema": 1, "cell": "a--1", "study": "toy", "cell_version": 1, "params": {"data": "d", "width": 3, "seed": 0},
        "data_fingerprint": "f", "status": "ok", "values": {"loss": 0.5, "curve": [1.0, None], "word": "x"}, "note": "",
        "seconds": 0.1, "stack": {"cells": 1}, "environment": {"device": "cpu"},
    }  # fmt: skip
    made = changed(document, random.Random(seed))
    try:
        found = parsed(json.dumps(made), CELL)
    except Damaged:
        return
    assert isinstance(found["params"], dict)
    assert isinstance(found["values"], dict)
    assert found["status"] in ("ok", "diverged")
    assert isinstance(found.get("seconds", 0.0), int | float)
    assert isinstance(found.get("environment", {}).get("device", ""), str)


def test_a_record_of_an_earlier_version_can_still_be_read(tmp_path):
    path = RecordStore(tmp_path).write("laptop", {**GOLDEN, "study": "double-descent"})
    assert RecordStore(tmp_path).read(path)["verdicts"] == GOLDEN["verdicts"]
