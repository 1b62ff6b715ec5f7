"""The path between two networks through small networks on half of their units: it is never worse than the worst of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.models.mlp import layer_names
from overparam.models.network import Network, PyTree
from overparam.operators.chain import ACTIVATIONS
from overparam.probes.paths.ends import checked_ends

Layer = tuple[np.ndarray, np.ndarray]  # weight of shape (outputs, inputs), bias


@dataclass(frozen=True, eq=False)
class Subnetwork:
    """A small network on some units of one layer of a network of dense layers.

    Attributes:
        entry: the layer that it reads: 0 the inputs, else a hidden layer from 1.
        layers: its weights and biases, the first reads the chosen units of that layer (all inputs for entry 0).
    """

    entry: int
    layers: tuple[Layer, ...]


def through_subnetworks(
    network: Network,
    a: PyTree,
    b: PyTree,
    of_a: Sequence[Subnetwork],
    of_b: Sequence[Subnetwork],
    units: Sequence[np.ndarray],
) -> tuple[PyTree, ...]:
    r"""Corners of a path of straight lines from a to b on which the loss is at most that of the ends and of all small networks.

    For each hidden layer l some units I_l are chosen. A small network of entry l reads the units I_l of a's (or b's) layer l and
    has at most as many hidden units in every layer above as are not chosen there. From the last layer to the first: the head
    turns to the chosen units of the last hidden layer, whose other units are then read by nobody; the small network of the layer
    below is written on those, without any effect; the head turns to it; and it is copied to the chosen units. Only the head ever
    changes what is computed, and outputs are linear in the head, so that along each line they are between those of its ends, and
    a convex loss is at most the larger of both. At the end both networks are small ones on the inputs, which are joined alike.

    Args:
        network: of :func:`overparam.models.mlp`.
        a: parameters at the first end.
        b: at the last.
        of_a: small networks of a, of entry H (the last hidden layer), H - 1, ..., 0.
        of_b: those of b; that of entry 0 may be the same.
        units: for every hidden layer the units that are chosen, in both networks.

    Returns:
        Corners for :func:`~overparam.probes.paths.polygon`, the ends among them.

    Raises:
        UsageError: no network of dense layers, units or small networks that do not fit.
        DataError: parameters that are missing or infinite.

    Assumptions: a loss that is convex in the outputs, such as cross-entropy or the squared loss.

    References: Q. Nguyen, P. Brechet and M. Mondelli, When are solutions connected in deep networks?, NeurIPS 2021; the
        construction was rebuilt from their code (path.py), the argument above is complete for it.
    """
    form = _form(network)
    a, b = checked_ends(network, (a, b))
    depth = len(form.sizes) - 2
    chosen = _chosen(units, form.sizes[1:-1])
    for name, small in (("of_a", of_a), ("of_b", of_b)):
        _check(name, small, form.sizes, [len(one) for one in chosen], depth)
    names = layer_names(depth)
    first, last = (_Walk(_layers(one, names, form.scales), form.sizes, chosen) for one in (a, b))
    for walk, small in ((first, of_a), (last, of_b)):
        for one in small:
            walk.take(one)
    if of_a[-1] is not of_b[-1]:
        first.take(of_b[-1])
    corners = [*first.corners, *reversed(last.corners)]
    middle = [_tree(one, a, names, form.scales) for one in corners[1:-1]]
    return (a, *middle, b)


class _Walk:
    """A network on its way to a small network on its inputs; ``corners`` are where it turns."""

    def __init__(self, layers: list[Layer], sizes: Sequence[int], chosen: Sequence[np.ndarray]) -> None:
        self.layers, self.depth = layers, len(sizes) - 2
        self.kept = (np.arange(sizes[0]), *chosen)
        self.free = (
            np.arange(0),
            *(np.setdiff1d(np.arange(n), one) for n, one in zip(sizes[1:], chosen, strict=False)),
        )
        self.corners = [list(layers)]

    def take(self, small: Subnetwork) -> None:
        """Turn to a small network of one layer lower than the one before (or of the inputs again)."""
        if small.entry == self.depth:
            self._head(small, self.kept[-1])
            return
        self._write(small, self.free)
        self._head(small, self.free[-1])
        self._write(small, self.kept)
        self._head(small, self.kept[-1])

    def _write(self, small: Subnetwork, where: Sequence[np.ndarray]) -> None:
        """Write the hidden layers of a small network on units that nobody reads."""
        read = self.kept[small.entry]
        for layer, (weight, bias) in enumerate(small.layers[:-1], start=small.entry + 1):
            rows = where[layer][: len(weight)]
            matrix, offset = (one.copy() for one in self.layers[layer - 1])
            matrix[where[layer]] = 0.0
            offset[where[layer]] = 0.0
            matrix[np.ix_(rows, read)] = weight
            offset[rows] = bias
            self.layers[layer - 1] = (matrix, offset)
            read = rows
        self.corners.append(list(self.layers))

    def _head(self, small: Subnetwork, units: np.ndarray) -> None:
        """Turn the head to the last hidden units of a small network."""
        weight, bias = small.layers[-1]
        matrix = np.zeros_like(self.layers[-1][0])
        matrix[:, units[: weight.shape[1]]] = weight
        self.layers[-1] = (matrix, np.array(bias, matrix.dtype))
        self.corners.append(list(self.layers))


def dropped(network: Network, params: PyTree, units: Sequence[np.ndarray], entry: int) -> Subnetwork:
    """What is left of a network when other units than the chosen ones go from layer ``entry`` on, the rest scaled up.

    The outputs of the n_l chosen of N_l units are multiplied by N_l / n_l. A network whose loss hardly changes for every entry
    is called dropout stable.

    Args:
        network: of :func:`overparam.models.mlp`.
        params: its parameters.
        units: for every hidden layer the units that stay.
        entry: the first layer of which units go, from 1; 0 for the whole network on its inputs, whose layers all lose units.

    References: A. Shevchenko and M. Mondelli, Landscape connectivity and dropout stability of SGD solutions, ICML 2020,
        definition of dropout stability (recalled); R. Kuditipudi et al., NeurIPS 2019.
    """
    form = _form(network)
    chosen = _chosen(units, form.sizes[1:-1])
    layers = _layers(params, layer_names(len(chosen)), form.scales)
    read: tuple[np.ndarray, ...] = (np.arange(form.sizes[0]), *chosen, np.arange(form.sizes[-1]))
    found = []
    for layer in range(entry + 1, len(layers) + 1):
        weight, bias = layers[layer - 1]
        factor = form.sizes[layer - 1] / len(read[layer - 1]) if layer > 1 else 1.0
        rows = read[layer]
        found.append((factor * weight[np.ix_(rows, read[layer - 1])], bias[rows].copy()))
    return Subnetwork(entry, tuple(found))


def features(network: Network, params: PyTree, x: Any, layer: int) -> Float64[np.ndarray, "n units"]:
    """Outputs of the units of a layer, in float64.

    Args:
        network: of :func:`overparam.models.mlp`.
        params: its parameters.
        x: examples, shape ``(n, inputs)``.
        layer: 0 the inputs, else a hidden layer from 1.
    """
    form = _form(network)
    act, rows = _activation(form), np.asarray(x, np.float64)
    for weight, bias in _layers(params, layer_names(len(form.sizes) - 2), form.scales)[:layer]:
        rows = act(rows @ weight.T + bias)
    return rows


def outputs_of(
    small: Subnetwork, network: Network, inputs: Float64[np.ndarray, "n units"]
) -> Float64[np.ndarray, "n classes"]:
    """Outputs of a small network, in float64.

    Args:
        small: it.
        network: whose activation counts.
        inputs: what it reads, shape ``(n, units)``.
    """
    act, rows = _activation(_form(network)), np.asarray(inputs, np.float64)
    for weight, bias in small.layers[:-1]:
        rows = act(rows @ weight.T + bias)
    weight, bias = small.layers[-1]
    return rows @ weight.T + bias


def carried(
    weight: np.ndarray, bias: np.ndarray, inputs: np.ndarray, hidden: int, entry: int, loss: float
) -> Subnetwork:
    """A small relu network that carries the outputs of a linear classifier, scaled so that its cross-entropy is small.

    One unit a class in each hidden layer, all positive on the examples, so that they pass on the outputs unchanged.

    Args:
        weight: of the classifier, which is right on all examples, shape ``(classes, units)``.
        bias: its offsets.
        inputs: the examples as it reads them, shape ``(n, units)``.
        hidden: hidden layers above the one that it reads.
        entry: that layer.
        loss: cross-entropy of every example that is not exceeded, above 0.
    """
    outputs = inputs @ weight.T + bias
    two = np.sort(outputs, axis=1)[:, -2:]
    gap = float((two[:, 1] - two[:, 0]).min())
    size = float(np.log((len(bias) - 1) / np.expm1(loss)) / gap)
    if not hidden:
        return Subnetwork(entry, ((size * weight, size * bias),))
    lift = float(-outputs.min()) + float(np.ptp(outputs)) * 0.01 + 1e-6
    identity, nothing = np.eye(len(bias)), np.zeros(len(bias))
    middle = ((identity, nothing),) * (hidden - 1)
    return Subnetwork(entry, ((weight, bias + lift), *middle, (size * identity, nothing - size * lift)))


def _form(network: Network) -> Any:
    if network.form is None or not network.form.bias:
        raise UsageError(f"network: expected an mlp with biases, got '{network.name}'.")
    return network.form


def _activation(form: Any) -> Any:
    """The activation of a form on arrays of float64."""
    if form.activation not in ACTIVATIONS:
        raise UsageError(
            f"network: expected one of {', '.join(ACTIVATIONS)} as activation, got '{form.activation}'."
        )
    return ACTIVATIONS[form.activation]


def _layers(params: PyTree, names: Sequence[str], scales: Sequence[float]) -> list[Layer]:
    """Weights and biases in float64, scales multiplied in."""
    return [
        (scale * np.asarray(params[name]["weight"], np.float64), np.asarray(params[name]["bias"], np.float64))
        for name, scale in zip(names, scales, strict=True)
    ]


def _tree(
    layers: Sequence[Layer], like: Mapping[str, Any], names: Sequence[str], scales: Sequence[float]
) -> PyTree:
    kind = np.asarray(like[names[0]]["weight"]).dtype
    return {
        name: {"weight": np.asarray(weight / scale, kind), "bias": np.asarray(bias, kind)}
        for name, (weight, bias), scale in zip(names, layers, scales, strict=True)
    }


def _chosen(units: Sequence[Any], widths: Sequence[int]) -> tuple[np.ndarray, ...]:
    found = tuple(np.unique(np.asarray(one)) for one in units)
    fits = len(found) == len(widths) and all(
        0 < len(one) == len(given) < n and one[0] >= 0 and one[-1] < n
        for one, given, n in zip(found, units, widths, strict=False)
    )
    if not fits:
        raise UsageError(
            f"units: expected some, not all, of the units of each of the {len(widths)} hidden layers, each once, got "
            f"{[len(one) for one in found]} of {list(widths)}."
        )
    return found


def _check(
    name: str, small: Sequence[Subnetwork], sizes: Sequence[int], kept: Sequence[int], depth: int
) -> None:
    if [one.entry for one in small] != list(range(depth, -1, -1)):
        raise UsageError(
            f"{name}: expected small networks of entries {depth} to 0, falling, got {[one.entry for one in small]}."
        )
    read = (sizes[0], *kept)
    for one in small:
        most = [min(k, n - k) for k, n in zip(kept[one.entry :], sizes[one.entry + 1 : -1], strict=True)]
        widths = [len(bias) for _, bias in one.layers]
        inner = [read[one.entry], *widths[:-1]]
        right = len(widths) == len(most) + 1 and widths[-1] == sizes[-1]
        right = right and all(w <= m for w, m in zip(widths, most, strict=False))
        if not right or [weight.shape for weight, _ in one.layers] != list(zip(widths, inner, strict=True)):
            raise UsageError(
                f"{name}: expected of entry {one.entry} layers from {read[one.entry]} units through at most {most} to "
                f"{sizes[-1]}, got weights of shapes {[weight.shape for weight, _ in one.layers]}."
            )
