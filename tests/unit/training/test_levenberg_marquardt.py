"""Levenberg-Marquardt against scipy, against one step written out, and on problems that cannot be fitted."""

import jax
import numpy as np
import pytest
from scipy.optimize import least_squares

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp, two_layer
from overparam.training.levenberg_marquardt import START, fit_network, levenberg_marquardt


def rosenbrock(t):
    return np.array([10 * (t[1] - t[0] ** 2), 1 - t[0]])


def rosenbrock_slope(t):
    return np.array([[-20 * t[0], 10.0], [-1.0, 0.0]])


def curve_problem(n=30, seed=0):
    """An exponential with noise: two parameters, n samples, a residual that stays."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 3, n)
    y = 2 * np.exp(-1.3 * time) + 0.1 * rng.standard_normal(n)
    return (
        lambda t: t[0] * np.exp(-t[1] * time) - y,
        lambda t: np.stack([np.exp(-t[1] * time), -t[0] * time * np.exp(-t[1] * time)], axis=1),
    )


def test_rosenbrock_is_solved():
    fit = levenberg_marquardt(rosenbrock, rosenbrock_slope, [-1.2, 1.0])
    assert fit.fitted
    np.testing.assert_allclose(fit.params, [1, 1], atol=1e-9)
    assert (np.diff(fit.norms) < 0).all()


def test_the_minimum_is_that_of_scipy_where_no_fit_exists():
    residual, slope = curve_problem()
    fit = levenberg_marquardt(residual, slope, [1.0, 0.5])
    want = least_squares(residual, [1.0, 0.5], jac=slope, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    np.testing.assert_allclose(fit.params, want.x, rtol=1e-7)
    assert fit.stop in ("gradient", "step", "damping")
    assert not fit.fitted
    assert fit.reason


def test_the_dual_step_is_the_primal_one():
    """One step from the definition: (J^T J + mu I)^-1 J^T r, with more parameters than samples."""
    rng = np.random.default_rng(1)
    j, b, start = rng.standard_normal((4, 9)), rng.standard_normal(4), rng.standard_normal(9)
    seen = []
    levenberg_marquardt(
        lambda t: j @ t - b, lambda t: j, start, visit=lambda i, t, r: seen.append(t.copy()) or i == 1
    )
    mu = START * (j * j).sum(axis=1).max()
    want = start - np.linalg.solve(j.T @ j + mu * np.eye(9), j.T @ (j @ start - b))
    np.testing.assert_allclose(seen[0], start)
    np.testing.assert_allclose(seen[1], want, rtol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(3, 40), (40, 3)])
def test_linear_problems_reach_the_least_squares_solution(n, p):
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal((n, p)), rng.standard_normal(n)
    fit = levenberg_marquardt(lambda t: a @ t - b, lambda t: a, np.zeros(p), tolerance=1e-12)
    best, *_ = np.linalg.lstsq(a, b, rcond=None)
    np.testing.assert_allclose(fit.params, best, rtol=1e-6, atol=1e-9)
    assert fit.fitted == (p > n)


def test_contradicting_targets_stop_at_their_mean():
    """Two samples, one input, targets 1 and 0: the residual cannot fall below sqrt(1/2)."""
    fit = levenberg_marquardt(lambda t: np.array([t[0] - 1, t[0]]), lambda t: np.ones((2, 1)), [5.0])
    assert not fit.fitted
    assert fit.norm == pytest.approx(np.sqrt(0.5), rel=1e-12)


def test_budget_visit_and_a_start_that_fits():
    residual, slope = curve_problem()
    assert levenberg_marquardt(residual, slope, [1.0, 0.5], iterations=1).stop == "iterations"
    assert levenberg_marquardt(residual, slope, [1.0, 0.5], visit=lambda *_: True).stop == "asked"
    exact = levenberg_marquardt(lambda t: 0 * t, lambda t: np.eye(2), [1.0, 1.0])
    assert (exact.stop, exact.iterations, exact.norm) == ("fitted", 0, 0.0)


def test_a_residual_that_overflows_is_not_stepped_into():
    fit = levenberg_marquardt(lambda t: np.log(t) + 30, lambda t: np.diag(1 / t), [1.0])
    assert fit.fitted
    assert fit.params[0] == pytest.approx(np.exp(-30.0), rel=1e-6)


def test_bad_input_is_named():
    with pytest.raises(DataError, match="start: expected a vector of finite numbers, got shape"):
        levenberg_marquardt(rosenbrock, rosenbrock_slope, [np.nan, 1.0])
    with pytest.raises(UsageError, match="tolerance: expected a number between 0 and 1, got 2"):
        levenberg_marquardt(rosenbrock, rosenbrock_slope, [1.0, 1.0], tolerance=2)
    with pytest.raises(UsageError, match="iterations: expected a whole number of at least 1, got 0"):
        levenberg_marquardt(rosenbrock, rosenbrock_slope, [1.0, 1.0], iterations=0)
    with pytest.raises(DataError, match="residual: expected finite numbers at the start"):
        levenberg_marquardt(lambda t: np.full(1, np.nan), lambda t: np.eye(1), [1.0])


@pytest.mark.slow
def test_any_network_in_float64():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    network = mlp(3, (5, 5), 2, activation="tanh")
    params, fit = fit_network(network, network.init(jax.random.key(0)), x, y, tolerance=1e-12)
    assert fit.fitted
    assert params["hidden1"]["weight"].dtype == np.float64
    with jax.enable_x64(True):
        out = np.asarray(network.apply(params, x))
    assert np.linalg.norm(out - y) <= 1e-11 * fit.norms[0]
    assert fit.norm <= 1e-12 * fit.norms[0]


def test_targets_of_a_network_are_checked():
    network = two_layer(3, 4, 2)
    params = network.init(jax.random.key(0))
    x = np.zeros((5, 3))
    with pytest.raises(DataError, match=r"got integer labels.*np.eye\(classes\)\[y\]"):
        fit_network(network, params, x, np.arange(5))
    with pytest.raises(DataError, match=r"y: expected shape \(5, 2\), got \(5,\)"):
        fit_network(network, params, x, np.zeros(5))
    with pytest.raises(DataError, match=r"x: expected shape \(n, 3\) with n >= 1, got \(5, 4\)"):
        fit_network(network, params, np.zeros((5, 4)), np.zeros((5, 2)))
    with pytest.raises(DataError, match="x, y: expected finite numbers"):
        fit_network(network, params, x + np.nan, np.zeros((5, 2)))
