"""The curvature of members in a stack against the operators' own, and the contract of every probe."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import linear, mlp
from overparam.operators import hessian, open_model
from overparam.probes.curvature import PROBE, top_eigenvalues
from overparam.probes.testing import check_probe
from overparam.training.losses import loss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 40).astype(np.int32)


def measured(network, params, kind="cross_entropy", y=Y):
    found = PROBE(network, loss(kind), params, params, X, jnp.asarray(y), X, y)
    return {name: float(value) for name, value in found.items()}


@pytest.mark.slow
def test_contract():
    check_probe(PROBE)


@pytest.mark.slow
def test_a_member_is_what_the_operators_say():
    network = mlp(4, (6,), 3)
    params = network.init(jax.random.key(1))
    found = measured(network, params)
    model = open_model(network, (X, Y), params=params)
    top = top_eigenvalues(model, 1, which="largest").values[0]
    assert abs(found["top_eigenvalue"] - top) <= max(found["top_residual"], 1e-4 * top)
    total = np.trace(hessian(model) @ np.eye(model.size, dtype=np.float32))
    assert abs(found["trace"] - total) <= 5 * found["trace_error"]


@pytest.mark.parametrize("sign", [pytest.param(1.0, marks=pytest.mark.slow), -1.0])
def test_matrices_that_close_early(sign):
    """Rank three and a bias: the basis closes after four steps, also where every eigenvalue is negative."""
    network = linear(4, 3)
    params = network.init(jax.random.key(0))
    found = measured(network, params, "squared", np.zeros((40, 3), np.float32))
    wide = np.c_[X, np.ones(40)].astype(np.float64)
    values = np.linalg.eigvalsh(wide.T @ wide / 40)
    assert found["top_eigenvalue"] == pytest.approx(values[-1], rel=1e-4)
    assert found["top_residual"] <= 1e-3 * values[-1]
    from overparam.probes.curvature.stacked import _largest

    top, residual = _largest(lambda v: sign * v, jnp.asarray(X[:, 0]))
    assert float(top) == pytest.approx(sign, rel=1e-5)
    assert float(residual) <= 1e-5
