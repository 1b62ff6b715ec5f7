"""The three products of a convolution over images, a piece of the output at a time so that a piece stays in the cache.

A convolution is linear in the maps and in the kernel. With ``<., .>`` the sum of products of entries,

    <convolution(x, k), g>  =  <x, pullback(g, k)>  =  <k, correlation(x, g)>.

A piece has one of three forms. ``views``: all shifted views stacked, one matrix product. ``strips``: views shifted along
one axis only, one product with all rows of the kernel, and as many sums; the copies are a third as many for a 3x3 kernel.
``sixteen``: :mod:`overparam.models.sixteen`, for 3x3 kernels on many channels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from overparam.models import sixteen
from overparam.models.network import AnyArray

Maps = Float[AnyArray, "channels height width batch"]
Kernel = Float[AnyArray, "units channels taps taps"]
VIEWS = 1 << 18  # entries of the views of a piece; more leave a core's cache
LEAST = 512  # columns of a piece's product, if there are as many
WINDOWS = 1024  # 2x2 windows of a piece, examples included
FAST = 64  # channels and units from which sixteen products are faster; measured, as all of these
FAST_SLOPE = 128  # the same for the derivative by the kernel


def convolution(
    x: Maps, kernel: Kernel, *, stride: int, padding: int
) -> Float[Array, "units rows places batch"]:
    """``out[o, p] = sum_{c, t} kernel[o, c, t] x[c, stride * p + t - padding]``."""
    units, channels, taps = kernel.shape[0], kernel.shape[1], kernel.shape[2:]
    out, batch = _places(x, taps, stride, padding), x.shape[-1]
    form = _form(kernel.shape, stride, FAST)
    piece = _piece(form, out, channels, taps, batch)
    x, whole = _padded(x, padding, out, piece, taps, stride)

    def product(at: tuple[Array, Array]) -> Array:
        if form == "strips":
            return _strip(x, weights, at, piece, taps)
        band = _band(x, at, piece, taps, stride)
        if form == "views":
            return (weights @ _views(band, taps, piece, stride)).reshape(units, *piece, batch)
        seen = lax.optimization_barrier(sixteen.of_maps(band))
        products = tuple(w @ v for w, v in zip(weights, seen, strict=True))
        shape = (piece[0] // 2, piece[1] // 2, batch)
        return sixteen.of_products(lax.optimization_barrier(products), shape)

    if form == "sixteen":
        weights: Any = sixteen.of_kernel(kernel)
    else:
        order, many = ((0, 2, 3, 1), units) if form == "views" else ((2, 0, 3, 1), taps[0] * units)
        weights = kernel.transpose(order).reshape(many, -1)

    def step(i: Array, result: Array) -> Array:
        at = _at(i, whole, piece)
        return lax.dynamic_update_slice(result, product(at), (0, *at, 0))

    start = jnp.zeros((units, *whole, batch), x.dtype)
    return lax.fori_loop(0, _pieces(whole, piece), step, start)[:, : out[0], : out[1]]


def correlation(
    x: Maps, g: Float[AnyArray, "units rows places batch"], *, taps: Sequence[int], stride: int, padding: int
) -> Float[Array, "units channels taps taps"]:
    """``out[o, c, t] = sum_p g[o, p] x[c, stride * p + t - padding]``, examples included."""
    units, channels, out, batch = g.shape[0], x.shape[0], g.shape[1:-1], x.shape[-1]
    shape = (units, channels, *taps)
    fast = _form(shape, stride, FAST_SLOPE) == "sixteen"
    piece = _piece("sixteen" if fast else "views", out, channels, taps, batch)
    x, whole = _padded(x, padding, out, piece, taps, stride)
    g = jnp.pad(g, [(0, 0), *[(0, w - n) for w, n in zip(whole, out, strict=True)], (0, 0)])

    def step(i: Array, total: tuple[Array, ...]) -> tuple[Array, ...]:
        at = _at(i, whole, piece)
        band = _band(x, at, piece, taps, stride)
        slope = lax.dynamic_slice(g, (0, *at, 0), (units, *piece, batch))
        if not fast:
            return (total[0] + slope.reshape(units, -1) @ _views(band, taps, piece, stride).T,)
        seen, moved = lax.optimization_barrier((sixteen.of_maps(band), sixteen.of_slope(slope)))
        return tuple(t + m @ s.T for t, m, s in zip(total, moved, seen, strict=True))

    many, inner = (16, channels) if fast else (1, channels * taps[0] * taps[1])
    start = tuple(jnp.zeros((units, inner), x.dtype) for _ in range(many))
    total = lax.fori_loop(0, _pieces(whole, piece), step, start)
    if fast:
        (found,) = jax.linear_transpose(sixteen.of_kernel, jax.ShapeDtypeStruct(shape, x.dtype))(total)
        return found
    return total[0].reshape(units, *taps, channels).transpose(0, 3, 1, 2)


def pullback(
    g: Float[AnyArray, "units rows places batch"],
    kernel: Kernel,
    *,
    space: Sequence[int],
    stride: int,
    padding: int,
) -> Float[Array, "channels height width batch"]:
    """``out[c, q] = sum_{o, p, t: stride * p + t - padding = q} kernel[o, c, t] g[o, p]``."""
    turned = kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    taps = kernel.shape[2:]
    if stride == 1 and padding < min(taps):
        return _full(g, turned, [(t - 1 - padding,) * 2 for t in taps])
    lengths = [n + 2 * padding for n in space]
    most = [-(-n // stride) for n in lengths]
    phases = []
    for first in itertools.product(range(stride), repeat=2):
        part = kernel[:, :, first[0] :: stride, first[1] :: stride]
        if 0 in part.shape:
            phases.append(jnp.zeros((kernel.shape[1], *most, g.shape[-1]), g.dtype))
            continue
        pads = [(t - 1, m - n) for t, m, n in zip(part.shape[2:], most, g.shape[1:-1], strict=True)]
        phases.append(_full(g, part[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), pads))
    joined = jnp.stack(phases).reshape(stride, stride, kernel.shape[1], *most, g.shape[-1])
    whole = joined.transpose(2, 3, 0, 4, 1, 5).reshape(
        kernel.shape[1], *[m * stride for m in most], g.shape[-1]
    )
    return whole[:, padding : padding + space[0], padding : padding + space[1]]


def _full(g: Array, kernel: Array, pads: Sequence[tuple[int, int]]) -> Array:
    wide = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *[(a, b, 0) for a, b in pads], (0, 0, 0)])
    if kernel.shape[2:] == (1, 1):
        return jnp.tensordot(kernel[:, :, 0, 0], wide, 1)
    return convolution(wide, kernel, stride=1, padding=0)


def _places(x: Maps, taps: Sequence[int], stride: int, padding: int) -> list[int]:
    return [(n + 2 * padding - t) // stride + 1 for n, t in zip(x.shape[1:-1], taps, strict=True)]


def _form(kernel: Sequence[int], stride: int, least: int) -> str:
    if stride > 1:
        return "views"
    return "sixteen" if tuple(kernel[2:]) == (3, 3) and min(kernel[:2]) >= least else "strips"


def _piece(form: str, out: Sequence[int], channels: int, taps: Sequence[int], batch: int) -> tuple[int, int]:
    """Rows and places of a piece, which divide the output (for sixteen products: the output rounded up to even)."""
    if form == "sixteen":
        windows = [-(-n // 2) for n in out]
        across = _divisor(windows[1], WINDOWS // batch)
        return 2 * _divisor(windows[0], WINDOWS // (across * batch)), 2 * across
    if form == "views":
        most = max(LEAST, VIEWS // (channels * taps[0] * taps[1])) // batch
        across = _divisor(out[1], most)
        return _divisor(out[0], most // across), across
    most = VIEWS // (channels * taps[1] * batch)
    rows = _divisor(out[0], max(2 * taps[0], most - taps[0] + 1))
    return rows, _divisor(out[1], most // (rows + taps[0] - 1))


def _divisor(number: int, most: int) -> int:
    return next(n for n in range(min(number, max(1, most)), 0, -1) if number % n == 0)


def _pieces(whole: Sequence[int], piece: Sequence[int]) -> int:
    return (whole[0] // piece[0]) * (whole[1] // piece[1])


def _at(i: Array, whole: Sequence[int], piece: Sequence[int]) -> tuple[Array, Array]:
    across = whole[1] // piece[1]
    return i // across * piece[0], i % across * piece[1]


def _padded(
    x: Maps, padding: int, out: Sequence[int], piece: Sequence[int], taps: Sequence[int], stride: int
) -> tuple[Array, list[int]]:
    """Maps with all that whole pieces read, and rows and places of the output in whole pieces."""
    whole = [-(-n // m) * m for n, m in zip(out, piece, strict=True)]
    ends = [
        (n - 1) * stride + t - size - padding for n, t, size in zip(whole, taps, x.shape[1:-1], strict=True)
    ]
    pads = [(0, 0, 0), *[(padding, end, 0) for end in ends], (0, 0, 0)]
    return lax.pad(jnp.asarray(x), jnp.zeros((), x.dtype), pads), whole


def _band(x: Array, at: Sequence[Any], piece: Sequence[int], taps: Sequence[int], stride: int) -> Array:
    sizes = [(m - 1) * stride + t for m, t in zip(piece, taps, strict=True)]
    return lax.dynamic_slice(x, (0, at[0] * stride, at[1] * stride, 0), (x.shape[0], *sizes, x.shape[-1]))


def _strip(x: Array, weights: Array, at: Sequence[Any], piece: Sequence[int], taps: Sequence[int]) -> Array:
    """A piece of the output: all rows of the kernel in one product with the views along the places, then sums."""
    high, batch = piece[0] + taps[0] - 1, x.shape[-1]
    sizes = (x.shape[0], high, piece[1], batch)
    views = [lax.dynamic_slice(x, (0, at[0], at[1] + j, 0), sizes).reshape(x.shape[0], -1) for j in range(taps[1])]
    rows = (weights @ jnp.concatenate(views)).reshape(taps[0], -1, high, piece[1], batch)
    total = rows[0, :, : piece[0]]
    for i in range(1, taps[0]):
        total = total + rows[i, :, i : i + piece[0]]
    return total


def _views(band: Array, taps: Sequence[int], piece: Sequence[int], stride: int) -> Array:
    """The stacked shifted views, shape ``(taps * taps * channels, places)``."""
    views = []
    for tap in itertools.product(*map(range, taps)):
        ends = [t + stride * (n - 1) + 1 for t, n in zip(tap, piece, strict=True)]
        view = lax.slice(band, (0, *tap, 0), (band.shape[0], *ends, band.shape[-1]), (1, stride, stride, 1))
        views.append(view.reshape(band.shape[0], -1))
    return jnp.concatenate(views)
