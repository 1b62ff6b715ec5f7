import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.core import Axis, Finding, Part, clean
from overparam.core.errors import MissingEvidence, UsageError, unknown

WIDTH = Axis("width", "Hidden units.", int, low=1, flag="widths")
NOISE = Axis("noise", "Label noise.", float, low=0, high=1)


@pytest.mark.parametrize("bad", [0, -3, 2.5, "x", "", None, True, float("nan"), float("inf"), [1]])
def test_a_width_must_be_a_positive_whole_number(bad):
    with pytest.raises(
        UsageError, match=r"--widths: expected a whole number of at least 1, got .*Hidden units"
    ):
        WIDTH.check(bad)


@pytest.mark.parametrize("bad", [-0.1, 1.01, "much", float("nan")])
def test_noise_is_a_fraction(bad):
    with pytest.raises(UsageError, match="--noise: expected a number from 0 to 1, got"):
        NOISE.check(bad)


def test_values_are_cast_to_the_kind_of_the_axis():
    assert WIDTH.check("16") == 16
    assert isinstance(WIDTH.check(16.0), int)
    assert NOISE.check("0.15") == 0.15


def test_a_choice_lists_what_is_known():
    axis = Axis("kind", "Which noise.", str, choices=("inclusive", "exclusive"))
    with pytest.raises(UsageError, match="--kind: expected one of inclusive, exclusive, got 'inclusiv'"):
        axis.check("inclusiv")


def test_unknown_names_the_nearest():
    error = unknown("study", "duble-descent", ["double-descent", "random-features"], "See `overparam ls`.")
    assert str(error) == (
        "unknown study 'duble-descent'. Did you mean 'double-descent'? Known: double-descent, random-features. "
        "See `overparam ls`."
    )


@pytest.mark.parametrize(
    ("low", "high", "cut", "status"),
    [
        (2.1, 5.0, {"at_least": 2.0}, "supported"),
        (1.9, 5.0, {"at_least": 2.0}, "inconclusive"),
        (0.0, 1.9, {"at_least": 2.0}, "inconclusive"),
        (0.0, 1.9, {"at_least": 2.0, "contradicted_below": 2.0}, "contradicted"),
        (0.0, 1.9, {"at_least": 2.0, "contradicted_below": 1.5}, "inconclusive"),
        (
            0.0,
            1.9,
            {"at_least": 2.0, "contradicted_below": 2.0, "wide_low": -0.1, "wide_high": 2.0},
            "inconclusive",
        ),
        (0.9, 1.1, {"at_least": 0.8, "at_most": 1.2}, "supported"),
        (0.9, 1.3, {"at_least": 0.8, "at_most": 1.2}, "inconclusive"),
        (1.3, 1.4, {"at_least": 0.8, "at_most": 1.2, "contradicted_above": 1.25}, "contradicted"),
        (2.0, 2.0, {"at_least": 2.0}, "supported"),
    ],
)
def test_a_part_is_judged_by_its_whole_interval(low, high, cut, status):
    assert Part("x", (low + high) / 2, low, high, 5, **cut).status == status


def test_without_an_interval_it_is_never_better_than_inconclusive():
    assert Part("x", 9.0, None, None, 1, at_least=2.0).status == "inconclusive"


def test_a_finding_needs_every_part_and_shows_the_weakest():
    good = Part("good", 9.0, 8.0, 10.0, 5, at_least=2.0)
    open_ = Part("open", 3.0, 1.0, 5.0, 5, at_least=2.0)
    bad = Part("bad", 0.0, -1.0, 1.0, 5, at_least=2.0, contradicted_below=2.0)
    assert Finding((good, good)).status == "supported"
    assert Finding((good, open_)).status == "inconclusive"
    assert Finding((good, open_, bad)).status == "contradicted"
    assert Finding((good, open_, bad)).binding is bad
    assert Finding((good, open_)).binding is open_
    assert Finding(()).status == "inconclusive"


def test_where_something_exists_one_setting_is_enough_and_none_contradicts():
    good = Part("good", 9.0, 8.0, 10.0, 5, at_least=2.0, setting="a")
    open_ = Part("open", 3.0, 1.0, 5.0, 5, at_least=2.0, setting="b")
    both = Finding((open_, good, dataclasses.replace(good, setting="b")), somewhere=True)
    assert (both.status, both.binding.setting) == ("supported", "a")
    assert dataclasses.replace(both, somewhere=False).status == "inconclusive"
    assert Finding((open_, dataclasses.replace(open_, setting="a")), somewhere=True).status == "inconclusive"


def test_evidence_pairs_seeds_over_an_axis_and_names_incomplete_ones(evidence):
    rows = [
        ({"width": w, "seed": s, "noise": 0.1}, {"error": w + s if (w, s) != (4, 1) else math.nan})
        for w in (4, 2)
        for s in (0, 1, 2)
    ]
    curve = evidence(rows).curve("error", "width", noise=0.1)
    assert curve.x == (2, 4)
    assert curve.seeds == (0, 2)
    assert curve.y == ((2.0, 4.0), (4.0, 6.0))
    assert curve.dropped == (1,)


def test_evidence_reads_curves_inside_cells(evidence):
    curve = evidence([({"seed": 3}, {"width": [1, 2], "loss": [5.0, 4.0]})]).curve("loss", "width")
    assert (curve.x, curve.seeds, curve.y) == ((1, 2), (3,), ((5.0, 4.0),))


def test_missing_evidence_says_what_was_looked_for(evidence):
    with pytest.raises(MissingEvidence, match="no finished cell has 'error' over 'width' at noise=0.5"):
        evidence([]).curve("error", "width", noise=0.5)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_clean_always_gives_strict_json_that_survives_a_round_trip(value):
    cleaned = clean(value)
    assert json.loads(json.dumps(cleaned, allow_nan=False)) == cleaned
    assert clean(cleaned) == cleaned
