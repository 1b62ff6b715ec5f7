"""Charts in the unit of the verdicts, the hero picture in the record, values of axes in words."""

import dataclasses

import pytest

from overparam.core import Axis, Hero, UsageError, line
from overparam.core.declare import study
from overparam.core.registry import studies
from overparam.sweep.curves import _named
from overparam.sweep.run import execute, make_plan
from overparam.sweep.units import drawn_in, in_percent


def with_shares(toy, times):
    """The toy study with its error in shares, read times 100 or as it is."""
    error = line("error", "error", "points", times)
    claim = dataclasses.replace(toy.claims[0], rule=(error.last - error.first).at_least(3.0))
    chart = dataclasses.replace(toy.charts[0], y_title="error (share of samples)")
    return dataclasses.replace(toy, claims=(claim,), charts=(chart,))


def test_a_share_that_is_judged_in_points_is_drawn_in_percent(toy):
    made = with_shares(toy, 100)
    assert in_percent(made) >= {"error"}
    assert drawn_in(made, made.charts[0]) == ("error (% of samples)", 100.0)


def test_a_share_that_is_judged_as_it_is_stays_one(toy):
    made = with_shares(toy, 1)
    assert drawn_in(made, made.charts[0]) == ("error (share of samples)", 1.0)


def test_the_numbers_and_their_intervals_are_scaled_together(toy, tmp_path):
    records = [
        execute(make_plan(with_shares(toy, times), out=tmp_path / str(times)), on="inline")
        for times in (1, 100)
    ]
    shares, percent = (record["charts"][0]["series"] for record in records)
    for a, b in zip(shares, percent, strict=True):
        for name in ("mean", "low", "high"):
            assert b[name] == pytest.approx([100 * v for v in a[name]])
        assert b["seeds"][0] == pytest.approx([100 * v for v in a["seeds"][0]])


def test_every_chart_of_shares_beside_points_is_in_percent():
    made = studies()["double-descent"]
    titles = [drawn_in(made, chart)[0] for chart in made.charts]
    assert not any("share of samples" in title for title in titles)


def test_the_hero_is_stored_with_its_chart(toy, tmp_path):
    made = dataclasses.replace(toy, hero=Hero(toy.charts[0].name, band="It is here."))
    (chart,) = execute(make_plan(made, out=tmp_path), on="inline")["charts"]
    assert (chart["hero"]["band"], chart["hero"]["together"]) == ("It is here.", True)
    assert "hero" not in execute(make_plan(toy, out=tmp_path / "b"), on="inline")["charts"][0]


@pytest.mark.parametrize(
    ("hero", "said"),
    [
        (Hero("erorr"), "hero: expected one of the charts, got 'erorr'"),
        (Hero("error", fit=("eror",)), "hero: 'eror' is not drawn in 'error'"),
        (Hero("error", toggled=("error",)), "Set toggle"),
    ],
)
def test_a_hero_that_is_not_there_is_a_mistake(toy, hero, said):
    chart = dataclasses.replace(toy.charts[0], name="error")
    with pytest.raises(UsageError, match=said):
        study(x="width", axes=toy.axes, claims=(), sources=(), values=("error",), charts=(chart,), hero=hero)


def test_a_value_of_an_axis_is_told_in_the_words_of_its_help():
    axis = Axis(
        "features", "Random features that the inputs are lifted to; 0 for the inputs themselves (64).", int, 0
    )
    assert _named(axis, 0) == "the inputs themselves"
    assert _named(axis, 400) == "features 400"
