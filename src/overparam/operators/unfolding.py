"""An array of parameters as the matrix, or the matrices, by which the model multiplies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num


@dataclass(frozen=True)
class Unfolding:
    """Which axes of an array are a product's outputs, which its inputs.

    Attributes:
        rows: axes of the outputs.
        columns: axes that the product sums over: inputs, and the taps of a convolution.
        blocks: axes along which the products are apart, as the heads of an attention layer.
        groups: of a convolution; inputs and outputs of one group meet no other.
        split: whether ``rows`` or ``columns`` hold the groups one behind the other.
        kind: ``dense``, ``convolution``, ``table`` where rows are looked up, or ``unfolded`` for other arrays
            of more than two axes.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    blocks: tuple[int, ...] = ()
    groups: int = 1
    split: str = "rows"
    kind: str = "dense"

    def matrices(self, array: Num[np.ndarray, "*shape"]) -> Num[np.ndarray, "blocks rows columns"]:
        """The matrices, shape ``(blocks, rows, columns)``; one block where there are no groups.

        Args:
            array: of the parameter.

        >>> Unfolding((0,), (1, 2)).matrices(np.arange(12).reshape(2, 3, 2)).shape
        (1, 2, 6)
        >>> Unfolding((0,), (1, 2), groups=2).matrices(np.arange(24).reshape(4, 3, 2)).shape
        (2, 2, 6)
        """
        moved = array.transpose(*self.blocks, *self.rows, *self.columns)
        sizes = [math.prod(array.shape[one] for one in axes) for axes in (self.blocks, self.rows, self.columns)]
        matrices = moved.reshape(sizes)
        if self.groups == 1:
            return matrices
        blocks, rows, columns = sizes
        if self.split == "rows":
            return matrices.reshape(blocks * self.groups, rows // self.groups, columns)
        parts = matrices.reshape(blocks, rows, self.groups, columns // self.groups).swapaxes(1, 2)
        return parts.reshape(blocks * self.groups, rows, columns // self.groups)

    @property
    def turned(self) -> Unfolding:
        """The transpose, which has the same singular values."""
        other = "columns" if self.split == "rows" else "rows"
        return Unfolding(self.columns, self.rows, self.blocks, self.groups, other, self.kind)

    def same(self, other: Unfolding) -> bool:
        """Whether another unfolding has the same singular values for every array."""
        mine, turned = ((one.rows, one.columns, one.blocks, one.groups) for one in (self, self.turned))
        return (other.rows, other.columns, other.blocks, other.groups) in (mine, turned)
