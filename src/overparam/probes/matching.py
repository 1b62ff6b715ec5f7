"""Hidden units of two chains of dense layers matched to one another: by weights, and as students of a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.optimize import linear_sum_assignment

from overparam.operators.chain import Chain

ROUNDS = 100
_HOMOGENEOUS = ("relu", "leaky_relu", "identity")


@dataclass(frozen=True, eq=False)
class Matched:
    """Weights of two chains compared unit by unit.

    Attributes:
        cosine: of all weights and biases as two vectors, after the permutation of units, from -1 to 1.
        before: the same without a permutation.
        layers: cosine of each layer's weights and biases after it.
        orders: for each hidden layer, which unit of the model stands at each place of the reference.
        optimal: whether the permutation is the best there is: for one hidden layer; else no layer alone can be improved.
    """

    cosine: float
    before: float
    layers: tuple[float, ...]
    orders: tuple[np.ndarray, ...]
    optimal: bool


@dataclass(frozen=True, eq=False)
class Specialised:
    """Student units that stand for teacher units, of two networks of one hidden layer.

    Attributes:
        correlation: of the outputs of teacher unit j and student unit k over the data, shape ``(teacher, student)``, from
            -1 to 1; 0 where one does not vary.
        cosine: of their weights with biases, shape ``(teacher, student)``.
        best: largest correlation of each teacher unit with any student.
        recovered: share of teacher units with a student of correlation at least 0.9.
        fan_out: norm of the weights out of each student unit; small where a student stands for nothing.
        seen: for each teacher unit the smaller share of examples on one side of its zero; at 0 the data do not show the unit.
    """

    correlation: Float64[np.ndarray, "teacher student"]
    cosine: Float64[np.ndarray, "teacher student"]
    best: Float64[np.ndarray, " teacher"]
    recovered: float
    fan_out: Float64[np.ndarray, " student"]
    seen: Float64[np.ndarray, " teacher"]


def matched(model: Chain, reference: Chain) -> tuple[Matched | None, str]:
    """Cosine of the weights of two chains after the best permutation of hidden units, and why there is none.

    With relu, leaky relu and identity every unit is first rescaled so that weights in and out are equally long, which
    leaves the network as it is; so neither order nor scale of units matters.

    Args:
        model: a chain.
        reference: another.
    """
    shapes = [[one.shape for one in chain.weights] for chain in (model, reference)]
    biased = [[one is not None for one in chain.biases] for chain in (model, reference)]
    if shapes[0] != shapes[1] or biased[0] != biased[1] or model.activation != reference.activation:
        return None, "Weights are not compared: the networks differ in widths, biases or activation."
    ours, theirs = _layers(model), _layers(reference)
    if not all(np.square(w).sum() > 0 for side in (ours, theirs) for w, _ in side):
        return None, "Weights are not compared: a layer of one network is zero."
    orders = _orders(ours, theirs)
    turned = _permuted(ours, orders)
    return (
        Matched(
            _cosine(turned, theirs),
            _cosine(ours, theirs),
            tuple(_cosine([a], [b]) for a, b in zip(turned, theirs, strict=True)),
            tuple(orders),
            len(orders) <= 1,
        ),
        "",
    )


def specialised(student: Chain, teacher: Chain) -> tuple[Specialised | None, str]:
    """How well each hidden unit of a teacher is found among those of a student, and why it cannot be said.

    ``rho_jk`` is Pearson's correlation over the data of the outputs of teacher unit j and student unit k.

    Args:
        student: a chain of one hidden layer.
        teacher: another, of any width.

    References: Y. Tian, arXiv:1909.13458, and its code: rho_mean is the mean of ``best``, a match has rho of at least 0.9.
    """
    if len(student.weights) != 2 or len(teacher.weights) != 2:
        return None, "Teacher and student units are not compared: expected one hidden layer each."
    if not (student.activation == teacher.activation and student.activation in ("relu", "leaky_relu")):
        return None, "Teacher and student units are not compared: expected relu or leaky relu of both."
    a, b = teacher.hidden()[0], student.hidden()[0]
    correlation = _correlation(a, b)
    left, right = (np.column_stack(_unit(chain)) for chain in (teacher, student))
    sizes = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    cosine = np.divide(left @ right.T, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    on = (teacher.preactivations()[0] > 0).mean(axis=0)
    best = correlation.max(axis=1)
    fan_out = abs(student.scales[1]) * np.linalg.norm(student.weights[1], axis=0)
    return Specialised(
        correlation, cosine, best, float(np.mean(best >= 0.9)), fan_out, np.minimum(on, 1 - on)
    ), ""


def _unit(chain: Chain) -> list[np.ndarray]:
    """Weights in and bias of every unit of the first layer, as columns."""
    weight, bias = chain.scales[0] * chain.weights[0], chain.biases[0]
    return [weight, np.zeros(len(weight)) if bias is None else bias]


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    sizes = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)
    return np.clip(np.divide(a.T @ b, sizes, out=np.zeros_like(sizes), where=sizes > 0), -1.0, 1.0)


Layers = list[tuple[np.ndarray, np.ndarray]]


def _layers(chain: Chain) -> Layers:
    """Weights and biases with their scales multiplied in, units balanced where the activation allows it."""
    found = [
        (scale * weight, np.zeros(len(weight)) if bias is None else bias.copy())
        for scale, weight, bias in zip(chain.scales, chain.weights, chain.biases, strict=True)
    ]
    if chain.activation not in _HOMOGENEOUS:
        return found
    for _ in range(ROUNDS):
        largest = 0.0
        for at in range(len(found) - 1):
            (weight, bias), (after, last) = found[at], found[at + 1]
            into = np.sqrt(np.square(weight).sum(axis=1) + np.square(bias))
            out = np.linalg.norm(after, axis=0)
            alive = (into > 0) & (out > 0)
            factor = np.ones(len(weight))
            factor[alive] = np.sqrt(out[alive] / into[alive])
            found[at] = (weight * factor[:, None], bias * factor)
            found[at + 1] = (after / factor, last)
            largest = max(largest, float(np.abs(factor - 1).max(initial=0.0)))
        if largest < 1e-13:
            break
    return found


def _orders(ours: Layers, theirs: Layers) -> list[np.ndarray]:
    """Permutations of the hidden layers that no change of one of them improves."""
    orders = [np.arange(len(weight)) for weight, _ in ours[:-1]]
    best = -np.inf
    for _ in range(ROUNDS):
        for at in range(len(orders)):
            turned = _permuted(ours, [one if i != at else np.arange(len(one)) for i, one in enumerate(orders)])
            (weight, bias), (after, _last) = turned[at], turned[at + 1]
            (other, offset), (behind, _end) = theirs[at], theirs[at + 1]
            gain = other @ weight.T + np.outer(offset, bias) + behind.T @ after
            orders[at] = linear_sum_assignment(gain, maximize=True)[1]
        now = _dot(_permuted(ours, orders), theirs)
        if now <= best * (1 + 1e-12):
            break
        best = now
    return orders


def _permuted(layers: Layers, orders: list[np.ndarray]) -> Layers:
    found = list(layers)
    for at, order in enumerate(orders):
        weight, bias = found[at]
        found[at] = (weight[order], bias[order])
        after, last = found[at + 1]
        found[at + 1] = (after[:, order], last)
    return found


def _dot(one: Layers, other: Layers) -> float:
    return float(sum((a * c).sum() + (b * d).sum() for (a, b), (c, d) in zip(one, other, strict=True)))


def _cosine(one: Layers, other: Layers) -> float:
    return float(_dot(one, other) / np.sqrt(_dot(one, one) * _dot(other, other)))
