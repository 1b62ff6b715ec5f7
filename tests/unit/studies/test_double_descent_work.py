"""The study double-descent: its profiles, its estimate, and a tiny real run of its work."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.studies.double_descent import PROFILES, STUDY, WIDTHS
from overparam.studies.double_descent.work import estimate, parameter_count, work


def test_profiles_name_every_axis_and_are_allowed():
    for profile in PROFILES.values():
        assert set(profile.axes) == {axis.name for axis in STUDY.axes}
        for axis in STUDY.axes:
            assert tuple(axis.check(v) for v in profile.axes[axis.name]) == profile.axes[axis.name]
    assert PROFILES["laptop"].axes["width"] == WIDTHS
    assert set(STUDY.stack_by) == {axis.name for axis in STUDY.axes} - {"seed", "noise"}


def test_claims_point_at_charts_and_sources():
    charts, sources = {chart.name for chart in STUDY.charts}, {source.key for source in STUDY.sources}
    for claim in STUDY.claims:
        assert claim.chart in charts
        assert claim.source in sources
        assert claim.ledger == ("L53", "L54")


@pytest.mark.parametrize(("width", "count"), [(9, 559), (16, 1098), (47, 4663), (104, 16_234), (300, 105_610)])
def test_parameter_count_is_the_published_one(width, count):
    assert parameter_count(40, width, 10) == count


def test_importing_and_estimating_needs_neither_numpy_nor_jax():
    code = (
        "import sys; from overparam.studies.double_descent import STUDY;"
        "axes = STUDY.profiles['quick'].axes; STUDY.estimate({k: v[0] for k, v in axes.items()});"
        "print(sorted({'jax', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_estimate_grows_with_what_costs():
    base = {"data": "mnist1d", "n": 4000, "width": 47, "steps": 20_000, "batch": 100}
    cost = estimate(base)
    assert 0.3 < cost.seconds < 3
    for more in ({"width": 300}, {"steps": 80_000}, {"batch": 1000}, {"data": "cifar10"}):
        assert estimate({**base, **more}).seconds > 1.5 * cost.seconds
    assert estimate({**base, "n": 50_000, "width": 300}).bytes > cost.bytes


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 6)) * 2
    y, y_test = rng.integers(0, 3, 60), rng.integers(0, 3, 300)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 6)) for labels in (y, y_test))
    return str(
        save(from_arrays(x, y, x_test, y_test, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


def cells(data, width, **more):
    base = {
        "data": data, "n": 60, "width": width, "noise_kind": "inclusive", "steps": 60, "batch": 20,
        "learning_rate": 0.1, "momentum": 0.9,
    }  # fmt: skip
    return [{**base, "noise": noise, "seed": seed, **more} for noise in (0.0, 0.3) for seed in (0, 1)]


@pytest.fixture(scope="module")
def outcomes(small):
    told = []
    found = {width: work(cells(small, width), told.append) for width in (4, 24)}
    assert told[-1] == 1.0
    return found


def test_work_returns_finite_short_json(outcomes):
    for width, stack in outcomes.items():
        for outcome in stack:
            text = json.dumps(dict(outcome.values), allow_nan=False)
            assert len(text) < 9000
            assert outcome.status == "ok"
            assert outcome.values["parameters"] == parameter_count(6, width, 3)
            assert outcome.values["parameters_per_sample"] == pytest.approx(
                parameter_count(6, width, 3) / 60, rel=1e-5
            )
            for name in ("train_error", "test_error", "best_test_error"):
                assert 0 <= outcome.values[name] <= 1
            assert outcome.values["step"][0] == 0
            assert outcome.values["step"][-1] == 60


def test_trajectories_end_at_the_final_values_and_hold_the_best(outcomes):
    for outcome in outcomes[24]:
        values = outcome.values
        for name in ("train_error", "test_error", "train_loss", "test_loss"):
            assert len(values[f"{name}_by_step"]) == len(values["step"])
            assert values[f"{name}_by_step"][-1] == values[name]
        assert values["best_test_loss"] == min(values["test_loss_by_step"])
        assert values["best_test_error"] == min(values["test_error_by_step"])
        assert values["distance"] > 0


def test_arms_of_a_seed_start_alike_and_noise_is_the_same_at_every_width(outcomes):
    for stack in outcomes.values():
        first, second, noisy, _ = (o.values for o in stack)
        assert first["test_loss_by_step"][0] == pytest.approx(noisy["test_loss_by_step"][0], rel=1e-5)
        assert first["test_loss_by_step"][0] != second["test_loss_by_step"][0]
        assert first["wrong_labels"] == second["wrong_labels"] == 0
        assert 0.1 < noisy["wrong_labels"] < 0.3
    assert [o.values["wrong_labels"] for o in outcomes[4]] == [o.values["wrong_labels"] for o in outcomes[24]]
    assert outcomes[24][0].values["train_error"] < outcomes[24][2].values["train_error"]


def test_values_are_rounded_to_six_digits(outcomes):
    for value in outcomes[4][0].values.values():
        for number in value if isinstance(value, list) else [value]:
            assert number == float(f"{number:.6g}")


def test_a_diverged_member_is_a_result_without_final_values(small):
    good, bad = (work(cells(small, 4, learning_rate=rate)[:1], lambda _: None)[0] for rate in (0.1, 1e30))
    assert good.status == "ok"
    assert bad.status == "diverged"
    assert "training diverged at step" in bad.note
    for name in (
        "train_error",
        "test_error",
        "test_loss",
        "best_test_error",
        "best_test_loss",
        "norm",
        "distance",
    ):
        assert bad.values[name] is None
    json.dumps(dict(bad.values), allow_nan=False)
