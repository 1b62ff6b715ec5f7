"""Loss and error over a whole set, a block of examples at a time, so that memory stays small."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Shaped

from overparam.models.network import AnyArray, Network, PyTree
from overparam.training.losses import Loss, wrong

BLOCK = 512
Examples = Float[AnyArray, "n features"]
Targets = Shaped[AnyArray, "n ..."]


def block_of(network: Network) -> int | None:
    """Examples to send through a network at a time here: its ``block`` on a CPU, None elsewhere.

    Args:
        network: the network.

    Returns:
        A number of examples, or None for all of them.
    """
    return network.block if jax.default_backend() == "cpu" else None


def fit(
    network: Network,
    loss: Loss,
    params: PyTree,
    x: Examples,
    y: Targets,
    counted: Float[AnyArray, " n"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""] | None]:
    """Mean loss and error rate of a network on a set.

    Args:
        network: the network.
        loss: the loss; its unit is the loss's (nats for cross-entropy).
        params: the parameters of one member.
        x: examples, shape ``(n, inputs)``.
        y: integer labels ``(n,)``, or float targets ``(n,)`` or ``(n, outputs)``.
        counted: weight of every example in the two means, shape ``(n,)``; None counts all alike.

    Returns:
        Two scalars: the mean loss, and the share of wrong labels between 0 and 1; None in its place for float
        targets. Where no example counts, NaN.

    >>> import jax, math
    >>> from overparam.models import linear
    >>> from overparam.training.losses import loss
    >>> network = linear(2, 2, init="zeros")
    >>> params = network.init(jax.random.key(0))
    >>> mean, error = fit(network, loss("cross_entropy"), params, jnp.ones((4, 2)), jnp.array([0, 0, 0, 1]))
    >>> abs(float(mean) - math.log(2)) < 1e-6, float(error)
    (True, 0.25)
    """
    n = x.shape[0]
    labels = jnp.issubdtype(y.dtype, jnp.integer)
    blocks = -(-n // min(BLOCK, block_of(network) or BLOCK))
    size = -(-n // blocks)

    def block(x: Examples, y: Targets) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        outputs = network.apply(params, x)
        return loss.each(outputs, y), wrong(outputs, y) if labels else jnp.zeros(x.shape[0], jnp.float32)

    if blocks == 1:
        losses, errors = block(x, y)
    else:
        pad = blocks * size - n
        split = [
            jnp.pad(a, [(0, pad)] + [(0, 0)] * (a.ndim - 1)).reshape(blocks, size, *a.shape[1:]) for a in (x, y)
        ]
        losses, errors = lax.map(lambda pair: block(*pair), tuple(split))
        losses, errors = losses.reshape(-1)[:n], errors.reshape(-1)[:n]
    if counted is None:
        return jnp.mean(losses), jnp.mean(errors) if labels else None
    total = jnp.sum(counted)

    def mean(values: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.where(total > 0, jnp.sum(jnp.where(counted > 0, counted * values, 0.0)) / total, jnp.nan)

    return mean(losses), mean(errors) if labels else None
