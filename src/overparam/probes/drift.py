"""How far a member's tangent kernel has moved since initialisation, on a few of its training examples."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from overparam.models.network import AnyArray, Network, PyTree
from overparam.models.state import join, split
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

SAMPLE = 16  # training examples: a kernel takes a reverse pass an example and output


def mean_kernel(network: Network, params: PyTree, x: Examples) -> Float[Array, "n n"]:
    """Empirical tangent kernel of a network, the mean over outputs of the kernels of each; squared outputs over squared weights.

    For a kernel of any size, checked and within a memory, see :func:`overparam.probes.kernel.tangent_kernel`.

    Args:
        network: the network; what it holds constant does not count.
        params: its parameters.
        x: examples, shape ``(n, inputs)``.

    >>> from overparam.models import linear
    >>> weights = {"output": {"weight": jnp.zeros((2, 1)), "bias": jnp.zeros(2)}}
    >>> mean_kernel(linear(1, 2), weights, jnp.array([[1.0], [3.0]])).tolist()  # x x^T + 1
    [[2.0, 4.0], [4.0, 10.0]]
    """
    trained, held = split(network.state, params)

    def rows(row: AnyArray) -> Array:
        found = jax.jacrev(lambda own: network.apply(join(own, held), row[None])[0].ravel())(trained)
        leaves = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(found)]
        return jnp.concatenate(leaves, axis=1)

    jacobian = jax.vmap(rows)(x)
    flat = jacobian.reshape(len(x), -1)
    return flat @ flat.T / jacobian.shape[1]


def measure(
    network: Network,
    loss: Loss,
    params: PyTree,
    params0: PyTree,
    x: Examples,
    y: Targets,
    x_test: TestExamples,
    y_test: TestTargets,
) -> Measured:
    """Relative change of the tangent kernel since initialisation, and its cosine with the kernel there.

    Cost: a reverse pass for each of 16 examples and each output, and as many numbers as they have rows of the Jacobian.

    Args:
        network: the network.
        loss: not used.
        params: the member's parameters W.
        params0: its parameters at initialisation W0.
        x: training examples, shape ``(n, inputs)``; the first 16 are used.
        y: not used.
        x_test: not used.
        y_test: not used.

    Returns:
        ``kernel_change`` ``|Theta - Theta_0| / |Theta_0|`` and ``kernel_cosine`` ``<Theta, Theta_0> / (|Theta| |Theta_0|)``,
        Frobenius; not finite where the kernel is 0.
    """
    here, start = (mean_kernel(network, tree, x[:SAMPLE]) for tree in (params, params0))
    size, first = jnp.linalg.norm(here), jnp.linalg.norm(start)
    return {
        "kernel_change": jnp.linalg.norm(here - start) / first,
        "kernel_cosine": jnp.sum(here * start) / (size * first),
    }


PROBE = Probe(
    "kernel_drift",
    {
        "kernel_change": "Distance of the tangent kernel from that at initialisation, over its norm, on 16 training examples.",
        "kernel_cosine": "Cosine between the tangent kernel and that at initialisation, on 16 training examples.",
    },
    measure,
)
