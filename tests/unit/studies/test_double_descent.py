"""The study double-descent: the published curve, its preconditions, its estimate, and a tiny real run of its work.

That its rules are right on planted curves is tested with those of every study.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.core.sweeps import WidthSweep, planted, width_claims
from overparam.core.worlds import together
from overparam.studies.double_descent import STUDY, SWEEP
from overparam.sweep.cost import dense
from overparam.sweep.judge import judge

BOTH = together(planted(SWEEP, 0.0)(), planted(SWEEP, 0.15)())


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="laptop", data="mnist1d")}


def published(change=None, rows=None):
    """The curve of Greydanus and Kobak with eight seeds, some cells changed or left out."""
    found = BOTH(np.random.default_rng(0)).rows
    kept = [(p, v) for p, v in found if rows is None or rows(p)]
    return Evidence(tuple((p, {**v, **((change or (lambda p: {}))(p))}) for p, v in kept))


def test_the_published_curve_has_a_peak_and_its_loss_is_not_below_the_minimum():
    found = verdicts(published())
    assert {name: v.status for name, v in found.items()} == {
        "error-peak": "supported", "clean": "supported", "error-strong": "supported", "loss-peak": "supported",
        "loss-strong": "contradicted",
    }  # fmt: skip
    assert all(v.control["ok"] for v in found.values())


@pytest.mark.parametrize(
    ("change", "rows", "claim", "text"),
    [
        (None, lambda p: p["width"] > 36, "error-peak", "Add smaller values to --width"),
        (None, lambda p: p["width"] < 36, "error-peak", "Add larger values to --width"),
        (None, lambda p: p["width"] < 61, "error-peak", "no width reaches a mean training error of 1"),
        (None, lambda p: p["width"] < 104, "error-peak", "the curve ends there"),
        (None, lambda p: p["width"] < 300, "loss-strong", "the right end has 2.35 times the parameters"),
        (lambda p: {"train_error": 0.02} if p["noise"] == 0 else {}, None, "clean", "of 1 (lowest: 2)"),
        (lambda p: {"test_loss": None} if p["seed"] in (1, 4) else {}, None, "error-peak", "missing: seed 1, 4"),
        (lambda p: {"wrong_labels": 0.2} if p["width"] == 47 else {}, None, "error-peak", "train on different labels"),
        (lambda p: {"train_error": 0.15} if p["width"] == 47 else {}, None, "loss-peak", "15.0 % at it"),
    ],
)  # fmt: skip
def test_an_unmet_precondition_is_not_applicable_and_says_why(change, rows, claim, text):
    found = verdicts(published(change, rows))[claim]
    assert found.status == "not_applicable"
    assert text in found.reason


def test_one_diverged_seed_is_named_and_the_rest_is_judged():
    found = verdicts(published(lambda p: {"test_error": None} if (p["seed"], p["width"]) == (2, 9) else {}))
    detail = next(p["detail"] for p in found["error-peak"].preconditions if p["name"] == "complete")
    assert "15% label noise: 7 of 8 seeds are complete; diverged or missing: seed 2" in detail
    assert found["error-peak"].n == 7


def test_a_control_notices_the_effect_where_it_must_not_be():
    rng, peak = np.random.default_rng(3), (49, 47.2, 47.2, 50, 53, 50, 48, 45.5)
    claims = {claim.name: claim for claim in STUDY.claims}
    twin = [
        claims["error-peak"].judge_control(_as_clean(planted(SWEEP, 0.15)(*peak)(rng))).status
        for _ in range(10)
    ]
    assert twin.count("supported") >= 9
    falling = planted(SWEEP, 0.15)(60, 57, 54, 51, 48, 46, 44, 42, loss=(3, 2.8, 2.4, 2, 1.8, 1.4, 1.2, 1.1))
    for name in ("error-strong", "loss-strong"):
        assert claims[name].judge_control(falling(rng)).status == "supported"
        (outside,) = {
            part.outside for part in claims[name].judge_control(planted(SWEEP, 0.15)()(rng)).parts[1:2]
        }
        assert outside


def _as_clean(evidence):
    return Evidence(tuple(({**params, "noise": 0.0}, values) for params, values in evidence.rows))


def test_a_curve_that_only_falls_contradicts_what_is_reported_of_it_but_no_one_of_a_family_of_your_own():
    falls = planted(SWEEP, 0.15)(53, 50, 48, 46, 44.5, 43, 41, 39)(np.random.default_rng(0))
    own = next(claim for claim in width_claims(WidthSweep()) if claim.name == "error-peak")
    theirs = next(claim for claim in STUDY.claims if claim.name == "error-peak")
    assert theirs.judge(falls).status == "contradicted"
    assert replace(own, x="width").judge(falls).status == "inconclusive"
    assert own.outside


def test_without_registered_places_they_follow_from_the_training_error():
    own = next(claim for claim in width_claims(WidthSweep()) if claim.name == "error-peak")
    found = replace(own, x="width").judge(published().where(noise=0.15))
    assert found.status == "supported"
    assert "widest width that underfits" in own.text
    assert "just able to fit" in own.text


def test_profiles_judge_what_they_can_and_share_planned_seeds():
    assert [c.name for c in STUDY.claims if c.profiles and "quick" not in c.profiles] == ["error-strong"]
    assert all(profile.axes["seed"][0] == 100 for profile in STUDY.profiles.values())


def test_a_regression_speaks_of_targets_and_reads_the_loss():
    sweep = WidthSweep("squared", labels=False)
    claims = {claim.name: replace(claim, x="width") for claim in width_claims(sweep)}
    assert list(claims) == ["loss-peak", "loss-strong"]
    for claim in claims.values():
        told = " ".join([claim.sentence, claim.text, *(need.sentence for need in claim.preconditions)])
        assert "target noise" in told
        assert "label" not in claim.sentence
        assert "error" not in claim.text
    peak = (1, 0.9, 1, 1.2, 1.8, 1.5, 1.2, 0.9)
    best = planted(sweep, 0.15)(loss=peak).but(best_test_loss=peak)
    assert claims["loss-peak"].judge_control(best(np.random.default_rng(0))).status == "supported"


@pytest.mark.parametrize(("width", "count"), [(9, 559), (16, 1098), (47, 4663), (104, 16_234), (300, 105_610)])
def test_parameter_count_is_the_published_one(width, count):
    assert dense(40, width, width, 10).parameters == count


def test_estimate_grows_with_what_costs():
    base = {"data": "mnist1d", "n": 4000, "width": 47, "steps": 20_000, "batch": 100}
    cost = STUDY.estimate(base)
    assert 0.3 < cost.seconds < 3
    for more in ({"width": 300}, {"steps": 80_000}, {"batch": 1000}, {"data": "cifar10"}):
        assert STUDY.estimate({**base, **more}).seconds > 1.4 * cost.seconds
    assert STUDY.estimate({**base, "n": 50_000, "width": 300}).bytes > cost.bytes


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 6)) * 2
    y, y_test = rng.integers(0, 3, 60), rng.integers(0, 3, 300)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 6)) for labels in (y, y_test))
    path = tmp_path_factory.mktemp("d") / "blobs.npz"
    return str(save(from_arrays(x, y, x_test, y_test, name="blobs"), path))


def cells(data, width, **more):
    base = {
        "data": data, "n": 60, "width": width, "noise_kind": "inclusive", "steps": 60, "batch": 20,
        "learning_rate": 0.1, "momentum": 0.9,
    }  # fmt: skip
    return [{**base, "noise": noise, "seed": seed, **more} for noise in (0.0, 0.3) for seed in (0, 1)]


@pytest.fixture(scope="module")
def outcomes(small):
    told = []
    found = {width: STUDY.work(cells(small, width), told.append) for width in (4, 24)}
    assert told[-1] == 1.0
    return found


@pytest.mark.slow
def test_lines_end_at_the_final_values_hold_the_best_and_are_short_finite_json(outcomes):
    for values in (outcome.values for outcome in outcomes[24]):
        assert set(values) == set(STUDY.values)
        assert len(json.dumps(dict(values), allow_nan=False)) < 9000
        for name in ("train_error", "test_error", "train_loss", "test_loss"):
            assert values[f"{name}_by_step"][-1] == values[name]
        assert values["best_test_loss"] == min(values["test_loss_by_step"])
        assert (values["step"][0], values["step"][-1], values["parameters"]) == (
            0,
            60,
            dense(6, 24, 24, 3).parameters,
        )


@pytest.mark.slow
def test_arms_of_a_seed_start_alike_and_noise_is_the_same_at_every_width(outcomes):
    for stack in outcomes.values():
        first, second, noisy, _ = (o.values for o in stack)
        assert first["test_loss_by_step"][0] == pytest.approx(noisy["test_loss_by_step"][0], rel=1e-5)
        assert first["test_loss_by_step"][0] != second["test_loss_by_step"][0]
        assert first["wrong_labels"] == second["wrong_labels"] == 0
        assert 0.1 < noisy["wrong_labels"] < 0.3
    for name in ("wrong_labels", "labels_digest"):
        assert [o.values[name] for o in outcomes[4]] == [o.values[name] for o in outcomes[24]]
    assert outcomes[24][0].values["train_error"] < outcomes[24][2].values["train_error"]


@pytest.mark.slow
def test_a_diverged_member_is_a_result_without_final_values(small):
    (bad,) = STUDY.work(cells(small, 4, learning_rate=1e30)[:1], lambda _: None)
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
