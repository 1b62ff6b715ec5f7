"""The statistics with which a network that normalises by batches is evaluated, found anew from examples."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from overparam.models.network import Network, PyTree
from overparam.training.evaluate import BLOCK, Examples

STATISTICS = "statistics"


@partial(jax.jit, static_argnames=("network", "batch"))
def refresh(network: Network, params: PyTree, x: Examples, *, batch: int | None = None) -> PyTree:
    """Return the parameters with the statistics of some examples.

    Each batch normalises itself, as in training; mean and mean square of what every normalisation meets are averaged
    over the batches, and the variance is their difference. So the statistics belong to the present parameters exactly,
    where a running average would lag behind.

    Args:
        network: the network; one that keeps no statistics is left alone.
        params: parameters of one member.
        x: examples, shape ``(n, inputs)``; the last ``n mod batch`` of them are left out.
        batch: examples that normalise together; by default all, at most 512 at a time.

    Returns:
        The parameters, their ``statistics`` replaced.
    """
    if network.moments is None:
        return params
    size = min(batch or BLOCK, x.shape[0])
    many = x.shape[0] // size
    blocks = jnp.asarray(x)[: many * size].reshape(many, size, *x.shape[1:])
    moments = lax.map(lambda rows: _moments(network, params, rows), blocks)
    means = jax.tree.map(lambda values: jnp.mean(values, axis=0), moments)
    found = {
        layer: {"mean": one["mean"], "variance": jnp.maximum(one["square"] - jnp.square(one["mean"]), 0.0)}
        for layer, one in means.items()
    }
    return {**params, STATISTICS: found}


def _moments(network: Network, params: PyTree, rows: Examples) -> Any:
    assert network.moments is not None
    return network.moments(params, rows)
