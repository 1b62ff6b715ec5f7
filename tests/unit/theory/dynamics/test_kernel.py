"""Closed-form dynamics against descent step by step, an ODE solver, exact fractions; and on singular kernels."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from overparam.core.errors import DataError, NullSpaceWarning, UsageError
from overparam.theory.dynamics import feature_dynamics, kernel_dynamics, linearised_loss
from overparam.theory.dynamics.factors import descent_factors, flow_factors

RNG = np.random.default_rng(0)
N, P, TESTS, OUTPUTS = 12, 30, 5, 2
J, J_TEST = RNG.standard_normal((N, P)) / 5, RNG.standard_normal((TESTS, P)) / 5
START, START_TEST = RNG.standard_normal((N, OUTPUTS)), RNG.standard_normal((TESTS, OUTPUTS))
Y = RNG.standard_normal((N, OUTPUTS))
KERNEL, CROSS = J @ J.T, J_TEST @ J.T
STEPS = (0, 1, 2, 7, 100, 401)


def simulated(rate, steps, divisor):
    """Gradient descent on the parameters of the linear model, one column of parameters an output."""
    theta, found = np.zeros((P, OUTPUTS)), []
    for step in range(max(steps) + 1):
        r = START + J @ theta - Y
        if step in steps:
            found.append((r, START_TEST + J_TEST @ theta, np.linalg.norm(theta), theta))
        theta = theta - rate * J.T @ r / divisor
    return [np.array(column) for column in zip(*found, strict=True)]


@pytest.mark.parametrize("loss", ["half sum", "mean"])
@pytest.mark.parametrize("make", ["kernel", "features"])
@pytest.mark.parametrize("share", [0.3, 0.999])
def test_descent_is_that_of_a_loop(loss, make, share):
    course = kernel_dynamics(KERNEL, loss) if make == "kernel" else feature_dynamics(J, loss)
    rate = share * course.largest_step()
    r, test, distance, theta = simulated(rate, STEPS, N if loss == "mean" else 1)
    r0 = START - Y
    assert np.allclose(course.residual(r0, STEPS, rate), r, rtol=0, atol=1e-10)
    assert np.allclose(course.predict(START_TEST, CROSS, r0, STEPS, rate), test, rtol=0, atol=1e-10)
    assert np.allclose(course.distance(r0, STEPS, rate), distance, rtol=1e-10)
    want = np.square(r).sum(axis=(1, 2)) / (2 * course.divisor)
    assert np.allclose(course.loss(r0, STEPS, rate), want, rtol=1e-9)
    assert np.allclose(-np.einsum("np,tno->tpo", J, course.dual(r0, STEPS, rate)), theta, atol=1e-10)


@pytest.mark.parametrize("loss", ["half sum", "mean"])
def test_flow_is_that_of_an_ode_solver(loss):
    course = kernel_dynamics(KERNEL, loss)
    times = [0.0, 0.3, 2.0, 30.0]
    c = N if loss == "mean" else 1
    solved = solve_ivp(
        lambda _, theta: -(J.T @ (START[:, 0] + J @ theta - Y[:, 0])) / c,
        (0, 30.0), np.zeros(P), t_eval=times, rtol=1e-11, atol=1e-13, method="DOP853",
    )  # fmt: skip
    theta = solved.y.T
    r0 = START[:, 0] - Y[:, 0]
    assert np.allclose(course.residual(r0, times), r0 + theta @ J.T, atol=1e-8)
    assert np.allclose(
        course.predict(START_TEST[:, 0], CROSS, r0, times), START_TEST[:, 0] + theta @ J_TEST.T, atol=1e-8
    )
    assert np.allclose(course.distance(r0, times), np.linalg.norm(theta, axis=1), atol=1e-8)


def test_infinity_is_the_minimum_norm_solution():
    course, r0 = kernel_dynamics(KERNEL), START - Y
    theta = -np.linalg.pinv(J) @ r0
    for rate in (None, 0.5 * course.largest_step()):
        assert np.allclose(
            course.predict(START_TEST, CROSS, r0, [math.inf], rate)[0], START_TEST + J_TEST @ theta
        )
        assert course.distance(r0, math.inf, rate)[0] == pytest.approx(np.linalg.norm(theta), rel=1e-10)
        assert course.residual(r0, math.inf, rate)[0] == pytest.approx(0.0, abs=1e-12)
    assert course.distance(r0, math.inf)[0] == pytest.approx(
        math.sqrt(np.trace(r0.T @ np.linalg.solve(KERNEL, r0))), rel=1e-9
    )


def test_tiny_eigenvalues_keep_their_digits():
    """Exact fractions: what is gone after t steps of a direction with s = 2^-50, and after flow."""
    s, t = Fraction(1, 2**50), 3
    exact = float(1 - (1 - s) ** t)
    assert descent_factors(np.array([float(s)]), np.array([3.0]))[1][0, 0] == pytest.approx(exact, rel=1e-15)
    assert flow_factors(np.array([1e-30]), np.array([2.0]))[1][0, 0] == pytest.approx(2e-30, rel=1e-15)
    course = feature_dynamics(np.diag([1.0, 1e-9]))  # eigenvalue 1e-18: lost in J J^T, known here
    assert course.distance([0.0, 1.0], math.inf)[0] == pytest.approx(1e9, rel=1e-12)
    with pytest.warns(NullSpaceWarning):
        kernel_dynamics(np.diag([1.0, 1e-18])).distance([0.0, 1.0], math.inf)


def test_a_singular_kernel_gives_numbers_and_a_warning_that_says_how_much():
    x = RNG.standard_normal((4, 6))
    j = x[[0, 1, 2, 2, 3]]  # one input twice, with different targets
    y = np.array([1.0, 2.0, 3.0, 5.0, 0.0])
    course = kernel_dynamics(j @ j.T)
    assert (course.null, course.rank, course.condition) == (1, 4, math.inf)
    share = 2.0 / np.square(y).sum()  # (3 - 5)^2 / 2
    assert course.null_share(y) == pytest.approx(share, rel=1e-9)
    text = rf"1 of 5 directions have eigenvalue zero.*; {share:.3g} of the squared residual lies there and is never"
    with pytest.warns(NullSpaceWarning, match=text):
        left = course.residual(-y, [10, math.inf])
    assert np.isfinite(left).all()
    assert left[-1] == pytest.approx([0, 0, 1, -1, 0], abs=1e-9)
    with pytest.warns(NullSpaceWarning):
        found = course.predict(np.zeros(3), RNG.standard_normal((3, 6)) @ j.T, -y, math.inf)
    assert np.isfinite(found).all()
    assert course.time_to(-y, 0.999) == math.inf  # the loss never falls below (1/2) 2
    assert math.isfinite(course.time_to(-y, 1.001))
    consistent = np.array([1.0, 2.0, 3.0, 3.0, 0.0])
    assert course.residual(-consistent, math.inf)[0] == pytest.approx(np.zeros(5), abs=1e-9)  # no warning


def test_more_samples_than_parameters_is_the_least_squares_solution():
    j, y = RNG.standard_normal((9, 4)), RNG.standard_normal(9)
    theta, *_ = np.linalg.lstsq(j, y, rcond=None)
    for course in (feature_dynamics(j), kernel_dynamics(j @ j.T)):
        assert (course.rank, course.null) == (4, 5)
        with pytest.warns(NullSpaceWarning, match="5 of 9 directions"):
            left = course.residual(-y, math.inf)[0]
        with pytest.warns(NullSpaceWarning, match="5 of 9 directions"):
            distance = course.distance(-y, math.inf)[0]
        assert left == pytest.approx(j @ theta - y, abs=1e-10)
        assert distance == pytest.approx(np.linalg.norm(theta), rel=1e-9)


def test_zero_rows_and_a_zero_kernel():
    course = kernel_dynamics(np.diag([1.0, 0.0]))
    with pytest.warns(NullSpaceWarning):
        assert course.residual([1.0, 1.0], math.inf).tolist() == [[0.0, 1.0]]
    nothing = kernel_dynamics(np.zeros((2, 2)))
    assert nothing.largest_step() == math.inf
    assert nothing.residual([1.0, 2.0], [5.0]).tolist() == [[1.0, 2.0]]
    assert nothing.time_to([1.0, 0.0], 0.1) == math.inf


@pytest.mark.parametrize("ratio", [0.7, 0.1, 1e-3, 1e-9])
def test_time_to_a_loss_is_the_first_step_that_reaches_it(ratio):
    course, r0 = kernel_dynamics(KERNEL), START - Y
    rate = 0.9 * course.largest_step()
    start = course.loss(r0, [0])[0]
    steps = course.time_to(r0, ratio * start, rate)
    before, at = course.loss(r0, [steps - 1, steps], rate)
    assert before > ratio * start >= at
    time = course.time_to(r0, ratio * start)
    assert course.loss(r0, [time])[0] == pytest.approx(ratio * start, rel=1e-9)
    assert course.time_to(r0, start) == 0.0


def test_the_largest_step_separates_convergence_from_divergence_also_with_momentum():
    course = kernel_dynamics(KERNEL, "mean")
    r0 = START - Y
    for momentum in (0.0, 0.5, 0.9):
        for share, falls in ((0.99, True), (1.01, False)):
            rate = share * course.largest_step(momentum)
            theta = previous = np.zeros((P, OUTPUTS))
            for _ in range(1500):
                step = theta - rate * J.T @ (START + J @ theta - Y) / N + momentum * (theta - previous)
                theta, previous = step, theta
            assert bool(np.linalg.norm(START + J @ theta - Y) < np.linalg.norm(r0)) == falls, (momentum, share)


def test_a_rate_above_the_limit_grows_as_predicted_and_is_refused_where_it_overflows():
    course, r0 = kernel_dynamics(KERNEL), START - Y
    rate = 1.1 * course.largest_step()
    r, *_ = simulated(rate, (5, 20), 1)
    assert np.allclose(course.residual(r0, [5, 20], rate), r, rtol=1e-9)
    for times in ([math.inf], [100_000]):
        with pytest.raises(UsageError, match=r"below the stability limit, got 1.1 times that limit"):
            course.residual(r0, times, rate)
    with pytest.raises(UsageError, match="expected one below"):
        course.time_to(r0, 0.1, rate)


def test_several_outputs_with_a_kernel_of_their_own():
    """Rows over samples and outputs: the mean loss divides by the samples, not by the rows."""
    j = RNG.standard_normal((8, 20))
    course = kernel_dynamics(j @ j.T, "mean", outputs=2)
    assert course.divisor == 4
    y = RNG.standard_normal(8)
    step = np.linalg.norm(y - j @ (0.01 * j.T @ y / 4)) ** 2 / 8
    assert course.loss(-y, [1], 0.01)[0] == pytest.approx(step, rel=1e-12)


def test_float32_kernels_have_the_rounding_of_float32():
    x = RNG.standard_normal((20, 3))
    kernel = x @ x.T
    kernel += 3e-6 * np.eye(20)  # below what float32 can tell from 0
    assert kernel_dynamics(kernel).null == 0
    assert kernel_dynamics(kernel.astype(np.float32)).null == 17


BAD = {
    "not square": (lambda: kernel_dynamics(np.ones((2, 3))), r"square matrix.*got shape \(2, 3\)"),
    "empty": (lambda: kernel_dynamics(np.ones((0, 0))), r"at least one row, got shape \(0, 0\)"),
    "NaN": (lambda: kernel_dynamics([[math.nan]]), "finite numbers, got 1 that are missing or infinite"),
    "asymmetric": (lambda: kernel_dynamics([[1.0, 0.5], [0.4, 1.0]]), "differ by 0.1 from their mirror"),
    "negative": (lambda: kernel_dynamics([[1.0, 2.0], [2.0, 1.0]]), "positive semidefinite matrix, got an eigenvalue of -1"),
    "targets": (lambda: kernel_dynamics(np.eye(2)).loss([1.0], [0]), r"expected 2 rows.*got shape \(1,\)"),
    "NaN target": (lambda: kernel_dynamics(np.eye(2)).loss([1.0, math.nan], [0]), "got 1 that are missing"),
    "cross": (
        lambda: kernel_dynamics(np.eye(2)).predict([0.0], np.ones((1, 3)), [1.0, 1.0], [0]),
        r"expected shapes \(n_test, 2\) and \(1,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_named(case):
    call, text = BAD[case]
    with pytest.raises(DataError, match=text):
        call()


def test_bad_arguments_are_named():
    course = kernel_dynamics(np.eye(2))
    for times, rate, text in (
        ([0.5], 0.1, "whole numbers"),
        ([-1], None, "at least 0"),
        ([math.nan], None, "at least 0"),
        ([], None, "at least 0"),
        ("soon", None, "at least 0"),
        ([1], -0.1, "rate: expected a positive number, or None"),
    ):
        with pytest.raises(UsageError, match=text):
            course.loss([1.0, 1.0], times, rate)
    with pytest.raises(UsageError, match="unknown loss 'half sums'. Did you mean 'half sum'"):
        kernel_dynamics(np.eye(2), "half sums")
    with pytest.raises(UsageError, match="divides the 3 rows"):
        kernel_dynamics(np.eye(3), outputs=2)
    with pytest.raises(UsageError, match="momentum: expected"):
        course.largest_step(1.0)


def test_linearised_loss_and_a_step_count_of_many_digits():
    kernel = np.diag([1.0, 1e-12])
    found = linearised_loss(kernel, [0.0, 1.0], [10**12], rate=1.0)[0]
    assert found == pytest.approx(0.5 * math.exp(-2), rel=1e-10)
