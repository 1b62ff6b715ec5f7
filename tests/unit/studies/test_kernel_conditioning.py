"""The study on conditioning: its rules on planted lines, its cell on real rows."""

import json
import math

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence, UsageError
from overparam.studies.kernel_conditioning import STUDY, measures
from overparam.studies.kernel_conditioning.work import ACTIVATIONS, counts, estimate, rows, solve
from overparam.sweep.judge import judge

CLAIMS = {claim.name: claim for claim in STUDY.claims}
D = 40
RATIOS = (0.5, 1.0, 1.5, 2.2, 3.3, 5.0, 7.0, 10.0)
ROWS = np.array([round(r * D) for r in RATIOS], dtype=float)
CELL = {"data": "sphere", "activation": "relu", "d": D, "ratio": RATIOS, "units": 4096, "draws": 20}


def line(rng, mean, spread):
    """A line over the sizes with noise of that relative size."""
    return np.exp(spread * rng.standard_normal(len(ROWS))) * mean


EFFECT = {
    "kappa": lambda rng, seed: line(rng, 20.0, 0.03),
    "flat_kappa": lambda rng, seed: line(rng, 20.0 * (ROWS / D) ** 2.0, 0.05),
    "gram_error": lambda rng, seed: line(rng, 2.5, 0.1),
    "folded_error": lambda rng, seed: line(rng, 30.0, 0.1),
    "lemma_held": lambda rng, seed: np.ones(len(ROWS)),
    "full_held": lambda rng, seed: np.zeros(len(ROWS)),
    "series_held": lambda rng, seed: np.ones(len(ROWS)),
    "schur_held": lambda rng, seed: np.ones(len(ROWS)),
    "minus_held": lambda rng, seed: np.zeros(len(ROWS)),
    "uncentred_ratio": lambda rng, seed: line(rng, 30.0, 0.1),
    "ball_ratio": lambda rng, seed: line(rng, 1.0, 0.01),
    "jacobian_log": lambda rng, seed: -14 + rng.normal(0, 0.2),
    "plain_jacobian_log": lambda rng, seed: -0.4 + rng.normal(0, 0.1),
    "offset": lambda rng, seed: 0.7,
    "kept": lambda rng, seed: 20,
    "starved": lambda rng, seed: 0,
    "drawn": lambda rng, seed: 20,
    "pessimism": lambda rng, seed: 200.0,
}


def planted(rng, seeds=10, data="sphere", only=None, need=None, activations=ACTIVATIONS, **change):
    """Cells where every claim holds; ``change`` makes a metric of the activation ``only`` (default: of all)."""
    cells = []
    for activation in activations:
        make = EFFECT | (change if only in (None, activation) else {})
        for seed in range(seeds):
            values = {name: np.asarray(make[name](rng, seed)).tolist() for name in need or EFFECT}
            values |= {"rows": ROWS.tolist(), "features": D}
            cells.append(({**CELL, "data": data, "activation": activation, "seed": seed}, values))
    return Evidence(tuple(cells))


def holes(rate):
    """One size in so many seeds fails."""
    return lambda rng, seed: np.where(
        (np.arange(len(ROWS)) == 3) & (seed == 0 or rng.random() < rate), 0.0, 1.0
    )


