"""From findings to statuses: controls that could not fail, claims outside their scope, what is printed."""

import dataclasses

import numpy as np
import pytest

from overparam.core import Claim, Control, Evidence, World, arm, grid, line, planned
from overparam.core.looks import look
from overparam.sweep.decide import measure, too_weak
from overparam.sweep.judge import judge

Y = line("error", "test error", "points")
WORLD = World(
    ("width", (8, 16, 32)), arms={"noise": (0.0, 0.2)}, lines={"error": lambda noise: [10.0, 10 + 40 * noise, 10.0]},
    spread={"error": 0.3}, straight=("error",), apart=True,
)  # fmt: skip
RISE = Y.last - Y.first
UP = (Y.at(grid("width").near(16)) - Y.first).at_least(2.0)


def claim(**changes):
    clean = Control("clean", arm("clean", noise=0.0))
    given = {"rule": UP, "on": arm("noisy", noise=0.2), "control": clean, "form": "exists", "x": "width"}
    return Claim("rise", "It rises.", ("L54",), "toy", **{**given, **changes})


def judged(toy, one, world=WORLD, seeds=5, **more):
    cells = world.but(seeds=seeds)(np.random.default_rng(1))
    study = dataclasses.replace(toy, claims=(dataclasses.replace(one, source="toy"),))
    return judge(study, cells, profile="quick", data="planted", **more)[0]


def test_a_control_without_the_effect_lets_it_stand_and_one_with_it_bars_it(toy):
    good = judged(toy, claim(rule=UP))
    assert (good.status, good.control["ok"], good.kind, good.level) == ("supported", True, "claim", 0.97)
    same = judged(toy, claim(rule=UP, control=Control("also noisy", arm("noisy too", noise=0.2))))
    assert (same.status, same.control["ok"]) == ("inconclusive", False)
    assert "the control shows the effect too" in same.reason


def test_a_control_too_wide_to_show_the_effect_is_too_weak(toy):
    cells = WORLD(np.random.default_rng(1))
    rng = np.random.default_rng(2)
    rows = tuple(
        (params, {"error": values["error"] + (30.0 * rng.standard_normal() if params["noise"] == 0 else 0.0)})
        for params, values in cells.rows
    )
    study = dataclasses.replace(toy, claims=(dataclasses.replace(claim(rule=UP), source="toy"),))
    found = judge(study, Evidence(rows), profile="quick", data="planted")[0]
    assert (found.status, found.control["status"], found.control["ok"]) == ("inconclusive", "too_weak", False)
    assert "is too weak to show it" in found.reason


def test_a_control_that_lies_wholly_on_the_other_side_is_strong_however_wide():
    rng, one = np.random.default_rng(0), claim(rule=UP)
    finding = one.judge(WORLD(rng))
    beyond = one.judge_control(WORLD.but(error=lambda noise: [10.0, 10 + 40 * noise, 9.9])(rng))
    assert beyond.binding.outside
    assert not too_weak(finding, beyond, own=False)


def test_what_a_source_does_not_exclude_contradicts_it_nowhere(toy):
    flat = WORLD.but(error=lambda noise: [10.0, 10.0, 10.5])
    plain = RISE.at_least(2.0)
    cases = {
        "no words of the source": (claim(rule=plain, form="bound"), "inconclusive"),
        "its own words": (claim(rule=plain.stated(), form="bound"), "contradicted"),
        "outside of its scope": (
            claim(rule=plain.stated(), form="bound", outside="other data."),
            "inconclusive",
        ),
        "something exists": (claim(rule=plain.stated(), form="exists"), "inconclusive"),
        "the other side of zero": (claim(rule=plain.contradicted(below=0.0), form="direction"), "inconclusive"),
        "a question": (claim(rule=plain, kind="question", form="", control=None), "contradicted"),
        "a check": (claim(rule=plain, kind="check", form="", control=None), "contradicted"),
    }
    found = {what: judged(toy, one, flat).status for what, (one, _) in cases.items()}
    assert found == {what: status for what, (_, status) in cases.items()}
    reason = judged(toy, cases["outside of its scope"][0], flat).reason
    assert "the setting is outside of what the source covers (other data)" in reason


@pytest.mark.parametrize(
    ("seeds", "level", "status"), [(4, 0.97, "not_applicable"), (5, 0.97, "supported"), (11, 0.99, "supported")]
)
def test_seeds_decide_by_the_plan(toy, seeds, level, status):
    cells = WORLD.but(seeds=seeds)(np.random.default_rng(1))
    rows = tuple(({**params, "seed": params["seed"] + 100}, values) for params, values in cells.rows)
    study = dataclasses.replace(toy, claims=(dataclasses.replace(claim(rule=UP), source="toy"),))
    chosen = look(planned(5), range(100, 100 + seeds))
    found = judge(study, Evidence(rows), profile="quick", data="planted", look=chosen)[0]
    assert (found.status, found.level, found.n) == (
        status,
        level,
        min(seeds, 4 if seeds < 5 else 5 * (1 + (seeds > 9))),
    )
    if seeds < 5:
        assert found.mark == "below plan"
        assert found.reason.startswith("below plan: 4 of 5 planned seeds (100 to 104); so far")


def test_statements_that_read_one_number_are_one_vote(toy):
    one = dataclasses.replace(claim(rule=UP), source="toy")
    two = dataclasses.replace(one, name="again", rule=(Y.at(grid("width").near(16)) - Y.first).at_least(3.0))
    three = dataclasses.replace(one, name="other", rule=RISE.at_most(5.0))
    cells = WORLD(np.random.default_rng(1))
    found = judge(dataclasses.replace(toy, claims=(one, two, three)), cells, profile="quick", data="planted")
    assert [set(v.votes) for v in found] == [{"rise", "again"}, {"rise", "again"}, {"other"}]


def test_a_statement_is_judged_only_in_the_profiles_that_can(toy):
    one = dataclasses.replace(claim(rule=UP, profiles=("laptop",)), source="toy")
    cells = WORLD(np.random.default_rng(1))
    study = dataclasses.replace(toy, claims=(one,))
    assert judge(study, cells, profile="quick", data="planted") == []
    assert len(judge(study, cells, profile="laptop", data="planted")) == 1


def test_a_measurement_is_printed_with_the_digits_that_its_verdict_needs():
    part = claim(rule=UP).judge(WORLD(np.random.default_rng(0))).binding
    near = dataclasses.replace(part, low=3.9962, high=5.58, effect=4.79, at_least=4.0)
    assert "(3.996 to 5.580, n = 5), asked at least 4.000" in measure(near)
