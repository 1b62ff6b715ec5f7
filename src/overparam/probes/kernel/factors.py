"""What a kernel is summed from: the Jacobian of some examples by some parameters, whole or as outer products.

Arrays are those of NumPy, or of a back end on its own device: only operators are used. C stands for the outputs of one
example, T for positions (of a sequence or of a convolution), G for groups, I for inputs and O for outputs of a layer.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

Array = Any


@dataclass(frozen=True, eq=False)
class Factor(abc.ABC):
    """The Jacobian of n examples by the parameters of ``names``, in a form from which kernels follow.

    Attributes:
        names: of the parameters.
    """

    names: tuple[str, ...]

    @abc.abstractmethod
    def arrays(self) -> tuple[Array, ...]:
        """The arrays that it holds, the examples along their first axis."""

    @abc.abstractmethod
    def part(self, start: int, stop: int) -> Factor:
        """That of some of the examples."""

    @abc.abstractmethod
    def whole(self, other: Factor) -> Array:
        """Kernel of all outputs, shape ``(n, C, m, C)``."""

    @abc.abstractmethod
    def of(self, other: Factor, output: int | None) -> Array:
        """Kernel of one output, or the sum over all of them, shape ``(n, m)``."""

    @abc.abstractmethod
    def square(self, weights: Array) -> float:
        """``|J^T u|^2`` of weights u, shape ``(n, C)``."""

    @property
    def bytes(self) -> float:
        """Memory that its arrays take."""
        return float(sum(one.nbytes for one in self.arrays()))


@dataclass(frozen=True, eq=False)
class Rows(Factor):
    """Rows of the Jacobian.

    Attributes:
        rows: shape ``(n, C, parameters)``.
    """

    rows: Array

    def arrays(self) -> tuple[Array, ...]:
        """The rows."""
        return (self.rows,)

    def part(self, start: int, stop: int) -> Rows:
        """That of some of the examples."""
        return Rows(self.names, self.rows[start:stop])

    def whole(self, other: Factor) -> Array:
        """``J J^T``."""
        assert isinstance(other, Rows)
        return _product(self.rows, other.rows)

    def of(self, other: Factor, output: int | None) -> Array:
        """``J_c J_c^T``, or its sum."""
        assert isinstance(other, Rows)
        return _traced(self.rows, other.rows, output)

    def square(self, weights: Array) -> float:
        """``|J^T u|^2``."""
        n, outputs, size = self.rows.shape
        return _squared(weights.reshape(1, n * outputs) @ self.rows.reshape(n * outputs, size))


@dataclass(frozen=True, eq=False)
class Outer(Factor):
    """Parameters that enter one product each example: ``J_i = x_i (x) g_i`` group by group; no Jacobian is formed.

    Attributes:
        x: what is multiplied, shape ``(n, G, I)``.
        g: derivative of the outputs by the product, shape ``(n, C, G, O)``.
        ones: whether a bias is added to the product, which is an input of 1.
    """

    x: Array
    g: Array
    ones: bool = False

    def arrays(self) -> tuple[Array, ...]:
        """Inputs and derivatives."""
        return (self.x, self.g)

    def part(self, start: int, stop: int) -> Outer:
        """That of some of the examples."""
        return Outer(self.names, self.x[start:stop], self.g[start:stop], self.ones)

    def whole(self, other: Factor) -> Array:
        """``(x x^T) (g g^T)``, entry by entry."""
        assert isinstance(other, Outer)
        total = None
        for group in range(self.x.shape[1]):
            found = _product(self.g[:, :, group], other.g[:, :, group])
            found *= self._inputs(other, group)[:, None, :, None]
            total = found if total is None else total + found
        return total

    def of(self, other: Factor, output: int | None) -> Array:
        """The same of one output, or the sum."""
        assert isinstance(other, Outer)
        total = None
        for group in range(self.x.shape[1]):
            found = _traced(self.g[:, :, group], other.g[:, :, group], output)
            found *= self._inputs(other, group)
            total = found if total is None else total + found
        return total

    def square(self, weights: Array) -> float:
        """``|sum_i x_i (x) u_i g_i|^2``."""
        total = 0.0
        for group in range(self.x.shape[1]):
            back = (self.g[:, :, group] * weights[:, :, None]).sum(1)
            total += _squared(self.x[:, group].T @ back) + (_squared(back.sum(0)) if self.ones else 0.0)
        return total

    def _inputs(self, other: Outer, group: int) -> Array:
        found = self.x[:, group] @ other.x[:, group].T
        if self.ones:
            found += 1
        return found


@dataclass(frozen=True, eq=False)
class Pairs(Factor):
    """Parameters that enter a product at T positions of an example: ``J_i = sum_t x_it (x) g_it``, by pairs of positions.

    Attributes:
        x: what is multiplied, shape ``(n, T, G, I)``; or whole numbers ``(n, T)``, the rows of a table that are looked up.
        g: derivative of the outputs by the product, shape ``(n, C, T, G, O)``.
        ones: whether a bias is added to the product.
    """

    x: Array
    g: Array
    ones: bool = False

    def arrays(self) -> tuple[Array, ...]:
        """Inputs and derivatives."""
        return (self.x, self.g)

    def part(self, start: int, stop: int) -> Pairs:
        """That of some of the examples."""
        return Pairs(self.names, self.x[start:stop], self.g[start:stop], self.ones)

    def whole(self, other: Factor) -> Array:
        """``sum_ts (x_t x_s^T) (g_t g_s^T)``."""
        total = None
        for first, second, inputs in self._pairs(other):
            found = _product(first, second)
            found *= inputs[:, None, :, None]
            if total is None:
                total = found
            else:
                total += found
        return total

    def of(self, other: Factor, output: int | None) -> Array:
        """The same of one output, or the sum."""
        total = None
        for first, second, inputs in self._pairs(other):
            found = _traced(first, second, output)
            found *= inputs
            if total is None:
                total = found
            else:
                total += found
        return total

    def square(self, weights: Array) -> float:
        """``|sum_it x_it (x) u_i g_it|^2``, from the kernel of the positions."""
        back = (self.g * weights[:, :, None, None, None]).sum(1)
        n, positions, groups, size = back.shape
        total = 0.0
        for group in range(groups):
            flat = back[:, :, group].reshape(n * positions, size)
            if self.x.ndim == 2:
                codes = self.x.reshape(-1)
                total += float(((codes[:, None] == codes[None, :]) * (flat @ flat.T)).sum())
            else:
                total += _squared(self.x[:, :, group].reshape(n * positions, -1).T @ flat)
            total += _squared(flat.sum(0)) if self.ones else 0.0
        return total

    def _pairs(self, other: Factor) -> Any:
        assert isinstance(other, Pairs)
        for t in range(self.g.shape[2]):
            for s in range(other.g.shape[2]):
                for group in range(self.g.shape[3]):
                    if self.x.ndim == 2:
                        inputs = self.x[:, t][:, None] == other.x[:, s][None, :]
                    else:
                        inputs = self.x[:, t, group] @ other.x[:, s, group].T
                        inputs = inputs + 1 if self.ones else inputs
                    yield self.g[:, :, t, group], other.g[:, :, s, group], inputs


def _product(one: Array, other: Array) -> Array:
    """Products of the rows of all examples and outputs, shape ``(n, C, m, C)``."""
    n, outputs, size = one.shape
    m, others, _ = other.shape
    found = one.reshape(n * outputs, size) @ other.reshape(m * others, size).T
    return found.reshape(n, outputs, m, others)


def _traced(one: Array, other: Array, output: int | None) -> Array:
    """Products of the rows of an output, or their sum over all, shape ``(n, m)``."""
    if output is not None:
        return one[:, output] @ other[:, output].T
    return one.reshape(len(one), -1) @ other.reshape(len(other), -1).T


def _squared(array: Array) -> float:
    return float((array * array).sum())
