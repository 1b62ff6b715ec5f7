"""The study of selected minima: the end of a run, leaving a minimum in a case that is known, a tiny cell, its needs."""

import json
import math

import numpy as np
import pytest

from overparam.core import DataError, Evidence, UsageError, clean
from overparam.studies.sgd_selection import BY_BATCH, STUDY, WORLD
from overparam.studies.sgd_selection_work import descend, examples, excursion, run
from overparam.sweep.judge import judge
from overparam.training.tanh_network import TanhNetwork

TINY = {
    "n": 25,
    "width": 16,
    "goal": 2e-2,
    "times": (0.5, 1.5),
    "batch": (1, 4),
    "most": 3000,
    "runs": 2,
    "follow": 200,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


def linear():
    """Two orthogonal inputs of length sqrt 2 without hidden units: curvature 1 each, but for the bias."""
    return TanhNetwork((2, 1)), np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)


def test_a_run_ends_where_the_loss_has_stayed_low():
    net, x, y = linear()
    y = np.array([1.0, -1.0])
    end, taken, loss = descend(net, np.zeros(3), x, y, 0.5, 2, 2000, np.random.default_rng(0), 1e-3)
    # r falls by 1 - step/2 a step along (1, -1): (1/2) r^2 <= 1e-3 needs ln(0.0447)/ln(0.75) = 11 steps, then 100 below
    assert taken == 11 + 99
    assert loss < 1e-3
    assert end[:2] == pytest.approx([1.0, -1.0], abs=1e-6)
    _, taken, loss = descend(net, np.zeros(3), x, y, 0.5, 2, 50, np.random.default_rng(0), 1e-3)
    assert taken == 50
    _, _, loss = descend(net, np.zeros(3), x, y, 50.0, 2, 2000, np.random.default_rng(0), 1e-3)
    assert math.isnan(loss)


def test_a_run_leaves_a_minimum_beyond_its_largest_stable_step_alone():
    net, x, y = linear()
    start = np.array([1e-3, -1e-3, 0.0])
    # of all samples H has the eigenvalues 1/2 and 3/2: largest stable step 4/3
    below, above = (excursion(net, start, x, y, step, 2, 200, np.random.default_rng(0)) for step in (1.3, 4.1))
    assert below[0] == 1.0
    assert below[1] < -5
    assert above == (100.0, 2.0)


def test_inputs_are_centred_and_of_one_length():
    x, y = examples(cell(seed=1000))
    assert x.shape == (25, 64)
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.full(25, 2.0))
    assert set(y) <= {1.0, -1.0}


def test_a_tiny_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell(seed=1000)], told.append)
    values = found.values
    assert told == sorted(told)
    assert set(values) == set(STUDY.values)
    assert len(json.dumps(clean(values), allow_nan=False)) < 9_000
    assert values["bounds_kept"] >= 1 - 1e-6
    assert values["edge_over"][0] == pytest.approx(0.5, abs=0.1)
    assert values["residual"] < 1e-10
    assert values["flow_over"] == [0.5, 1.5]
    assert values["batches"] == [1, 4, 25]
    assert values["share"][-1] == pytest.approx(values["descent_share"][-1], rel=1e-6)


def planted(**change):
    both = (one(np.random.default_rng(0)).rows for one in (WORLD, BY_BATCH))
    rows = tuple(
        ({**q, **p}, {**other, **values} | change) for (p, values), (q, other) in zip(*both, strict=True)
    )
    return judge(STUDY, Evidence(rows), profile="laptop", data="planted")


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = planted()
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert not verdict.control or verdict.control["ok"], verdict.claim


def test_where_samples_are_not_fitted_nothing_is_judged_and_the_gradient_is_said():
    for verdict in planted(fitted=0.0, worst_loss=0.2, worst_gradient=0.7):
        assert verdict.status == "not_applicable"
        assert "gradient norm 0.7" in verdict.reason


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"batch": (4, 1)},
            r"--batch: expected sizes that ascend from 1 to less than the 25 samples, got \[4, 1\]",
        ),
        ({"batch": (1, 25)}, r"--batch: expected sizes that ascend from 1"),
        ({"times": (1.5, 0.5)}, r"--times: expected numbers that ascend, got \[1.5, 0.5\]"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
    with pytest.raises(UsageError, match=text):
        run(cell(**change), lambda _: None)


def test_a_flow_that_does_not_train_is_said():
    with pytest.raises(
        DataError, match=r"flow_step: expected a run that reaches a loss of 0.02 .* gradient of norm"
    ):
        run(cell(most=200, flow_step=1e-4, seed=1000), lambda _: None)
