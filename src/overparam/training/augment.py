"""Augmentations by name: functions ``(key, x) -> x`` on flat image rows, for ``Recipe(augment=...)``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from overparam.core.checked import real
from overparam.core.errors import UsageError
from overparam.models.network import check_size
from overparam.training.numbers import number, whole

Rows = Float[Array, "batch features"]


def crop_and_flip(
    shape: Sequence[int], padding: int = 4, *, flip: bool = True, fill: float | Sequence[float] = 0.0
) -> Callable[[PRNGKeyArray, Any], Rows]:
    """Random crop of the image with padding around it, then a flip of left and right for half of the images.

    The crop has the image's own size, and its place is uniform among the ``(2 padding + 1)^2`` that there are: a shift by
    up to ``padding`` pixels each way. Every image of a batch has its own.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``; rows are flattened in that order.
        padding: pixels on every side, at most those of the image's longer side; 0 for no crop.
        flip: whether images are flipped.
        fill: what the padding holds, one number or one a channel. Where pixels were standardised, black is
            ``-mean / sd``, not 0.

    Returns:
        ``(key, x) -> x`` from and to shape ``(batch, features)``; equal arguments give equal ones.

    Raises:
        UsageError: another shape, a padding out of its range, or another number of fills than of channels.

    References:
        He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, section 4.2 (4 pixels, CIFAR-10).

    >>> moved = crop_and_flip((2, 2), padding=0)(jax.random.key(0), jnp.array([[1.0, 2.0, 3.0, 4.0]]))
    >>> sorted(moved[0].tolist())
    [1.0, 2.0, 3.0, 4.0]
    """
    sizes = _image(shape)
    whole("padding", padding, 0)
    if padding > max(sizes[:2]):
        raise UsageError(
            f"padding: expected at most the {max(sizes[:2])} pixels of the image's longer side, got {padding}."
        )
    if not isinstance(flip, bool | np.bool_):
        raise UsageError(f"flip: expected True or False, got {flip!r}.")
    fills: tuple[Any, ...]
    fill = fill.item() if isinstance(fill, np.ndarray) and fill.ndim == 0 else fill
    if isinstance(fill, int | float | np.number):
        fills = (fill,) * sizes[2]
    elif isinstance(fill, Sequence | np.ndarray) and not isinstance(fill, str | bytes):
        fills = tuple(fill)
    else:
        raise UsageError(f"fill: expected a number, or one a channel, got {fill!r}.")
    if len(fills) != sizes[2]:
        raise UsageError(
            f"fill: expected one number, or one for each of {sizes[2]} channels, got {len(fills)}."
        )
    for one in fills:
        if not math.isfinite(real(one)):
            raise UsageError(f"fill: expected finite numbers, got {one!r}.")
        number("fill", one, single=True)
    return _CropAndFlip(sizes, int(padding), bool(flip), tuple(float(one) for one in fills))


def centre_crop(shape: Sequence[int], height: int, width: int) -> Callable[[Any], Rows]:
    """The middle of every image, as rows ``(batch, height width channels)``: not random, for training and test alike.

    Inside a network that sees the larger images, a shift by :func:`crop_and_flip` in front of it is a random crop to this
    size.

    Args:
        shape: shape of one image, ``(height, width)`` or ``(height, width, channels)``.
        height: rows of pixels that stay.
        width: columns of pixels that stay.

    Raises:
        UsageError: another shape, or more pixels than there are.

    >>> centre_crop((3, 3), 1, 1)(jnp.arange(9.0)[None]).tolist()
    [[4.0]]
    """
    sizes = _image(shape)
    wanted = check_size("height", height), check_size("width", width)
    if wanted[0] > sizes[0] or wanted[1] > sizes[1]:
        raise UsageError(
            f"centre_crop: expected at most {sizes[0]} by {sizes[1]} pixels, got {wanted[0]} by {wanted[1]}."
        )
    return _CentreCrop(sizes, wanted)


@final
@dataclass(frozen=True)
class _CropAndFlip:
    shape: tuple[int, int, int]
    padding: int
    flip: bool
    fill: tuple[float, ...]

    def __call__(self, key: PRNGKeyArray, x: Any) -> Rows:
        images = _images(x, self.shape)
        draws = jax.random.uniform(key, (len(images), 3))
        if self.padding:
            offsets = (draws[:, :2] * (2 * self.padding + 1)).astype(jnp.int32)
            images = jax.vmap(self._crop)(images, offsets)
        if self.flip:
            images = jnp.where(draws[:, 2, None, None, None] < 0.5, images[:, :, ::-1], images)
        return images.reshape(x.shape)

    def _crop(self, image: Array, offset: Array) -> Array:
        height, width, channels = self.shape
        around = jnp.broadcast_to(
            jnp.asarray(self.fill, image.dtype), (height + 2 * self.padding, width + 2 * self.padding, channels)
        )
        padded = around.at[self.padding : self.padding + height, self.padding : self.padding + width].set(image)
        return jax.lax.dynamic_slice(padded, (offset[0], offset[1], 0), self.shape)


@final
@dataclass(frozen=True)
class _CentreCrop:
    shape: tuple[int, int, int]
    wanted: tuple[int, int]

    def __call__(self, x: Any) -> Rows:
        images = _images(x, self.shape)
        top, left = ((have - want) // 2 for have, want in zip(self.shape[:2], self.wanted, strict=True))
        return images[:, top : top + self.wanted[0], left : left + self.wanted[1]].reshape(len(images), -1)


def _image(shape: Any) -> tuple[int, int, int]:
    if (
        isinstance(shape, str | bytes)
        or not isinstance(shape, Sequence | np.ndarray)
        or len(shape) not in (2, 3)
    ):
        raise UsageError(f"shape: expected (height, width) or (height, width, channels), got {shape!r}.")
    sizes = [check_size("shape", one) for one in shape]
    return sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1


def _images(x: Any, shape: tuple[int, int, int]) -> Array:
    rows = jnp.asarray(x)
    if rows.ndim != 2 or rows.shape[1] != math.prod(shape):
        raise UsageError(
            f"x: expected rows of {math.prod(shape)} numbers, images of {shape[0]} by {shape[1]} pixels and {shape[2]} "
            f"channels, got shape {rows.shape}."
        )
    return rows.reshape(len(rows), *shape)
