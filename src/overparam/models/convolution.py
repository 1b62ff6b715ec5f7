"""Convolution and max pooling with examples last, built of shifted views and one matrix product.

Inside a compiled loop XLA's own convolution runs naive code on a CPU (measured: 60 times slower), and training is
such a loop. Here every tap of the kernel is one shifted view of the input; the views are stacked, and the layer is
one matrix product. It is made of slices and products only, so derivatives of every order and direction (``grad``,
``jvp``, ``jacfwd``, Hessian-vector products, ``vmap``) are JAX's own. On other devices XLA's convolution is called.

The stacked views take as many times the memory of the input as the kernel has taps, and are fast while they stay in
the cache: large images are convolved a piece of the output at a time (:mod:`overparam.models.tiles`).
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from overparam.core.checked import count
from overparam.core.errors import DataError, UsageError
from overparam.models.network import AnyArray
from overparam.models.products import in_pieces

Maps = Float[AnyArray, "channels *space batch"]
Kernel = Float[AnyArray, "units channels *window"]
SMALL = 1 << 18  # entries of all stacked views that stay in the cache as they are
_AXES = {1: ("CHN", "OIH", "CHN"), 2: ("CHWN", "OIHW", "CHWN")}


def convolve(
    x: Maps, kernel: Float[AnyArray, "units inputs *window"], *, stride: int = 1, padding: int = 0
) -> Float[Array, "units *space_out batch"]:
    """Convolution as networks mean it (the kernel is not flipped), over one or two axes of space.

    ``out[o, p] = sum_{c, t} kernel[o, c, t] x[c, stride * p + t - padding]``, with zeros outside of x.

    Args:
        x: shape ``(channels, length, batch)`` or ``(channels, height, width, batch)``.
        kernel: shape ``(units, channels, taps)`` or ``(units, channels, taps, taps)``.
        stride: step between two places of the output, along every axis.
        padding: zeros added on both sides of every axis.

    Returns:
        Shape ``(units, ..., batch)``; an axis of n entries leaves ``(n + 2 padding - taps) // stride + 1``.

    Raises:
        DataError: other numbers of axes or channels, or a kernel larger than the padded input.

    >>> signal = jnp.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
    >>> convolve(signal, jnp.array([[[-1.0, 1.0]]])).ravel().tolist()
    [1.0, 2.0, 4.0]
    """
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    _check(x.shape, kernel.shape, padding)
    if jax.default_backend() != "cpu":
        return library(x, kernel, stride, padding)
    small = x.ndim == 3 or kernel[0, 0].size == 1 or x.size * kernel[0, 0].size <= SMALL
    return (shifted_views if small else in_pieces)(x, kernel, stride, padding)


def shifted_views(x: Maps, kernel: Kernel, stride: int, padding: int) -> Float[Array, "units *space_out batch"]:
    """The form of :func:`convolve` for a CPU: stacked views and one matrix product.

    Args:
        x: as in :func:`convolve`.
        kernel: as in :func:`convolve`.
        stride: as in :func:`convolve`.
        padding: as in :func:`convolve`.

    Returns:
        As :func:`convolve`.
    """
    axes = x.ndim - 2
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    if padding:
        x = jnp.pad(x, [(0, 0), *[(padding, padding)] * axes, (0, 0)])
    taps = kernel.shape[2:]
    out = [(n - k) // stride + 1 for n, k in zip(x.shape[1:-1], taps, strict=True)]
    views = []
    for tap in itertools.product(*map(range, taps)):
        ends = [t + stride * (n - 1) + 1 for t, n in zip(tap, out, strict=True)]
        views.append(lax.slice(x, (0, *tap, 0), (x.shape[0], *ends, x.shape[-1]), (1, *[stride] * axes, 1)))
    stacked = jnp.stack(views, axis=1).reshape(x.shape[0] * len(views), -1)
    return (kernel.reshape(kernel.shape[0], -1) @ stacked).reshape(kernel.shape[0], *out, x.shape[-1])


def library(x: Maps, kernel: Kernel, stride: int, padding: int) -> Float[Array, "units *space_out batch"]:
    """The form of :func:`convolve` for other devices: XLA's convolution.

    Args:
        x: as in :func:`convolve`.
        kernel: as in :func:`convolve`.
        stride: as in :func:`convolve`.
        padding: as in :func:`convolve`.

    Returns:
        As :func:`convolve`.
    """
    axes, kind = x.ndim - 2, jnp.result_type(x, kernel)
    return lax.conv_general_dilated(
        jnp.asarray(x, kind),
        jnp.asarray(kernel, kind),
        [stride] * axes,
        [(padding, padding)] * axes,
        dimension_numbers=_AXES[axes],
    )


def max_pool(x: Maps, size: int = 2) -> Float[Array, "channels *space_out batch"]:
    """The largest entry of every window of ``size`` along each axis of space; windows do not overlap.

    A rest smaller than a window is left out. Where two entries of a window are equal and largest, the derivative is
    shared between them.

    Args:
        x: shape ``(channels, ..., batch)``.
        size: entries of a window along each axis.

    Returns:
        Shape ``(channels, ..., batch)``, every axis of space divided by ``size``, rounded down.

    Raises:
        DataError: an axis shorter than a window.

    >>> max_pool(jnp.array([3.0, 1.0, 2.0, 5.0, 9.0]).reshape(1, 5, 1)).ravel().tolist()
    [3.0, 5.0]
    """
    x = jnp.asarray(x)
    if min(x.shape[1:-1]) < size:
        raise DataError(
            f"expected at least {size} entries along every axis to pool, got shape {x.shape[1:-1]}. Pool less often."
        )
    for axis in range(1, x.ndim - 1):
        end = x.shape[axis] // size * size
        parts = [lax.slice_in_dim(x, start, end, size, axis) for start in range(size)]
        x = parts[0]
        for part in parts[1:]:
            x = jnp.maximum(x, part)
    return x


def output_length(length: int, taps: int, stride: int, padding: int) -> int:
    """Entries that a convolution leaves of an axis.

    Args:
        length: entries of the axis.
        taps: entries of the kernel along it.
        stride: step between two places.
        padding: zeros on both sides.

    Returns:
        ``(length + 2 padding - taps) // stride + 1``.

    Raises:
        UsageError: the kernel is larger than the padded axis, or a number is no size.

    >>> output_length(40, 5, 2, 1), output_length(32, 3, 1, 1)
    (19, 32)
    """
    length, taps, stride = (
        count(value, name) for value, name in ((length, "length"), (taps, "taps"), (stride, "stride"))
    )
    padding = count(padding, "padding", 0)
    if length + 2 * padding < taps:
        raise UsageError(
            f"taps: expected a kernel of at most {length + 2 * padding} taps, got {taps} on {length} entries with padding "
            f"{padding}. Use fewer layers, less pooling or a smaller kernel."
        )
    return (length + 2 * padding - taps) // stride + 1


def _check(x: tuple[int, ...], kernel: tuple[int, ...], padding: int) -> None:
    if len(x) not in (3, 4) or len(kernel) != len(x) or x[0] != kernel[1]:
        raise DataError(
            f"expected x (channels, ..., batch) and a kernel (units, channels, ...) over one or two axes, got {x} "
            f"and {kernel}. Put channels first and examples last."
        )
    if any(n + 2 * padding < k for n, k in zip(x[1:-1], kernel[2:], strict=True)):
        raise DataError(
            f"expected a kernel no larger than the padded input, got {kernel[2:]} on {x[1:-1]} with padding "
            f"{padding}. Pad more, or use a smaller kernel."
        )
