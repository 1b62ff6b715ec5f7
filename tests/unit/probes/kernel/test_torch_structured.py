"""Structured kernels of modules of PyTorch against the whole Jacobian in float64."""

import numpy as np
import pytest

from overparam.operators import open_model
from overparam.probes.kernel import tangent_kernel
from overparam.probes.kernel.asked import asked
from overparam.probes.kernel.compute import prepare
from overparam.probes.kernel.factors import Pairs
from tests.tiny_models import torch_or_skip

torch_or_skip()
from tests.unit.probes.kernel.torch_nets import CASES, built, oracle


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_that_of_the_whole_jacobian(name):
    net, x = built(name)
    asked = oracle(net, x)
    kernel = tangent_kernel(open_model(net, x), method="structured")
    assert kernel.verified < 1e-12
    assert np.abs(kernel.matrix - asked).max() <= 1e-12 * np.abs(asked).max()


@pytest.mark.parametrize("name", ["wide twice", "large table"])
def test_pairs_of_positions_are_taken_where_they_are_cheaper(name):
    net, x = built(name)
    model = open_model(net, x)
    ask = asked(model, None, "full", None, "structured", None, None, None)
    ready = prepare(ask, "structured")
    factors = next(ready.source.made(model, ready.plan.block))[2]
    assert any(isinstance(one, Pairs) for one in factors)
