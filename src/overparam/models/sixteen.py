"""A 3x3 convolution by sixteen matrix products for every 2x2 window of its output, with 4/9 of the multiplications.

References:
    S. Winograd, Arithmetic complexity of computations, SIAM 1980; A. Lavin and S. Gray, Fast algorithms for convolutional
    neural networks, CVPR 2016, section 4.1, F(2x2, 3x3): its constants are 0, 1 and 1/2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import Array, lax

Parts = tuple[Array, ...]


def _twice(form: Callable[..., Parts], columns: Sequence[Sequence[Array]]) -> Parts:
    """A form along both axes of space: ``columns[i][j]`` to the entries of the result, row by row."""
    inner = [form(*row) for row in columns]
    outer = [form(*column) for column in zip(*inner, strict=True)]
    return tuple(outer[j][i] for i in range(len(outer[0])) for j in range(len(outer)))


def of_maps(band: Array) -> Parts:
    """The sixteen sums of every 4x4 window, each of shape ``(channels, windows)``."""
    n, m = ((size - 2) // 2 for size in band.shape[1:-1])

    def start(i: int, j: int) -> Array:
        ends = (band.shape[0], i + 2 * n - 1, j + 2 * m - 1, band.shape[-1])
        return lax.slice(band, (0, i, j, 0), ends, (1, 2, 2, 1))

    found = _twice(
        lambda a, b, c, d: (a - c, b + c, c - b, b - d), [[start(i, j) for j in range(4)] for i in range(4)]
    )
    return tuple(one.reshape(band.shape[0], -1) for one in found)


def of_kernel(kernel: Array) -> Parts:
    """The sixteen sums of every 3x3 kernel, each of shape ``(units, channels)``."""

    def form(a: Array, b: Array, c: Array) -> Parts:
        return a, 0.5 * (a + b + c), 0.5 * (a - b + c), c

    return _twice(form, [[kernel[:, :, i, j] for j in range(3)] for i in range(3)])


def of_products(products: Parts, shape: Sequence[int]) -> Array:
    """Every 2x2 window of the output, from its sixteen products."""
    units = products[0].shape[0]
    maps = [one.reshape(units, *shape) for one in products]
    a, b, c, d = _twice(lambda a, b, c, d: (a + b + c, b - c - d), [maps[4 * i : 4 * i + 4] for i in range(4)])
    joined = jnp.stack([jnp.stack([a, b], axis=3), jnp.stack([c, d], axis=3)], axis=2)
    return joined.reshape(units, 2 * shape[0], 2 * shape[1], shape[2])


def of_slope(slope: Array) -> Parts:
    """The adjoint of :func:`of_products`, each of shape ``(units, windows)``."""
    starts = [[slope[:, i::2, j::2] for j in range(2)] for i in range(2)]
    found = _twice(lambda a, b: (a, a + b, a - b, -b), starts)
    return tuple(one.reshape(slope.shape[0], -1) for one in found)
