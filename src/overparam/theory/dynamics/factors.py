"""What one eigen-direction does: how much of its residual is left at a time, and how far its weight has gone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.dynamics.inputs import Times

Rates = Float64[np.ndarray, " rank"]
Factors = Float64[np.ndarray, "times rank"]
_LARGEST = 300.0  # natural logarithm of the largest growth that is followed


def flow_factors(speeds: Rates, times: Times) -> tuple[Factors, Factors]:
    """Gradient flow: the residual left, ``exp(-s t)``, and what is gone, ``1 - exp(-s t)``.

    Args:
        speeds: s, one positive number a direction.
        times: may be infinite.

    Returns:
        Both of shape ``(times, rank)``, without unit; the second keeps all digits where ``s t`` is tiny.

    >>> left, gone = flow_factors(np.array([1e-20, 2.0]), np.array([1.0, np.inf]))
    >>> gone[:, 0].tolist(), left[1].tolist()
    ([1e-20, 1.0], [0.0, 0.0])
    """
    with np.errstate(over="ignore"):
        exponent = -np.multiply.outer(times, speeds)
    return np.exp(exponent), -np.expm1(exponent)


def descent_factors(speeds: Rates, times: Times) -> tuple[Factors, Factors]:
    """Gradient descent: the residual left, ``(1 - s)^t``, and what is gone, ``1 - (1 - s)^t``.

    Args:
        speeds: s = step times eigenvalue, one positive number a direction.
        times: whole numbers of steps; infinity where every s is below 2.

    Returns:
        Both of shape ``(times, rank)``, without unit; the second keeps all digits where ``s t`` is tiny.

    Raises:
        UsageError: a direction grows without bound.

    >>> left, gone = descent_factors(np.array([1e-20, 1.0, 1.5]), np.array([0.0, 3.0]))
    >>> left[1].round(12).tolist(), [float(f"{g:.12g}") for g in gone[1]]
    ([1.0, 0.0, -0.125], [3e-20, 1.0, 1.125])
    """
    fastest = float(speeds.max(initial=0.0))
    with np.errstate(divide="ignore"):
        below = np.log1p(-np.minimum(speeds, 1.0))
        above = np.log(np.maximum(speeds, 1.0) - 1.0)
    logs = np.where(speeds <= 1.0, below, above)
    endless = bool(np.isinf(times).any())
    last = float(times[np.isfinite(times)].max(initial=0.0))
    if (endless and fastest >= 2.0) or last * float(logs.max(initial=-1.0)) > _LARGEST:
        raise UsageError(
            f"rate: expected one below the stability limit, got {fastest / 2:.6g} times that limit: the residual "
            "grows without bound. Take a smaller rate, below largest_step(), or fewer steps."
        )
    first, end = (times == 0)[:, None], np.isinf(times)[:, None]
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # (1 - s)^0 = 1 even where s = 1, and s > 0 although it rounds to 0
        exponent = np.where(first, 0.0, np.where(end, -np.inf, np.multiply.outer(times, logs)))
    odd = np.multiply.outer(
        np.isfinite(times) & (np.mod(np.where(np.isinf(times), 0.0, times), 2) == 1), speeds > 1
    )
    size = np.exp(exponent)
    return np.where(odd, -size, size), np.where(odd, 1.0 + size, -np.expm1(exponent))
