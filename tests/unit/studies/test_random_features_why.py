"""Why there is a peak: the arm of a cell against brute force."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from overparam.core.claim import Evidence
from overparam.data import load, subset
from overparam.models.random_features import RandomFeatures, fourier_scale
from overparam.studies import random_features_work as why
from overparam.studies.random_features import STUDY
from overparam.sweep.curves import draw
from overparam.sweep.key import cell_name

LISTS = (
    *("cut_test_loss", "ideal_test_loss", "leading_test_loss"),
    *("train_parameters", "test_parameters", "below_test_loss", "beyond_test_loss"),
)


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
        assert added == {*LISTS, "theory_test_loss", "theory_ridge_test_loss", "white_test_loss", "population"}


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


def test_noisy_labels_have_no_theory_curve_and_clean_ideal_targets():
    noisy, bare = STUDY.work([cell(noise=1.0), cell()], lambda f: None)
    assert "theory_test_loss" not in noisy.values
    assert noisy.values["ideal_test_loss"] == bare.values["ideal_test_loss"]
    assert noisy.values["cut_test_loss"] != bare.values["cut_test_loss"]


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


@pytest.mark.parametrize(
    ("n", "n_test", "data", "asked"),
    [(500, 597, "digits", True), (1000, 597, "digits", False), (100, 150, "digits", True)],
)
def test_what_assumes_a_population_asks_for_three_times_the_training_samples(n, n_test, data, asked):
    others, _ = why.population(load(data), n, n_test, 0)
    for name in ("residuals", "theory-curve"):
        claim = next(claim for claim in STUDY.claims if claim.name == name)
        need = next(one for one in claim.preconditions if one.name == "population")
        params = cell(data=data, n=n, n_test=n_test)
        found = need.check(Evidence(((params, {"n_test": n_test, "width": [n], "test_loss": [1.0]}),)))
        assert found.ok == asked == (len(others) >= 3 * n)
        assert f"{len(others):,} samples" in found.detail


def test_a_peak_as_tall_as_before_contradicts_and_a_shoulder_does_not():
    claim = next(claim for claim in STUDY.claims if claim.name == "residuals")
    world = claim.effect
    for at_n, status in ((0.2, "supported"), (3.0, "inconclusive"), (500.0, "contradicted")):
        curve = ((0.05, 0.4), (0.5, 0.2), (0.97, 0.2), (1.0, at_n), (1.03, 0.2), (20.0, 0.1))
        found = claim.judge(world.but(ideal_test_loss=curve)(np.random.default_rng(0)))
        assert found.status == status, at_n
