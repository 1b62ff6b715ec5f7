"""The study on wrong labels: where a run is stopped, what a probe counts, clusters beside their kernel, bad input."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from overparam.core import Evidence, clean
from overparam.core.errors import DataError, UsageError
from overparam.data import clusters
from overparam.models import holding, linear
from overparam.studies.label_noise import STUDY
from overparam.studies.label_noise_work import (
    CLUSTERS,
    IMAGES,
    SCALE,
    beside_kernel,
    first,
    least,
    measured,
    stops,
    when,
)
from overparam.theory.li2020 import early_stopping
from overparam.training.losses import LOSSES

SMALL = {"data": "digits", "n": 60, "validation": 20, "width": 8, "depth": 1, "steps": 40, "batch": 20,
         "cluster_steps": 100, "noise": 0.2}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def work(*cells):
    told = []
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    return found


@pytest.mark.slow
def test_a_probe_counts_the_clean_and_the_wrong_part_held_out_rows_and_the_way_from_the_start():
    network = holding(
        linear(2, 3, bias=False),
        wrong=np.zeros(4, np.float32),
        clean=np.zeros(4, np.int32),
        held=np.zeros(2, np.int32),
    )
    start = {"output": {"weight": np.zeros((3, 2), np.float32)}}
    here = {"output": {"weight": np.array([[9.0, 0.0], [0.0, 9.0], [0.0, 0.0]], np.float32)}}
    held = {
        "wrong": np.array([0, 0, 1, 1], np.float32),
        "clean": np.array([0, 1, 0, 1]),
        "held": np.array([1, 1]),
    }
    x = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)  # the network says 0, 1, 0, 1
    y = np.array([0, 2, 1, 1])  # only the first and the last are predicted
    x_test, y_test = np.concatenate([x[:3], x[:2]]), np.array([0, 0, 0, 7, 7])
    found = measured(3)(
        network, LOSSES["cross_entropy"], {**here, **held}, {**start, **held}, x, y, x_test, y_test
    )
    told = {name: float(value) for name, value in found.items()}
    assert told["train_error"] == 0.5
    assert told["clean_fit"] == told["wrong_fit"] == 0.5
    assert told["corrected"] == 1.0
    assert told["test_error"] == pytest.approx(1 / 3)
    assert (
        told["validation_error"] == 0.5
    )  # held-out rows are those behind the test rows: 0 and 1, told 1 and 1
    assert told["wrong_loss"] == pytest.approx((9 + 2 * np.log(1 + 2 * np.exp(-9.0))) / 2, rel=1e-5)
    assert not np.isfinite(told["distance"])  # relative to a start of norm 0
    moved = measured(3)(
        network, LOSSES["cross_entropy"], {**here, **held}, {**here, **held}, x, y, x_test, y_test
    )
    assert float(moved["distance"]) == 0.0


def course():
    """A run in which the clean part is fitted at step 10, the wrong labels at step 1,000, and the best stop is at 10."""
    steps = np.array([0, 1, 10, 100, 1000, 2000])
    lines = {
        "test_error": [0.9, 0.5, 0.1, 0.2, 0.3, 0.3], "validation_error": [0.9, 0.7, 0.5, 0.45, 0.6, 0.6],
        "clean_fit": [0.1, 0.5, 0.9, 0.97, 1.0, 1.0], "wrong_fit": [0.1, 0.05, 0.1, 0.4, 0.95, 1.0],
        "distance": [0.0, 0.1, 0.2, 0.5, 1.0, 1.1], "wrong_loss": [2.0, 3.0, 4.0, 2.0, 0.1, 0.01],
    }  # fmt: skip
    return steps, {name: np.array(line) for name, line in lines.items()}


def test_where_a_run_could_have_been_stopped_and_when_each_part_was_fitted():
    steps, lines = course()
    found = stops(steps, lines)
    assert (found["best_step"], found["stopped_step"]) == (10, 100)
    assert (found["best_test_error"], found["stopped_test_error"], found["final_test_error"]) == (0.1, 0.2, 0.3)
    assert found["clean_step"] == pytest.approx(10, rel=1e-5)  # shares count as reached a millionth before
    assert (found["memorized_step"], found["memorized"]) == (pytest.approx(1000, rel=1e-5), 1)
    assert (found["wrong_fit_then"], found["test_error_then"]) == (0.1, 0.1)
    assert (found["distance_then"], found["distance_memorized"]) == (0.2, 1.0)
    assert (found["wrong_loss"], found["wrong_loss_at_best"]) == (0.01, 4.0)


def test_labels_that_are_not_fitted_in_time_stand_at_the_end_and_are_marked():
    steps, lines = course()
    found = stops(steps, {**lines, "wrong_fit": lines["wrong_fit"] / 2})
    assert (found["memorized_step"], found["memorized"], found["distance_memorized"]) == (2000, 0, 1.1)
    never = stops(steps, {**lines, "clean_fit": lines["clean_fit"] / 2})
    assert never["clean_step"] is never["wrong_fit_then"] is never["distance_then"] is None
    nothing = stops(steps, {**lines, "wrong_fit": np.full(6, np.nan)})
    assert nothing["memorized_step"] is nothing["memorized"] is nothing["distance_memorized"] is None
    assert first([0.1, 0.2], 0.5) == (1, False)
    assert when([1, 5], [0.1, 0.2], 0.5) == 5
    assert when([1, 5], [0.1, 0.9], 0.5) == pytest.approx(3, rel=1e-5)
    assert when([0, 5], [0.9, 0.9], 0.5) == 1


def test_the_least_of_a_line_lies_between_probe_times():
    t = np.array([0, 1, 2, 4, 8, 16])
    for centre in (1.6, 2.0, 2.4):  # a parabola in the logarithm of the step, centre in powers of two
        line = (np.log2(np.maximum(t, 0.5)) - centre) ** 2
        assert least(t, line) == pytest.approx(2**centre)
    assert least(t, -t.astype(float)) == 16
    assert least(t, t.astype(float)) == 1.0


def test_a_network_that_follows_its_kernel_exactly_agrees_with_the_prediction():
    drawn = clusters(30, 8, 3, radius=0.1, n_test=1, seed=1000)
    x = drawn.data.x.astype(float)
    kernel = x @ x.T + 0.01 * np.eye(30)
    rate = 1 / float(np.linalg.eigvalsh(kernel)[-1])
    true = np.where(drawn.data.y > 0, 1.0, -1.0)
    y = np.where(np.arange(30) < 5, -true, true)
    steps = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 100_000])
    share = np.linalg.matrix_power
    outputs = np.array(
        [y - share(np.eye(30) - rate * kernel, int(t)) @ y for t in steps]
    )  # descent, written out
    distance = early_stopping(kernel, y, true, steps, rate=rate).distance
    run = SimpleNamespace(steps=steps, values={"outputs": outputs / SCALE + 0.3, "distance": distance / SCALE})
    found = beside_kernel(run, drawn, kernel, rate, y, true, np.full(30, 0.3), seed=0)
    assert found["stop"] == pytest.approx(found["predicted_stop"])
    assert found["loss_gap"] < 1e-9
    assert found["shuffled_loss_gap"] > 0.02  # the control can fail: other labels are learnt at another pace
    assert found["wrong_output"] < 0  # on the side of the clean labels
    assert found["memorized_step"] > 10 * found["clean_step"]
    assert found["distance_memorized"] > 3 * found["distance_best"]
    assert found["predicted_distance"] == pytest.approx(found["distance_memorized"])
    assert found["saved"] > 0.3
    assert found["wrong"] == pytest.approx(1 / 6)


@pytest.mark.parametrize("inputs", ["images", pytest.param("gaussian", marks=pytest.mark.slow)])
def test_a_cell_on_images_has_its_lines_and_numbers(inputs):
    (found,) = work(cell(inputs=inputs, seed=1000))
    assert set(found.values) == {*IMAGES, "classes", "wrong_labels", "labels_digest"}
    assert set(found.values) <= set(STUDY.values)
    assert found.values["step"][-1] == 40
    assert found.values["wrong_labels"] == pytest.approx(0.2)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000


@pytest.mark.slow
def test_a_cell_on_clusters_has_its_lines_over_the_radius():
    (found,) = work(cell(inputs="clusters", seed=1000, radius=(3.0, 0.3)))
    assert set(found.values) == {*CLUSTERS, "step", "wrong_labels", "classes"}
    assert set(found.values) <= set(STUDY.values)
    assert found.values["radius"] == [0.3, 3.0]
    gaps = zip(found.values["separation"], found.values["diameter"], strict=True)
    assert [a > b for a, b in gaps] == [True, False]
    assert max(found.values["loss_gap"]) < 0.05
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"noise": 1.0},
            "--noise: expected a share that leaves each of the 10 classes a label of its own, got 1 of 60",
        ),
        ({"n": 8, "batch": 8}, "--n: expected at least one sample for each of the 10 classes of digits, got 8"),
        (
            {"n": 1190},
            r"--n: expected at most the 1,200 training samples of digits, 20 that are set aside among them, got 1,190",
        ),
        ({"batch": 61}, "--batch: expected at most the 60 training samples, got 61"),
        ({"inputs": "clusters", "noise": 1.0}, "--noise: expected a share that leaves each of the 2 classes"),
    ],
)
def test_what_cannot_be_learnt_is_refused_before_any_seed(change, told):
    with pytest.raises((UsageError, DataError), match=told):
        STUDY.estimate(cell(**{"inputs": "images", "seed": 0, **change}))


def test_a_class_that_vanishes_in_one_draw_is_refused_before_training(monkeypatch):
    monkeypatch.setattr("overparam.studies.label_noise_work.train", None)
    with pytest.raises(DataError, match="with noise 0.8 in seed 0 that are still their own: expected"):
        work(cell(inputs="images", seed=0, noise=0.8))


@pytest.mark.parametrize(
    ("noise", "kind", "classes", "ok"),
    [(0.4, "exclusive", 2, True), (0.5, "exclusive", 2, False), (0.6, "exclusive", 2, False), (0.6, "inclusive", 2, True),
     (0.8, "exclusive", 10, True), (0.9, "exclusive", 10, False), (1.0, "inclusive", 10, False)],
)  # fmt: skip
def test_noise_after_which_no_class_is_likelier_makes_claims_not_applicable(noise, kind, classes, ok):
    (claim,) = (one for one in STUDY.claims if one.name == "stopping")
    (need,) = (one for one in claim.preconditions if one.name == "likeliest label")
    rows = claim.effect.but(classes=classes)(np.random.default_rng(0)).rows
    cells = tuple(({**params, "noise": noise, "noise_kind": kind}, values) for params, values in rows)
    assert need.check(Evidence(cells)).ok == ok


def test_clusters_that_touch_make_their_claims_not_applicable():
    claims = {claim.name: claim for claim in STUDY.claims}
    for name in ("clusters-first", "clusters-farther"):
        (apart,) = (one for one in claims[name].preconditions if one.name == "apart")
        world = claims[name].effect
        assert apart.check(world(np.random.default_rng(0))).ok
        found = apart.check(world.but(separation=[0.4] * 3)(np.random.default_rng(0)))
        assert not found.ok
        assert "centres 0.4 apart, clusters 0.58 wide" in found.detail


@pytest.mark.parametrize("claim", [pytest.param(c, id=c.name) for c in STUDY.claims if c.control])
def test_a_control_fails_where_the_statement_holds(claim):
    planted = claim.effect(np.random.default_rng(0))
    found, control = claim.judge(planted), claim.judge_control(planted)
    assert found.status == "supported"
    assert control.status != "supported"


def test_the_cost_of_the_original_configuration_is_told(monkeypatch):
    monkeypatch.delenv(
        "OVERPARAM_DATA", raising=False
    )  # a folder may hold a part of MNIST, whose size is then read

    def seconds(name, inputs):
        axes = {k: v if k == "radius" else v[0] for k, v in STUDY.profiles[name].axes.items()}
        return STUDY.estimate(
            cell() | {a.name: a.default for a in STUDY.axes} | axes | {"inputs": inputs}
        ).seconds

    assert seconds("paper", "images") > 50 * seconds("laptop", "images")
    assert seconds("laptop", "clusters") > 0
