"""Risks, times and conditions at every scale, against the same formulas in sixty digits."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.own.risk import risk_curve
from overparam.theory import isotropic_ridge_risk, isotropic_risk, kernel_ridge_risk, random_feature_risk
from overparam.theory.dynamics import generalisation_bound, kernel_dynamics
from overparam.theory.heckel2021 import early_stopped_risk, left_after
from overparam.theory.label_variance import estimate_noise
from overparam.theory.marchenko1967 import condition, descent_iterations, mean_descent_iterations
from overparam.theory.polyak import polyak_ratio
from overparam.theory.simon2023 import risk_parts
from overparam.training.closed_form import kernel_solution

D = Decimal
SIZES = (1e-300, 1e-200, 1e-100, 1e-34, 1e-30, 1e-16, 1e-8, 1e-3, 0.1, 1.0, 7.0, 1e8, 1e100, 1e200, 1e300)
RATIOS = (0.0, 1e-300, 0.5, 1 - 2**-52, 1.0, 1 + 2**-52, 1 + 1e-8, 2.0, 1e8, 1e300)


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 400, 10**6, -(10**6)
        yield
    assert getcontext().prec < 400


def ridge_risk(g, r2, s2, ridge):
    """The root of ``t^2 + (1 - g - ridge) t - ridge`` and the excess, with nothing rounded."""
    g, r2, s2, ridge = map(D, (g, r2, s2, ridge))
    m = ridge + g - 1
    t = (m + (m * m + 4 * ridge).sqrt()) / 2
    return (r2 * t * t + s2 * g) / ((1 + t) ** 2 - g)


@pytest.mark.parametrize("ridge", SIZES)
def test_the_risk_of_ridge_holds_every_digit_at_every_ratio(ridge):
    for signal, noise in ((1.0, 0.5), (1e-100, 1.0), (1.0, 0.0), (0.0, 1e-150)):
        found = isotropic_ridge_risk(RATIOS, signal, noise, ridge)
        for one, g in zip(found, RATIOS, strict=True):
            want = ridge_risk(g, signal, noise, ridge)
            assert float(one) == pytest.approx(float(want), rel=4e-15, abs=1e-307), (g, ridge, signal, noise)


@pytest.mark.parametrize(("ridge", "want"), [(1e-30, 2.5e14), (1e-34, 2.5e16)])
def test_the_peak_of_ridge_is_what_a_root_of_the_penalty_gives(ridge, want):
    """At ratio 1 the excess is close to ``s^2 / (2 sqrt(ridge))``."""
    assert isotropic_ridge_risk(1.0, 1.0, 0.5, ridge)[0] == pytest.approx(want, rel=1e-13)


def test_a_risk_beyond_float64_is_refused_and_names_what_is_too_large():
    with pytest.raises(DataError, match="signal, noise: expected sizes whose result is below 1.8e308"):
        isotropic_ridge_risk(1.0, 0.0, 1e300, 1e-300)
    with pytest.raises(DataError, match="signal, noise: expected sizes"):
        isotropic_risk([1 + 2**-52], 1.0, 1e300)


def test_ridgeless_risks_next_to_one_keep_their_digits():
    for g in (1 - 2**-50, 1 + 2**-50, 1 + 1e-8, 1e300):
        want = D(2) * (1 - 1 / D(g)) + D(3) / (D(g) - 1) if g > 1 else D(3) * D(g) / (1 - D(g))
        assert isotropic_risk([g], 2.0, 3.0)[0] == pytest.approx(float(want), rel=1e-15)


def stopped(t, s, theta, eta, noise, n):
    total = D(0)
    for one, b in zip(s, theta, strict=True):
        keep = D(0) if math.isinf(t) else D(1) if t == 0 else (1 - D(eta) * D(one) ** 2) ** int(t)
        total += (D(one) * D(b) * keep) ** 2 + D(noise) ** 2 / n * (1 - keep) ** 2
    return float(total)


@pytest.mark.parametrize("t", [0, 1, 3, 1000, 10**6, 10**12, math.inf])
@pytest.mark.parametrize("eta", [1e-12, 0.5, 1.0, 1.5])
def test_the_risk_of_descent_holds_every_digit_at_every_time(t, eta):
    with localcontext() as context:
        context.prec = 80
        want = stopped(t, (1.0, 1e-3), (1.0, 300.0), eta, 0.5, 20)
    found = early_stopped_risk([t], [1.0, 1e-3], [1.0, 300.0], eta, 0.5, 20)[0]
    assert found == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("t", [1e16, 1e300, math.inf])
def test_at_the_end_of_time_only_noise_is_left(t):
    assert early_stopped_risk([t], [1.0, 0.1], [1.0, 1.0], 0.5, 2.0, 8).tolist() == [1.0]
    assert early_stopped_risk([t], [1.0], [1.0], 1.5, 2.0, 8).tolist() == [0.5]


def test_times_between_two_steps_are_refused_where_a_step_overshoots():
    with pytest.raises(UsageError, match="times: expected whole numbers of at least 0"):
        early_stopped_risk([0.5], [1.0], [1.0], 1.5, 1.0, 8)
    assert early_stopped_risk([0.5], [1.0], [1.0], 0.75, 0.0, 8).tolist() == pytest.approx([0.25])
    with pytest.raises(UsageError, match="times: expected finite ones where a move is 2"):
        left_after([math.inf], [2.0])
    assert left_after([0, 1, 2], [2.0]).tolist() == [[1.0], [-1.0], [1.0]]


@pytest.mark.parametrize("ridge", [1e-30, 1e-80, 1e-200])
def test_random_features_at_their_peak_follow_the_root_of_the_penalty(ridge):
    """Equal eigenvalues 1, k = n: ``a b = k ridge/gamma``, a = b; nothing of ``n - z`` may cancel."""
    n, many = 50, 200
    found = risk_parts([1.0] * many, [0.0] * many, n, [n], ridge, 1.0)
    gamma = D(many - n) / n  # where z = n
    for _ in range(3):
        a = (n * D(ridge) / gamma).sqrt()
        gamma = D(many) / (n - a) - 1
    c = n * gamma / (1 + gamma)
    factor = n / (a + c * a / (a + c))
    assert found.variance[0] == pytest.approx(float(factor - 1), rel=1e-12)


@pytest.mark.parametrize("gap", [1e10, 1e20, 1e100, 1e300])
def test_the_threshold_in_a_gap_of_the_spectrum_is_between_its_ends(gap):
    """One sample, two directions: ``gamma^2 = lam_1 lam_2``, also where ``n - z`` rounds to 0 all over the gap."""
    found = risk_parts([gap, 1 / gap], [gap, 1 / gap], 1, [np.inf], 0.0, 0.0)
    assert found.gamma[0] == pytest.approx(1.0, rel=1e-12)
    assert found.signal[0] == pytest.approx(
        1.0, rel=1e-12
    )  # n (sum g^2 v^2) / c, with g = (1/gap, 1), c = 2/gap


@pytest.mark.parametrize("n", [10, 10**6, 10**12, 2**53])
def test_the_variance_of_few_features_keeps_its_digits_however_many_samples(n):
    """Three features of n samples: ``k/(n - k)`` of the noise."""
    found = risk_parts([1.0] * 400, [0.0] * 400, n, [3], 0.0, 1.0).variance[0]
    assert found == pytest.approx(float(Fraction(3, n - 3)), rel=1e-13)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e299])
def test_a_risk_does_not_depend_on_the_unit_of_the_eigenvalues(scale):
    lam, v2 = np.array([2.0, 1.0, 0.5, 0.25, 0.1]), np.array([1.0, 0.5, 0.5, 0.25, 0.25])
    for ridge in (0.0, 0.1):
        want = random_feature_risk(lam, v2, 3, [2, 4, np.inf], ridge, 0.5)
        assert random_feature_risk(lam * scale, v2, 3, [2, 4, np.inf], ridge * scale, 0.5) == pytest.approx(
            want, rel=1e-11
        )
        assert kernel_ridge_risk(lam * scale, v2, 3, ridge * scale, 0.5) == pytest.approx(want[-1], rel=1e-11)
    assert estimate_noise(lam * scale, v2[:, None]).variance == pytest.approx(
        estimate_noise(lam, v2[:, None]).variance
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (10**12, 10**12 + 1), (2**53 - 1, 2**53), (1, 2**53)])
def test_the_condition_next_to_a_square_keeps_its_digits(rows, columns):
    root = (D(rows) / D(columns)).sqrt()
    assert condition(rows, columns) == pytest.approx(float(((1 + root) / (1 - root)) ** 2), rel=1e-15)


@pytest.mark.parametrize("tolerance", [5e-324, 1e-300, 0.5, 1 - 2**-53])
def test_iterations_at_every_tolerance_and_condition(tolerance):
    for kappa in (1.0, 1 + 2**-52, 3.0, 1e16, 1e300):
        found = descent_iterations(kappa, tolerance)
        assert 1.0 <= found < math.inf
        if found > 1:
            want = -D(tolerance).ln() / ((D(kappa) + 1) / (D(kappa) - 1)).ln() if kappa < 1e20 else None
            assert want is None or found == pytest.approx(float(want), rel=1e-13)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_iterations_do_not_depend_on_the_unit_of_the_matrix(scale):
    singular = np.array([4.0, 2.0, 1.0])
    assert mean_descent_iterations(singular * scale, 1e-3) == mean_descent_iterations(singular, 1e-3)


def test_iterations_of_a_matrix_that_float64_cannot_tell_from_singular():
    assert mean_descent_iterations([1.0, 1e-12], 0.5) == pytest.approx(0.5 * math.log(2) * 1e24, rel=1e-6)
    with pytest.raises(DataError, match="singular: expected positive values within 140 orders"):
        mean_descent_iterations([1.0, 1e-200], 0.5)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-30, 1e30, 1e130])
def test_the_polyak_ratio_sees_the_direction_of_the_residual_alone(scale):
    jacobian, residual = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, -2.0, 0.5])
    want, found = polyak_ratio(jacobian, residual), polyak_ratio(jacobian, scale * residual)
    assert (found.ratio, found.stuck, found.bound) == pytest.approx(
        (want.ratio, want.stuck, want.bound), rel=1e-14
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e140])
def test_the_dynamics_of_a_kernel_change_their_unit_of_time_alone(scale):
    k, y = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -1.0])
    one, other = kernel_dynamics(k), kernel_dynamics(scale * k)
    assert other.condition == pytest.approx(one.condition, rel=1e-14)
    assert other.loss(y, [0.5 / scale]) == pytest.approx(one.loss(y, [0.5]), rel=1e-12)
    assert other.time_to(y, 1e-3) * scale == pytest.approx(one.time_to(y, 1e-3), rel=1e-12)
    assert other.largest_step() * scale == pytest.approx(one.largest_step(), rel=1e-14)
    assert generalisation_bound(scale * k, y).value * math.sqrt(scale) == pytest.approx(
        generalisation_bound(k, y).value, rel=1e-13
    )


def test_infinite_time_ends_training_also_where_a_step_times_an_eigenvalue_rounds_to_nothing():
    found = kernel_dynamics([[1e-200]])
    assert found.loss([1.0], [0, math.inf], rate=1e-200).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e290])
def test_the_solution_of_a_kernel_does_not_depend_on_its_unit(scale):
    x = np.array([[1.0, 0.0], [0.5, 1.0], [0.0, 1.0]])
    k, cross, y = x @ x.T + np.eye(3), x[:1] @ x.T, np.array([[1.0], [2.0], [-1.0]])
    want = kernel_solution(k, cross, y)
    found = kernel_solution(scale * k, scale * cross, y)
    assert found.predictions == pytest.approx(want.predictions, rel=1e-13)
    assert kernel_solution(k, cross, 1e290 * y).predictions / 1e290 == pytest.approx(
        want.predictions, rel=1e-13
    )


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 8))
    return x, x[:, 0] + 0.5 * rng.normal(size=40)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_a_risk_curve_does_not_depend_on_the_unit_of_the_features(sample, scale):
    x, y = sample
    want, found = (risk_curve(features=s * x, y=y, n=6, widths=[3, 6, 20]) for s in (1.0, scale))
    for name in ("risk", "signal", "variance", "optimal_risk"):
        assert getattr(found, name) == pytest.approx(getattr(want, name), rel=1e-6), name
    assert found.rank == want.rank
    assert found.peak_width == want.peak_width
    assert all(0 < one < math.inf for one in found.optimal_ridge)


@pytest.mark.parametrize("scale", [1e-290, 1e-160, 1e160, 1e290])
def test_a_risk_curve_does_not_depend_on_the_unit_of_a_kernel(sample, scale):
    x, y = sample
    k = x @ x.T + np.eye(40)
    for ridge in (0.0, 0.1):
        want, found = (
            risk_curve(kernel=s * k, y=y, n=6, widths=[3, 6, 20], ridge=s * ridge) for s in (1.0, scale)
        )
        assert found.risk == pytest.approx(want.risk, rel=1e-10)
        assert np.array(found.optimal_ridge) / scale == pytest.approx(want.optimal_ridge, rel=1e-4)


BAD_KERNELS = {
    "a complex one": (np.eye(3) * (1 + 1j), "kernel: expected real numbers, got complex128"),
    "one that is not symmetric": (np.eye(3) + np.triu(np.full((3, 3), 1e-3), 1), "expected a symmetric matrix"),
    "one with a negative eigenvalue": (np.diag([1.0, 1.0, -1e-3]), "expected a positive semidefinite matrix"),
    "one that is not square": (np.ones((3, 2)), "kernel"),
    "one with a missing number": (np.diag([1.0, np.nan, 1.0]), "kernel: expected finite numbers, got 1"),
    "zeros": (np.zeros((3, 3)), "zeros"),
    "texts": (np.eye(3).astype(str), "kernel: expected real numbers"),
    "a masked one": (np.ma.masked_equal(np.eye(3), 0), "kernel: expected real numbers, got 6 masked entries"),
}


@pytest.mark.parametrize("case", BAD_KERNELS)
def test_every_function_of_a_kernel_refuses_the_same_kernels(case):
    kernel, text = BAD_KERNELS[case]
    y = np.array([1.0, 0.5, -1.0])
    calls = {
        "risk_curve": lambda: risk_curve(kernel=kernel, y=y, n=1),
        "kernel_solution": lambda: kernel_solution(kernel, np.ones((1, 3)), y[:, None]),
        "kernel_dynamics": lambda: kernel_dynamics(kernel),
        "generalisation_bound": lambda: generalisation_bound(kernel, y),
    }
    if case == "zeros":  # a model that learns nothing has dynamics
        calls = {name: calls[name] for name in ("risk_curve", "kernel_solution")}
    for call in calls.values():
        with pytest.raises(OverparamError, match=text):
            call()


def test_a_kernel_that_came_in_float32_is_judged_by_the_rounding_of_float32():
    x = np.random.default_rng(0).normal(size=(30, 3))
    exact = x @ x.T
    y = x[:, :1] + 1.0
    assert kernel_solution(exact.astype(np.float32), exact[:2], y).rank >= 3
    kernel_dynamics(exact.astype(np.float32))
    coarse = exact.astype(np.float32).astype(np.float64)
    for call in (lambda: kernel_dynamics(coarse), lambda: kernel_solution(coarse, exact[:2], y)):
        with pytest.raises(DataError, match="give float32 as float32"):
            call()
