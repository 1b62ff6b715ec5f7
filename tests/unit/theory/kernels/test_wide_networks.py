"""Kernels of infinite width against actual networks, drawn and differentiated: nothing of the recursions is used."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import mlp
from overparam.theory.kernels import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Flatten,
    LayerNorm,
    Residual,
    dense_network,
    kernels,
)

RNG = np.random.default_rng(3)
X, MAPS = RNG.standard_normal((4, 5)).astype(np.float32), RNG.standard_normal((3, 5, 4, 2)).astype(np.float32)
FUNCTIONS = {
    "relu": jax.nn.relu,
    "gelu": lambda h: jax.nn.gelu(h, approximate=False),
    "erf": jax.lax.erf,
    "tanh": jnp.tanh,
}
RELU = Activate("relu")


def convolved(layer, weight, h):
    """``h`` of shape (n, *space, channels), weight (*window, channels, units)."""
    pads = []
    for window, step, size in zip(layer.window, layer.steps, h.shape[1:-1], strict=True):
        total = 0 if layer.padding == "VALID" else max((-(-size // step) - 1) * step + window - size, 0)
        pads.append((total // 2, total - total // 2))
    if layer.padding == "CIRCULAR":
        h, pads = jnp.pad(h, [(0, 0), *pads, (0, 0)], mode="wrap"), [(0, 0)] * len(pads)
    return jax.lax.conv_general_dilated(
        h, weight, layer.steps, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


class Finite:
    """A network of the same layers with ``width`` units; standard normal parameters, drawn as they are needed."""

    def __init__(self, layers, width):
        self.layers, self.width = layers, width

    def draw(self, key, x):
        self.key, self.params = key, []
        self.walk(self.layers, x, iter(()), last=self.layers[-1])
        return self.params

    def apply(self, params, x):
        self.key = None
        return self.walk(self.layers, x, iter(params), last=self.layers[-1])[:, 0]

    def parameter(self, given, *shape):
        if self.key is None:
            return next(given)
        self.key, now = jax.random.split(self.key)
        self.params.append(jax.random.normal(now, shape))
        return self.params[-1]

    def walk(self, layers, h, given, last=None):
        for layer in layers:
            units = 1 if layer is last else self.width
            match layer:
                case Dense():
                    w = self.parameter(given, h.shape[-1], units)
                    h = layer.weight_std / math.sqrt(len(w)) * h @ w
                    h = h + layer.bias_std * self.parameter(given, units)
                case Conv():
                    w = self.parameter(given, *layer.window, h.shape[-1], units)
                    h = convolved(layer, layer.weight_std / math.sqrt(w.size / units) * w, h)
                    h = h + layer.bias_std * self.parameter(given, units)
                case Activate():
                    h = FUNCTIONS[layer.function](h)
                case LayerNorm():
                    h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + layer.epsilon)
                case Flatten():
                    h = h.reshape(len(h), -1)
                case AveragePool():
                    h = h.mean(axis=tuple(range(1, h.ndim - 1)))
                case Residual():
                    h = self.walk(layer.branch, h, given) + self.walk(layer.shortcut, h, given)
        return h


def measured(apply, draw, draws):
    """Mean NTK of some draws, and its standard error."""

    @jax.jit
    def ntk(params):
        rows = [leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(jax.jacrev(apply)(params))]
        return sum(row @ row.T for row in rows)

    found = np.array([ntk(draw(jax.random.key(seed))) for seed in range(draws)], dtype=np.float64)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(draws)


def agree(theory, mean, error, width):
    """Within 5 standard errors, and the bias of a finite width, which is a few over the width."""
    allowed = 5 * error + 6 / width * np.abs(theory).max()
    assert (np.abs(mean - theory) <= allowed).all(), (np.abs(mean - theory) / allowed).max()
    assert allowed.max() < 0.2 * np.abs(theory).max(), "a tolerance that tells something"


NETWORKS = {
    "rows": (X, (Dense(1.3, 0.4), RELU, Dense(1.2, 0.2), Activate("gelu"), Dense(0.9))),
    "norm": (X, (Dense(1.3, 0.3), LayerNorm(), Activate("erf"), Dense(1.2), LayerNorm(), RELU, Dense())),
    "residual": (X, (Dense(), Residual((RELU, Dense(1.2, 0.3), RELU, Dense())), RELU, Dense())),
    "flatten": (MAPS, (Conv((3, 2), (2, 1), bias_std=0.3), RELU, Conv((2, 2)), RELU, Flatten(), Dense(1.2))),
    "pool": (MAPS, (Conv((3, 3), padding="CIRCULAR"), RELU, Conv((2, 2), padding="VALID"), RELU, AveragePool(), Dense())),
    "pool, then hidden": (MAPS, (Conv((3, 3)), RELU, AveragePool(), Dense(1.4, 0.1), RELU, Dense())),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_drawn_networks_have_this_kernel(name):
    x, layers = NETWORKS[name]
    width, draws = (512, 12) if x is X else (192, 40)
    finite, there = Finite(layers, width), jnp.asarray(x)
    mean, error = measured(lambda p: finite.apply(p, there), lambda key: finite.draw(key, there), draws)
    agree(kernels(layers, x).ntk, mean, error, width)


@pytest.mark.parametrize(("activation", "bias", "gain"), [("relu", True, 1.4), ("tanh", False, 1.0)])
def test_the_packages_own_networks_have_this_kernel(activation, bias, gain):
    width, draws = 512, 12
    network = mlp(5, (width, width), 1, activation=activation, bias=bias, parametrisation="ntk", gain=gain)
    mean, error = measured(lambda p: network.apply(p, jnp.asarray(X))[:, 0], network.init, draws)
    agree(kernels(dense_network(network.form), X).ntk, mean, error, width)


@pytest.mark.slow
def test_the_nngp_kernel_is_the_covariance_of_outputs():
    layers, width, draws = NETWORKS["residual"][1], 128, 2000
    finite, there = Finite(layers, width), jnp.asarray(X)
    outputs = jax.jit(jax.vmap(lambda key: finite.apply(finite.draw(key, there), there)))
    f = np.concatenate([outputs(jax.random.split(jax.random.key(seed), 500)) for seed in range(draws // 500)])
    products = f[:, :, None] * f[:, None, :]
    theory = kernels(layers, X).nngp
    error = products.std(axis=0, ddof=1) / math.sqrt(draws)
    assert (np.abs(products.mean(axis=0) - theory) <= 4 * error + 3 / width * theory.max()).all()
