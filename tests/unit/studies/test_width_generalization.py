"""The study on width and generalization: its slope by a second computation, its cell on a tiny real run."""

import json

import numpy as np
import pytest

from overparam.core import DataError, Evidence, MissingEvidence, UsageError
from overparam.core.view import View
from overparam.data import flatten, load, subset
from overparam.data.stream import stream
from overparam.models import two_layer
from overparam.studies.width_generalization import GIVEN, RANDOM, STUDY, WORLD, gains, slopes, threshold
from overparam.studies.width_generalization_work import shrink, three
from overparam.training import Member, Recipe, train


def test_gains_and_slopes_are_those_of_numpy_from_the_threshold_on():
    evidence = WORLD(np.random.default_rng(0))
    view = View(evidence, GIVEN, "width", frozenset({"test_error"}))
    error, widths = view.line("test_error").y, view.grid("width")
    from_h0 = np.log2(widths[3:])
    by_hand = [np.polyfit(from_h0 * np.log(2), np.log(row[3:]), 1)[0] for row in error]
    np.testing.assert_allclose(slopes(error, widths, view), by_hand, rtol=1e-9)
    np.testing.assert_allclose(gains(error, widths, view), error[:, [3]] / error[:, 7:10])


def test_the_interpolation_threshold_asks_for_every_seed():
    evidence = WORLD(np.random.default_rng(0))
    rows = [
        (p, v | {"train_error": 1 / 800} if (p["width"], p["seed"], p["labels"]) == (16, 3, "given") else v)
        for p, v in evidence.rows
    ]
    assert threshold(View(evidence, RANDOM, "width", frozenset())) == 16
    assert threshold(View(Evidence(tuple(rows)), RANDOM, "width", frozenset())) == 32
    never = WORLD.but(train_error=[0.4] * 10)(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match=r"training error in every seed \(lowest: 40.00%\)"):
        threshold(View(never, GIVEN, "width", frozenset()))


def test_missing_arms_and_widths_are_named():
    claim, evidence = STUDY.claims[0], WORLD(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match="no finished cell at labels = random"):
        claim.judge_control(evidence.where(labels="given"))
    short = Evidence(tuple(row for row in evidence.rows if row[0]["width"] in (8, 16, 32)))
    with pytest.raises(MissingEvidence, match="no width from 16 to 64 times H0 = 16"):
        claim.judge(short)


def cell(**change):
    base = {axis.name: axis.default for axis in STUDY.axes}
    base |= {"data": "digits", "n": 100, "n_validation": 60, "steps": 120, "batch": 20, "learning_rate": 0.1}
    return base | {"width": 24, "labels": "given", "seed": 0} | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    cells = [cell(labels=labels, seed=seed) for labels in ("given", "random") for seed in (0, 1)]
    found = STUDY.work(cells, told.append)
    assert told[-1] == 1.0
    return found


@pytest.mark.slow
def test_outcomes_are_finite_short_and_what_is_declared(outcomes):
    for outcome in outcomes:
        assert outcome.status == "ok"
        assert len(json.dumps(dict(outcome.values), allow_nan=False)) < 4000
        assert set(outcome.values) == set(STUDY.values)
        assert outcome.values["parameters"] == 65 * 24 + 25 * 10
        assert outcome.values["n_test"] == 597


@pytest.mark.slow
def test_true_labels_are_learnt_and_random_ones_only_memorised(outcomes):
    true, random = outcomes[0].values, outcomes[2].values
    assert true["train_error"] < 0.05
    assert true["test_error"] < 0.3
    assert random["test_error"] > 0.75
    assert random["train_error"] < 0.9


@pytest.mark.slow
def test_the_stopped_error_is_the_test_error_at_the_stopped_step(outcomes):
    for outcome in outcomes:
        values = outcome.values
        at = values["step"].index(values["stopped_step"])
        assert values["stopped_test_error"] == values["test_error_by_step"][at]
        assert values["oracle_test_error"] == min(values["test_error_by_step"]) <= values["stopped_test_error"]
        assert values["test_error"] == values["test_error_by_step"][-1]


@pytest.mark.slow
def test_the_best_time_is_chosen_on_validation_samples_that_are_not_trained_on():
    """A second computation: the final network's validation error, by hand, from the same rows."""
    data = flatten(subset(load("digits"), 160))
    order = stream("width-generalization-split", 0).permutation(160)
    network = two_layer(64, 24, 10)
    recipe = Recipe(steps=40, learning_rate=0.1, momentum=0.9, batch=20)
    (run,) = train(
        network, recipe, [Member(0, data.y[order[:100]])], data.x[order[:100]],
        np.concatenate([data.x[order[100:]], data.x_test]), np.concatenate([data.y[order[100:]], data.y_test]),
        probes={"three": three(60)}, keep_params=True,
    )  # fmt: skip
    for side, x, y in (
        ("validation", data.x[order[100:]], data.y[order[100:]]),
        ("test", data.x_test, data.y_test),
    ):
        wrong = np.mean(np.asarray(network.apply(run.params, x)).argmax(axis=1) != y)
        assert run.values[f"{side}_error"][-1] == pytest.approx(wrong, abs=1e-6)


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).random((2, 6, 6))
    blocks = image.reshape(2, 3, 2, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(shrink(image, 3), blocks, rtol=1e-6)
    assert shrink(image, 4).mean() == pytest.approx(image.mean(), rel=1e-6)
    np.testing.assert_allclose(shrink(image, 6), image, rtol=1e-6)
    colours = np.stack([image, 0 * image, 2 * image], axis=-1)
    np.testing.assert_allclose(shrink(colours, 3), blocks, rtol=1e-6)
    ramp = shrink(np.arange(3.0).reshape(1, 1, 3).repeat(3, axis=1), 2)
    np.testing.assert_allclose(ramp[0, 0], [(0 + 0.5) / 1.5, (0.5 + 2) / 1.5], rtol=1e-6)


@pytest.mark.slow
def test_images_are_shrunk_to_the_side_asked_for():
    (outcome,) = STUDY.work([cell(side=4, steps=20)], lambda f: None)
    assert outcome.values["parameters"] == 17 * 24 + 25 * 10


def test_a_side_or_a_size_that_the_images_do_not_have_is_refused():
    with pytest.raises(
        UsageError, match=r"--side: expected 0, or at most the side of the images of Digits 8x8"
    ):
        STUDY.work([cell(side=9)], lambda f: None)
    with pytest.raises(DataError, match="at most 1,200 training rows, got 1,260"):
        STUDY.work([cell(n=1200)], lambda f: None)


def test_a_diverged_member_is_a_result_without_final_values():
    (bad,) = STUDY.work([cell(learning_rate=1e30, steps=40)], lambda f: None)
    assert bad.status == "diverged"
    assert "training diverged at step" in bad.note
    assert bad.values["test_error"] is bad.values["stopped_test_error"] is bad.values["train_error"] is None
    json.dumps(dict(bad.values), allow_nan=False)


def test_estimate_grows_with_what_costs():
    assert STUDY.estimate(cell(width=2048, steps=9000)).seconds > 5 * STUDY.estimate(cell(steps=9000)).seconds
    assert STUDY.estimate(cell(data="mnist")).bytes > STUDY.estimate(cell()).bytes
