"""The study on matrix recovery: its rules on planted cells, its descent against plain loops and impossible labels."""

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence
from overparam.studies.matrix_recovery import MULTIPLES, RANKS, STUDY
from overparam.studies.matrix_recovery.rules import preferences
from overparam.studies.matrix_recovery.work import (
    Problem,
    asked_steps,
    boundary,
    labelled,
    orthonormal,
    proved,
    succeeds,
    transition,
)
from overparam.sweep.judge import judge

CLAIMS = {claim.name: claim for claim in STUDY.claims}
R = len(RANKS)
PERCENTS = (10, 25, 50)


def planted(rng, seeds=5, trials=8, near=0.998, line=None, **change):
    """Cells with the claimed effects; ``near`` is the chance of success, ``line`` the boundary without noise."""
    line = 1.3 * np.array(MULTIPLES) if line is None else line
    rows = []
    for seed in range(seeds):
        values = {
            "rank": list(RANKS),
            "multiple": list(MULTIPLES),
            "transition": [1.0] * R,
            "weak_transition": [0.8] * R,
            "wrong": [0] * R,
            "predicted_steps": [2000] * R,
            "printed": [1.0] * R,
            "weak_printed": [0.7] * R,
            "theory_local": [1, 3, 4, 5, 6, 8],
        }
        for percent in PERCENTS:
            for arm, chance in (("near_", near), ("any_", near), ("infeasible_", 0.0)):
                values[f"{arm}{percent}"] = rng.binomial(trials, chance, R).tolist()
        for arm, left in (("proved_", 5e-9), ("beyond_", 0.3)):
            values[f"{arm}left"] = (left * rng.uniform(0.5, 1, R)).tolist()
            values[f"{arm}distance"] = values[f"{arm}path"] = rng.uniform(0.1, 0.9, R).tolist()
            values[f"{arm}excess"] = (-rng.uniform(0, 0.1, R)).tolist()
        values["near_boundary"] = steps(line, rng)
        values["diagonal_boundary"] = [1] + [None] * (len(MULTIPLES) - 1)
        values |= {name: make(seed, values, rng) for name, make in change.items()}
        params = {
            "data": "gaussian",
            "d": 20,
            "rank": RANKS,
            "multiple": MULTIPLES,
            "trials": trials,
            "steps": 3000,
        }
        rows.append((params | {"seed": seed}, values))
    return Evidence(tuple(rows))


def steps(line, rng):
    """Whole numbers next to a line, one in five of them off by one."""
    return (np.rint(line) + rng.choice([-1, 0, 1], len(line), p=[0.1, 0.8, 0.1])).clip(1).astype(int).tolist()


def one(name, at, value):
    """A single number of a single seed moved."""
    return {name: lambda seed, v, rng: [value if (i == at and seed == 2) else x for i, x in enumerate(v[name])]}


def chance(arm, percent, at, share):
    """One size with another chance of success, at every seed."""
    name = f"{arm}{percent}"
    return {
        name: lambda seed, v, rng: [rng.binomial(8, share) if i == at else x for i, x in enumerate(v[name])]
    }


ROOT = 2.2 * np.sqrt(np.array(MULTIPLES))
BETWEEN = 1.8 * np.array(MULTIPLES) ** 0.75  # as far from the line as from the root
NULLS = {
    "local-rank/place": ("local-rank", {"transition": lambda s, v, rng: [1.0] * 3 + [1.051] + [1.0] * (R - 4)}),
    "local-rank/early": ("local-rank", {"transition": lambda s, v, rng: [1.0] * 3 + [0.949] + [1.0] * (R - 4)}),
    "local-rank/one size": ("local-rank", one("wrong", 4, 1)),
    "as-printed": ("as-printed", {"printed": lambda s, v, rng: [1.0] + [0.975] * (R - 1)}),
    "as-printed/one rank": ("as-printed", {"printed": lambda s, v, rng: [1.0] * (R - 1) + [0.99]}),
    "success/one size": ("success", chance("near_", 50, 3, 0.9)),
    "success/few labels": ("success", chance("near_", 10, 0, 0.9)),
    "any-label/one size": ("any-label", chance("any_", 50, 5, 0.9)),
    "promised/left": ("promised", one("proved_left", 3, 1.01e-8)),
    "promised/distance": ("promised", one("proved_distance", 0, 1.001)),
    "promised/path": ("promised", one("proved_path", 9, 1.001)),
    "promised/rate": ("promised", one("proved_excess", 2, 1.1e-9)),
    "columns/root": ("columns", {"near_boundary": lambda s, v, rng: steps(ROOT, rng)}),
    "columns/between": ("columns", {"near_boundary": lambda s, v, rng: steps(BETWEEN, rng)}),
}  # fmt: skip


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    effect = {"near": 1.0} if name in ("success", "any-label") else {}
    check_rule(CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **effect))


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_are_not_supported_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0), near=1.0)
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1, near=1.0)).status == "inconclusive"
    control = CLAIMS[name].control.judge(evidence)
    assert control.status == ("inconclusive" if name == "columns" else "contradicted")


