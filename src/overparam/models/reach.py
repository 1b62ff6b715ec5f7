"""Kernels that are larger than what they meet: part of their weights would never see an entry."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core.errors import UsageError
from overparam.models.convolution import output_length


def check_reach(
    name: str, space: Sequence[int], taps: int, stride: int, padding: int, *, first: bool = False
) -> tuple[int, ...]:
    """Return the shape of maps behind a convolution, or raise where some of its weights would meet nothing but padding.

    Such weights have no gradient and change no output, but a count of parameters would hold them.

    Args:
        name: of the convolution, for the message.
        space: entries of the maps along each axis.
        taps: entries of the kernel along each axis.
        stride: step between two places.
        padding: zeros on both sides of each axis.
        first: whether the maps are the image itself; then no kernel may be larger than it.

    Raises:
        UsageError: the kernel is larger than the padded maps, or than the image, or reaches nothing in some places.

    >>> check_reach("conv", (7, 7), 3, 2, 1)
    (4, 4)
    """
    out = tuple(output_length(size, taps, stride, padding) for size in space)
    for size, places in zip(space, out, strict=True):
        if first and taps > size:
            raise UsageError(
                f"{name}: expected a kernel no larger than the image, got {taps} taps on {_shape(space)}. "
                "Give larger images, or a smaller kernel."
            )
        # a tap meets what a place p puts it on, 0 <= stride p + tap - padding < size
        if any(
            max(0, -((tap - padding) // stride)) > min(places - 1, (size - 1 + padding - tap) // stride)
            for tap in range(taps)
        ):
            raise UsageError(
                f"{name}: expected a kernel whose weights all meet the maps, got {taps} taps on {_shape(space)} with padding "
                f"{padding}: some would meet nothing but padding. Give larger images, or use fewer layers or less pooling."
            )
    return out


def _shape(space: Sequence[int]) -> str:
    return "x".join(map(str, space)) if len(space) > 1 else f"{space[0]} entries"
