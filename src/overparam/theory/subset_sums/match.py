"""A mask of a random ReLU network of twice the depth under which it computes a given target network, weight by weight.

Each layer of the target becomes a pair of layers. The units of the first of the pair are split into blocks, one an input
of the layer; a unit of block i keeps its weight u from input i alone and passes on ``u x_i`` where that is positive. A
weight w of the target is then the sum of the products ``v u`` of some of those units, v their weights into the output:
a subset sum. Units with negative u carry the negative part of an input, for which the sum must come near -w; behind
relu nothing is negative. A bias is the subset sum of the units of one more block, which keep their bias alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, UInt8
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import activation
from overparam.theory.certificates.dense import Dense
from overparam.theory.inputs import all_finite, count, nonnegative, numbers
from overparam.theory.subset_sums.bound import Target, carried, deviation_of, matrices, one_a_layer, target_of
from overparam.theory.subset_sums.gap import MOST
from overparam.theory.subset_sums.nearest import nearest_of

Choice = Literal["sum", "one"]
_FIRST, _VANISHING = 4, 1e-140  # products tried first; sizes that stand for nothing


@dataclass(frozen=True, eq=False)
class Matched:
    """A pruned random network and how near it is to its target.

    Attributes:
        masks: 1 where a weight is kept, else 0, shaped as the random weights.
        bias_masks: the same of the biases of the first layer of each pair, or None.
        network: the pruned network, as :class:`~overparam.theory.certificates.dense.Dense`; its function is ``value``.
        errors: proved bound on the distance from the target over the box, one an output.
        error: the largest of them.
        deviations: largest proved distance of a weight or bias from the one it stands for, one a layer of the target.
        tried: most products that were tried for a weight or bias, and how many on average, one pair a layer.
        kept: number of weights and biases that are kept.
        density: share of all weights and biases that are kept.
    """

    masks: tuple[UInt8[np.ndarray, " ..."], ...]
    bias_masks: tuple[UInt8[np.ndarray, " ..."] | None, ...]
    network: Dense
    errors: Float64[np.ndarray, " classes"]
    error: float
    deviations: tuple[float, ...]
    tried: tuple[tuple[int, float], ...]
    kept: int
    density: float

    def value(self, x: ArrayLike) -> Float64[np.ndarray, "n classes"]:
        """The pruned network at the rows of x, in float64.

        Args:
            x: shape ``(n, inputs)``.

        Raises:
            DataError: another shape.
        """
        return value(self.network.weights, x, self.network.biases)


def value(
    weights: Sequence[np.ndarray], x: ArrayLike, biases: Sequence[np.ndarray | None] | None = None
) -> Float64[np.ndarray, "n classes"]:
    """A ReLU network of these matrices at the rows of x, in float64.

    Args:
        weights: shape ``(outputs, inputs)`` each, from the input side.
        x: shape ``(n, inputs)``.
        biases: one a layer, or None for a layer without.

    Raises:
        DataError: x of another shape, or numbers that are missing or infinite.

    >>> value([np.array([[1.0], [-1.0]]), np.array([[1.0, 2.0]])], [[3.0], [-3.0]]).ravel().tolist()
    [3.0, 6.0]
    """
    h = numbers(x, "x")
    if h.ndim != 2 or h.shape[1] != weights[0].shape[1]:
        raise DataError(f"x: expected shape (n, {weights[0].shape[1]}), got {h.shape}.")
    all_finite(h, "x")
    for place, weight in enumerate(weights):
        h = h @ weight.T
        if biases is not None and (offset := biases[place]) is not None:
            h = h + offset
        if place < len(weights) - 1:
            h = np.maximum(h, 0.0)
    return h


def match_by_pruning(
    weights: Sequence[ArrayLike],
    random_weights: Sequence[ArrayLike],
    low: ArrayLike = -1.0,
    high: ArrayLike = 1.0,
    biases: Sequence[ArrayLike | None] | None = None,
    random_biases: Sequence[ArrayLike | None] | None = None,
    tolerance: float = 0.0,
    items: int = 20,
    choose: Choice = "sum",
) -> Matched:
    """Prune a random network of twice the depth so that it computes the target, and prove how far it is off.

    ``f(x) = W_L relu(... relu(W_1 x + b_1)) + b_L`` is matched by ``g(x) = M_2L relu(... relu(M_1 x + c_1))``.

    Args:
        weights: W_1 to W_L of the target, shape ``(outputs, inputs)`` each.
        random_weights: M_1 to M_2L. M_{2l-1} has one block of equally many units for each input of W_l, and one more
            where W_l has a bias; M_2l has as many outputs as W_l. :func:`~overparam.theory.subset_sums.plan.plan`
            says how many units are enough.
        low: least value of each input, one number for all or shape ``(inputs,)``.
        high: largest value.
        biases: b_1 to b_L, None for a layer without; None for a network without.
        random_biases: c of the first layer of each pair, shape ``(units,)``; only needed where W_l has a bias.
        tolerance: distance at which a weight is near enough: of the products of its block as few are tried as are needed
            for it; at 0 all of them.
        items: most products that are tried for a weight: the first ones of its block with the right sign.
        choose: ``"sum"`` the nearest subset sum; ``"one"`` the nearest single product (or none), for comparison.

    Returns:
        The masks, the pruned network, and a bound on ``|g - f|`` over the box that holds in exact arithmetic on the
        parameters as given. A weight of which no subset sum comes near makes the bound large; it is never refused.

    Raises:
        UsageError: another number of layers or units, a bias without random biases, or items out of range.
        DataError: numbers that are missing, infinite, too large or not held exactly by float64.

    Assumptions: relu after every layer but the last. No other activation passes on ``u x``.

    References: Malach et al. 2020 and Pensia et al. 2020 (the construction); the bound is derived in
        :mod:`~overparam.theory.subset_sums.bound`.

    >>> found = match_by_pruning([[[0.5]]], [[[1.0], [0.5], [-0.5]], [[0.25, 0.5, -1.0]]])
    >>> [mask.tolist() for mask in found.masks], found.density, bool(found.error < 1e-12)
    ([[[1], [1], [1]], [[1, 1, 1]]], 1.0, True)
    """
    target = target_of(weights, low, high, biases)
    random = matrices(random_weights, "random_weights")
    offsets = _checked(target, random, random_biases)
    most = count(items, "items", high=MOST)
    if choose not in ("sum", "one"):
        raise UsageError(f"choose: expected 'sum' or 'one', got {choose!r}.")
    near = nonnegative(tolerance, "tolerance")
    masks: list[np.ndarray] = []
    tried = []
    bias_masks: list[np.ndarray | None] = []
    for layer, (weight, bias) in enumerate(zip(target.weights, target.biases, strict=True)):
        sides = _sides(target) if not layer else np.array([[True] * weight.shape[1], [False] * weight.shape[1]])
        chosen = _Choice(most, near, choose)
        first, second = random[2 * layer], random[2 * layer + 1]
        into, out, constant = _pair(weight, bias, first, second, offsets[layer], sides, chosen)
        masks += [into, out]
        bias_masks += [constant, None]
        tried.append((max(chosen.tried, default=0), sum(chosen.tried) / max(len(chosen.tried), 1)))
    return proved(target, random, offsets, tuple(masks), tuple(bias_masks), tuple(tried))


def proved(
    target: Target,
    random: Sequence[np.ndarray],
    offsets: Sequence[np.ndarray | None],
    masks: Sequence[np.ndarray],
    bias_masks: Sequence[np.ndarray | None],
    tried: tuple[tuple[int, float], ...] = (),
) -> Matched:
    """A pruned random network with the proved bound on its distance from a target, whoever made the masks.

    Args:
        target: the target and its box.
        random: M_1 to M_2L.
        offsets: c of the first layer of each pair, or None.
        masks: 0 or 1, shaped as the random weights; a unit of the first layer of a pair keeps one input or its bias.
        bias_masks: one a layer of the random network, or None.
        tried: for the record.

    Raises:
        UsageError: a unit that keeps more.
    """
    pruned = [m * one for m, one in zip(random, masks, strict=True)]
    biases = [
        None if mask is None or (c := offsets[place // 2]) is None else c * mask
        for place, mask in enumerate(bias_masks)
    ]
    apart = [
        deviation_of(weight, bias, pruned[2 * layer], pruned[2 * layer + 1], biases[2 * layer])
        for layer, (weight, bias) in enumerate(zip(target.weights, target.biases, strict=True))
    ]
    errors = carried(target, apart)
    relevant = [[one.positive, one.bias] for one in apart]
    relevant[0] += [apart[0].negative * _sides(target)[1]]
    relevant[0][0] = relevant[0][0] * _sides(target)[0]
    every = [*masks, *(mask for mask in bias_masks if mask is not None)]
    kept = int(sum(int(one.sum()) for one in every))
    return Matched(
        tuple(one.astype(np.uint8) for one in masks),
        tuple(None if one is None else one.astype(np.uint8) for one in bias_masks),
        Dense(tuple(pruned), tuple(biases), (1.0,) * len(pruned), activation("relu")),
        errors,
        float(errors.max()),
        tuple(float(max(part.max() for part in parts)) for parts in relevant),
        tried,
        kept,
        kept / sum(one.size for one in every),
    )


def _sides(target: Target) -> np.ndarray:
    """Which inputs can be positive, and which negative, shape ``(2, inputs)``."""
    return np.stack([target.high > 0, target.low < 0])


def _checked(
    target: Target, random: Sequence[np.ndarray], given: Sequence[ArrayLike | None] | None
) -> tuple[np.ndarray | None, ...]:
    """The random biases, one a layer of the target or None, if the random network has the shape that is asked."""
    depth = len(target.weights)
    if len(random) != 2 * depth:
        raise UsageError(
            f"random_weights: expected {2 * depth} matrices, two for each of the {depth} layers, got {len(random)}."
        )
    biases = one_a_layer(given, depth, "random_biases")
    found: list[np.ndarray | None] = []
    for layer, (weight, bias, own) in enumerate(zip(target.weights, target.biases, biases, strict=True)):
        first, second = random[2 * layer : 2 * layer + 2]
        blocks, units = weight.shape[1] + (bias is not None), len(first)
        if first.shape[1] != weight.shape[1] or units % blocks:
            raise UsageError(
                f"random_weights[{2 * layer}]: expected shape (units, {weight.shape[1]}) with units a multiple of "
                f"{blocks}, one block an input{' and one for the bias' if bias is not None else ''}, got {first.shape}."
            )
        if second.shape != (len(weight), units):
            raise UsageError(
                f"random_weights[{2 * layer + 1}]: expected shape {(len(weight), units)}, got {second.shape}."
            )
        if bias is None:
            found.append(None)
            continue
        if own is None:
            raise UsageError(
                f"random_biases[{layer}]: expected shape ({units},), because layer {layer + 1} of the target has a bias "
                "and no sum of weights alone makes a constant, got None. Draw them like the weights."
            )
        row = matrices([np.atleast_2d(own)], "random_biases")[0]
        if row.shape != (1, units):
            raise UsageError(f"random_biases[{layer}]: expected shape ({units},), got {np.shape(own)}.")
        found.append(row[0])
    return tuple(found)


def _pair(
    weight: np.ndarray,
    bias: np.ndarray | None,
    first: np.ndarray,
    second: np.ndarray,
    offset: np.ndarray | None,
    sides: np.ndarray,
    choose: _Choice,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The masks of a pair of layers, and of the biases of the first."""
    inputs = weight.shape[1]
    block = len(first) // (inputs + (bias is not None))
    into, out = np.zeros(first.shape, np.uint8), np.zeros(second.shape, np.uint8)
    constant = None if bias is None else np.zeros(len(first), np.uint8)
    for place in range(inputs + (bias is not None)):
        units = np.arange(place * block, (place + 1) * block)
        is_bias = place == inputs
        carry = offset[units] if is_bias and offset is not None else first[units, min(place, inputs - 1)]
        wanted = bias if is_bias and bias is not None else weight[:, min(place, inputs - 1)]
        for sign, needed in ((1.0, is_bias or sides[0, place]), (-1.0, not is_bias and sides[1, place])):
            able = units[sign * carry > 0][: choose.most]
            if not needed or not len(able):
                continue
            factors = np.abs(carry[able - units[0]])
            for o, w in enumerate(wanted):
                out[o, able] = choose.of(second[o, able] * factors, sign * w)
            used = able[out[:, able].any(axis=0)]
            if is_bias and constant is not None:
                constant[used] = 1
            else:
                into[used, place] = 1
    return into, out, constant


class _Choice:
    """Which of the products of a block stand for a weight, and how many were tried for each weight so far."""

    def __init__(self, most: int, near: float, choose: Choice) -> None:
        self.most, self.near, self.choose = most, near, choose
        self.tried: list[int] = []

    def of(self, products: np.ndarray, wanted: float) -> np.ndarray:
        """The products that are kept for a weight."""
        found = np.zeros(len(products), np.bool_)
        if self.choose == "one":
            off = np.abs(products - wanted)
            found[off.argmin()] = off.min() < abs(wanted)
            self.tried.append(len(products))
            return found
        many = min(_FIRST, len(products)) if self.near else len(products)
        while True:
            some = products[:many]
            if np.abs(some).max() >= _VANISHING:
                found[:many], distance = nearest_of(some, float(wanted))
                if distance <= self.near:
                    break
            if many == len(products):
                break
            many = min(many + 2, len(products))
        self.tried.append(many)
        return found
