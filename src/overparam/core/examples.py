"""What one example must be for a network: an image, or a signal. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core.errors import UsageError

_OTHER = "Take a network of dense layers, or another data set"


def image(shape: Sequence[int], name: str) -> tuple[int, int, int]:
    """Height, width and channels of one example, for a network that needs images.

    Args:
        shape: shape of one example before it is flattened.
        name: of the network, for the message.

    Raises:
        UsageError: examples that are rows of numbers.

    >>> image((28, 28), "conv2")
    (28, 28, 1)
    """
    if len(shape) not in (2, 3):
        raise UsageError(
            f"network '{name}' needs images: expected examples of shape (height, width) or (height, width, channels), got "
            f"{tuple(shape)}. {_OTHER} (your own: save x in the shape of images)."
        )
    return (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)


def signal(shape: Sequence[int], name: str) -> int:
    """Length of one example, for a network that needs signals: neighbours in it must be neighbours in time.

    Args:
        shape: shape of one example before it is flattened.
        name: of the network, for the message.

    Raises:
        UsageError: examples that are images.

    >>> signal((40,), "cnn-50")
    40
    """
    if len(shape) != 1:
        raise UsageError(
            f"network '{name}' needs signals: expected examples of shape (samples,), got images of shape {tuple(shape)}. "
            f"{_OTHER}, such as mnist1d."
        )
    return shape[0]
