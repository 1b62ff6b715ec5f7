"""Exact learning curves, against every sample of tiny cases, quadrature, asymptotics and the best learner there is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate

from overparam.core.errors import DataError, UsageError
from overparam.theory.bousquet2021 import (
    finite_error,
    integer_threshold_error,
    least_threshold_error,
    memorizer_error,
    tail_mass,
    threshold_error,
)


def over_all_samples(p, n, error):
    """Mean and standard deviation of an error over every sequence of n points, weighted by its probability."""
    first = second = 0.0
    for sample in itertools.product(range(len(p)), repeat=n):
        weight, value = math.prod(p[i] for i in sample), error(sample)
        first, second = first + weight * value, second + weight * value**2
    return first, math.sqrt(max(second - first**2, 0.0))


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_a_finite_class_is_that_of_every_sample(n):
    p = [0.5, 0.3, 0.15, 0.05]
    mean, deviation = over_all_samples(p, n, lambda sample: sum(w for i, w in enumerate(p) if i not in sample))
    found = finite_error([n], p)
    assert found.error[0] == pytest.approx(mean, rel=1e-12)
    assert found.deviation[0] >= deviation - 1e-12
    assert found.deviation[0] <= 2 * deviation + 1e-12
    assert 0.05 * 0.95**n <= found.error[0] <= 0.95**n + 1e-15


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("target", [1, 2, 4])
def test_thresholds_on_whole_numbers_are_those_of_every_sample(n, target):
    ratio = 0.4
    p = [(1 - ratio) * ratio**i for i in range(target - 1)]
    p += [1 - sum(p)]  # all positive points as one: the learner does not look at them

    def error(sample):
        largest = max((i for i in sample if i < target - 1), default=-1)
        return sum(p[i] for i in range(largest + 1, target - 1))

    mean, deviation = over_all_samples(p, n, error)
    found = integer_threshold_error([n], ratio, target)
    assert found.error[0] == pytest.approx(mean, abs=1e-14)
    assert found.deviation[0] == pytest.approx(deviation, abs=1e-7)


def test_without_a_positive_label_the_same_learner_falls_like_one_over_n():
    n = 2.0 ** np.arange(3, 30)
    found = integer_threshold_error(n, 0.5)
    assert (found.error * n > 0.5).all()  # less than the integral of (1 - t)^n, and more than half of it
    assert (found.error * (n + 1) < 1).all()
    far = integer_threshold_error(
        [50.0, 1000.0], 0.5, 40
    ).error  # before so many samples see the target, the same
    assert far == pytest.approx(integer_threshold_error([50.0, 1000.0], 0.5).error, rel=1e-6)
    fall = integer_threshold_error([200, 201], 0.5, 4).error
    assert fall[1] / fall[0] == pytest.approx(7 / 8, rel=1e-6)


@pytest.mark.parametrize("c", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_thresholds_on_the_line_are_those_of_quadrature(c, n):
    """Of the middle of the gap, from the joint law of both gaps: P(U > u, V > v) = (1 - u - v)^n."""
    difference = 0.0  # E |U - V| by layers: the integral of P(U > t >= V) + P(V > t >= U)
    for t in np.linspace(0, 1, 20_001)[:-1] + 0.5 / 20_000:
        u, v = (1 - t) ** n * (t < c), (1 - t) ** n * (t < 1 - c)
        both = (1 - 2 * t) ** n if t < min(c, 1 - c) else 0.0
        difference += (u + v - 2 * both) / 20_000
    found = threshold_error([n], c)
    assert found.error[0] == pytest.approx(difference / 2, rel=1e-3)


def test_thresholds_agree_with_draws_and_with_the_best_learner_on_average():
    rng = np.random.default_rng(0)
    x, n = rng.uniform(size=(40_000, 6)), 6
    low, high = np.where(x < 0.3, x, 0).max(axis=1), np.where(x >= 0.3, x, 1).min(axis=1)
    errors = np.abs((low + high) / 2 - 0.3)
    found = threshold_error([n], 0.3)
    assert errors.mean() == pytest.approx(found.error[0], abs=5 * errors.std() / 200)
    assert errors.std() <= found.deviation[0]
    mean = integrate.quad(lambda c: float(threshold_error([n], c).error[0]), 0, 1)[0]
    assert mean == pytest.approx(float(least_threshold_error([n])[0]), rel=1e-9)
    # no other place in the gap is better on average over targets
    for share in (0.3, 0.45, 0.7):
        c = rng.uniform(size=(40_000, 1))
        low, high = np.where(x < c, x, 0).max(axis=1), np.where(x >= c, x, 1).min(axis=1)
        other = np.abs(low + share * (high - low) - c[:, 0])
        assert other.mean() > float(least_threshold_error([n])[0]) - 5 * other.std() / 200


@pytest.mark.parametrize(("tail", "exponent"), [("power", 1.0), ("power", 0.3), ("log", 1.0), ("loglog", 1.0)])
def test_a_memorizer_is_the_sum_over_very_many_points(tail, exponent):
    mass = tail_mass(np.arange(200_001.0), tail, exponent)
    p, n = -np.diff(mass), np.array([0.0, 1.0, 30.0, 1000.0])
    head = (p * np.exp(n[:, None] * np.log1p(-p))).sum(axis=1)
    least, most = head + mass[-1] * (1 - p[-1]) ** n, head + mass[-1]
    found = memorizer_error(n, tail, exponent)
    assert (found.error >= least * (1 - 1e-9)).all()
    assert (found.error <= most * (1 + 1e-9)).all()
    # as slow as one likes: the points of probability up to 1/n are mostly unseen
    rare = mass[np.argmax(p <= 1 / 1000)]
    assert found.error[-1] >= (1 - 1 / 1000) ** 1000 * rare


def test_powers_have_their_constant_and_other_tails_no_power():
    far = np.array([1e10, 1e12])
    for a in (0.1, 0.5, 1.0):
        law = math.gamma(a / (1 + a)) / (1 + a) * a ** (1 / (1 + a)) * far ** (-a / (1 + a))
        assert memorizer_error(far, "power", a).error == pytest.approx(law, rel=1e-4)
    for tail in ("log", "loglog"):
        n = 10.0 ** np.arange(2, 15)
        slopes = np.diff(np.log10(memorizer_error(n, tail).error))
        assert (np.diff(slopes) > 0).all()
        assert -0.05 < slopes[-1] < 0


def test_a_memorizer_of_a_finite_law_agrees_with_its_deviation_in_draws():
    rng = np.random.default_rng(1)
    points = np.ceil(rng.uniform(size=(2000, 200)) ** -1.0 - 1)
    errors = []
    for row in points:
        seen = np.unique(row)
        errors.append(1 - (1 / seen - 1 / (1 + seen)).sum())
    found = memorizer_error([200], "power", 1.0)
    assert np.mean(errors) == pytest.approx(found.error[0], abs=5 * np.std(errors) / 2000**0.5)
    assert np.std(errors) <= 1.1 * found.deviation[0]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: finite_error([1.5], [1.0]), UsageError, "samples: expected whole numbers of at least 0"),
        (
            lambda: finite_error([1], [0.5, 0.4]),
            DataError,
            "probabilities: expected numbers with the sum 1, got 0.9",
        ),
        (
            lambda: finite_error([math.inf], [1.0]),
            UsageError,
            r"samples: expected whole numbers from 0 to 1e\+15, got inf",
        ),
        (
            lambda: integer_threshold_error([1], 1.0),
            UsageError,
            "ratio: expected a number from 0.01 to 0.999, got 1.0",
        ),
        (
            lambda: integer_threshold_error([1], 0.5, 2.5),
            UsageError,
            "target: expected a whole number from 1 to 10,000",
        ),
        (lambda: threshold_error([1], -0.1), UsageError, "target: expected a number from 0 to 1, got -0.1"),
        (lambda: memorizer_error([1], "exponential"), UsageError, "unknown tail 'exponential'"),
        (
            lambda: memorizer_error([1], "power", 0.0),
            UsageError,
            "exponent: expected a number from 0.01 to 10, got 0.0",
        ),
        (lambda: tail_mass([-1.0], "log"), DataError, "points: expected no negative number, got -1"),
    ],
)
def test_bad_input_is_refused_with_its_reason(call, error, text):
    with pytest.raises(error, match=text):
        call()
