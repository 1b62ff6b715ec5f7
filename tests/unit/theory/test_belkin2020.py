import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory import isotropic_risk, weak_features_risk
from tests import simulations

B = np.full(60, 60**-0.5)


def test_simulated_regressions_agree_away_from_the_peak():
    p = (0, 3, 6, 24, 40, 60)
    mean, error = simulations.weak_features(B, 15, p, 0.25, repetitions=500)
    theory = weak_features_risk(B, 15, p, 0.25)
    assert (np.abs(mean - theory) <= 3 * error + 1e-12).all()
    assert (error / theory < 0.1).all()


@pytest.mark.slow
def test_two_thousand_repetitions_agree():
    p = (5, 10, 14, 26, 30, 45, 60)
    mean, error = simulations.weak_features(B, 20, p, 0.25, repetitions=2000)
    assert (np.abs(mean - weak_features_risk(B, 20, p, 0.25)) <= 3 * error).all()


def test_large_sizes_are_the_isotropic_limit():
    for p in (5000, 20_000):
        exact = weak_features_risk(np.full(p, p**-0.5), 10_000, [p], 0.5)[0] - 0.5
        assert exact == pytest.approx(isotropic_risk(p / 10_000, 1.0, 0.5)[0], rel=1e-3)


def test_it_is_infinite_next_to_n_only_if_there_is_something_to_amplify():
    b = np.ones(9)
    assert weak_features_risk(b, 5, [3, 4, 5, 6, 7], 0.0).tolist() == [24.0, np.inf, np.inf, np.inf, 14.0]
    seen = np.r_[np.ones(3), np.zeros(6)]
    assert weak_features_risk(seen, 5, [3, 4, 5, 6], 0.0) == pytest.approx([0, 0, 0, 3 * (1 - 5 / 6)])


def test_no_features_leave_everything():
    assert weak_features_risk([3.0, 4.0], 1, [0, 1, 2], 1.0).tolist() == [26.0, np.inf, np.inf]


def test_bad_input_is_named():
    with pytest.raises(UsageError, match="widths: expected at most 2, the number of coefficients, got 3"):
        weak_features_risk([1.0, 2.0], 5, [3])
    with pytest.raises(DataError, match="coefficients: expected finite numbers, got 1"):
        weak_features_risk([1.0, np.inf], 5, [1])
