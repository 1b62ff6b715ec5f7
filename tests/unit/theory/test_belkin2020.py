"""The exact risk on weak features against simulated regressions and limits."""

import numpy as np
import pytest

from overparam.errors import UsageError
from overparam.theory.belkin2020 import weak_features_risk


@pytest.mark.parametrize(("n", "p"), [(12, 5), (6, 20), (30, 30 - 6), (24, 30)])
def test_mean_of_simulated_regressions_is_the_formula(n, p):
    rng = np.random.default_rng([n, p])
    b = rng.standard_normal(30) / 5
    x = rng.standard_normal((4000, n, 30))
    y = x @ b + 0.5 * rng.standard_normal((4000, n))
    fitted = np.zeros((4000, 30))
    fitted[:, :p] = (np.linalg.pinv(x[:, :, :p]) @ y[..., None])[..., 0]
    risks = ((fitted - b) ** 2).sum(axis=1) + 0.25
    exact = weak_features_risk(b, n, [p], noise=0.25)[0]
    assert abs(risks.mean() - exact) < 4 * risks.std() / np.sqrt(4000)


def test_poles_and_limits():
    b = [0.6, 0.8]
    assert np.isinf(weak_features_risk(b, 2, [1, 2], noise=0.1)).all()
    assert weak_features_risk(b, 2, [2]).tolist() == [0.0]
    assert weak_features_risk(b, 10**9, [2], noise=0.3)[0] == pytest.approx(0.3)
    assert weak_features_risk(b, 0, [2], noise=0.3)[0] == pytest.approx(1.3)


def test_bad_numbers_are_refused():
    for bad in ({"n": -1, "widths": [1]}, {"n": 3, "widths": [5]}, {"n": 3, "widths": [1], "noise": -0.1}):
        with pytest.raises(UsageError):
            weak_features_risk([1.0], **bad)
