"""Networks of dense layers in float64: values and derivatives, each with a proved bound on its rounding.

``f(x) = s_L W_L phi(... phi(s_1 W_1 x + b_1) ...) + b_L``. Trained are all W_l and b_l, or all but the last.
The Jacobian stays in blocks, one a trained layer: its row of example i and output o is ``B_l (x) (s_l h_{l-1}, 1)``,
the signal of that row times the input of the layer. Bounds are running error bounds, entry by entry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import Activation
from overparam.theory.certificates.exact import float64
from overparam.theory.certificates.rounding import UNDERFLOW, UNIT, gamma, slope_error, value_error

Matrix = Float64[np.ndarray, "n features"]
Signals = Float64[np.ndarray, "n classes units"]
_RANGE = 1e60


@dataclass(frozen=True, eq=False)
class Dense:
    """A network of dense layers with given parameters.

    Attributes:
        weights: W_l from the input side, shape ``(outputs, inputs)`` each.
        biases: b_l, shape ``(outputs,)``, or None for a layer without.
        scales: s_l, one a layer.
        activation: phi, after every layer but the last.
        trained_output: whether the last layer is trained.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray | None, ...]
    scales: tuple[float, ...]
    activation: Activation
    trained_output: bool = True

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.biases) == len(self.scales) >= 1:
            raise UsageError("a dense network: expected one bias (or None) and one scale a weight matrix.")
        for one in [*self.weights, *(b for b in self.biases if b is not None)]:
            if one.dtype != np.float64 or not np.isfinite(one).all():
                raise DataError("parameters: expected finite numbers in float64.")
            if np.abs(one).max(initial=0.0) > _RANGE:
                raise DataError(
                    "parameters: expected numbers below 1e60 in size, because their squares are added."
                )
        for before, after in zip(self.weights, self.weights[1:], strict=False):
            if before.shape[0] != after.shape[1]:
                raise UsageError(
                    f"weights: expected layers that fit, got shapes {before.shape} and {after.shape}."
                )
        if len(self.weights) == 1 and not self.trained_output:
            raise UsageError("a dense network: expected a trained layer, got only a fixed one.")

    @property
    def trained(self) -> tuple[int, ...]:
        """Places of the trained layers."""
        return tuple(range(len(self.weights) if self.trained_output else len(self.weights) - 1))

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        arrays = [
            a for layer in self.trained for a in (self.weights[layer], self.biases[layer]) if a is not None
        ]
        return sum(a.size for a in arrays)


def checked_network(network: Any, name: str = "network") -> Dense:
    """The network, if it is one of dense layers in float64.

    Raises:
        UsageError: something else.
    """
    if not isinstance(network, Dense):
        raise UsageError(
            f"{name}: expected a network of dense layers (theory.certificates.Dense or two_layer), got "
            f"{type(network).__name__}. For a network of overparam.models use overparam.certify."
        )
    return network


