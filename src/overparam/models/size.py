"""How large a network is and what a pass through it costs, found without computing anything."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from overparam.models.check import layout
from overparam.models.network import Network
from overparam.models.state import split


def parameters(network: Network) -> int:
    """Number of trained parameters of a network, found from shapes alone (nothing is computed).

    Args:
        network: any network.

    Returns:
        The count of scalars in ``init(key)``, without what ``network.state`` holds constant.

    Raises:
        UsageError: ``init`` gives what cannot be trained.

    >>> from overparam.models import mlp
    >>> parameters(mlp(40, (16, 16), 10)) == 40 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10 == 1098
    True
    """
    trained, _ = split(network.state, layout(network))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained))


def forward_pass(network: Network, rows: int = 64) -> tuple[float | None, int | None]:
    """Floating-point operations, and numbers read or written, of one example's forward pass, as the compiler counts them.

    Args:
        network: any network.
        rows: examples for which it is compiled.

    Returns:
        The two counts; None for both from a compiler that does not count.

    Raises:
        UsageError: ``init`` gives what cannot be trained.
    """
    params = layout(network)
    x = jax.ShapeDtypeStruct((rows, network.inputs), jnp.float32)
    try:
        counted: Any = jax.jit(network.apply).lower(params, x).cost_analysis()
        counted = counted[0] if isinstance(counted, list) else counted
        return float(counted["flops"]) / rows, int(counted["bytes accessed"] / (4 * rows))
    except Exception:  # a compiler that does not count is no reason not to run
        return None, None
