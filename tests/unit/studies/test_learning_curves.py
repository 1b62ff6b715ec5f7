"""The study of learning curves: learners against plain loops, a wrong expectation found, and a small cell."""

import json

import numpy as np
import pytest

from overparam.core import UsageError, clean
from overparam.studies import learning_curves_work as work
from overparam.studies.learning_curves import POWERS, STUDY, straight
from overparam.theory.bousquet2021 import LearningCurve, finite_error, memorizer_error, tail_mass

SMALL = {"n": (1, 4, 16), "few": (1, 5, 12), "repeats": 40, "trials": 500}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_the_memorizer_s_unseen_mass_is_that_of_a_plain_loop():
    sizes = [1, 3, 20]
    found = work.memorizer(np.random.default_rng(3), "power", 1.0, sizes, 5)
    rng = np.random.default_rng(3)
    for row in found:
        points = work.draw_points(1 - rng.uniform(size=20), "power", 1.0)
        for size, left in zip(sizes, row, strict=True):
            seen = {int(one) for one in points[:size]}
            assert left == pytest.approx(1 - sum(1 / i - 1 / (i + 1) for i in seen))


@pytest.mark.parametrize(("tail", "exponent"), list(work.TAILS.values()))
def test_points_are_drawn_by_their_tail(tail, exponent):
    """A point is the least with at most the given mass beyond it; on masses between two points that is exact."""
    mass = tail_mass(np.arange(6.0), tail, exponent)
    assert work.draw_points((mass[1:] + mass[:-1]) / 2, tail, exponent).tolist() == [1, 2, 3, 4, 5]
    ends = work.draw_points(np.array([1e-300, 1.0]), tail, exponent)
    assert ends[0] > work.ALONE
    assert ends[1] == 1


def test_thresholds_and_finite_classes_are_those_of_plain_loops():
    rng = np.random.default_rng(5)
    found = work.thresholds(rng, np.array([0.3, 0.8]), [1, 6])
    x = work.ndtr(np.random.default_rng(5).standard_normal((2, 6)))
    for row, c, errors in zip(x, (0.3, 0.8), found, strict=True):
        for size, error in zip((1, 6), errors, strict=True):
            low = max([one for one in row[:size] if one < c], default=0.0)
            high = min([one for one in row[:size] if one >= c], default=1.0)
            assert error == pytest.approx(abs((low + high) / 2 - c))
    p, sizes = work.law(3), [1, 2, 7]
    drawn = np.random.default_rng(6).choice(3, size=(4, 7), p=p)
    for row, errors in zip(drawn, work.finite(np.random.default_rng(6), p, sizes, 4), strict=True):
        want = [sum(p[i] for i in range(3) if i not in row[:size]) for size in sizes]
        assert errors == pytest.approx(want)
    whole = work.integers(np.random.default_rng(7), 0.5, 4.0, [1, 5], 3)
    drawn = np.random.default_rng(7).geometric(0.5, size=(3, 5))
    for row, errors in zip(drawn, whole, strict=True):
        for size, error in zip((1, 5), errors, strict=True):
            largest = max([one for one in row[:size] if one < 4], default=0)
            assert error == pytest.approx(sum(0.5**i for i in range(largest + 1, 4)))


def test_an_expectation_that_is_off_by_one_sample_is_found():
    """What the check must see: curves of n + 1 samples, or of another exponent, in place of the right ones."""
    sizes = (1, 4, 16)
    errors = work.memorizer(np.random.default_rng(8), "power", 1.0, sizes, 400)
    assert work.distance(errors, memorizer_error(sizes, "power", 1.0)) < 4
    assert work.distance(errors, memorizer_error(np.add(sizes, 1), "power", 1.0)) > 6
    assert work.distance(errors, memorizer_error(sizes, "power", 0.9)) > 6
    p, few = work.law(5), (1, 5, 20)
    drawn = work.finite(np.random.default_rng(9), p, few, 30_000)
    assert work.distance(drawn, finite_error(few, p)) < 4
    assert work.distance(drawn, finite_error(np.add(few, 1), p)) > 6


def test_means_are_compared_where_enough_training_sets_err():
    expected = LearningCurve(np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.array([0.1, 0.1]))
    errors = np.tile([0.5, 0.9], (4, 1))
    assert work.distance(errors, expected) == pytest.approx(8.0)
    assert work.distance(errors, expected, np.array([True, False])) == 0.0


def test_straightness_is_that_of_numpy():
    rng, sizes = np.random.default_rng(2), np.array([1.0, 5, 10, 20, 30, 60])
    errors = np.exp(-0.1 * sizes + 0.2 * rng.standard_normal((3, 6)))
    want = [np.corrcoef(sizes[2:], np.log(row[2:]))[0, 1] ** 2 for row in errors]
    assert straight(errors, sizes) == pytest.approx(want)
    assert straight(np.exp(-0.1 * sizes)[None], sizes) == pytest.approx([1.0])


def test_a_small_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    values = found.values
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(values) == set(STUDY.values)
    assert len(json.dumps(clean(values), allow_nan=False)) < 9_000
    assert max(values["farthest"]) < 6
    assert max(values["power_off"]) < 1e-3
    assert values["bend_log"] < 0.5
    assert values["exponent_power_03"][-1] == pytest.approx(-POWERS["power_03"], abs=1e-6)


def test_the_line_of_the_ledger_says_that_runs_illustrate_it():
    from overparam.core.ledger import line

    assert "illustrate" in line("L28").note
    assert {claim.kind for claim in STUDY.claims} == {"check", "question"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"n": (4, 1)},
            r"--n: expected numbers of samples that ascend, got \[4, 1\]. Name each once, in order.",
        ),
        ({"few": (1, 1)}, r"--few: expected numbers of samples that ascend"),
        ({"n": (0, 4)}, "expected at least 1 sample, got 0. Start at 1."),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
