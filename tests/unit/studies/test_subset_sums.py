"""The study on subset sums: its cell against sums by hand, its masks, and options that do not fit."""

import math

import numpy as np
import pytest

from overparam.data.stream import stream
from overparam.studies.subset_sums import FINER, KINDS, STUDY, numbers

SMALL = {"items": (6, 8, 10), "draws": 4, "finer": (100.0, 10.0), "inputs": 3, "hidden": 4}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


@pytest.fixture(scope="module")
def found():
    told = []
    (outcome,) = STUDY.work([cell(seed=1000)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return outcome.values


def test_a_cell_has_the_values_that_the_study_names(found):
    assert set(found) == set(STUDY.values)
    assert found["sums"] == [2**6, 2**8, 2**10]
    assert found["finer"] == [10.0, 100.0]


def test_gaps_are_those_of_all_sums(found):
    rng, logs = stream("subset-sums gap", 1000), []
    for _ in range(4):
        sequence = numbers("gap", rng, 10)
        for m in (6, 10):
            sums = np.zeros(1)
            for one in sequence[:m]:
                sums = np.concatenate([sums, sums + one])
            targets = np.linspace(-1, 1, 20001)
            sums.sort()
            after = np.searchsorted(sums, targets)
            far = np.minimum(
                np.abs(targets - sums[np.maximum(after - 1, 0)]),
                np.abs(sums[np.minimum(after, len(sums) - 1)] - targets),
            )
            logs.append(math.log2(far.max()))
    want = np.array(logs).reshape(4, 2).mean(axis=0)
    assert np.log2([found["gap"][0], found["gap"][2]]) == pytest.approx(want, abs=0.01)


def test_controls_do_what_they_are_for(found):
    assert found["positive_gap"] == [1.0] * 3
    assert min(found["lattice_gap"]) >= 1 / 32
    assert found["twice_gap"][-1] > found["gap"][-1]
    assert min(found["shuffled_over"]) > 1 > max(found["certified_over"])
    assert found["one"][-1] > found["certified"][-1]
    assert all(0 < seen <= 1 for seen in found["measured_over"])
    assert min(found["counted"]) >= 1


def test_numbers_needed_lie_between_counting_and_single_numbers(found):
    for bits, needed, one in zip(found["theory_needed"], found["needed"], found["one_needed"], strict=True):
        assert bits <= needed < one
    assert found["needed"] == sorted(found["needed"])
    assert found["accuracy"] == list(FINER)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_numbers(kind):
    drawn = numbers(kind, stream("test", 0), 9)
    assert len(drawn) == 9
    assert np.abs(drawn).max() <= 1
    if kind == "twice_gap":
        assert len(set(drawn.tolist())) == 5
    if kind == "lattice_gap":
        assert np.array_equal(16 * drawn, np.rint(16 * drawn))


def test_deeper_targets_with_biases_and_linear_ones_are_matched():
    for change in ({"layers": 3, "bias": 0.05}, {"layers": 1, "inputs": 1}):
        (outcome,) = STUDY.work([cell(seed=1001, items=(4,), finer=(10.0,), **change)], lambda share: None)
        assert outcome.values["certified_over"][0] <= 1
        assert outcome.values["measured_over"][0] <= 1


def test_the_cost_grows_with_the_sums_and_is_told_for_forty():
    small, large = (STUDY.estimate(cell(items=items)) for items in ((10, 20), (10, 40)))
    assert large.seconds > 1e4 * small.seconds
    assert large.seconds > 3600
