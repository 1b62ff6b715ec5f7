"""The study on matrix recovery: its descent against plain loops and impossible labels, and a real small cell."""

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.core import Evidence, clean
from overparam.studies.matrix_recovery import MULTIPLES, NEEDED, STUDY, WORLD, at, power
from overparam.studies.matrix_recovery_work import (
    boundary,
    descend,
    jacobian,
    labelled,
    orthonormal,
    proved,
    succeeds,
    transition,
)  # fmt: skip
from overparam.sweep.judge import judge

CLAIMS = {claim.name: claim for claim in STUDY.claims}


def whole(world=WORLD):
    """Cells that hold what all statements read."""
    both = (one(np.random.default_rng(0)).rows for one in (world, NEEDED))
    return Evidence(tuple((p, {**other, **values}) for (p, values), (_, other) in zip(*both, strict=True)))


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = judge(STUDY, whole(), profile="laptop", data="planted")
    assert len(found) == len(CLAIMS)
    for verdict in found:
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_what_the_slide_says_contradicts_it_and_our_nine_of_ten_does_not():
    rng = np.random.default_rng(0)
    some_fail, most_fail = at(5, any_50=6.0)(rng), at(9, any_50=1.0)(rng)
    assert CLAIMS["any-label"].judge(some_fail).status == "inconclusive"
    assert CLAIMS["any-label"].judge(most_fail).status == "contradicted"
    assert CLAIMS["success"].judge(most_fail).status == "supported"
    assert CLAIMS["as-printed"].judge(CLAIMS["as-printed"].against(rng)).status == "contradicted"
    assert "any-label" not in {
        v.claim.partition(".")[2] for v in judge(STUDY, whole(), profile="quick", data="x")
    }


def test_preconditions_say_what_is_missing():
    (budget,) = CLAIMS["success"].preconditions
    told = "the linear rate asks for up to 3001 steps, allowed 3000. Allow more with --steps."
    found = budget.check(at(3, predicted_steps=3001)(np.random.default_rng(0)))
    assert (found.ok, found.detail) == (False, told)
    narrow = Evidence(tuple(({**p, "rank": (1, 2, 8)}, v) for p, v in NEEDED(np.random.default_rng(0)).rows))
    assert not CLAIMS["columns"].preconditions[0].check(narrow).ok


def test_the_power_is_that_of_the_boundaries_that_were_found():
    x = np.array(MULTIPLES)
    lost = [*(1.3 * x[:-1]), None]
    assert power([1.3 * x, 6 * np.sqrt(x), lost], [x] * 3) == pytest.approx([1.0, 0.5, 1.0])
    assert np.isnan(power([[1, 2, 3, None, None, None]], [x])[0])


def gaussian(n, d, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, d, d))
    return (0.5 * (a + a.transpose(0, 2, 1))).reshape(n, -1)


def test_a_step_follows_the_gradient_of_the_loss():
    a, y, u = gaussian(5, 4), np.arange(5.0), np.random.default_rng(1).standard_normal((4, 2))

    def values(v):
        return a @ (v @ v.T).ravel()

    slopes = jacobian(a, u)
    for i, where in enumerate(np.ndindex(4, 2)):
        e = np.zeros((4, 2))
        e[where] = 1e-6
        assert slopes[:, i] == pytest.approx((values(u + e) - values(u - e)) / 2e-6, rel=1e-6)
    end, now, first, path, ratio = descend(a, y, u, 1e-4, 1, 0.0, 1.0, False)
    assert end == pytest.approx(u - 1e-4 * (slopes.T @ (values(u) - y)).reshape(4, 2))
    assert path == pytest.approx(np.linalg.norm(end - u))
    assert ratio == pytest.approx(now / first)


def test_starts_are_orthonormal():
    rng = np.random.RandomState(0)
    for d, r in ((5, 3), (3, 5)):
        u = orthonormal(rng, d, r)
        assert u.shape == (d, r)
        assert np.linalg.svd(u, compute_uv=False) == pytest.approx(np.ones(3))


def test_transition_counts_what_ranks_are():
    u = orthonormal(np.random.RandomState(0), 6, 3)
    assert transition(gaussian(60, 6), 3, 15, u) == {
        "wrong": 0, "printed": 15 / 18, "transition": 1.0, "weak_transition": 11 / 15, "weak_printed": 11 / 18,
    }  # fmt: skip
    short = transition(np.concatenate([gaussian(10, 6), np.zeros((50, 36))]), 3, 15, u)
    assert short["wrong"] > 0
    assert short["transition"] < 0.9


def test_descent_fits_close_labels_and_never_impossible_ones():
    rng = np.random.RandomState(0)
    u = orthonormal(rng, 6, 3)
    near, y = labelled("near_", gaussian(8, 6), u, rng)
    values = near @ (u @ u.T).ravel()
    assert np.linalg.norm(y - values) == pytest.approx(0.05 * np.linalg.norm(values))
    assert succeeds(near, y, u, 3000)
    impossible, y = labelled("infeasible_", gaussian(8, 6), u, rng)
    assert impossible[0].reshape(6, 6) == pytest.approx(np.eye(6))
    assert y[0] == -1
    assert not succeeds(impossible, y, u, 3000)
    assert np.linalg.norm(labelled("any_", gaussian(8, 6), u, rng)[1]) == pytest.approx(np.linalg.norm(values))
    assert not succeeds(*labelled("near_", gaussian(40, 6), u, rng), u, 500)


def test_promises_are_kept_below_the_local_dimension_only():
    rng = np.random.RandomState(0)
    u = orthonormal(rng, 6, 3)
    kept = proved(gaussian(18, 6), 6, 18, u, rng)
    assert kept["proved_certified"] == 1
    assert kept["proved_left"] <= 1e-8
    assert kept["proved_distance"] <= kept["proved_path"] <= 1
    assert kept["proved_excess"] <= 0
    assert kept["beyond_left"] > 1e-3
    same = np.concatenate([gaussian(4, 6)] * 2)  # every label twice: no certificate
    assert proved(same, 8, 8, u, rng)["proved_left"] is None


def test_the_boundary_is_the_least_from_which_all_succeed():
    assert boundary((1, 2, 3, 4), (True, False, True, True)) == 3
    assert boundary((1, 2, 4), (True, True, True)) == 1
    assert boundary((1, 2), (True, False)) is None


@pytest.mark.slow
def test_a_small_run_is_judged_and_holds_what_is_declared():
    small = {"d": 6, "rank": (1, 2, 3, 4), "multiple": (1.0, 2.0), "trials": 2, "steps": 800}
    cells, told = [{a.name: a.default for a in STUDY.axes} | small | {"seed": seed} for seed in range(2)], []
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(found[0].values) == set(STUDY.values)
    assert len(json.dumps(clean(found[0].values), allow_nan=False)) < 9_000
    for chart in STUDY.charts:
        sizes = {len(found[0].values[name]) for name in (chart.x[0].name, *(s.metric for s in chart.series))}
        assert len(sizes) == 1, chart.name
    evidence = Evidence(tuple((cell, one.values) for cell, one in zip(cells, found, strict=True)))
    verdicts = {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="quick", data="gaussian")}
    assert (verdicts["local-rank"].status, verdicts["local-rank"].control["ok"]) == ("supported", True)
    assert verdicts["as-printed"].status == "contradicted"
    assert verdicts["columns"].status == "not_applicable"  # too few sizes
    assert "success" not in verdicts  # too few seeds


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.matrix_recovery import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
