"""What planned seeds can see: the seeds that are named find the planted effect as often as is said."""

from dataclasses import replace

import pytest

from overparam.core import registry
from overparam.core.stats import sign_interval
from overparam.sweep.powers import _agreeing, powers
from overparam.sweep.run import make_plan


def found(name, out):
    study = registry.get(name)
    return {one.claim: one for one in powers(make_plan(study, "laptop", out=out))}


def share_found(claim, seeds, draws=60):
    """How often a planted effect is found with some seeds."""
    import numpy as np

    claim, world = replace(claim, note=None), claim.effect.but(seeds=seeds)
    return sum(claim.judge(world(np.random.default_rng(i))).status == "supported" for i in range(draws)) / draws


@pytest.mark.parametrize("name", ["gap", "eigenvalue"])
def test_the_seeds_that_are_asked_find_the_planted_effect_nine_times_in_ten(name, tmp_path):
    one = found("sharp-minima", tmp_path)[name]
    claim = next(claim for claim in registry.get("sharp-minima").claims if claim.name == name)
    four_errors = 4 * (0.9 * 0.1 / 60) ** 0.5
    assert one.source == "planted"
    assert share_found(claim, one.needed) > 0.9 - four_errors
    assert share_found(claim, one.needed // 2) < 0.9 - four_errors


def test_shares_are_of_seeds_or_of_trials_and_checks_need_none(tmp_path):
    deep = found("deep-convergence", tmp_path)
    assert "a share of trials: " in deep["accuracy"].why
    assert "one violation decides" in deep["bounds"].why
    assert "a share of seeds: " in found("epoch-descent", tmp_path)["elimination"].why


@pytest.mark.parametrize("asked", [0.5, 0.6, 0.9])
def test_so_many_are_the_fewest_that_decide(asked):
    fewest = _agreeing(asked, None)
    lows = [sign_interval([1] * n).low for n in (fewest - 1, fewest)]
    assert lows[0] < asked <= lows[1]
    assert _agreeing(None, 1 - asked) == fewest
