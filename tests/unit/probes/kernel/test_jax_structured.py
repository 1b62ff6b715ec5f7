"""Structured kernels of programs of JAX against the whole Jacobian in float64."""

import numpy as np
import pytest

from overparam.operators import open_model
from overparam.probes.kernel import tangent_kernel
from overparam.probes.kernel.asked import asked
from overparam.probes.kernel.compute import prepare
from overparam.probes.kernel.factors import Pairs
from tests.unit.probes.kernel.jax_nets import CASES, oracle

BY_DEFAULT = ("left operand", "remat", "custom rule", "tied")


@pytest.mark.parametrize(
    "name", [one if one in BY_DEFAULT else pytest.param(one, marks=pytest.mark.slow) for one in CASES]
)
def test_it_is_that_of_the_whole_jacobian(name):
    apply, params, x = CASES[name]
    kernel = tangent_kernel(open_model(apply, x, params=params), method="structured")
    asked = oracle(apply, params, x)
    assert kernel.verified < 1e-12
    assert np.abs(kernel.matrix - asked).max() <= 1e-12 * np.abs(asked).max()


@pytest.mark.parametrize("name", ["wide twice", pytest.param("large table", marks=pytest.mark.slow)])
def test_pairs_of_positions_are_taken_where_they_are_cheaper(name):
    apply, params, x = CASES[name]
    model = open_model(apply, x, params=params)
    ask = asked(model, None, "full", None, "structured", None, None, None)
    ready = prepare(ask, "structured")
    factors = next(ready.source.made(model, ready.plan.block))[2]
    assert any(isinstance(one, Pairs) for one in factors)
