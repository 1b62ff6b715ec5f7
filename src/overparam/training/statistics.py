"""The statistics with which a network that normalises by batches is evaluated, found anew from examples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from numpy.typing import ArrayLike

from overparam.core.checked import count
from overparam.core.errors import DataError
from overparam.models.check import check_network, check_params
from overparam.models.network import Network, PyTree
from overparam.training import inputs
from overparam.training.evaluate import BLOCK, Examples

STATISTICS = "statistics"


def refresh(network: Network, params: PyTree, x: ArrayLike, *, batch: int | None = None) -> PyTree:
    """Return the parameters with the statistics of some examples.

    Each batch normalises itself, as in training; what every normalisation meets is averaged over the batches: mean and
    variance are those of all their examples together. So the statistics belong to the present parameters exactly,
    where a running average would lag behind. Nothing is dropped out or augmented.

    Args:
        network: the network; one that keeps no statistics is left alone.
        params: parameters of one member.
        x: examples, shape ``(n, inputs)``; the last ``n mod batch`` of them are left out.
        batch: examples that normalise together; by default all, at most 512 at a time.

    Returns:
        The parameters, their ``statistics`` replaced.

    Raises:
        UsageError: parameters of another network, or a batch of fewer than two or more than all examples.
        DataError: examples that do not fit the network.

    References: Ioffe and Szegedy, Batch normalization, ICML 2015, algorithm 2.
    """
    check_network(network)
    check_params(network, params, single=True)
    rows = inputs.examples("x", x, network)
    if batch is not None:
        count(batch, "batch", 2, max(2, len(rows)))
    if network.moments is not None and len(rows) < 2:
        raise DataError(f"x: expected at least 2 examples where batches normalise, got {len(rows)}.")
    return refreshed(network, params, jnp.asarray(rows), batch=batch)


@partial(jax.jit, static_argnames=("network", "batch"))
def refreshed(network: Network, params: PyTree, x: Examples, *, batch: int | None = None) -> PyTree:
    """The same as :func:`refresh` for arguments that are known to fit, compiled.

    Args:
        network: the network.
        params: parameters of one member.
        x: examples, shape ``(n, inputs)``.
        batch: examples that normalise together.
    """
    moments_of = network.moments
    if moments_of is None:
        return params
    size = min(batch or BLOCK, x.shape[0])
    many = x.shape[0] // size
    blocks = jnp.asarray(x)[: many * size].reshape(many, size, *x.shape[1:])
    moments = lax.map(lambda rows: moments_of(params, rows), blocks)
    found = {layer: _together(one) for layer, one in moments.items()}
    return {**params, STATISTICS: found}


def _together(one: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and variance of one layer from those of its batches.

    Where a layer gives the variance of a batch, nothing is lost when its mean is large; a difference of squares loses in
    float32 half a percent at a mean of 100 standard deviations, and everything at some thousands.
    """
    mean = jnp.mean(one["mean"], axis=0)
    if "variance" in one:
        inside, between = jnp.mean(one["variance"], axis=0), jnp.mean(jnp.square(one["mean"] - mean), axis=0)
        return {"mean": mean, "variance": inside + between}
    return {"mean": mean, "variance": jnp.maximum(jnp.mean(one["square"], axis=0) - jnp.square(mean), 0.0)}
