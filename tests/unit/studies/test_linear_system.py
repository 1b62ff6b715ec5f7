"""The study on linear systems: its rules on planted lines, its cell against plain loops and exact laws."""

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence, UsageError
from overparam.studies.linear_system import RATIOS, STUDY
from overparam.studies.linear_system.work import decompose, iterations, residual, system, unknowns
from overparam.sweep.judge import judge

RATIO = np.array(RATIOS)
BELOW = RATIO < 1
CLAIMS = {claim.name: claim for claim in STUDY.claims}
AT = {ratio: RATIOS.index(ratio) for ratio in (1.0, 1.05, 4.0)}


def planted(rng, seeds=10, m=200, **change):
    """Cells as measured, with the noise of 4,000 right-hand sides; ``change`` makes a metric's line."""
    spread = np.sqrt(2 * RATIO[BELOW] / ((1 - RATIO[BELOW]) * m) / 4000)
    kappa = (
        (1 + np.sqrt(np.minimum(RATIO, 1 / RATIO))) / (1.0001 - np.sqrt(np.minimum(RATIO, 1 / RATIO)))
    ) ** 2

    def measured(line=1 - RATIO, tail=1e-26):
        left = np.full(len(RATIO), tail) * 10 ** rng.normal(0, 0.5, len(RATIO))
        left[BELOW] = line[BELOW] * (1 + spread * rng.standard_normal(BELOW.sum()))
        return left

    def descent(line=kappa):
        near = np.exp(-((np.log(RATIO) / 0.03) ** 2))
        return np.ceil(7 * line * np.exp((0.05 + 0.6 * near) * rng.standard_normal(len(RATIO))))

    rows = []
    for seed in range(seeds):
        values = {
            "residual": measured(),
            "copies_residual": measured(1 - RATIO / 2, 1e-3),
            "solvable": RATIO >= 1,
            "copies_solvable": RATIO >= 2,
            "iterations": descent(),
            "whitened_iterations": np.ones(len(RATIO)),
        }
        values |= {name: make(measured, descent, rng, seed) for name, make in change.items()}
        params = {"data": "gaussian", "m": m, "ratio": RATIOS, "draws": 4000, "tolerance": 1e-6, "seed": seed}
        lists = {name: np.asarray(line, dtype=float).tolist() for name, line in values.items()}
        rows.append((params, {"ratio": list(RATIOS), **lists}))
    return Evidence(tuple(rows))


def moved(line, place):
    """The line with its peak moved to another ratio."""
    shift = list(line)
    at = int(np.abs(RATIO - place).argmin())
    shift[AT[1.0]], shift[at] = shift[at], shift[AT[1.0]]
    return np.array(shift)


