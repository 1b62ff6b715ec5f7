"""Whether the members of a stack are trained as one batch of arrays or one after another."""

from __future__ import annotations

import jax

from overparam.core.errors import unknown
from overparam.models.network import Network
from overparam.models.size import parameters

WIDE = 230_000  # trained numbers of a network from which members one after another were measured to be faster on a CPU
FORMS = ("auto", "stack", "map")


def one_by_one(network: Network, form: str = "auto") -> bool:
    """Whether members come one after another.

    A batch of arrays saves the overhead of many small products. From a hidden width of about 300 on the products are
    large enough by themselves, and a stack only leaves the cache sooner (``benchmarks/stack_or_map.py``). Elsewhere than
    on a CPU a batch fills the device.

    Args:
        network: the network.
        form: ``auto``, ``stack`` or ``map``.

    Raises:
        UsageError: another word.
    """
    if form not in FORMS:
        raise unknown("form", form, FORMS)
    if form != "auto":
        return form == "map"
    return jax.default_backend() == "cpu" and parameters(network) >= WIDE
