"""The study on random features: its rules on planted evidence, its cell against a second implementation."""

import json
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence
from overparam.data import load, subset
from overparam.models.random_features import RandomFeatures, fourier_scale
from overparam.studies.random_features import STUDY, rules, widths
from overparam.studies.random_features.claims import CLAIMS as CURVE_CLAIMS
from overparam.studies.random_features.work import PENALTIES
from overparam.sweep.judge import judge

N = 500
GRID = widths(N)
RATIO = np.array(GRID) / N
CLAIMS = {claim.name: claim for claim in CURVE_CLAIMS}


def bump(at, log_height, width=0.06):
    return log_height * np.exp(-((np.log(RATIO / at) / width) ** 2))


TALL = np.log(1000.0)


def double_descent(peak=TALL, at=1.0, end=0.08, left=0.3):
    """Log of a curve as measured: falls to ``left`` at 0.4 n, peaks, and falls to ``end``."""
    start = np.log(left) + 0.9 * np.maximum(0, -np.log(RATIO / 0.4))
    tail = np.log(end) + np.log(left / end) * np.clip(1 - np.log(RATIO) / np.log(10), 0, 1)
    base = np.where(RATIO < 1, np.maximum(start, np.log(left)), tail)
    return base + bump(at, peak - np.log(left))


def falling(low=0.08):
    return np.log(low) + 2.0 / (1 + 3 * RATIO)


def line(rng, log_mean, sd=0.03, at_peak=0.8):
    """One seed: its own level, noise at every width, and heavy noise at n, in the measured sizes."""
    noise = sd + at_peak * (abs(np.log(RATIO)) < 0.02)
    return np.exp(log_mean + 0.05 * rng.normal() + noise * rng.normal(size=RATIO.size))


def quiet(rng, log_mean):
    return line(rng, log_mean, sd=0.02, at_peak=0.0)


def planted(rng, seeds=5, relu=True, kernel=1.05, **change):
    """Evidence of both maps; ``change`` makes a metric's line for the Fourier map.

    The loss at the right end is ``kernel`` times that of the kernel (1.05 for ReLU): they share their samples.
    """
    usual = {
        "test_loss": lambda r: line(r, double_descent()),
        "test_error": lambda r: line(
            r, double_descent(peak=np.log(0.9), end=0.02, left=0.05), at_peak=0.05
        ).clip(0, 1),
        "norm": lambda r: line(r, double_descent(peak=np.log(60), end=0.3, left=1.0)),
        "ridge_test_loss": lambda r: quiet(r, falling()),
        "ridge_test_error": lambda r: quiet(r, falling(0.02)),
        "ridge_norm": lambda r: quiet(r, falling(0.2)),
        "train_loss_ratio": lambda r: np.where(RATIO < 1, 0.6 - 0.5 * RATIO, 1e-9),
        "rank": lambda r: np.minimum(GRID, N),
    }
    rows = []
    for features in ("fourier", "relu") if relu else ("fourier",):
        for seed in range(seeds):
            makers = usual | (change if features == "fourier" else {})
            values = {name: make(rng).tolist() for name, make in makers.items()}
            factor = (kernel if features == "fourier" else 1.05) * np.exp(0.015 * rng.normal())
            values |= {
                "width": list(GRID),
                "n_test": 597,
                "limit_test_loss": [values["test_loss"][-1] / factor] * 25,
            }
            params = {"data": "digits", "features": features, "n": N, "width": GRID, "noise": 0.0, "scale": 0.0}
            params |= {"ridge": "tuned", "n_test": 0, "seed": seed}
            rows.append((params, values))
    return Evidence(tuple(rows))


def with_pair(base, index, value):
    """The line with its value at one width set to an exact log."""
    out = np.array(base)
    out[index] = value
    return out


AT_N, AT_TEN, AT_TWENTY = GRID.index(N), GRID.index(10 * N), GRID.index(20 * N)


