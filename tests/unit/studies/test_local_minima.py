"""The study of local minima: Jacobians against differences, what counts as critical, a tiny cell, and what is refused."""

import json

import numpy as np
import pytest

from overparam.core import Evidence, UsageError, clean
from overparam.studies.local_minima import STUDY, WORLD
from overparam.studies.local_minima_work import (
    at_point,
    between,
    followed,
    leaky,
    network,
    random_start,
    run,
    slopes,
    smooth,
    trusted,
)  # fmt: skip
from overparam.sweep.judge import judge
from overparam.theory.yun2019 import bad_minimum

RNG = np.random.default_rng(3)
TINY = {
    "n": 10,
    "d": 4,
    "ratio": (0.5, 4.0),
    "starts": 2,
    "built": (1, 3),
    "built_n": 12,
    "built_d": 2,
    "steps": 200,
}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


def differences(function, theta, step=1e-6):
    eye = np.eye(len(theta)) * step
    return np.array([(function(theta + e) - function(theta - e)) / (2 * step) for e in eye]).T


def test_jacobians_are_those_of_the_outputs():
    x, eps = RNG.normal(size=(5, 3)), 1 + 0.2 * RNG.normal(size=(5, 2))
    theta = RNG.normal(size=8)
    want = differences(lambda t: leaky(t[:6].reshape(2, 3), t[6:], x, eps)[0], theta)
    assert leaky(theta[:6].reshape(2, 3), theta[6:], x, eps)[1] == pytest.approx(want, abs=1e-7)
    flat = RNG.normal(size=2 * 3 + 2 + 3)
    assert smooth(flat, x, 2)[1] == pytest.approx(differences(lambda t: smooth(t, x, 2)[0], flat), abs=1e-7)
    weights, biases = (
        [RNG.normal(size=(2, 3)), RNG.normal(size=(1, 2))],
        [RNG.normal(size=2), RNG.normal(size=1)],
    )
    pull = RNG.normal(size=5)

    def value(t):
        return np.array([pull @ network([t[:6].reshape(2, 3), t[6:8][None]], [t[8:10], t[10:]], x)[2]])

    all_of = np.concatenate([p.ravel() for p in (*weights, *biases)])
    got = np.concatenate([g.ravel() for g in slopes(weights, biases, x, pull)])
    assert got == pytest.approx(differences(value, all_of)[0], abs=1e-6)


def test_the_bound_on_the_residual_holds_and_one_without_the_gradient_is_seen():
    jacobian, r = RNG.normal(size=(4, 9)), RNG.normal(size=4)
    told = at_point(jacobian, r, np.ones(4))
    assert told["excess"] <= 1
    assert not told["critical"]
    assert told["regular"]
    assert at_point(np.zeros((4, 9)) + np.eye(4, 9) * [[1], [1], [1], [0]], np.array([0, 0, 0, 1.0]), np.ones(4)) == {
        "residual": 0.5, "critical": True, "regular": False, "excess": 0.0,
    }  # fmt: skip
    assert at_point(RNG.normal(size=(4, 3)), r, np.ones(4))["excess"] == 0.0  # fewer parameters than samples


def test_a_wide_network_ends_without_a_residual_off_all_kinks():
    x, y = RNG.normal(size=(6, 3)), np.array([1, -1, 1, 1, -1, -1.0])
    ends = [trusted(x, y, np.ones((6, 12)), RNG.normal(size=(12, 3)), RNG.normal(size=12)) for _ in range(3)]
    best = min(ends, key=lambda end: end["residual"])
    assert best["residual"] < 1e-8
    assert best["wrong"] == 0.0
    assert best["critical"]
    assert not best["kink"]


def test_small_kicks_come_back_and_no_step_is_below_the_minimum():
    x, y = RNG.normal(size=(12, 2)), np.where(RNG.random(12) < 0.5, -1.0, 1.0)
    found = bad_minimum(x, y, (5,))
    assert followed(found, x, y, 0.01, 2000, np.random.default_rng(0)) == pytest.approx(1.0, abs=1e-4)
    loss, other = random_start(x, y, (30,), np.random.default_rng(1))
    assert loss < 1e-9
    line = between(bad_minimum(x, y, (30,)), other, x, y)
    assert line[8] == pytest.approx(1.0)  # the place 0
    assert line[48] == pytest.approx(1e-4)  # the place 1, drawn no lower
    assert max(line[8:48]) > 1.0


def test_a_tiny_cell_holds_what_is_declared_and_its_promises():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    assert told == sorted(told)
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    values = found.values
    assert values["proved"] == [1.0, 1.0]
    assert max(values["built_gradient"]) < 1e-10
    assert min(values["built_curvature"]) > -1e-8
    assert values["rank"] == values["rank_wanted"]
    assert max(values["plain_excess"], values["noise_excess"], values["layer_excess"]) <= 1 + 1e-6
    assert values["noisy_rank_short"] == 0
    assert values["built_rank_short"] == 12 - 3


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = judge(STUDY, Evidence(WORLD(np.random.default_rng(0)).rows), profile="laptop", data="planted")
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert not verdict.control or verdict.control["ok"], verdict.claim


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n": 7, "d": 4}, "--n, --d: expected at least twice as many samples as inputs, got 7 and 4"),
        (
            {"built_n": 3, "built_d": 2},
            "--built-n, --built-d: expected at least two samples more than inputs, got 3 and 2",
        ),
        ({"built": (1, 6)}, "--built: expected numbers from 1 to 5"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        run(cell(**change), lambda _: None)
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
