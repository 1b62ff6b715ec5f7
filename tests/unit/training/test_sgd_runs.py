"""Runs of SGD against what is known of them: full batches are gradient descent, single samples have a known mean."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from overparam.training.sgd_runs import LEFT, draw_batches, excursions, linear_losses, network_losses

RANDOM = np.random.default_rng
X = RANDOM(0).standard_normal((8, 3))
KERNEL, RESIDUAL = X @ X.T, X @ RANDOM(1).standard_normal(3)
LINEAR = SimpleNamespace(value=lambda z: z, slope=np.ones_like)


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("replacement", [True, False])
def test_batches(batch, replacement):
    chosen = draw_batches(RANDOM(0), 2000, 8, batch, replacement)
    assert chosen.shape == (2000, batch)
    assert np.bincount(chosen.ravel(), minlength=8) == pytest.approx(
        np.full(8, 250 * batch), abs=80 * batch**0.5
    )
    if not replacement:
        assert all(len(set(row)) == batch for row in chosen.tolist())


def test_the_whole_batch_is_gradient_descent():
    losses = linear_losses(KERNEL, RESIDUAL, 8, 0.4, (0, 5, 20), 3, RANDOM(0))
    for t, line in zip((0, 5, 20), losses, strict=True):
        left = np.linalg.matrix_power(np.eye(8) - 0.05 * KERNEL, t) @ RESIDUAL
        assert line == pytest.approx(np.full(3, 0.5 * left @ left), rel=1e-10)


def test_the_mean_of_one_step_of_single_samples_is_exact():
    step, runs = 0.05, 100_000
    each = [RESIDUAL - step * RESIDUAL[i] * KERNEL[i] for i in range(8)]
    losses = linear_losses(KERNEL, RESIDUAL, 1, step, (1,), runs, RANDOM(2))[0]
    error = losses.std() / runs**0.5
    assert losses.mean() == pytest.approx(np.mean([0.5 * r @ r for r in each]), abs=4 * error)


def test_another_measure():
    weigh = RANDOM(3).standard_normal((2, 8))
    start = linear_losses(KERNEL, RESIDUAL, 8, 0.1, (0,), 2, RANDOM(0), False, weigh)
    assert start == pytest.approx(np.full((1, 2), np.square(weigh @ RESIDUAL).sum()))


def test_a_network_without_bends_is_a_linear_model():
    weights, output = RANDOM(4).standard_normal((5, 3)), RANDOM(5).standard_normal(5)
    y = RANDOM(6).standard_normal(8)
    features = (output[None, :, None] * X[:, None, :]).reshape(8, -1)
    found = network_losses(X, y, weights, output, LINEAR, 4, 0.02, (0, 1, 9), 6, RANDOM(7))
    linear = linear_losses(features @ features.T, X @ weights.T @ output - y, 4, 0.02, (0, 1, 9), 6, RANDOM(7))
    assert found == pytest.approx(linear, rel=1e-10)


def test_excursions():
    kernel, start = np.eye(4), np.ones(4)
    largest, last = excursions(kernel, start, 0.5, 200, 50, RANDOM(0))
    assert largest.tolist() == [1.0] * 50
    assert last.max() < 1e-6
    largest, last = excursions(kernel, start, 3.0, 2000, 20, RANDOM(0))
    assert (largest == LEFT).all()
    assert (last == LEFT).all()
