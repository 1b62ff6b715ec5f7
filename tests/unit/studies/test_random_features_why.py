"""Why there is a peak: the rules on planted evidence, the arm of a cell against brute force."""

import json

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence
from overparam.data import load, subset
from overparam.models.random_features import RandomFeatures, fourier_scale
from overparam.studies.random_features import STUDY, why, widths
from overparam.studies.random_features.why_claims import CLAIMS as ALL
from overparam.sweep.curves import draw
from overparam.sweep.key import cell_name

N = 500
GRID = widths(N)
RATIO = np.array(GRID) / N
CLAIMS = {claim.name: claim for claim in ALL}
ARMS = {"small-values": "cut", "residuals": "ideal", "test-directions": "leading"}
GAP = 1 / np.maximum(abs(1 - RATIO), 1e-3)


def index(ratio):
    return int(abs(RATIO - ratio).argmin())


UNTOUCHED = np.where(RATIO <= 1, 0.5 * np.exp(-3 * RATIO) + 0.1 * (1 + RATIO * GAP), 0.08 + 0.05 * GAP)
COMPLEXITY = np.where(RATIO <= 1, RATIO * GAP, 0.3 + GAP) * N
FLAT = 0.1 + 0.3 / (1 + 3 * RATIO)


def set_at(line, ratio, value):
    out = np.array(line)
    out[index(ratio)] = value
    return out


def peaked(factor):
    """A falling curve whose value at n is this factor times that at 0.5 n."""
    return set_at(FLAT, 1.0, factor * FLAT[index(0.5)])


def noisy(rng, line, sd=0.02):
    return line * np.exp(0.05 * rng.normal() + sd * rng.normal(size=line.size))


def planted(rng, seeds=5, noise=0.02, **change):
    """Evidence of both maps; ``change`` replaces a curve of the Fourier map. Theory shares the level of its seed."""
    usual = {
        "test_loss": UNTOUCHED, "cut_test_loss": FLAT, "ideal_test_loss": FLAT, "leading_test_loss": FLAT,
        "test_parameters": COMPLEXITY, "miss": np.ones(25), "white_miss": np.linspace(0.3, 3.0, 25),
    }  # fmt: skip
    rows = []
    for features in ("fourier", "relu"):
        curves = usual | (change if features == "fourier" else {})
        for seed in range(seeds):
            values = {name: noisy(rng, line, noise) for name, line in curves.items() if "miss" not in name}
            for name, miss in (("theory_test_loss", "miss"), ("white_test_loss", "white_miss")):
                values[name] = values["test_loss"] / curves[miss] * np.exp(noise * rng.normal(size=25))
            values = {name: line.tolist() for name, line in values.items()}
            values |= {
                "width": list(GRID), "n_test": 597, "rank": [min(w, N) for w in GRID],
                "train_loss_ratio": [0.5 if w < N else 1e-9 for w in GRID],
            }  # fmt: skip
            values["theory_test_loss"][index(1.0)] = None
            params = {"features": features, "n": N, "noise": 0.0, "scale": 0.0, "n_test": 0, "seed": seed}
            rows.append((params, values))
    return Evidence(tuple(rows))


NULLS = {
    **{f"{name}/peak": (name, {f"{arm}_test_loss": peaked(1.5)}) for name, arm in ARMS.items()},
    "effective-parameters/rise": (
        "effective-parameters", {"test_parameters": set_at(COMPLEXITY, 20.0, 1.1 * COMPLEXITY[index(14.0)])},
    ),
    "effective-parameters/below": (
        "effective-parameters", {"test_loss": set_at(UNTOUCHED, 0.86, UNTOUCHED[index(0.8)] / 1.1)},
    ),
    "effective-parameters/beyond": (
        "effective-parameters", {"test_loss": set_at(UNTOUCHED, 3.0, UNTOUCHED[index(4.5)] / 1.1)},
    ),
    "theory-curve/above": ("theory-curve", {"miss": set_at(np.ones(25), 3.0, 1.25)}),
    "theory-curve/below": ("theory-curve", {"miss": set_at(np.ones(25), 0.3, 0.8)}),
}  # fmt: skip
EFFECTS = {
    **{name: {f"{arm}_test_loss": peaked(1.35)} for name, arm in ARMS.items()},
    "effective-parameters": {"noise": 0.01},
    "theory-curve": {"miss": set_at(np.ones(25), 3.0, 1.12)},
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    counts = check_rule(
        CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **EFFECTS[name])
    )
    assert counts["effect"]["contradicted"] == 0


