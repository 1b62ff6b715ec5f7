"""Searching for the smallest width at which something holds, on random draws where no order is promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def first(holds: Callable[[int], bool], widths: Iterator[int]) -> int | None:
    """The first of the widths at which it holds; None if it never does.

    >>> first(lambda k: k * k > 50, iter(range(1, 20)))
    8
    """
    return next((width for width in widths if holds(width)), None)


def even_widths(low: int, high: int) -> Iterator[int]:
    """Even widths from ``low`` to ``high``, each at least 2 and about an eighth beyond the one before.

    >>> list(even_widths(1, 30))
    [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28]
    """
    width = max(2, low + low % 2)
    while width <= high:
        yield width
        width += max(2, 2 * (width // 12))


def double_and_bisect(holds: Callable[[int], bool], low: int, high: int, precision: float = 0.02) -> int | None:
    """An even width at which it holds, found by doubling and then by bisection; None if none was found up to ``high``.

    Where ``holds`` is random (a fresh draw of the weights at every width) there is no smallest width: the answer is a
    width at which it was seen to hold, with a width at most ``precision`` smaller at which it was seen not to.

    Args:
        holds: asked at even widths.
        low: where to start.
        high: largest width asked.
        precision: relative distance of the last two widths.

    >>> double_and_bisect(lambda k: k >= 700, 2, 10_000)
    704
    """
    failed, width = 0, max(2, low + low % 2)
    while not holds(width):
        failed, width = width, 2 * width
        if width > high:
            return None
    while width - failed > max(2, precision * width):
        middle = (failed + width) // 2
        middle += middle % 2
        if middle in (failed, width):
            break
        failed, width = (failed, middle) if holds(middle) else (middle, width)
    return width
