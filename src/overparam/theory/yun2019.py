"""Yun, Sra and Jadbabaie (2019): a bad local minimum of a relu network of any width and depth, with its proof.

Biases that switch every unit on at every example make the network affine in its inputs, not only at these parameters but in a
whole box around them. If its outputs are those of linear least squares, no parameters of the box have a smaller loss. Others
outside have: the minimum is local and not global. All of it is checked in whole numbers, without rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.exact_networks import Exact, active, exact, forward, least_squares
from overparam.theory.inputs import all_finite, count, numbers, real, shown
from overparam.theory.minimum_proof import MinimumProof, prove
from overparam.theory.theorem import Theorem

CITATION = (
    "C. Yun, S. Sra and A. Jadbabaie, Small nonlinearities in activation functions create bad local minima in neural "
    "networks, ICLR 2019, arXiv:1802.03487 (theorem 1, recalled; for one hidden layer). T. Ding, D. Li and R. Sun, "
    "Sub-optimal local minima exist for neural networks with almost all non-linear activations, arXiv:1911.01413. "
    "The construction for any depth and its box are elementary and proved here."
)
LOW, HIGH = 1e-100, 1e100  # sizes whose squares are numbers of float64
MOST = 30_000_000  # products of whole numbers
LINES = 200  # directions, and places along each, at which a kink is tried


@dataclass(frozen=True, eq=False)
class BadMinimum:
    """A network at a local minimum, other parameters of it with a smaller loss, and the proof.

    Attributes:
        weights: one matrix ``(out, in)`` a layer, rounded to float64; all of them are exact but the first layer's one row.
        biases: one vector ``(out,)`` a layer.
        slope: of the activation below 0: ``z`` for ``z > 0``, ``slope z`` else.
        loss: ``(1/2n) sum r^2`` at the minimum, in squared units of y.
        better_weights: of the other parameters; empty if none were found.
        better_biases: of the other parameters.
        better_loss: their loss; that of the minimum if none were found.
        certificate: what was proved.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    slope: float
    loss: float
    better_weights: tuple[np.ndarray, ...]
    better_biases: tuple[np.ndarray, ...]
    better_loss: float
    certificate: MinimumProof

    def predict(self, x: ArrayLike, better: bool = False) -> Float64[np.ndarray, " n"]:
        """Outputs of the network in float64, shape ``(n,)``.

        Args:
            x: inputs, shape ``(n, inputs)``.
            better: at the other parameters instead.

        Raises:
            DataError: inputs of another shape.
        """
        weights, biases = (self.better_weights, self.better_biases) if better else (self.weights, self.biases)
        if not weights:
            raise UsageError("better: expected False, because no parameters with a smaller loss were found.")
        at = numbers(x, "x")
        if at.ndim != 2 or at.shape[1] != weights[0].shape[1]:
            raise DataError(f"x: expected shape (n, {weights[0].shape[1]}), got {at.shape}.")
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            z = at @ w.T + b
            at = np.where(z > 0, z, self.slope * z)
        return np.asarray((at @ weights[-1].T + biases[-1])[:, 0])


