"""Numbers of a recipe, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from overparam.core.checked import count
from overparam.core.errors import UsageError

_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def whole(name: str, value: Any, least: int) -> None:
    """Raise unless a value is a whole number of at least ``least``.

    Raises:
        UsageError: it is something else.
    """
    count(value, name, least)


def number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    single: bool = False,
) -> None:
    """Raise unless a value is a real number within bounds.

    Args:
        name: of the argument, for the message.
        value: what is checked.
        least: the smallest allowed.
        above: a bound that it must exceed.
        below: a bound that it must stay under.
        single: whether it must not become 0 or infinite in float32.

    Raises:
        UsageError: it is something else.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if real and math.isfinite(value) and value >= least and value > above and value < below:
        if not single or value == 0 or _SMALLEST <= abs(value) <= _LARGEST:
            return
        raise UsageError(
            f"{name}: expected 0 or a size from {_SMALLEST:.3g} to {_LARGEST:.3g}, as float32 has it, got {value!r}."
        )
    bounds = [f"above {above:g}"] if above > -math.inf else []
    bounds += [f"of at least {least:g}"] if least > above else []
    bounds += [f"below {below:g}"] if below < math.inf else []
    said = f"number {' and '.join(bounds)}" if bounds else "finite number"
    raise UsageError(f"{name}: expected a {said}, got {value!r}.")
