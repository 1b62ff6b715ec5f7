import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import mlp
from overparam.training.evaluate import BLOCK, fit
from overparam.training.losses import loss


@pytest.mark.parametrize("n", [3 * BLOCK - 5])
def test_blocks_do_not_change_the_mean(n):
    rng = np.random.default_rng(n)
    network = mlp(4, (6,), 3)
    params = jax.jit(network.init)(jax.random.key(0))
    x = jnp.asarray(rng.standard_normal((n, 4)), jnp.float32)
    y = jnp.asarray(rng.integers(0, 3, n), jnp.int32)
    mean, error = fit(network, loss("cross_entropy"), params, x, y)
    outputs = np.asarray(network.apply(params, x), np.float64)
    log_p = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    assert float(mean) == pytest.approx(-log_p[np.arange(n), y].mean(), rel=1e-5)
    assert float(error) == pytest.approx(float(np.mean(outputs.argmax(axis=1) != np.asarray(y))), abs=1e-6)


def test_targets_have_no_error_rate():
    network = mlp(4, (), 1)
    params = jax.jit(network.init)(jax.random.key(0))
    x = jnp.ones((BLOCK + 3, 4))
    mean, error = fit(network, loss("squared"), params, x, jnp.zeros(BLOCK + 3))
    assert error is None
    assert float(mean) == pytest.approx(0.5 * float(network.apply(params, x)[0, 0]) ** 2, rel=1e-5)