def bad_minimum(
    x: ArrayLike, y: ArrayLike, widths: Sequence[int], slope: float = 0.0, seed: int = 0
) -> BadMinimum:
    """A local minimum of the squared loss at which a network of any width is no better than a linear model.

    Hidden weights are drawn and rounded to eighths; biases lift what every unit gets to 1 or more at every example; one row of
    the first layer and the last bias make the outputs those of linear least squares. In the box of ``certificate.radius``
    every network is affine on the examples, so none has a smaller loss. Other parameters have, with one kink in a unit.

    Args:
        x: inputs, shape ``(n, inputs)``; none is repeated with another target if a smaller loss is to be found.
        y: targets, shape ``(n,)``, which no linear model fits.
        widths: units of each hidden layer, one number a layer.
        slope: of the activation below 0, at least 0 and below 1: 0 for relu, 0.01 for a common leaky relu.
        seed: draws the hidden weights; every seed gives another such minimum.

    Returns:
        Parameters of both networks in float64, their losses, and the certificate.

    Raises:
        DataError: inputs or targets of another shape, missing numbers, or targets that a linear model fits exactly.
        UsageError: no layer, a width below 1, a slope out of range, or sizes too large for exact arithmetic.

    Assumptions: one output, squared loss; every parameter is trained.

    References: Yun, Sra and Jadbabaie 2019, theorem 1 (recalled); Ding, Li and Sun 2019 for smooth activations.

    Exclusive or, with 20 units: the linear fit is 1/2 everywhere, its loss 1/8.

    >>> found = bad_minimum([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], widths=[20])
    >>> found.certificate.certified, found.loss, found.better_loss < 0.11
    (True, 0.125, True)
    """
    inputs, targets, sizes, below = _asked(x, y, widths, slope, seed)
    given, wanted = exact(inputs), exact(targets)
    linear, constant = least_squares(given, wanted)
    if (_affine(given, linear, constant) + -wanted).zero:
        raise DataError(
            "y: expected targets that no linear model fits, got some that one fits exactly, so that its minimum is global. "
            "Give more examples than inputs + 1, or other targets."
        )
    layers = _switched_on(inputs, given, targets, linear, constant, sizes, seed)
    better = _kinked(inputs, given, wanted, linear, constant, sizes, Fraction(below))
    proof = prove(layers, better, given, wanted, Fraction(below))
    weights, biases = _rounded(layers)
    more = _rounded(better) if proof.lower is not None else ((), ())
    lower = float(proof.lower) if proof.lower is not None else float(proof.loss)
    return BadMinimum(weights, biases, below, float(proof.loss), *more, lower, proof)


def assumptions(x: ArrayLike, y: ArrayLike, widths: Sequence[int], **other: Any) -> tuple[Assumption, ...]:
    """The conditions of the minimum, each checked exactly.

    Args: as for :func:`bad_minimum`.

    References: as for :func:`bad_minimum`.

    >>> {one.state for one in assumptions([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0], [3])}
    {'holds'}
    """
    return bad_minimum(x, y, widths, **other).certificate.assumptions


def _asked(
    x: Any, y: Any, widths: Any, slope: Any, seed: Any
) -> tuple[np.ndarray, np.ndarray, list[int], float]:
    inputs, targets = (numbers(given, name, low=LOW, high=HIGH) for given, name in ((x, "x"), (y, "y")))
    if inputs.ndim != 2 or not inputs.size:
        raise DataError(f"x: expected shape (n, inputs), got {inputs.shape}. One row an example, at least one.")
    if targets.shape != (len(inputs),):
        raise DataError(f"y: expected shape ({len(inputs)},), one target an example, got {targets.shape}.")
    all_finite(inputs, "x")
    all_finite(targets, "y")
    try:
        sizes = [count(one, "widths") for one in widths]
    except TypeError:
        raise UsageError(
            f"widths: expected one number a hidden layer, such as [30, 30], got {shown(widths)}."
        ) from None
    if not sizes:
        raise UsageError(
            "widths: expected one number a hidden layer, got none. A network without one is linear."
        )
    below = real(slope)
    if not 0 <= below < 1:
        raise UsageError(
            f"slope: expected a number of at least 0 and below 1, got {shown(slope)}. 1 would be linear."
        )
    count(seed, "seed", 0)
    ways = [inputs.shape[1], *sizes, 1]
    work = len(inputs) * (sum(a * b for a, b in pairwise(ways)) + (ways[0] + 1) ** 2)
    if work > MOST:
        raise UsageError(
            f"widths: expected sizes with at most {MOST:.0e} exact products, got {work:.1e}. Take fewer units or examples."
        )
    return inputs, targets, sizes, below


def _affine(x: Exact, linear: Sequence[Fraction], constant: Fraction) -> Exact:
    out = x @ exact(np.array([linear], dtype=object)).T + exact([constant])
    return Exact(out.top[:, 0], out.under)


