"""The study of deep networks' convergence: a tiny cell, its planted truth, certificates, and what is refused."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from overparam.core import DataError, Evidence, UsageError, clean
from overparam.studies.deep_convergence import BASE, DEEP, MANY, PAIRS, STUDY, beside
from overparam.studies.deep_convergence_work import (
    averaged,
    by_descent,
    by_sgd,
    certified,
    contradicted,
    defect,
    drawn,
    networks,
    one_of_four,
    pairs,
    straightness,
)
from overparam.sweep.judge import judge
from overparam.sweep.select import select
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


@jax.jit
def values_and_slopes(outputs, targets):
    values, back = jax.vjp(lambda at: one_of_four(at, targets), outputs)
    return values, back(jax.numpy.ones_like(values))[0]


def losses(which, outputs, label):
    targets = np.column_stack([label, np.full(len(outputs), which)])
    found = values_and_slopes(np.asarray(outputs, np.float32), targets.astype(np.float32))
    return tuple(np.asarray(one, float) for one in found)


def test_one_loss_of_four_is_taken_as_the_targets_say():
    outputs = [[50.0, 0.0], [0.0, 50.0], [0.0, 0.0]]
    label = [[1, 0], [1, 0], [0, 1]]
    wave = [1.5 * np.sin(r) ** 2 for r in (1.0, 49.0, 50.0)]
    want = {
        0: [0.0, 50.0, np.log(2)],
        1: [1200.5, 1250.5, 0.5],
        2: [1200.5 + wave[1], 1250.5 + wave[0] + wave[2], 0.5 + wave[0]],
        3: [0.0, 1.0, 0.25],
    }
    for which, known in want.items():
        assert losses(which, outputs, label)[0] == pytest.approx(known, rel=1e-5, abs=1e-4)


def test_the_wave_is_gradient_dominant_without_being_convex_and_the_bounded_loss_is_not():
    r = np.linspace(-8, 8, 1601)
    outputs = np.column_stack([r, np.ones(1601)])  # the second output is right: its terms are 0
    value, slope = losses(2, outputs, np.tile([0, 1], (1601, 1)))
    slope = slope[:, 0]
    assert (slope**2 >= value / 32 - 1e-6).all()
    curve = np.diff(slope) / np.diff(r)
    assert curve.min() == pytest.approx(-2, abs=0.02)
    assert curve.max() == pytest.approx(4, abs=0.02)  # so it is smooth
    value, slope = losses(3, [[20.0, 0.0]], [[0, 1]])
    assert value == pytest.approx(1.0)
    assert np.abs(slope).max() < 1e-7


def test_draws_are_shared_by_no_two_cells_and_a_mean_needs_all_of_them():
    assert not set(drawn(3)) & set(drawn(4))
    assert len(drawn(3)) == len(drawn(4)) > 1
    assert averaged([1.0, 2.0, 6.0]) == 3.0
    assert averaged([1.0, None]) is None


def test_the_runs_with_a_bounded_loss_are_told_beside_the_claim():
    values = {"asked_width": 40.0, "bounded_fits": 2, "bounded_runs": 3}

    def view(*rows):
        return SimpleNamespace(rows=lambda: [({}, one) for one in rows])

    assert "4 of 6 runs fit" in beside(view(values, values))
    assert "10^40" in beside(view(values))
    assert "bounded" not in beside(view({"asked_width": 40.0}))
    assert beside(view({})) == ""


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
    assert len(found.values["sgd_wrong"]) == len(found.values["narrow_wrong"]) == 9
    assert found.values["bounded_runs"] == len(found.values["bounded_wrong"]) == 3
    assert found.values["wide_fc"][0] == pytest.approx(
        0.9, abs=0.15
    )  # a mean over the losses of shares of wrong labels


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
        ({"pair_n": 5}, "--pair-n: expected an even number"),
        ({"images": 10, "batch": 20}, "--batch: expected at most the 10 images"),
        ({"images": 2000}, "--images: expected at most the 1,200 of digits, got 2,000"),
        ({"layers": 6}, "expected a kernel whose weights all meet the maps"),
        ({"data": "gaussian", "images": 20}, "--data: expected images, for convolutions"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_computed(change, text):
    with pytest.raises((UsageError, DataError), match=text):
        STUDY.estimate(cell(**change))


def test_distances_can_be_given():
    asked = select(STUDY, "quick", {"gap": "0.8,0.4"})
    assert STUDY.estimate(asked.cells()[0]).seconds > 0  # they come in ascending order


def test_own_images_that_no_network_can_fit_are_refused(tmp_path):
    x, y = np.random.RandomState(0).uniform(size=(40, 8, 8)), np.arange(40) % 2
    file = tmp_path / "own.npz"
    np.savez(file, x=x, y=y, x_test=x[:4], y_test=y[:4])
    own = {"data": str(file), "images": 40, "layers": 2}
    STUDY.estimate(cell(**own))
    x[7] = x[2]  # even and odd
    np.savez(file, x=x, y=y, x_test=x[:4], y_test=y[:4])
    with pytest.raises(DataError, match="got 1 of 40 in .* the theorem's separation is 0: leave one of them"):
        STUDY.estimate(cell(**own))
    x[7] = x[3]  # both odd
    np.savez(file, x=x, y=y, x_test=x[:4], y_test=y[:4])
    STUDY.estimate(cell(**own))
    np.savez(file, x=x, y=y + 0.5, x_test=x[:4], y_test=y[:4] + 0.5)
    with pytest.raises(DataError, match="make a regression"):
        STUDY.estimate(cell(**own))


def test_images_that_are_none_and_kernels_larger_than_the_image_are_refused():
    with pytest.raises(DataError, match="expected images, for convolutions"):
        networks((40,), 10, 3, 4, 2)
    with pytest.raises(UsageError, match="expected a kernel"):
        networks((8, 8), 10, 6, 4, 2)
    with pytest.raises(UsageError, match="expected a batch of at most the images"):
        by_sgd([cell(images=2000)], lambda _: None)
