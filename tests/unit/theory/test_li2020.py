"""Early stopping on a fixed kernel: against a plain loop of gradient descent, and on planted spectra."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.li2020 import THEOREMS, early_stopping, mode_energies, top_alignment
from overparam.theory.testing import check_theorem

RNG = np.random.default_rng(0)
J = RNG.standard_normal((6, 9))
K = J @ J.T
GIVEN, CLEAN, START = RNG.standard_normal((3, 6, 2))
RATE = 0.9 / np.linalg.eigvalsh(K)[-1]


def test_the_theorem_keeps_its_contract():
    check_theorem(THEOREMS[0])


def test_the_curves_are_those_of_descent_on_a_linear_model():
    times = [0, 1, 7, 40]
    found = early_stopping(K, GIVEN, CLEAN, times, rate=RATE, start=START)
    theta, at = np.zeros((9, 2)), 0
    for i, time in enumerate(times):
        for _ in range(time - at):
            theta -= RATE * J.T @ (START + J @ theta - GIVEN)
        at = time
        f = START + J @ theta
        assert found.clean_error[i] == pytest.approx(np.square(f - CLEAN).sum() / 6, rel=1e-9)
        assert found.loss[i] == pytest.approx(0.5 * np.square(f - GIVEN).sum() / 6, rel=1e-9)
        assert found.distance[i] == pytest.approx(np.linalg.norm(theta), rel=1e-9, abs=1e-12)
    assert found.best == times[int(found.clean_error.argmin())]
    assert found.gained == found.clean_error[-1] - found.least


def test_without_noise_stopping_gains_nothing_and_noise_on_slow_modes_is_dodged():
    lam, vectors = np.linalg.eigh(K)
    clean = vectors[:, -1]
    times = np.unique(np.logspace(0, 4, 60).astype(int))
    assert early_stopping(K, clean, clean, times, rate=RATE).gained == pytest.approx(0, abs=1e-12)
    noisy = clean + 0.5 * vectors[:, 0]
    found = early_stopping(K, noisy, clean, times, rate=RATE)
    # two modes in closed form
    a, b = (1 - RATE * lam[-1]) ** times, (1 - RATE * lam[0]) ** times
    np.testing.assert_allclose(found.clean_error, (a**2 + 0.25 * (1 - b) ** 2) / 6, atol=1e-12)
    assert found.gained > 0.02


def test_energies_are_squares_along_the_modes():
    vectors = np.linalg.eigh(K)[1]
    residuals = RNG.standard_normal((4, 6, 2))
    found = mode_energies(K, residuals)
    expected = np.square(np.einsum("nj,tno->tjo", vectors[:, ::-1], residuals)).sum(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), np.square(residuals).sum(axis=(1, 2)))
    np.testing.assert_allclose(
        mode_energies(K, residuals[:, :, 0]) + mode_energies(K, residuals[:, :, 1]), found
    )


def test_alignment_of_clusters_is_whole_in_as_many_modes_as_there_are():
    own = np.repeat(np.arange(3), 5)
    kernel = (own[:, None] == own[None]) + 1e-6 * np.eye(15)
    labels = np.array([1.0, -1.0, 1.0])[own]
    assert top_alignment(kernel, labels, 3) == pytest.approx(1.0, abs=1e-9)
    assert top_alignment(kernel, np.where(np.arange(15) == 0, 1.0, 0.0), 3) == pytest.approx(1 / 5, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: early_stopping(K, GIVEN, CLEAN[:, 0], [1]), DataError, "expected one shape"),
        (lambda: early_stopping(K, GIVEN[:3], CLEAN, [1]), DataError, "given: expected 6 rows"),
        (lambda: early_stopping(K, GIVEN, CLEAN, [500], rate=10 * RATE), UsageError, "rate: expected"),
        (lambda: early_stopping(K, GIVEN, CLEAN, [0.5], rate=RATE), UsageError, "whole numbers"),
        (lambda: mode_energies(K, GIVEN), DataError, r"residuals: expected shape \(times, 6\)"),
        (lambda: top_alignment(K, GIVEN, 7), UsageError, "top: expected a whole number of at most 6"),
        (lambda: top_alignment(K, np.zeros(6), 1), DataError, "not all 0"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
