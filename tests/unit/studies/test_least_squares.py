"""The study on least squares: its rules on planted runs, its cell against closed forms and plain loops."""

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence, UsageError
from overparam.studies.least_squares import STUDY
from overparam.studies.least_squares.work import descend, momentum_rate, problem, settling
from overparam.sweep.judge import judge

CLAIMS = {claim.name: claim for claim in STUDY.claims}
CUTS = {
    "residual": 1e-8, "distance": 1e-8, "outside": 1e-8, "excess": 1e-9, "gap": 1e-6, "slow_gap": 1e-6,
    "path_share": 1 + 1e-9, "overshoot": 1e-6,
}  # fmt: skip
ARMS = {"global": "tall_", "closest": "adam_", "momentum": "adam_", "rate": "momentum_", "path": "overshoot_"}


def planted(rng, seeds=5, **bad):
    """Runs with every number at a third of its cut-off; ``bad`` moves one number of one run."""
    rows = []
    for seed in range(seeds):
        values = {"rank": 20, "settled": 1, "predicted_steps": 100}
        for name, cut in CUTS.items():
            values[name] = values[f"momentum_{name}"] = cut * rng.uniform(0, 0.33)
            values[f"adam_{name}"] = values[f"overshoot_{name}"] = values[f"tall_{name}"] = 0.5 + cut
        values |= {f"momentum_{name}": 1.0 for name in ("excess", "gap", "slow_gap")}
        params = {"data": "gaussian", "inputs": "raw", "n": 20, "features": 0, "step": 1.0, "seed": seed}
        rows.append((params, values))
    for name, value in bad.items():
        rows[int(rng.integers(seeds))][1][name] = value
    return Evidence(tuple(rows))


NULLS = [
    ("global", "residual"), ("closest", "distance"), ("closest", "outside"), ("momentum", "momentum_distance"),
    ("momentum", "momentum_outside"), ("rate", "excess"), ("rate", "gap"), ("rate", "slow_gap"),
    ("path", "path_share"), ("path", "overshoot"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "metric"), NULLS)
def test_one_run_just_beyond_a_cut_off_is_enough(name, metric):
    cut = CUTS[metric.removeprefix("momentum_")]
    bad = {metric: cut * (1 + 1e-6)}
    counts = check_rule(CLAIMS[name], lambda rng: planted(rng, **bad), planted, max_false=0, power=1.0)
    assert counts["null"]["contradicted"] == 200


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_contradict_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"
    control = CLAIMS[name].control.judge
    assert control.keywords["arm"] == ARMS[name]
    assert control(evidence).status == "contradicted"


def test_numbers_that_are_missing_are_no_support():
    with pytest.raises(MissingEvidence, match="no finished cell has 'residual'"):
        CLAIMS["global"].judge(Evidence(()))
    finding = CLAIMS["closest"].judge(planted(np.random.default_rng(0), distance=None))
    assert finding.status == "inconclusive"
    assert "not a number in 1 of 5 runs" in finding.parts[0].label


def test_preconditions_name_the_run():
    rank, settled, step = CLAIMS["path"].preconditions
    low = rank.check(planted(np.random.default_rng(0), rank=19))
    assert (low.ok, low.detail[:13]) == (False, "rank 19 of 20")
    late = settled.check(planted(np.random.default_rng(0), settled=0))
    assert not late.ok
    assert "1 of 5 runs need more steps than allowed" in late.detail
    rows = [(p | {"step": 1.5}, v) for p, v in planted(np.random.default_rng(0)).rows]
    assert not step.check(Evidence(tuple(rows))).ok
    with pytest.raises(MissingEvidence, match="Run the study first"):
        rank.check(Evidence(()))


# ------------------------------------------------------------------------------------- the real cell


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


def test_a_cell_is_small_json_and_holds_what_the_charts_draw(outcomes):
    params, outcome = outcomes[2]
    text = json.dumps(clean(outcome.values), allow_nan=False)
    assert len(text) < 9_000
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x} - set(params)
    assert drawn <= set(outcome.values)
    assert STUDY.work([params], lambda f: None)[0] == outcome


def test_lines_along_the_steps_have_the_length_of_their_times(outcomes):
    for _, outcome in outcomes:
        for chart in STUDY.charts[:2]:
            for series in chart.series:
                assert len(outcome.values[series.metric]) == len(outcome.values[chart.x[0].name])


def test_only_these_data_are_taken():
    with pytest.raises(UsageError, match="one of gaussian, digits|a name"):
        STUDY.axis("data").check("mnist")


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.least_squares import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
