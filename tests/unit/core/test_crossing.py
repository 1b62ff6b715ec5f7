"""Where a line first reaches a level: closed forms on each pair of scales, and what has no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from overparam.core.crossing import crossing
from overparam.core.errors import DataError, UsageError

X = [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("x_scale", "scale", "line"),
    [
        ("linear", "linear", lambda x: 5.0 - 0.25 * x),
        ("log", "linear", lambda x: 5.0 - 1.5 * np.log(x)),
        ("linear", "log", lambda x: 3.0 * np.exp(-0.3 * x)),
        ("log", "log", lambda x: 7.0 * x**-1.25),
    ],
)
@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("where", [1.0, 1.7, 4.0, 11.3, 16.0])
def test_a_line_that_is_straight_on_its_scales_is_read_exactly(x_scale, scale, line, rising, where):
    values, level = line(np.array(X)), float(line(np.float64(where)))
    if rising:  # turned round: minus the values, or one over them
        values, level = (1 / values, 1 / level) if scale == "log" else (-values, -level)
    level += (-1 if rising else 1) * 4e-16 * abs(level)  # a place of the grid is reached whatever the rounding
    found = crossing(X, values, level, rising=rising, x_scale=x_scale, scale=scale)
    assert found == pytest.approx(where, rel=1e-12)


def test_scales_differ_where_a_line_is_curved():
    found = {
        (a, b): crossing([1, 4], [1.0, 0.01], 0.1, x_scale=a, scale=b)
        for a in ("linear", "log")
        for b in ("linear", "log")
    }
    share = 0.9 / 0.99
    assert found["linear", "linear"] == pytest.approx(1 + 3 * share)
    assert found["log", "linear"] == pytest.approx(4**share)
    assert found["linear", "log"] == pytest.approx(2.5)
    assert found["log", "log"] == pytest.approx(2.0)


def test_the_first_of_several_crossings_is_taken():
    assert crossing([0, 1, 2, 3], [1.0, 0.0, 1.0, 0.0], 0.5) == 0.5
    assert crossing([0, 1, 2, 3], [0.0, 1.0, 0.0, 1.0], 0.5, rising=True) == 0.5


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda v: np.array(v, np.float32)])
def test_whatever_holds_numbers_is_read(kind):
    assert crossing(kind([1, 2]), kind([1.0, 0.0]), 0.25) == 1.75


def test_a_line_that_never_reaches_the_level_says_what_the_caller_chose():
    line = [0.9, 0.8, 0.7]
    assert math.isnan(crossing([1, 2, 4], line, 0.5))
    assert crossing([1, 2, 4], line, 0.5, never=math.inf) == math.inf
    assert crossing([1, 2, 4], line, 0.5, never="last") == 4.0
    assert crossing([1, 2, 4], line, 0.5, never=8) == 8.0
    assert math.isnan(crossing([1, 2], [math.nan, math.nan], 0.5))


def test_a_line_that_is_there_at_once_gives_the_first_place_or_what_the_caller_chose():
    assert crossing([3, 4], [0.5, 0.9], 0.5) == 3.0
    assert crossing([3, 4], [0.5, 0.9], 0.5, at_once=0.0) == 0.0
    assert crossing([3], [0.5], 0.5) == 3.0


def test_nothing_is_read_between_a_missing_value_and_the_next():
    assert crossing([1, 2, 4], [1.0, None, 0.0], 0.5) == 4.0
    assert crossing([1, 2, 4], [1.0, math.nan, 0.0], 0.5) == 4.0
    assert crossing([1, 2], [math.inf, 0.0], 0.5) == 2.0
    assert crossing([1, 2], [1.0, -math.inf], 0.5) == 2.0
    assert crossing([1, 2], [1.0, 0.0], 0.5, scale="log") == 2.0  # 0 has no logarithm
    assert crossing([1, 2], [0.0, 1.0], 0.5, rising=True, scale="log") == 2.0


def test_huge_numbers_and_neighbours_are_no_trap():
    assert crossing([1, 3], [1.5e308, -1.5e308], 0.0) == 2.0
    assert crossing([1e-300, 1e300], [1.0, 0.0], 0.5, x_scale="log") == pytest.approx(1.0, rel=1e-12)
    one = 1e200
    assert crossing([1, 2], [np.nextafter(one, math.inf), one], one, scale="log") == 2.0


def test_the_place_lies_between_its_neighbours():
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, line = np.sort(rng.uniform(0.1, 9.0, 6)), rng.uniform(0.01, 1.0, 6)
        level = float(rng.uniform(0.01, 1.0))
        found = [
            crossing(x, line, level, x_scale=a, scale=b) for a in ("linear", "log") for b in ("linear", "log")
        ]
        at = [i for i, one in enumerate(line) if one <= level]
        if not at:
            assert all(math.isnan(one) for one in found)
            continue
        low, high = x[max(0, at[0] - 1)], x[at[0]]
        assert all(low * (1 - 1e-12) <= one <= high * (1 + 1e-12) for one in found)


@pytest.mark.parametrize(
    ("x", "line", "more", "told"),
    [
        ([1, 2], [1.0], {}, "two lists of one length"),
        ([], [], {}, "not empty"),
        ([[1, 2]], [[1.0, 0.0]], {}, "two lists of one length"),
        ([2, 1], [1.0, 0.0], {}, "places that ascend"),
        ([1, 1], [1.0, 0.0], {}, "places that ascend"),
        ([1, math.nan], [1.0, 0.0], {}, "places that ascend"),
        ([1, math.inf], [1.0, 0.0], {}, "places that ascend"),
        ([0, 1], [1.0, 0.0], {"x_scale": "log"}, "positive places"),
        (["a", "b"], [1.0, 0.0], {}, "x"),
        ([1, 2], ["1", "0"], {}, "line"),
    ],
)
def test_what_is_no_line_is_refused(x, line, more, told):
    with pytest.raises(DataError, match=told):
        crossing(x, line, 0.5, **more)


@pytest.mark.parametrize(
    ("level", "more", "told"),
    [
        (math.nan, {}, "level: expected a finite number"),
        ("0.5", {}, "level: expected a finite number"),
        (0.0, {"scale": "log"}, "level: expected a positive number"),
        (0.5, {"scale": "lin"}, "scale: expected one of linear, log"),
        (0.5, {"x_scale": "Log"}, "x_scale: expected one of linear, log"),
        (0.5, {"never": "end"}, "never: expected a number or 'last'"),
        (0.5, {"never": None}, "never: expected a number or 'last'"),
        (0.5, {"at_once": "0"}, "at_once: expected a number"),
    ],
)
def test_what_the_rule_cannot_mean_is_refused(level, more, told):
    with pytest.raises(UsageError, match=told):
        crossing([1, 2], [0.2, 0.0], level, **more)
