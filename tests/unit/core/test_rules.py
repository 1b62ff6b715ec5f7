"""Rules as data: words made from cut-offs, fingerprints, settings apart, two cut-offs, and needs that can fail."""

import dataclasses
import functools

import numpy as np
import pytest

from overparam.core.arms import MOST, NONE, arm
from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.expressions import line, per_seed, scalar
from overparam.core.needs import (
    around,
    clean_arm,
    complete,
    enough_noise,
    enough_seeds,
    fine_step,
    fits,
    has,
    one_draw,
    reaches,
    spans,
)  # fmt: skip
from overparam.core.places import HERE, grid
from overparam.core.statements import Claim, Control, same_numbers
from overparam.core.testing import check_claim
from overparam.core.worlds import World

y, x = line("y", "test loss"), grid("x")
NOISY, CLEAN = arm("most label noise", noise=MOST), arm("clean labels", noise=NONE)
WORLD = World(
    ("x", (1.0, 2.0, 4.0, 8.0)), arms={"noise": (0.0, 0.2)}, lines={"y": lambda noise: ((1, 1), (4, 1 + 5 * noise), (8, 1))},
    spread={"y": 0.01}, numbers={"wrong_labels": lambda noise: 0.9 * noise}, fixed={"n": 4},
)  # fmt: skip


def claim(rule, on=NOISY, **more):
    given = {"control": Control("clean labels", CLEAN), "null": (WORLD,), "effect": WORLD, "x": "x", **more}
    return Claim("peak", "It peaks.", ("L1",), "me", rule, on, **given)


def draw(world=WORLD, seed=0):
    return world(np.random.default_rng(seed))


def test_the_words_of_a_rule_name_arm_numbers_estimates_and_cut_offs():
    hump = y.hump(x < 3)
    text = claim((hump.top / hump.low).at_least(1.25) & y.last.within(0.5, 2).each("noise")).text
    assert text == (
        "Most label noise: peak of test loss over left minimum of test loss (places of the mean over the other seeds; "
        "left part: x below 3; geometric mean over seeds, interval on logarithms): at least 1.25; and test loss at the "
        "right end (mean over seeds): at least 0.5 and at most 2, at every noise."
    )


def test_a_fingerprint_follows_what_is_compared_and_not_the_words():
    rule = y.last.at_least(1.0)
    assert rule.fingerprint == y.called("loss").last.at_least(1.0).fingerprint
    others = [
        y.last.at_least(1.1), y.last.at_most(1.0), y.first.at_least(1.0), line("z").last.at_least(1.0), rule.each("noise"),
        rule.together(), rule.contradicted(below=0.5), y.last.geometric().at_least(1.0), y.smoothed(3).last.at_least(1.0),
    ]  # fmt: skip
    prints = {rule.fingerprint, *(other.fingerprint for other in others)}
    assert len(prints) == len(others) + 1


def test_the_fingerprint_of_a_function_covers_its_source_its_defaults_and_what_it_closes_over():
    def made(factor):
        return per_seed(lambda a: factor * a[:, 0], "scaled", y)

    def given(factor):
        def scaled(a, by=factor):
            return by * a[:, 0]

        return per_seed(scaled, "scaled", y)

    def partly(factor):
        return per_seed(functools.partial(np.multiply, factor), "scaled", y.first)

    for make in (made, given, partly):
        assert make(1.0).fingerprint == make(1.0).fingerprint
        assert make(1.0).fingerprint != make(2.0).fingerprint


def test_claims_that_read_one_number_are_told_and_arms_tell_them_apart():
    one, two = claim(y.last.at_least(1.0)), claim(y.last.at_least(2.0) & y.first.at_least(0.0))
    three, four = claim(y.first.at_most(9.0)), claim(y.last.at_least(1.0), CLEAN)
    named = [dataclasses.replace(c, name=n) for n, c in zip("abcd", (one, two, three, four), strict=True)]
    assert same_numbers(named) == [("a", "b", "c")]


def test_axes_that_a_claim_does_not_speak_of_are_judged_apart_and_named():
    rows = tuple(({**p, "n": n}, v) for n in (4, 9) for p, v in draw().rows)
    found = claim(y.last.at_least(0.5)).judge(Evidence(rows))
    assert [part.label for part in found.parts] == [
        "n 4: test loss at the right end",
        "n 9: test loss at the right end",
    ]
    together = claim(scalar("wrong_labels").at_least(0.1).together(), arm(noise=MOST), x="x")
    assert len(together.judge(draw()).parts) == 1