def _lift(z: Exact) -> Exact:
    """Whole biases that bring the least of every column to 1 or more."""
    return exact([max(0, ceil(1 - Fraction(int(one), z.under))) for one in z.top.min(axis=0)])


def _switched_on(
    inputs: np.ndarray, x: Exact, y: np.ndarray, linear: Any, constant: Fraction, widths: list[int], seed: int
) -> list[tuple[Exact, Exact]]:
    """The network with all units on whose outputs are ``linear x + constant``."""
    rng, sizes = np.random.default_rng(seed), [inputs.shape[1], *widths, 1]
    shapes = list(zip(sizes[1:], sizes, strict=False))
    drawn = [np.round(8 * rng.standard_normal(shape) / shape[1] ** 0.5) / 8 for shape in shapes]
    drawn[-1][0, :] = np.where(drawn[-1][0] == 0, 0.125, drawn[-1][0])
    weights = [exact(one) for one in drawn]
    weights[0] = exact(drawn[0] * 2.0 ** -_exponent(inputs))
    weights[-1] = exact(drawn[-1] * 2.0 ** _exponent(y))
    back = weights[-1]
    for weight in reversed(weights[1:-1]):
        back = back @ weight
    if back.zero:  # a draw in which no input gets through: one unit is passed on
        return _switched_on(inputs, x, y, linear, constant, widths, seed + 1)
    sizes_of_pull = [abs(one) for one in back.fractions()]
    chosen = sizes_of_pull.index(max(sizes_of_pull))
    rows = np.array(weights[0].fractions(), dtype=object).reshape(shapes[0])
    pull = back.fractions()
    others = [
        sum((pull[j] * rows[j, i] for j in range(len(pull)) if j != chosen), Fraction(0))
        for i in range(sizes[0])
    ]
    rows[chosen] = [(a - rest) / pull[chosen] for a, rest in zip(linear, others, strict=True)]
    weights[0] = exact(rows)
    layers, at, shift = [], x, exact([[0] * sizes[0]])
    for weight in weights[:-1]:
        z = at @ weight.T
        bias = _lift(z)
        layers.append((weight, bias))
        at, shift = z + bias, shift @ weight.T + bias
    last = exact([constant]) + -Exact((shift @ weights[-1].T).top[0], (shift @ weights[-1].T).under)
    return [*layers, (weights[-1], last)]


def _exponent(values: np.ndarray) -> int:
    return int(np.frexp(np.abs(values).max(initial=0.0))[1])


def _ways(x: np.ndarray, linear: Sequence[Fraction]) -> np.ndarray:
    """Directions along which a kink is tried: that of least squares, from the mean to the examples, and drawn ones."""
    away = x - x.mean(axis=0)
    far = away[np.argsort(-(away**2).sum(axis=1))[:LINES]]
    drawn = np.random.default_rng(0).standard_normal((20, x.shape[1]))
    found = np.concatenate([np.array([[float(one) for one in linear]]), far, drawn])
    return np.asarray(found[np.abs(found).max(axis=1) > 0])


