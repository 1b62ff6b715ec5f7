"""A rule that was changed after its data were seen is marked, whatever became of the records."""

import shutil
from dataclasses import replace

import pytest
from rich.console import Console

from overparam.cli.display import verdict_table
from overparam.core import line
from overparam.core.errors import DamageWarning
from overparam.report.page import write
from overparam.store import CellStore, RecordStore
from overparam.store.merge import merge
from overparam.store.seen import SeenStore
from overparam.sweep.changed import RAISED, SILENT, mark_of, marked, seen_in
from overparam.sweep.record import reconclude
from overparam.sweep.run import execute, make_plan
from tests.toy_study import STUDY as TOY

RISE = TOY.claims[0]


def of(**changes):
    """The toy study with another rule."""
    return replace(TOY, claims=(replace(RISE, **changes),))


LOWER = replace(RISE.rule, cuts=(replace(RISE.rule.cuts[0], at_least=1.0),))
CHANGED = of(rule=LOWER)
RAISED_VERSION = of(rule=LOWER, history=("two points are too many",))


def verdict(version=1, fingerprint="a", claim="toy.rise", data="digits", mark=""):
    return {
        "claim": claim,
        "data": data,
        "rule_version": version,
        "rule_fingerprint": fingerprint,
        "mark": mark,
    }


def entry(version=1, fingerprint="a", seeds=(0, 1), claim="toy.rise", data="digits"):
    return {"data": data, "seeds": list(seeds), "rules": {claim: [version, fingerprint]}}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (verdict(), [], ""),
        (verdict(), [entry()], ""),
        (verdict(1, "b"), [entry()], SILENT),
        (verdict(2, "b"), [entry()], RAISED),
        (verdict(2, "a"), [entry()], ""),  # a version with the same rule
        (verdict(1, "b"), [entry(2, "a")], SILENT),  # an older version after a newer one
        (verdict(2, "c"), [entry(), entry(1, "b")], RAISED),
        (verdict(2, "c"), [entry(), entry(2, "b")], SILENT),
        (verdict(), [entry(), entry(1, "b")], ""),  # back to the first rule that saw these seeds
        (verdict(1, "b"), [entry(), entry(1, "b")], SILENT),  # a mark stays in later runs
        (verdict(1, "b"), [entry(seeds=(7, 8))], ""),  # fresh seeds
        (verdict(1, "b"), [entry(data="mnist1d")], ""),
        (verdict(1, "b"), [entry(claim="toy.other")], ""),
        (verdict(1, "b"), [entry(1, "")], ""),  # an old record without fingerprints, the same version
        (verdict(2, "b"), [entry(1, "")], RAISED),
    ],
)  # fmt: skip
def test_what_is_said_of_a_rule(now, before, expected):
    assert mark_of(now, {1, 2}, before) == expected


def test_marks_are_added_to_those_there():
    seeds = {"digits": {0, 1}}
    assert (
        marked([verdict(1, "b", mark="exploratory")], seeds, [entry()])[0]["mark"] == f"exploratory, {SILENT}"
    )
    assert marked([verdict(mark="extended")], seeds, [entry()])[0]["mark"] == "extended"


def run(study, out, **overrides):
    return execute(make_plan(study, "quick", out=out, overrides=overrides), on="inline")


def marks(record):
    return {one["mark"] for one in record["verdicts"]}


def text_of(record):
    console = Console(width=200)
    with console.capture() as caught:
        console.print(verdict_table(record))
    return caught.get()


@pytest.mark.slow
def test_a_changed_rule_is_marked_in_terminal_and_page(tmp_path):
    assert marks(run(TOY, tmp_path)) == {""}
    assert marks(run(TOY, tmp_path)) == {""}
    record = run(CHANGED, tmp_path)
    assert marks(record) == {SILENT}
    assert SILENT in text_of(record)
    write(record, tmp_path / "page.html")
    assert SILENT in (tmp_path / "page.html").read_text()
    assert marks(run(RAISED_VERSION, tmp_path)) == {RAISED}


