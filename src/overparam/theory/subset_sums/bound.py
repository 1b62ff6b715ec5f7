"""How far a pruned random ReLU network of twice the depth can be from its target on a whole box of inputs, proved.

A unit of the first layer of a pair that keeps one incoming weight u passes on ``u x`` for one sign of x and 0 for the
other, so two layers of the random network act as one matrix on the positive parts of x and one on the negative parts.
They are compared with the target's matrix entry by entry, and the differences carried through the layers:
``|z' - z| <= D h + (|W| + D) |h' - h|`` with ``D = |W' - W|``, where relu does not enlarge a difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.certificates.exact import float64
from overparam.theory.certificates.rounding import UNDERFLOW, gamma

Matrix = Float64[np.ndarray, " ..."]  # (outputs, inputs), of several sizes at once
_RANGE = 1e60


@dataclass(frozen=True, eq=False)
class Target:
    """A ReLU network that is to be matched, and the box of its inputs.

    Attributes:
        weights: W_l from the input side, shape ``(outputs, inputs)`` each; relu after every layer but the last.
        biases: b_l, shape ``(outputs,)``, or None for a layer without.
        low: least value of each input, shape ``(inputs,)``.
        high: largest value of each input.
    """

    weights: tuple[Matrix, ...]
    biases: tuple[Float64[np.ndarray, " ..."] | None, ...]
    low: Float64[np.ndarray, " features"]
    high: Float64[np.ndarray, " features"]

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, of units of each hidden layer, and of outputs."""
        return (self.weights[0].shape[1], *(len(w) for w in self.weights))


def target_of(
    weights: Sequence[ArrayLike],
    low: ArrayLike = -1.0,
    high: ArrayLike = 1.0,
    biases: Sequence[ArrayLike | None] | None = None,
) -> Target:
    """A target network from its matrices, checked; numbers are taken exactly as given.

    Args:
        weights: one matrix a layer from the input side, shape ``(outputs, inputs)``.
        low: least value of each input, one number for all or shape ``(inputs,)``.
        high: largest value.
        biases: one a layer or None for a layer without; None for a network without.

    Raises:
        UsageError: no layers, layers that do not fit, or another number of biases.
        DataError: numbers that are missing, infinite, above 1e60, or that float64 would round; low above high.

    >>> target_of([[[1.0, -0.5]], [[2.0]]]).widths
    (2, 1, 1)
    """
    layers = matrices(weights, "weights")
    for place, (before, after) in enumerate(itertools.pairwise(layers)):
        if after.shape[1] != len(before):
            raise UsageError(
                f"weights: expected layer {place + 2} to have {len(before)} columns, one for each row of layer "
                f"{place + 1}, got shape {after.shape}. Matrices are (outputs, inputs)."
            )
    given = one_a_layer(biases, len(layers), "biases")
    offsets = tuple(
        None if one is None else _vector(one, f"biases[{place}]", len(layers[place]))
        for place, one in enumerate(given)
    )
    least, most = (
        _vector(one, name, layers[0].shape[1], spread=True) for one, name in ((low, "low"), (high, "high"))
    )
    if (least > most).any():
        place = int(np.argmax(least > most))
        raise DataError(
            f"low: expected at most high, got {least[place]:g} above {most[place]:g} at input {place}."
        )
    return Target(layers, offsets, least, most)


def matrices(given: Sequence[ArrayLike], name: str) -> tuple[Matrix, ...]:
    """A list of matrices of finite numbers in float64.

    Raises:
        UsageError: an empty list, or something else than a list.
        DataError: another shape, or numbers that are missing, infinite, too large or not held exactly.
    """
    listed = isinstance(given, list | tuple) or (hasattr(given, "ndim") and given.ndim == 3)
    if not listed or not len(given):
        what = "an empty list" if listed else type(given).__name__
        raise UsageError(f"{name}: expected a list of matrices, one a layer, got {what}.")
    found = []
    for place, one in enumerate(given):
        layer = float64(one, f"{name}[{place}]")
        if layer.ndim != 2 or not layer.size:
            raise DataError(f"{name}[{place}]: expected a matrix (outputs, inputs), got shape {layer.shape}.")
        _finite(layer, f"{name}[{place}]")
        found.append(layer)
    return tuple(found)


def one_a_layer(given: Sequence[ArrayLike | None] | None, layers: int, name: str) -> list[ArrayLike | None]:
    """A list with one entry a layer of the target, None where it has none; None stands for none at all.

    Raises:
        UsageError: something else than a list, or of another length.
    """
    if given is None:
        return [None] * layers
    listed = isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.ndim > 0)
    if not listed or len(given) != layers:
        got = len(given) if listed else type(given).__name__
        raise UsageError(
            f"{name}: expected a list of {layers}, one for each layer of the target (None for none), got {got}."
        )
    return list(given)


