"""The study on least squares: its cell against closed forms and plain loops."""

import json

import numpy as np
import pytest

from overparam.core import Evidence, UsageError, clean
from overparam.studies.least_squares import STUDY
from overparam.studies.least_squares_work import descend, momentum_rate, problem, settling
from overparam.sweep.judge import judge


def cell(**change):
    return {a.name: a.default for a in STUDY.axes} | {"data": "gaussian", "n": 8} | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    cells = [cell(seed=seed, data=data) for data in ("gaussian", "digits") for seed in (0, 1)]
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return list(zip(cells, found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["gaussian", "digits"])
def test_verdicts_on_a_real_small_run(outcomes, data):
    rows = tuple((c, o.values) for c, o in outcomes if c["data"] == data)
    found = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="test", data=data)}
    for name, verdict in found.items():
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), (name, verdict.reason)


def test_adam_fits_the_labels_and_ends_elsewhere(outcomes):
    for _, outcome in outcomes:
        assert outcome.values["adam_residual"] < 1e-8
        assert outcome.values["adam_outside"] > 0.05
        assert outcome.values["adam_distance"] == pytest.approx(outcome.values["adam_outside"], rel=1e-3)


def test_momentum_stays_in_the_span_of_the_rows_even_before_it_settles():
    x, y, start = problem(cell())
    left = np.linalg.svd(x, full_matrices=False)[0].T
    run = descend(x, y, start, 0.5 / np.linalg.norm(x, 2) ** 2, 30, left, momentum=0.9)
    null = np.eye(32) - np.linalg.pinv(x) @ x
    assert np.linalg.norm(null @ (run["end"] - start)) < 1e-13
    assert run["lengths"][-1] > 1e-6 * run["lengths"][0]


def test_descend_is_plain_descent_with_every_number_read_off():
    x, y, start = problem(cell(data="digits", inputs="normalised", n=4))
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    eta = 1.3 / s[0] ** 2
    run = descend(x, y, start, eta, 9, u.T)
    theta, path, shares = start.copy(), 0.0, []
    for _ in range(9):
        move = -eta * x.T @ (x @ theta - y)
        theta, path = theta + move, path + np.linalg.norm(move)
        shares.append(u.T @ (x @ theta - y) / (u.T @ (x @ start - y)))
    assert run["end"] == pytest.approx(theta)
    assert (run["path"], run["times"]) == (pytest.approx(path), [0, 1, 2, 3, 4, 6, 8, 9])
    assert run["overshoot"] == pytest.approx(-np.min(shares))
    assert run["slow"][-1] == pytest.approx(shares[-1][-1])


def test_the_rate_of_momentum_is_what_a_long_run_shows():
    x, y, start = problem(cell())
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    eta = 1 / s[0] ** 2
    rate = momentum_rate(eta * s**2, 0.9)
    short, long = (descend(x, y, start, eta, t, u.T, momentum=0.9)["lengths"][-1] for t in (40, 340))
    assert (long / short) ** (1 / 300) == pytest.approx(rate, rel=0.01)


def test_settling_is_the_smallest_number_of_steps():
    t = settling(0.93)
    assert 0.93**t <= 1e-10 < 0.93 ** (t - 1)
    assert settling(0.0) == 1


def test_inputs_are_what_the_axes_say():
    x, y, _ = problem(cell(data="digits", inputs="normalised"))
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(8))
    assert set(y) == {-1.0, 1.0}
    raw, _, _ = problem(cell(data="digits"))
    assert (raw.shape, raw.min()) == ((8, 64), 0.0)
    lifted, _, start = problem(cell(data="digits", features=50))
    assert lifted.shape == (8, 50)
    assert lifted.min() >= 0
    assert start.shape == (50,)
    assert problem(cell())[0].shape == (8, 32)


def test_a_cell_is_small_json_holds_what_is_declared_and_repeats(outcomes):
    params, outcome = outcomes[2]
    text = json.dumps(clean(outcome.values), allow_nan=False)
    assert len(text) < 9_000
    assert set(outcome.values) == set(STUDY.values)
    assert STUDY.work([params], lambda f: None)[0] == outcome


def test_lines_along_the_steps_have_the_length_of_their_times(outcomes):
    for _, outcome in outcomes:
        for chart in STUDY.charts[:2]:
            for series in chart.series:
                assert len(outcome.values[series.metric]) == len(outcome.values[chart.x[0].name])


def test_only_these_data_are_taken():
    with pytest.raises(UsageError, match="one of gaussian, digits|a name"):
        STUDY.axis("data").check("mnist")