def test_every_claim_is_in_the_study_and_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS) == set(EFFECTS)
    assert set(CLAIMS) < {claim.name for claim in STUDY.claims}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_textbook_curve_is_supported_and_its_control_is_not(name):
    evidence = planted(np.random.default_rng(0), noise=0.01)
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status == "contradicted"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)


@pytest.mark.parametrize("name", CLAIMS)
def test_one_bad_map_contradicts_and_one_seed_is_inconclusive(name):
    bad = {f"{arm}_test_loss": UNTOUCHED for arm in ARMS.values()}
    bad |= {"test_parameters": np.array(GRID, float), "miss": np.full(25, 2.0)}
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), **bad)).status == "contradicted"
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"


def test_effects_are_the_planted_numbers():
    evidence = planted(
        np.random.default_rng(0), noise=0.0, cut_test_loss=peaked(3.0), miss=set_at(np.ones(25), 2.0, 0.7)
    )
    assert CLAIMS["small-values"].judge(evidence).parts[0].effect == pytest.approx(3.0)
    largest, smallest = CLAIMS["theory-curve"].judge(evidence).parts[:2]
    assert (largest.effect, smallest.effect) == (pytest.approx(1.0), pytest.approx(0.7))
    assert smallest.label.endswith("smallest, at 2 n")
    rise, below, beyond = CLAIMS["effective-parameters"].judge(evidence).parts[:3]
    later = COMPLEXITY[RATIO >= 1]
    assert rise.effect == pytest.approx((later[1:] / later[:-1]).max())
    assert below.effect < 1 > beyond.effect


def test_the_number_of_features_as_complexity_shows_the_second_descent():
    parts = CLAIMS["effective-parameters"].control.judge(planted(np.random.default_rng(0), noise=0.0)).parts
    assert parts[0].effect == pytest.approx(20.0)
    later = UNTOUCHED[RATIO >= 1]
    assert parts[2].effect == pytest.approx(later[0] / later[-1])
    assert parts[2].effect > 100


def test_the_two_sides_are_parted_at_the_measured_fit_point():
    """Features short of rank fit later: the rise of complexity up to there is none beyond it."""
    late = set_at(set_at(COMPLEXITY, 1.03, 3000 * N), 1.06, 5000 * N)
    rows = planted(np.random.default_rng(0), noise=0.01, test_parameters=late).rows
    judged = CLAIMS["effective-parameters"].judge
    assert judged(Evidence(rows)).status == "contradicted"
    later = [0.5 if r < 1.05 else 1e-9 for r in RATIO]
    parts = judged(Evidence(tuple((p, v | {"train_loss_ratio": later}) for p, v in rows))).parts
    assert (parts[0].status, parts[0].label[-32:]) == ("supported", "the fit point (1.06 n), as a factor"[-32:])


def test_a_prediction_within_the_window_is_not_asked_for():
    wild = np.where((RATIO >= 0.8) & (RATIO <= 1.25), 50.0, 1.0)
    evidence = planted(np.random.default_rng(0), noise=0.01, miss=wild)
    assert CLAIMS["theory-curve"].judge(evidence).status == "supported"


def test_a_run_without_the_arm_is_told_how_to_get_it():
    rows = planted(np.random.default_rng(0)).rows
    bare = Evidence(tuple((p, {k: v for k, v in w.items() if "_test_loss" not in k}) for p, w in rows))
    for name, claim in CLAIMS.items():
        unmet = [p.check(bare) for p in claim.preconditions if not p.check(bare).ok]
        assert unmet[0].detail.startswith("0 of 10 cells have it. Run them with --why all"), name
    with pytest.raises(MissingEvidence, match=r"no width between 0.8 n and 1.25 n"):
        CLAIMS["residuals"].judge(cut(rows, lambda r: r > 1.3 or r < 0.7))
    with pytest.raises(MissingEvidence, match="no width within 2 % of 0.5 n"):
        CLAIMS["residuals"].judge(cut(rows, lambda r: r > 0.7))
    with pytest.raises(MissingEvidence, match="fewer than two widths below the fit point"):
        CLAIMS["effective-parameters"].judge(cut(rows, lambda r: r >= 1))
    with pytest.raises(MissingEvidence, match=r"no width outside \[0.8, 1.25\] n"):
        CLAIMS["theory-curve"].judge(cut(rows, lambda r: 0.9 < r < 1.1))


