"""What cells store: rounding, divergence in words, one cell after another."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.outcomes import each_cell, outcome, rounded, shares, within
from overparam.core.parts import Outcome


def test_rounding_reaches_into_lists_and_leaves_what_is_no_fraction():
    found = (
        rounded({"a": 1}.get("a")),
        rounded(np.float32(0.1)),
        rounded(np.array([[1 / 3, np.nan], [2, np.inf]]), 3),
    )
    assert found == (1, 0.1, [[0.333, None], [2.0, None]])
    assert rounded("text") == "text"
    assert rounded(None) is None
    assert rounded(True) is True
    assert rounded(123456789) == 123456789


def test_rounding_twice_is_rounding_once():
    values = np.random.default_rng(0).lognormal(0, 9, 500)
    once = rounded(values, 6)
    assert rounded(once, 6) == once
    assert once == pytest.approx(values, rel=5.1e-6)


def test_a_whole_outcome():
    found = outcome({"loss": 1 / 3, "n": 4, "line": [0.1, float("nan")]}, note="a remark")
    assert found == Outcome({"loss": 0.333333, "n": 4, "line": [0.1, None]}, "ok", "a remark")


def ends(*losses):
    return [{"loss": loss, "diverged_at": None if np.isfinite(loss) else 9} for loss in losses]


def test_lines_over_arms_with_factors():
    found = outcome({}, {"": ends(1.0, 2.0), "grown_": ends(3.0, 4.0)}, {"loss": 0.5})
    assert found == Outcome({"loss": [0.5, 1.0], "grown_loss": [1.5, 2.0]})


def test_divergence_is_told_by_arm_and_place():
    nan = float("nan")
    lines = {"": ends(1.0, nan), "grown_": ends(nan, nan), "other_": ends(1.0, 1.0)}
    found = outcome({}, lines, ("loss",), words={"grown_": "weights reused"}, places=("width", (4, 8)))
    assert found.status == "diverged"
    assert found.note == "training diverged; plain: width 8; weights reused: width 4, 8"
    assert found.values["grown_loss"] == [None, None]
    assert outcome({}, lines, ("loss",)).note.startswith("training diverged; plain: point 2; grown: point 1, 2")


def test_divergence_of_one_training():
    found = outcome({"loss": None}, lost="step 30", note="more")
    assert (found.status, found.note) == ("diverged", "training diverged at step 30; more")


def test_each_cell_is_solved_in_order_and_told_its_part():
    told, seen = [], []

    @each_cell
    def work(cell, progress):
        """The work."""
        progress(0.5)
        seen.append(cell["n"])
        return {"third": cell["n"] / 3} if cell["n"] else Outcome({"third": 1 / 3}, note="kept")

    found = work([{"n": 2}, {"n": 0}], told.append)
    assert seen == [2, 0]
    assert told == [0.25, 0.75]
    assert found == [Outcome({"third": 0.6666667}), Outcome({"third": 1 / 3}, note="kept")]
    assert work.__doc__ == "The work."


def test_parts_of_a_whole():
    assert shares([2, 1, 1]) == [(0.0, 0.5), (0.5, 0.75), (0.75, 1.0)]
    told = []
    for low, high in shares([2, 1, 1]):
        within(told.append, low, high)(1.0)
    assert told == [0.5, 0.75, 1.0]