@dataclass(frozen=True, eq=False)
class Block:
    """The part of the Jacobian of one layer, with bounds on the error of each entry.

    Attributes:
        signals: derivative of every output by the layer's pre-activations, shape ``(n, outputs, units)``.
        signals_error: bound on its error.
        inputs: what the layer multiplies, ``(s h, 1)``, shape ``(n, features)``.
        inputs_error: bound on its error.
    """

    signals: Signals
    signals_error: Signals
    inputs: Matrix
    inputs_error: Matrix


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network at some inputs.

    Attributes:
        preactivations: z_l of each hidden layer, shape ``(n, units)``.
        preactivations_error: bounds on their errors.
        hidden: inputs of each layer, h_0 = x first.
        hidden_error: bounds on their errors.
        outputs: f, shape ``(n, outputs)``.
        outputs_error: bound on its error.
        blocks: the Jacobian, one block a trained layer.
    """

    preactivations: tuple[Float64[np.ndarray, "n ..."], ...]
    preactivations_error: tuple[Float64[np.ndarray, "n ..."], ...]
    hidden: tuple[Float64[np.ndarray, "n ..."], ...]
    hidden_error: tuple[Float64[np.ndarray, "n ..."], ...]
    outputs: Float64[np.ndarray, "n classes"]
    outputs_error: Float64[np.ndarray, "n classes"]
    blocks: tuple[Block, ...]


def two_layer(
    weights: ArrayLike,
    output: ArrayLike,
    activation: Activation,
    bias: ArrayLike | None = None,
) -> Dense:
    """A network ``f(x) = sum_l v_l phi(w_l.x + b_l)`` of which W and b are trained.

    Args:
        weights: W, shape ``(units, features)``.
        output: v, shape ``(units,)``, or V of shape ``(outputs, units)``.
        activation: phi.
        bias: b, shape ``(units,)``, or None.

    Raises:
        UsageError: shapes that do not fit.
        DataError: numbers that are missing or infinite.

    >>> from overparam.theory.activations import activation
    >>> two_layer([[1.0, 0.0]], [2.0], activation("tanh")).parameters
    2
    """
    first, last = float64(weights, "weights"), np.atleast_2d(float64(output, "output"))
    offset = None if bias is None else float64(bias, "bias")
    if first.ndim != 2 or not first.size:
        raise UsageError(f"weights: expected shape (units, features), got {first.shape}.")
    if last.ndim != 2 or last.shape[1] != len(first):
        raise UsageError(
            f"output: expected shape ({len(first)},) or (outputs, {len(first)}), got {last.shape}."
        )
    if offset is not None and offset.shape != (len(first),):
        raise UsageError(f"bias: expected shape ({len(first)},), got {offset.shape}.")
    return Dense((first, last), (offset, None), (1.0, 1.0), activation, trained_output=False)


def evaluate(network: Dense, x: Matrix) -> Evaluation:
    """Values and Jacobian of a network at the rows of x, with bounds on the rounding of each number.

    Args:
        network: the network.
        x: inputs in float64, shape ``(n, features)``.

    Raises:
        UsageError: inputs of another width, or an activation whose evaluation has no documented bound.
        DataError: numbers that overflow on the way.

    >>> from overparam.theory.activations import activation
    >>> found = evaluate(two_layer([[1.0]], [2.0], activation("tanh")), np.array([[0.5]]))
    >>> bool(abs(found.outputs[0, 0] - 2 * np.tanh(0.5)) <= found.outputs_error[0, 0])
    True
    """
    x = float64(x, "x")
    if x.ndim != 2 or x.shape[1] != checked_network(network).weights[0].shape[1]:
        raise UsageError(f"x: expected shape (n, {network.weights[0].shape[1]}), got {x.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):
        found = _evaluate(network, x)
    told = [found.outputs_error, *(a for b in found.blocks for a in (b.signals_error, b.inputs_error))]
    if not all(np.isfinite(one).all() for one in told):
        raise DataError("parameters and inputs: values or derivatives overflow in float64. Rescale them.")
    return found


def _evaluate(network: Dense, x: Matrix) -> Evaluation:
    act = network.activation
    hidden, hidden_error = [x], [np.zeros_like(x)]
    pre, pre_error, slopes, slopes_error = [], [], [], []
    for layer in range(len(network.weights)):
        z, z_error = _affine(network, layer, hidden[-1], hidden_error[-1])
        if layer == len(network.weights) - 1:
            break
        slope, off = _slope(act, z, z_error)
        steepest = np.minimum(act.largest_slope, np.abs(slope) + off)
        pre.append(z)
        pre_error.append(z_error)
        slopes.append(slope)
        slopes_error.append(off)
        hidden.append(act.value(z))
        hidden_error.append((value_error(act, z) + steepest * z_error) * (1 + 8 * UNIT))
    blocks = _blocks(network, hidden, hidden_error, slopes, slopes_error)
    return Evaluation(tuple(pre), tuple(pre_error), tuple(hidden), tuple(hidden_error), z, z_error, blocks)


def _affine(network: Dense, layer: int, h: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``s W h + b`` and the bound on its error."""
    weight, bias, scale = network.weights[layer], network.biases[layer], network.scales[layer]
    size = abs(scale) * (np.abs(h) @ np.abs(weight).T)
    z = scale * (h @ weight.T) if scale != 1.0 else h @ weight.T
    if bias is not None:
        z, size = z + bias, size + np.abs(bias)
    terms = gamma(weight.shape[1] + 8)
    off = terms * size
    if layer:
        off = off + (1 + terms) * abs(scale) * (error @ np.abs(weight).T)
    # each of the products may lose what underflows, in value and in bound, before the scale
    return z, off * (1 + terms) + 4 * UNDERFLOW * (abs(scale) * weight.shape[1] + 1)


