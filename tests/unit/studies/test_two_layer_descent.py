"""The study two-layer-descent: its chain of trainings against other ways to compute them."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data import flatten, label_noise, load
from overparam.models import parameters, two_layer
from overparam.models.two_layer import widen
from overparam.probes import standard
from overparam.studies.two_layer_descent import METRICS, PROFILES, STUDY, WIDTHS, estimate, recipe, size, work
from overparam.sweep.plan import stacks
from overparam.sweep.select import select
from overparam.training import Checkpoint, Member, train

CHAIN = (4, 17, 18)  # 60 samples of 3 classes: 173 and 183 parameters on both sides of 180


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 6))
    y, y_test = rng.integers(0, 3, 60), rng.integers(0, 3, 200)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 6)) for labels in (y, y_test))
    return str(
        save(from_arrays(x, y, x_test, y_test, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


def cell(data, **more):
    return {
        "data": data, "n": 60, "width": CHAIN, "noise": 0.0, "reuse": "all", "steps": 40, "batch": 20,
        "learning_rate": 0.1, "momentum": 0.9, "schedule": "constant", "spread": 0.1, "seed": 0, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def cells(blobs):
    return [cell(blobs, noise=noise, seed=seed) for noise in (0.0, 0.3) for seed in (0, 1)]


@pytest.fixture(scope="module")
def outcomes(cells):
    told = []
    found = work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return found


def by_hand(cells, width, data, start=None):
    """Train one width of all cells directly."""
    network = two_layer(data.features, width, data.classes, init="glorot")
    members = [
        Member(c["seed"], label_noise(data.y, c["noise"], data.classes, seed=c["seed"])[0]) for c in cells
    ]
    return train(
        network, recipe(cells[0], width, data), members, data.x, data.x_test, data.y_test, probes=standard(),
        keep_params=True, start=start,
    )  # fmt: skip


def agree(values, prefix, index, run, classes=3):
    for name in ("train_loss", "test_loss", "train_error", "test_error", "norm"):
        scale = 2 / classes if name.endswith("loss") else 1
        assert values[prefix + name][index] == pytest.approx(
            scale * run.values[name][-1], rel=2e-4, abs=1e-6
        ), name


@pytest.mark.slow
def test_no_reuse_is_independent_training_of_every_width(cells, outcomes, blobs):
    data = flatten(load(blobs))
    for index, width in enumerate(CHAIN):
        for outcome, run in zip(outcomes, by_hand(cells, width, data), strict=True):
            agree(outcome.values, "", index, run)


@pytest.mark.slow
def test_reuse_goes_on_from_the_width_before(cells, outcomes, blobs):
    data = flatten(load(blobs))
    runs = by_hand(cells, CHAIN[0], data)
    for index, width in enumerate(CHAIN[1:], start=1):
        start = [Checkpoint(widen(r.params, width, 0.1, c["seed"])) for r, c in zip(runs, cells, strict=True)]
        runs = by_hand(cells, width, data, start)
        for outcome, run in zip(outcomes, runs, strict=True):
            agree(outcome.values, "continuous_", index, run)
            assert outcome.values["continuous_train_loss"][index] != outcome.values["train_loss"][index]


@pytest.mark.slow
def test_the_arm_below_is_the_chain_below_the_threshold_and_random_weights_from_there(outcomes):
    for outcome in outcomes:
        values = outcome.values
        assert [ratio < 1 for ratio in values["ratio"]] == [True, True, False]
        for name in METRICS:
            assert values[f"below_{name}"] == [*values[f"continuous_{name}"][:2], values[name][2]]
            assert values[f"continuous_{name}"][0] == values[name][0]


@pytest.mark.slow
def test_a_run_in_numpy_with_the_published_loss_agrees(blobs):
    """Heavy-ball descent on the mean of squares over samples and outputs, derived by hand."""
    (outcome,) = work([cell(blobs, width=(7,), steps=6, batch=60, reuse="none", seed=2)], lambda _: None)
    data = flatten(load(blobs))
    network = two_layer(6, 7, 3, init="glorot")
    tree = jax.device_get(network.init(jax.random.key(2)))
    w, b, a, c = (
        np.float64(tree[layer][kind]) for layer in ("hidden1", "output") for kind in ("weight", "bias")
    )
    speed = [0.0] * 4
    targets = np.eye(3)[data.y]
    for _ in range(6):
        before = data.x @ w.T + b
        hidden = np.maximum(before, 0)
        slope = 2 * (hidden @ a.T + c - targets) / targets.size
        back = (slope @ a) * (before > 0)
        gradients = (back.T @ data.x, back.sum(0), slope.T @ hidden, slope.sum(0))
        speed = [0.9 * v + g for v, g in zip(speed, gradients, strict=True)]
        w, b, a, c = (p - 0.1 * v for p, v in zip((w, b, a, c), speed, strict=True))
    outputs = np.maximum(data.x_test @ w.T + b, 0) @ a.T + c
    assert outcome.values["test_loss"][0] == pytest.approx(
        np.mean((outputs - np.eye(3)[data.y_test]) ** 2), rel=1e-4
    )
    assert outcome.values["test_error"][0] == pytest.approx(np.mean(outputs.argmax(1) != data.y_test))


@pytest.mark.slow
def test_without_reuse_only_that_arm_is_computed(cells, outcomes):
    alone = work([{**cells[3], "reuse": "none"}], lambda _: None)[0].values
    assert not [name for name in alone if name.startswith(("below_", "continuous_"))]
    np.testing.assert_allclose(alone["test_loss"], outcomes[3].values["test_loss"], rtol=2e-4)


@pytest.mark.slow
def test_values_are_short_finite_json(outcomes):
    for outcome in outcomes:
        assert outcome.status == "ok"
        text = json.dumps(dict(outcome.values), allow_nan=False)
        assert len(text) * max(len(p.axes["width"]) for p in PROFILES.values()) / len(CHAIN) < 10_000
        assert outcome.values["parameters"] == [parameters(two_layer(6, w, 3)) for w in CHAIN]
        assert outcome.values["ratio"] == pytest.approx(
            [p / 180 for p in outcome.values["parameters"]], rel=1e-5
        )
        ratio = np.array(outcome.values["train_loss"]) * 3
        np.testing.assert_allclose(outcome.values["train_loss_ratio"], ratio, rtol=1e-5)


@pytest.mark.slow
def test_noise_is_one_draw_a_seed(outcomes):
    first, second, noisy, other = (o.values for o in outcomes)
    assert first["wrong_labels"] == second["wrong_labels"] == 0
    assert 0.1 < noisy["wrong_labels"] < 0.3
    assert noisy["train_error"][-1] > first["train_error"][-1]
    assert other["test_loss"] != noisy["test_loss"]


@pytest.mark.slow
def test_a_diverged_width_is_a_result_and_ends_its_chain(blobs):
    (bad,) = work([cell(blobs, width=(4, 17), learning_rate=1e30)], lambda _: None)
    assert bad.status == "diverged"
    assert "no reuse: width 4, 17; reuse below the threshold: width 4, 17" in bad.note
    assert bad.values["test_loss"] == bad.values["continuous_test_loss"] == [None, None]
    json.dumps(dict(bad.values), allow_nan=False)


def test_widths_must_ascend(blobs):
    with pytest.raises(UsageError, match="expected ascending widths, got 8, 4"):
        work([cell(blobs, width=(8, 4))], lambda _: None)


def test_the_published_schedule_holds_below_the_threshold_only(blobs):
    data = flatten(load(blobs))
    below, beyond = (recipe(cell(blobs, schedule="published"), width, data) for width in CHAIN[1:])
    assert (below.schedule, below.period, below.decay, below.stop_error) == ("step", 1500, 0.9, 0.0)
    assert (beyond.schedule, beyond.stop_error) == ("constant", None)
    assert recipe(cell(blobs), 4, data).schedule == "constant"


@pytest.mark.parametrize(("width", "count"), [(1, 85), (53, 3985), (58, 4360)])
def test_parameters_are_75_a_unit_and_10(width, count):
    assert size(64, width, 10) == count == 75 * width + 10
    assert size(784, width, 10) == 795 * width + 10


def test_the_widths_surround_the_threshold():
    ratio = (75 * np.array(WIDTHS) + 10) / 4000
    assert len(WIDTHS) == 20
    assert ((ratio >= 0.75) & (ratio <= 1.35)).sum() == 7
    assert ratio[-1] > 3


def test_profiles_name_every_axis_and_are_planned_within_their_time():
    for name, profile in PROFILES.items():
        assert set(profile.axes) <= {axis.name for axis in STUDY.axes}, name
    laptop = stacks(STUDY, select(STUDY, "laptop").cells())
    assert [len(stack.cells) for stack in laptop] == [8] * 5
    assert 3 * max(stack.seconds for stack in laptop) < 720
    assert sum(s.seconds for s in stacks(STUDY, select(STUDY, "quick").cells())) / 2 < 50
    assert max(stack.bytes for stack in stacks(STUDY, select(STUDY, "paper").cells())) < 2e9


def test_quick_judges_the_reuse_of_weights_and_nothing_that_its_networks_do_not_fit():
    judged = [claim.name for claim in STUDY.claims if not claim.profiles or "quick" in claim.profiles]
    assert judged == ["published", "cliff", "continuous"]
    assert not any(
        need.name == "noise" for claim in STUDY.claims if claim.name in judged for need in claim.needs
    )


def test_only_what_belkin_et_al_report_can_be_contradicted():
    assert [claim.name for claim in STUDY.claims if claim.can_contradict] == ["published"]
    assert all(claim.outside for claim in STUDY.claims if claim.source == "josch14")


def test_estimate_grows_with_what_costs(blobs):
    base = {**cell("digits"), "width": WIDTHS, "n": 400, "steps": 20_000, "batch": 50}
    cost = estimate(base)
    assert 10 < cost.seconds < 40
    for more in ({"steps": 80_000}, {"batch": 400}, {"data": "mnist"}, {"width": (*WIDTHS, 1000)}):
        assert estimate({**base, **more}).seconds > 1.3 * cost.seconds
    assert estimate({**base, "reuse": "none"}).seconds < 0.7 * cost.seconds


def test_a_loss_at_the_interpolation_threshold_leaves_few_labels_missed():
    """A missed label has a squared residual of at least 1/2, so the share missed is at most twice the loss ratio."""
    rng = np.random.default_rng(0)
    for spread in (0.01, 0.1, 0.3, 1.0):
        targets = np.eye(3)[rng.integers(0, 3, 500)]
        outputs = targets + spread * rng.standard_normal(targets.shape)
        ratio = np.square(outputs - targets).sum(1).mean() / np.square(targets).sum(1).mean()
        assert np.mean(outputs.argmax(1) != targets.argmax(1)) <= 2 * ratio
