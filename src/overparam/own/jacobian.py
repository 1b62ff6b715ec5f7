"""The Jacobian of any network by automatic differentiation in float64, and its kernel, in blocks of examples."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.models import Network

PyTree = Any
Rows = Float64[np.ndarray, "n params"]
BLOCK_BYTES = 2.0e8


def jacobian(network: Network, params: PyTree, x: ArrayLike) -> Rows:
    """Derivative of every output by every parameter, in float64, shape ``(n outputs, parameters)``.

    Rows go over examples, outputs inner; columns are the parameters in the order of ``jax.flatten_util.ravel_pytree``.
    Rounding of automatic differentiation is small but has no proved bound: certificates do not use this.

    Args:
        network: any network.
        params: its parameters; float32 is cast exactly.
        x: inputs, shape ``(n, features)``.

    Raises:
        UsageError: inputs of another shape.
        DataError: inputs or parameters that are missing or infinite.

    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> jacobian(network, {"output": {"weight": np.zeros((1, 2))}}, np.array([[3.0, 4.0]])).tolist()
    [[3.0, 4.0]]
    """
    inputs = _checked(network, x, "x")
    leaves, structure = _float64(params)
    total = sum(leaf.size for leaf in leaves)
    rows = max(1, int(BLOCK_BYTES / (8 * network.outputs * max(total, 1))))
    work = _rows(network, structure)
    with jax.enable_x64(True):
        parts = [
            np.asarray(work([jnp.asarray(leaf) for leaf in leaves], jnp.asarray(inputs[at : at + rows])))
            for at in range(0, len(inputs), rows)
        ]
    return np.concatenate(parts).reshape(len(inputs) * network.outputs, total)


def empirical_kernel(
    network: Network, params: PyTree, x: ArrayLike, z: ArrayLike | None = None
) -> Float64[np.ndarray, "n m"]:
    """Products of the outputs' gradients, ``J(x) J(z)^T``, in float64, shape ``(n outputs, m outputs)``.

    Args:
        network: any network.
        params: its parameters; float32 is cast exactly.
        x: inputs, shape ``(n, features)``.
        z: other inputs, shape ``(m, features)``; None takes ``x``, and the result is exactly symmetric.

    Raises:
        UsageError: inputs of another shape.
        DataError: inputs or parameters that are missing or infinite.

    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> empirical_kernel(network, {"output": {"weight": np.zeros((1, 2))}}, np.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    left = _checked(network, x, "x")
    right = left if z is None else _checked(network, z, "z")
    count = sum(leaf.size for leaf in _float64(params)[0])
    size = max(1, int(BLOCK_BYTES / (8 * network.outputs * max(count, 1))))
    out = network.outputs
    found = np.zeros((len(left) * out, len(right) * out))
    for i in range(0, len(left), size):
        first = jacobian(network, params, left[i : i + size])
        for j in range(0, i + size if z is None else len(right), size):
            second = first if z is None and i == j else jacobian(network, params, right[j : j + size])
            found[i * out : (i + size) * out, j * out : (j + size) * out] = first @ second.T
    if z is None:
        found = np.tril(found) + np.tril(found, -1).T
    return found


@functools.lru_cache(maxsize=16)
def _rows(network: Network, structure: Any) -> Any:
    """A compiled function from parameters and examples to rows of the Jacobian."""

    def one(leaves: list, example: jax.Array) -> jax.Array:
        def outputs(values: list) -> jax.Array:
            return network.apply(jax.tree.unflatten(structure, values), example[None])[0]

        gradient = jax.jacrev(outputs)(leaves)
        return jax.vmap(lambda tree: ravel_pytree(tree)[0])(gradient)

    return jax.jit(jax.vmap(one, in_axes=(None, 0)))


def _float64(params: PyTree) -> tuple[list[np.ndarray], Any]:
    leaves, structure = jax.tree.flatten(params)
    arrays = [np.asarray(leaf).astype(np.float64) for leaf in leaves]
    if not all(np.isfinite(array).all() for array in arrays):
        raise DataError("params: expected finite numbers, got some that are missing or infinite.")
    return arrays, structure


def _checked(network: Network, x: Any, name: str) -> np.ndarray:
    inputs = np.asarray(x)
    if inputs.ndim != 2 or inputs.shape[1] != network.inputs or not len(inputs):
        raise UsageError(f"{name}: expected shape (n, {network.inputs}), got {inputs.shape}.")
    if not np.isfinite(inputs).all():
        raise DataError(f"{name}: expected finite numbers, got some that are missing or infinite.")
    return inputs.astype(np.float64)