def _vector(given: ArrayLike, name: str, n: int, *, spread: bool = False) -> np.ndarray:
    found = float64(given, name)
    if spread and not found.ndim:
        found = np.full(n, float(found))
    if found.shape != (n,):
        one = "one number, or " if spread else ""
        raise DataError(f"{name}: expected {one}shape ({n},), got {found.shape}.")
    _finite(found, name)
    return found


def _finite(values: np.ndarray, name: str) -> None:
    if not np.isfinite(values).all() or np.abs(values).max() > _RANGE:
        raise DataError(f"{name}: expected finite numbers below 1e60 in size, got others. Rescale them.")


@dataclass(frozen=True, eq=False)
class Deviation:
    """How far a pair of layers is from the target's layer.

    Attributes:
        positive: bounds of ``|W' - W|`` on positive parts of the inputs, shape ``(outputs, inputs)``.
        negative: the same on negative parts; hidden layers have none.
        bias: bounds of ``|b' - b|``, shape ``(outputs,)``.
    """

    positive: Matrix
    negative: Matrix
    bias: Float64[np.ndarray, " ..."]


def carried(target: Target, deviations: Sequence[Deviation]) -> Float64[np.ndarray, " classes"]:
    """Bound on the distance of each output over the box, rounded up; in the outputs' unit.

    Args:
        target: the network and the box.
        deviations: one a layer.

    Raises:
        DataError: bounds that overflow.

    References: interval arithmetic with the rounding bounds of :mod:`~overparam.theory.certificates.rounding`.

    >>> none, some = np.zeros((1, 1)), np.full((1, 1), 0.125)
    >>> found = carried(target_of([[[1.0]]], -1.0, 2.0), [Deviation(some, none, np.zeros(1))])
    >>> bool(0.25 <= found[0] < 0.25 + 1e-12)
    True
    """
    low, high = target.low, target.high
    ahead, behind = np.maximum(high, 0.0), np.maximum(-low, 0.0)
    error = np.zeros(len(low))
    for layer, (weight, bias, off) in enumerate(zip(target.weights, target.biases, deviations, strict=True)):
        terms = gamma(4 * weight.shape[1] + 16)
        least = weight.shape[1] * 8 * UNDERFLOW
        grown = np.maximum(off.positive * ahead, off.negative * behind).sum(axis=1) + off.bias
        error = ((grown + (np.abs(weight) + off.positive) @ error) * (1 + terms) + least) * (1 + terms)
        if layer == len(target.weights) - 1:
            break
        offset = np.zeros(len(weight)) if bias is None else bias
        up, down = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
        size = np.abs(weight) @ np.maximum(np.abs(low), np.abs(high)) + np.abs(offset)
        rounding = 2 * terms * size + least
        low, high = (
            up @ low + down @ high + offset - rounding,
            up @ high + down @ low + offset + rounding,
        )
        silent = high + 2 * error < 0  # a unit that is off in both networks
        error = np.where(silent, 0.0, error)
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
        ahead, behind = high, np.zeros(len(high))
    if not np.isfinite(error).all():
        raise DataError(
            "weights: expected sizes whose bound is a number of float64, got larger ones. Rescale them."
        )
    return error


def deviation_of(
    weight: Matrix,
    bias: np.ndarray | None,
    first: Matrix,
    second: Matrix,
    first_bias: np.ndarray | None,
) -> Deviation:
    """How far a pair of pruned layers is from one layer of the target, with the rounding of its sums.

    Args:
        weight: W, shape ``(outputs, inputs)``.
        bias: b, or None.
        first: pruned weights into the units of the pair, at most one other than 0 a row, shape ``(units, inputs)``.
        second: pruned weights out of them, shape ``(outputs, units)``.
        first_bias: pruned biases of the units, 0 where a weight is kept; or None.

    Raises:
        UsageError: a unit with more than one input: its kink is nowhere in the target, and no bound is known.

    >>> found = deviation_of(np.array([[0.5]]), None, np.array([[0.5], [-1.0]]), np.array([[1.0, -0.5]]), None)
    >>> bool(found.positive[0, 0] < 1e-12), bool(found.negative[0, 0] < 1e-12)
    (True, True)
    """
    inputs = (first != 0).sum(axis=1) + (0 if first_bias is None else first_bias != 0)
    if (inputs > 1).any():
        raise UsageError(
            f"masks: expected units of the first layer of a pair to keep one weight or the bias, got {int(inputs.max())} "
            f"at unit {int(inputs.argmax())}."
        )
    terms = gamma(2 * second.shape[1] + 16)
    least = 8 * second.shape[1] * UNDERFLOW

    def apart(wanted: np.ndarray, through: np.ndarray) -> np.ndarray:
        made, size = second @ through, np.abs(second) @ through
        return (np.abs(made - wanted) + terms * (size + np.abs(wanted))) * (1 + terms) + least

    positive = apart(weight, np.maximum(first, 0.0))
    negative = apart(-weight, np.maximum(-first, 0.0))
    offset = np.zeros(len(weight)) if bias is None else bias
    constant = np.zeros(len(first)) if first_bias is None else np.maximum(first_bias, 0.0)
    return Deviation(positive, negative, apart(offset, constant))