def test_a_missing_boundary_is_said_and_no_cells_are_missing_evidence():
    finding = CLAIMS["columns"].control.judge(planted(np.random.default_rng(0)))
    assert finding.note == "5 of 5 seeds have no boundary: descent fails at the most columns tried"
    for claim in CLAIMS.values():
        with pytest.raises(MissingEvidence):
            claim.judge(Evidence(()))
    rows = planted(np.random.default_rng(0)).rows
    both = Evidence(rows + tuple((p | {"d": 10}, v) for p, v in rows))
    with pytest.raises(MissingEvidence, match="a rule judges one value of 'd', got 10, 20"):
        CLAIMS["success"].judge(both)
    only_one = Evidence(tuple((p, v | {"rank": [1], "transition": [1.0]}) for p, v in rows))
    with pytest.raises(MissingEvidence, match="no number of columns above 1"):
        CLAIMS["local-rank"].judge(only_one)


def test_preconditions():
    trials, budget = CLAIMS["success"].preconditions
    late = budget.check(planted(np.random.default_rng(0), **one("predicted_steps", 3, 3001)))
    assert (late.ok, late.detail) == (
        False,
        "the linear rate asks for up to 3001 steps, allowed 3000. Allow more with --steps.",
    )
    few = trials.check(planted(np.random.default_rng(0), trials=7))
    assert (few.ok, few.detail) == (False, "35 trials a share, asked at least 36")
    (grid,) = CLAIMS["columns"].preconditions
    rows = [(p | {"rank": (1, 2, 8)}, v) for p, v in planted(np.random.default_rng(0)).rows]
    assert not grid.check(Evidence(tuple(rows))).ok


def test_akaike_prefers_what_was_planted():
    x = np.arange(1.0, 7.0)
    free, fixed, slope = preferences(20, x, 1.3 * x)
    assert free > 2
    assert fixed > 2
    assert slope == pytest.approx(1.3)
    assert preferences(20, x, 0.5 * np.sqrt(20 * x))[0] < -2
    assert preferences(20, x, np.sqrt(40 * x))[1] < -2


# ------------------------------------------------------------------------------------- the real cell


def gaussian(n, d, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, d, d))
    return (0.5 * (a + a.transpose(0, 2, 1))).reshape(n, -1)


def test_gradient_and_jacobian_are_those_of_the_loss():
    problem = Problem(gaussian(5, 4), np.arange(5.0), 4)
    u = np.random.default_rng(1).standard_normal((4, 2))

    def loss(v):
        return 0.5 * ((problem.values(v) - problem.y) ** 2).sum()

    gradient = problem.pull(problem.values(u) - problem.y, u)
    for where in np.ndindex(4, 2):
        e = np.zeros((4, 2))
        e[where] = 1e-6
        assert gradient[where] == pytest.approx((loss(u + e) - loss(u - e)) / 2e-6, rel=1e-6)
    along = problem.jacobian(u).T @ (problem.values(u) - problem.y)
    assert along.reshape(4, 2) == pytest.approx(gradient)


def test_starts_are_orthonormal():
    rng = np.random.RandomState(0)
    for d, r in ((5, 3), (3, 5)):
        u = orthonormal(rng, d, r)
        assert u.shape == (d, r)
        assert np.linalg.svd(u, compute_uv=False) == pytest.approx(np.ones(3))


