"""Linear models: one dense layer and nothing else."""

from __future__ import annotations

from overparam.models.mlp import mlp
from overparam.models.network import Network


def linear(inputs: int, outputs: int, *, bias: bool = True, init: str = "torch") -> Network:
    """A linear model ``f(x) = W x + b``; with cross-entropy it is multinomial logistic regression.

    Args:
        inputs: number of features.
        outputs: number of outputs.
        bias: whether there is an offset b.
        init: name in :func:`overparam.models.initialisations.initialisation`; ``zeros`` is safe here.

    Returns:
        A network with one layer, ``output``.

    Raises:
        UsageError: an unknown name, or a size below 1.

    >>> import jax
    >>> network = linear(3, 2)
    >>> params = network.init(jax.random.key(0))
    >>> params["output"]["weight"].shape
    (2, 3)
    """
    return mlp(inputs, (), outputs, activation="identity", bias=bias, init=init)
