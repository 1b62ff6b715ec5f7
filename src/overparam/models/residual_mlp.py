"""The small residual perceptron that the notebooks of MNIST-1D train."""

from __future__ import annotations

import functools

import jax
from jaxtyping import PRNGKeyArray

from overparam.models.initialisations import initialisation
from overparam.models.mlp import affine
from overparam.models.network import Inputs, Network, Outputs, PyTree, check_size


def residual_mlp(inputs: int, width: int, outputs: int) -> Network:
    """Two hidden layers with a shortcut: ``h = relu(W1 x + b1)``, ``g = h + relu(W2 h + b2)``, ``f(x) = W3 g + b3``.

    Equal arguments return the same object, so that compiled programs are found again.

    Args:
        inputs: number of features.
        width: units of both hidden layers.
        outputs: number of outputs.

    Returns:
        A network with layers ``hidden1``, ``hidden2``, ``output``, drawn as PyTorch draws dense layers.

    Raises:
        UsageError: a size below 1.

    References:
        Greydanus and Kobak, Scaling down deep learning with MNIST-1D, ICML 2024: SparseMLP of its notebook on lottery tickets.

    >>> residual_mlp(40, 100, 10).name
    'residual mlp 40-100-100-10'
    """
    return _residual(check_size("inputs", inputs), check_size("width", width), check_size("outputs", outputs))


@functools.lru_cache(maxsize=64)
def _residual(inputs: int, width: int, outputs: int) -> Network:
    law, names = initialisation("torch"), ("hidden1", "hidden2", "output")
    layers = [(inputs, width), (width, width), (width, outputs)]

    def initialise(key: PRNGKeyArray) -> PyTree:
        return dict(zip(names, law.draw(key, layers, True), strict=True))

    def apply(params: PyTree, x: Inputs) -> Outputs:
        first, second, last = (params[name] for name in names)
        columns = jax.nn.relu(affine(first, 1.0, x.T))
        columns = columns + jax.nn.relu(affine(second, 1.0, columns))
        return affine(last, 1.0, columns).T

    return Network(f"residual mlp {inputs}-{width}-{width}-{outputs}", initialise, apply, inputs, outputs)