def test_every_value_of_an_axis_is_a_part():
    found = claim(y.last.at_least(0.5).each("noise"), arm("every rate")).judge(draw())
    assert [part.label.partition(":")[0] for part in found.parts] == ["noise 0", "noise 0.2"]


def test_every_point_of_a_region_is_a_part_read_at_here():
    rule = y.at(HERE).at_least(0.5).each(x >= 2)
    found = claim(rule).judge(draw())
    assert [part.label.partition(":")[0] for part in found.parts] == ["x 2", "x 4", "x 8"]
    assert [round(part.effect, 1) for part in found.parts] == [1.4, 2.0, 1.0]
    assert rule.words.endswith("at least 0.5, at every point with x at least 2")
    assert rule.fingerprint != y.at(HERE).at_least(0.5).each(x >= 4).fingerprint
    with pytest.raises(MissingEvidence, match="no point with x at least 9"):
        claim(y.at(HERE).at_least(0.5).each(x >= 9)).judge(draw())
    with pytest.raises(UsageError, match=r"add \.each\(region\)"):
        claim(y.at(HERE).at_least(0.5)).judge(draw())


def test_an_arm_without_cells_is_missing_evidence_and_names_it():
    with pytest.raises(MissingEvidence, match=r"no finished cell at noise = 0\.5"):
        claim(y.last.at_least(0.5), arm("half", noise=0.5)).judge(draw())


def test_a_cut_off_may_be_a_place_and_its_slack_is_in_steps():
    rule = y.hump(x < 3).step.within(y.first_at_most(1.05), x.near(8), slack=0.5)
    (part,) = claim(rule).judge(draw()).parts
    assert (part.at_least, part.at_most) == (0 - 0.5, 3 + 0.5)


def test_missing_the_cut_off_that_supports_is_not_yet_what_contradicts():
    height = y.inside(x.between(2, 4)).largest() / y.first
    plain, near, far = (
        height.at_least(2.2),
        height.at_least(2.2).stated(),
        height.at_least(2.2).contradicted(below=1.5),
    )
    assert claim(plain).judge(draw()).status == "inconclusive"
    assert claim(plain, kind="question").judge(draw()).status == "contradicted"
    assert claim(near).judge(draw()).status == "contradicted"
    assert claim(near, outside="another data set").judge(draw()).status == "inconclusive"
    assert claim(near, form="exists").judge(draw()).status == "inconclusive"
    assert claim(far).judge(draw()).status == "inconclusive"
    assert claim(far, CLEAN).judge(draw()).status == "contradicted"
    assert "contradicted only below 1.5" in claim(far).text


