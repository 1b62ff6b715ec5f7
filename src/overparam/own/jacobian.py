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
from overparam.models.check import check_kind, check_network, check_params, double
from overparam.models.passes import check_rows
from overparam.models.state import join, split
from overparam.theory.inputs import numbers

PyTree = Any
Rows = Float64[np.ndarray, "n params"]
Examples = Float64[np.ndarray, "n features"]
BLOCK_BYTES = 2.0e8


def jacobian(network: Network, params: PyTree, x: ArrayLike) -> Rows:
    """Derivative of every output by every trained parameter, in float64, shape ``(n outputs, parameters)``.

    Rows go over examples, outputs inner; columns are the parameters in the order of ``jax.flatten_util.ravel_pytree``,
    without what ``network.state`` holds constant.
    Rounding of automatic differentiation is small but has no proved bound: certificates do not use this.

    Args:
        network: any network.
        params: its parameters; float32 is cast exactly.
        x: inputs, shape ``(n, features)``.

    Raises:
        UsageError: inputs of another shape, parameters of another network, numbers of fewer than 32 bits, a network that
            rounds to float32 on its way, or one whose outputs depend on other rows than their own.
        DataError: inputs or parameters that are missing or infinite.

    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> jacobian(network, {"output": {"weight": np.zeros((1, 2))}}, np.array([[3.0, 4.0]])).tolist()
    [[3.0, 4.0]]
    """
    total, inputs = check_variables(network, params, x)
    rows = max(1, int(BLOCK_BYTES / (8 * network.outputs * total)))
    work = _rows(network)
    with jax.enable_x64(True):
        trained, held = split(network.state, double(network, params))
        parts = [
            np.asarray(work(trained, held, jnp.asarray(inputs[at : at + rows])))
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
        UsageError: as :func:`jacobian`.
        DataError: as :func:`jacobian`.

    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> empirical_kernel(network, {"output": {"weight": np.zeros((1, 2))}}, np.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    count, left = check_variables(network, params, x)
    right = left if z is None else _checked(network, z, "z")
    size = max(1, int(BLOCK_BYTES / (8 * network.outputs * count)))
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


def check_variables(network: Network, params: PyTree, x: ArrayLike) -> tuple[int, Examples]:
    """Check a network, its variables and inputs for a measurement in float64.

    Args:
        network: any network.
        params: its parameters.
        x: inputs, shape ``(n, features)``.

    Returns:
        The number of trained parameters, and the inputs in float64.

    Raises:
        UsageError: as :func:`jacobian`.
        DataError: as :func:`jacobian`.
    """
    check_network(network)
    check_params(network, params)
    inputs = _checked(network, x, "x")
    with jax.enable_x64(True):
        check_network(network)  # nothing in it rounds to float32
        wide = double(network, params)
        check_rows(network, wide, inputs)
    return sum(leaf.size for leaf in jax.tree.leaves(split(network.state, wide)[0])), inputs


@functools.lru_cache(maxsize=16)
def _rows(network: Network) -> Any:
    """A compiled function from the trained part, what is held, and examples to rows of the Jacobian."""

    def one(trained: PyTree, held: PyTree, example: jax.Array) -> jax.Array:
        gradient = jax.jacrev(lambda own: network.apply(join(own, held), example[None])[0])(trained)
        return jax.vmap(lambda tree: ravel_pytree(tree)[0])(gradient)

    return jax.jit(jax.vmap(one, in_axes=(None, None, 0)))


def _checked(network: Network, x: Any, name: str) -> np.ndarray:
    inputs = numbers(x, name)
    check_kind(x, name, f'{name}.astype("float32")')
    if inputs.ndim != 2 or inputs.shape[1] != network.inputs or not len(inputs):
        raise UsageError(f"{name}: expected shape (n, {network.inputs}), got {inputs.shape}.")
    if not np.isfinite(inputs).all():
        raise DataError(f"{name}: expected finite numbers, got some that are missing or infinite.")
    return inputs
