"""How studies store numbers: a few significant digits, None for what is not finite."""

from __future__ import annotations

import math
from typing import Any


def rounded(value: Any, digits: int = 7) -> Any:
    """Return numbers with so many significant digits, lists element by element, and None for non-finite ones.

    Whole numbers, texts and None stay as they are; numpy's scalars and arrays become plain ones.

    Args:
        value: a number, a list of numbers, or an array.
        digits: significant digits.

    >>> rounded([1.23456789, float("inf"), 12345678])
    [1.234568, None, 12345678]
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value
