"""Every word of the vocabulary against the same number worked out by hand, on a few cells."""

import numpy as np
import pytest
from scipy import stats

from overparam.core.arms import MOST, NONE, arm, renamed
from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.estimates import interval
from overparam.core.expressions import (
    ROWS,
    line,
    per_point,
    per_seed,
    raw,
    scalar,
    share_of_trials,
    total,
    worst,
)  # fmt: skip
from overparam.core.judging import judge
from overparam.core.needs import inside, on_average, one_draw
from overparam.core.places import END, HERE, grid
from overparam.core.view import View

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = np.array([[5.0, 2.0, 6.0, 3.0, 1.0], [6.0, 1.0, 4.0, 9.0, 2.0], [7.0, 3.0, 9.0, 4.0, 1.5]])
Z = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.5, 3.5, 4.0, 6.0], [2.0, 2.5, 3.0, 4.5, 5.0]])
FIT = [0.5, 0.3, 0.1, 0.0, 0.0]


def cells(noise=(0.0, 0.2)):
    rows = []
    for rate in noise:
        for seed in range(3):
            values = {
                "x": X, "y": (Y[seed] * (1 + rate)).tolist(), "z": Z[seed].tolist(), "fit": FIT, "other": Z[seed].tolist(),
                "size": [10 * x for x in X], "s": float(seed + 1), "runs": [1.0, 2.0 + seed, None], "ok": [True, True, False],
                "hits": 8 + seed, "trials": 10,
            }  # fmt: skip
            rows.append(({"data": "d", "n": 4, "noise": rate, "seed": seed}, values))
    return Evidence(tuple(rows))


def view(expression, **where):
    return View(cells(), arm("", **({"noise": 0.0} | where)), "x", expression.reads)


def value(expression, **where):
    return view(expression, **where).read(expression).y


y, z, fit, x = line("y"), line("z"), line("fit"), grid("x")
LEFT = y.hump(x < 3)
OTHERS = [np.delete(Y, s, 0).mean(0) for s in range(3)]
LOW = [Y[s, int(OTHERS[s][:2].argmin())] for s in range(3)]
TOP = [Y[s, 1 + int(OTHERS[s][1:].argmax())] for s in range(3)]
LOGS = np.log(X) - np.log(X).mean()

