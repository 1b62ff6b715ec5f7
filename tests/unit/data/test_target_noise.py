"""Counts, nesting, the added error, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.core.errors import UsageError
from overparam.data.target_noise import target_noise


@given(st.integers(1, 200), st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_exactly_the_share_is_replaced_by_other_targets_and_the_rest_is_not(n, rate, seed):
    y = np.random.default_rng(seed).standard_normal(n).astype("float32")
    kept = y.copy()
    noisy, replaced = target_noise(y, rate, seed=seed)
    assert replaced.sum() == round(rate * n)
    assert np.array_equal(noisy[~replaced], y[~replaced])
    assert set(noisy.tolist()) <= set(y.tolist())
    assert np.array_equal(y, kept)


def test_noise_is_nested_over_rates_and_the_same_for_one_seed():
    y = np.arange(500.0)
    small, few = target_noise(y, 0.1, seed=3)
    large, many = target_noise(y, 0.4, seed=3)
    assert np.all(many[few])
    assert np.array_equal(small[few], large[few])
    assert np.array_equal(target_noise(y, 0.4, seed=3)[0], large)
    assert not np.array_equal(target_noise(y, 0.4, seed=4)[0], large)


def test_a_share_r_adds_an_error_of_twice_r_times_the_variance():
    y = np.random.default_rng(0).standard_normal((20_000, 2))
    noisy, _ = target_noise(y, 0.15, seed=0)
    assert noisy.shape == y.shape
    assert np.mean((noisy - y) ** 2) == pytest.approx(2 * 0.15, rel=0.05)


@pytest.mark.parametrize("rate", [-0.1, 1.1, True, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(UsageError, match="expected a rate from 0 to 1"):
        target_noise(np.ones(3), rate, seed=0)
