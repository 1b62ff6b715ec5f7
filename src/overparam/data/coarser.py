"""Smaller images: squares of pixels become one, so that a study of many networks stays cheap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from overparam.core.checked import count
from overparam.core.errors import DataError
from overparam.data.dataset import Dataset, digest


def coarser(dataset: Dataset, side: int) -> Dataset:
    """The same images with no side longer than ``side`` pixels: each pixel is the mean over a square of the old ones.

    The squares are the smallest that tile the image and make it small enough: MNIST's 28 x 28 pixels at ``side`` 14 become
    14 x 14 by squares of 2 x 2. Images that are small enough already, and inputs that are no images, are left alone.

    Args:
        dataset: the data set; both of its parts are changed.
        side: longest side that is wanted, in pixels, at least 1.

    Returns:
        The data set, with a fingerprint of its own where images became smaller; the same object where they did not.

    Raises:
        UsageError: a side below 1.
        DataError: no square above one pixel tiles the image and makes it small enough.

    >>> from overparam.data import load
    >>> digits = load("digits")
    >>> coarser(digits, 4).x.shape, coarser(digits, 14) is digits
    ((1200, 4, 4), True)
    """
    longest, shape = count(side, "side", 1), dataset.x.shape[1:]
    if len(shape) not in (2, 3) or max(shape[:2]) <= longest:
        return dataset
    squares = [k for k in range(2, min(shape[:2]) + 1) if not (shape[0] % k or shape[1] % k)]
    fitting = [k for k in squares if max(shape[:2]) // k <= longest]
    if not fitting:
        raise DataError(
            f"side: expected one that squares of pixels lead to from images of {shape[0]} x {shape[1]}, got {side}. Squares of "
            f"{', '.join(map(str, squares)) or 'no size'} tile them: take a longer side."
        )
    size = fitting[0]
    return replace(
        dataset,
        title=f"{dataset.title}, {shape[0] // size} x {shape[1] // size} pixels",
        x=_means(dataset.x, size),
        x_test=_means(dataset.x_test, size),
        fingerprint=digest("coarser", dataset.fingerprint, str(size)),
        notes="; ".join(filter(None, (dataset.notes, f"means over squares of {size} x {size} pixels"))),
    )


def _means(x: NDArray[np.float32], size: int) -> Float32[np.ndarray, "n ..."]:
    n, height, width = x.shape[:3]
    tiles = x.reshape(n, height // size, size, width // size, size, *x.shape[3:])
    return tiles.mean(axis=(2, 4), dtype=np.float64).astype(np.float32)
