import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import mlp, two_layer

SEEDS = 400


def outputs(network, x):
    draw = jax.vmap(lambda seed: network.apply(network.init(jax.random.key(seed)), x))
    return np.asarray(draw(jnp.arange(SEEDS)), np.float64)


@pytest.mark.slow
def test_ntk_relu_keeps_the_second_moment_over_depth():
    # With gain sqrt(2): E f^2 = 2 |x|^2 / d at every depth (Jacot et al. 2018 with sigma_w^2 = 2, no bias).
    x = jnp.asarray(np.random.default_rng(0).standard_normal((3, 20)), jnp.float32)
    wanted = 2 * np.sum(np.square(x), axis=1) / 20
    for widths in ((64,), (64, 64, 64)):
        f = outputs(mlp(20, widths, 8, bias=False, parametrisation="ntk", gain=math.sqrt(2)), x)
        second = np.mean(f**2, axis=(0, 2))
        np.testing.assert_allclose(second, wanted, rtol=0.15)


@pytest.mark.parametrize(("parametrisation", "power"), [("ntk", 0), ("mean_field", 1), ("standard", -1)])
def test_output_variance_over_width(parametrisation, power):
    # E f^2 for identity activation and N(0,1) entries: |x|^2/d, |x|^2/(d m) and |x|^2 m in turn.
    x = jnp.ones((1, 10), jnp.float32)
    found = []
    for m in (16, 256):
        network = two_layer(
            10, m, 16, activation="identity", bias=False, init="normal", parametrisation=parametrisation
        )
        found.append(np.mean(outputs(network, x) ** 2))
        unit = 10.0 if parametrisation == "standard" else 1.0
        assert found[-1] == pytest.approx(unit * m ** (-power), rel=0.15)


def test_ntk_is_ntk_unit_on_longer_inputs():
    x = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float32)
    unit, long = (mlp(9, (5, 5), 2, parametrisation=name) for name in ("ntk_unit", "ntk"))
    params = unit.init(jax.random.key(0))
    np.testing.assert_allclose(unit.apply(params, x), long.apply(params, 3 * x), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_mean_field_gradients_shrink_with_the_width():
    # A neuron's gradient is 1/m times a quantity of order one: the mean of squares falls like 1/m^2.
    x = jnp.ones((1, 10), jnp.float32)

    def size(m):
        network = two_layer(10, m, 1, activation="tanh", bias=False, parametrisation="mean_field")
        draws = jax.vmap(network.init)(jax.random.split(jax.random.key(0), 5))
        found = jax.jit(jax.vmap(jax.grad(lambda p: network.apply(p, x)[0, 0])))(draws)
        return np.mean(np.square(found["hidden1"]["weight"]))

    assert size(32) / size(512) == pytest.approx((512 / 32) ** 2, rel=0.35)