CASES = {
    "times": (line("y", times=100).first, 100 * Y[:, 0]),
    "at a region's last point": (y.at(x < 5), Y[:, 2]),
    "a step on": (y.at((x < 5).last.step(1)), Y[:, 3]),
    "near": (y.at(x.near(8.1)), Y[:, 3]),
    "nearest": (y.at(x.nearest(7)), Y[:, 3]),
    "per an axis": (y.at(grid("x", per="n").near(1)), Y[:, 2]),
    "another grid": (y.at(grid("size").near(80)), Y[:, 3]),
    "ends": (y.first - y.last, Y[:, 0] - Y[:, -1]),
    "largest": (y.inside(x.between(2, 8)).largest(), Y[:, 1 + int(Y[:, 1:4].mean(0).argmax())]),
    "lowest": (y.lowest(), Y[:, int(Y.mean(0).argmin())]),
    "top": (y.inside(x.outside(2, 8)).top(), Y[:, [0, 4]].max(1)),
    "bottom": (y.inside(x < 5).bottom(), Y[:, :3].min(1)),
    "mean": (y.mean(), Y.mean(1)),
    "peak": (y.peak(), [Y[s, int(OTHERS[s].argmax())] for s in range(3)]),
    "climb": (y.climb(), Y[:, 2] - Y[:, 1]),
    "climb as a factor": (y.climb(factor=True), Y[:, 2] / Y[:, 1]),
    "held-out climb": (y.held_out_climb(), Y[::2, 3] - Y[::2, 1]),
    "slope": (y.slope(), np.log(Y) @ LOGS / (LOGS @ LOGS)),
    "straightness": (y.straightness(), [np.corrcoef(np.log(X), np.log(row))[0, 1] ** 2 for row in Y]),
    "growth": (z.growth(), [np.exp(np.polyfit(X, np.log(row), 1)[0] * 15) for row in Z]),
    "rank": (y.rank_with(z), [stats.spearmanr(a, b).statistic for a, b in zip(Y, Z, strict=True)]),
    "share": (y.share(lambda a, b: a > b, "y is above z", z), (Y > Z).mean(1)),
    "farthest": (y.farthest(z), (Y / Z)[:, int(np.abs(np.log(Y / Z).mean(0)).argmax())]),
    "left minimum": (LEFT.low, LOW),
    "peak right of it": (LEFT.top, TOP),
    "ratio": (LEFT.top / LEFT.low, np.array(TOP) / LOW),
    "left minimum of all seeds": (LEFT.floor, Y[:, 1]),
    "step of the peak": (LEFT.step, [2, 3, 2]),
    "backwards": (y.backwards().climb(), Y[:, 2] - Y[:, 4]),
    "smoothed": (y.smoothed(3).at(x.near(2)), Y[:, :3].mean(1)),
    "a floor": (y.floor(10.0, per="n").at(END), np.maximum(Y[:, -1], 2.5)),
    "up to the interpolation threshold": (y.inside(fit.first_at_most(0.15).before).last, Y[:, 1]),
    "from it on": (y.inside(fit.first_below(0.4).onward).first, Y[:, 1]),
    "plus": (y.first.plus(0.5), Y[:, 0] + 0.5),
    "another arm": (y.first.on(arm("noisy", noise=MOST)), 1.2 * Y[:, 0]),
    "scalar": (scalar("s"), [1.0, 2.0, 3.0]),
    "per seed": (per_seed(lambda a, g: a @ g, "weighted", y, x), Y @ np.array(X)),
    "per point": (per_point(lambda a, b: a + b, "sum", y, z).last, Y[:, -1] + Z[:, -1]),
    "cells": (per_seed(lambda rows: [v["s"] * p["n"] for p, v in rows], "product", ROWS), [4.0, 8.0, 12.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_word_computes_what_it_says(name):
    expression, expected = CASES[name]
    np.testing.assert_allclose(value(expression), expected, rtol=1e-12, atol=1e-12)


def test_a_metric_read_for_another_is_that_metric():
    seen = View(cells(), arm("control", metrics=renamed("", "z") | {"z": "other"}, noise=NONE), "x", z.reads)
    np.testing.assert_array_equal(seen.read(z).y, Z)


def test_across_an_axis_a_number_is_a_line_of_the_shared_seeds():
    rows = [row for row in cells((0.0, 0.1, 0.2)).rows if not (row[0]["noise"] == 0.1 and row[0]["seed"] == 2)]
    rises = y.first.across("noise")
    found = View(Evidence(tuple(rows)), arm(), "x", rises.reads).read(rises)
    assert found.seeds == (0, 1)
    np.testing.assert_allclose(found.y, np.outer(Y[:2, 0], [1.0, 1.1, 1.2]))


ESTIMATES = {
    "mean": (y.first, 6.0),
    "geometric": (LEFT.top / LEFT.low, float(np.exp(np.log(np.array(TOP) / LOW).mean()))),
    "place": (LEFT.place(x), float(np.exp(np.log([4.0, 8.0, 4.0]).mean()))),
    "step": (LEFT.step, 7 / 3),
    "signs": ((y.first - y.at(x.near(4))).positive_share(), 1 / 3),
    "binomial": (share_of_trials(scalar("hits"), scalar("trials"), "share"), 27 / 30),
    "ratio": ((y.first - y.last).over_mean_of(y.first), float((Y[:, 0] - Y[:, -1]).mean() / 6.0)),
    "worst": (worst("runs", where="ok"), 4.0),
    "total": (total(lambda rows: sum(v["s"] for _, v in rows), "sum", ROWS), 6.0),
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_is_the_one_it_is_called(name):
    number, expected = ESTIMATES[name]
    found = interval(view(number), number, None, 1.0)
    assert number.estimate == name
    assert found.mean == pytest.approx(expected, rel=1e-9)
    assert found.low <= found.mean <= found.high


def test_the_mean_has_the_interval_of_student():
    found = interval(view(y.first), y.first, None, 1.0)
    low, high = stats.t.interval(0.97, 2, loc=6.0, scale=1.0 / np.sqrt(3))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_worst_is_the_smallest_where_the_cut_is_from_below_and_unknown_where_a_value_is_missing():
    assert interval(view(worst("runs")), worst("runs", where="ok"), 0.0, None).mean == 1.0
    unknown = interval(view(worst("runs")), worst("runs"), None, 1.0)
    assert unknown.low is None
    assert interval(view(worst("runs")), worst("runs", missing=1e12), None, 1.0).mean == 1e12


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (y.at(x < 0.5), "points on both sides of x below 0.5"),
        (y.at(x.near(3)), "no point within 2% of x = 3"),
        (y.at(fit.first_at_most(-1.0)), "the first point with mean fit at most -1 inside the grid, got none"),
        (y.inside(x.between(5, 6)).largest(), "no point with x in"),
        (y.hump(x < 0.5).low, "both sides of x below 0.5"),
        (line("nothing").first, "nothing"),
        (scalar("nothing"), "no finished cell has 'nothing'"),
    ],
)
def test_what_the_cells_do_not_hold_is_missing_evidence_with_its_name(expression, text):
    with pytest.raises(MissingEvidence, match=text):
        value(expression)


def test_raw_is_what_each_cell_holds_under_the_name_that_the_arm_reads():
    own = View(cells(), arm(noise=NONE, metrics={"list": "runs"}), "x", frozenset())
    assert own.read(raw("list")) == [[1.0, 2.0, None], [1.0, 3.0, None], [1.0, 4.0, None]]
    longest = per_seed(lambda lists: [len(one) for one in lists], "length", raw("list"), estimate="worst")
    assert interval(own, longest, 1.0, None).mean == 3.0
    with pytest.raises(MissingEvidence, match="no finished cell has 'nothing'"):
        own.read(raw("nothing"))


def test_an_arm_that_mixes_cells_of_one_seed_is_refused_with_the_axis():
    with pytest.raises(
        UsageError, match=r"several cells of seed 0 at one point, which differ in noise\. Name noise"
    ):
        View(cells(), arm(), "x", y.reads).read(y)


def test_several_values_a_seed_are_judged_apart():
    steps = per_seed(lambda z: z[:, 1:] / z[:, :-1], "step", line("z"), estimate="geometric")
    parts = judge(steps.at_least(1.0), arm("", noise=NONE), "x", cells(), {"n"}).parts
    assert [part.label for part in parts] == [f"step, {i} of 4" for i in (1, 2, 3, 4)]
    assert [part.effect for part in parts] == pytest.approx(stats.gmean(Z[:, 1:] / Z[:, :-1], axis=0))


def test_a_need_on_a_place_tells_where_it_is_and_is_missing_evidence_at_an_end():
    fit = line("fit", times=100)
    seen = View(cells(), arm("", noise=NONE), "x", frozenset({"y"}))
    check = inside(fit.first_below(20.0)).check(seen)
    assert check.ok
    assert check.detail.endswith("is x 4, with 2 points before it")
    with pytest.raises(MissingEvidence):
        inside(fit.first_below(60.0)).check(seen)


@pytest.mark.parametrize(("bounds", "ok"), [({"at_least": 2.0}, True), ({"at_most": 1.9}, False)])
def test_a_need_on_a_mean_keeps_to_its_cut_off(bounds, ok):
    check = on_average("size", scalar("s"), **bounds).check(view(scalar("s")))
    assert (check.ok, "mean s 2, asked at" in check.detail) == (ok, True)


def test_one_draw_is_asked_among_the_cells_that_share_their_labels():
    def drawn(*rows):
        cells = [({"arm": arm_, "noise": 0.2, "seed": 0}, values) for arm_, values in rows]
        need = one_draw(among={"arm": ("a", "b")})
        return need.check(View(Evidence(tuple(cells)), arm(""), "x", frozenset())).ok

    share = {"wrong_labels": 0.2}
    assert drawn(("a", share), ("b", share), ("c", {"wrong_labels": 0.5}))
    assert not drawn(("a", share), ("b", {"wrong_labels": 0.5}))
    assert drawn(("a", share), ("b", {**share, "labels_digest": "x"}))  # a stored cell without a digest
    assert not drawn(("a", {**share, "labels_digest": "y"}), ("b", {**share, "labels_digest": "x"}))


def test_a_place_is_the_same_point_on_a_line_that_holds_some_of_the_points_or_runs_backwards():
    right = y.inside(x >= 2)
    assert value(right.at(right.first_at_most(1.8))).tolist() == Y[:, 4].tolist()
    assert value(right.at(fit.first_at_most(0.2))).tolist() == Y[:, 2].tolist()
    assert value(y.backwards().at(fit.first_at_most(0.2))).tolist() == Y[:, 2].tolist()
    assert value(y.backwards().at(x.near(4))).tolist() == Y[:, 2].tolist()
    found = judge(right.at(HERE).at_least(0.0).each(x >= 8), arm("", noise=0.0), "x", cells())
    assert [part.effect for part in found.parts] == pytest.approx([Y[:, 3].mean(), Y[:, 4].mean()])
    with pytest.raises(MissingEvidence, match="does not lie among x at least 8"):
        value(y.inside(x >= 8).at(fit.first_at_most(0.2)))


def test_a_cut_off_that_is_a_place_is_an_index_on_the_line_whose_peak_is_placed():
    rule = y.inside(x >= 2).hump(x < 3).step.within(x.near(4), END)
    (part,) = judge(rule, arm("", noise=0.0), "x", cells()).parts
    assert (part.at_least, part.at_most) == (1.0, 3.0)


@pytest.mark.parametrize("left", [x >= 8, x.between(2, 4), x.outside(2, 8)])
def test_a_left_part_that_does_not_start_at_the_left_end_is_refused(left):
    with pytest.raises(UsageError, match="starts at the left end"):
        value(y.hump(left).top)


def test_lines_with_other_points_have_no_ratio():
    with pytest.raises(UsageError, match="have other points: 2 and 2"):
        value(y.inside(x < 3) / y.inside(x >= 8))
    assert value(y / y.backwards()).shape == (3, 5)


def test_the_nearest_point_is_found_among_values_of_any_sign():
    rows = [({"seed": s}, {"x": [-2.0, -1.0, 0.0, 1.0, 2.0], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}) for s in (0, 1)]
    for wanted, found in {-1: 2.0, 0: 3.0, 1: 4.0}.items():
        for place in (x.near(wanted), x.nearest(wanted)):
            number = y.at(place)
            assert View(Evidence(tuple(rows)), arm(), "x", number.reads).read(number).y[0] == found
    with pytest.raises(MissingEvidence, match="no point within"):
        value(y.at(x.near(0)))


STEP, PLACE = LEFT.step, LEFT.place(x)
SHARE = share_of_trials(scalar("hits"), scalar("trials"), "share")


@pytest.mark.parametrize(
    "make",
    [
        lambda: PLACE - PLACE,
        lambda: PLACE / PLACE,
        lambda: PLACE.arithmetic(),
        lambda: PLACE.plus(1.0),
        lambda: worst("s") - worst("s"),
        lambda: worst("s").arithmetic(),
        lambda: SHARE - SHARE,
        lambda: SHARE.across("noise"),
        lambda: y.last.positive_share().plus(0.1),
        lambda: y.last.over_mean_of(y.first) - y.first,
        lambda: y.smoothed(2),
    ],
)
def test_what_would_work_on_the_values_behind_an_estimate_is_refused(make):
    with pytest.raises(UsageError, match="expected"):
        make()


def test_a_place_on_another_arm_keeps_the_interval_of_a_place():
    there = interval(view(PLACE, noise=0.2), PLACE.on(arm("clean", noise=0.0)), None, None)
    assert there == interval(view(PLACE), PLACE, None, None)
    assert (STEP - STEP.on(arm("clean", noise=0.0))).estimate == "mean"


def test_a_function_that_returns_points_for_seeds_is_refused_and_dropped_seeds_pair_with_nothing():
    with pytest.raises(UsageError, match="a function of 3 seeds returned 5 values"):
        value(per_seed(lambda a: a.mean(axis=0), "mean of the seeds", y))
    some = per_seed(lambda a: a[1:, 0], "some", y)
    assert interval(view(some), some, None, None).n == 2
    with pytest.raises(UsageError, match="cannot be paired"):
        value(some - y.first)


def test_several_values_a_seed_on_another_arm_are_judged_apart_too():
    both = per_seed(lambda a: a[:, :2], "both", y).on(arm("clean", noise=0.0))
    found = judge(both.at_least(0.0), arm("", noise=0.2), "x", cells())
    assert [part.n for part in found.parts] == [3, 3]


def test_an_unknown_value_makes_a_share_and_an_interval_unknown():
    odd = per_seed(lambda a: np.array([1.0, 1.0, np.nan]), "odd", y)
    for number in (odd, odd.positive_share()):
        (part,) = judge(number.at_least(0.0), arm("", noise=0.0), "x", cells()).parts
        assert (part.effect, part.low, part.high, part.status) == (None, None, None, "inconclusive")
    zero = per_seed(lambda a: np.array([0.0, 1.0, 2.0]), "zero", y, estimate="geometric")
    (part,) = judge(zero.at_least(0.0), arm("", noise=0.0), "x", cells()).parts
    assert (part.low, part.high, part.status) == (None, None, "inconclusive")


def test_a_share_of_trials_has_no_more_hits_than_trials():
    odd = share_of_trials(scalar("trials"), scalar("hits"), "odd")
    with pytest.raises(UsageError, match="no more hits than trials"):
        interval(view(odd), odd, None, None)


def test_a_share_above_a_cut_off_is_said_so():
    error = line("error", "test error").last
    assert error.plus(-1.0).positive_share().words == f"share of the seeds with {error.words} above 1"
    assert error.positive_share().words == f"share of the seeds with {error.words} above 0"
