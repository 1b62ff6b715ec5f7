"""The risk of early stopped gradient descent, against gradient descent itself."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.heckel2021 import early_stopped_risk, expected_risk, left_after

TIMES = (0, 1, 2, 5, 17, 60)


def stepped(x, theta, scales, rates, noise, times):
    """The same risk by taking every step: linear in the noise, so each noise vector e_j is run by itself."""
    n, d = x.shape
    targets = np.column_stack([x @ theta, noise * np.eye(n)])  # the signal, then the noise of each sample alone
    w, found = np.zeros((d, n + 1)), []
    for t in range(max(times) + 1):
        if t in times:
            error = w - np.column_stack([theta, np.zeros((d, n))])
            found.append(float(np.square(scales[:, None] * error).sum()))
        w = w - rates[:, None] * (x.T @ (x @ w - targets)) / n
    return found


def orthogonal(rng, n, scales):
    """A design whose covariance is exactly diag(scales^2)."""
    q, _ = np.linalg.qr(rng.standard_normal((n, len(scales))))
    return q * np.sqrt(n) * scales


@pytest.mark.parametrize("rates", [np.full(4, 0.3), np.array([0.3, 0.9, 2.0, 0.01])])
def test_it_is_exact_where_the_features_are_orthogonal_on_the_samples(rates):
    rng = np.random.default_rng(0)
    scales, theta = np.array([1.0, 0.5, 0.2, 1.2]), rng.standard_normal(4)
    x = orthogonal(rng, 9, scales)
    expected = stepped(x, theta, scales, rates, 0.7, TIMES)
    assert early_stopped_risk(TIMES, scales, theta, rates, 0.7, 9) == pytest.approx(expected, rel=1e-10)


def test_it_is_approached_as_samples_are_added():
    scales, theta = np.array([1.0, 0.3, 0.3]), np.array([1.0, -2.0, 3.0])
    away = []
    for n in (20, 800):
        x = np.random.default_rng(1).standard_normal((n, 3)) * scales
        risk = np.array(stepped(x, theta, scales, np.full(3, 0.2), 1.0, TIMES))
        theory = early_stopped_risk(TIMES, scales, theta, 0.2, 1.0, n)
        away.append(np.abs(risk - theory).max() / theory[0])
    assert away[1] < 0.02 < 0.1 < away[0]


def test_known_points_of_the_curve():
    scales, theta = np.array([1.0, 0.1]), np.array([2.0, 5.0])
    curve = early_stopped_risk([0, 1e7], scales, theta, 0.5, 3.0, 90)
    assert curve == pytest.approx([4.0 + 0.25, 2 * 9 / 90])
    # One feature, signal b and noise v: lowest, b v / (b + v), where v / (b + v) of the error is left.
    signal, noise = 4.0, 1.0
    t = np.log(noise / (signal + noise)) / np.log1p(-1e-4)
    around = early_stopped_risk([0.9 * t, t, 1.1 * t], [1.0], [2.0], 1e-4, 1.0, 1)
    assert around[1] == pytest.approx(0.8)
    assert around[1] < min(around[0], around[2])


def test_steps_that_are_too_long_for_one_feature_swing():
    assert left_after([3], [1.5])[0, 0] == pytest.approx(-0.125, rel=1e-15)
    assert early_stopped_risk([1], [1.0], [1.0], 1.5, 2.0, 4) == pytest.approx([0.25 + 2.25])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rates": 2.0}, "each step size times its squared scale between 0 and 2, got 0.5 to 2"),
        ({"rates": -1.0}, "between 0 and 2"),
        ({"rates": [0.1]}, r"rates: expected one number or shape \(2,\)"),
        ({"scales": [1.0, 0.0]}, "scales: expected positive ones"),
        ({"scales": [1.0]}, "coefficients: expected one a scale, 1, got 2"),
        ({"times": [[3]]}, "times: expected numbers of at least 0"),
        ({"times": [-1]}, "times: expected numbers of at least 0, or infinity, got"),
        ({"coefficients": [1.0, np.nan]}, "coefficients: expected finite numbers, got 1 that are missing"),
        ({"noise": -1.0}, "noise: expected a finite number of at least 0, got -1.0"),
        ({"samples": 0}, "samples: expected a whole number of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_with_its_reason(change, text):
    good = {
        "times": [1],
        "scales": [1.0, 0.5],
        "coefficients": [1.0, 1.0],
        "rates": 0.5,
        "noise": 1.0,
        "samples": 5,
    }
    early_stopped_risk(**good)
    with pytest.raises((DataError, UsageError), match=text):
        early_stopped_risk(**{**good, **change})


@pytest.mark.parametrize(("n", "d"), [(7, 4), (5, 8)])
def test_the_risk_of_a_design_is_that_of_gradient_descent_step_by_step(n, d):
    rng = np.random.default_rng(n)
    scales = np.repeat([1.0, 0.3], d // 2)
    x, theta = rng.standard_normal((n, d)) * scales, rng.standard_normal(d)
    rates = 0.1 / scales**1.3
    found = expected_risk(x, theta, scales, rates, 0.8, TIMES)
    assert found.shape == (len(TIMES), d)
    assert found.sum(axis=1) == pytest.approx(stepped(x, theta, scales, rates, 0.8, TIMES), rel=1e-9)


def test_a_step_that_diverges_on_the_design_is_refused():
    with pytest.raises(UsageError, match="rates: the largest step times curvature is 3, expected below 2"):
        expected_risk(np.eye(3) * 3, np.ones(3), np.ones(3), np.ones(3), 1.0, (1,))
