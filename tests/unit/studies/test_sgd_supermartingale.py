"""The study on a super-martingale in two parameters: its constants, its expectations against draws, its answers."""

import numpy as np
import pytest

from overparam.data.stream import stream
from overparam.studies.sgd_supermartingale import KINDS, RINGS, STUDY, jacobian, problem, rise


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | {"around": 8, "cover": 10} | change


@pytest.fixture(scope="module")
def found():
    (outcome,) = STUDY.work([cell(seed=1000)], lambda share: None)
    return outcome.values


def test_a_cell_has_the_values_that_the_study_names(found):
    assert set(found) == set(STUDY.values)
    assert all(len(found[kind]) == len(RINGS) for kind in KINDS)


def test_what_is_proved_holds_and_fails_with_a_step_far_too_large(found):
    assert max(found["cover"]) <= 3
    assert max(found["corrected"]) <= 0
    assert max(found["large_corrected"]) > 0


def test_the_printed_potential_and_the_first_attempt_rise_somewhere(found):
    assert max(found["printed"]) > 1e-3
    assert found["start"][0] > 0


def test_the_jacobian_is_that_of_finite_differences():
    toy = problem(stream("test", 0))
    x, w, h = toy["x"], toy["start"], 1e-6
    seen = np.stack(
        [(np.tanh(x @ (w + h * e)) - np.tanh(x @ (w - h * e))) / (2 * h) for e in np.eye(2)], axis=1
    )
    assert jacobian(x, w) == pytest.approx(seen, abs=1e-8)


def test_the_problem_meets_the_key_lemma():
    toy = problem(stream("test", 1))
    residual = np.linalg.norm(np.tanh(toy["x"] @ toy["start"]) - toy["y"])
    assert toy["radius"] == pytest.approx(4 * residual / toy["alpha"])
    rng = np.random.default_rng(0)
    way = rng.normal(size=(200, 2))
    inside = toy["start"] + toy["radius"] * way / np.maximum(1, np.linalg.norm(way, axis=1))[:, None]
    least = min(np.linalg.svd(jacobian(toy["x"], w), compute_uv=False)[-1] for w in inside)
    assert least >= toy["alpha"]  # the smallest singular value keeps half of that at the start


def test_an_expectation_is_the_mean_over_draws():
    toy = problem(stream("test", 2))
    points = toy["start"] + toy["radius"] * np.array([[0.5, 0.0], [0.0, -0.5], [-0.3, 0.3]])
    state = toy["start"] + 0.4 * toy["radius"] * np.array([0.6, 0.8])
    exact = rise(toy, state, toy["step"], points)[1]
    rng, rows = np.random.default_rng(1), []
    r = np.tanh(toy["x"] @ state) - toy["y"]
    for i in rng.integers(2, size=20_000):
        after = state - toy["step"] * jacobian(toy["x"], state)[i] * r[i]
        rows.append(
            np.linalg.norm(points - after, axis=1).mean() - np.linalg.norm(points - state, axis=1).mean()
        )
    length = toy["step"] / 2 * np.linalg.norm(jacobian(toy["x"], state).T @ r)
    spread = np.std(rows) / len(rows) ** 0.5 / length
    assert abs(np.mean(rows) / length - exact) <= 6 * spread
