"""Sizes and times as a person writes them."""

from __future__ import annotations

import math

from overparam.core.errors import UsageError

_TIMES = ({"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}, "a time such as 90s, 30min or 2h")
_UNITS = {
    "memory": (
        {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "k": 1e3, "m": 1e6, "g": 1e9},
        "a size such as 2GB or 500MB",
    ),
    "time-limit": _TIMES,
    "budget": _TIMES,
}


def quantity(option: str, text: str) -> float:
    """Read the value of ``--memory`` in bytes, of ``--time-limit`` and ``--budget`` in seconds; a bare number is in that unit.

    Raises:
        UsageError: no positive number, or a unit that is not known.

    >>> quantity("memory", "2GB"), quantity("time-limit", "1.5h"), quantity("time-limit", "90")
    (2000000000.0, 5400.0, 90.0)
    """
    units, expected = _UNITS[option]
    body = text.strip().lower()
    unit = next((u for u in sorted(units, key=len, reverse=True) if body.endswith(u)), "")
    try:
        value = float(body[: len(body) - len(unit)]) * units.get(unit, 1.0)
    except ValueError:
        value = -1.0
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"--{option}: expected {expected}, got {text!r}.")
    return value
