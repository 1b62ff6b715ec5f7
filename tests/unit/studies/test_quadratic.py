"""The study of quadratic networks: derivatives, least losses and limits against closed forms, and a small cell."""

import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from overparam.core import Evidence, UsageError, clean
from overparam.studies.quadratic import STUDY, WIDE, WORLD
from overparam.studies.quadratic_work import (
    descend,
    examples,
    hessian,
    landscape,
    least_loss,
    limit_curve,
    pull,
    settle,
    signs,
    train_units,
)  # fmt: skip
from overparam.sweep.judge import judge

SMALL = {
    "d": 3, "n": 5, "many": 14, "width": (1, 3, 6), "starts": 2, "steps": 800, "escape_steps": 4000, "units": (4, 16),
    "inputs": 2, "rate": 0.01, "horizon": 0.2, "batch": 8,
}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    both = (one(np.random.default_rng(0)).rows for one in (WORLD, WIDE))
    rows = tuple(({**q, **p}, {**other, **values}) for (p, values), (q, other) in zip(*both, strict=True))
    found = judge(STUDY, Evidence(rows), profile="laptop", data="planted")
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_gradient_and_hessian_are_those_of_the_loss():
    rng = np.random.default_rng(0)
    x, y, w, v = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=(2, 3)), signs(2, "both")

    def slope(at):
        return (2 * v[:, None] * (at @ pull(at, v, x, y)[1])).ravel()

    for i in range(6):
        e = np.zeros(6)
        e[i] = 1e-5
        e = e.reshape(2, 3)
        low, high = (pull(w + step * e, v, x, y)[0] for step in (-1, 1))
        assert slope(w)[i] == pytest.approx((high - low) / 2e-5, rel=1e-6, abs=1e-8)
        assert hessian(w, v, x, y)[i] == pytest.approx((slope(w + e) - slope(w - e)) / 2e-5, rel=1e-5, abs=1e-6)
    assert pull(w, v, x, y)[0] == pytest.approx(
        np.mean([(v @ (w @ a) ** 2 - b) ** 2 for a, b in zip(x, y, strict=True)]) / 2
    )


def test_the_least_loss_is_known_where_it_has_a_closed_form():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(9, 3))
    assert least_loss(x[:6], rng.normal(size=6), "both") == pytest.approx(0, abs=1e-20)
    below = -np.abs(rng.normal(size=9))
    assert least_loss(x, below, "plus") == pytest.approx(
        np.mean(below**2) / 2, rel=1e-9
    )  # squares cannot be negative: M = 0
    b = rng.normal(size=(3, 3))
    reached = ((x @ b) ** 2).sum(axis=1)
    assert least_loss(x, reached, "plus") <= 1e-10 * np.mean(reached**2)
    line = rng.normal(size=(8, 1))
    y = 1 + rng.normal(size=8)
    slope = max(0.0, float(line[:, 0] ** 2 @ y / (line**4).sum()))  # one input: M is a number
    assert least_loss(line, y, "plus") == pytest.approx(
        np.mean((slope * line[:, 0] ** 2 - y) ** 2) / 2, rel=1e-9
    )


def test_wide_networks_reach_the_least_loss_and_one_unit_does_not():
    found = landscape(cell(starts=3), "both", 14, lambda _: None)
    assert found["share"][-1] == 1.0
    assert found["needed"] in (3, 6)
    assert found["excess"][0] > 1e-3
    assert found["least"] > 0.01  # 14 labels, 6 squares


def test_descent_that_stops_at_a_saddle_goes_on_to_the_least_loss():
    x, y = examples(cell(seed=1003), "both", 14)
    d = x.shape[1]
    v = signs(2 * d, "both")
    saddle = np.zeros((2 * d, d))  # all units idle: the gradient is zero, and some direction is curved down
    _, stuck, level = descend(saddle, v, x, y, 500)
    assert level == 0.0
    assert stuck == pytest.approx(0.5 * np.mean(y * y))
    _, loss, _, lowest = settle(saddle, v, x, y, 500)
    assert lowest >= -1e-6
    assert loss - least_loss(x, y, "both") < 1e-9 * stuck


def test_the_limit_solves_its_equation():
    targets, times = np.array([0.0, 0.3, 1.0]), np.array([0.0, 0.1, 0.7])
    flow = solve_ivp(
        lambda _, z: 8 * (targets - z) * z, (0, 0.7), [0.5] * 3, t_eval=times, rtol=1e-10, atol=1e-12
    )
    assert limit_curve(targets, 0.5**0.5, times) == pytest.approx(flow.y.T, rel=1e-7)


def test_the_loss_over_all_inputs_is_that_of_a_sample():
    """Half the mean squared residual about its mean is the squared Frobenius norm: variance of a Gaussian quadratic form."""
    gap = np.array([[0.5, 0.2], [0.2, -1.0]])
    x = np.random.default_rng(0).normal(size=(400_000, 2))
    r = np.einsum("bi,ij,bj->b", x, gap, x) - np.trace(gap)
    half = r**2 / 2
    assert half.mean() == pytest.approx((gap**2).sum(), abs=5 * half.std() / len(r) ** 0.5)


def test_wide_networks_follow_their_limits_and_lazy_ones_another():
    targets = np.array([0.0, 1.0])
    times = 0.005 * np.arange(61)
    limit = ((limit_curve(targets, 1.0, times) - targets) ** 2).sum(axis=1)
    wide = train_units(np.diag(targets), 20_000, "mean_field", 0.005, 60, 1, 0)
    assert wide == pytest.approx(
        limit, rel=0.1
    )  # 1/sqrt(20,000) is 0.7 %, a step of 0.005 is worth some per cent
    lazy = train_units(np.diag(targets), 20_000, "root", 0.005, 60, 1, 0)
    assert lazy[0] == pytest.approx(1.0)
    assert lazy == pytest.approx(np.exp(-16 * times), rel=0.4)
    assert lazy[-1] < limit[-1] / 3
    one, two = (train_units(np.diag(targets), 8, "mean_field", 0.005, 20, 20, 0, batch) for batch in (0, 4000))
    assert two == pytest.approx(one, rel=0.3)


def test_labels_have_a_part_of_the_length_where_all_signs_are_one():
    x, plain = examples(cell(), "both", 9)
    same, longer = examples(cell(), "plus", 9)
    assert (x == same).all()
    assert longer - plain == pytest.approx((x**2).sum(axis=1) / np.sqrt(6))


def test_a_small_cell_holds_what_is_declared_and_its_promises():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert max(found.values["both_beyond"]) <= 1e-6
    assert min(found.values["curvature_over_law"]) >= 1 - 1e-6
    assert (found.values["both_asked"], found.values["plus_asked"], found.values["root_asked"]) == (
        [6, 6],
        [3, 3],
        [4, 6],
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n": 2}, "--n, --many: expected d <= n < many with d = 3 inputs, got 2 and 14"),
        ({"many": 5}, "--n, --many: expected d <= n < many"),
        ({"rate": 0.03}, "--rate: expected at most 0.025 with 2 inputs, got 0.03"),
        ({"horizon": 0.01}, "--horizon: expected at least two steps of 0.01"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
