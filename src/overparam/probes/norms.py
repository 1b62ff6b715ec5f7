"""How large a member's parameters are, and how far they have moved since initialisation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from overparam.models.network import Network, PyTree
from overparam.models.state import split
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss


def norm(tree: PyTree) -> Float[Array, ""]:
    """Euclidean norm of all numbers in a pytree.

    Args:
        tree: any pytree of arrays.

    Returns:
        A scalar, in the unit of the entries.

    >>> float(norm({"a": jnp.array([3.0]), "b": jnp.array([[4.0]])}))
    5.0
    """
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


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
    """Norm of the parameters, and their distance from initialisation.

    Args:
        network: tells what is held constant and does not count.
        loss: not used.
        params: the member's parameters W.
        params0: its parameters at initialisation W0.
        x: not used.
        y: not used.
        x_test: not used.
        y_test: not used.

    Returns:
        ``norm`` |W|, ``distance`` |W - W0| and ``relative_distance`` |W - W0| / |W0|, Euclidean over all
        parameters; the last is not finite when W0 is 0.
    """
    here, start = (split(network.state, tree)[0] for tree in (params, params0))
    moved = norm(jax.tree.map(jnp.subtract, here, start))
    return {"norm": norm(here), "distance": moved, "relative_distance": moved / norm(start)}


PROBE = Probe(
    "norms",
    {
        "norm": "Euclidean norm of all parameters.",
        "distance": "Euclidean distance of all parameters from initialisation.",
        "relative_distance": "Distance from initialisation divided by the norm at initialisation.",
    },
    measure,
)
