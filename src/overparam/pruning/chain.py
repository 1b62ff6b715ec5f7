"""Networks that are a chain of layers, each of which reads the units of the one before: what compaction can cut."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import NDArray

from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.pruning.arrays import trained_arrays

_NAME = re.compile(r"(conv|hidden)(\d+)|output")
_ORDER = {"conv": 0, "hidden": 1, "output": 2}


@dataclass(frozen=True)
class Link:
    """A layer of a chain.

    Attributes:
        name: its name.
        units: its outputs.
        inputs: units of the layer before, or features.
        places: entries of the weight along its second axis that one of these inputs has; 1 but behind convolutions.
        taps: entries of a kernel.
        bias: whether it has one.
        conv: whether it is a convolution.
    """

    name: str
    units: int
    inputs: int
    places: int
    taps: int
    bias: bool
    conv: bool

    @property
    def weight(self) -> str:
        """Path of the weight."""
        return f"{self.name}/weight"

    def columns(self, inputs: NDArray[np.intp]) -> NDArray[np.intp]:
        """The entries of the weight's second axis that belong to some inputs."""
        return (inputs[:, None] * self.places + np.arange(self.places)).ravel()

    def by_input(self, array: Any) -> NDArray[Any]:
        """A weight, or a mask of it, as ``(units, inputs, the rest)``."""
        return np.asarray(array).reshape(self.units, self.inputs, -1)


def chain(network: Network) -> list[Link]:
    """The layers of a chain from the input side.

    Args:
        network: a network of layers ``conv1``, ..., ``hidden1``, ..., ``output``.

    Raises:
        UsageError: a network that is no such chain.

    >>> from overparam.models import mlp
    >>> [(link.name, link.inputs, link.units) for link in chain(mlp(3, (4,), 2))]
    [('hidden1', 3, 4), ('output', 4, 2)]
    """
    every = trained_arrays(network)
    names = sorted({path.rpartition("/")[0] for path in every}, key=_place)
    known = all(_NAME.fullmatch(name) for name in names) and names[-1:] == ["output"]
    parts = {path.rpartition("/")[2] for path in every}
    if not known or network.state or not parts <= {"weight", "bias"}:
        raise _no_chain(network)
    links: list[Link] = []
    for name in names:
        if f"{name}/weight" not in every:
            raise _no_chain(network)
        shape = every[f"{name}/weight"].shape
        if len(shape) < 2:
            raise _no_chain(network)
        before = links[-1].units if links else shape[1]
        places, rest = divmod(shape[1], before)
        conv = len(shape) > 2
        behind = bool(links) and links[-1].conv and not conv
        if rest or (places != 1 and not behind) or (bool(links) and conv and not links[-1].conv):
            raise _no_chain(network)
        links.append(
            Link(name, shape[0], before, places, int(np.prod(shape[2:])), f"{name}/bias" in every, conv)
        )
    return links


def narrower(network: Network, units: Mapping[str, int], inputs: int) -> Network:
    """The same functions for fewer units; equal sizes return the same object.

    Args:
        network: a chain.
        units: outputs of every layer.
        inputs: features.

    Returns:
        A network whose ``init`` gives arrays of these sizes: the first units of what the whole network draws.
    """
    return _narrower(network, tuple(units.items()), inputs)


@functools.lru_cache(maxsize=256)
def _narrower(network: Network, units: tuple[tuple[str, int], ...], inputs: int) -> Network:
    links, own = chain(network), dict(units)

    def initialise(key: PRNGKeyArray) -> PyTree:
        params, before, found = network.init(key), inputs, {}
        for link in links:
            rows = own[link.name]
            layer = params[link.name]
            found[link.name] = {"weight": layer["weight"][:rows, : before * link.places]}
            if link.bias:
                found[link.name]["bias"] = layer["bias"][:rows]
            before = rows
        return found

    form = network.form
    if form is not None:
        form = dataclasses.replace(form, sizes=(inputs, *(own[link.name] for link in links)))
    sizes = "-".join(map(str, (inputs, *own.values())))
    features = network.inputs if links[0].conv else inputs
    return dataclasses.replace(
        network, name=f"{network.name} cut to {sizes}", init=initialise, inputs=features, form=form
    )


def same_outputs(
    one: Network, params: PyTree, other: Network, cut: PyTree, features: NDArray[np.intp], tolerance: float
) -> bool:
    """Whether two networks compute the same on a few random examples, up to rounding.

    Args:
        one: the whole network.
        params: its parameters.
        other: the one that was cut.
        cut: its parameters.
        features: which features it reads.
        tolerance: largest difference, as a share of the size of the outputs.
    """
    x = np.random.default_rng(0).normal(size=(3, one.inputs)).astype(np.float32)
    with jax.default_matmul_precision("highest"):
        want = np.asarray(jax.jit(one.apply)(params, x), np.float64)
        read = x if other.inputs == one.inputs else x[:, features]
        got = np.asarray(jax.jit(other.apply)(cut, read), np.float64)
    return want.shape == got.shape and bool(
        np.abs(want - got).max() <= tolerance * (1e-30 + np.abs(want).max()) or not np.isfinite(want).all()
    )


def _place(name: str) -> tuple[int, int, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        return (3, 0, name)
    return (_ORDER[found.group(1) or "output"], int(found.group(2) or 0), name)


def _no_chain(network: Network) -> UsageError:
    return UsageError(
        f"network: expected a chain of layers such as mlp(...) or cnn(...), whose units can be cut out, got "
        f"'{network.name}'. Train it under its mask in full shape."
    )
