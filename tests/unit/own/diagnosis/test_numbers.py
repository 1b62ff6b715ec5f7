"""Ridge with one left out, neighbours, intervals: against refits, enumeration and published numbers."""

import numpy as np
import pytest
from scipy.stats import multinomial

from overparam.own.diagnosis.intervals import difference, error_of, mean_of, paired, share
from overparam.own.diagnosis.ridge import cosine, fit, margin, votes


def test_leaving_one_out_is_what_a_refit_without_it_predicts():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    kernel = features @ features.T + np.eye(12)
    found = fit(kernel, labels, 3)
    ridge = found.penalty * np.trace(kernel) / 12
    aims = np.eye(3)[labels] - found.centre
    for i in range(12):
        rest = np.delete(np.arange(12), i)
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + ridge * np.eye(11), aims[rest])
        assert np.allclose(found.out[i], kernel[i, rest] @ weights + found.centre, atol=1e-9)
    assert np.allclose(
        found.predict(kernel),
        kernel @ np.linalg.solve(kernel + ridge * np.eye(12), aims) + found.centre,
        atol=1e-9,
    )


def test_no_example_votes_for_itself_and_ties_to_a_wrong_label_stand_out():
    near = np.array([[9.0, 2.0, 1.0], [2.0, 9.0, 3.0], [1.0, 3.0, 9.0]])
    found = votes(near, np.array([0, 1, 1]), 2, np.arange(3))
    assert found.tolist() == [[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]]
    assert margin(found, np.array([0, 1, 1])).tolist() == [1.0, 0.0, 0.0]


def test_a_kernel_of_directions_has_ones_on_its_diagonal_and_bears_zeros():
    x = np.array([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    kernel = x @ x.T
    found = cosine(kernel, np.diag(kernel), np.diag(kernel))
    assert np.allclose(found, [[1, 0.8, 0], [0.8, 1, 0], [0, 0, 0]])


def test_the_paired_interval_covers_its_level():
    """All outcomes of 40 pairs, with their probabilities: Tango's interval may fall a little below 95 %, not more."""
    n = 40
    for lost, won in ((0.1, 0.1), (0.2, 0.05), (0.05, 0.01)):
        covered = 0.0
        for b in range(n + 1):
            for c in range(n + 1 - b):
                weight = float(multinomial.pmf([b, c, n - b - c], n, [lost, won, 1 - lost - won]))
                if weight > 1e-9:
                    low, high = paired(b, c, n)
                    covered += weight * (low <= lost - won <= high)
        assert covered > 0.935


def test_intervals_have_their_closed_forms():
    assert share(0, 60)[1] == pytest.approx(1 - 0.025 ** (1 / 60))
    assert difference((56, 70), (48, 80)) == pytest.approx(
        (0.0524, 0.3339), abs=1e-4
    )  # Newcombe 1998, table II (a)
    assert paired(5, 3, 797) == pytest.approx([-end for end in reversed(paired(3, 5, 797))])
    assert mean_of(np.array([1.0, 2.0, 3.0]), 0.95)[1:] == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)
    whole = error_of("error", np.array([0.0, 1.0, 0.0, 0.0]))
    assert (whole.value, whole.n) == (25.0, 4)
    assert whole.low == pytest.approx(100 * share(1, 4)[0])
    parts = error_of("error", np.array([0.5, 0.25, 0.0, 0.75]))
    assert 0 <= parts.low < parts.value < parts.high <= 100
