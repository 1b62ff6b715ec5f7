"""Structured kernels of programs of JAX against the whole Jacobian in float64."""

import numpy as np
import pytest

from overparam.operators import open_model
from overparam.probes.kernel import tangent_kernel
from tests.unit.probes.kernel.jax_nets import CASES, oracle


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_that_of_the_whole_jacobian(name):
    apply, params, x = CASES[name]
    kernel = tangent_kernel(open_model(apply, x, params=params), method="structured")
    asked = oracle(apply, params, x)
    assert kernel.verified < 1e-12
    assert np.abs(kernel.matrix - asked).max() <= 1e-12 * np.abs(asked).max()
