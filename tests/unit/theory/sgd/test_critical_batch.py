"""The guarantee of Ma, Bassily and Belkin: published numbers, the best step of its bound, and never below the truth."""

import math

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.sgd import (
    batch_guarantee,
    departure,
    expected_course,
    fastest_step,
    guarantee,
    largest_step,
    stability_atlas,
    steps_to_accuracy,
)
from overparam.theory.sgd.efficiency import FastestStep


def sphere(n, d, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_formula_gives_the_published_bounds():
    """Largest eigenvalue .131, m* = 8.6: bounds .953, .680 and .254 after 300 steps of 1, 8 and 200 samples."""
    smallest = 1 - 0.953 ** (1 / 300)
    found = [guarantee(1.0, 0.131, smallest, m) for m in (1, 8, 200)]
    assert found[0].critical == pytest.approx(8.6, abs=0.05)
    assert [one.rate**300 for one in found] == pytest.approx([0.953, 0.680, 0.254], abs=1.5e-3)


@pytest.mark.parametrize("batch", [1, 2, 5, 9, 14, 40, 400])
def test_step_and_rate_are_the_best_of_the_bound(batch):
    """g(eta) is the largest of (1 - eta l)^2 + (eta^2/m)(beta l - l^2) over the eigenvalues; a grid has no better."""
    beta, largest, smallest = 1.0, 0.13, 0.01
    lam = np.linspace(smallest, largest, 200)
    eta = np.linspace(0.01, 40, 40_000)[:, None]
    bound = ((1 - eta * lam) ** 2 + eta**2 / batch * (beta * lam - lam**2)).max(axis=1)
    found = guarantee(beta, largest, smallest, batch)
    assert found.rate - 1e-9 <= bound.min() <= found.rate + 3e-4
    assert found.step == pytest.approx(float(eta[bound.argmin(), 0]), rel=0.01)


@pytest.mark.parametrize(("n", "d"), [(40, 12), (15, 40)])
@pytest.mark.parametrize("replacement", [True, False])
def test_the_exact_mean_never_exceeds_the_guarantee(n, d, replacement):
    x = sphere(n, d)
    x = x * np.random.default_rng(1).uniform(0.5, 1.0, (n, 1))
    residual = x @ np.random.default_rng(2).standard_normal(d)
    for batch in (1, 3, n // 2, n):
        found = batch_guarantee(x, batch)
        course = expected_course(x @ x.T, residual, batch, found.step, 200, replacement=replacement)
        bound = found.rate ** np.array(course.times) * course.distance[0]
        seen = bound > 1e-24  # the rest is rounding
        assert (course.distance <= bound * (1 + 1e-9))[seen].all()


def test_several_outputs_use_the_largest_curvature_of_a_sample():
    j = np.random.default_rng(3).standard_normal((12, 2, 30))
    residual = np.random.default_rng(4).standard_normal((12, 2))
    rows = j.reshape(24, 30)
    beta = max(np.linalg.eigvalsh(one @ one.T)[-1] for one in j)
    lam = np.linalg.eigvalsh(rows @ rows.T / 12)
    assert batch_guarantee(j, 3).critical == pytest.approx(beta / (lam[-1] - lam[0]) + 1, rel=1e-9)
    for batch in (1, 4, 12):
        found = batch_guarantee(j, batch)
        course = expected_course(rows @ rows.T, residual, batch, found.step, 100, 2, True)
        assert (course.distance <= found.rate ** np.array(course.times) * course.distance[0] * (1 + 1e-9)).all()


def test_equal_eigenvalues_have_no_critical_batch():
    found = [batch_guarantee(np.eye(4), m) for m in (1, 4, 100)]
    assert [one.critical for one in found] == [math.inf] * 3
    assert found[0].steps(0.5) == pytest.approx(math.log(0.5) / math.log(0.75))


def test_small_batches_scale_and_large_ones_saturate():
    """Unit rows, 300 x 20: steps halve with every doubling up to m*/2, and hardly change beyond 8 m*."""
    x = sphere(300, 20)
    residual = x @ np.random.default_rng(5).standard_normal(20)
    critical = batch_guarantee(x, 1).critical
    assert 8 < critical < 25
    batches = [1, 2, 4, 150, 300]
    steps = steps_to_accuracy(x @ x.T, residual, batches, accuracy=1e-3, replacement=True)
    assert steps[0] / steps[1] == pytest.approx(2, rel=0.1)
    assert steps[1] / steps[2] == pytest.approx(2, rel=0.1)
    assert steps[3] / steps[4] < 2**0.25
    assert 4 < departure(batches, steps) < 8 * critical


def test_steps_are_counted_on_the_exact_course():
    x = sphere(10, 20)
    residual = np.ones(10)
    (count,) = steps_to_accuracy(x @ x.T, residual, [3], [0.8], 0.05)
    course = expected_course(x @ x.T, residual, 3, 0.8, int(count))
    assert course.loss[-1] <= 0.05 * course.loss[0] < course.loss[-2]
    assert steps_to_accuracy(x @ x.T, residual, [1, 3], [1e-6, 0.8], 0.05, most=50)[0] == math.inf


def test_targets_that_nearly_fit_need_as_many_steps():
    """12 samples of 5 features: fitted targets are counted among 5 directions, others among 6."""
    x = sphere(12, 5)
    target = x @ np.ones(5)
    nearly = target + 1e-7 * np.random.default_rng(8).standard_normal(12)
    fitted = steps_to_accuracy(x @ x.T, target, [1, 4, 12], accuracy=1e-3)
    assert fitted.tolist() == steps_to_accuracy(x @ x.T, nearly, [1, 4, 12], accuracy=1e-3).tolist()
    assert np.isfinite(fitted).all()


def test_departure_is_found_between_batches():
    perfect = [64, 32, 16, 8]
    assert departure([1, 2, 4, 8], perfect) == math.inf
    assert departure([1, 2, 4, 8], [64, 32, 16, 16]) == pytest.approx(8)
    assert departure([1, 2, 4, 8], [64, 32, 16, 64]) == pytest.approx(4 * 2**0.5 * 2 ** (-1 / 6), rel=0.2)


@pytest.mark.slow
def test_the_fastest_step_is_the_bottom_of_the_atlas():
    x = np.random.default_rng(6).standard_normal((6, 10))
    for batch in (1, 3, 6):
        best = fastest_step(x, batch)
        grid = np.linspace(0.02, 0.98, 97) * largest_step(x, [batch])[0]
        rates = stability_atlas(x, [batch], grid)[0]
        assert best.rate <= rates.min() * (1 + 1e-9)
        assert best.step == pytest.approx(grid[rates.argmin()], rel=0.15)
    assert isinstance(best, FastestStep)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: guarantee(1.0, 0.1, 0.2, 1), UsageError, "0 <= smallest <= largest eigenvalue <= beta"),
        (lambda: guarantee(1.0, 0.2, 0.1, 0), UsageError, "batch: expected a whole number of at least 1"),
        (lambda: guarantee(1.0, 0.2, 0.1, 1).steps(1.0), UsageError, "accuracy: expected a number between"),
        (lambda: batch_guarantee(np.zeros((2, 2)), 1), DataError, "nothing but zeros"),
        (lambda: departure([2, 1], [1, 1]), UsageError, "ascending batch sizes"),
        (lambda: departure([1, 2], [math.inf, 1]), UsageError, "Raise the most steps"),
        (lambda: steps_to_accuracy(np.eye(2), [0.0, 0.0], [1]), DataError, "fits already"),
        (lambda: steps_to_accuracy(np.eye(2), [1.0, 0.0], [1], [1.0, 2.0]), UsageError, "one a batch size, 1"),
        (lambda: stability_atlas(np.eye(2), [1], [0.0]), UsageError, "step: expected a finite number above 0"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
