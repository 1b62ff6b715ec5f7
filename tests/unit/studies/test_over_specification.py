"""The study of over-specification: moments and floors against samples, times, and small stacks."""

import json
from itertools import pairwise

import jax
import numpy as np
import pytest

from overparam.core import UsageError, clean
from overparam.core.errors import OverparamError
from overparam.studies.over_specification import STUDY, WORLD
from overparam.studies.over_specification_work import (
    best_of,
    fresh,
    frozen_floor,
    own_teacher,
    probe_times,
    relu_moments,
)  # fmt: skip
from overparam.sweep.judge import judge

SMALL = {"d": 4, "nodes": 2, "factor": 2, "steps": 24, "batch": 16, "rates": (0.05, 0.1, 0.2), "one": 0.1}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = {
        v.claim.partition(".")[2]: v
        for v in judge(STUDY, WORLD(np.random.default_rng(0)), profile="laptop", data="x")
    }
    assert set(found) == {claim.name for claim in STUDY.claims}
    for name, verdict in found.items():
        wanted = "inconclusive" if name == "standard" else "supported"  # 730 and 480 steps: near a fifth
        assert verdict.control["ok"], verdict.reason
        assert verdict.status in ("supported", wanted), verdict.reason


def test_rates_at_the_edge_of_those_tried_are_no_best_rates():
    edge = WORLD.but(rate_on_edge=[1, 0, 0, 0, 0])(np.random.default_rng(0))
    found = {v.claim.partition(".")[2]: v.status for v in judge(STUDY, edge, profile="laptop", data="x")}
    assert (found["faster"], found["eight"], found["one-rate"]) == (
        "not_applicable",
        "not_applicable",
        "supported",
    )


def test_moments_are_those_of_a_sample():
    rng = np.random.default_rng(0)
    a, b, x = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(200_000, 3))
    left, right = np.maximum(x @ a.T, 0), np.maximum(x @ b.T, 0)
    for i in range(2):
        for j in range(3):
            drawn = left[:, i] * right[:, j]
            assert relu_moments(a, b)[i, j] == pytest.approx(drawn.mean(), abs=5 * drawn.std() / len(x) ** 0.5)


def test_a_teacher_has_mean_square_one_and_answers_the_stream():
    own = own_teacher(5, 3, 7)
    x = np.random.default_rng(0).normal(size=(200_000, 5))
    square = own.targets(x)[:, 0] ** 2
    assert square.mean() == pytest.approx(1.0, abs=5 * square.std() / len(x) ** 0.5)
    rows, answers = fresh(jax.random.key(0), 6, {"teacher": own.params})
    assert rows.shape == (6, 5)
    assert np.asarray(answers) == pytest.approx(own.targets(np.asarray(rows)), rel=1e-4, abs=1e-5)
    assert own_teacher(5, 3, 8).weights[0][0, 0] != own.weights[0][0, 0]


def test_the_floor_of_a_frozen_layer_is_that_of_least_squares():
    own = own_teacher(4, 3, 0)
    assert frozen_floor(np.concatenate([2 * own.weights[0], np.eye(4)]), own) == pytest.approx(0, abs=1e-9)
    first = np.random.default_rng(1).normal(size=(5, 4))
    x = np.random.default_rng(2).normal(size=(100_000, 4))
    units, y = np.maximum(x @ first.T, 0), own.targets(x)[:, 0]
    left = y - units @ np.linalg.lstsq(units, y, rcond=None)[0]
    assert frozen_floor(first, own) == pytest.approx(np.mean(left**2), rel=0.03)


def test_probe_times_are_fine():
    times = probe_times(6000)
    assert (times[0], times[-1]) == (10, 6000)
    assert all(b - a <= max(1, 0.05 * a + 1) for a, b in pairwise(times))


def test_the_best_rate_is_the_first_to_reach_the_target_and_diverged_runs_never_do():
    steps = np.array([0, 10, 100])
    slow, fast, gone = (np.array(one) for one in ([1, 0.5, 0.009], [1, 0.009, 0.005], [1, np.nan, np.nan]))
    found = best_of(cell(), [(steps, slow, None), (steps, fast, None), (steps, gone, 10)])
    assert (found["rate_best"], found["on_edge"], found["reached"]) == (0.1, 0, 1)
    assert found["steps_best"] == found["steps_one"] < 10
    found = best_of(cell(), [(steps, gone, 10), (steps, 2 * slow, None), (steps, gone, 10)])
    assert (found["reached"], found["steps_best"], found["rate_best"], found["on_edge"]) == (0, 24, 0.1, 0)
    found = best_of(cell(), [(steps, slow, None), (steps, gone, 10), (steps, gone, 10)])
    assert (found["on_edge"], found["reached_one"], found["steps_one"]) == (1, 0, 24)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parametrisation", "target", "seeds"), [("mean_field", 0.01, (0, 1)), ("standard", 0.9, (0,))]
)
def test_a_small_stack_holds_what_is_declared(parametrisation, target, seeds):
    told = []
    cells = [cell(parametrisation=parametrisation, seed=seed, target=target) for seed in seeds]
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len({one.values["frozen_floor"] for one in found}) == len(seeds)
    for one in found:
        assert set(one.values) == set(STUDY.values)
        assert len(json.dumps(clean(one.values), allow_nan=False)) < 9_000
        assert one.values["step"] == sorted(set(one.values["step"]))
        assert 0 <= one.values["frozen_floor"] < 1
        assert (one.values["frozen_steps"] == 24) or target == 0.9


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rates": (0.1, 0.2)}, r"--rates: expected three or more rates that ascend, got \[0.1, 0.2\]"),
        ({"rates": (0.2, 0.1, 0.3)}, "--rates: expected three or more rates that ascend"),
        ({"one": 0.3}, r"--one: expected one of the rates \[0.05, 0.1, 0.2\], got 0.3"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))


def test_a_teacher_with_parallel_nodes_is_refused():
    from overparam.data.teachers import Teacher

    with pytest.raises(OverparamError, match="parallel"):
        Teacher((np.array([[1.0, 0.0], [2.0, 0.0]]), np.ones((1, 2))), (np.zeros(2), np.zeros(1)))
