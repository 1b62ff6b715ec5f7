"""check_rule finds rules that support nulls and rules that miss effects."""

import pytest

from overparam.api.testing import check_rule
from overparam.core import Claim, Control, Evidence, Finding
from overparam.core.stats import mean_interval, part


def claim(judge):
    return Claim("mean", "The mean is positive.", (), "", "mean >= 0", judge, Control("none", judge))


def honest(evidence):
    interval = mean_interval([v["x"] for _, v in evidence.rows])
    return Finding((part("mean", interval, at_least=0.0),))


def eager(evidence):
    """Drops the smallest seed: a selection in the claim's favour."""
    interval = mean_interval(sorted(v["x"] for _, v in evidence.rows)[1:])
    return Finding((part("mean", interval, at_least=0.0),))


def plant(mean):
    return lambda rng: Evidence(tuple(({"seed": s}, {"x": mean + rng.normal()}) for s in range(5)))


def test_an_honest_rule_passes_with_its_counts():
    counts = check_rule(claim(honest), plant(0.0), plant(3.0))
    assert sum(counts["null"].values()) == sum(counts["effect"].values()) == 200
    assert 1 <= counts["null"]["supported"] <= 10
    assert counts["effect"]["supported"] >= 180
    assert counts == check_rule(claim(honest), plant(0.0), plant(3.0))
    assert counts != check_rule(claim(honest), plant(0.0), plant(3.0), seed=1)


def test_a_rule_that_selects_in_its_favour_fails():
    with pytest.raises(
        AssertionError, match=r"'mean': expected at most 10 of 200 planted nulls supported, got \d\d"
    ):
        check_rule(claim(eager), plant(0.0), plant(3.0))


def test_a_rule_without_power_fails():
    with pytest.raises(
        AssertionError, match=r"expected at least 90% of 200 planted effects supported, got \d+ \(.*Add"
    ):
        check_rule(claim(honest), plant(0.0), plant(0.5))
