"""The edges of the Marchenko-Pastur law against large matrices, and the bound on gradient descent against runs."""

import math

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory.marchenko1967 import condition, descent_iterations


@pytest.mark.parametrize(("m", "n"), [(300, 900), (900, 300), (250, 1000)])
def test_edges_are_those_of_a_large_gaussian_matrix(m, n):
    s = np.linalg.svd(np.random.default_rng(0).standard_normal((m, n)), compute_uv=False)
    assert (s[0] / s[-1]) ** 2 == pytest.approx(condition(m, n), rel=0.12)


def test_condition_is_symmetric_and_grows_towards_the_square():
    sizes = [10, 50, 90, 99]
    values = [condition(100, n) for n in sizes]
    assert values == sorted(values)
    assert values == [condition(n, 100) for n in sizes]
    assert condition(7, 7) == math.inf


@pytest.mark.parametrize(("kappa", "tolerance"), [(2.0, 1e-3), (50.0, 1e-6), (1.0, 1e-2)])
def test_the_bound_is_met_by_the_worst_error_and_by_no_fewer_steps(kappa, tolerance):
    curvature = np.array([1.0, kappa])
    step = 2 / curvature.sum()
    error, steps = np.ones(2), 0
    while np.linalg.norm(error) > tolerance * np.sqrt(2):
        error, steps = error * (1 - step * curvature), steps + 1
    assert steps == math.ceil(descent_iterations(kappa, tolerance) - 1e-9)


def test_an_infinite_condition_never_ends():
    assert descent_iterations(math.inf, 0.1) == math.inf


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: condition(0, 3), "rows: expected a whole number of at least 1, got 0"),
        (lambda: descent_iterations(0.5, 0.1), "kappa: expected a condition number of at least 1, got 0.5"),
        (lambda: descent_iterations(2.0, 1.0), "tolerance: expected a number between 0 and 1, got 1.0"),
    ],
)
def test_bad_numbers_are_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call()
