"""Random features: nestedness, distributions, and the mean over features against the kernel limits."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from overparam.core.errors import DataError, UsageError
from overparam.models.random_features import (
    DRAW,
    KINDS,
    RandomFeatures,
    fourier_kernel,
    fourier_scale,
    relu_kernel,
)

X = np.random.default_rng(0).uniform(size=(9, 6))
Z = np.random.default_rng(1).normal(size=(7, 6))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [(0, 3), (5, 5), (DRAW - 2, DRAW + 3), (DRAW, 2 * DRAW), (17, 3 * DRAW)])
def test_any_range_is_a_slice_of_the_whole(kind, cut):
    features = RandomFeatures(kind, 6, seed=3, scale=0.7)
    whole = features(X, 0, 3 * DRAW)
    np.testing.assert_allclose(features(X, *cut), whole[:, slice(*cut)], atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_blocks_differ(kind):
    a, b = (RandomFeatures(kind, 6, seed=s).directions(0, 2 * DRAW)[0] for s in (0, 1))
    assert not np.isin(a, b).any()
    assert not np.isin(a[:DRAW], a[DRAW:]).any()


def test_fourier_directions_are_normal_with_the_stated_scale_and_phases_uniform():
    v, b = RandomFeatures("fourier", 6, seed=0, scale=0.2).directions(0, 20_000)
    np.testing.assert_allclose(v.std(), 0.2, rtol=0.02)
    np.testing.assert_allclose(np.cov(v.T), 0.04 * np.eye(6), atol=0.002)
    assert 0 <= b.min() < 0.01
    assert 2 * np.pi - 0.01 < b.max() < 2 * np.pi
    np.testing.assert_allclose(np.exp(1j * b).mean(), 0, atol=0.03)


def test_relu_directions_are_uniform_on_the_unit_sphere():
    v, _ = RandomFeatures("relu", 6, seed=0).directions(0, 20_000)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1.0)
    np.testing.assert_allclose(v.T @ v / len(v), np.eye(6) / 6, atol=0.005)
    np.testing.assert_allclose(v.mean(axis=0), 0, atol=0.02)


def test_the_maps_are_what_their_formulas_say():
    fourier, relu = RandomFeatures("fourier", 6, 0, 0.5), RandomFeatures("relu", 6, 0)
    (v, b), (w, _) = fourier.directions(2, 4), relu.directions(2, 4)
    np.testing.assert_allclose(fourier(X, 2, 4)[5, 1], np.cos(sum(v[1] * X[5]) + b[1]))
    np.testing.assert_allclose(relu(X, 2, 4)[5], [max(0.0, sum(w[i] * X[5])) for i in range(2)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_over_features_tends_to_the_kernel(kind):
    features = RandomFeatures(kind, 6, seed=0, scale=0.4)
    count = 100_000
    total = np.zeros((len(X), len(Z)))
    for start in range(0, count, 10_000):
        total += features(X, start, start + 10_000) @ features(Z, start, start + 10_000).T
    limit = features.kernel(X, Z)
    assert limit.max() - limit.min() > 0.1 * limit.max()
    np.testing.assert_allclose(total / count, limit, atol=5 * 0.5 * np.abs(Z).max() ** 2 / np.sqrt(count))


def test_fourier_kernel_is_its_formula():
    for i in range(len(X)):
        for j in range(len(Z)):
            want = 0.5 * np.exp(-(0.3**2) * ((X[i] - Z[j]) ** 2).sum() / 2)
            np.testing.assert_allclose(fourier_kernel(X, Z, 0.3)[i, j], want, rtol=1e-12)


def test_relu_kernel_by_quadrature_in_the_plane():
    angle = (np.arange(20_000) + 0.5) / 20_000 * 2 * np.pi
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x, z = X[:, :2], Z[:, :2]
    want = np.maximum(x @ circle.T, 0) @ np.maximum(z @ circle.T, 0).T / len(circle)
    np.testing.assert_allclose(relu_kernel(x, z), want, atol=1e-7)


def test_relu_kernel_keeps_the_digits_of_near_duplicates():
    for t in (1e-3, 1e-6, 1e-9):
        pair = relu_kernel([[1.0, 0.0]], [[np.cos(t), np.sin(t)], [-np.cos(t), -np.sin(t)]])
        same = relu_kernel([[1.0, 0.0]], [[1.0, 0.0]])
        np.testing.assert_allclose(same[0, 0], 0.25)
        # the kernel at angle pi - t is (t^3 / 3 + O(t^5)) / (4 pi), far below the rounding of cos
        assert abs(pair[0, 1] - t**3 / (12 * np.pi)) < 1e-17 + 1e-3 * t**3
        np.testing.assert_allclose(pair[0, 0], 0.25 * np.cos(t), atol=1e-12 + t**3)


def test_relu_kernel_of_a_zero_input_is_zero():
    assert relu_kernel(np.zeros((1, 6)), Z).tolist() == [[0.0] * len(Z)]


@pytest.mark.parametrize("kernel", [lambda x: fourier_kernel(x, x, 0.5), lambda x: relu_kernel(x, x)])
def test_kernels_are_symmetric_and_positive(kernel):
    k = kernel(X)
    np.testing.assert_allclose(k, k.T, rtol=1e-12)
    assert np.linalg.eigvalsh(k)[0] > 0


def test_default_scale_is_two_over_the_median_distance():
    np.testing.assert_allclose(fourier_scale(X), 2 / np.median(pdist(X)))
    np.testing.assert_allclose(fourier_scale(3 * X), fourier_scale(X) / 3)


def test_errors_say_what_to_do():
    with pytest.raises(
        DataError, match="x: expected samples at a positive median distance, got 0 over 3 samples"
    ):
        fourier_scale(np.ones((3, 2)))
    with pytest.raises(DataError, match=r"got \(4,\). Flatten each sample first"):
        fourier_scale(np.ones(4))
    with pytest.raises(UsageError, match=r"unknown features 'fourir'\. Did you mean 'fourier'"):
        RandomFeatures("fourir", 6, 0)
    with pytest.raises(UsageError, match="expected a positive scale, got 0"):
        RandomFeatures("fourier", 6, 0, scale=0.0)
    with pytest.raises(UsageError, match="expected at least 1 input, got dim=0"):
        RandomFeatures("relu", 0, 0)
    with pytest.raises(UsageError, match="expected 0 <= start <= stop, got features 3 to 2"):
        RandomFeatures("relu", 2, 0).directions(3, 2)
    with pytest.raises(DataError, match="expected x with 6 inputs, got 2"):
        RandomFeatures("relu", 6, 0)(np.ones((3, 2)), 0, 4)