NULLS = {
    "peak/right": ("peak", {"test_loss": lambda r: line(r, double_descent(at=1.11), at_peak=0.1)}),
    "peak/left": ("peak", {"test_loss": lambda r: line(r, double_descent(at=0.89), at_peak=0.1)}),
    "height/loss": ("height", {"test_loss": lambda r: line(r, double_descent(peak=np.log(0.8)))}),
    "height/error": (
        "height",
        {"test_error": lambda r: line(r, double_descent(peak=np.log(0.04), end=0.02, left=0.02), at_peak=0.1)},
    ),
    "norm/place": ("norm", {"norm": lambda r: line(r, double_descent(peak=np.log(60), at=1.11), at_peak=0.1)}),
    "norm/right end": ("norm", {"norm": lambda r: line(r, with_pair(bump(1.0, 3.0), -1, 3.0), sd=0.1)}),
    "descent": ("descent", {"test_loss": lambda r: line(r, with_pair(double_descent(), AT_N, np.log(0.08)))}),
    "strong": ("strong", {"test_loss": lambda r: line(r, double_descent(left=0.08, end=0.08))}),
    "kernel-limit/above": ("kernel-limit", {"kernel": 1.1}),
    "kernel-limit/below": ("kernel-limit", {"kernel": 0.9}),
    "ridge": ("ridge", {"ridge_test_loss": lambda r: quiet(r, falling() + rise(1.10))}),
}
EFFECTS = {
    "norm": {"norm": lambda r: line(r, double_descent(peak=np.log(20), end=0.3, left=1.0))},
    "height": {"test_loss": lambda r: line(r, double_descent(peak=np.log(30.0)))},
    "strong": {"test_loss": lambda r: line(r, double_descent(left=0.1, end=0.08))},
    "kernel-limit": {"kernel": 1.05},
    "ridge": {"ridge_test_loss": lambda r: quiet(r, falling() + rise(1.03))},
}


def rise(factor):
    """A step up at n by this factor over the width before it, kept from there on."""
    step = np.log(factor) + (falling()[AT_N - 1] - falling()[AT_N])
    return np.where(RATIO >= 1, step, 0.0)


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    counts = check_rule(
        CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **EFFECTS.get(name, {}))
    )
    assert counts["effect"]["contradicted"] == 0
    assert sum(counts["null"].values()) == 200


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_do_not_show_the_effect_and_the_claims_hold_on_a_textbook_curve(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status == "contradicted"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_opposite_curve_contradicts(name):
    flat = {
        "test_loss": lambda r: quiet(r, np.log(RATIO + 1)),
        "norm": lambda r: quiet(r, np.log(RATIO + 1)),
        "ridge_test_loss": lambda r: quiet(r, np.log(RATIO + 1)),
    }
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), kernel=2.0, **flat)).status == "contradicted"


@pytest.mark.parametrize("name", CLAIMS)
def test_one_seed_is_inconclusive_and_one_bad_map_is_enough_to_fail(name):
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"
    finding = CLAIMS[name].judge(planted(np.random.default_rng(0)))
    assert {p.label.split(":")[0] for p in finding.parts} == {"Fourier", "ReLU"}


