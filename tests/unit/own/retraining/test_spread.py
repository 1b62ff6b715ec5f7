"""One interval over trainings and test examples: closed forms, coverage of both, no spread is no certainty."""

import numpy as np
import pytest
from scipy.stats import t as student

from overparam.own.retraining.spread import spread_of


def test_the_variance_is_that_of_both_margins():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 40))
    found = spread_of(values)
    seeds, examples = values.mean(1).var(ddof=1) / 6, values.mean(0).var(ddof=1) / 40
    assert found.of_seeds**2 == pytest.approx(seeds)
    assert found.of_examples**2 == pytest.approx(examples)
    freedom = (seeds + examples) ** 2 / (seeds**2 / 5 + examples**2 / 39)
    assert found.half == pytest.approx(student.ppf(0.975, freedom) * np.sqrt(seeds + examples))


def test_one_margin_alone_is_a_t_interval():
    means = np.array([1.0, 2.0, 4.0, 3.0])
    found = spread_of(np.repeat(means[:, None], 1000, axis=1))
    assert found.half == pytest.approx(student.ppf(0.975, 3) * means.std(ddof=1) / 2)


def test_no_spread_is_no_certainty():
    found = spread_of(np.zeros((5, 200)), step=100.0)
    assert 0.5 < found.high < 2.0
    one = spread_of(np.ones((1, 10)))
    assert one.low == -np.inf
    assert one.high == np.inf


@pytest.mark.parametrize(("seed_sd", "example_sd"), [(1.0, 0.0), (0.0, 4.0), (0.5, 3.0)])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(seed_sd, example_sd):
    """400 draws; 95 % coverage leaves at most 20 outside, and 4 standard deviations above it are 38."""
    rng, outside = np.random.default_rng(1), 0
    for _ in range(400):
        effects = seed_sd * rng.normal(size=(5, 1)) + example_sd * rng.normal(size=(1, 60))
        found = spread_of(effects + rng.normal(size=(5, 60)))
        outside += not found.low <= 0 <= found.high
    assert outside <= 38
