"""The study of deep networks' convergence: a tiny cell, its planted truth, certificates, and what is refused."""

import json

import numpy as np
import pytest

from overparam.core import DataError, Evidence, UsageError, clean
from overparam.studies.deep_convergence import BASE, DEEP, MANY, PAIRS, STUDY
from overparam.studies.deep_convergence_work import (
    by_descent,
    by_sgd,
    certified,
    contradicted,
    defect,
    networks,
    one_of_four,
    pairs,
    straightness,
)
from overparam.sweep.judge import judge
from overparam.training.relu_chain import Chain, descend, draw

LABELS = np.array([1.0, -1.0, 1.0, 1.0])
TINY = {
    "images": 20, "steps": 20, "batch": 10, "layers": 2, "wide_units": 4, "wide_channels": 1, "n": 4, "d": 4, "width": (8, 16),
    "depth": (1, 2), "samples": (4, 6), "gap": (0.8, 0.4), "pair_n": 4,
}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


def test_a_move_of_a_linear_chain_adds_what_its_jacobian_says():
    # one unit that stays on: f = w x, the loss is quadratic and its largest curvature that of the kernel
    chain = Chain((np.array([[1.0]]),), np.array([[1.0, 2.0]]), np.array([1.0]))
    y = np.array([3.0, 6.0])
    run = descend(chain, y, 0.5, 1e-6)
    assert defect(run, y, 0) == pytest.approx(1.0)
    assert straightness(run) == pytest.approx(1.0)  # the residual halves at every step


def test_equal_inputs_with_both_labels_leave_half_of_a_label_each():
    x, y = contradicted(np.eye(4), LABELS, 1)
    assert (x[-1] == x[0]).all()
    assert y[-1] == -LABELS[0]
    run = descend(draw(x, 64, 1, 0), y, 0.5, 1e-9, most=400)
    assert run.losses[-1] == pytest.approx(1.0, abs=1e-3)  # two residuals of 1, whatever the width
    assert run.ratios[-1] < 1e-3 * run.ratios[0]
    assert contradicted(x, y, 0)[0] is x


def test_pairs_lie_as_far_apart_as_asked():
    x = pairs(6, 5, 0.3, 0)
    assert np.linalg.norm(x, axis=1) == pytest.approx(1.0)
    assert np.linalg.norm(x[:3] - x[3:], axis=1) == pytest.approx(0.3)


def test_one_loss_of_three_is_taken_as_the_targets_say():
    outputs = np.array([[50.0, 0.0], [0.0, 50.0], [0.0, 0.0]], np.float32)
    label = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    want = {0: [0.0, 50.0, np.log(2)], 1: [1200.5, 1250.5, 0.5], 2: [0.0, 1.0, 0.25]}
    for which, losses in want.items():
        targets = np.column_stack([label, np.full(3, which, np.float32)])
        assert np.asarray(one_of_four(outputs, targets)) == pytest.approx(losses, abs=1e-4)


def test_certificates_fire_on_the_way_and_never_where_nothing_fits():
    x = np.eye(4)
    y = np.array([1.0, -1.0, 1.0, 1.0])
    found = certified(x, y, (1, 2), 0)
    assert found["fired"] == [1, 1]
    assert max(found["fired_residual"]) < 0.1
    x[1] = x[0]
    assert certified(x, y, (1, 2), 0)["fired"] == [0, 0]


@pytest.mark.slow
def test_a_tiny_cell_holds_what_is_declared_and_its_promises():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    assert told == sorted(told)
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert max(found.values["outside"]) <= 1e-9
    assert found.values["sgd_runs"] == 9
    assert len(found.values["sgd_wrong"]) == 9


def test_equal_inputs_with_both_labels_are_named_and_nothing_is_judged():
    found = by_descent(cell(repeated=1), lambda _: None)
    assert found == {"separation": 0.0, "depth": [1, 2], "width": [8, 16]}
    verdicts = judge(STUDY, Evidence([(cell(repeated=1), found)]), profile="laptop", data="digits")
    told = [one for one in verdicts if one.claim.endswith("accuracy")]
    assert told[0].status == "not_applicable"
    assert "two equal inputs have different labels" in str(told[0].to_dict())


@pytest.mark.parametrize("world", [BASE, DEEP, MANY, PAIRS])
def test_a_world_in_which_all_is_true_is_answered_with_its_controls(world):
    found = judge(STUDY, Evidence(world(np.random.default_rng(0)).rows), profile="laptop", data="planted")
    whole = [one for one in STUDY.claims if one.effect is world]
    assert whole
    for one in whole:
        (verdict,) = [v for v in found if v.claim.split(".")[-1] == one.name]
        assert verdict.status == "supported", (one.name, verdict.reason)
        assert not verdict.control or verdict.control["ok"], one.name


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"depth": (4, 2)}, "--depths: expected values that ascend"),
        ({"gap": (0.1, 0.2)}, "--gap: expected values that descend"),
        ({"pair_n": 5}, "--pair-n: expected an even number"),
        ({"images": 10, "batch": 20}, "--batch: expected at most the 10 images"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))


def test_images_that_are_none_and_kernels_larger_than_the_image_are_refused():
    with pytest.raises(DataError, match="expected images, for convolutions"):
        networks((40,), 10, 3, 4, 2)
    with pytest.raises(UsageError, match="expected a kernel"):
        networks((8, 8), 10, 6, 4, 2)
    with pytest.raises(UsageError, match="expected a batch of at most the images"):
        by_sgd([cell(images=2000)], lambda _: None)
