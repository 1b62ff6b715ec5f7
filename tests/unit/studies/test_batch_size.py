"""The study of batch sizes: steps in a case that is known, what is made of them, a tiny cell, its needs."""

import json
import math

import numpy as np
import pytest

from overparam.core import Evidence, UsageError, clean
from overparam.studies import batch_size_work
from overparam.studies.batch_size import STUDY, WORLD
from overparam.studies.batch_size_work import best_rate, run, summary, walk
from overparam.sweep.judge import judge
from overparam.theory import sgd
from overparam.training.tanh_network import TanhNetwork

TINY = {"n": 12, "width": 16, "batch": (1, 2, 4), "goal": 0.4, "most": 800, "repeats": 1}
NET, X, Y = TanhNetwork((2, 1)), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, -1.0])


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


def test_steps_are_those_of_the_closed_form():
    # along (1, -1) of two orthogonal inputs r falls by 1 - rate/2 a step: loss (1/2)(1/2)^(2t) <= 0.01 at t = 3
    assert walk(NET, np.zeros(3), X, Y, 1.0, 2, 0.01, 100, np.random.default_rng(0))[0] == 3
    assert walk(NET, np.zeros(3), X, Y, 1.0, 2, 0.01, 2, np.random.default_rng(0))[0] == math.inf
    # at twice a base of 1 it is 0 after one step: the best, inside the grid
    steps, share, _, edge = best_rate(NET, np.zeros(3), X, Y, 2, 1.0, 0.01, 100, 1, np.random.default_rng(0))
    assert (steps, share, edge) == (1.0, pytest.approx(2.0), False)


class Passing:
    """Parameters count steps; the loss is low after two steps, and low for good after the fifth."""

    def gradient(self, theta, x, y):
        return (1e-3 if theta in (2, 3) or theta >= 5 else 1.0), -1.0


def test_a_low_loss_that_is_passed_by_is_not_counted():
    assert walk(Passing(), 0.0, X, Y, 1.0, 2, 0.01, 100, np.random.default_rng(0)) == (5, 25.0)
    assert walk(Passing(), 0.0, X, Y, 1.0, 2, 0.01, 24, np.random.default_rng(0))[0] == math.inf


@pytest.mark.parametrize(("base", "share"), [(0.25, 8.0), (8.0, 0.25)])
def test_a_best_rate_at_the_edge_is_followed(base, share):
    found = best_rate(NET, np.zeros(3), X, Y, 2, base, 1e-3, 1000, 1, np.random.default_rng(0))
    assert (found[0], found[3]) == (1.0, False)
    assert found[1] == pytest.approx(share)
    # twice a base of 1/64 lies beyond what is looked at: the edge is said
    far = best_rate(NET, np.zeros(3), X, Y, 2, 1 / 64, 1e-3, 10_000, 1, np.random.default_rng(0))
    assert far[1] == pytest.approx(16.0)
    assert far[3]


def test_a_rate_counts_only_if_all_runs_get_there_and_those_of_all_samples_start_moved(monkeypatch):
    begins = []

    def walked(net, theta, x, y, rate, batch, goal, most, rng):
        begins.append(theta)
        return (5.0 if rate != 1.0 or len(begins) == 1 else math.inf), theta

    monkeypatch.setattr(batch_size_work, "walk", walked)
    start = np.array([1.0, -2.0, 4.0])
    steps, share, _, _ = best_rate(NET, start, X, Y, 2, 1.0, 0.01, 100, 2, np.random.default_rng(0))
    assert steps == pytest.approx(5.0)
    assert share != 1.0  # its second run does not get there
    moved = [np.abs(one / start - 1).max() for one in begins]
    assert 0 < min(moved) < max(moved) < 5e-3
    begins.clear()
    best_rate(NET, start, X, Y, 1, 1.0, 0.01, 100, 2, np.random.default_rng(0))
    assert all((one == start).all() for one in begins)


def test_slopes_and_knee_are_read_off_planted_steps():
    here = sgd.minimum_of_features(np.eye(16) * 4 + 1.0)
    critical = sgd.batch_guarantee(here, 1).critical
    batches = [1, 2, 4, 8, 16]
    steps = [960 / min(b, 4) for b in batches]
    found = summary(batches, steps, [1.0] * 5, [960.0] * 5, here, here, 0.1)
    assert found["critical"] == critical
    assert found["small"] == pytest.approx(-1.0 if critical < 8 else np.log(1 / 4) / np.log(8))
    assert found["fixed_steps"] == [960.0] * 5
    assert found["knee"] == pytest.approx(8.0)
    assert found["few_over_all"] == pytest.approx(960 / (240 * 16))
    assert found["reached"] == 1.0
    lost = summary(batches, [math.inf, *steps[1:]], [1.0] * 5, [960.0] * 5, here, here, 0.1)
    assert (lost["reached"], lost["knee"], lost["small"], lost["steps"][0]) == (0.0, None, None, None)
    few = summary([1, 16], [960.0, 240.0], [1.0] * 2, [960.0] * 2, here, here, 0.1)
    assert critical > 1
    assert few["large"] is None  # no batch between 4 m* and all samples


def test_a_tiny_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell(seed=1000)], told.append)
    assert told == sorted(told)
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert found.values["batches"] == [1, 2, 4, 12]
    assert found.values["steps"][0] > found.values["steps"][-1]


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = judge(STUDY, Evidence(WORLD(np.random.default_rng(0)).rows), profile="laptop", data="planted")
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert not verdict.control or verdict.control["ok"], verdict.claim


def test_where_a_batch_size_does_not_get_there_nothing_is_judged():
    rows = tuple((p, values | {"reached": 0.0}) for p, values in WORLD(np.random.default_rng(0)).rows)
    for verdict in judge(STUDY, Evidence(rows), profile="laptop", data="planted"):
        assert verdict.status == "not_applicable"
        assert "0 of 8 seeds" in verdict.reason


def test_a_best_rate_at_the_edge_of_the_grid_is_no_best_rate():
    rows = tuple((p, values | {"at_edge": 1.0}) for p, values in WORLD(np.random.default_rng(0)).rows)
    for verdict in judge(STUDY, Evidence(rows), profile="laptop", data="planted"):
        assert verdict.status == "not_applicable"
        assert "inside the grid in 0 of 8 seeds" in verdict.reason


@pytest.mark.parametrize("batch", [(2, 4), (1, 1), (1, 4, 2), (1, 12)])
def test_batch_sizes_that_do_not_go_together_are_refused(batch):
    for refused in (STUDY.estimate, lambda one: run(one, lambda _: None)):
        with pytest.raises(
            UsageError, match="--batch: expected sizes that ascend from 1 to less than the 12 samples"
        ):
            refused(cell(batch=batch))