def _kinked(
    inputs: np.ndarray, x: Exact, y: Exact, linear: Any, constant: Fraction, widths: list[int], slope: Fraction
) -> list[tuple[Exact, Exact]]:
    """A network of the same shape with one kink, the best of those tried; empty if none is better in float64."""
    one_unit, target = widths[0] == 1, y.floats()
    r = (_affine(x, linear, constant) + -y).floats()
    best, chosen = (0.0, None) if not one_unit else (-0.5 * float(r @ r), None)
    for way in _ways(inputs, linear):
        t = inputs @ way
        cuts = np.unique(t)
        cuts = (cuts[1:] + cuts[:-1])[:: max(1, len(cuts) // LINES)] / 2
        for sign in (1.0, -1.0):
            z = sign * (t[:, None] - cuts)
            if one_unit:
                h = np.where(z > 0, z, float(slope) * z)
                h, fit = h - h.mean(axis=0), target - target.mean()
                gain = 0.5 * (fit @ h) ** 2 / np.maximum((h**2).sum(axis=0), 1e-300) - 0.5 * float(fit @ fit)
            else:
                h = np.maximum(z, 0.0)
                gain = 0.5 * (r @ h) ** 2 / np.maximum((h**2).sum(axis=0), 1e-300)
            at = int(np.argmax(gain)) if len(cuts) else 0
            if len(cuts) and gain[at] > best:
                best, chosen = float(gain[at]), (sign * way, -sign * float(cuts[at]))
    if chosen is None:
        return []
    way, shift = exact(chosen[0]), Fraction(chosen[1])
    z = x @ Exact(way.top[:, None], way.under) + exact([shift])
    if one_unit:
        return _one_unit(active(z, slope), y, way, shift, widths)
    # affine + gamma relu(z), where relu(z) = (leaky(z) - slope z) / (1 - slope)
    hinge = active(z, Fraction(0))
    left = _affine(x, linear, constant) + -y
    gamma = -_dot(left, hinge) / _dot(hinge, hinge) / (1 - slope)
    row = [a - gamma * slope * w for a, w in zip(linear, way.fractions(), strict=True)]
    plain = _affine(x, row, Fraction(0))
    bias = _lift(Exact(plain.top[:, None], plain.under)).fractions()[0]
    blank = widths[0] - 2
    rows = np.array([row, way.fractions(), *[[Fraction(0)] * len(row)] * blank], dtype=object)
    first = exact(rows), exact([bias, shift, *[1] * blank])
    return [
        first,
        *_passed(first, x, slope, [Fraction(1), gamma], constant - gamma * slope * shift - bias, widths),
    ]


def _one_unit(h: Exact, y: Exact, way: Exact, shift: Fraction, widths: list[int]) -> list[tuple[Exact, Exact]]:
    """Least squares on the only unit of the first layer."""
    (factor,), constant = least_squares(h, y)
    first = Exact(way.top[None, :], way.under), exact([shift])
    low = [min(h.fractions())]
    rest = _chain([factor], constant, min(low[0] * factor, max(h.fractions()) * factor), widths)
    return [first, *rest]


def _passed(
    first: Any, x: Exact, slope: Fraction, factors: list[Fraction], constant: Fraction, widths: list[int]
) -> list[tuple[Exact, Exact]]:
    z, _ = forward([first, (exact([[0] * widths[0]]), exact([0]))], x, slope)
    h = active(z[0], slope)
    told = h @ exact(np.array([[*factors, *[0] * (widths[0] - 2)]], dtype=object)).T
    return _chain([*factors, *[Fraction(0)] * (widths[0] - 2)], constant, told.least(), widths)


def _chain(
    factors: list[Fraction], constant: Fraction, least: Fraction, widths: list[int]
) -> list[tuple[Exact, Exact]]:
    """The layers behind the first: its mixture, lifted above 0, is passed on by one unit; the others are constant."""
    if len(widths) == 1:
        return [(exact(np.array([factors], dtype=object)), exact([constant]))]
    bias, layers, row = max(0, ceil(1 - least)), [], factors
    for at, width in enumerate(widths[1:]):
        rows = np.array([row, *[[Fraction(0)] * len(row)] * (width - 1)], dtype=object)
        layers.append((exact(rows), exact([bias if not at else 0, *[1] * (width - 1)])))
        row = [Fraction(1), *[Fraction(0)] * (width - 1)]
    return [*layers, (exact(np.array([row], dtype=object)), exact([constant - bias]))]


def _dot(a: Exact, b: Exact) -> Fraction:
    return Fraction(int((a.top.ravel() * b.top.ravel()).sum()), a.under * b.under)


def _rounded(layers: Any) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    return tuple(w.floats() for w, _ in layers), tuple(b.floats() for _, b in layers)


THEOREMS = (
    Theorem(
        "bad-minimum",
        bad_minimum,
        {"x": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], "y": [0.0, 1.0, 1.0, 0.0], "widths": [4, 3]},
        assumptions,
        CITATION,
    ),
)
