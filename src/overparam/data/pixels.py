"""Which values are pixels, and what they are divided by: one rule for arrays, tables and images."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from overparam.core.checked import shown
from overparam.core.errors import DataError, UsageError

Pixels = Literal["auto", "scale", "keep"]

_FEW = 4  # features below which whole numbers from 0 to 255 are not taken for pixels
_BRIGHT = 127
_ROWS = 10  # test rows from which a mean says something
_FAR = 30.0  # ratio of the sizes of training and test inputs that is worth a word
_OPTION = '(mine.csv:pixels={0}, or from_arrays(..., pixels="{0}"))'


class Scale(NamedTuple):
    """What inputs are divided by.

    Attributes:
        divisor: 1, 255 or 65535.
        notes: what is to be said about it.
    """

    divisor: float
    notes: tuple[str, ...] = ()


def scale_of(
    x: NDArray[Any], x_test: NDArray[Any] | None, pixels: Pixels, name: str, *, hints: bool = True
) -> Scale:
    """Return what training and test inputs are divided by: one number for both.

    The rule of ``auto`` reads the type stored, whatever the file: whole numbers of 8 bits without a sign (uint8) are
    pixels, divided by 255, unless none of them is above 1; so are images of 16 bits (uint16 of shape ``(n, height,
    width, ...)``), divided by 65535, unless none is above 255. All else is taken as it is. ``scale`` divides whatever
    lies in 0 to 255 by 255, and uint16 above that by 65535; ``keep`` divides by nothing.

    Args:
        x: training inputs, finite numbers as stored, shape ``(n, *features)``.
        x_test: test inputs, or None.
        pixels: ``auto``, ``scale`` or ``keep``.
        name: of the data, for messages.
        hints: whether to say what looks like pixels, or like two scales.

    Raises:
        UsageError: another word for pixels.
        DataError: training and test inputs stored in two ways, values out of range, or scaled already.

    >>> scale_of(np.array([[0, 255]], np.uint8), None, "auto", "a").divisor
    255.0
    """
    if not isinstance(pixels, str) or pixels not in get_args(Pixels):
        raise UsageError(f"pixels: expected auto, scale or keep, got {shown(pixels)}.")
    parts = [x] if x_test is None else [x, x_test]
    low, high = min(float(p.min()) for p in parts), max(float(p.max()) for p in parts)
    if pixels == "scale":
        return _asked(parts, low, high, name)
    stored = [_stored(p) for p in parts]
    far = _one_scale(parts, name) if hints else ()
    if pixels == "keep":
        return Scale(
            1.0, (*far, *((f"values {low:g} to {high:g} were kept as they are",) if any(stored) else ()))
        )
    if len(set(stored)) > 1:
        raise DataError(
            f"{name}: expected x and x_test both as pixels of {max(stored)} bits or neither, got {x.dtype} and "
            f"{parts[1].dtype}. Bring them to one scale and type; pixels=scale divides both by 255, pixels=keep "
            "neither."
        )
    if stored[0] and high > (1 if stored[0] == 8 else 255):
        divisor = 255.0 if stored[0] == 8 else 65535.0
        return Scale(divisor, (f"values 0 to {divisor:g} were divided by {divisor:g}",))
    if stored[0] == 8:
        return Scale(1.0, ("whole numbers of 8 bits, none above 1, were taken as they are",))
    if hints and all(_like_pixels(part) for part in parts):
        like = (
            f"values are whole numbers from {low:g} to {high:g}, not stored as 8 bits, and were taken as they are; if "
            f"they are pixels, pixels=scale divides them by 255 {_OPTION.format('scale')}"
        )
        return Scale(1.0, (*far, like))
    return Scale(1.0, far)


def _stored(part: NDArray[Any]) -> int:
    """Bits of a pixel, by the type stored; 0 where values are no pixels."""
    return 8 if part.dtype == np.uint8 else 16 if part.dtype == np.uint16 and part.ndim > 2 else 0


def _asked(parts: list[NDArray[Any]], low: float, high: float, name: str) -> Scale:
    deep = high > 255 and all(part.dtype == np.uint16 for part in parts)
    divisor = 65535.0 if deep else 255.0
    asked = f"{name}: expected values from 0 to 255 to be divided by 255, as pixels=scale asks, got"
    if low < 0 or high > divisor:
        raise DataError(f"{asked} {low:g} to {high:g}. Leave the option out, or scale the values yourself.")
    for part, what in zip(parts, ("x", "x_test"), strict=False):
        if part.max() <= 1 and part.dtype.kind == "f" and bool((part != np.floor(part)).any()):
            raise DataError(f"{asked} {_range(part)} in {what}, scaled already. Leave the option out.")
    return Scale(divisor, (f"values were divided by {divisor:g}, as pixels=scale asks",))


def _one_scale(parts: list[NDArray[Any]], name: str) -> tuple[str, ...]:
    """Refuse parts of which one was divided by 255 and the other not; say where they differ much in size."""
    if len(parts) < 2:
        return ()
    like, unit = [_like_pixels(part) for part in parts], [_divided(part) for part in parts]
    if (unit[0] and like[1]) or (unit[1] and like[0]):
        raise DataError(
            f"{name}: expected x and x_test on one scale, got {_range(parts[0])} and {_range(parts[1])}. Divide "
            f"{'x_test' if unit[0] else 'x'} by 255."
        )
    sizes = [float(np.abs(part.astype(np.float64)).mean()) for part in parts]
    if all(sizes) and len(parts[1]) >= _ROWS and max(sizes) > _FAR * min(sizes):
        return (
            f"x and x_test differ in size, {sizes[0]:.3g} and {sizes[1]:.3g} on average: check that both are on one scale",
        )
    return ()


def _divided(part: NDArray[Any]) -> bool:
    """Whether values lie in 0 to 1 and are not all whole, as pixels are once divided."""
    low, high = part.min(), part.max()
    return part.dtype.kind == "f" and bool(low >= 0 and high <= 1 and (part != np.floor(part)).any())


def _like_pixels(part: NDArray[Any]) -> bool:
    if part[0].size < _FEW or part.min() < 0 or part.max() > 255 or part.max() <= _BRIGHT:
        return False
    return part.dtype.kind in "iu" or bool((part == np.floor(part)).all())


def _range(part: NDArray[Any]) -> str:
    return f"{part.min():g} to {part.max():g}"
