"""The three products of a convolution over images on a CPU, in forms that are fast inside compiled loops too.

A convolution is linear in the maps and in the kernel. With ``<., .>`` the sum of products of entries,

    <convolution(x, k), g>  =  <x, pullback(g, k)>  =  <k, correlation(x, g)>.

A piece of the output at a time is one matrix product with shifted views of the maps, small enough that the views stay in
a core's cache. XLA's own convolution runs naive code inside a loop in this order of the axes, and in its order operands must
be transposed; ``benchmarks/convolution.py`` compares whole training steps with PyTorch's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from overparam.models.network import AnyArray

Maps = Float[AnyArray, "channels height width batch"]
Kernel = Float[AnyArray, "units channels high wide"]
VIEWS = 1 << 18  # entries of the views of a piece; more leave a core's cache
LEAST = 512  # columns of a piece's product, if there are as many


def convolution(
    x: Maps, kernel: Kernel, *, stride: int, padding: int
) -> Float[Array, "units rows places batch"]:
    """``out[o, p] = sum_{c, t} kernel[o, c, t] x[c, stride * p + t - padding]``."""
    if stride == 1:
        return _strips(x, kernel, padding)
    units, channels, taps, batch = kernel.shape[0], kernel.shape[1], kernel.shape[2:], x.shape[-1]
    out = [(n + 2 * padding - t) // stride + 1 for n, t in zip(x.shape[1:-1], taps, strict=True)]
    piece = _piece(out, channels, taps, batch)
    x = _padded(x, padding, out, taps, stride)
    weights = kernel.transpose(0, 2, 3, 1).reshape(units, -1)

    def step(i: Array, result: Array) -> Array:
        at = _at(i, out, piece)
        product = (weights @ _views(x, at, taps, piece, stride)).reshape(units, *piece, batch)
        return lax.dynamic_update_slice(result, product, (0, *at, 0))

    return lax.fori_loop(0, _pieces(out, piece), step, jnp.zeros((units, *out, batch), x.dtype))


def correlation(
    x: Maps, g: Float[AnyArray, "units rows places batch"], *, taps: Sequence[int], stride: int, padding: int
) -> Float[Array, "units channels high wide"]:
    """``out[o, c, t] = sum_p g[o, p] x[c, stride * p + t - padding]``, examples included."""
    units, channels, out, batch = g.shape[0], x.shape[0], g.shape[1:-1], x.shape[-1]
    piece = _piece(out, channels, taps, batch)
    x = _padded(x, padding, out, taps, stride)

    def step(i: Array, total: Array) -> Array:
        at = _at(i, out, piece)
        slope = lax.dynamic_slice(g, (0, *at, 0), (units, *piece, batch))
        return total + slope.reshape(units, -1) @ _views(x, at, taps, piece, stride).T

    start = jnp.zeros((units, channels * taps[0] * taps[1]), x.dtype)
    total = lax.fori_loop(0, _pieces(out, piece), step, start)
    return total.reshape(units, *taps, channels).transpose(0, 3, 1, 2)


def pullback(
    g: Float[AnyArray, "units rows places batch"],
    kernel: Kernel,
    *,
    space: Sequence[int],
    stride: int,
    padding: int,
) -> Float[Array, "channels height width batch"]:
    """``out[c, q] = sum_{o, p, t: stride * p + t - padding = q} kernel[o, c, t] g[o, p]``.

    It is a convolution with the turned kernel. At a stride s there are s * s of them, each with every s-th tap, for the
    places of the result that leave the same rest.
    """
    taps = kernel.shape[2:]
    if stride == 1 and padding < min(taps):
        return _full(g, kernel, [(t - 1 - padding,) * 2 for t in taps])
    most = [-(-(n + 2 * padding) // stride) for n in space]
    phases = []
    for first in itertools.product(range(stride), repeat=2):
        part = kernel[:, :, first[0] :: stride, first[1] :: stride]
        pads = [(t - 1, m - n) for t, m, n in zip(part.shape[2:], most, g.shape[1:-1], strict=True)]
        none = 0 in part.shape
        phases.append(
            jnp.zeros((kernel.shape[1], *most, g.shape[-1]), g.dtype) if none else _full(g, part, pads)
        )
    joined = jnp.stack(phases).reshape(stride, stride, kernel.shape[1], *most, g.shape[-1])
    sizes = (kernel.shape[1], *[m * stride for m in most], g.shape[-1])
    whole = joined.transpose(2, 3, 0, 4, 1, 5).reshape(sizes)
    return whole[:, padding : padding + space[0], padding : padding + space[1]]


def _full(g: AnyArray, kernel: AnyArray, pads: Sequence[tuple[int, int]]) -> Array:
    turned = kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    wide = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *[(a, b, 0) for a, b in pads], (0, 0, 0)])
    if kernel.shape[2:] == (1, 1):
        return jnp.tensordot(turned[:, :, 0, 0], wide, 1)
    return convolution(wide, turned, stride=1, padding=0)


def _strips(x: Maps, kernel: Kernel, padding: int) -> Array:
    """A piece is one product of all rows of the kernel with views shifted along one axis, then a sum of shifted rows.

    That takes a third of the copies of all shifted views, for a 3x3 kernel.
    """
    units, channels, taps, batch = kernel.shape[0], kernel.shape[1], kernel.shape[2:], x.shape[-1]
    out = [n + 2 * padding - t + 1 for n, t in zip(x.shape[1:-1], taps, strict=True)]
    most = VIEWS // (channels * taps[1] * batch)
    rows = _divisor(out[0], max(2 * taps[0], most - taps[0] + 1))
    high = rows + taps[0] - 1
    piece = (rows, _divisor(out[1], most // high))
    x = _padded(x, padding, out, taps, 1)
    weights = kernel.transpose(2, 0, 3, 1).reshape(taps[0] * units, -1)
    sizes = (channels, high, piece[1], batch)

    def step(i: Array, result: Array) -> Array:
        at = _at(i, out, piece)
        views = [
            lax.dynamic_slice(x, (0, at[0], at[1] + j, 0), sizes).reshape(channels, -1) for j in range(taps[1])
        ]
        product = (weights @ jnp.concatenate(views)).reshape(taps[0], units, high, piece[1], batch)
        total = product[0, :, :rows]
        for j in range(1, taps[0]):
            total = total + product[j, :, j : j + rows]
        return lax.dynamic_update_slice(result, total, (0, *at, 0))

    return lax.fori_loop(0, _pieces(out, piece), step, jnp.zeros((units, *out, batch), x.dtype))


def _piece(out: Sequence[int], channels: int, taps: Sequence[int], batch: int) -> tuple[int, int]:
    """Rows and places of a piece whose views are stacked; they divide the output."""
    most = max(LEAST, VIEWS // (channels * taps[0] * taps[1])) // batch
    across = _divisor(out[1], most)
    return _divisor(out[0], most // across), across


def _divisor(number: int, most: int) -> int:
    return next(n for n in range(min(number, max(1, most)), 0, -1) if number % n == 0)


def _pieces(out: Sequence[int], piece: Sequence[int]) -> int:
    return (out[0] // piece[0]) * (out[1] // piece[1])


def _at(i: Array, out: Sequence[int], piece: Sequence[int]) -> tuple[Any, Any]:
    across = out[1] // piece[1]
    return i // across * piece[0], i % across * piece[1]


def _padded(x: Maps, padding: int, out: Sequence[int], taps: Sequence[int], stride: int) -> Array:
    """Maps with zeros before and behind, as far as they are read."""
    ends = [(n - 1) * stride + t - size - padding for n, t, size in zip(out, taps, x.shape[1:-1], strict=True)]
    pads = [(0, 0, 0), *[(padding, end, 0) for end in ends], (0, 0, 0)]
    return lax.pad(jnp.asarray(x), jnp.zeros((), x.dtype), pads)


def _views(x: Array, at: Sequence[Any], taps: Sequence[int], piece: Sequence[int], stride: int) -> Array:
    """The stacked shifted views of a piece, shape ``(taps * taps * channels, places)``."""
    sizes = [(m - 1) * stride + t for m, t in zip(piece, taps, strict=True)]
    channels, batch = x.shape[0], x.shape[-1]
    band = lax.dynamic_slice(x, (0, at[0] * stride, at[1] * stride, 0), (channels, *sizes, batch))
    views = []
    for tap in itertools.product(*map(range, taps)):
        ends = [t + stride * (n - 1) + 1 for t, n in zip(tap, piece, strict=True)]
        view = lax.slice(band, (0, *tap, 0), (channels, *ends, batch), (1, stride, stride, 1))
        views.append(view.reshape(channels, -1))
    return jnp.concatenate(views)
