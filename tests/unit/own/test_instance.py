"""Two-layer instances against finite differences, descent against its definition, searches against brute force."""

from itertools import pairwise

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.own.descent import descend, linear_course
from overparam.own.instance import draw_instance, flow_certificate
from overparam.own.search import double_and_bisect, even_widths, first
from overparam.theory.activations import ACTIVATIONS


def sphere(n, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True), np.where(rng.uniform(size=n) < 0.5, -1.0, 1.0)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus", "relu", "quadratic"])
def test_the_jacobian_is_the_derivative(name):
    x, y = sphere(5, 3, 0)
    start = draw_instance(x, y, name, 7, 1)
    j = start.jacobian()
    kink = np.abs(x @ start.weights.T).min()
    step = min(1e-6, 0.1 * kink)
    for place in range(j.shape[1]):
        move = np.zeros(j.shape[1])
        move[place] = step
        both = [start.residual(start.weights + sign * move.reshape(start.weights.shape)) for sign in (1, -1)]
        np.testing.assert_allclose((both[0] - both[1]) / (2 * step), j[:, place], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(start.kernel(), j @ j.T, rtol=1e-12, atol=1e-14)


def test_output_weights_are_balanced_and_sized():
    x, y = sphere(6, 4, 0)
    start = draw_instance(x, y, "tanh", 8, 0)
    assert sorted(np.sign(start.output)) == [-1] * 4 + [1] * 4
    np.testing.assert_allclose(np.abs(start.output), np.linalg.norm(y) / np.sqrt(48))
    assert draw_instance(x, y, "tanh", 8, 0, scale=3.0).output.max() == 3.0
    np.testing.assert_allclose(start.scaled(2.0).output, 2 * start.output)


def test_weights_are_standard_normal_and_fresh():
    x, y = sphere(6, 4, 0)
    w = draw_instance(x, y, "tanh", 5000, 0).weights
    assert abs(w.mean()) < 5 / np.sqrt(w.size)
    assert abs(w.var() - 1) < 5 * np.sqrt(2 / w.size)
    again = draw_instance(x, y, "tanh", 5000, 0).weights
    assert (w == again).all()
    other = draw_instance(x, y, "tanh", 5000, 1).weights
    wider = draw_instance(x, y, "tanh", 5002, 0).weights[:5000]
    for fresh in (other, wider):
        assert abs(np.corrcoef(w.ravel(), fresh.ravel())[0, 1]) < 5 / np.sqrt(w.size)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_copies_make_the_output_zero_and_keep_the_kernel(name):
    x, y = sphere(6, 4, 0)
    start = draw_instance(x, y, name, 10, 0, scale=2.0, antisymmetric=True)
    np.testing.assert_allclose(start.residual(), -y, atol=1e-13)
    half = start.weights[:5]
    slopes = 2.0 * start.activation.slope(x @ half.T)
    np.testing.assert_allclose(start.kernel(), 2 * (slopes @ slopes.T) * (x @ x.T), rtol=1e-12, atol=1e-13)


def test_bad_input_is_named():
    x, y = sphere(6, 4, 0)
    with pytest.raises(UsageError, match="width: expected an even number of at least 2, got 7"):
        draw_instance(x, y, "tanh", 7, 0, antisymmetric=True)
    with pytest.raises(UsageError, match="width: expected a whole number of at least 1, got 0"):
        draw_instance(x, y, "tanh", 0, 0)
    with pytest.raises(DataError, match=r"x: expected shape \(n, features\), got \(6, 2, 2\). Flatten"):
        draw_instance(x.reshape(6, 2, 2), y, "tanh", 4, 0)
    with pytest.raises(DataError, match=r"y: expected 6 targets, one a row of x, got shape \(5,\)"):
        draw_instance(x, y[:5], "tanh", 4, 0)
    with pytest.raises(DataError, match="got integer labels of 6 classes.*one class against the others"):
        draw_instance(x, np.arange(6), "tanh", 4, 0)
    with pytest.raises(DataError, match="y: expected finite numbers, got 1 that are missing"):
        draw_instance(x, [np.nan, 1, 1, 1, 1, 1], "tanh", 4, 0)
    with pytest.raises(DataError, match="y: expected targets that are not all 0"):
        draw_instance(x, 0 * y, "tanh", 4, 0)
    assert draw_instance(x, (y > 0).astype(int), "tanh", 4, 0).y.dtype == np.float64  # two classes are numbers


def test_descent_is_its_definition():
    x, y = sphere(4, 3, 2)
    start = draw_instance(x, y, "gelu", 6, 0)
    course = descend(start, 0.05, 3)
    w = start.weights.copy()
    path = 0.0
    for t in range(4):
        r = start.residual(w)
        np.testing.assert_allclose(course.residuals[t], r, atol=1e-13)
        assert course.distances[t] == pytest.approx(np.linalg.norm(w - start.weights), abs=1e-13)
        assert course.path[t] == pytest.approx(path, abs=1e-13)
        step = 0.05 * (start.jacobian(w).T @ r).reshape(w.shape)
        if t < 3:
            w, path = w - step, path + np.linalg.norm(step)
    np.testing.assert_allclose(course.weights, w, atol=1e-13)
    assert not course.diverged


def test_descent_stops_at_its_goal_and_tells_divergence():
    x, y = sphere(4, 8, 2)
    start = draw_instance(x, y, "identity", 6, 0)
    top = np.linalg.eigvalsh(start.kernel())[-1]
    good = descend(start, 1 / top, 10_000, tolerance=1e-6)
    assert good.norms[-1] <= 1e-6 * good.norms[0] < good.norms[-2]
    assert len(good.lengths) == len(good.norms) - 1 == len(good.distances) - 1
    bad = descend(start, 3 / top, 10_000)
    assert bad.diverged
    assert np.isfinite(bad.residuals).all()
    worse = descend(draw_instance(x, y, "quadratic", 6, 0), 1e30, 100)
    assert worse.diverged
    with pytest.raises(UsageError, match="step: expected a positive number"):
        descend(start, 0.0, 3)


def test_a_linear_network_follows_its_linearised_course():
    x, y = sphere(4, 8, 2)
    start = draw_instance(x, y, "identity", 6, 0)
    step = 0.7 / np.linalg.eigvalsh(start.kernel())[-1]
    course = descend(start, step, 50)
    np.testing.assert_allclose(
        course.residuals, linear_course(start.kernel(), course.residuals[0], step, 51), atol=1e-12
    )


def test_the_certificate_of_other_weights_is_that_of_a_network_started_there():
    x, y = sphere(4, 8, 2)
    start = draw_instance(x, y, "tanh", 30, 0)
    course = descend(start, 0.3 / np.linalg.eigvalsh(start.kernel())[-1], 300)
    later, first_one = flow_certificate(start, course.weights), flow_certificate(start)
    assert later.residual == pytest.approx(course.norms[-1], rel=1e-9)
    assert later.h < first_one.h


@pytest.mark.parametrize("place", [2, 3, 37, 128, 999, 1000])
def test_bisection_brackets_a_step(place):
    asked = []
    found = double_and_bisect(lambda k: asked.append(k) or k >= place, 2, 2048)
    assert found >= place
    assert found % 2 == 0
    assert found - place <= max(2, 0.02 * found)
    assert all(k % 2 == 0 for k in asked)
    assert len(asked) <= 12 + 8


def test_bisection_of_what_never_or_randomly_holds():
    assert double_and_bisect(lambda k: False, 2, 1000) is None
    rng = np.random.default_rng(0)
    seen = {}

    def random(k):
        seen[k] = bool(rng.uniform() < k / 500)
        return seen[k]

    found = double_and_bisect(random, 2, 10_000)
    assert seen[found]
    below = max(k for k, holds in seen.items() if not holds and k < found)
    assert found - below <= max(2, 0.02 * found)


def test_widths_are_even_and_dense():
    widths = list(even_widths(3, 300))
    assert widths[0] == 4
    assert all(w % 2 == 0 for w in widths)
    assert max(b / a for a, b in pairwise(widths[4:])) < 1.2
    assert first(lambda k: k > 50, iter(widths)) == 56  # 48 and an eighth, even
    assert first(lambda k: False, iter(widths)) is None
