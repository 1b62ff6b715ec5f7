"""The Polyak-Łojasiewicz ratio: against differences of a loss, its bounds on attack, dead units, descent."""

import numpy as np
import pytest

from overparam.core.errors import DataError
from overparam.theory.polyak import assumptions, polyak_ratio


def relu_network(n=6, d=3, k=5, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, d)),
        rng.standard_normal((k, d)),
        rng.standard_normal(k),
        rng.standard_normal(n),
    )


def parts(x, w, v, y):
    """Jacobian by the first layer, and residual, of a two-layer ReLU network."""
    j = ((x @ w.T > 0) * v)[:, :, None] * x[:, None, :]
    return j.reshape(len(x), -1), np.maximum(x @ w.T, 0) @ v - y


def test_the_ratio_is_that_of_the_gradient_by_differences():
    x, w, v, y = relu_network()

    def loss(w):
        return 0.5 * ((np.maximum(x @ w.T, 0) @ v - y) ** 2).sum()

    gradient = np.zeros_like(w)
    for where in np.ndindex(w.shape):
        e = np.zeros_like(w)
        e[where] = 1e-6
        gradient[where] = (loss(w + e) - loss(w - e)) / 2e-6
    found = polyak_ratio(*parts(x, w, v, y))
    assert found.ratio == pytest.approx((gradient**2).sum() / (2 * loss(w)), rel=1e-6)
    assert found.gradient == pytest.approx(np.linalg.norm(gradient), rel=1e-6)
    assert found.loss == pytest.approx(loss(w))


def test_the_bounds_hold_and_are_met():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n, p = rng.integers(1, 8, 2)
        j = rng.standard_normal((n, p)) * 10.0 ** rng.integers(-8, 8)
        found = polyak_ratio(j, rng.standard_normal(n))
        assert found.lower * (1 - 1e-12) <= found.ratio <= found.upper * (1 + 1e-12)
        assert (found.lower == 0) == (p < n)
    u, s, _ = np.linalg.svd(j := np.random.default_rng(1).standard_normal((4, 9)), full_matrices=False)
    assert polyak_ratio(j, u[:, 0]).ratio == pytest.approx(s[0] ** 2)
    assert polyak_ratio(j, u[:, -1]).ratio == pytest.approx(s[-1] ** 2)


def test_dead_units_move_nothing():
    x, w, v, y = relu_network()
    x = np.abs(x)
    every = polyak_ratio(*parts(x, -np.abs(w), v, y))
    assert (every.ratio, every.upper, every.rank, every.stuck, every.bound) == (0.0, 0.0, 0, 1.0, 1.0)
    some = w.copy()
    some[:3] = -np.abs(some[:3])
    some[3:] = np.abs(some[3:])
    j, r = parts(x, some, v, y)
    found, alone = polyak_ratio(j, r), polyak_ratio(j[:, 9:], r)
    assert found.ratio == pytest.approx(alone.ratio)
    assert found.rank == 3
    assert 0 < found.stuck < 1
    assert found.lower == 0.0
    row = x.copy()
    row[0] *= -1.0  # one input on which every unit is dead
    j, r = parts(row, np.abs(w), v, y)
    found = polyak_ratio(j, np.eye(6)[0])
    assert (found.ratio, found.stuck) == (0.0, pytest.approx(1.0))


def test_one_step_of_descent_on_the_linear_model_shrinks_the_loss_at_least_by_the_bound():
    for seed in range(20):
        j, r = parts(*relu_network(seed=seed))
        found = polyak_ratio(j, r)
        after = r - j @ (j.T @ r) / found.upper
        assert 0.5 * after @ after <= found.bound * found.loss * (1 + 1e-12)


def test_no_residual_is_no_loss_and_no_gradient():
    found = polyak_ratio([[1.0, 2.0]], [0.0])
    assert (found.ratio, found.loss, found.gradient, found.stuck) == (0.0, 0.0, 0.0, 0.0)
    assert [a.state for a in assumptions([[1.0, 2.0]], [0.0])] == ["holds", "unchecked"]


@pytest.mark.parametrize(
    ("j", "r", "text"),
    [
        (np.ones(3), np.ones(3), r"jacobian: expected shape \(n, params\), got \(3,\)"),
        (np.ones((3, 2)), np.ones(2), r"residual: expected shape \(3,\), one number a row of J, got \(2,\)"),
        (np.full((1, 2), np.nan), np.ones(1), "jacobian: expected finite numbers, got 2"),
        (np.ones((1, 2)), [np.inf], "residual: expected finite numbers, got 1"),
    ],
)
def test_bad_input_is_named(j, r, text):
    with pytest.raises(DataError, match=text):
        polyak_ratio(j, r)
