import math

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import ACTIVATIONS, Activation, activation, leaky_relu, sine
from overparam.theory.kernels import dual_activation, dual_of, polynomial
from overparam.theory.kernels.closed_duals import rectified
from overparam.theory.kernels.gaussian_moments import Pair

Q1 = np.array([1.0, 0.3, 2.0, 1.5, 0.7])
Q2 = np.array([1.0, 1.7, 0.4, 1.5, 0.7])
C = np.array([0.3, -0.6, 0.85, 1.4999, -0.65])
SMOOTH = [name for name, act in ACTIVATIONS.items() if act.smooth]


def by_quadrature(function, q1, q2, c):
    """``E[f(u) f(v)]`` by a tensor grid: an oracle that shares nothing with the closed forms."""
    z = np.linspace(-11, 11, 881)
    weight = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    found = []
    for a, b, cov in zip(q1, q2, c, strict=True):
        rho = cov / math.sqrt(a * b)
        u = math.sqrt(a) * z[:, None]
        v = math.sqrt(b) * (rho * z[:, None] + math.sqrt(1 - rho * rho) * z[None, :])
        found.append(weight @ (function(u) * function(v)) @ weight)
    return np.array(found)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_duals_are_the_expectations_they_stand_for(name):
    act = activation(name)
    found = dual_activation(name, Q1, Q2, C)
    np.testing.assert_allclose(found.value, by_quadrature(act.value, Q1, Q2, C), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.slope, by_quadrature(act.slope, Q1, Q2, C), rtol=1e-11, atol=1e-13)


def test_a_polynomial_of_any_degree():
    coefficients = (0.4, -0.7, 0.2, 0.3, -0.1)
    plain, slope = np.polynomial.Polynomial(coefficients), np.polynomial.Polynomial(coefficients).deriv()
    found = dual_activation(polynomial(coefficients), Q1, Q2, C)
    np.testing.assert_allclose(found.value, by_quadrature(plain, Q1, Q2, C), rtol=1e-10)
    np.testing.assert_allclose(found.slope, by_quadrature(slope, Q1, Q2, C), rtol=1e-10)


@pytest.mark.parametrize("frequency", [0.5, 2.5])
def test_sine_of_any_frequency(frequency):
    act = sine(frequency)
    found = dual_activation(act, Q1, Q2, C)
    np.testing.assert_allclose(found.value, by_quadrature(act.value, Q1, Q2, C), atol=1e-12)
    np.testing.assert_allclose(found.slope, by_quadrature(act.slope, Q1, Q2, C), atol=1e-11)


@pytest.mark.parametrize("negative", [0.0, 0.2, -0.5, -1.0])
def test_rectified_is_its_even_and_odd_part(negative):
    """``max(z, a z) = (1 + a)/2 z + (1 - a)/2 |z|``: the parts are uncorrelated, and |z| is known by its angle."""
    cos = C / np.sqrt(Q1 * Q2)
    theta = np.arccos(cos)
    odd, even = ((1 + negative) / 2) ** 2, ((1 - negative) / 2) ** 2
    magnitude = np.sqrt(Q1 * Q2) * 2 / math.pi * (np.sin(theta) + (math.pi / 2 - theta) * cos)
    signs = 2 / math.pi * np.arcsin(cos)
    found = dual_activation(leaky_relu(negative), Q1, Q2, C)
    np.testing.assert_allclose(found.value, odd * C + even * magnitude, rtol=1e-13)
    np.testing.assert_allclose(found.slope, odd + even * signs, rtol=1e-12, atol=1e-14)


def test_relu_at_angles_that_everybody_knows():
    one = np.ones(3)
    found = dual_activation("relu", one, one, np.array([1.0, 0.0, -1.0]))
    np.testing.assert_allclose(found.value, [0.5, 1 / (2 * math.pi), 0.0], atol=1e-15)
    np.testing.assert_allclose(found.slope, [0.5, 0.25, 0.0], atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_variance_is_the_dual_at_full_correlation(name):
    dual, q = dual_of(name), np.array([0.2, 1.0, 2.5])
    np.testing.assert_allclose(dual.variance(q), dual.pair(Pair(q + 0, q, q), False).cov, rtol=1e-12)


@pytest.mark.parametrize("theta", [1e-11, 1e-7, 1e-3, 0.04, 0.05])
def test_relu_carries_the_gap_of_near_duplicates(theta):
    """``1 - cos' = t^2/2 - t^3/(3 pi) + t^5/(30 pi) - t^4/24 + ...``, to relative accuracy."""
    one = np.ones(1)
    gap = np.array([2 * math.sin(theta / 2) ** 2])
    moved = rectified().pair(Pair(1 - gap, one, one, gap), True)
    series = (
        theta**2 / 2 - theta**3 / (3 * math.pi) - theta**4 / 24 + theta**5 / (30 * math.pi) + theta**6 / 720
    )
    series -= theta**7 / (840 * math.pi)
    assert 2 * moved.gap[0] == pytest.approx(series, rel=1e-11)
    assert 0.5 - moved.slope[0] == pytest.approx(theta / (2 * math.pi), rel=1e-4)


def test_a_series_agrees_with_the_closed_form():
    """gelu under another name is an unknown function, and is summed as a series."""
    gelu = activation("gelu")
    stranger = Activation("mine", gelu.value, gelu.slope, gelu.curvature, 2.0, 2.0, "none")
    mine, closed = dual_activation(stranger, Q1, Q2, C), dual_activation("gelu", Q1, Q2, C)
    np.testing.assert_allclose(mine.value, closed.value, rtol=1e-12)
    np.testing.assert_allclose(mine.slope, closed.slope, rtol=1e-12)


@pytest.mark.parametrize("name", ["sine", "erf", "leaky_relu"])
def test_a_borrowed_name_gets_no_closed_form(name):
    tanh = activation("tanh")
    stranger = Activation(name, tanh.value, tanh.slope, tanh.curvature, 2.0, 2.0, "odd", period=1.0)
    mine, real = dual_activation(stranger, Q1, Q2, C), dual_activation("tanh", Q1, Q2, C)
    assert np.array_equal(mine.value, real.value)


def test_a_series_that_cannot_converge_is_refused():
    with pytest.raises(UsageError, match="activation 'tanh': expected a dual that converges.*Scale the inputs"):
        dual_activation("tanh", 400.0, 400.0, 100.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((np.nan, 1.0, 0.0), "first: expected finite numbers"),
        ((-1.0, 1.0, 0.0), "variances of at least 0"),
        ((1.0, 1.0, 1.1), "at most the root"),
    ],
)
def test_impossible_moments_are_refused(given, message):
    with pytest.raises(DataError, match=message):
        dual_activation("relu", *given)


def test_a_polynomial_needs_coefficients():
    with pytest.raises(UsageError, match="at least one finite coefficient"):
        polynomial(())
