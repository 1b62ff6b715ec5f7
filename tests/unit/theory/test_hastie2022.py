import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory import (
    isotropic_ridge_risk,
    isotropic_risk,
    kernel_ridge_risk,
    ridge_risk,
    ridgeless_risk,
)
from tests import simulations

LAM = 1.0 / np.sqrt(np.arange(1, 301))
B = np.linspace(0.1, 0.0, 300)


def test_equal_eigenvalues_are_the_isotropic_limit():
    for ratio in (1.5, 4.0):
        p = int(100 * ratio)
        total = ridgeless_risk(np.ones(p), np.full(p, p**-0.5), 100, 0.5)
        assert total - 0.5 == pytest.approx(isotropic_risk(ratio, 1.0, 0.5)[0], rel=1e-9)
        ridged = ridge_risk(np.ones(p), np.full(p, p**-0.5), 100, 0.3, 0.5)
        assert ridged - 0.5 == pytest.approx(isotropic_ridge_risk(ratio, 1.0, 0.5, 0.3)[0], rel=1e-9)


def test_a_vanishing_penalty_is_ridgeless():
    g = np.array([0.3, 0.9, 1.2, 6.0])
    assert isotropic_ridge_risk(g, 1.0, 0.5, 1e-12) == pytest.approx(isotropic_risk(g, 1.0, 0.5), rel=1e-6)


def test_the_excess_risk_is_least_at_the_known_penalty():
    for g in (0.5, 1.0, 3.0):
        best = g * 0.5 / 1.0
        least = isotropic_ridge_risk(g, 1.0, 0.5, best)[0]
        around = [isotropic_ridge_risk(g, 1.0, 0.5, best * f)[0] for f in (0.7, 0.95, 1.05, 1.5)]
        assert least < min(around)


def test_simulated_regressions_agree():
    mean, error = simulations.covariance(LAM, B, 80, 0.25, repetitions=40)
    assert abs(mean - ridgeless_risk(LAM, B, 80, 0.25)) <= 0.1 * mean + 3 * error
    mean, error = simulations.covariance(LAM, B, 80, 0.25, repetitions=40, ridge=0.5)
    theory = ridge_risk(LAM, B, 80, 0.5, 0.25)
    assert abs(mean - theory) <= 0.05 * mean + 3 * error
    # the same penalty without the factor n would be found out
    assert abs(mean - kernel_ridge_risk(LAM, LAM * B * B, 80, 0.5, 0.25)) > 0.1 * mean


def test_more_directions_than_samples_are_asked_for():
    with pytest.raises(
        UsageError, match=r"expected more than n = 80 positive ones, got 80.*weak_features_risk"
    ):
        ridgeless_risk(LAM[:80], B[:80], 80)
    with pytest.raises(UsageError, match="expected more than n = 5 positive ones, got 2"):
        ridgeless_risk([1.0, 1.0, *[0.0] * 10], [1.0] * 12, 5)


def test_the_isotropic_peak():
    assert isotropic_risk(1.0, 1.0, 0.5)[0] == np.inf
    assert isotropic_risk(1.0, 1.0, 0.0)[0] == 0
    with pytest.raises(UsageError, match="penalty above 0"):
        isotropic_ridge_risk(1.0, 1.0, 0.5, 0.0)
    with pytest.raises(UsageError, match="ratio: expected finite numbers of at least 0"):
        isotropic_risk([-1.0], 1.0, 0.5)
