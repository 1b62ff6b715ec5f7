"""A network: a pair of pure functions ``init(key) -> params`` and ``apply(params, x) -> outputs``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from overparam.core.checked import real, shown
from overparam.core.errors import UsageError
from overparam.models.form import DenseForm

MOST = 2_000_000_000  # inputs, units or outputs
PyTree = Any
AnyArray = Array | np.ndarray  # NumPy arrays may be given to everything that is not compiled by itself
Inputs = Float[AnyArray, "batch features"]
Outputs = Float[AnyArray, "batch classes"]
Init = Callable[[PRNGKeyArray], PyTree]
Apply = Callable[[PyTree, Inputs], Outputs]


@dataclass(frozen=True)
class Network:
    """Two pure functions and their sizes; everything in the package works on such a pair.

    Attributes:
        name: what a person reads, for instance ``mlp 40-16-16-10 relu``.
        init: ``init(key) -> params``; a pytree of float32 arrays, by convention a dict of named layers, each a
            dict of arrays. A dense layer's ``weight`` has shape ``(outputs, inputs)``, a convolution's
            ``(outputs, inputs, taps, ...)``.
        apply: ``apply(params, x) -> outputs``, from ``(batch, inputs)`` to ``(batch, outputs)``.
        inputs: number of features of an example.
        outputs: number of outputs (classes, or 1 for a scalar function).
        block: on a CPU, how many examples training and evaluation send through at a time, one member after
            another; None sends a whole minibatch of all members. Results differ by rounding only. Worth setting
            where the intermediate values of a minibatch are far larger than the cache, as in a convolution.
        form: for dense layers, what exactly is computed; None where nothing is known but the functions. Theorems
            that need the structure (certificates, infinite widths) read it.
    """

    name: str
    init: Init
    apply: Apply
    inputs: int
    outputs: int
    block: int | None = None
    form: DenseForm | None = None


def parameters(network: Network) -> int:
    """Number of trained parameters of a network, found from shapes alone (nothing is computed).

    Args:
        network: any network.

    Returns:
        The count of scalars in ``init(key)``.

    >>> from overparam.models import mlp
    >>> parameters(mlp(40, (16, 16), 10)) == 40 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10 == 1098
    True
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def forward_pass(network: Network, rows: int = 64) -> tuple[float | None, int | None]:
    """Floating-point operations, and numbers read or written, of one example's forward pass, as the compiler counts them.

    Args:
        network: any network.
        rows: examples for which it is compiled.

    Returns:
        The two counts; None for both from a compiler that does not count.
    """
    params = jax.eval_shape(network.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((rows, network.inputs), jnp.float32)
    try:
        counted: Any = jax.jit(network.apply).lower(params, x).cost_analysis()
        counted = counted[0] if isinstance(counted, list) else counted
        return float(counted["flops"]) / rows, int(counted["bytes accessed"] / (4 * rows))
    except Exception:  # a compiler that does not count is no reason not to run
        return None, None


def check_network(network: object) -> None:
    """Raise unless a network was given.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(network, Network):
        raise UsageError(
            f"network: expected a network such as two_layer(...) or mlp(...), got {type(network).__name__}."
        )


def check_params(network: Network, params: PyTree) -> None:
    """Raise unless parameters have the structure and the shapes that ``network.init`` gives.

    Args:
        network: any network.
        params: what is checked.

    Raises:
        UsageError: another structure, or another shape.
    """
    want = jax.eval_shape(network.init, jax.random.key(0))
    expected, found = str(jax.tree.structure(want)), str(jax.tree.structure(params))
    if expected != found:
        raise UsageError(f"params: expected the structure {expected}, as network.init gives it, got {found}.")
    for one, other in zip(jax.tree.leaves(want), jax.tree.leaves(params), strict=True):
        if one.shape != np.shape(other):
            raise UsageError(
                f"params: expected an array of shape {one.shape}, got {np.shape(other)}. Give the parameters of one "
                "network."
            )


def check_size(what: str, value: int) -> int:
    """Return a size of at least 1, or raise.

    Args:
        what: name of the argument, for the message.
        value: the size asked for.

    Returns:
        The size as an int.

    Raises:
        UsageError: the value is not a whole number from 1 to two thousand million, which is more than any layer holds.
    """
    number = real(value)
    whole = int(number) if number == np.floor(number) and 1 <= number <= MOST else 0
    if not whole:
        bound = f"at most {MOST:,}" if number > MOST else "at least 1"
        raise UsageError(
            f"{what}: expected a whole number of {bound}, got {shown(value)}. Give a positive size."
        )
    return whole


def check_name(what: str, value: Any) -> str:
    """Return a name, or raise.

    Raises:
        UsageError: it is no text, or empty.
    """
    if not isinstance(value, str) or not value:
        raise UsageError(f"{what}: expected a name, got {shown(value)}.")
    return value


def check_gain(value: Any) -> float:
    """Return a factor of scales, or raise.

    Raises:
        UsageError: it is not positive and of a size that float32 has.
    """
    number = real(value)
    if not 1e-30 <= number <= 1e30:
        raise UsageError(f"gain: expected a positive number from 1e-30 to 1e30, got {shown(value)}.")
    return number
