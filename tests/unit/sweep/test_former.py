"""A study that was a part of another finds that one's finished cells by their old keys and computes none again."""

import dataclasses

import pytest

from overparam.core import Formerly
from overparam.store import CellStore
from overparam.sweep.former import former_cells
from overparam.sweep.key import former_digests
from overparam.sweep.run import execute, make_plan


@pytest.fixture(autouse=True)
def of_the_package(monkeypatch):
    """Cells of a study of the package are not named by its code, so that a part can find those of the whole."""
    monkeypatch.setattr("overparam.sweep.key.ships", lambda study: True)


def part(toy, **formerly):
    """The toy study without its axis of faults, under another name."""
    axes = tuple(axis for axis in toy.axes if axis.name != "fault")

    def work(cells, progress):
        return toy.work([{**cell, "fault": "none"} for cell in cells], progress)

    return dataclasses.replace(
        toy, name="part", axes=axes, work=work, stack_by=("data", "width"), formerly=Formerly("toy", **formerly)
    )


def test_finished_cells_of_the_whole_study_are_adopted_and_judged_the_same(toy, tmp_path):
    whole = execute(make_plan(toy, out=tmp_path), on="inline")
    plan = make_plan(part(toy), out=tmp_path)
    assert (len(plan.adopted), plan.stacks) == (18, ())
    record = execute(plan, on="inline")
    assert (record["cells"]["ok"], record["cells"]["computed"]) == (18, 0)
    for key in ("status", "effect", "low", "high", "n"):
        assert record["verdicts"][0][key] == whole["verdicts"][0][key]
    again = make_plan(part(toy), out=tmp_path)
    assert (len(again.done), again.adopted) == (18, {})
    assert len(CellStore(tmp_path, "toy").names()) == 18


def test_a_part_with_a_value_that_the_whole_had_not_is_computed(toy, tmp_path):
    execute(make_plan(toy, out=tmp_path), on="inline")
    assert make_plan(part(toy, params={"fault": "diverge"}), out=tmp_path).adopted == {}
    either = part(toy, params={"fault": "diverge"}, also=({"fault": "none"},))
    assert make_plan(either, out=tmp_path).adopted == {}, "the default stood in no key"
    more = make_plan(part(toy), out=tmp_path, overrides={"seeds": "4"})
    assert (len(more.adopted), sum(len(stack.cells) for stack in more.stacks)) == (18, 6)


def test_damaged_cells_of_the_whole_are_computed_again(toy, tmp_path):
    execute(make_plan(toy, out=tmp_path), on="inline")
    victim = sorted((tmp_path / "toy" / "cells").iterdir())[0]
    victim.write_text("{")
    assert len(make_plan(part(toy), out=tmp_path).adopted) == 17


def test_a_study_that_was_no_part_looks_nowhere(toy, tmp_path):
    assert former_cells(toy, tmp_path, [], [], [], ()) == {}
    with pytest.raises(ValueError, match="expected a study that was a part of another"):
        former_digests(toy, {}, "f")
