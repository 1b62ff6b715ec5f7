import numpy as np
import pytest

from overparam.core.errors import DataError
from overparam.theory.empirical import spectrum_of_features, spectrum_of_kernel

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 12))
Y = RNG.standard_normal((30, 2))


def test_features_and_their_kernel_have_one_spectrum():
    a, b = spectrum_of_features(X, Y), spectrum_of_kernel(X @ X.T / 12, Y)
    assert a.eigenvalues == pytest.approx(b.eigenvalues, abs=1e-12)
    assert a.energy[:12] == pytest.approx(b.energy[:12])
    assert a.energy[12:].sum(axis=0) == pytest.approx(b.energy[12:].sum(axis=0))
    assert a.rank == b.rank == 12
    assert a.operator.sum() == pytest.approx(np.square(X).sum() / 12 / 30)


def test_no_energy_is_lost():
    for found in (spectrum_of_features(X, Y), spectrum_of_kernel(X @ X.T, Y)):
        assert found.energy.sum() == pytest.approx(np.square(Y).sum())
        assert found.coefficients.sum() == pytest.approx(np.square(Y).sum() / 30)


def test_repeated_samples_are_counted():
    twice = np.concatenate([X, X[:4]])
    y = np.concatenate([Y, Y[:4]])
    assert spectrum_of_features(twice, y).repeated == 4
    assert spectrum_of_kernel(twice @ twice.T, y).repeated == 4
    assert spectrum_of_kernel(X @ X.T, Y).repeated == 0


def test_nearly_singular_designs_lose_rank_only_at_rounding():
    near = np.c_[X, X[:, 0] + 1e-9 * RNG.standard_normal(30)]
    assert spectrum_of_features(near, Y).rank == 13
    exact = np.c_[X, X[:, 0] + X[:, 1]]
    assert spectrum_of_features(exact, Y).rank == 12


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (np.eye(3), r"kernel: expected shape \(30, 30\), one row and column a target, got \(3, 3\)"),
        (
            X @ X.T - 0.5 * np.eye(30),
            r"positive semidefinite matrix, got an eigenvalue of -0.5 .*where rounding",
        ),
        (np.triu(X @ X.T), "expected a symmetric matrix"),
        (np.full((30, 30), np.nan), "kernel: expected finite numbers, got 900"),
        (np.zeros((30, 30)), "got only zeros"),
    ],
)
def test_a_kernel_that_is_none_is_named(kernel, text):
    with pytest.raises(DataError, match=text):
        spectrum_of_kernel(kernel, Y)


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (X[:5], r"features: expected shape \(samples, features\) with 30 rows, got \(5, 12\)"),
        (X[:, 0], r"got \(30,\)"),
        (np.where(X > 2, np.inf, X), "features: expected finite numbers"),
        (np.zeros((30, 3)), "got only zeros"),
    ],
)
def test_features_that_are_none_are_named(features, text):
    with pytest.raises(DataError, match=text):
        spectrum_of_features(features, Y)
