"""The study epoch-descent: tiny real runs of its work, and what its rules say in words."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence, UsageError
from overparam.studies.epoch_descent import PROFILES, STUDY, course, depths, family_and_size
from overparam.studies.epoch_descent_work import FEATURES, draw
from overparam.sweep.plan import stacks
from overparam.sweep.select import select


def test_draws_have_the_stated_scales_and_signal():
    x, _, scales = draw(0, 4000, FEATURES, 0.05)
    assert x.std(axis=0) == pytest.approx(scales, rel=0.06)
    signals = [
        np.square(s * t).reshape(2, -1).sum(axis=1)
        for _, t, s in (draw(k, 1, FEATURES, 0.05) for k in range(200))
    ]
    assert np.mean(signals, axis=0) == pytest.approx([1.0, 1.0], abs=0.08)
    assert (draw(3, 5, 4, 0.1)[0] == draw(3, 5, 4, 0.1)[0]).all()
    assert (draw(3, 5, 4, 0.1)[0] != draw(4, 5, 4, 0.1)[0]).all()


def cells(data, model, **more):
    base = {
        "data": data, "model": model, "n": 60, "noise": 0.3, "noise_kind": "exclusive", "epochs": 30, "batch": 20,
        "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "variance": 120.0, "slow": 0.05,
    }  # fmt: skip
    return [{**base, "seed": seed, **more} for seed in (0, 1)]


@pytest.fixture(scope="module")
def line():
    noisy = STUDY.work(cells("unused", "linear"), lambda _: None)
    clean = STUDY.work(cells("unused", "linear", noise=0.0), lambda _: None)
    return noisy, clean


def test_linear_cells_hold_the_parts_and_the_theory_of_the_risk(line):
    noisy, clean = line
    for outcome in (*noisy, *clean):
        values = {name: np.array(value) for name, value in outcome.values.items()}
        assert len(json.dumps(dict(outcome.values), allow_nan=False)) < 10_000
        assert values["fast_risk"] + values["slow_risk"] == pytest.approx(values["risk"], rel=1e-5)
        assert values["step"][0] == 1
        assert values["step"][-1] == 1_000_000
        # Both arms learn the same in the end; nothing is left of the signal.
        assert values["risk"][-1] == pytest.approx(values["balanced_risk"][-1], rel=1e-4, abs=1e-15)
    end = noisy[0].values["risk"][-1]
    assert noisy[0].values["noise_variance"] == pytest.approx(36.0)
    assert end == pytest.approx(
        36.0 * FEATURES / (1000 - FEATURES - 1), rel=0.05
    )  # exact on average over designs
    assert clean[0].values["risk"][-1] < 1e-12
    assert noisy[0].values["risk"] != noisy[1].values["risk"]


def test_clean_linear_risk_falls_all_the_time(line):
    for outcome in line[1]:
        assert (np.diff(outcome.values["balanced_risk"]) <= 0).all()
        assert max(np.diff(outcome.values["risk"])) < 1e-3


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 12)) * 2
    y, y_test = rng.integers(0, 3, 60), rng.integers(0, 3, 300)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 12)) for labels in (y, y_test))
    return str(
        save(from_arrays(x, y, x_test, y_test, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


@pytest.fixture(scope="module")
def outcomes(small):
    told = []
    found = {model: STUDY.work(cells(small, model), told.append) for model in ("mlp-16", "cnn-4")}
    assert told[-1] == 1.0
    return found


@pytest.mark.slow
def test_networks_give_their_course_over_epochs(outcomes):
    for stack in outcomes.values():
        for outcome in stack:
            values = outcome.values
            assert len(json.dumps(dict(values), allow_nan=False)) < 10_000
            assert outcome.status == "ok"
            assert values["epoch"][0] == pytest.approx(1 / 3, rel=1e-5)  # 3 batches an epoch
            assert values["epoch"][-1] == 30
            for name in ("test_error", "test_loss", "train_error", "train_loss"):
                assert len(values[name]) == len(values["epoch"]) == 60
                assert values[f"final_{name}"] == values[name][-1]
            best = int(np.argmin(values["test_loss"]))
            assert values["best_test_loss"] == values["test_loss"][best]
            assert values["best_test_loss_epoch"] == values["epoch"][best]
            assert values["wrong_labels"] == 0.3  # exclusive: every replaced label is wrong
    assert outcomes["mlp-16"][0].values["parameters"] == 13 * 16 + 17 * 16 + 17 * 3
    assert outcomes["mlp-16"][0].values["final_train_error"] < 0.2
    assert outcomes["mlp-16"][0].values["test_error"] != outcomes["mlp-16"][1].values["test_error"]


@pytest.mark.slow
def test_a_diverged_member_is_a_result_without_final_values(small):
    (bad,) = STUDY.work(cells(small, "mlp-16", learning_rate=1e30)[:1], lambda _: None)
    assert bad.status == "diverged"
    assert "training diverged at step" in bad.note
    assert bad.values["final_test_error"] is bad.values["best_test_loss"] is None
    assert bad.values["test_error"][-1] is None
    json.dumps(dict(bad.values), allow_nan=False)


def test_a_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(UsageError, match="--batch: expected at most the 60 training samples, got 100"):
        STUDY.work(cells("unused", "mlp-16", batch=100), lambda _: None)


@pytest.mark.parametrize("name", ["mlp", "mlp-0", "mlp-06", "rnn-5", "linear-3", "mlp 61"])
def test_an_unknown_model_is_refused_before_anything_runs(name):
    with pytest.raises(UsageError, match="expected 'linear', or a network with its size such as 'mlp-61'"):
        family_and_size(name)
    with pytest.raises(UsageError, match="unknown model"):
        stacks(STUDY, select(STUDY, "quick", {"models": name}).cells())


def test_profiles_name_every_axis_and_stacks_share_all_but_the_seed():
    for profile in PROFILES.values():
        assert set(profile.axes) == {axis.name for axis in STUDY.axes} - {"probes"}
    planned = stacks(STUDY, select(STUDY, "quick").cells())
    assert sorted(len(stack.cells) for stack in planned) == [8] * 4
    assert all(len({cell["noise"] for cell in stack.cells}) == 1 for stack in planned)


def test_estimate_grows_with_what_costs():
    base = cells("mnist1d", "mlp-61", n=4000, epochs=500, batch=100)[0]
    cost = STUDY.estimate(base)
    for more in (
        {"model": "mlp-200"},
        {"epochs": 2000},
        {"batch": 10},
        {"model": "cnn-50"},
        {"data": "cifar10"},
    ):
        assert STUDY.estimate({**base, **more}).seconds > 1.5 * cost.seconds
    assert STUDY.estimate({**base, "model": "linear"}).seconds < 1
    assert STUDY.estimate({**base, "model": "cnn-50"}).bytes > cost.bytes


def test_depths_are_the_prominences_of_a_brute_force():
    def brute(y):
        found = []
        for i in range(1, len(y) - 1):
            if y[i - 1] > y[i] < y[i + 1]:
                sides = []
                for side in (y[:i][::-1], y[i + 1 :]):
                    until = next((k for k, v in enumerate(side) if v < y[i]), len(side))
                    sides.append(max(side[:until]))
                found.append(100 * (min(sides) / y[i] - 1))
        return sorted(found, reverse=True)

    rng = np.random.default_rng(0)
    for _ in range(50):
        y = np.exp(rng.standard_normal(25))
        assert depths(y) == pytest.approx(brute(y))


def test_a_minimum_counts_by_the_lower_of_its_two_sides():
    assert depths(np.array([9.0, 2.0, 4.0, 1.0, 3.0])) == pytest.approx([200.0, 100.0])
    assert depths(np.array([3.0, 2.0, 1.0])) == []


def test_the_remark_says_what_stopping_early_would_have_given():
    claim = next(claim for claim in STUDY.claims if claim.name == "mlp-error-descent")
    told = claim.judge(claim.effect(np.random.default_rng(0))).note
    assert re.fullmatch(
        r"mlp-200: first minimum [34]\d\S* at epoch \S+, peak 4\d\S* at epoch \S+, end 4\d\S* at epoch 500\. "
        r"Stopping at the first minimum saves \S+ points\.",
        told,
    )


def test_the_largest_and_the_smallest_network_are_judged_and_one_size_is_not_enough():
    claim = next(claim for claim in STUDY.claims if claim.name == "mlp-critical")
    both = claim.effect(np.random.default_rng(0))
    large = Evidence(tuple(row for row in both.rows if row[0]["model"] == "mlp-200"))
    assert claim.judge(both).status == "supported"
    with pytest.raises(MissingEvidence, match="expected 2 or more sizes of a multi-layer perceptron"):
        claim.judge(large)
    with pytest.raises(MissingEvidence, match="expected 1 or more sizes of a convolutional network"):
        next(claim for claim in STUDY.claims if claim.name == "cnn-error-strong").judge(both)


def test_a_rise_and_a_second_fall_are_both_needed_and_nothing_contradicts_that_they_exist():
    claim = next(claim for claim in STUDY.claims if claim.name == "mlp-error-descent")
    world = claim.effect
    for curve, status in (
        (course(40, 46, 43), "supported"),
        (course(40, 36, 33), "inconclusive"),
        (course(40, 46, 52), "inconclusive"),
    ):
        assert claim.judge(world.but(**curve)(np.random.default_rng(1))).status == status
    assert not claim.can_contradict


def test_every_profile_judges_only_what_it_computes():
    for name, profile in PROFILES.items():
        models = profile.axes["model"]
        for claim in STUDY.claims:
            if name in claim.profiles:
                family = claim.name.split("-")[0] if claim.name[:3] in ("mlp", "cnn") else "linear"
                sizes = [model for model in models if model.startswith(family)]
                assert len(sizes) > claim.name.endswith("critical"), (name, claim.name)
