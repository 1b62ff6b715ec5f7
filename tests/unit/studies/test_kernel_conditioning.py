"""The study on conditioning: its cell on real rows, against sampled kernels and closed forms."""

import json
import math

import numpy as np
import pytest

from overparam.core import Evidence, UsageError, clean, together
from overparam.studies import kernel_conditioning_work as work
from overparam.studies.kernel_conditioning import FEATURES, MEDIUM, STUDY, planted
from overparam.theory.activations import activation, sine
from overparam.theory.kernels import conditioning, covariance

CELL = {
    "data": "sphere", "activation": "relu", "d": 8, "ratio": (0.5, 1.0, 2.0), "units": 500, "draws": 3, "seed": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("relu", marks=pytest.mark.slow),
        "softplus",
        pytest.param("tanh", marks=pytest.mark.slow),
        pytest.param("sine2", marks=pytest.mark.slow),
    ],
)
def test_a_cell_measures_what_it_says(name):
    told = []
    cell = {**CELL, "activation": name}
    (outcome,) = STUDY.work([cell], told.append)
    values = outcome.values
    assert told[-1] == pytest.approx(1.0)
    assert told == sorted(told)
    assert values["rows"] == [4, 8, 16]
    assert set(values) <= set(STUDY.values)
    assert len(json.dumps(clean(values))) < 10_000
    x = work.rows(cell)["x"]
    np.testing.assert_allclose((x**2).sum(axis=1), 1.0, rtol=1e-12)
    act = sine(2.0) if name == "sine2" else activation(name)
    slopes = act.slope(x @ np.random.default_rng(0).standard_normal((8, 400_000)))
    smallest = np.linalg.eigvalsh(slopes @ slopes.T / 400_000 * (x @ x.T))[0]
    assert values["smallest"][-1] == pytest.approx(smallest, rel=0.1)
    kappa = math.sqrt(0.5) * np.linalg.norm(x, 2) / values["smallest"][-1]
    assert values["kappa"][-1] == pytest.approx(kappa, rel=1e-5)
    assert values["theory_kappa"] == [None, values["kappa"][1], values["kappa"][1]]
    for bound in ("proved", "hermite", "lemma", "schur"):
        low = np.array([one or 0.0 for one in values[bound]])
        assert (low <= np.array(values["smallest"]) * (1 + 1e-6)).all(), bound
    assert (values["lemma"][0] is None) is (name in ("tanh", "sine2"))  # empty for odd activations
    assert min(values["lemma_held"] + values["series_held"] + values["schur_held"]) == 1
    assert max(values["minus_held"]) == 0
    assert values["jacobian_log"] < -13
    assert values["plain_jacobian_log"] > -3
    assert values["width"][-1] < values["chernoff"] <= 2 * values["width"][-1]
    assert values["kept"] == 3
    assert values["kept_mean"][-1] == pytest.approx(1.0, abs=0.2)
    assert values["needed"] <= values["chernoff"]


@pytest.mark.slow
def test_a_wrong_slope_a_wrong_lemma_and_a_wrong_series_are_seen():
    x = work.rows({**CELL, "d": 20, "ratio": (1.0, 2.0)})["x"]
    relu, gelu, softplus = (activation(name) for name in ("relu", "gelu", "softplus"))
    assert work.jacobian(x[:5], "tanh", softplus, 0)["jacobian_log"] > -3
    assert work.at_size(x, softplus)["full_held"] == 0
    assert work.series_holds(x, gelu, covariance(x, gelu))
    assert not work.series_holds(x, relu, 1.01 * covariance(x, relu))


def test_digits_give_their_controls():
    cell = {**CELL, "data": "digits", "ratio": (0.1, 0.2), "draws": 2}
    drawn = work.rows(cell)
    assert drawn["x"].shape == (13, 64)
    assert drawn["offset"] > 0.25
    (outcome,) = STUDY.work([cell], lambda f: None)
    values = outcome.values
    assert values["features"] == 64
    assert min(values["uncentred_ratio"]) > 1.5
    assert max(abs(r - 1) for r in values["ball_ratio"]) < 0.3
    ratio = values["uncentred_kappa"][0] / values["kappa"][0]
    assert values["uncentred_ratio"][0] == pytest.approx(ratio, rel=1e-5)


def test_kappa_of_singular_rows_is_a_lower_bound():
    found = conditioning(np.eye(3)[[0, 1, 1]], activation("relu"))
    assert 1e14 < work.kappa(found) < 1e17


def test_sizes_that_do_not_fit_are_named():
    assert work.counts(20, (0.5, 1.0, 5.0), 50) == [10, 20]
    with pytest.raises(UsageError, match=r"ascending ratios that give different numbers of rows at d = 8"):
        work.counts(8, (1.0, 1.01), 100)
    assert len(work.rows({**CELL, "data": "digits", "ratio": (1.0, 18.0, 20.0)})["x"]) == 1152
    with pytest.raises(UsageError, match="expected at most 1200 rows, got more at every ratio"):
        work.rows({**CELL, "data": "digits", "ratio": (20.0, 30.0)})


def test_estimates_grow_with_the_work():
    small, large = (
        STUDY.estimate({**CELL, **more})
        for more in ({}, {"d": 80, "ratio": MEDIUM, "units": 4096, "draws": 20})
    )
    assert small.seconds < large.seconds
    assert small.bytes < large.bytes


@pytest.mark.parametrize(
    ("slopes", "says"),
    [
        ((0.93, 0.2, -0.02), "supported"),  # softplus on pilot seeds
        ((0.05, -0.14, -0.19), "supported"),
        ((0.6, 0.6, 0.6), "inconclusive"),
        ((0.2, 0.5, 0.9), "contradicted"),
    ],
)
def test_that_kappa_is_constant_is_judged_by_the_trend_over_d(slopes, says):
    claim = next(one for one in STUDY.claims if one.name == "constant-softplus")
    world = together(*(planted(d, p, activation=("softplus",)) for d, p in zip(FEATURES, slopes, strict=True)))
    cells = world(np.random.default_rng(0))
    assert claim.judge(cells).status == says
    assert all(need.check(cells).ok for need in claim.preconditions)
    control = claim.judge_control(cells)
    assert control.status == "inconclusive"
    assert control.parts[0].outside


def test_a_size_that_is_missing_at_one_d_is_named():
    claim = next(one for one in STUDY.claims if one.name == "constant-relu")
    few = planted(80, over=("rows", (80, 160, 200)))
    cells = together(planted(20), few)(np.random.default_rng(0))
    (_, sizes) = claim.preconditions
    assert sizes.check(cells).detail == "not so at d = 80"


def test_identities_are_checks_and_fail_where_one_run_violates_them():
    kinds = {claim.name: claim.kind for claim in STUDY.claims}
    assert {name for name, kind in kinds.items() if kind == "check"} == {
        "gram-limit", "hermite-lemma", "jacobian", "schur", "concentration",
    }  # fmt: skip
    assert kinds["images"] == "question"
    rows = planted(320)(np.random.default_rng(0)).rows
    wrong = Evidence(tuple((p, v | {"lemma_held": [0.0] * 3}) for p, v in rows))
    lemma = next(one for one in STUDY.claims if one.name == "hermite-lemma")
    assert (lemma.judge(Evidence(rows)).status, lemma.judge(wrong).status) == ("supported", "contradicted")
