"""The linearisation of any network around given parameters: a network that trains like any other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from overparam.models.check import check_network, check_params
from overparam.models.network import Inputs, Network, Outputs, PyTree
from overparam.models.passes import check_one_pass, check_rows
from overparam.models.state import join, split


def linearise(network: Network, params: PyTree) -> Network:
    """The network's first-order Taylor polynomial in its parameters, ``f(x, p0) + J(x, p0) (p - p0)``.

    It is what wide networks train like. Its kernel is fixed, so that
    :func:`overparam.theory.dynamics.kernel_dynamics` describes its training exactly.

    Args:
        network: any network.
        params: p0, as ``network.init`` gives them. What ``network.state`` declares stays as it is: the polynomial is
            in the trained parameters alone.

    Returns:
        A network with the same parameters; its ``init`` returns p0 whatever the key, so that every member starts
        there. ``form`` is None: it is no dense network any more. It costs about two forward passes.

    Raises:
        UsageError: parameters of another structure, shape or kind than the network's, or a network whose outputs depend
            on other rows than their own or that trains by another pass.
        DataError: parameters that are missing or infinite.

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
    check_one_pass(network, "linearise")
    check_params(network, params)
    origin = jax.tree.map(jnp.asarray, params)
    start, _ = split(network.state, origin)
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(origin)):
        check_rows(network, origin, jnp.ones((1, network.inputs)))

    def initialise(key: PRNGKeyArray) -> PyTree:
        return origin

    def apply(moved: PyTree, x: Inputs) -> Outputs:
        here, held = split(network.state, moved)
        step = jax.tree.map(lambda new, old: new - old.astype(new.dtype), here, start)
        there = jax.tree.map(lambda new, old: old.astype(new.dtype), here, start)
        value, change = jax.jvp(lambda p: network.apply(join(p, held), x), (there,), (step,))
        return value + change

    name = f"linearised {network.name}"
    return Network(name, initialise, apply, network.inputs, network.outputs, network.block, state=network.state)