def test_a_raised_version_on_the_same_seeds_is_marked_and_fresh_seeds_are_not(tmp_path):
    run(TOY, tmp_path)
    assert marks(run(RAISED_VERSION, tmp_path)) == {RAISED}
    assert not any("rule changed" in mark for mark in marks(run(RAISED_VERSION, tmp_path, seed="5,6,7")))
    assert any("rule changed" in mark for mark in marks(run(RAISED_VERSION, tmp_path, seed="2,6,7")))


def test_it_survives_the_deletion_of_the_records(tmp_path):
    run(TOY, tmp_path)
    for path in RecordStore(tmp_path).runs("toy"):
        path.unlink()
    assert marks(run(CHANGED, tmp_path)) == {SILENT}
    shutil.rmtree(CellStore(tmp_path, "toy").folder)
    assert marks(run(CHANGED, tmp_path)) == {SILENT}


def test_records_made_before_there_was_a_register_are_remembered(tmp_path):
    run(TOY, tmp_path)
    shutil.rmtree(SeenStore(tmp_path, "toy").folder)
    assert marks(run(CHANGED, tmp_path)) == {SILENT}
    store = RecordStore(tmp_path)
    old = store.latest("toy")
    for one in old["verdicts"]:
        del one["rule_fingerprint"]
    store.write(old["run"], old)
    shutil.rmtree(SeenStore(tmp_path, "toy").folder)
    assert marks(run(CHANGED, tmp_path)) == {""}  # the same version, and the rule is not known
    shutil.rmtree(SeenStore(tmp_path, "toy").folder)
    store.write(old["run"], old)
    assert marks(run(RAISED_VERSION, tmp_path)) == {RAISED}


def test_judging_again_marks_too(tmp_path):
    record = run(TOY, tmp_path)
    assert marks(reconclude(TOY, record, tmp_path)) == {""}
    assert marks(reconclude(RAISED_VERSION, record, tmp_path)) == {RAISED}
    assert marks(reconclude(TOY, record, tmp_path)) == {""}


def test_a_run_without_finished_cells_saw_nothing(tmp_path):
    failing = run(of(rule=line("error").last.at_least(2.0)), tmp_path, fault="raise")
    none = {**failing, "cells": {**failing["cells"], "ok": 0, "diverged": 0}}
    assert seen_in(none) == []


def test_what_was_seen_elsewhere_is_merged_and_copied(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    run(TOY, there)
    run(TOY, here, seed="5,6,7")
    merge(CellStore(here, "toy"), CellStore(there, "toy"))
    assert marks(run(CHANGED, here)) == {SILENT}
    copied = tmp_path / "copied"
    run(TOY, copied, seed="8,9")
    shutil.copytree(there / "toy" / "register", copied / "toy" / "register", dirs_exist_ok=True)
    assert marks(run(CHANGED, copied)) == {SILENT}


def test_files_are_written_once_and_damaged_ones_left_out(tmp_path):
    run(TOY, tmp_path)
    folder = SeenStore(tmp_path, "toy").folder
    (name,) = [path.name for path in folder.iterdir()]
    before = (folder / name).read_bytes()
    run(TOY, tmp_path)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == before
    (folder / "damaged.json").write_text('{"rules": ')
    (folder / "other.json").write_text('{"rules": 3, "seeds": 1, "data": "x"}')
    assert len(SeenStore(tmp_path, "toy").read()) == 1
    with pytest.warns(
        DamageWarning, match=r"(damaged|other)\.json: expected a register entry, got a damaged file"
    ):
        assert marks(run(CHANGED, tmp_path)) == {SILENT}


def test_the_order_does_not_follow_the_clock(tmp_path):
    store = SeenStore(tmp_path, "toy")
    store.add([entry()], at="2026-11-28T12:00:00Z")
    store.add([entry(1, "b")], at="2025-01-01T00:00:00Z")
    assert [one["rules"]["toy.rise"] for one in store.read()] == [[1, "a"], [1, "b"]]
    store.add([entry()], at="2027-01-01T00:00:00Z")  # seen already
    assert [one["rules"]["toy.rise"] for one in store.read()] == [[1, "a"], [1, "b"]]
