"""The study on sample-wise double descent: its cell against a second implementation."""

import json
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.core.claim import Evidence
from overparam.core.errors import UsageError
from overparam.core.parts import clean
from overparam.studies.sample_descent import PENALTIES, STUDY, problem, samples
from overparam.sweep.judge import judge
from overparam.theory.belkin2020 import weak_features_risk


def cell(**change):
    params = {axis.name: axis.default for axis in STUDY.axes}
    return params | {"features": 40, "n": samples(40)} | change


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Many small factorisations: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def solved(one_thread):
    told = []
    cells = [cell(seed=seed) for seed in range(16)]
    outcomes = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return cells, outcomes


@pytest.mark.slow
def test_a_linear_cell_agrees_with_lstsq_and_the_exact_risk_of_its_solution(solved):
    features, targets, _, y_test, _ = problem(cell(seed=1))
    b, values = y_test[:, 0], solved[1][1].values
    assert np.linalg.norm(b) == pytest.approx(1.0)
    for n in (10, 38, 40, 44, 200):
        x, y = features[:n], targets[:n]
        c = np.linalg.lstsq(x, y[:, 0], rcond=None)[0]
        at = values["n"].index(n)
        assert values["test_loss"][at] == pytest.approx(((c - b) ** 2).sum() + 0.25, rel=1e-5)
        assert values["norm"][at] == pytest.approx(np.linalg.norm(c), rel=1e-5)
        assert values["rank"][at] == min(n, 40)
        lam = values["ridge_penalty"][at]
        c = np.linalg.solve(x.T @ x + lam * np.eye(40), x.T @ y[:, 0])
        assert values["ridge_test_loss"][at] == pytest.approx(((c - b) ** 2).sum() + 0.25, rel=1e-4)
    x, y = features[:200], targets[:200]
    assert (y[:, 0] - x @ b).std() == pytest.approx(0.5, rel=0.15)


def test_the_penalty_is_the_one_of_smallest_leave_one_out_error(solved):
    """Brute force: every sample left out, every penalty of the list, at one small size."""
    x, y = (part[:16] for part in problem(cell(seed=0))[:2])
    unit = (x**2).sum() / 16
    errors = []
    for penalty in PENALTIES:
        error = 0.0
        for i in range(16):
            keep = np.arange(16) != i
            gram = x[keep] @ x[keep].T + penalty * unit * np.eye(15)
            error += (x[i] @ x[keep].T @ np.linalg.solve(gram, y[keep, 0]) - y[i, 0]) ** 2
        errors.append(error)
    best = PENALTIES[int(np.argmin(errors))] * unit
    outcome = STUDY.work([cell(n=(16,))], lambda f: None)[0]
    assert outcome.values["ridge_penalty"][0] == pytest.approx(best, rel=1e-5)


@pytest.mark.slow
def test_mean_of_many_linear_cells_is_the_theory_line():
    cells = [cell(n=(10, 20, 80), features=40, seed=seed) for seed in range(60)]
    lines = np.array([o.values["test_loss"] for o in STUDY.work(cells, lambda f: None)])
    for i, n in enumerate((10, 20, 80)):
        (risk,) = weak_features_risk(np.full(40, 40**-0.5), n, [40], noise=0.25)
        z = (lines[:, i].mean() - risk) / (lines[:, i].std(ddof=1) / np.sqrt(60))
        assert abs(z) < 3.5


def test_a_class_cell_agrees_with_lstsq_on_its_features():
    params = cell(data="digits", n=(20, 40, 90), n_test=100, seed=2)
    (outcome,) = STUDY.work([params], lambda f: None)
    features, targets, x_test, y_test, _ = problem(params)
    for i, n in enumerate((20, 40, 90)):
        x, y = features[:n], targets[:n]
        out = x_test @ np.linalg.lstsq(x, y, rcond=None)[0]
        want = ((out - y_test) ** 2).sum() / 100
        assert outcome.values["test_loss"][i] == pytest.approx(want, rel=1e-5)
        wrong = np.mean(out.argmax(axis=1) != y_test.argmax(axis=1))
        assert outcome.values["test_error"][i] == pytest.approx(wrong)
    assert "theory_test_loss" not in outcome.values


def test_training_sets_of_a_seed_are_nested_and_drawn_with_it():
    for data in ("gaussian", "digits"):
        one, other, shorter = (
            problem(cell(data=data, seed=s, n=n)) for s, n in ((0, (50,)), (1, (50,)), (0, (20,)))
        )
        assert not np.array_equal(other[1][:20], one[1][:20])
        if data == "digits":  # the scale of the Fourier features is that of all samples of the cell
            assert np.array_equal(one[1][:20], shorter[1])


def test_numbers_that_a_data_set_does_not_have_are_left_out_and_told():
    (outcome,) = STUDY.work([cell(data="digits", n=(20, 40, 2000), n_test=50)], lambda f: None)
    assert outcome.values["n"] == [20, 40]
    assert outcome.note == "Digits 8x8 has 1,200 samples: 1 larger numbers were left out"
    with pytest.raises(UsageError, match="some number of samples up to 1,200"):
        STUDY.work([cell(data="digits", n=(2000, 3000))], lambda f: None)


def test_label_noise_is_in_the_training_targets_only():
    clean_cell, noisy = (
        STUDY.work([cell(data="digits", n=(400,), label_noise=noise)], lambda f: None)[0]
        for noise in (0.0, 1.0)
    )
    assert clean_cell.values["test_error"][0] < 0.35
    assert noisy.values["test_error"][0] > 0.7


def test_sample_wise_double_descent_in_a_small_linear_model(solved):
    cells, outcomes = solved
    rows = tuple((c, o.values) for c, o in zip(cells, outcomes, strict=True))
    found = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="quick", data="gaussian")}
    for name in ("peak", "more-data-hurts"):
        verdict = found[f"sample-descent.{name}"]
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_a_cell_is_small_json_and_the_same_each_time(solved):
    cells, outcomes = solved
    text = json.dumps(clean(outcomes[0].values), allow_nan=False)
    assert len(text) < 6_000
    assert outcomes[0].values["theory_test_loss"][outcomes[0].values["n"].index(40)] is None
    assert STUDY.work([cells[3]], lambda f: None)[0] == outcomes[3]


def test_every_drawn_metric_is_stored(solved):
    stored = set(solved[1][0].values)
    stored |= set(STUDY.work([cell(data="digits", n=(20,), n_test=20)], lambda f: None)[0].values)
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    assert drawn | {x.name for chart in STUDY.charts for x in chart.x} <= stored


def test_importing_needs_no_numerics():
    code = (
        "import sys, overparam.studies.sample_descent;"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
