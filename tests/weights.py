"""Weights of a network, and its outputs, without compiling anything."""

import jax
import numpy as np

ACTIVATIONS = {"relu": lambda h: np.maximum(h, 0), "tanh": np.tanh}


def drawn(network, seed=0, size=1.0):
    """Normal weights and biases of the shapes of a network."""
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: (size * random.normal(size=leaf.shape)).astype(np.float32), shapes)


def forward(network, params, x):
    """What a network of dense layers computes, in float64, from its form."""
    form, names = network.form, [*(f"hidden{i + 1}" for i in range(len(network.form.sizes) - 2)), "output"]
    h = np.asarray(x, np.float64)
    for name, scale in zip(names, form.scales, strict=True):
        h = scale * h @ np.asarray(params[name]["weight"], np.float64).T
        h = h + np.asarray(params[name]["bias"], np.float64) if form.bias else h
        h = h if name == "output" else ACTIVATIONS[form.activation](h)
    return h