def cut(rows, keep):
    chosen = [i for i, r in enumerate(RATIO) if keep(r)]
    return Evidence(
        tuple(
            (p, {k: [v[i] for i in chosen] if isinstance(v, list) else v for k, v in w.items()})
            for p, w in rows
        )
    )


# ------------------------------------------------------------------------------------- the real cell


def cell(**change):
    params = {axis.name: axis.default for axis in STUDY.axes}
    return params | {"n": 60, "width": (6, 30, 54, 60, 66, 120, 150, 600), "n_test": 80, "why": "all"} | change


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def made(one_thread):
    cells = [cell(features=f, seed=1) for f in ("fourier", "relu")]
    return {c["features"]: (c, o.values) for c, o in zip(cells, STUDY.work(cells, lambda f: None), strict=True)}


def arrays(features, seed=1):
    whole = load("digits")
    data = subset(whole, 60, 80, seed=seed)
    x, x_test = data.x.reshape(60, -1).astype(float), data.x_test.reshape(80, -1).astype(float)
    phi = RandomFeatures(features, 64, seed, fourier_scale(x))
    return whole, phi, x, x_test, np.eye(10)[data.y], np.eye(10)[data.y_test]


def loss(predicted, y):
    return ((predicted - y) ** 2).sum() / len(y)


@pytest.mark.parametrize("features", ["fourier", "relu"])
def test_every_ablation_against_pseudo_inverses(made, features):
    params, values = made[features]
    whole, phi, x, x_test, y, y_test = arrays(features)
    others, targets = why.population(whole, 60, 80, 1)
    for i, width in enumerate(params["width"]):
        a, a_test = phi(x, 0, width), phi(x_test, 0, width)
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        rank = int((s > max(a.shape) * 2.2e-16 * s[0]).sum())
        u, s, vt = u[:, :rank], s[:rank], vt[:rank]
        kept = s >= 0.5 * np.median(s)
        cut_fit = a_test @ vt[kept].T @ (u[:, kept].T @ y / s[kept, None])
        assert values["cut_test_loss"][i] == pytest.approx(loss(cut_fit, y_test), rel=1e-5)
        beta = vt.T @ (u.T @ y / s[:, None])
        seen = a_test @ vt[:30].T @ vt[:30]
        assert values["leading_test_loss"][i] == pytest.approx(loss(seen @ beta, y_test), rel=1e-4)
        best = targets[:60]
        if width < len(others):
            wide = phi(others, 0, width)
            best = a @ np.linalg.lstsq(wide, targets, rcond=1e-12)[0]
        ideal = a_test @ vt.T @ (u.T @ best / s[:, None])
        assert values["ideal_test_loss"][i] == pytest.approx(loss(ideal, y_test), rel=1e-4)
        weights = a_test @ vt.T @ (u.T / s[:, None])
        assert values["test_parameters"][i] == pytest.approx(60 * (weights**2).sum() / 80, rel=1e-4)
        assert values["train_parameters"][i] == rank == values["rank"][i]


@pytest.mark.parametrize("features", ["fourier", "relu"])
def test_the_branches_are_the_untouched_loss(made, features):
    params, values = made[features]
    for i, width in enumerate(params["width"]):
        below, beyond = values["below_test_loss"][i], values["beyond_test_loss"][i]
        assert (below is None, beyond is None) == (width > 60, width < 60)
        for branch in (below, beyond):
            assert branch is None or branch == pytest.approx(values["test_loss"][i], rel=1e-4)


def test_without_residuals_the_ideal_fit_is_found_exactly_below_n(made):
    params, values = made["fourier"]
    whole, phi, _, x_test, _, y_test = arrays("fourier")
    others, targets = why.population(whole, 60, 80, 1)
    for i, width in enumerate(params["width"][:3]):
        beta = np.linalg.lstsq(phi(others, 0, width), targets, rcond=None)[0]
        assert values["ideal_test_loss"][i] == pytest.approx(
            loss(phi(x_test, 0, width) @ beta, y_test), rel=1e-5
        )


