"""What must hold of a model's parameters before anything is computed, in any framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.core.errors import DataError, UsageError

HALF = ("float16", "bfloat16", "half")
KINDS = ("float32", "float64")


def check_arrays(arrays: Mapping[str, Any], finite: Mapping[str, bool], advice: Mapping[str, str]) -> np.dtype:
    """Raise unless parameters are real, finite, of at least 32 bits and of one type; return that type.

    Args:
        arrays: by name, each with a ``dtype``.
        finite: whether all numbers of each are finite.
        advice: what to do about ``half`` precision, ``kinds`` that are no floats, parameters of ``several`` types and ``none``.

    Raises:
        UsageError: no parameters, complex or whole numbers, fewer than 32 bits, or several types.
        DataError: numbers that are missing or infinite.
    """
    if not arrays:
        raise UsageError(f"model: expected parameters to derive by, got none. {advice['none']}")
    kinds = {name: str(one.dtype).removeprefix("torch.") for name, one in arrays.items()}
    for name, kind in kinds.items():
        if kind.startswith("complex"):
            raise UsageError(
                f"model: expected real parameters, got {kind} at '{name}'. Give real and imaginary part as two parameters."
            )
        if kind in HALF or kind.startswith("float8"):
            raise UsageError(
                f"model: expected parameters of float32 or float64, got {kind} at '{name}': derivatives would be good to 3 "
                f"digits. {advice['half']}"
            )
        if kind not in KINDS:
            raise UsageError(
                f"model: expected parameters of float32 or float64, got {kind} at '{name}'. {advice['kinds']}"
            )
    if len(set(kinds.values())) > 1:
        one, other = (next(name for name, kind in kinds.items() if kind == want) for want in KINDS)
        raise UsageError(
            f"model: expected parameters of one type, got float32 at '{one}' and float64 at '{other}'. {advice['several']}"
        )
    bad = [name for name, good in finite.items() if not good]
    if bad:
        raise DataError(
            f"model: expected finite parameters, got numbers that are missing or infinite at '{bad[0]}'"
            f"{f' and {len(bad) - 1} more' if len(bad) > 1 else ''}. A run that diverged cannot be measured."
        )
    return np.dtype(next(iter(kinds.values())))


def check_dtype(dtype: Any) -> np.dtype | None:
    """The type that a person asks for; None where it is that of the parameters.

    Raises:
        UsageError: another one than float32, float64 or None.
    """
    if dtype is None:
        return None
    try:
        found = np.dtype(str(dtype).removeprefix("torch.") if not isinstance(dtype, type) else dtype)
    except TypeError:
        found = np.dtype(object)
    if found.name not in KINDS:
        raise UsageError(f"dtype: expected 'float32', 'float64' or None, got {dtype!r}.")
    return found
