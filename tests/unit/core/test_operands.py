"""The vocabulary refuses what it would keep and never use: a number for a text, a text for a number, one kind for another."""

import numpy as np
import pytest

from overparam.core.arms import Arm, arm
from overparam.core.errors import UsageError
from overparam.core.expression import Expression
from overparam.core.expressions import line, per_seed, raw, scalar, total, worst
from overparam.core.needs import around, complete, enough_noise, enough_seeds, fine_step, fits, reaches, spans
from overparam.core.places import END, grid
from overparam.core.rule import Cut

y, s, x = line("y"), scalar("s"), grid("x")

WRONG = {
    "a factor for what is missing": (lambda: scalar("s", "its words", "points", 100), "scalar, missing.*'nan', got 100"),
    "another word for what is missing": (lambda: scalar("s", missing="skip"), "scalar, missing"),
    "an array for what is missing": (lambda: scalar("s", missing=np.ones(2)), "scalar, missing"),
    "a factor for words": (lambda: scalar("s", 100), "scalar, words: expected a text, got 100"),
    "a factor for a unit": (lambda: line("y", "its words", 100), "line, unit"),
    "a text for a factor": (lambda: line("y", "its words", "points", "100"), "times, times"),
    "no factor": (lambda: line("y", times=float("nan")), "times, times"),
    "a factor for a unit of the worst": (lambda: worst("s", unit=100), "worst, unit"),
    "a text for a missing value": (lambda: worst("s", missing="nan"), "worst, missing"),
    "a number for marks": (lambda: worst("s", where=1), "worst, where"),
    "a number for a metric": (lambda: worst(3), "worst, metric"),
    "no metric": (lambda: line(""), "line, metric"),
    "a number for a divisor": (lambda: grid("x", 10, "x over 10"), "grid, per"),
    "a number for a floor's divisor": (lambda: y.floor(0.5, 100), "floor, per"),
    "words first": (lambda: per_seed("words", len), "per_seed"),
    "no words": (lambda: per_seed(len, 100), "words: expected a text"),
    "no words of a total": (lambda: total(len, y), "words: expected a text"),
    "an estimate that is none": (lambda: per_seed(len, "words", y, estimate="median"), "unknown estimate 'median'"),
    "a function that is none": (lambda: y.share(0.5, "half"), "function"),
    "half a point": (lambda: y.smoothed(3.5), "smoothed, points: expected a whole number"),
    "half a step": (lambda: END.step(1.5), "step, by"),
    "a number for a place": (lambda: y.at(64), "at, place"),
    "a line over a number": (lambda: y / 2.0, "a ratio, other"),
    "a line less a number": (lambda: y - 2.0, "a difference, other"),
    "a number over a float": (lambda: s / 2.0, "a ratio, other"),
    "a number less a line": (lambda: s - y, "a difference, other.*got 'y'"),
    "a line times a line": (lambda: y * y, "times, times"),
    "a slope over a number": (lambda: y.slope(2.0), "slope, over"),
    "a rank with a number": (lambda: y.rank_with(s), "rank_with, other"),
    "a constant that is none": (lambda: s.plus("1"), "plus, constant"),
    "a text for a value of a grid": (lambda: x.near("64"), "near, wanted"),
    "a text for a distance": (lambda: x.near(64, "2 %"), "near, within"),
    "ends in the wrong order": (lambda: x.between(4, 2), "lower end first"),
    "a text for an end": (lambda: x < "4", "below"),
    "a cut that is none": (lambda: y.first_at_most("0.1"), "first_at_most, cut"),
    "a place in the left part's stead": (lambda: y.hump(END).low, "hump_low, left"),
    "a cut-off that is a text": (lambda: s.at_least("0.5"), "at_least"),
    "a cut-off that is nothing": (lambda: s.at_most(float("nan")), "at_most"),
    "a slack that nothing uses": (lambda: s.within(0.9, 1.1, slack=0.1), "slack.*Widen"),
    "cut-offs in the wrong order": (lambda: s.within(1.1, 0.9), "lower cut-off first"),
    "a contradiction that is a text": (lambda: s.at_least(1).contradicted(below="0"), "contradicted_below"),
    "a number of each": (lambda: s.at_least(1).each(3), "each, what"),
    "letters for metrics": (lambda: arm("clean", complete="test_loss"), "arm, complete.*'test_loss'"),
    "a number for an arm's words": (lambda: Arm(0.2), "arm, words"),
    "an axis that is no dictionary": (lambda: Arm("clean", "noise"), "arm: expected axes"),
    "a metric for a share": (lambda: complete("test_loss"), "complete, lost"),
    "half a seed": (lambda: enough_seeds(2.5), "enough_seeds, least"),
    "noise in words": (lambda: enough_noise("20 %"), "enough_noise, asked"),
    "a fit in words": (lambda: fits(y, "0.1"), "fits, at_most"),
    "an end in words": (lambda: reaches(x, "64"), "reaches, asked"),
    "a step in words": (lambda: fine_step(x < 4, "2"), "fine_step, at_most"),
    "half a point in a span": (lambda: spans(y, 3.5), "spans, points"),
    "half a point around": (lambda: around(x < 4, 1.5), "around, points"),
}  # fmt: skip


@pytest.mark.parametrize("told", WRONG)
def test_what_would_be_swallowed_is_refused_with_the_argument_s_name(told):
    make, message = WRONG[told]
    with pytest.raises(UsageError, match=message):
        make()


def test_a_number_beside_the_worst_and_the_slack_must_be_named():
    with pytest.raises(TypeError):
        worst("s", "its words", "ok", 100)
    with pytest.raises(TypeError):
        s.within(0.9, 1.1, 0.1)


def test_what_is_of_its_kind_is_taken():
    assert scalar("s", "its words", "points", "nan").of == ("s", "nan")
    assert line("y", times=np.float64(100)).of[1] == 100
    assert line("y", "w", "points", 100).op == "times"
    assert worst("s", missing=0, where="ok").of == ("s", "ok", 0)
    assert s.within(x.near(2).before.last, END, slack=1.0).cuts[0].slack == 1.0
    assert Cut(s, at_least=np.int64(1)).at_least == 1
    assert (x < float("inf")).op == "within"
    assert per_seed(len, "words", raw("r"), 100, y).of[2] == 100, "an escape's operands may be anything"
    assert Expression("unheard", (1,)).of == (1,)
