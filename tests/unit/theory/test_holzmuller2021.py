import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.theory import isotropic_risk, noise_floor, risk_parts, weak_features_risk
from overparam.theory.assumption import failing
from overparam.theory.holzmuller2021 import NOT_APPLICABLE, assumptions
from tests import simulations


def test_it_is_not_undercut_by_tanh_features():
    p = (5, 15, 20, 30, 200)
    mean, error = simulations.noise_part(20, p, 1.0, repetitions=300)
    assert (mean + 3 * error >= noise_floor(20, p, 1.0)).all()
    assert mean[0] < 3 * noise_floor(20, [5], 1.0)[0]  # and it is not idle


def test_it_lies_below_what_is_known_exactly():
    p = np.array([2, 10, 18, 22, 40, 100])
    exact = weak_features_risk(np.zeros(100), 20, p, 2.0) - 2.0
    assert (noise_floor(20, p, 2.0) <= exact).all()
    p = np.array([100, 900, 1100, 5000])
    assert (noise_floor(1000, p, 1.0) <= isotropic_risk(p / 1000, 1.0, 1.0)).all()
    lam = 1 / np.arange(1, 2001)
    assert (
        noise_floor(100, [20, 90, 110, 800], 1.0)
        <= risk_parts(lam, lam, 100, [20, 90, 110, 800], 0, 1).variance
    ).all()


def test_one_hot_features_show_why_the_conditions_are_asked():
    """With n = p = 2 one-hot features the noise adds less than the bound: they have atoms and lose rank."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        z = np.eye(2)[rng.integers(0, 2, 2)]
        inverse = np.linalg.pinv(z)
        found.append(np.square(np.eye(2) @ inverse).sum() / 2)
    assert np.mean(found) < 1 < noise_floor(2, [2], 1.0)[0]
    assert [a.name for a in failing(assumptions(2, [2], np.eye(2)[[0, 1, 1]]))] == [
        "independent samples",
        "no atoms",
    ]


def test_conditions_are_checked_on_features():
    rng = np.random.default_rng(0)
    assert not failing(assumptions(20, [5], np.tanh(rng.standard_normal((30, 5)))))
    relu = np.maximum(rng.standard_normal((30, 15)), 0)
    assert [a.name for a in failing(assumptions(20, [5], relu))] == ["no atoms"]
    twice = np.repeat(rng.standard_normal((5, 8)), 3, axis=0)
    assert [a.name for a in failing(assumptions(20, [8], twice))] == [
        "independent samples",
        "invertible second moment",
    ]
    assert all(a.state == "unchecked" for a in assumptions(20, [8]))
    assert len(NOT_APPLICABLE) == 4


def test_bad_input_is_named():
    with pytest.raises(UsageError, match=r"p: expected whole numbers of at least 0, got \[2.5\]"):
        noise_floor(3, [2.5], 1.0)
    with pytest.raises(UsageError, match="noise: expected a finite number"):
        noise_floor(3, [2], -1.0)
