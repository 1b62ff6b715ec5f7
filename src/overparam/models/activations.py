"""Activation functions by name, applied entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Float

from overparam.core.errors import unknown
from overparam.models.network import AnyArray

Numbers = Float[AnyArray, "*shape"]
Activation = Callable[[Numbers], Numbers]


def _gelu(z: Numbers) -> Numbers:
    return jax.nn.gelu(z, approximate=False)


def _identity(z: Numbers) -> Numbers:
    return z


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "tanh": jnp.tanh,
    "erf": jax.scipy.special.erf,
    "gelu": _gelu,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "sine": jnp.sin,
    "quadratic": jnp.square,
    "identity": _identity,
}


def activation(name: str) -> Activation:
    """The activation of that name.

    relu, leaky_relu (slope 0.01 below 0), tanh, erf, gelu (exact), softplus, silu, sine, quadratic (z^2) or identity.

    Args:
        name: one of the names above.

    Returns:
        A function of an array of any shape, entry by entry. The slope of relu at 0 is 0.

    Raises:
        UsageError: no activation has that name.

    >>> float(activation("quadratic")(jnp.float32(-3.0)))
    9.0
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