NULLS = {
    "residual/above": ("residual", {"residual": lambda left, _, r, s: left(1.03 * (1 - RATIO))}),
    "residual/below": ("residual", {"residual": lambda left, _, r, s: left(0.97 * (1 - RATIO))}),
    "residual/one size": (
        "residual",
        {"residual": lambda left, _, r, s: left(np.where(RATIO == 0.8, 1.03, 1.0) * (1 - RATIO))},
    ),
    "residual/not zero": ("residual", {"residual": lambda left, _, r, s: left(tail=1e-20)}),
    "solvable/one seed": (
        "solvable",
        {"solvable": lambda left, _, r, s: (RATIO >= 1) ^ ((s == 3) & (RATIO == 1.25))},
    ),
    "solvable/late": ("solvable", {"solvable": lambda left, _, r, s: RATIO >= 1.03}),
    "slowest/right": ("slowest", {"iterations": lambda _, steps, r, s: moved(steps(), 1.15)}),
    "slowest/left": ("slowest", {"iterations": lambda _, steps, r, s: moved(steps(), 0.85)}),
    "faster": (
        "faster",
        {
            "iterations": lambda _, steps, r, s: np.where(
                RATIO == 4.0, 50.0 * np.exp(0.05 * r.normal()), np.where(RATIO == 1.05, 1000.0, 500.0)
            )
        },
    ),
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    counts = check_rule(CLAIMS[name], lambda rng: planted(rng, **null), planted)
    assert counts["effect"]["contradicted"] == 0


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


def test_faster_finds_a_ratio_of_a_thirtieth():
    def steps(_, steps, r, s):
        return np.where(RATIO == 4.0, 33.0 * np.exp(0.2 * r.normal()), 1000.0)

    found = [
        CLAIMS["faster"].judge(planted(np.random.default_rng(t), iterations=steps)).status for t in range(40)
    ]
    assert found.count("supported") >= 36


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_contradict_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status == "contradicted"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"


def test_settings_are_judged_apart_and_named():
    both = planted(np.random.default_rng(0)).rows + planted(np.random.default_rng(1), m=100).rows
    parts = CLAIMS["faster"].judge(Evidence(both)).parts
    assert [p.label for p in parts] == [f"m = {m}: iterations at 4 m over those at 1.05 m" for m in (100, 200)]


def cut(evidence, keep):
    index = [i for i, r in enumerate(RATIO) if keep(r)]
    rows = [(p, {k: [v[i] for i in index] for k, v in values.items()}) for p, values in evidence.rows]
    return Evidence(tuple(rows))


def test_missing_sizes_are_named():
    evidence = planted(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match=r"no point within 2 % of 4 m. Add it to --ratios"):
        CLAIMS["faster"].judge(cut(evidence, lambda r: r != 4))
    for name in ("residual", "solvable"):
        with pytest.raises(MissingEvidence, match="no size on one side of n = m"):
            CLAIMS[name].judge(cut(evidence, lambda r: r >= 1))
    with pytest.raises(MissingEvidence, match="no finished cell"):
        CLAIMS["slowest"].judge(Evidence(()))
    check = CLAIMS["slowest"].preconditions[0].check
    assert not check(cut(evidence, lambda r: r != 1)).ok
    coarse = check(cut(evidence, lambda r: r < 0.9 or r > 1.2 or r == 1))
    assert not coarse.ok
    assert coarse.detail == "4 points in [0.8, 1.25] m, the nearest to m at 1 m"


# ------------------------------------------------------------------------------------- the real cell


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
        a = system("gaussian", 12, n, 1)
        u, s, vt, rank = decompose(a)
        x, *_, singular = np.linalg.lstsq(a, b, rcond=None)
        want = (((b - a @ x) ** 2).sum(axis=0) / (b**2).sum(axis=0)).mean()
        assert residual(a, u, s, vt, b) == pytest.approx(want, rel=1e-8, abs=1e-24)
        assert rank == min(12, n)
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
        assert iterations(s, 1e-4) == steps


@pytest.mark.parametrize("tolerance", [0.4, 1e-3, 1e-9])
def test_iterations_are_the_smallest_number_that_suffices(tolerance):
    s = np.random.default_rng(3).uniform(0.3, 2.0, 30)
    step, t = 2 / (s.max() ** 2 + s.min() ** 2), 0
    weight = s**-2 / (s**-2).sum()
    while (weight * (1 - step * s**2) ** (2 * t)).sum() > tolerance**2:
        t += 1
    assert iterations(s, tolerance) == t


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
    assert np.linalg.norm(system("sphere", 5, 9, 0), axis=1) == pytest.approx(np.ones(5), rel=1e-6)


def test_a_cell_is_small_json_and_holds_what_the_charts_draw(outcomes):
    text = json.dumps(clean(outcomes[0].values), allow_nan=False)
    assert len(text) < 9_000
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x}
    assert drawn <= set(outcomes[0].values)
    assert STUDY.work([cell(seed=2)], lambda f: None)[0] == outcomes[2]


def test_ratios_that_give_one_size_twice_are_refused():
    with pytest.raises(UsageError, match=r"different numbers of unknowns at m = 10, got \[10, 10\]"):
        unknowns(10, (1.0, 1.03))


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
