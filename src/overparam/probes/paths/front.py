"""The first layer of dense layers, apart: it is linear in the weights, so of a weighted sum it is the sum of what each gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Float

from overparam.models.activations import activation
from overparam.models.mlp import affine, layer_names
from overparam.models.network import AnyArray, Network, PyTree


@dataclass(frozen=True)
class Front:
    """The first layer and the rest of a multi-layer perceptron, apart.

    Attributes:
        names: of the layers.
        scales: of their products.
        activation: by name.
        units: of the first layer.
    """

    names: tuple[str, ...]
    scales: tuple[float, ...]
    activation: str
    units: int

    def outputs(self, anchors: PyTree, x: Float[AnyArray, "n features"]) -> Any:
        """What the first layer of each of several networks gives, shape ``(anchors, units, n)``.

        Args:
            anchors: their parameters, with a leading axis.
            x: examples.
        """
        return _first(anchors[self.names[0]], x, self.scales[0])

    def rest(self, params: PyTree, columns: Float[AnyArray, "units n"]) -> Float[AnyArray, "n classes"]:
        """Outputs from what the first layer gives.

        Args:
            params: of the network.
            columns: of the first layer, before the activation.
        """
        act = activation(self.activation)
        for name, scale in zip(self.names[1:], self.scales[1:], strict=True):
            columns = affine(params[name], scale, act(columns))
        return columns.T


def front_of(network: Network) -> Front | None:
    """The first layer of a network apart, where its form is known; else None.

    Args:
        network: any network.
    """
    form = network.form
    if form is None or form.signs is not None or network.state or network.training is not None:
        return None
    names = layer_names(len(form.sizes) - 2)
    if (
        network.apply.__module__ != layer_names.__module__
    ):  # what else carries a form may compute something else
        return None
    return Front(names, tuple(float(one) for one in form.scales), form.activation, form.sizes[1])


@jax.jit
def _scaled(layer: PyTree, x: Any) -> Any:
    return jax.vmap(lambda one: affine(one, 1.0, x.T))(layer)


def _first(layer: PyTree, x: Any, scale: float) -> Any:
    if scale == 1.0:
        return _scaled(layer, x)
    return _scaled({**layer, "weight": scale * layer["weight"]}, x)
