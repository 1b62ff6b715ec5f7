"""The study on linear systems: its cell against plain loops and exact laws."""

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.core.errors import UsageError
from overparam.core.parts import clean
from overparam.studies.linear_system import STUDY, solved
from overparam.sweep.judge import judge
from overparam.theory.marchenko1967 import mean_descent_iterations


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | {"m": 40, "draws": 2000} | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    found = STUDY.work([cell(seed=seed) for seed in range(4)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return found


def test_residuals_are_those_of_a_least_squares_solver():
    b = np.random.default_rng(0).standard_normal((12, 5))
    for n in (3, 11, 12, 30):
        a = np.random.default_rng(n).standard_normal((12, n))
        found, _, s, _ = solved(a, b)
        x, *_, singular = np.linalg.lstsq(a, b, rcond=None)
        want = (((b - a @ x) ** 2).sum(axis=0) / (b**2).sum(axis=0)).mean()
        assert found["residual"] == pytest.approx(want, rel=1e-8, abs=1e-24)
        assert found["rank"] == min(12, n)
        assert s == pytest.approx(singular)


def test_the_mean_residual_follows_the_exact_law(outcomes):
    """Each ratio is Beta((m-n)/2, n/2): mean 1 - n/m, and the mean of 8,000 draws within five standard errors."""
    line = np.array([o.values["residual"] for o in outcomes]).mean(axis=0)
    for ratio, value in zip(outcomes[0].values["ratio"], line, strict=True):
        if ratio < 1:
            se = np.sqrt(2 * ratio * (1 - ratio) / (40 + 2) / 8000)
            assert abs(value - (1 - ratio)) < 5 * se, ratio
        else:
            assert value < 1e-20, ratio


def test_iterations_are_those_of_gradient_descent_on_every_right_hand_side():
    """Descent for A X = I is descent for all unit right-hand sides at once: the same mean squares."""
    for m, n in ((5, 12), (12, 5), (8, 10)):
        a = np.random.default_rng(m).standard_normal((m, n))
        s = np.linalg.svd(a, compute_uv=False)
        want, step = np.linalg.pinv(a), 2 / (s[0] ** 2 + s[-1] ** 2)
        x, steps = np.zeros_like(want), 0
        while np.linalg.norm(x - want) > 1e-4 * np.linalg.norm(want):
            x, steps = x - step * a.T @ (a @ x - np.eye(m)), steps + 1
        assert mean_descent_iterations(s, 1e-4) == steps


@pytest.mark.parametrize("tolerance", [0.4, 1e-3, 1e-9])
def test_iterations_are_the_smallest_number_that_suffices(tolerance):
    s = np.random.default_rng(3).uniform(0.3, 2.0, 30)
    step, t = 2 / (s.max() ** 2 + s.min() ** 2), 0
    weight = s**-2 / (s**-2).sum()
    while (weight * (1 - step * s**2) ** (2 * t)).sum() > tolerance**2:
        t += 1
    assert mean_descent_iterations(s, tolerance) == t


def test_copies_lose_rank_and_whitening_makes_descent_instant(outcomes):
    values = outcomes[0].values
    n = np.array(values["unknowns"])
    assert values["rank"] == np.minimum(n, 40).tolist()
    assert values["copies_rank"] == np.minimum((n + 1) // 2, 40).tolist()
    assert values["solvable"] == (n >= 40).astype(int).tolist()
    assert values["copies_solvable"] == ((n + 1) // 2 >= 40).astype(int).tolist()
    assert set(values["whitened_iterations"]) == {1}
    at = values["unknowns"].index(60)
    assert values["copies_residual"][at] == pytest.approx(1 - 30 / 40, rel=0.05)


def test_theory_lines_are_near_the_measured_ones_away_from_m():
    values = STUDY.work([cell(m=300, draws=20, ratio=(0.25, 1.0, 4.0))], lambda f: None)[0].values
    for i in (0, 2):
        assert values["condition"][i] == pytest.approx(values["theory_condition"][i], rel=0.25)
        assert 0.6 < values["iterations"][i] / values["theory_iterations"][i] <= 1.1
    assert (values["theory_condition"][1], values["theory_iterations"][1]) == (None, None)
    assert values["theory_residual"] == [0.75, 0.0, 0.0]


def test_verdicts_on_a_real_small_system(outcomes):
    rows = tuple((cell(seed=i), o.values) for i, o in enumerate(outcomes))
    found = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="test", data="gaussian")}
    for name in ("solvable", "slowest", "faster"):
        verdict = found[f"linear-system.{name}"]
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_rows_on_the_sphere_keep_the_same_line():
    values = STUDY.work([cell(data="sphere", ratio=(0.5, 2.0))], lambda f: None)[0].values
    assert values["residual"][0] == pytest.approx(0.5, rel=0.03)


def test_a_cell_is_small_json_and_holds_what_the_charts_draw(outcomes):
    text = json.dumps(clean(outcomes[0].values), allow_nan=False)
    assert len(text) < 9_000
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x}
    assert drawn <= set(outcomes[0].values)
    assert STUDY.work([cell(seed=2)], lambda f: None)[0] == outcomes[2]


def test_ratios_that_give_one_size_twice_are_refused():
    with pytest.raises(UsageError, match=r"different numbers of unknowns at m = 10, got \[10, 10\]"):
        STUDY.work([cell(m=10, ratio=(1.0, 1.03))], lambda f: None)


def test_only_laws_of_inputs_are_data():
    with pytest.raises(UsageError, match="Law of the rows of A"):
        STUDY.axis("data").check("digits")


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.linear_system import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
