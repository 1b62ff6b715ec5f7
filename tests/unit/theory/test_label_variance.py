"""Planted noise is recovered: within 15 % of it, and inside the interval about as often as it says."""

import numpy as np
import pytest

from overparam.theory.label_variance import estimate_noise

N = 400


def energies(decay, power, noise, rng, signal=1.0, n=N):
    """Squared projections of a signal that follows a power of the spectrum, and of noise."""
    e = np.arange(1, n + 1.0) ** -decay
    own = e**power
    v = np.sqrt(signal * n * own / own.sum()) * rng.standard_normal(n)
    return e, np.square(v + np.sqrt(noise) * rng.standard_normal(n))[:, None]


@pytest.mark.parametrize("decay", [1.5, 3.0])
@pytest.mark.parametrize("power", [1.0, 1.7])
@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_planted_noise_is_recovered(decay, power, noise):
    rng = np.random.default_rng(0)
    found = [estimate_noise(*energies(decay, power, noise, rng)) for _ in range(30)]
    assert np.median([f.variance for f in found]) == pytest.approx(noise, rel=0.15)
    inside = sum(f.low <= noise <= f.high for f in found)
    assert inside >= 24
    assert all(f.low <= f.variance <= f.high for f in found)


def test_no_noise_is_told_from_noise():
    found = [estimate_noise(*energies(3.0, 1.0, 0.0, np.random.default_rng(s))) for s in range(5)]
    assert all(f.variance < 1e-6 for f in found)


def test_pure_noise_is_all_noise():
    found = [estimate_noise(*energies(3.0, 1.0, 1.0, np.random.default_rng(s), signal=0.0)) for s in range(9)]
    assert np.median([f.variance for f in found]) == pytest.approx(1.0, rel=0.1)


def test_a_flat_spectrum_cannot_tell_and_says_so():
    rng = np.random.default_rng(0)
    found = estimate_noise(np.ones(N), np.square(rng.standard_normal((N, 1))))
    assert found.low == 0
    assert found.high > 0.9


def test_directions_out_of_reach_tell_of_the_noise_alone():
    rng = np.random.default_rng(0)
    e = np.r_[np.ones(20), np.zeros(380)]
    y = np.r_[30 * rng.standard_normal(20), np.zeros(380)] + 2 * rng.standard_normal(400)
    found = estimate_noise(e, np.square(y)[:, None])
    assert found.variance == pytest.approx(np.square(y[20:]).mean(), rel=0.02)


def test_outputs_are_summed_and_an_output_of_zeros_adds_nothing():
    rng = np.random.default_rng(0)
    e, one = energies(3.0, 1.0, 0.5, rng)
    both = estimate_noise(e, np.c_[one, one, np.zeros(N)])
    assert both.variance == pytest.approx(2 * estimate_noise(e, one).variance)


def test_the_scale_of_the_kernel_does_not_matter():
    e, one = energies(3.0, 1.0, 0.5, np.random.default_rng(0))
    assert estimate_noise(1e6 * e, one).variance == pytest.approx(estimate_noise(e, one).variance, rel=1e-6)