def test_asked_steps_are_those_of_the_linear_model():
    j = np.random.default_rng(0).standard_normal((4, 9))
    s = np.linalg.svd(j, compute_uv=False)
    asked = asked_steps(j)
    slowest = (1 - s[-1] ** 2 / s[0] ** 2) ** asked
    assert slowest <= 1e-6
    assert asked <= 1.5 * np.log(1e-6) / np.log(1 - s[-1] ** 2 / s[0] ** 2)


def test_transition_counts_what_ranks_are():
    found = transition(gaussian(60, 6), 6, 3, 15, orthonormal(np.random.RandomState(0), 6, 3))
    assert found == {
        "wrong": 0, "printed": 15 / 18, "transition": 1.0, "weak_transition": 11 / 15, "weak_printed": 11 / 18,
    }  # fmt: skip
    short = np.concatenate([gaussian(10, 6), np.zeros((50, 36))])
    found = transition(short, 6, 3, 15, orthonormal(np.random.RandomState(0), 6, 3))
    assert found["wrong"] > 0
    assert found["transition"] < 0.9


def test_descent_fits_close_labels_and_never_impossible_ones():
    rng = np.random.RandomState(0)
    u = orthonormal(rng, 6, 3)
    assert succeeds(labelled("near_", gaussian(8, 6), 6, u, rng), u, 3000)
    impossible = labelled("infeasible_", gaussian(8, 6), 6, u, rng)
    assert impossible.halves[0].reshape(6, 6) == pytest.approx(np.eye(6))
    assert impossible.y[0] == -1
    assert not succeeds(impossible, u, 3000)
    near = labelled("near_", gaussian(8, 6), 6, u, rng)
    values = near.values(u)
    assert np.linalg.norm(near.y - values) == pytest.approx(0.05 * np.linalg.norm(values))
    anything = labelled("any_", gaussian(8, 6), 6, u, rng)
    assert np.linalg.norm(anything.y) == pytest.approx(np.linalg.norm(values))
    assert not succeeds(labelled("near_", gaussian(40, 6), 6, u, rng), u, 500)


def test_promises_are_kept_below_the_local_dimension_only():
    rng = np.random.RandomState(0)
    u = orthonormal(rng, 6, 3)
    kept = proved(gaussian(18, 6), 6, 18, u, rng)
    assert kept["proved_certified"] == 1
    assert kept["proved_left"] <= 1e-8
    assert kept["proved_path"] <= 1
    assert kept["proved_distance"] <= kept["proved_path"]
    assert kept["proved_excess"] <= 0
    assert kept["beyond_left"] > 1e-3
    same = np.concatenate([gaussian(4, 6)] * 2)  # every label twice: no certificate
    assert proved(same, 8, 8, u, rng)["proved_left"] is None


def test_the_boundary_is_the_least_from_which_all_succeed():
    assert boundary((1, 2, 4), (True, True, True)) == 1
    assert boundary((1, 2, 4), (False, False, False)) is None


def cell(**change):
    small = {"d": 6, "rank": (1, 2, 3, 4), "multiple": (1.0, 2.0), "trials": 2, "steps": 800}
    return {a.name: a.default for a in STUDY.axes} | small | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    found = STUDY.work([cell(seed=seed) for seed in range(2)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return found


def test_verdicts_of_a_small_run(outcomes):
    rows = tuple((cell(seed=i), o.values) for i, o in enumerate(outcomes))
    found = {v.claim.split(".")[1]: v for v in judge(STUDY, Evidence(rows), profile="test", data="gaussian")}
    assert (found["local-rank"].status, found["local-rank"].control["ok"]) == ("supported", True)
    assert found["as-printed"].status == "contradicted"
    assert found["success"].status == "not_applicable"  # too few trials
    assert found["columns"].status == "not_applicable"


def test_a_cell_is_small_json_and_holds_what_the_charts_draw(outcomes):
    assert len(json.dumps(clean(outcomes[0].values), allow_nan=False)) < 9_000
    for chart in STUDY.charts:
        x = chart.x[0].name
        for series in chart.series:
            assert len(outcomes[0].values[series.metric]) == len(outcomes[0].values[x]), series.metric


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.matrix_recovery import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