def test_the_population_starts_with_the_training_samples_and_repeats_none():
    whole, _, x, x_test, y, y_test = arrays("fourier")
    inputs, targets = why.population(whole, 60, 80, 1)
    assert inputs.shape == (180, 64)
    np.testing.assert_array_equal(inputs[:60], x)
    np.testing.assert_array_equal(inputs[60:140], x_test)
    np.testing.assert_array_equal(targets[:140], np.concatenate([y, y_test]))
    assert len(np.unique(inputs, axis=0)) == 180
    few, _ = why.population(whole, 1100, 597, 0)
    assert len(few) == 1797
    many, _ = why.population(whole, 100, 597, 0)
    assert len(many) == 300


def test_old_values_do_not_know_of_the_arm(made):
    for features in ("fourier", "relu"):
        (plain,) = STUDY.work([cell(features=features, seed=1, why="none")], lambda f: None)
        values = made[features][1]
        assert {k: values[k] for k in plain.values} == dict(plain.values)
        added = set(values) - set(plain.values)
        assert added == {*why.LISTS, "theory_test_loss", "theory_ridge_test_loss", "white_test_loss"}


GOLDEN = {
    "train_loss": [0.5669047, 1e-09, 1e-09],
    "test_loss": [1.15565, 33.81644, 0.9502101],
    "norm": [1.030462, 10.44569, 1.242318],
    "ridge_test_loss": [0.9330037, 0.7417732, 0.686173],
    "ridge_lambda": [15.68063, 19.96209, 22.35575],
    "kernel_test_loss": 0.4177145,
}


def test_cells_without_the_arm_keep_their_names_and_numbers():
    """Recorded before the arm came: results of that time stay valid, under the same names."""
    params = {axis.name: axis.default for axis in STUDY.axes}
    assert cell_name(STUDY, params, "0" * 16) == "data=digits--f19c2146d38ec6fc"
    small = params | {"n": 40, "width": (10, 40, 80), "seed": 3, "n_test": 50}
    assert cell_name(STUDY, small, "0" * 16) == "data=digits,n=40,n_test=50,seed=3--e23bbb3b15424188"
    assert STUDY.cell_version == 1
    (outcome,) = STUDY.work([small], lambda f: None)
    for name, recorded in GOLDEN.items():
        assert outcome.values[name] == pytest.approx(recorded, rel=1e-5), name


def test_the_white_prediction_has_a_closed_form():
    """With equal eigenvalues and k < n features of N samples: (1 - k/N) / (1 - k/n), less the samples trained on."""
    values = STUDY.work([cell(width=(6, 30))], lambda f: None)[0].values
    share, seen = np.array([6, 30]) / 60, 60 / 180
    white = (1 - np.array([6, 30]) / 180) / (1 - share) / (1 - seen + seen * (1 - share) ** 2)
    assert values["white_test_loss"] == pytest.approx(white.tolist(), rel=1e-6)


def test_a_cell_of_the_arm_is_small_json(made):
    (outcome,) = STUDY.work([cell(n=50, width=widths(50), n_test=50)], lambda f: None)
    text = json.dumps(clean(outcome.values), allow_nan=False)
    assert len(text) < 10_000
    assert outcome.values["theory_test_loss"][11] is None


def test_noisy_labels_have_no_theory_curve_and_clean_ideal_targets():
    noisy, bare = STUDY.work([cell(noise=1.0), cell()], lambda f: None)
    assert "theory_test_loss" not in noisy.values
    assert noisy.values["ideal_test_loss"] == bare.values["ideal_test_loss"]
    assert noisy.values["cut_test_loss"] != bare.values["cut_test_loss"]


def test_charts_find_their_values(made):
    for chart in STUDY.charts:
        names = {s.metric for s in chart.series} | {x.name for x in chart.x}
        assert names <= set(made["fourier"][1]), chart.name


def test_complexity_is_drawn_a_point_a_width_with_every_seed(made):
    """The horizontal axis differs from seed to seed; points are still means over seeds at one width."""
    rows = []
    for seed in range(3):
        params, values = made["fourier"]
        shifted = values | {"test_parameters": [v * (1 + seed) for v in values["test_parameters"]]}
        rows.append((params | {"seed": seed}, shifted))
    chart = next(c for c in draw(STUDY, {"digits": Evidence(tuple(rows))}) if c["name"] == "complexity")
    (below,) = [s for s in chart["series"] if s["label"] == "up to n features"]
    assert below["n"] == [3, 3, 3, 3]
    twice = [2 * v for v in made["fourier"][1]["test_parameters"][:4]]
    assert below["x"]["test_parameters"] == pytest.approx(twice, rel=1e-5)
    assert below["x"]["width"] == list(made["fourier"][0]["width"][:4])
