"""What every function makes of things that are no numbers, and of sizes whose squares are none."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.dynamics import ensemble, kernel_dynamics
from overparam.theory.inputs import array_of, numbers, positive
from overparam.theory.kernels import conditioning, covariance, fully_connected, kernels
from overparam.theory.least_squares import least_squares_descent
from overparam.theory.matrix_recovery import local_fit
from overparam.theory.matrix_recovery_certificate import certify_recovery
from overparam.theory.sgd import expected_course, step_bounds

RAGGED = [[1.0], [1.0, 2.0]]
Y = [1.0, -1.0]
NET = fully_connected(2, "gelu")


@pytest.mark.parametrize("given", [RAGGED, [["a"]], np.ones((2, 2)) * 1j, [[object()]]])
@pytest.mark.parametrize(
    "call",
    [
        lambda bad: array_of(bad, "x"),
        lambda bad: conditioning(bad, "relu"),
        lambda bad: conditioning(np.eye(2), "relu", bad),
        lambda bad: covariance(bad, "gelu"),
        lambda bad: kernels(NET, bad),
        lambda bad: kernel_dynamics(bad),
        lambda bad: kernel_dynamics(np.eye(2)).loss(bad, [1]),
        lambda bad: ensemble(np.eye(2), bad, Y, [1]),
        lambda bad: step_bounds(bad, 1),
        lambda bad: expected_course(bad, Y, 1, 0.1, 2),
        lambda bad: least_squares_descent(bad, Y),
        lambda bad: least_squares_descent(np.eye(2), bad),
        lambda bad: local_fit(bad, np.ones((2, 1)), Y),
        lambda bad: certify_recovery(np.ones((2, 2, 2)), bad, Y),
    ],
)
def test_what_is_no_table_of_real_numbers_is_refused_in_words(given, call):
    with pytest.raises(DataError, match="real numbers"):
        call(given)


@pytest.mark.parametrize("size", [1e-200, 1e150, 1e300])
@pytest.mark.parametrize(
    "call",
    [
        lambda s: conditioning(s * np.eye(2), "relu"),
        lambda s: kernels(NET, s * np.eye(2)),
        lambda s: kernels(fully_connected(1, "relu"), s * np.eye(2)),
        lambda s: step_bounds(s * np.eye(2), 1),
        lambda s: expected_course(s * np.eye(2), Y, 1, 0.1, 2),
        lambda s: least_squares_descent(s * np.eye(2), Y),
        lambda s: local_fit(s * np.ones((2, 2, 2)), np.ones((2, 1)), Y),
        lambda s: certify_recovery(np.ones((2, 2, 2)), s * np.ones((2, 1)), Y),
    ],
)
def test_sizes_whose_squares_leave_float64_are_named_and_no_warning_or_nan_comes_out(call, size):
    with pytest.raises(DataError, match="Rescale"):
        call(size)


def test_float32_has_its_own_bounds():
    assert np.isfinite(kernels(NET, 1e10 * np.eye(2), dtype=np.float64).ntk).all()
    with pytest.raises(DataError, match=r"1e\+08 in size in float32"):
        kernels(NET, 1e10 * np.eye(2), dtype=np.float32)


@pytest.mark.parametrize("size", [1e6, 1e9, 1e20, 1e55])
def test_kernels_of_large_inputs_are_those_of_the_limit(size):
    """At large inputs gelu is relu and erf a sign; of a sine float64 has lost the phase."""
    x = np.random.default_rng(0).normal(size=(5, 3))
    for depth in (1, 3):
        found, limit = (kernels(fully_connected(depth, act), size * x) for act in ("gelu", "relu"))
        np.testing.assert_allclose(found.nngp, limit.nngp, rtol=1e-4)
        np.testing.assert_allclose(found.ntk, limit.ntk, rtol=1e-4)
    cosine = (x @ x.T) / np.outer(*2 * [np.linalg.norm(x, axis=1)])
    sign = kernels(fully_connected(1, "erf"), size * x, get="nngp").nngp
    np.testing.assert_allclose(sign, 2 / np.pi * np.arcsin(np.clip(cosine, -1, 1)), atol=1e-5)
    with pytest.raises(UsageError, match="sine: expected inputs whose variance"):
        kernels(fully_connected(1, "sine"), size * x)


def test_the_sine_of_inputs_of_size_a_thousand_is_white():
    x = 1e3 * np.random.default_rng(0).normal(size=(5, 3))
    found = kernels(fully_connected(1, "sine"), x, get="nngp").nngp
    np.testing.assert_allclose(found, np.eye(5) / 2, atol=1e-9)


def test_a_kernel_that_overflows_on_the_way_is_an_error_not_a_nan():
    with pytest.raises(UsageError, match="a kernel that overflows. Scale the inputs"):
        kernels(fully_connected(4, "quadratic"), 1e30 * np.eye(2))


def test_residuals_whose_squares_overflow_are_refused():
    with pytest.raises(DataError, match="residual: expected a largest entry below 1e"):
        kernel_dynamics(np.eye(2)).loss([1e200, 0.0], [0, 1, math.inf])


def test_a_step_that_makes_a_course_overflow_gives_infinity():
    course = expected_course(np.eye(2), Y, 1, 1e300, 3)
    assert course.loss.tolist() == [1.0, math.inf, math.inf, math.inf]


def test_a_network_is_not_a_list_of_layers():
    from overparam.models import mlp

    with pytest.raises(UsageError, match="dense_network"):
        kernels(mlp(2, (3,), 1), np.eye(2))


@pytest.mark.parametrize("step", [1, 0.5, np.int64(1), np.float32(0.5), jnp.float32(0.5), np.array(2.0)])
def test_every_scalar_is_a_number(step):
    assert positive(step, "step") == float(step)


@pytest.mark.parametrize("step", [True, 0, -1.0, math.nan, math.inf, "1", [1.0], None, 1j, 10**400])
def test_what_is_no_positive_number_is_refused(step):
    with pytest.raises(UsageError, match="step: expected a positive number, or so, got"):
        positive(step, "step", ", or so")


def test_numbers_are_copied_and_bounded_by_their_largest():
    given = np.array([1e-9, 1.0])
    out = numbers(given, "x", 1e-3, 1e3)
    out[0] = 5.0
    assert given[0] == 1e-9
    assert numbers([0.0], "x", 1e-3).tolist() == [0.0]
    assert math.isnan(numbers([math.nan, None], "x")[1])
    with pytest.raises(
        DataError, match="x: expected a largest entry above 1e-03 in size, got 1e-09. Rescale it."
    ):
        numbers([1e-9], "x", 1e-3)


def test_narrow_floats_of_jax_are_numbers():
    assert array_of(jnp.ones(2, jnp.bfloat16), "x").tolist() == [1.0, 1.0]
