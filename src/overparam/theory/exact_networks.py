"""Piecewise linear networks in exact arithmetic: numbers of float64 are fractions, so nothing need be rounded.

An array of exact numbers is a :class:`Exact`: whole numbers over one common denominator. Layers are pairs of a weight matrix
``(out, in)`` and a bias ``(out,)``; between layers stands ``z`` for ``z > 0`` and ``slope z`` else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from overparam.core.errors import DataError

NEARLY = Fraction(1, 10**20)  # share of its square that is left of an input, below which it is rounding


@dataclass(frozen=True, eq=False)
class Exact:
    """Whole numbers over one denominator.

    Attributes:
        top: Python integers in an array of objects.
        under: the denominator, above 0.
    """

    top: np.ndarray
    under: int = 1

    def __matmul__(self, other: Exact) -> Exact:
        return Exact(np.asarray(self.top @ other.top, dtype=object), self.under * other.under)

    def __add__(self, other: Exact) -> Exact:
        both = lcm(self.under, other.under)
        return Exact(self.top * (both // self.under) + other.top * (both // other.under), both)

    def __neg__(self) -> Exact:
        return Exact(-self.top, self.under)

    @property
    def T(self) -> Exact:
        """Transposed."""
        return Exact(self.top.T, self.under)

    def least(self) -> Fraction:
        """The smallest entry."""
        return Fraction(int(self.top.min()), self.under)

    def fractions(self) -> list[Fraction]:
        """The entries in order."""
        return [Fraction(int(one), self.under) for one in self.top.ravel()]

    def floats(self) -> np.ndarray:
        """Each entry rounded to the nearest number of float64."""
        return np.array([float(one) for one in self.fractions()], dtype=np.float64).reshape(self.top.shape)

    @property
    def zero(self) -> bool:
        """Whether every entry is exactly 0."""
        return not self.top.any()


Layers = Sequence[tuple[Exact, Exact]]


def exact(values: Any) -> Exact:
    """Numbers of float64, fractions or whole numbers without rounding.

    Args:
        values: an array or nested list of any shape.

    References: a float is a whole number times a power of two.

    >>> exact([0.5, 3]).fractions()
    [Fraction(1, 2), Fraction(3, 1)]
    """
    given = np.asarray(values, dtype=object)
    parts = [Fraction(one) for one in given.ravel().tolist()]
    under = lcm(*(one.denominator for one in parts)) if parts else 1
    top = np.empty(len(parts), dtype=object)
    top[:] = [one.numerator * (under // one.denominator) for one in parts]
    return Exact(top.reshape(given.shape), under)


def active(z: Exact, slope: Fraction) -> Exact:
    """The activation of every entry.

    References: definition.

    >>> active(exact([-2.0, 3.0]), Fraction(1, 4)).fractions()
    [Fraction(-1, 2), Fraction(3, 1)]
    """
    low = np.empty(z.top.shape, dtype=object)
    low.ravel()[:] = [
        one * (slope.denominator if one > 0 else slope.numerator) for one in z.top.ravel().tolist()
    ]
    return Exact(low, z.under * slope.denominator)


def forward(layers: Layers, x: Exact, slope: Fraction) -> tuple[list[Exact], Exact]:
    """What every hidden layer gets, before its activation, and the outputs.

    Args:
        layers: hidden layers and the last one, which has one output.
        x: inputs, shape ``(n, inputs)``.
        slope: of the activation below 0.

    Returns:
        One array ``(n, units)`` a hidden layer, and the outputs ``(n,)``.

    References: definition.

    >>> one = (exact([[2.0]]), exact([-1.0])), (exact([[1.0]]), exact([0.5]))
    >>> forward(one, exact([[0.0], [1.0]]), Fraction(0))[1].fractions()
    [Fraction(1, 2), Fraction(3, 2)]
    """
    before, at = [], x
    for weight, bias in layers[:-1]:
        before.append(at @ weight.T + bias)
        at = active(before[-1], slope)
    weight, bias = layers[-1]
    out = at @ weight.T + bias
    return before, Exact(out.top[:, 0], out.under)


def least_squares(x: Exact, y: Exact) -> tuple[list[Fraction], Fraction]:
    """The affine function with the least sum of squares, exactly; 0 for inputs that depend on those before them.

    Args:
        x: inputs, shape ``(n, inputs)``.
        y: targets, shape ``(n,)``.

    Returns:
        Coefficients and the constant.

    Raises:
        DataError: an input that depends on those before it but for rounding, so that its coefficient would be huge.

    References: the normal equations, solved without fractions (E. Bareiss, Mathematics of Computation 22, 1968).

    >>> least_squares(exact([[0.0], [1.0], [2.0]]), exact([1.0, 1.0, 4.0]))
    ([Fraction(3, 2)], Fraction(1, 2))
    """
    ones = np.full((len(x.top), 1), x.under, dtype=object)
    design = np.concatenate([ones, x.top], axis=1)
    table = design.T @ np.concatenate([design, y.top[:, None]], axis=1)
    size, kept, last = design.shape[1], [], 1
    own = table.diagonal().copy()
    for k in range(size):
        pivot = table[k, k]
        if pivot == 0:  # of a positive semidefinite matrix: the whole row is 0
            continue
        if Fraction(int(pivot), int(last)) < NEARLY * Fraction(int(own[k])):
            raise DataError(
                f"x: expected inputs that are independent or exactly dependent, got column {k - 1}, which depends on others but "
                "for rounding. Leave it out."
            )
        for i in range(k + 1, size):
            table[i, k + 1 :] = (table[i, k + 1 :] * pivot - table[k, k + 1 :] * table[i, k]) // last
            table[i, k] = 0
        kept.append(k)
        last = pivot
    found = [Fraction(0)] * size
    for k in reversed(kept):
        rest = sum((int(table[k, j]) * found[j] for j in kept if j > k), Fraction(0))
        found[k] = (Fraction(int(table[k, size])) - rest) / int(table[k, k])
    scale = Fraction(x.under, y.under)
    return [one * scale for one in found[1:]], found[0] * scale


def half_mean_square(r: Exact) -> Fraction:
    """``(1/2n) sum r^2``, exactly.

    References: definition.

    >>> half_mean_square(exact([3.0, 1.0]))
    Fraction(5, 2)
    """
    return Fraction(int((r.top * r.top).sum()), 2 * len(r.top) * r.under**2)


def box(layers: Layers, before: Sequence[Exact], x: Exact) -> Fraction:
    """How far every parameter may move at once so that every unit still gets more than 0 at every input.

    If no parameter moves by more than rho, what a unit of layer l gets moves at input i by at most
    ``e_l = m e_{l-1} + rho (sum_k h_k + w e_{l-1} + 1)``, with m the largest absolute row sum of the weights, h the outputs
    and w the number of units of the layer before; ``e_1 = rho (|x|_1 + 1)``. The first power of two 2^4, 2^3, ... at which all
    of them stay above 0 is returned.

    Args:
        layers: as for :func:`forward`.
        before: what it gave, all entries above 0.
        x: inputs, shape ``(n, inputs)``.

    References: elementary.

    >>> layers = (exact([[1.0]]), exact([2.0])), (exact([[1.0]]), exact([0.0]))
    >>> box(layers, forward(layers, exact([[1.0]]), Fraction(0))[0], exact([[1.0]]))
    Fraction(1, 1)
    """
    sizes = [Fraction(int(one), x.under) for one in np.abs(x.top).sum(axis=1)]
    rows = [Fraction(int(np.abs(w.top).sum(axis=1).max()), w.under) for w, _ in layers[1:-1]]
    least = [[Fraction(int(one), z.under) for one in z.top.min(axis=1)] for z in before]
    sums = [[Fraction(int(one), z.under) for one in z.top.sum(axis=1)] for z in before]
    for power in range(4, -2000, -1):
        rho = Fraction(2) ** power
        moved = [rho * (size + 1) for size in sizes]
        kept = all(low > e for low, e in zip(least[0], moved, strict=True))
        for at, row in enumerate(rows):
            wide = before[at].top.shape[1]
            moved = [row * e + rho * (h + wide * e + 1) for e, h in zip(moved, sums[at], strict=True)]
            kept = kept and all(low > e for low, e in zip(least[at + 1], moved, strict=True))
        if kept:
            return rho
    return Fraction(0)
