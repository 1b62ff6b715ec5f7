"""Ensembles against a sample of Gaussian starts, each trained by the linear model's own loop; and limits."""

import math

import numpy as np
import pytest

from overparam.core.errors import DataError, NullSpaceWarning, UsageError
from overparam.theory.dynamics import ensemble, kernel_dynamics

RNG = np.random.default_rng(5)
N, TESTS, DRAWS, RATE = 6, 3, 4096, 0.15
POINTS = RNG.standard_normal((N + TESTS, 4))
GAPS = np.square(POINTS[:, None] - POINTS[None]).sum(axis=-1)
NNGP = np.exp(-GAPS / 4)
NTK = NNGP + 0.5 * POINTS @ POINTS.T
Y = RNG.standard_normal(N)
TRAIN, TEST = slice(0, N), slice(N, None)
STEPS = (0, 3, 60)


def given():
    return {"cross_ntk": NTK[TEST, TRAIN], "cross_nngp": NNGP[TEST, TRAIN], "test_nngp": NNGP[TEST, TEST]}


def sampled(steps):
    """Outputs on all inputs of 4,096 Gaussian starts after ``steps`` of kernel gradient descent, one by one."""
    outputs = RNG.multivariate_normal(np.zeros(N + TESTS), NNGP, DRAWS, method="cholesky")
    for _ in range(steps):
        outputs = outputs - RATE * (outputs[:, TRAIN] - Y) @ NTK[TRAIN, :]
    return outputs


@pytest.mark.parametrize("steps", STEPS)
def test_mean_and_covariance_are_those_of_a_sample(steps):
    outputs = sampled(steps)
    arms = ((TRAIN, {}), (TEST, given()))
    for part, extra in arms:
        found = ensemble(NTK[TRAIN, TRAIN], NNGP[TRAIN, TRAIN], Y, [steps], RATE, **extra)
        mean, covariance = outputs[:, part].mean(axis=0), np.cov(outputs[:, part].T)
        variance = np.diagonal(found.covariance[0])
        assert (np.abs(found.mean[0] - mean) < 5 * np.sqrt(variance / DRAWS) + 1e-12).all()
        spread = np.sqrt((np.multiply.outer(variance, variance) + found.covariance[0] ** 2) / DRAWS)
        assert (np.abs(found.covariance[0] - covariance) < 5 * spread + 1e-12).all()


def test_at_infinity_train_outputs_are_targets_and_test_outputs_follow_lee():
    t_inv = np.linalg.inv(NTK[TRAIN, TRAIN])
    a = NTK[TEST, TRAIN] @ t_inv
    k, cross = NNGP[TRAIN, TRAIN], NNGP[TEST, TRAIN]
    want = NNGP[TEST, TEST] + a @ k @ a.T - (a @ cross.T + cross @ a.T)
    for rate in (None, RATE):
        found = ensemble(NTK[TRAIN, TRAIN], k, Y, [math.inf], rate, **given())
        assert np.allclose(found.mean[0], a @ Y)
        assert np.allclose(found.covariance[0], want)
        train = ensemble(NTK[TRAIN, TRAIN], k, Y, [math.inf], rate)
        assert np.allclose(train.mean[0], Y)
        assert train.sd[0] == pytest.approx(np.zeros(N), abs=1e-7)


def test_a_tangent_kernel_equal_to_the_covariance_is_the_gaussian_process_posterior():
    """Then training to the end samples the posterior of noiseless Gaussian-process regression."""
    k = NNGP[TRAIN, TRAIN]
    found = ensemble(
        k, k, Y, [math.inf],
        cross_ntk=NNGP[TEST, TRAIN], cross_nngp=NNGP[TEST, TRAIN], test_nngp=NNGP[TEST, TEST],
    )  # fmt: skip
    posterior = NNGP[TEST, TEST] - NNGP[TEST, TRAIN] @ np.linalg.solve(k, NNGP[TRAIN, TEST])
    assert np.allclose(found.covariance[0], posterior)


def test_on_the_training_inputs_both_forms_agree_and_outputs_are_columns():
    k, t = NNGP[TRAIN, TRAIN], NTK[TRAIN, TRAIN]
    many = np.stack([Y, 2 * Y, -Y], axis=1)
    times = [0.0, 1.0, math.inf]
    train = ensemble(t, k, many, times, loss="mean")
    test = ensemble(t, k, many, times, loss="mean", cross_ntk=t, cross_nngp=k, test_nngp=k)
    assert np.allclose(train.mean, test.mean)
    assert np.allclose(train.covariance, test.covariance)
    assert train.mean.shape == (3, N, 3)
    assert np.allclose(train.mean[..., 1], 2 * train.mean[..., 0])
    assert np.allclose(train.mean[1, :, 0], Y + kernel_dynamics(t, "mean").residual(-Y, [1.0])[0])


def test_a_duplicated_input_keeps_its_spread_and_gives_no_nan():
    pick = [0, 1, 1]
    with pytest.warns(NullSpaceWarning):
        found = ensemble(NTK[np.ix_(pick, pick)], NNGP[np.ix_(pick, pick)], [1.0, 2.0, 4.0], [math.inf])
    assert np.isfinite(found.covariance).all()
    assert found.mean[0] == pytest.approx([1.0, 3.0, 3.0])


def test_bad_inputs_are_named():
    t, k = NTK[TRAIN, TRAIN], NNGP[TRAIN, TRAIN]
    with pytest.raises(UsageError, match="together, or none of them"):
        ensemble(t, k, Y, [0], cross_ntk=t)
    with pytest.raises(DataError, match=r"nngp: expected shape \(6, 6\), as the tangent kernel, got \(5, 5\)"):
        ensemble(t, k[:5, :5], Y, [0])
    with pytest.raises(DataError, match=r"expected shape \(3, 6\), got \(6, 3\)"):
        ensemble(t, k, Y, [0], **{**given(), "cross_ntk": NTK[TRAIN, TEST]})
