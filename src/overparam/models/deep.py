"""Deep networks as convergence theorems have them: the first and the last layer are drawn and stay."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from overparam.models.network import Inputs, Network, Outputs, PyTree, check_size

FIXED = "fixed"


def deep_mlp(inputs: int, width: int, depth: int, outputs: int) -> Network:
    """``f(x) = B phi(W_L ... phi(W_1 phi(A x)))`` with relu; W_1 to W_L are trained, A and B are not.

    At initialisation every entry of A and W is N(0, 2/m), and every entry of B is N(0, 1/outputs), so that the norm of a
    layer is about that of the input (of norm 1). There are no biases. A and B are held constant under ``fixed``.

    Args:
        inputs: number of features.
        width: m, the width of every layer.
        depth: L, the number of trained layers.
        outputs: number of outputs d.

    Returns:
        A network with trained layers ``hidden1`` to ``hiddenL``.

    Raises:
        UsageError: a size below 1.

    References: Allen-Zhu, Li and Song, A convergence theory for deep learning via over-parameterization, ICML 2019,
        section 2 and definition 2.3.

    >>> from overparam.models import parameters
    >>> parameters(deep_mlp(10, 8, 3, 2)) == 3 * 8 * 8
    True
    """
    sizes = [
        check_size(n, v)
        for n, v in (("inputs", inputs), ("width", width), ("depth", depth), ("outputs", outputs))
    ]
    return _deep(*sizes)


@functools.lru_cache(maxsize=256)
def _deep(inputs: int, width: int, depth: int, outputs: int) -> Network:
    names = [f"hidden{i + 1}" for i in range(depth)]

    def initialise(key: PRNGKeyArray) -> PyTree:
        first, last, *inner = jax.random.split(key, depth + 2)
        spread = math.sqrt(2 / width)
        params: dict[str, PyTree] = {
            name: {"weight": spread * jax.random.normal(one, (width, width))}
            for name, one in zip(names, inner, strict=True)
        }
        params[FIXED] = {
            "input": spread * jax.random.normal(first, (width, inputs)),
            "output": jax.random.normal(last, (outputs, width)) / math.sqrt(outputs),
        }
        return params

    def apply(params: PyTree, x: Inputs) -> Outputs:
        columns = jax.nn.relu(params[FIXED]["input"] @ x.T)
        for name in names:
            columns = jax.nn.relu(params[name]["weight"] @ columns)
        return jnp.asarray(params[FIXED]["output"] @ columns).T

    title = f"deep_mlp {inputs}-{width}x{depth}-{outputs} relu, first and last layer fixed"
    return Network(title, initialise, apply, inputs, outputs, state=(FIXED,))
