"""Networks in one line: fully connected ones, and those that the package's own dense networks become when wide."""

from __future__ import annotations

import math
from typing import Protocol

from overparam.core.errors import UsageError
from overparam.theory.activations import Activation
from overparam.theory.inputs import count
from overparam.theory.kernels.gaussian_moments import Dual
from overparam.theory.kernels.layers import Activate, Dense, Layer


class Form(Protocol):
    """What is read of a dense network: see :class:`overparam.models.form.DenseForm`."""

    @property
    def activation(self) -> str:
        """Name of the activation."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, widths, outputs."""

    @property
    def scales(self) -> tuple[float, ...]:
        """One forward factor a weight matrix."""

    @property
    def bias(self) -> bool:
        """Whether the trained layers have biases."""

    @property
    def law(self) -> str:
        """Name of the initialisation."""

    @property
    def signs(self) -> object:
        """The fixed last matrix, or None."""


MOST = 100_000  # layers of a network


def fully_connected(
    depth: int,
    function: str | Activation | Dual = "relu",
    weight_std: float = 1.0,
    bias_std: float = 0.0,
) -> tuple[Layer, ...]:
    """A network of ``depth`` hidden layers and a linear output, all layers with the same factors.

    Args:
        depth: hidden layers; 0 is a linear model.
        function: activation of the hidden layers.
        weight_std: factor of the weights; with relu, sqrt(2) keeps the variance over depth.
        bias_std: factor of the biases.

    Returns:
        Layers for :func:`~overparam.theory.kernels.deep.kernels`.

    Raises:
        UsageError: a depth that is not a whole number, or an unknown activation.

    References: the networks of Lee et al. 2018.

    >>> len(fully_connected(3))
    7
    """
    weights = Dense(weight_std, bias_std)
    return (weights, Activate(function)) * count(depth, "depth", low=0, high=MOST) + (weights,)


def dense_network(form: Form) -> tuple[Layer, ...]:
    """The infinite-width layers of one of the package's dense networks, from its ``form``.

    Its layers compute ``s W h + b`` with standard normal entries, so ``weight_std = s sqrt(fan_in)``, and
    ``bias_std = 1`` where there are biases. Hidden widths only enter through that; for ``parametrisation="ntk"`` they
    cancel. A fixed last matrix of signs counts as weights that are not trained: the NTK is that of the network; the
    NNGP kernel is that of random signs, which does not subtract the mean of the units as balanced signs do.

    Args:
        form: ``network.form`` of :func:`overparam.mlp` or ``two_layer``.

    Returns:
        Layers for :func:`~overparam.theory.kernels.deep.kernels`.

    Raises:
        UsageError: no form, or parameters that are not standard normal, so that the limit is another one.

    References: Jacot, Gabriel and Hongler 2018 (the parametrisation).

    >>> from overparam.models import mlp
    >>> dense_network(mlp(4, (64,), 1, bias=False, parametrisation="ntk").form) == fully_connected(1)
    True
    """
    if getattr(form, "law", None) != "normal":
        found = f"'{form.law}'" if hasattr(form, "law") else type(form).__name__
        raise UsageError(
            f"form: expected a dense network whose parameters start as 'normal', got {found}. "
            "Make it with parametrisation='ntk'."
        )
    weights = [
        Dense(scale * math.sqrt(size), float(form.bias))
        for scale, size in zip(form.scales, form.sizes[:-1], strict=True)
    ]
    if form.signs is not None:
        weights[-1] = Dense(weights[-1].weight_std, 0.0, trained=False)
    layers: list[Layer] = []
    for one in weights[:-1]:
        layers += [one, Activate(form.activation)]
    return (*layers, weights[-1])
