"""n of N samples are drawn, kernel ridge is solved, the others are the test set: as predicted from the N samples."""

import numpy as np
import pytest

from overparam.theory.empirical import spectrum_of_features, spectrum_of_kernel
from overparam.theory.population import population_risk

INF = np.array([np.inf])
RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 200)) / np.arange(1, 201) ** 0.4
Y = X @ RNG.standard_normal(200) + RNG.standard_normal(300)
KERNEL = X @ X.T / 200


def resampled(n, ridge, repetitions=60):
    rng, out = np.random.default_rng(1), []
    for _ in range(repetitions):
        order = rng.permutation(300)
        a, b = order[:n], order[n:]
        weights = np.linalg.solve(KERNEL[np.ix_(a, a)] + ridge * np.eye(n), Y[a])
        out.append(np.square(KERNEL[np.ix_(b, a)] @ weights - Y[b]).mean())
    return np.mean(out), np.std(out) / np.sqrt(repetitions)


@pytest.mark.parametrize(("n", "ridge"), [(60, 0.0), (60, 0.3), (60, 5.0), (120, 0.3), (150, 1.0)])
def test_the_samples_that_were_not_drawn_are_predicted(n, ridge):
    mean, error = resampled(n, ridge)
    found = population_risk(spectrum_of_kernel(KERNEL, Y[:, None]), n, INF, ridge, 0.0).total[0]
    assert abs(found / mean - 1) <= 0.08 + 3 * error / mean


def test_the_correction_for_drawn_samples_is_needed():
    from overparam.theory import kernel_ridge_risk

    spectrum = spectrum_of_kernel(KERNEL, Y[:, None])
    mean, _ = resampled(120, 1e-3)
    assert kernel_ridge_risk(spectrum.operator, spectrum.coefficients, 120, 1e-3) < 0.9 * mean


def test_independent_samples_teach_nothing_at_any_penalty():
    # with a penalty the training error of the formula is good to a few per cent
    spectrum = spectrum_of_kernel(np.eye(200), RNG.standard_normal((200, 1)))
    mean = spectrum.energy.mean()
    assert population_risk(spectrum, 50, INF, 0.0, 0.0).total[0] == pytest.approx(mean)
    for ridge in (0.1, 1.0, 10.0):
        assert population_risk(spectrum, 50, INF, ridge, 0.0).total[0] == pytest.approx(mean, rel=0.03)


@pytest.mark.slow
def test_the_best_penalty_is_that_of_a_scan():
    spectrum, k = spectrum_of_features(X, Y[:, None]), np.array([20.0, 60.0, 200.0, np.inf])
    best = population_risk(spectrum, 60, k, None, 0.5)
    scan = np.array([population_risk(spectrum, 60, k, d, 0.5).total for d in np.logspace(-6, 3, 200)])
    assert (best.total <= scan.min(axis=0) * (1 + 1e-9)).all()
    assert best.total == pytest.approx(scan.min(axis=0), rel=2e-3)


def test_noise_splits_the_error_and_does_not_change_it():
    spectrum, k = spectrum_of_features(X, Y[:, None]), np.array([20.0, 100.0])
    none, some, most = (population_risk(spectrum, 60, k, 0.1, s) for s in (0.0, 0.5, 1e3))
    assert none.total.tolist() == some.total.tolist() == most.total.tolist()
    assert some.signal + some.variance + 0.5 == pytest.approx(some.total)
    assert most.signal.tolist() == most.variance.tolist() == [0, 0]
