"""The study on certified widths: a real small cell, and what its rules ask."""

import json

import numpy as np
import pytest

from overparam.core import Evidence, clean
from overparam.studies.certified_widths import RUNGS, STUDY, WORLD
from overparam.sweep.judge import judge

CLAIMS = {claim.name: claim for claim in STUDY.claims}


def solved(**change):
    small = {"n": 6, "d": 8, "widest": 512, "largest": 8192, "activation": "gelu"} | change
    return STUDY.work([{axis.name: axis.default for axis in STUDY.axes} | small], lambda _: None)[0].values


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    evidence = WORLD(np.random.default_rng(0))
    for verdict in judge(STUDY, evidence, profile="laptop", data="planted"):
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.claim
    for verdict in judge(STUDY, Evidence(evidence.rows[:1]), profile="laptop", data="planted"):
        assert verdict.status == "inconclusive", verdict.claim


def test_formulas_below_the_certified_width_are_an_answer_of_ours_and_contradict_no_source():
    low = WORLD.but(smooth_width=[10.0, *[4e5] * 4])(np.random.default_rng(0))
    assert CLAIMS["formulas"].judge(low).status == "contradicted"
    assert CLAIMS["formulas"].kind == CLAIMS["gap"].kind == "question"
    shrinking = WORLD.but(room=[k**-0.5 for k in WORLD.over[1]])(np.random.default_rng(0))
    assert CLAIMS["law"].judge(shrinking).status == "inconclusive"  # outside of what the slide speaks of


def test_a_seed_without_a_certified_width_is_seen():
    rows = WORLD(np.random.default_rng(0)).rows
    lost = Evidence(((rows[0][0], {**rows[0][1], "beforehand": None}), *rows[1:]))
    assert CLAIMS["gap"].preconditions[0].check(lost).detail == "4 of 5 seeds"
    assert not CLAIMS["gap"].preconditions[0].check(lost).ok
    assert CLAIMS["gap"].judge(lost).status == "inconclusive"


def test_an_infinite_formula_is_above_every_width():
    rows = [(p, {**v, "smooth_width": [None, *[4e5] * 4]}) for p, v in WORLD(np.random.default_rng(0)).rows]
    assert CLAIMS["formulas"].judge(Evidence(tuple(rows))).status == "supported"


@pytest.mark.slow
def test_a_small_cell_holds_the_ladder_and_rooms_that_follow_their_laws():
    values = solved()
    assert set(STUDY.values) - set(values) == {"raw_rung_width", *(f"raw_{name}" for name in RUNGS)}
    assert len(json.dumps(clean(values), allow_nan=False)) < 10_000
    assert values["smooth_formula"][0] == "Eftekhari et al."
    assert values["rank"] <= values["fit"] <= values["afterwards"]
    assert len(values["rung"]) == len(values["rung_width"]) == len(STUDY.charts[0].x[0].names)
    assert values["law_width"] == [512, 1024, 2048]
    assert values["room"][-1] / values["room"][0] == pytest.approx(2, rel=0.5)
    assert values["fixed_room"][-1] / values["fixed_room"][0] == pytest.approx(4, rel=0.5)


@pytest.mark.slow
def test_a_cell_of_digits_shows_the_ladder_of_raw_inputs():
    values = solved(data="digits", n=8)
    assert len(values["raw_rung_width"]) == len(values["rung"]) == len(values["rung_width"])
    assert values["raw_rung_width"][-1] is None
    assert values["raw_fit"] is not None