def _slope(act: Activation, z: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``phi'(z)`` and the bound on its error; where the sign at a kink is not sure, the size of the jump."""
    slope = act.slope(z)
    if act.smooth:
        return slope, (slope_error(act, z) + act.largest_curvature * error) * (1 + 8 * UNIT)
    return slope, np.where(np.abs(z) <= error, jump(act), 0.0)


def jump(act: Activation) -> float:
    """How far the slope jumps at 0; 0 for a smooth activation.

    >>> from overparam.theory.activations import activation
    >>> round(jump(activation("relu")), 12)
    1.0
    """
    if act.smooth:
        return 0.0
    low, high = act.slope(np.array([-1.0, 1.0]))
    return abs(float(high - low)) * (1 + 2 * UNIT)


def _blocks(
    network: Dense,
    hidden: list[np.ndarray],
    hidden_error: list[np.ndarray],
    slopes: list[np.ndarray],
    slopes_error: list[np.ndarray],
) -> tuple[Block, ...]:
    n, outputs = len(hidden[0]), len(network.weights[-1])
    signals = np.broadcast_to(np.eye(outputs), (n, outputs, outputs))
    error = np.zeros_like(signals)
    blocks: list[Block] = []
    for layer in range(len(network.weights) - 1, -1, -1):
        if layer in network.trained:
            blocks.append(Block(signals, error, *_inputs(network, layer, hidden[layer], hidden_error[layer])))
        if not layer:
            break
        weight, scale = network.weights[layer], network.scales[layer]
        back = scale * (signals @ weight)
        terms = gamma(weight.shape[0] + 8)
        back_error = abs(scale) * ((terms * np.abs(signals) + (1 + terms) * error) @ np.abs(weight))
        slope, off = slopes[layer - 1][:, None, :], slopes_error[layer - 1][:, None, :]
        signals = slope * back
        back_error = back_error + 4 * UNDERFLOW * abs(scale) * (weight.shape[0] + 1)
        error = np.abs(slope) * back_error + off * (np.abs(back) + back_error) + 2 * UNIT * np.abs(signals)
        error = error * (1 + 2 * terms) + 2 * UNDERFLOW
    return tuple(reversed(blocks))


def _inputs(network: Dense, layer: int, h: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = network.scales[layer]
    inputs, off = (h, error) if scale == 1.0 else (scale * h, abs(scale) * error)
    if scale != 1.0:
        off = (off + UNIT * np.abs(inputs)) * (1 + 4 * UNIT) + 2 * UNDERFLOW
    if network.biases[layer] is not None:
        inputs = np.column_stack([inputs, np.ones(len(h))])
        off = np.column_stack([off, np.zeros(len(h))])
    return inputs, off


def difference(end: Dense, start: Dense) -> list[np.ndarray]:
    """How far the trained parameters of one network are from another's, one matrix ``(units, features)`` a layer.

    A bias is the last column. Not rounded in any direction.

    Raises:
        UsageError: networks of other sizes.
    """
    if [w.shape for w in end.weights] != [w.shape for w in start.weights] or (
        [b is None for b in end.biases] != [b is None for b in start.biases]
    ):
        raise UsageError("two networks: expected the same layers.")
    found = []
    for layer in start.trained:
        parts = [end.weights[layer] - start.weights[layer]]
        if (before := start.biases[layer]) is not None and (after := end.biases[layer]) is not None:
            parts.append((after - before)[:, None])
        found.append(np.hstack(parts))
    return found


def moved(network: Dense, direction: list[np.ndarray]) -> Dense:
    """The network with that added to its trained parameters, one matrix a layer as :func:`difference` gives them."""
    weights, biases = list(network.weights), list(network.biases)
    for layer, part in zip(network.trained, direction, strict=True):
        offset, columns = biases[layer], weights[layer].shape[1]
        weights[layer] = weights[layer] + part[:, :columns]
        biases[layer] = None if offset is None else offset + part[:, -1]
    return replace(network, weights=tuple(weights), biases=tuple(biases))
