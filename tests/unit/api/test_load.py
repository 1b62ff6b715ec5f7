import dataclasses
import json

import pytest

import overparam
from tests.conftest import TOY


@pytest.fixture
def stored(tmp_path, toy, monkeypatch):
    overparam.run(str(TOY), out=tmp_path, on="inline", progress=False)

    def known(study):
        monkeypatch.setattr("overparam.core.registry.get", {"toy": study}.get)

    known(toy)
    return tmp_path, known


@pytest.mark.slow
def test_an_unchanged_run_is_loaded_as_it_is(stored):
    out, _ = stored
    assert overparam.load("toy", out=out).remark == ""


def test_a_run_with_changed_rules_is_judged_again_and_its_page_written(stored, toy):
    out, known = stored
    page = out / "toy" / "quick.html"
    page.unlink()
    claim = dataclasses.replace(toy.claims[0], history=("stricter",), sentence="A new sentence.")
    known(dataclasses.replace(toy, claims=(claim,)))
    result = overparam.load("toy", out=out)
    assert result.remark == "judged again from the stored cells: the rules have changed"
    assert result.record["verdicts"][0]["sentence"] == "A new sentence."
    assert "A new sentence." in page.read_text()
    assert overparam.load("toy", out=out).remark == ""


def test_a_run_with_a_changed_computation_is_stale(stored, toy):
    out, known = stored
    known(dataclasses.replace(toy, cell_version=2))
    assert overparam.load("toy", out=out).remark == "stale: computed by version 1, now 2; run it again"


@pytest.mark.slow
def test_a_run_whose_cells_are_gone_cannot_be_judged_again(stored, toy):
    out, known = stored
    next((out / "toy" / "cells").iterdir()).unlink()
    known(dataclasses.replace(toy, claims=(dataclasses.replace(toy.claims[0], history=("stricter",)),)))
    with pytest.raises(overparam.StoreError, match="expected the 18 cells of this run.*got 17"):
        overparam.load("toy", out=out)
    assert json.loads((out / "toy" / "quick.json").read_text())["verdicts"][0]["rule_version"] == 1
