"""The study on random features: its cell against a second implementation."""

import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.core.claim import Evidence
from overparam.data import load, subset
from overparam.models.random_features import RandomFeatures, fourier_scale
from overparam.studies.random_features import STUDY, widths
from overparam.studies.random_features_work import PENALTIES
from overparam.sweep.judge import judge


def cell(**change):
    params = {name: axis.default for name in (a.name for a in STUDY.axes) for axis in [STUDY.axis(name)]}
    return params | {"n": 100, "width": widths(100), "n_test": 150} | change


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Many small factorisations: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def small(one_thread):
    cells = [cell(features=f, seed=s) for f in ("fourier", "relu") for s in range(4)]
    told = []
    outcomes = STUDY.work(cells, told.append)
    return cells, outcomes, told


def test_a_cell_agrees_with_one_lstsq_a_width(small):
    outcomes = small[1]
    data = subset(load("digits"), 100, 150, seed=1)
    x, x_test = data.x.reshape(100, -1).astype(float), data.x_test.reshape(150, -1).astype(float)
    y, y_test = np.eye(10)[data.y], np.eye(10)[data.y_test]
    phi = RandomFeatures("fourier", 64, 1, fourier_scale(x))
    values = outcomes[1].values
    for width in (5, 50, 90, 103, 300, 2000):
        at = values["width"].index(width)
        c, _, rank, _ = np.linalg.lstsq(phi(x, 0, width), y, rcond=None)
        out = phi(x_test, 0, width) @ c
        assert values["rank"][at] == rank
        assert values["test_loss"][at] == pytest.approx(((out - y_test) ** 2).sum() / 150, rel=1e-5)
        assert values["test_error"][at] == pytest.approx(np.mean(out.argmax(1) != data.y_test))
        assert values["norm"][at] == pytest.approx(np.linalg.norm(c), rel=1e-5)
        fitted = ((phi(x, 0, width) @ c - y) ** 2).sum() / 100
        assert values["train_loss"][at] == pytest.approx(max(fitted, 1e-9), rel=1e-5)
    k, k_test = phi.kernel(x, x), phi.kernel(x_test, x)
    limit = k_test @ np.linalg.solve(k, y)
    assert values["kernel_test_loss"] == pytest.approx(((limit - y_test) ** 2).sum() / 150, rel=1e-5)
    assert values["kernel_test_error"] == pytest.approx(np.mean(limit.argmax(1) != data.y_test))
    assert values["initial_loss"] == 1.0


def test_the_ridge_arm_holds_a_solution_of_its_penalty(small):
    outcomes = small[1]
    data = subset(load("digits"), 100, 150, seed=1)
    x, x_test = data.x.reshape(100, -1).astype(float), data.x_test.reshape(150, -1).astype(float)
    phi, values = RandomFeatures("fourier", 64, 1, fourier_scale(x)), outcomes[1].values
    for width in (50, 100, 300):
        at = values["width"].index(width)
        a, lam = phi(x, 0, width), values["ridge_lambda"][at]
        assert min(abs(np.log(np.array(PENALTIES) * (a**2).sum() / 100 / lam))) < 1e-5
        c = np.linalg.solve(a.T @ a + lam * np.eye(width), a.T @ np.eye(10)[data.y])
        loss = ((phi(x_test, 0, width) @ c - np.eye(10)[data.y_test]) ** 2).sum() / 150
        assert values["ridge_test_loss"][at] == pytest.approx(loss, rel=1e-4)
        assert values["ridge_norm"][at] == pytest.approx(np.linalg.norm(c), rel=1e-4)


def test_double_descent_on_real_digits(small):
    cells, outcomes, _ = small
    rows = tuple((c, o.values) for c, o in zip(cells, outcomes, strict=True) if c["features"] == "fourier")
    verdicts = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="quick", data="digits")}
    for name in ("peak", "norm", "descent", "strong"):
        verdict = verdicts[f"random-features.{name}"]
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_relu_features_report_their_rank(small):
    _, outcomes, _ = small
    values, note = outcomes[4].values, outcomes[4].note
    at = values["width"].index(100)
    assert values["rank"][at] < 100
    assert note.startswith("features are rank-deficient on the training inputs at ")
    assert note.endswith(f"rank {values['rank'][at]} at width 100")
    assert outcomes[0].note == ""


def test_cells_depend_on_their_parameters_only():
    again = STUDY.work([cell(n=40, width=(10, 40, 80), seed=3)] * 2, lambda f: None)
    assert again[0] == again[1]
    others = [{"seed": 4}, {"noise": 0.3}, {"features": "relu"}, {"scale": 0.2}, {"n_test": 50}, {"n": 41}]
    for change in others:
        other = STUDY.work([cell(n=40, width=(10, 40, 80), seed=3) | change], lambda f: None)[0]
        assert other.values["test_loss"] != again[0].values["test_loss"], change
    bare = STUDY.work([cell(n=40, width=(10, 40, 80), seed=3, ridge="none")], lambda f: None)[0]
    assert bare.values == {k: v for k, v in again[0].values.items() if not k.startswith("ridge_")}


def test_label_noise_is_in_the_training_targets_only():
    clean_cell, noisy = STUDY.work([cell(width=(50, 400)), cell(width=(50, 400), noise=1.0)], lambda f: None)
    assert clean_cell.values["test_error"][1] < 0.3
    assert noisy.values["train_error"][1] == 0.0
    assert noisy.values["test_error"][1] > 0.7


def test_costs_are_of_the_right_order():
    quick, paper = (cell(n=500, width=widths(500)), cell(n=10_000, data="mnist", width=(60_000,), ridge="none"))
    assert STUDY.estimate(quick).seconds < 10 < STUDY.estimate(paper).seconds
    assert STUDY.estimate(quick).bytes < 1e9 < STUDY.estimate(paper).bytes < 12e9


def test_importing_the_study_imports_no_numerics():
    heavy = "{'numpy', 'jax', 'scipy'}"
    code = f"import sys, overparam.studies.random_features; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
