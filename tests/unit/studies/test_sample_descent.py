"""The study on sample-wise double descent: its rules on planted lines, its cell against a second implementation."""

import json
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.lines import held_out_climb
from overparam.studies.sample_descent import STUDY, samples
from overparam.studies.sample_descent.work import classes, linear, predicted
from overparam.sweep.judge import judge

N = 300
GRID = samples(N)
RATIO = np.array(GRID) / N
CLAIMS = {claim.name: claim for claim in STUDY.claims}
AT_N, AT_LEFT = GRID.index(N), GRID.index(N // 4)


def bump(height, at=1.0):
    return height * np.exp(-((np.log(RATIO / at) / 0.08) ** 2))


FALLING = np.log(1.1) - 0.4 * np.log(RATIO / RATIO[0])


def planted(rng, seeds=10, at_peak=0.5, **change):
    """Cells that fall with the samples, with a bump of the minimum-norm loss at N; logs of lines in ``change``."""
    usual = {"test_loss": FALLING + bump(3.0), "ridge_test_loss": FALLING}
    rows = []
    for seed in range(seeds):
        values = {"n": list(GRID)}
        for name, line in (usual | change).items():
            spread = 0.03 if name.startswith("ridge") else 0.05 + bump(at_peak)
            values[name] = np.exp(line + spread * rng.standard_normal(len(GRID))).tolist()
        params = {"data": "gaussian", "features": N, "n": GRID, "noise": 0.5, "label_noise": 0.0, "n_test": 0}
        rows.append((params | {"seed": seed}, values))
    return Evidence(tuple(rows))


def with_pair(line, factor):
    out = np.array(line)
    out[AT_N] = out[AT_LEFT] + np.log(factor)
    return out


def step(factor):
    """Falls, jumps up by a factor right after N, and falls again."""
    before = FALLING[AT_N]
    jump = np.log(factor) + before - FALLING[AT_N + 1]
    return np.where(RATIO > 1, FALLING + jump, FALLING)


FLAT = np.zeros(len(GRID))
NULLS = {
    "peak/right": ("peak", {"test_loss": FALLING + bump(4.0, 1.16)}),
    "peak/left": ("peak", {"test_loss": FALLING + bump(4.0, 0.86)}),
    "height": ("height", {"test_loss": with_pair(FALLING + bump(2.0), 2.0)}),
    "more-data-hurts/flat": ("more-data-hurts", {"test_loss": FLAT}),
    "more-data-hurts/falling": ("more-data-hurts", {"test_loss": FALLING}),
    "more-data-hurts/one plateau": ("more-data-hurts", {"test_loss": np.maximum(FALLING, FALLING[12])}),
    "ridge": ("ridge", {"ridge_test_loss": step(1.10)}),
}
EFFECTS = {
    "height": {"test_loss": with_pair(FALLING + bump(2.0), 4.0)},
    "more-data-hurts": {"test_loss": FALLING + bump(2.0)},
    "ridge": {"ridge_test_loss": step(1.02)},
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    counts = check_rule(
        CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **EFFECTS.get(name, {}))
    )
    assert counts["effect"]["contradicted"] == 0


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_do_not_show_the_effect_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status in ("contradicted", "inconclusive")
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"


@pytest.mark.parametrize("name", CLAIMS)
def test_the_controls_notice_the_effect_where_it_must_not_be(name):
    twins = planted(
        np.random.default_rng(0), at_peak=0.0, ridge_test_loss=FALLING + bump(3.0), test_loss=FALLING
    )
    assert CLAIMS[name].control.judge(twins).status == "supported"
    assert CLAIMS[name].judge(twins).status != "supported"


def test_a_climb_is_read_at_seeds_that_did_not_choose_its_places():
    lines = np.array([[0.0, 9.0, 1.0], [0.0, 1.0, 5.0], [2.0, 9.0, 5.0]])
    climb, places = held_out_climb(lines)
    assert places == (0, 2)
    assert climb.tolist() == [1.0, 3.0]
    assert held_out_climb(lines[:1])[0].tolist() == [9.0]


def test_missing_numbers_of_samples_are_named():
    evidence = planted(np.random.default_rng(0))
    rows = [(p, {k: v[:8] for k, v in values.items()}) for p, values in evidence.rows]
    with pytest.raises(MissingEvidence, match=r"no point within 2 % of 1 N. Add it to --n"):
        CLAIMS["height"].judge(Evidence(tuple(rows)))
    assert not CLAIMS["height"].preconditions[0].check(Evidence(tuple(rows))).ok


# ------------------------------------------------------------------------------------- the real cell


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


def test_a_linear_cell_agrees_with_lstsq_and_the_exact_risk_of_its_solution(solved):
    problem = linear(cell(seed=1))
    b, values = problem.y_test[:, 0], solved[1][1].values
    assert np.linalg.norm(b) == pytest.approx(1.0)
    for n in (10, 38, 40, 44, 200):
        x, y = problem.draw(n)
        c = np.linalg.lstsq(x, y[:, 0], rcond=None)[0]
        at = values["n"].index(n)
        assert values["test_loss"][at] == pytest.approx(((c - b) ** 2).sum() + 0.25, rel=1e-5)
        assert values["norm"][at] == pytest.approx(np.linalg.norm(c), rel=1e-5)
        assert values["rank"][at] == min(n, 40)
        lam = values["ridge_penalty"][at]
        c = np.linalg.solve(x.T @ x + lam * np.eye(40), x.T @ y[:, 0])
        assert values["ridge_test_loss"][at] == pytest.approx(((c - b) ** 2).sum() + 0.25, rel=1e-4)
    x, y = problem.draw(200)
    assert (y[:, 0] - x @ b).std() == pytest.approx(0.5, rel=0.15)


def test_the_penalty_is_the_one_of_smallest_leave_one_out_error(solved):
    """Brute force: every sample left out, every penalty of the list, at one small size."""
    from overparam.studies.sample_descent.work import PENALTIES

    x, y = linear(cell(seed=0)).draw(16)
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


def test_mean_of_many_linear_cells_is_the_theory_line():
    cells = [cell(n=(10, 20, 80), features=40, seed=seed) for seed in range(60)]
    lines = np.array([o.values["test_loss"] for o in STUDY.work(cells, lambda f: None)])
    for i, n in enumerate((10, 20, 80)):
        z = (lines[:, i].mean() - predicted(n, 40, 0.5)) / (lines[:, i].std(ddof=1) / np.sqrt(60))
        assert abs(z) < 3.5


def test_a_class_cell_agrees_with_lstsq_on_its_features():
    params = cell(data="digits", n=(20, 40, 90), n_test=100, seed=2)
    (outcome,) = STUDY.work([params], lambda f: None)
    problem = classes(params)
    for i, n in enumerate((20, 40, 90)):
        x, y = problem.draw(n)
        out = problem.x_test @ np.linalg.lstsq(x, y, rcond=None)[0]
        want = ((out - problem.y_test) ** 2).sum() / 100
        assert outcome.values["test_loss"][i] == pytest.approx(want, rel=1e-5)
        wrong = np.mean(out.argmax(axis=1) != problem.y_test.argmax(axis=1))
        assert outcome.values["test_error"][i] == pytest.approx(wrong)
    assert "theory_test_loss" not in outcome.values


def test_training_sets_of_a_seed_are_nested_and_drawn_with_it():
    for make, data in ((linear, "gaussian"), (classes, "digits")):
        one, other = (make(cell(data=data, seed=seed)) for seed in (0, 1))
        x, y = one.draw(50)
        small_x, small_y = one.draw(20)
        assert np.array_equal(x[:20], small_x)
        assert np.array_equal(y[:20], small_y)
        assert not np.array_equal(other.draw(20)[0], small_x)


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
    found = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="test", data="gaussian")}
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


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.sample_descent import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
