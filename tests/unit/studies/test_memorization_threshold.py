"""The study of memorization thresholds: optimizers against plain loops, ranks and bounds, and a small cell."""

import json

import numpy as np
import pytest

from overparam.core import DataError, UsageError, clean
from overparam.own.instance import draw_instance
from overparam.studies import memorization_threshold_work as work
from overparam.studies.memorization_threshold import STUDY, WORLD
from overparam.studies.memorization_threshold_work import descend, least, opposite, run, strong, task, widths_of
from overparam.sweep.judge import judge

SMALL = {"d": 3, "n": (6, 9), "ratio": (0.5, 1.0, 4.0), "starts": 2, "iterations": 100, "steps": 200}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    found = judge(STUDY, WORLD(np.random.default_rng(0)), profile="laptop", data="planted")
    assert len(found) == len(STUDY.claims)
    for verdict in found:
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason


def test_labels_are_random_signs_and_normal_ones_as_long():
    x, y, normal = task(cell(), 9)
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(9))
    assert set(np.abs(y)) == {1.0}
    assert np.linalg.norm(normal) == pytest.approx(3.0)
    signs = np.mean([task(cell(seed=seed), 9)[1] for seed in range(1000, 1040)])
    assert abs(signs) < 5 / 360**0.5


def test_widths_are_those_nearest_to_the_ratios():
    assert widths_of(cell(ratio=(0.1, 1.0, 2.0)), 9, 3) == [1, 3, 6]
    assert least([1, 3, 6], [0.0, 0.5, 0.0]) == 3
    assert least([1, 3], [0.0, 0.0]) is None


def test_wide_networks_fit_and_fewer_weights_than_labels_do_not():
    x, y, normal = task(cell(), 9)
    assert strong(x, y, "gelu", 12, 0, 100) <= 1e-6
    assert min(strong(x, normal, "gelu", 2, seed, 100) for seed in range(3)) > 1e-2
    assert min(strong(x, y, "quadratic", 20, seed, 60) for seed in range(2)) > 1e-2  # 6 squares, 9 labels
    assert strong(x[:5], y[:5], "quadratic", 8, 0, 100) <= 1e-6


def test_descent_of_filled_networks_is_plain_descent_of_each(monkeypatch):
    monkeypatch.setattr(work, "LOOKS", 1)
    x, y, _ = task(cell(), 6)
    starts = [draw_instance(x, y, "gelu", k, 0) for k in (2, 5)]
    found = descend(starts, 30, lambda _: None)
    for start, left in zip(starts, found, strict=True):
        w, rate = start.weights.ravel(), 1 / np.linalg.eigvalsh(start.kernel())[-1]
        for _ in range(30):
            at = w.reshape(start.weights.shape)
            w = w - rate * start.jacobian(at).T @ start.residual(at)
        r = start.residual(w.reshape(start.weights.shape))
        assert left == pytest.approx(float(r @ r / (y @ y)), rel=1e-3)
    assert descend([], 30, lambda _: None) == []


def test_data_that_cannot_be_fitted_are_refused(monkeypatch):
    x = np.array([[0.6, 0.8], [1.0, 0.0], [-0.6, -0.8]])
    assert "Rows 0 and 2 of x are opposite, and tanh is odd" in opposite(x, "tanh")
    assert opposite(x, "gelu") == ""
    assert opposite(np.eye(2), "tanh") == ""

    class Twice:
        x = np.repeat(np.eye(3), 2, axis=0)

    monkeypatch.setattr(work, "signed", lambda *_, **__: Twice)
    with pytest.raises(DataError, match="are equal"):
        run(cell(n=(6,)), lambda _: None)


@pytest.mark.slow
def test_a_small_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell(starts=1, iterations=60)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert found.values["wrong_ranks"] == [0, 0]
    assert found.values["bound_width"] == [2, 3]
    assert min(found.values["closest"]) > 1e-3
    assert found.values["square_load"][-1] == 4.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n": (9, 6)}, r"--n: expected numbers of samples that ascend, got \[9, 6\]"),
        ({"n": (6, 6, 9)}, r"--n: expected numbers of samples that ascend"),
        ({"ratio": (2.0, 1.0)}, r"--ratios: expected ratios that ascend"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
