"""What a certificate answers to numbers that overflow, underflow or are none: an error or a refusal, in true words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import activation
from overparam.theory.certificates import certify_jacobian, certify_two_layer
from overparam.theory.certificates.dense import evaluate, two_layer
from overparam.theory.certificates.lipschitz import HiddenLipschitz
from overparam.theory.certificates.words import at_least

RNG = np.random.default_rng(3)
W = RNG.normal(size=(12, 3))
V = np.where(np.arange(12) < 6, 0.5, -0.5)
X = RNG.normal(size=(2, 3))
Y = [1.0, -1.0]
J = RNG.normal(size=(3, 10))
R = 0.1 * RNG.normal(size=3)


@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.parametrize("size", [1e200, 1e300])
def test_parameters_whose_squares_overflow_are_named(act, size):
    for w, v in ((size * W, V), (W, size * V)):
        with pytest.raises(DataError, match="parameters: expected numbers below 1e60"):
            certify_two_layer(w, v, X, Y, act)


@pytest.mark.parametrize("bad", [[["a"]], [[1.0], [1.0, 2.0]], W * 1j])
def test_what_is_no_number_is_named(bad):
    for call in (
        lambda: certify_two_layer(bad, V, X, Y, "tanh"),
        lambda: certify_two_layer(W, bad, X, Y, "tanh"),
        lambda: certify_two_layer(W, V, bad, Y, "tanh"),
        lambda: certify_jacobian(bad, R, 1.0, jacobian_error=0, residual_error=0),
    ):
        with pytest.raises(DataError, match="real numbers"):
            call()


@pytest.mark.parametrize("size", [1e-200, 1e-310])
def test_inputs_too_small_for_float64_are_not_certified_and_said_to_be_small(size):
    found = certify_two_layer(W, V, size * X, Y, "tanh")
    assert not found.certified
    assert "so small that float64 loses it" in found.reason
    found = certify_two_layer(W, 1e-310 * V, X, Y, "tanh")
    assert not found.certified
    assert "so small that float64 loses them" in found.reason


@pytest.mark.parametrize("size", [1.0, 1e-40, 1e-81, 1e-100, 1e-170])
def test_the_local_constant_is_a_bound_at_every_size_of_the_inputs(size):
    """One unit, one input: L is B2 |v| |x|^2 exactly, where the curvature is largest."""
    act = activation("tanh")
    peak = math.atanh(1 / math.sqrt(3))  # |phi''| is largest there
    weight = peak if size == 1.0 else 0.0
    x = np.array([[size]])
    bound = HiddenLipschitz(two_layer([[weight]], [1.0], act), evaluate(two_layer([[weight]], [1.0], act), x))
    true = abs(2 * math.tanh(weight * size) * (1 - math.tanh(weight * size) ** 2)) * size**2
    assert bound(1e-3) >= true
    assert bound(1e-3) >= abs(2 * math.tanh(1e-3 * size)) * size**2 * 0.999


@pytest.mark.parametrize("name", ["jacobian", "residual"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_jacobian_or_residual_that_is_no_number_is_an_error(name, value):
    j, r = J.copy(), R.copy()
    (j if name == "jacobian" else r).flat[0] = value
    with pytest.raises(DataError, match=f"{name}: expected"):
        certify_jacobian(j, r, 0.1, jacobian_error=0, residual_error=0)


def test_a_constant_on_a_small_ball_is_refused_for_that_reason():
    for radius in (0.0, 1e-3):
        found = certify_jacobian(J, R, 0.1, jacobian_error=0, residual_error=0, radius=radius)
        assert not found.certified
        assert f"up to a radius of {radius:.4g}" in found.reason
    for radius in (-1.0, math.nan, "far"):
        with pytest.raises(UsageError, match="radius: expected a finite number of at least 0"):
            certify_jacobian(J, R, 0.1, jacobian_error=0, residual_error=0, radius=radius)


def test_a_ball_that_is_too_small_is_not_called_a_large_h():
    # r/sigma = 0.1 lies inside of the given radius, the root does not: h = 0.2 is not above 1/2
    found = certify_jacobian(
        np.eye(2, 3), [0.1, 0.0], 2.0, jacobian_error=0, residual_error=0, radius=0.1001, flow=True
    )
    assert not found.certified
    assert found.h == pytest.approx(0.2)
    assert "above 1/2" not in found.reason
    assert "the path needs a larger one" in found.reason


def test_an_error_above_sigma_is_not_called_dependent_rows():
    found = certify_jacobian(J, R, 0.1, jacobian_error=10.0, residual_error=0)
    assert "nearly so beside its error" in found.reason


def test_numbers_in_the_sentence_are_rounded_up():
    for value in (1.50541, 0.123449, 0.999999949, 12345.6, 3e-7, 0.1):
        for digits in (3, 4, 6):
            assert value <= float(at_least(value, digits)) <= value * (1 + 10.0 ** (1 - digits))


def test_a_page_tells_only_what_is_proved():
    flow = certify_jacobian(J, R, 0.1, jacobian_error=0, residual_error=0, flow=True)
    descent = certify_jacobian(J, R, 0.1, jacobian_error=0, residual_error=0)
    refused = certify_jacobian(J, 1e3 * R, 1.0, jacobian_error=0, residual_error=0)
    assert (flow.certified, descent.certified, refused.certified) == (True, True, False)
    assert "residual a unit of time" in flow._repr_html_()
    assert "largest certified step" not in flow._repr_html_()
    assert "residual a step" in descent._repr_html_()
    assert "its norm on the ball" in descent._repr_html_()
    assert "its norm at the start" in refused._repr_html_()
    assert "distance and path" not in refused._repr_html_()
    assert "inf" not in str(refused)
