import numpy as np
import pytest
from scipy.optimize import brentq

from overparam.core.errors import DataError, UsageError
from overparam.theory import kernel_ridge_risk, random_feature_risk, risk_parts
from tests import simulations

LAM = 1.0 / np.arange(1, 301) ** 1.5
V2 = 1.0 / np.arange(1, 301) ** 1.2


def literal(lam, v2, n, k, delta, s2):
    """The formula as it is printed, its root found by a scan of a million points and Brent's method."""

    def z(g):
        return (lam / (lam + g)).sum()

    def gap(x):
        g = np.exp(x)
        return g * (k - z(g)) * (n - z(g)) - k * delta

    scan = np.linspace(np.log(1e-9), np.log(1e3), 20_001)
    values = np.array([gap(x) for x in scan])
    turns = np.flatnonzero(np.diff(np.sign(values)))
    roots = [np.exp(brentq(gap, scan[i], scan[i + 1], xtol=1e-14)) for i in turns]
    right = [g for g in roots if z(g) < min(n, k)]
    assert len(right) == 1
    g = right[0]
    q = ((lam / (lam + g)) ** 2).sum()
    top = (v2 * (g / (lam + g) - (k - z(g)) / (k - q) * g * lam / (lam + g) ** 2)).sum() + s2
    return top / (1 - (q * (k - 2 * z(g)) + z(g) ** 2) / (n * (k - q))), len(roots)


@pytest.mark.parametrize("k", [7, 39, 40, 41, 200])
@pytest.mark.parametrize("delta", [1e-4, 1e-2, 1.0])
def test_it_is_the_printed_formula_at_the_right_root(k, delta):
    expected, _ = literal(LAM, V2, 40, k, delta, 0.3)
    assert random_feature_risk(LAM, V2, 40, [k], delta, 0.3)[0] == pytest.approx(expected, rel=1e-8)


def test_there_are_other_roots_and_they_are_not_taken():
    found = [literal(LAM, V2, 40, k, 1e-4, 0.3)[1] for k in (20, 60)]
    assert max(found) == 3


def test_many_features_are_the_kernel():
    for delta in (0.0, 1e-3):
        wide = random_feature_risk(LAM, V2, 40, [10**9], delta, 0.3)[0]
        assert wide == pytest.approx(kernel_ridge_risk(LAM, V2, 40, delta, 0.3), rel=1e-6)


@pytest.mark.parametrize("k", [10, 39, 41, 100, np.inf])
def test_a_vanishing_penalty_is_no_penalty(k):
    small = random_feature_risk(LAM, V2, 40, [k], 1e-14, 0.3)[0]
    assert small == pytest.approx(random_feature_risk(LAM, V2, 40, [k], 0.0, 0.3)[0], rel=1e-5)


def test_least_squares_on_fewer_directions_than_samples_is_the_classical_formula():
    found = random_feature_risk([2.0] * 10, [0.1] * 10, 40, [5, 10, 20, np.inf], 0.0, 1.0)
    # from k = 10 on the ten directions are learnt without error: n/(n - 10)
    assert found[1:] == pytest.approx([40 / 30] * 3)
    assert found[0] > 40 / 35


def test_targets_outside_of_the_kernel_are_noise():
    inside = random_feature_risk(LAM, V2, 40, [20, 80], 1e-3, 0.7)
    outside = random_feature_risk([*LAM, 0.0, 0.0], [*V2, 0.3, 0.4], 40, [20, 80], 1e-3, 0.0)
    assert outside == pytest.approx(inside)


def test_the_peak_is_infinite_and_without_anything_to_amplify_it_is_zero():
    assert random_feature_risk(LAM, V2, 40, [40])[0] == np.inf
    assert random_feature_risk([1.0] * 40, [1.0] * 40, 40, [80])[0] == 0
    assert random_feature_risk([1.0] * 40, [1.0] * 40, 40, [80], 0.0, 0.1)[0] == np.inf
    assert random_feature_risk([1.0, 0.0], [0.0, 0.0], 1, [1])[0] == 0


def test_a_heavy_penalty_predicts_nothing():
    assert random_feature_risk(LAM, V2, 40, [10, 100], 1e12, 0.3) == pytest.approx([V2.sum() + 0.3] * 2)


def test_the_parts_add_up_and_the_variance_is_linear_in_the_noise():
    one, two = (risk_parts(LAM, V2, 40, [10, 60], 1e-3, s) for s in (0.3, 0.6))
    assert one.total == pytest.approx(one.signal + one.variance + 0.3)
    assert two.variance == pytest.approx(2 * one.variance)
    assert two.signal == pytest.approx(one.signal)
    assert (one.variance > 0).all()


def test_extreme_spectra_stay_finite():
    lam = np.exp(-np.arange(400.0))
    found = random_feature_risk(lam, lam, 30, [5, 29, 31, 100], 0.0, 0.1)
    assert np.isfinite(found).all()
    assert (found > 0.1).all()
    assert random_feature_risk([0.0, 0.0], [1.0, 2.0], 5, [3, 9], 0.0, 0.5) == pytest.approx([3.5, 3.5])


def test_simulated_regressions_agree():
    k = (50, 100, 250, 1000, np.inf)
    mean, error = simulations.random_features(LAM, V2, 100, k, 1e-2, 0.25, repetitions=25)
    theory = random_feature_risk(LAM, V2, 100, k, 1e-2, 0.25)
    assert (np.abs(mean / theory - 1) <= 0.1 + 3 * error / theory).all()
    assert (error / theory < 0.06).all()


@pytest.mark.slow
def test_simulated_regressions_agree_closely_at_200_samples():
    k = (50, 100, 150, 300, 600, 2000)
    mean, error = simulations.random_features(LAM, V2, 200, k, 1e-2, 0.25, repetitions=60)
    theory = random_feature_risk(LAM, V2, 200, k, 1e-2, 0.25)
    assert (np.abs(mean / theory - 1) <= 0.04 + 3 * error / theory).all()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"n": 0}, UsageError, "n: expected a whole number of at least 1, got 0"),
        ({"n": 2.5}, UsageError, "n: expected a whole number of at least 1, got 2.5"),
        ({"widths": [0]}, UsageError, "widths: expected whole numbers of at least 1"),
        ({"widths": []}, UsageError, "widths: expected whole numbers"),
        ({"widths": [2.5]}, UsageError, "widths: expected whole numbers"),
        ({"ridge": -1.0}, UsageError, "ridge: expected a finite number of at least 0, got -1.0"),
        ({"noise": float("nan")}, UsageError, "noise: expected a finite number"),
        ({"eigenvalues": [1.0, -2.0]}, DataError, "eigenvalues: expected no negative number, got -2"),
        ({"eigenvalues": [1.0, float("nan")]}, DataError, "eigenvalues: expected finite numbers, got 1"),
        ({"eigenvalues": []}, DataError, "eigenvalues: expected a list of numbers"),
        ({"coefficients_squared": [1.0]}, DataError, "expected one number an eigenvalue, 2, got 1"),
    ],
)
def test_bad_input_is_named(change, error, text):
    good = {"eigenvalues": [1.0, 0.5], "coefficients_squared": [1.0, 1.0], "n": 3, "widths": [2]}
    with pytest.raises(error, match=text):
        random_feature_risk(**{**good, **change})
