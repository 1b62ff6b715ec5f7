"""Whether the members of a stack are trained as one batch of arrays or one after another."""

from __future__ import annotations

import jax

from overparam.core.errors import unknown
from overparam.models.network import Network
from overparam.models.size import parameters

WIDE = 100_000  # parameters from which members one after another were measured to be faster on a CPU (MLPs, H = 300)
FORMS = ("auto", "stack", "map")


def one_by_one(network: Network, form: str = "auto") -> bool:
    """Whether members come one after another.

    A batch of arrays saves the overhead of many small products. From a hidden width of about 300 on the products are
    large enough by themselves, and a stack only leaves the cache sooner: MLPs 40-H-H-10 take 0.82 to 0.85 of the time one
    after another, and up to H = 200 the two forms differ by less than a tenth (``benchmarks/stack_or_map.py``).
    Convolutional networks have a ``block`` and always come one after another on a CPU. Elsewhere a batch fills the device.

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