NEEDS = {
    "noise": (enough_noise(0.2), enough_noise(0.3)),
    "clean": (clean_arm(), None),
    "seeds": (enough_seeds(5), enough_seeds(6)),
    "around": (around(x.between(2, 4), 2, left=1, near=4.0), around(x.between(2, 4), 3)),
    "near": (around(x.between(2, 4), 1, near=4.0), around(x.between(2, 4), 1, near=3.0)),
    "reaches": (reaches(x, 8), reaches(x, 9)),
    "step": (fine_step(x < 5, 2.0), fine_step(x < 5, 1.5)),
    "spans": (spans(y, 4, 8), spans(y, 4, 9)),
    "fits": (fits(y, 1.05), fits(y, 0.5)),
    "has": (has("y"), has("nothing")),
    "complete": (complete(0.2), None),
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_need_is_met_and_can_fail(name):
    met, unmet = NEEDS[name]
    (check,) = [p.check(draw()) for p in claim(y.last.at_least(0), needs=(met,)).preconditions]
    assert check.ok, check.detail
    if unmet:
        (check,) = [p.check(draw()) for p in claim(y.last.at_least(0), needs=(unmet,)).preconditions]
        assert not check.ok, check.detail


def test_clean_labels_and_complete_seeds_can_be_missing():
    def ask(one, rows):
        (found,) = [
            p.check(Evidence(tuple(rows))) for p in claim(y.last.at_least(0), needs=(one,)).preconditions
        ]
        return found

    rows = draw().rows
    assert not ask(clean_arm(), [row for row in rows if row[0]["noise"] > 0]).ok
    broken = [(p, {**v, "y": [None, *v["y"][1:]]} if p["seed"] < 2 else v) for p, v in rows]
    assert "seed 0, 1" in ask(complete(0.2), broken).detail
    assert not ask(complete(0.2), broken).ok


def test_other_labels_at_another_size_are_noticed_though_their_share_is_the_same():
    def cells(digest):
        rows = []
        for p, v in draw().rows:
            rows += [({**p, "width": w}, {**v, "labels_digest": digest(p, w)}) for w in (1, 2)]
        return Evidence(tuple(rows))

    (one,) = claim(y.last.at_least(0), needs=(one_draw(),)).preconditions
    assert one.check(cells(lambda p, w: f"{p['seed']}{p['noise']}")).ok
    redrawn = one.check(cells(lambda p, w: f"{p['seed']}{p['noise']}{w}"))
    assert not redrawn.ok
    assert "different labels" in redrawn.detail


def test_less_wrong_labels_at_more_noise_are_no_nested_draw():
    rows = tuple((p, {**v, "wrong_labels": 0.2 - p["noise"]}) for p, v in draw().rows)
    (one,) = claim(y.last.at_least(0), needs=(one_draw(),)).preconditions
    assert "not nested" in one.check(Evidence(rows)).detail


def test_a_need_on_another_arm_reads_that_arm():
    asked = fits(y, 1.05).on(CLEAN)
    (one,) = claim(y.last.at_least(0), needs=(asked,)).preconditions
    assert one.check(draw(WORLD.but(y=lambda noise: ((1, 1 + noise), (8, 1 + noise))))).ok
    assert one.sentence.endswith("(clean labels).")


def test_a_planted_world_has_the_curve_the_arms_and_the_spread_that_it_says():
    world = World(
        ("width", (1, 10, 100)), arms={"noise": (0.0, 1.0)}, lines={"a": ((1, 1), (100, 100)), "b": [0.0, -1.0, 2.0]},
        spread={"b": 0.1}, straight=("b",), numbers={"c": lambda noise: noise}, apart=True, seeds=400,
    )  # fmt: skip
    rows = draw(world).rows
    assert len(rows) == 2 * 400 * 3
    assert [v["a"] for p, v in rows if p["width"] == 10] == pytest.approx([10.0] * 800)
    middle = [v["b"] for p, v in rows if p["width"] == 10]
    assert np.mean(middle) == pytest.approx(-1.0, abs=4 * 0.1 / np.sqrt(800))
    assert np.std(middle) == pytest.approx(0.1, rel=4 / np.sqrt(2 * 800))
    assert {v["c"] for p, v in rows if p["noise"] == 1.0} == {1.0}


def test_calibration_refuses_a_rule_that_believes_too_much_and_one_that_sees_too_little():
    rise = y.inside(x.between(2, 4)).largest() / y.first
    null, effect = WORLD.but(y=((1, 1), (4, 1.1), (8, 1))), WORLD.but(y=((1, 1), (4, 1.3), (8, 1)))
    fair = claim(rise.at_least(1.1), null=(null,), effect=effect)
    assert check_claim(fair, trials=60)["effect"]["supported"] == 60
    with pytest.raises(
        AssertionError, match="at most 6 of 60 draws of null 1 .normal. supported, got supported 60"
    ):
        check_claim(claim(rise.at_least(1.0), null=(null,), effect=effect), trials=60)
    with pytest.raises(
        AssertionError, match="at least 90% of 60 draws of effect supported, got inconclusive 60"
    ):
        check_claim(claim(rise.at_least(1.6), null=(null,), effect=effect), trials=60)
    with pytest.raises(AssertionError, match="expected planted worlds"):
        check_claim(claim(rise.at_least(1.1), null=()), trials=1)


def _times(a, factor=1.0, *, more=1.0):
    return a[:, 0] * factor * more


class _Factor:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, a):
        return a[:, 0] * self.factor


def _number(function):
    return per_seed(function, "a number", y).fingerprint


def test_functions_that_compute_other_things_have_other_fingerprints():
    two = (lambda a: a.max(axis=1), lambda a: a.min(axis=1))
    assert _number(two[0]) != _number(two[1])
    for make in (
        lambda k: functools.partial(_times, more=k),
        lambda k: functools.partial(_times, factor=k),
        _Factor,
    ):
        assert _number(make(1.0)) == _number(make(1.0)) != _number(make(2.0))


def test_an_arm_that_asks_for_more_and_another_x_are_other_numbers():
    claim = Claim("a", "A.", ("L1",), "me", y.last.at_least(1.0), x="width")
    more = dataclasses.replace(claim, on=arm("", complete=("z",)))
    assert more.fingerprint != claim.fingerprint
    assert same_numbers([claim, dataclasses.replace(claim, name="b")]) == [("a", "b")]
    assert same_numbers([claim, dataclasses.replace(claim, name="b", x="epoch")]) == []
