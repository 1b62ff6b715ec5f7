"""Chains of dense layers with the same numbers in NumPy, JAX and PyTorch, opened on the same data; each once."""

import functools
import itertools

import jax.numpy as jnp
import numpy as np

from overparam.operators import open_model
from tests.tiny_models import torch_or_skip

rng = np.random.default_rng(5)
X = rng.normal(size=(12, 4))
LABELS = np.arange(12) % 3
Y = rng.normal(size=(12, 3))
SIZES = {"deep": (4, 6, 5, 3), "flat": (4, 6, 3)}


def numbers(kind="flat", seed=0):
    """Weights and biases, a dict of arrays by layer."""
    draw = np.random.default_rng(seed)
    sizes = SIZES[kind]
    return {
        f"l{i}": {"w": draw.normal(size=(b, a)), "b": draw.normal(size=b)}
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    }


def outputs(params, x=X):
    """Outputs and inputs of the ReLUs of the chain, in NumPy."""
    hidden, seen = x, []
    for i, layer in enumerate(params.values()):
        z = hidden @ layer["w"].T + layer["b"]
        seen.append(z)
        hidden = np.maximum(z, 0) if i + 1 < len(params) else z
    return hidden, seen[:-1]


def apply(params, x):
    """The chain, as a function of JAX."""
    names = sorted(params)
    for name in names[:-1]:
        x = jnp.maximum(x @ params[name]["w"].T + params[name]["b"], 0)
    return x @ params[names[-1]]["w"].T + params[names[-1]]["b"]


def module(params, activation=None):
    """The chain as a module of PyTorch."""
    torch = torch_or_skip()
    layers = []
    for layer in params.values():
        units, inputs = layer["w"].shape
        one = torch.nn.Linear(inputs, units).double()
        with torch.no_grad():
            one.weight.copy_(torch.from_numpy(layer["w"]))
            one.bias.copy_(torch.from_numpy(layer["b"]))
        layers += [one, activation or torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


@functools.cache
def theirs(kind="flat", targets="labels"):
    """The chain opened by JAX; other numbers come with :func:`moved`."""
    return open_model(apply, (X, LABELS if targets == "labels" else Y), params=numbers(kind))


@functools.cache
def ours(kind="flat", targets="labels"):
    """The chain opened by PyTorch."""
    return open_model(module(numbers(kind)), (X, LABELS if targets == "labels" else Y))


def moved(model, params):
    """The same model with other numbers."""
    flat = {}
    for i, layer in enumerate(params.values()):
        flat |= {
            f"l{i}/w": layer["w"],
            f"l{i}/b": layer["b"],
            f"{2 * i}.weight": layer["w"],
            f"{2 * i}.bias": layer["b"],
        }
    return model.at(model.layout.flat({name: flat[name] for name in model.layout.names}))


def pushed(params, size, seed=9):
    """Numbers a random push away."""
    draw = np.random.default_rng(seed)
    return {
        name: {part: one + size * draw.normal(size=one.shape) for part, one in layer.items()}
        for name, layer in params.items()
    }