NULLS = {
    "gram-limit": {"gram_error": lambda rng, seed: np.full(len(ROWS), 5.0 * math.exp(0.1 * rng.normal()))},
    "hermite-lemma": {"lemma_held": holes(0.0)},
    "hermite-lemma/series": {"series_held": holes(0.0)},
    "constant-relu": {"kappa": lambda rng, seed: line(rng, (ROWS / D) ** 0.15, 0.03)},
    "constant-tanh/falling": {"kappa": lambda rng, seed: line(rng, (ROWS / D) ** -0.15, 0.03)},
    "images": {"uncentred_ratio": lambda rng, seed: line(rng, 10.0, 0.2)},
    "jacobian": {"jacobian_log": lambda rng, seed: -10 + rng.normal(0, 0.3)},
    "schur": {"schur_held": holes(0.2)},
    "concentration": {"kept": lambda rng, seed: int(rng.binomial(20, 0.95))},
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    """The null stands in one activation only, at the cut-off; the others show the effect."""
    name = case.split("/")[0]
    only = name.removeprefix("constant-") if name.startswith("constant-") else "softplus"
    need = {
        "hermite-lemma": ("lemma_held", "series_held"),
        "concentration": ("kept", "drawn", "pessimism"),
    }.get(name, tuple(NULLS[case]))
    some = {"need": need, "activations": sorted({only, "relu"})}
    counts_ = check_rule(
        CLAIMS[name],
        lambda rng: planted(rng, only=only, **some, **NULLS[case]),
        lambda rng: planted(rng, **some),
    )
    assert counts_["effect"]["contradicted"] == 0


def test_every_claim_has_a_planted_null():
    named = {case.split("/")[0] for case in NULLS}
    assert named | {f"constant-{one}" for one in ACTIVATIONS} == set(CLAIMS)


def test_a_width_that_fails_two_draws_in_a_hundred_is_still_found():
    """Power at 99.9 %: the binomial interval of 200 draws leaves room for 3 failures."""
    keep = {"kept": lambda rng, seed: int(rng.binomial(20, 0.999))}
    found = [
        CLAIMS["concentration"]
        .judge(planted(np.random.default_rng(t), need=("kept", "drawn", "pessimism"), **keep))
        .status
        for t in range(60)
    ]
    assert found.count("supported") >= 54


def test_a_slope_of_a_twentieth_is_found_constant():
    bend = {"kappa": lambda rng, seed: line(rng, (ROWS / D) ** 0.05, 0.05)}
    found = [
        CLAIMS["constant-gelu"].judge(planted(np.random.default_rng(t), need=("kappa",), **bend)).status
        for t in range(40)
    ]
    assert found.count("supported") >= 36


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_do_not_show_the_effect_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status == "contradicted"
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"
    many = planted(np.random.default_rng(0), seeds=1, kept=lambda *_: 1000, drawn=lambda *_: 1000)
    assert CLAIMS[name].judge(many).status == "inconclusive"
    with pytest.raises(MissingEvidence, match=r"no finished cell"):
        CLAIMS[name].judge(Evidence(()))


def test_preconditions_say_what_is_missing():
    good = planted(np.random.default_rng(0))
    assert all(p.check(good).ok for claim in CLAIMS.values() for p in claim.preconditions)
    images = planted(np.random.default_rng(0), data="digits")
    statuses = {v.claim.split(".")[1]: v for v in judge(STUDY, images, profile="laptop", data="digits")}
    assert statuses["constant-relu"].status == "not_applicable"
    assert "data digits" in statuses["constant-relu"].preconditions[0]["detail"]
    flat = planted(np.random.default_rng(0), offset=lambda *_: 0.01)
    assert not CLAIMS["images"].preconditions[0].check(flat).ok
    short = Evidence(tuple((p, {**v, "features": 200}) for p, v in good.rows))
    check = CLAIMS["constant-relu"].preconditions[1].check(short)
    assert not check.ok
    assert "relu, 3 sizes from 200 to 400" in check.detail
    few = planted(np.random.default_rng(0), seeds=4)
    assert not CLAIMS["concentration"].preconditions[0].check(few).ok
    assert CLAIMS["concentration"].preconditions[0].check(few).detail.startswith("80 draws")


def test_the_pessimism_of_the_width_is_told():
    note = CLAIMS["concentration"].judge(planted(np.random.default_rng(0))).note
    assert note.startswith(
        "The width asked for over the width that was enough, median over seeds: gelu 200, relu 200"
    )


def test_settings_are_judged_apart():
    first = planted(np.random.default_rng(0)).rows
    second = tuple(({**p, "units": 1000}, v) for p, v in first)
    found = CLAIMS["gram-limit"].judge(Evidence(first + second))
    assert len(found.parts) == 2 * len(ACTIVATIONS)
    assert found.parts[0].label.startswith("units = 1000: gelu, ")


# ----------------------------------------------------------------------------------------------- the real cell

TINY = {**CELL, "d": 8, "ratio": (0.5, 1.0, 2.0), "units": 500, "draws": 3, "seed": 1}


@pytest.mark.parametrize("activation", ["relu", "softplus", "tanh", "sine2"])
def test_a_cell_measures_what_it_says(activation):
    told = []
    cell = {**TINY, "activation": activation}
    values = solve(cell, told.append).values
    assert told[-1] == pytest.approx(1.0)
    assert told == sorted(told)
    assert values["rows"] == [4, 8, 16]
    assert len(json.dumps(clean(values))) < 10_000
    x = rows(cell)["x"]
    np.testing.assert_allclose((x**2).sum(axis=1), 1.0, rtol=1e-12)
    act = measures.activation_named(activation)
    w = np.random.default_rng(0).standard_normal((8, 400_000))
    slopes = act.slope(x @ w)
    limit = slopes @ slopes.T / w.shape[1] * (x @ x.T)
    smallest = np.linalg.eigvalsh(limit)[0]
    assert values["smallest"][-1] == pytest.approx(smallest, rel=0.1)
    assert values["kappa"][-1] == pytest.approx(
        math.sqrt(0.5) * np.linalg.norm(x, 2) / values["smallest"][-1], rel=1e-5
    )
    assert values["theory_kappa"] == [None, values["kappa"][1], values["kappa"][1]]
    for name in ("proved", "hermite", "lemma", "schur"):
        bounds = [low or 0.0 for low in values[name]]
        assert all(low <= top * (1 + 1e-6) for low, top in zip(bounds, values["smallest"], strict=True)), name
    assert (values["lemma"][0] is None) is (activation in ("tanh", "sine2"))  # empty for odd activations
    assert min(values["lemma_held"] + values["series_held"] + values["schur_held"]) == 1
    assert max(values["minus_held"]) == 0
    assert values["jacobian_log"] < -13
    assert values["plain_jacobian_log"] > -3
    assert values["width"][-1] < values["chernoff"] <= 2 * values["width"][-1]
    assert values["kept"] == 3
    assert values["kept_mean"][-1] == pytest.approx(1.0, abs=0.2)
    assert values["needed"] <= values["chernoff"]


def test_the_jacobian_is_tested_at_unequal_output_weights():
    x = rows(TINY)["x"][:5]
    wrong = measures.activation_named("softplus")
    assert measures.jacobian(x, "tanh", wrong, 0)["jacobian_log"] > -3  # another slope does not pass


def test_a_wrong_lemma_and_a_wrong_series_are_seen():
    x = rows({**TINY, "d": 20, "ratio": (1.0, 2.0)})["x"]
    act = measures.activation_named("softplus")
    assert measures.at_size(x, act)["full_held"] == 0
    gelu = measures.activation_named("gelu")
    from overparam.theory.kernels import covariance

    assert measures.series_holds(x, gelu, covariance(x, gelu))
    relu = measures.activation_named("relu")
    assert not measures.series_holds(x, relu, 1.01 * covariance(x, relu))


def test_digits_give_their_controls():
    cell = {**TINY, "data": "digits", "ratio": (0.1, 0.2), "draws": 2}
    drawn = rows(cell)
    assert drawn["x"].shape == (13, 64)
    assert drawn["offset"] > 0.25
    values = solve(cell, lambda f: None).values
    assert values["features"] == 64
    assert min(values["uncentred_ratio"]) > 1.5
    assert max(abs(r - 1) for r in values["ball_ratio"]) < 0.3
    assert values["uncentred_ratio"][0] == pytest.approx(
        values["uncentred_kappa"][0] / values["kappa"][0], rel=1e-5
    )


def test_kappa_of_singular_rows_is_a_lower_bound():
    x = np.eye(3)[[0, 1, 1]]
    seen = measures.kappa_seen(x, measures.activation_named("relu"))
    assert 1e14 < seen < 1e17


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(UsageError, match=r"ascending ratios that give different numbers of rows at d = 8"):
        counts(8, (1.0, 1.01), 100)
    assert len(rows({**TINY, "data": "digits", "ratio": (1.0, 18.0, 20.0)})["x"]) == 1152
    with pytest.raises(UsageError, match="expected at most 1200 rows, got more at every ratio"):
        rows({**TINY, "data": "digits", "ratio": (20.0, 30.0)})


def test_estimates_grow_with_the_work():
    small, large = estimate(TINY), estimate({**TINY, "d": 80, "ratio": (1.0, 20.0), "units": 4096, "draws": 20})
    assert small.seconds < large.seconds
    assert small.bytes < large.bytes
