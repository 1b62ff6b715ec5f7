import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory import isotropic_optimal_ridge, optimal_ridge_risk, random_feature_risk
from tests import simulations

LAM = 1.0 / np.arange(1, 301) ** 1.5
V2 = 1.0 / np.arange(1, 301) ** 1.2
K = (5, 20, 38, 40, 42, 60, 100, 400, 3000)


@pytest.mark.slow
def test_no_penalty_of_a_dense_scan_does_better():
    best = optimal_ridge_risk(LAM, V2, 40, K, 0.3)
    scan = np.array([random_feature_risk(LAM, V2, 40, K, d, 0.3) for d in [0.0, *np.logspace(-9, 3, 240)]])
    assert (best.risk <= scan.min(axis=0) * (1 + 1e-9)).all()
    assert best.risk == pytest.approx(scan.min(axis=0), rel=2e-3)
    at_it = [random_feature_risk(LAM, V2, 40, [k], d, 0.3)[0] for k, d in zip(K, best.ridge, strict=True)]
    assert best.risk == pytest.approx(at_it, rel=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.05, 1.0])
def test_the_best_penalty_takes_the_peak_away(noise):
    best = optimal_ridge_risk(LAM, V2, 40, [*K, np.inf], noise)
    assert (np.diff(best.risk) <= 1e-9 * best.risk[:-1]).all()


def test_isotropic_features_have_the_known_penalty_for_every_n():
    for n in (30, 100, 400):
        best = optimal_ridge_risk(np.ones(100), np.full(100, 0.02), n, noise=0.5)
        assert best.ridge[0] == pytest.approx(isotropic_optimal_ridge(100, 2.0, 0.5), rel=1e-4)


def test_without_a_signal_nothing_is_best_and_without_noise_no_penalty():
    nothing = optimal_ridge_risk(LAM, np.zeros(300), 40, [10, 100], 0.5)
    assert nothing.risk.tolist() == [0.5, 0.5]
    assert np.isinf(nothing.ridge).all()
    exact = optimal_ridge_risk(np.ones(20), np.ones(20), 40, [np.inf], 0.0)
    assert (exact.risk[0], exact.ridge[0]) == (0.0, 0.0)
    with pytest.raises(UsageError, match="signal: expected more than 0"):
        isotropic_optimal_ridge(3, 0.0, 1.0)


def test_simulated_regressions_are_monotone_at_the_predicted_penalties():
    k = (20, 60, 100, 300)
    best = optimal_ridge_risk(LAM, V2, 60, k, 0.3)
    found = [
        simulations.random_features(LAM, V2, 60, [w], d, 0.3, repetitions=30)
        for w, d in zip(k, best.ridge, strict=True)
    ]
    mean, error = (np.array([f[i][0] for f in found]) for i in (0, 1))
    assert (np.abs(mean / best.risk - 1) <= 0.1 + 3 * error / best.risk).all()
    assert (np.diff(mean) <= 3 * np.hypot(error[1:], error[:-1])).all()
    plain = random_feature_risk(LAM, V2, 60, [60], 1e-6, 0.3)[0]
    assert plain > 3 * mean[1]
