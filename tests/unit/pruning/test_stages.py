"""Densities that are given, as arms of rounds."""

from __future__ import annotations

import pytest

from overparam.core.errors import OverparamError
from overparam.models import mlp
from overparam.pruning import Mask, Weights, choose
from overparam.pruning.stages import stages


def test_stages_reach_every_density() -> None:
    import jax

    network = mlp(50, (40, 20), 10)
    params = network.init(jax.random.key(0))
    mask = Mask.full(network)
    for density, arm in zip((0.5, 0.2, 0.05), stages((0.5, 0.2, 0.05), output=0.5), strict=True):
        mask = choose(arm.criterion, Weights(final=params, mask=mask), arm.keep, rates=arm.rates)
        found = mask.densities
        assert found["hidden1/weight"] == pytest.approx(density, abs=2e-3)
        assert found["output/weight"] == pytest.approx(density**0.5, abs=0.02)


@pytest.mark.parametrize("given", [(), (0.5, 0.5), (0.2, 0.4), (1.0,), (0.0,), ("a",), (2.0, 1.0)])
def test_densities_that_do_not_fall_are_refused(given: tuple[float, ...]) -> None:
    with pytest.raises(OverparamError, match="densit"):
        stages(given)


@pytest.mark.parametrize("power", [0.0, -1.0, 2.0])
def test_a_power_of_the_output_layer_that_is_none_is_refused(power: float) -> None:
    with pytest.raises(OverparamError, match="output"):
        stages((0.5,), output=power)
