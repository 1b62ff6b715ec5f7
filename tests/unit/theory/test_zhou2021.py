"""The population loss of relu students: Monte Carlo, differences, and the two laws of its descent."""

import math

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.testing import check_theorem
from overparam.theory.zhou2021 import THEOREMS, population_gradient, population_loss, population_path

RNG = np.random.default_rng(0)
STUDENTS, TEACHERS = RNG.standard_normal((3, 4)), RNG.standard_normal((2, 4))
A, B = np.array([1.0, -0.5, 2.0]), np.array([0.7, 1.0])


def simulate(students, teachers, weights=None, teacher_weights=None, n=200_000):
    x = np.random.default_rng(1).standard_normal((n, np.shape(students)[1]))
    f = np.maximum(x @ np.transpose(students), 0) @ (np.ones(len(students)) if weights is None else weights)
    y = np.maximum(x @ np.transpose(teachers), 0) @ (
        np.ones(len(teachers)) if teacher_weights is None else teacher_weights
    )
    half = 0.5 * (f - y) ** 2
    return half.mean(), half.std() / math.sqrt(n)


def test_the_loss_is_that_of_a_simulation():
    check_theorem(THEOREMS[0], simulate, tolerance=1e-9, z=4)
    mean, error = simulate(STUDENTS, TEACHERS, A, B)
    assert abs(population_loss(STUDENTS, TEACHERS, weights=A, teacher_weights=B) - mean) < 4 * error


def test_the_gradient_is_that_of_differences():
    found = population_gradient(STUDENTS, TEACHERS, weights=A, teacher_weights=B)
    for at in np.ndindex(STUDENTS.shape):
        e = np.zeros_like(STUDENTS)
        e[at] = 1e-5
        up, down = (population_loss(STUDENTS + s * e, TEACHERS, weights=A, teacher_weights=B) for s in (1, -1))
        assert found[at] == pytest.approx((up - down) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("angle", [1e-9, 1e-5, 0.0499, 0.0501, 1.0, math.pi - 1e-7])
def test_no_digit_is_lost_near_a_teacher(angle, monkeypatch):
    """One student and one teacher of norm 1 at an angle t: L = (1 - cos t)/2 - (sin t - t cos t)/(2 pi), by mpmath's digits."""
    from decimal import Decimal, getcontext

    monkeypatch.setattr(getcontext(), "prec", 60)
    t = Decimal(angle)
    sine, cosine, power, k = Decimal(0), Decimal(0), Decimal(1), 0
    while k < 60:
        sign = Decimal(-1) ** (k // 2)
        if k % 2:
            sine += sign * power
        else:
            cosine += sign * power
        k += 1
        power *= t / k
    pi = Decimal("3.14159265358979323846264338327950288419716939937510")
    exact = float((1 - cosine) / 2 - (sine - t * cosine) / (2 * pi))
    found = population_loss([[math.cos(angle), math.sin(angle)]], [[1.0, 0.0]])
    assert found == pytest.approx(exact, rel=1e-9 if angle > 1e-8 else 1e-6)


def test_students_that_share_a_teacher_have_no_loss_and_no_gradient():
    shared = np.array([[0.2, 0.0], [0.3, 0.0], [0.5, 0.0], [0.0, 2.0]])
    teachers = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert population_loss(shared, teachers) < 1e-16
    assert np.abs(population_gradient(shared, teachers)).max() < 1e-15


@pytest.mark.parametrize(
    "students", [2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)]
)
def test_one_teacher_and_several_students_fall_as_the_third_power(students):
    """Xu and Du 2023: the slope is -3.0 +- 0.1, and the gradient's norm goes as loss^(2/3)."""
    start = (
        np.array([[1.0, 0.0, 0.0]]) + 0.3 * np.random.default_rng(5).standard_normal((students, 3))
    ) / students
    path = population_path(
        start, [[1.0, 0.0, 0.0]], np.logspace(3, 4.5, 4) if students == 2 else np.logspace(3.5, 5, 4)
    )
    slopes = np.diff(np.log(path.loss)) / np.diff(np.log(path.times))
    assert abs(slopes[-1] + 3) < 0.1
    exponents = np.diff(np.log(path.gradient)) / np.diff(np.log(path.loss))
    np.testing.assert_allclose(exponents, 2 / 3, atol=0.02)
    assert (np.diff(path.angle) < 0).all()


def test_one_student_falls_exponentially_and_descent_is_a_plain_loop():
    start, teacher = np.array([[0.5, 0.4]]), np.array([[1.0, 0.0]])
    flow = population_path(start, teacher, [0.0, 10.0, 20.0])
    rates = -np.diff(np.log(flow.loss)) / 10
    assert rates[1] == pytest.approx(rates[0], rel=0.2)
    assert flow.loss[-1] < 1e-7
    steps = population_path(start, teacher, [0, 3], rate=0.2)
    w = start.copy()
    for _ in range(3):
        w = w - 0.2 * population_gradient(w, teacher)
    np.testing.assert_allclose(steps.students[-1], w, rtol=1e-14)
    near = population_path(start, teacher, [0, 500], rate=0.02)
    assert near.loss[-1] == pytest.approx(
        flow.loss[1], rel=0.1
    )  # descent with a small step is flow, up to rate / 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"teachers": [[1.0, 0.0]]}, DataError, "teachers: expected 4 features"),
        ({"students": [[np.nan] * 4]}, DataError, "students: expected finite"),
        ({"weights": [1.0]}, DataError, r"weights: expected one number a unit, shape \(3,\)"),
        ({"times": [0.0, math.inf]}, UsageError, "times: expected finite ones that ascend"),
        ({"times": [1.0, 1.0]}, UsageError, "times: expected finite ones that ascend"),
        ({"rate": -1.0, "times": [1]}, UsageError, "rate: expected a positive number"),
        ({"rate": 1e3, "times": [500]}, UsageError, "rate: expected one with which the loss falls"),
    ],
)
def test_what_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        population_path(**{"students": STUDENTS, "teachers": TEACHERS, "times": [0.0, 1.0], **given})
