"""Planned seeds and looks, power, and how many parts share an error: simulated where a formula is claimed."""

import numpy as np
import pytest

from overparam.core import Claim, World, line
from overparam.core.digits import together
from overparam.core.judging import split
from overparam.core.looks import look, planned
from overparam.core.power import next_look, seeds_for, spread, visible
from overparam.core.stats import mean_interval
from overparam.core.testing import calibrate

Y = line("y")


@pytest.mark.parametrize(
    ("seeds", "rung", "level", "count"),
    [
        (range(100, 105), 1, 0.97, 5),
        (range(100, 109), 1, 0.97, 5),
        (range(100, 110), 2, 0.99, 10),
        (range(100, 119), 2, 0.99, 10),
        (range(100, 120), 4, 0.995, 20),
        (range(100, 200), 8, 0.9975, 40),
    ],
)
def test_between_two_looks_the_last_full_one_decides(seeds, rung, level, count):
    found = look(planned(5), seeds)
    assert (found.rung, found.level, len(found.seeds), found.below) == (rung, level, count, False)


def test_a_gap_ends_what_counts_and_fewer_than_planned_decide_nothing():
    assert look(planned(5), [100, 101, 102, 104, 105, 106]).below
    assert look(planned(5), [100, 101, 102, 103, 104, 106, 107, 108, 109, 110]).rung == 1
    assert look(planned(3), [0, 1, 2]).words == "below plan: 0 of 3 planned seeds (100 to 102)"
    scattered = look((3, 7), range(8))
    assert (scattered.seeds, scattered.rung) == ((3, 7), 1)


@pytest.mark.parametrize("n", [5, 10])
def test_what_is_visible_is_found_in_nine_of_ten(n):
    rng = np.random.default_rng(1)
    draws = rng.normal(visible(n), 1.0, (2000, n))
    found = sum(mean_interval(y).low > 0 for y in draws)
    assert abs(found / 2000 - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 2000)


def test_seeds_for_a_distance_are_the_fewest_that_see_it():
    for distance in (0.5, 1.0, 2.0):
        n = seeds_for(distance)
        assert visible(n) <= distance < visible(n - 1)
    assert seeds_for(0.0) is None
    assert seeds_for(1e-4) is None
    assert next_look(5, 1.7) == (10, 0.99)
    assert next_look(5, 1e-3) is None


def test_a_spread_is_read_back_from_its_interval():
    y = np.random.default_rng(2).normal(size=7)
    found = mean_interval(y, 0.99)
    assert spread(found.low, found.high, 7, 0.99) == pytest.approx(y.std(ddof=1))


def test_looks_together_err_no_more_than_promised():
    """Following a true boundary through 5, 10, 20 and 40 seeds: 95 %-intervals at each err in 9 %, the ladder below 4 %."""
    rng, wrong = np.random.default_rng(3), 0
    for y in rng.normal(size=(2000, 40)):
        looks = [look(planned(5), range(100, 100 + n)) for n in (5, 10, 20, 40)]
        wrong += any(mean_interval(y[: len(one.seeds)], one.level).low > 0 for one in looks)
    assert wrong / 2000 < 0.04


def test_parts_share_the_error_of_one():
    assert split(0.97, 1) == pytest.approx(0.97)
    assert 1 - split(0.97, 4) == pytest.approx(0.03 / 4)


DRAWS = [(100, "normal"), *(pytest.param(400, one, marks=pytest.mark.slow) for one in ("normal", "t3", "ar"))]


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "noise"), DRAWS)
def test_every_point_and_some_point_keep_their_error_rates(draws, noise):
    """All points at the cut-off: any of ten contradicts, and some of ten supports, in no more than 16 of 400 draws."""
    flat = World(
        ("x", tuple(range(1, 11))), lines={"y": [1.0] * 10}, spread={"y": 0.1}, straight=("y",), seeds=8
    )
    every = Claim(
        "every", "", (), "", Y.every.at_most(1.0).stated(), form="bound", x="x", null=(flat,), limit=(flat,),
        effect=flat.but(y=[0.5] * 10), against=flat.but(y=[0.5] * 9 + [1.5]),
    )  # fmt: skip
    some = Claim(
        "some", "", (), "", Y.some.at_least(1.0), form="exists", x="x", null=(flat,),
        effect=flat.but(y=[1.0] * 9 + [1.5]),
    )  # fmt: skip
    for claim in (every, some):
        calibrate(claim, draws, noises=(noise,))


