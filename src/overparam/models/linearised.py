"""The linearisation of any network around given parameters: a network that trains like any other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from overparam.models.network import Inputs, Network, Outputs, PyTree, check_network, check_params


def linearise(network: Network, params: PyTree) -> Network:
    """The network's first-order Taylor polynomial in its parameters, ``f(x, p0) + J(x, p0) (p - p0)``.

    It is what wide networks train like. Its kernel is fixed, so that
    :func:`overparam.theory.dynamics.kernel_dynamics` describes its training exactly.

    Args:
        network: any network.
        params: p0, as ``network.init`` gives them.

    Returns:
        A network with the same parameters; its ``init`` returns p0 whatever the key, so that every member starts
        there. ``form`` is None: it is no dense network any more. It costs about two forward passes.

    Raises:
        UsageError: parameters of another structure or shape than the network's.

    References: J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient descent,
        NeurIPS 2019, section 2.2.

    >>> from overparam.models import two_layer
    >>> network = two_layer(2, 3)
    >>> params = network.init(jax.random.key(0))
    >>> x = jnp.ones((1, 2))
    >>> bool(linearise(network, params).apply(params, x) == network.apply(params, x))
    True
    """
    check_network(network)
    check_params(network, params)
    origin = jax.tree.map(jnp.asarray, params)

    def initialise(key: PRNGKeyArray) -> PyTree:
        return origin

    def apply(moved: PyTree, x: Inputs) -> Outputs:
        step = jax.tree.map(lambda new, old: new - old.astype(new.dtype), moved, origin)
        there = jax.tree.map(lambda new, old: old.astype(new.dtype), moved, origin)
        value, change = jax.jvp(lambda p: network.apply(p, x), (there,), (step,))
        return value + change

    return Network(
        f"linearised {network.name}", initialise, apply, network.inputs, network.outputs, network.block
    )