def test_effects_are_the_planted_numbers():
    evidence = planted(
        np.random.default_rng(0),
        test_loss=lambda r: np.exp(with_pair(double_descent(), AT_TEN, np.log(0.1))),
        ridge_test_loss=lambda r: np.exp(falling() + rise(1.5)),
    )
    fourier = evidence.where(features="fourier")
    by = {name: CLAIMS[name].judge(fourier).parts[0].effect for name in CLAIMS}
    truth = np.exp(double_descent())
    np.testing.assert_allclose(by["descent"], truth[AT_N] / 0.1, rtol=1e-9)
    np.testing.assert_allclose(by["strong"], truth[RATIO < 1].min() / 0.1, rtol=1e-9)
    np.testing.assert_allclose(by["height"], truth.max() / truth[-1], rtol=1e-9)
    np.testing.assert_allclose(by["kernel-limit"], 1.05, rtol=0.03)
    np.testing.assert_allclose(by["peak"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(by["ridge"], 1.5, rtol=1e-9)


def test_a_zero_error_at_the_right_end_counts_as_half_a_sample():
    evidence = planted(
        np.random.default_rng(0), relu=False, test_error=lambda r: with_pair(np.full(25, 0.1), -1, 0.0)
    )
    assert CLAIMS["height"].judge(evidence).parts[1].effect == pytest.approx(0.1 / (0.5 / 597))


def test_settings_are_judged_apart_and_named():
    one, two = planted(np.random.default_rng(0), relu=False), planted(np.random.default_rng(1), relu=False)
    noisy = tuple((p | {"noise": 0.2}, v) for p, v in two.rows)
    labels = [p.label for p in CLAIMS["peak"].judge(Evidence(one.rows + noisy)).parts]
    assert [label.split(":")[0] for label in labels] == ["Fourier, noise = 0", "Fourier, noise = 0.2"]


def test_preconditions_say_what_is_missing():
    rng = np.random.default_rng(0)
    never = rules.fit_reached(planted(rng, train_loss_ratio=lambda r: np.full(25, 0.1)))
    assert not never.ok
    assert (
        "Fourier: 0 of 5 seeds reach it; ReLU: 5 of 5 seeds reach it, first at width 500 to 500" in never.detail
    )
    short = cut(planted(rng), lambda ratio: ratio <= 6)
    assert not rules.reaches(short, 10.0).ok
    assert "Fourier: widths end at 4.5 n, asked for 10 n" in rules.reaches(short, 10.0).detail
    assert rules.reaches(planted(rng), 20.0).ok
    coarse = cut(planted(rng), lambda ratio: ratio < 0.85 or ratio > 1.2)
    assert not rules.bracketed(coarse).ok
    assert "Fourier: 2 widths in [0.8, 1.25] n" in rules.bracketed(coarse).detail
    off = cut(planted(rng), lambda ratio: ratio != 1.0)
    assert not rules.bracketed(off).ok
    assert rules.bracketed(planted(rng)).ok


def cut(evidence, keep):
    index = [i for i, r in enumerate(RATIO) if keep(r)]
    rows = []
    for params, values in evidence.rows:
        some = {k: [v[i] for i in index] if isinstance(v, list) else v for k, v in values.items()}
        rows.append((params, some))
    return Evidence(tuple(rows))


def test_missing_arms_and_widths_are_named():
    evidence = planted(np.random.default_rng(0))
    bare = Evidence(tuple((p, {k: v for k, v in w.items() if "ridge" not in k}) for p, w in evidence.rows))
    with pytest.raises(MissingEvidence, match="no finished cell has 'ridge_test_loss' over 'width'"):
        CLAIMS["ridge"].judge(bare)
    with pytest.raises(MissingEvidence, match="no width within 2 % of 10 n. Add it to --widths"):
        CLAIMS["descent"].judge(cut(evidence, lambda ratio: ratio != 10))
    with pytest.raises(MissingEvidence, match=r"no width between 0.8 n and 1.25 n"):
        CLAIMS["height"].judge(cut(evidence, lambda ratio: ratio > 1.3))
    with pytest.raises(MissingEvidence, match="no width below n"):
        CLAIMS["strong"].judge(cut(evidence, lambda ratio: ratio >= 1))
    with pytest.raises(MissingEvidence, match="no finished cell. Run the study first"):
        CLAIMS["peak"].judge(Evidence(()))
    lost = Evidence(tuple((p, w | {"norm": [None] * 25}) for p, w in evidence.rows))
    with pytest.raises(MissingEvidence, match="no seed has 'norm' at every width"):
        CLAIMS["norm"].judge(lost)


def test_a_seed_with_a_missing_value_is_left_out_of_both_sides():
    evidence = planted(np.random.default_rng(0), relu=False)
    rows = list(evidence.rows)
    rows[2] = (rows[2][0], rows[2][1] | {"limit_test_loss": [None] * 25})
    assert CLAIMS["kernel-limit"].judge(Evidence(tuple(rows))).parts[0].n == 4


# ------------------------------------------------------------------------------------- the real cell


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


def test_a_cell_is_small_json_with_equal_lists_and_seven_digits(small):
    _, outcomes, told = small
    for outcome in outcomes:
        text = json.dumps(clean(outcome.values), allow_nan=False)
        assert len(text) < 6_000
        lists = [v for v in outcome.values.values() if isinstance(v, list)]
        assert {len(v) for v in lists} == {25}
        assert all(v == float(f"{v:.7g}") for some in lists for v in some)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_double_descent_on_real_digits(small):
    cells, outcomes, _ = small
    rows = tuple((c, o.values) for c, o in zip(cells, outcomes, strict=True) if c["features"] == "fourier")
    verdicts = {v.claim: v for v in judge(STUDY, Evidence(rows), profile="test", data="digits")}
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


def test_profiles_are_plans_within_the_axes():
    assert set(STUDY.profiles) == {"quick", "laptop", "paper"}
    for profile in STUDY.profiles.values():
        assert set(profile.axes) == {axis.name for axis in STUDY.axes}
        for axis in STUDY.axes:
            values = profile.axes[axis.name]
            assert tuple(axis.check(v) for v in values) == values
    assert set(STUDY.stack_by) == {axis.name for axis in STUDY.axes} - {"seed"}
    assert all(STUDY.source(claim.source) and claim.ledger == ("L53",) for claim in STUDY.claims)
    assert {claim.chart for claim in STUDY.claims} <= {chart.name for chart in STUDY.charts}
    quick, paper = (cell(n=500, width=widths(500)), cell(n=10_000, data="mnist", width=(60_000,), ridge="none"))
    assert STUDY.estimate(quick).seconds < 10 < STUDY.estimate(paper).seconds
    assert STUDY.estimate(quick).bytes < 1e9 < STUDY.estimate(paper).bytes < 12e9


def test_importing_the_study_imports_no_numerics():
    heavy = "{'numpy', 'jax', 'scipy'}"
    code = f"import sys, overparam.studies.random_features; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