def test_some_point_is_contradicted_only_where_every_point_is():
    world = World(("x", (1, 2, 3)), lines={"y": [0.0, 0.0, 0.0]}, spread={"y": 0.1}, straight=("y",))
    claim = Claim("some", "", (), "", Y.some.at_least(1.0).stated(), form="direction", x="x")
    rng = np.random.default_rng(0)
    assert claim.judge(world(rng)).status == "contradicted"
    assert claim.judge(world.but(y=[0.0, 1.0, 0.0])(rng)).status == "inconclusive"
    assert claim.judge(world.but(y=[0.0, 2.0, 0.0])(rng)).status == "supported"


SIZES = (16, 64, 256)


def trend(*y, sd=0.02, seeds=8):
    return World(("x", SIZES), lines={"y": list(y)}, spread={"y": sd}, straight=("y",), seeds=seeds)


LIMIT = Claim(
    "limit", "", (), "", Y.tends_to(1.0, within=0.05), form="limit", x="x",
    null=(trend(1.4, 1.3, 1.2), trend(1.05, 1.05, 1.05), trend(0.6, 0.7, 0.8)), effect=trend(1.4, 1.2, 1.1),
    limit=(trend(1.3, 1.3, 1.3), trend(0.7, 0.7, 0.7)), against=trend(1.2, 1.4, 1.8),
)  # fmt: skip


@pytest.mark.parametrize(("draws", "noise"), DRAWS)
def test_a_trend_keeps_both_error_rates_on_its_boundaries(draws, noise):
    calibrate(LIMIT, draws, noises=(noise,))


@pytest.mark.parametrize(
    ("y", "status"),
    [
        ((1.4, 1.2, 1.02), "supported"),
        ((1.02, 1.0, 0.98), "supported"),
        ((0.6, 0.75, 0.85), "supported"),
        ((1.4, 1.4, 1.38), "inconclusive"),
        ((1.4, 1.9, 1.6), "inconclusive"),
        ((1.2, 1.5, 2.0), "contradicted"),
        ((1.2, 1.0, 0.3), "contradicted"),
    ],
)
def test_a_limit_is_judged_by_where_it_goes(y, status):
    assert LIMIT.judge(trend(*y, sd=0.005)(np.random.default_rng(0))).status == status


def test_a_span_too_short_for_a_limit_says_how_far_it_must_be():
    from overparam.core.errors import MissingEvidence

    short = World(("x", (20, 40, 80)), lines={"y": [1.0, 1.0, 1.0]}, spread={"y": 0.1})
    with pytest.raises(MissingEvidence, match="should fall at least 4-fold, got 2-fold from 20 to 80"):
        LIMIT.judge(short(np.random.default_rng(0)))


def test_equal_seeds_are_no_certainty_except_for_what_is_proved():
    world = World(("x", (1, 2)), lines={"y": [1.0, 0.0]}, straight=("y",))
    cells = world(np.random.default_rng(0))
    claim = Claim("zero", "", (), "", Y.last.at_most(0.5), form="bound", x="x")
    assert (claim.judge(cells).status, claim.judge(cells).binding.low) == ("inconclusive", None)
    check = Claim("zero", "", (), "", Y.last.at_most(0.5), kind="check", x="x")
    assert check.judge(cells).status == "supported"


def test_numbers_that_differ_are_printed_so():
    low, cut = together(4.71, 3.9962, 5.58, 4.0)[1::2]
    assert low != cut
    assert together(0.0, 0.0, 0.0, 1e-12)[-1] == "1.00e-12"
