"""Structured kernels of modules of Flax and Equinox against the whole Jacobian in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.operators import open_model
from overparam.probes.kernel import tangent_kernel

N, C = 5, 3
rng = np.random.default_rng(0)
WHY = "it is an optional extra, and is not installed"


def agrees(opened, allowed=()):
    """The kernel is that of the dense Jacobian by products, and rows are explicit for nothing that is not allowed."""
    kernel = tangent_kernel(opened, method="structured")
    with opened.quiet():
        columns = [opened.product("transpose", row) for row in np.eye(opened.rows)]
    jacobian = np.array(columns)
    asked = (jacobian @ jacobian.T).reshape(kernel.matrix.shape)
    assert np.abs(kernel.matrix - asked).max() <= 1e-12 * np.abs(asked).max()
    named = " ".join(one for one in kernel.notes if one.startswith("Explicit rows"))
    assert all(one in allowed for one in named.replace("'", "").split() if "/" in one), named


@pytest.mark.slow
def test_linen_convolutions_and_attention():
    linen = pytest.importorskip("flax.linen", reason=f"Flax: {WHY}")

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.relu(linen.Conv(4, (3, 3), strides=(2, 1))(x))
            x = x.reshape(len(x), -1, 4)
            x = x + linen.MultiHeadDotProductAttention(num_heads=2)(linen.LayerNorm()(x))
            return linen.Dense(C)(x.mean(1))

    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(N, 4, 3, 2)))
        net = Net()
        variables = jax.tree.map(lambda one: one.astype(np.float64), jax.jit(net.init)(jax.random.key(0), x))
    agrees(open_model(net, np.asarray(x), params=variables))


@pytest.mark.slow
def test_nnx_batch_normalisation():
    nnx = pytest.importorskip("flax.nnx", reason=f"Flax: {WHY}")

    class Net(nnx.Module):
        def __init__(self, rngs):
            kind = {"rngs": rngs, "param_dtype": jnp.float64, "dtype": jnp.float64}
            self.first = nnx.Linear(4, 6, **kind)
            self.norm = nnx.BatchNorm(6, **kind)
            self.last = nnx.Linear(6, C, **kind)

        def __call__(self, x):
            return self.last(jnp.tanh(self.norm(self.first(x))))

    with jax.enable_x64(True):
        net = Net(nnx.Rngs(0))
    agrees(open_model(net, rng.normal(size=(N, 4))))


@pytest.mark.slow
def test_equinox_multiplies_from_the_left():
    eqx = pytest.importorskip("equinox", reason=f"Equinox: {WHY}")
    with jax.enable_x64(True):
        net = eqx.nn.MLP(4, C, 6, 2, key=jax.random.key(0), dtype=jnp.float64)
        agrees(open_model(net, rng.normal(size=(N, 4))))


def test_a_network_of_the_package():
    from overparam.models import mlp

    network = mlp(4, (6, 5), C)
    params = jax.tree.map(lambda one: np.asarray(one, np.float64), network.init(jax.random.key(0)))
    agrees(open_model(network, rng.normal(size=(N, 4)), params=params))
