"""How far float64 arithmetic can be off: the bounds that every certificate adds to what it computes.

The model is the usual one: each operation errs by at most ``u = 2^-53`` relative, sums may be taken in any order and
with fused operations (Higham, Accuracy and stability of numerical algorithms, SIAM 2002, sections 2.2 and 3.1).
Below the smallest normal number an operation errs by a fixed amount instead. So numbers are scaled by powers of two
first, which is exact, and what is scaled back is rounded outwards.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.activations import Activation

UNIT = 2.0**-53
_SLACK = 1e-13  # of a scalar formula of fewer than 400 operations without cancellation
TINY = 1e-300  # more than underflow takes from a sum of fewer than 4e7 terms
UNDERFLOW = 4.5e-308  # twice what one operation can lose, also where subnormal numbers are flushed to 0
LARGEST = sys.float_info.max
FUNCTION_UNITS = 32.0  # allowed error of an elementary function, in u; the worst seen is below 8
_EXACT = {"relu", "identity"}
_BOUNDED = {"tanh", "erf", "gelu", "softplus", "silu"}

Numbers = Float64[np.ndarray, "*shape"]


def gamma(operations: float) -> float:
    """Largest relative error of a sum of products with that many roundings, ``m u / (1 - m u)``, rounded up.

    Args:
        operations: m.

    Raises:
        UsageError: so many that there is no bound.

    >>> gamma(100) >= 100 * 2.0**-53
    True
    """
    product = operations * UNIT
    if not 0 <= product < 0.01:
        raise UsageError(f"sizes: expected sums of fewer than 9e13 terms, got {operations:g}.")
    return product / (1 - product) * (1 + 4 * UNIT)


def above(value: float) -> float:
    """A number not below the true value of a short formula of numbers that are not negative; infinite for NaN.

    >>> above(1.0) > 1.0
    True
    """
    found = value * (1 + _SLACK) + TINY
    return found if found == found else math.inf


def below(value: float) -> float:
    """A number not above the true value of a short formula; 0 if that is all that can be said, also for NaN.

    A formula that overflowed has a true value above the largest number of float64.

    >>> below(1.0) < 1.0, below(-1.0)
    (True, 0.0)
    """
    return max(0.0, min(value, LARGEST) * (1 - _SLACK) - TINY)


def sum_above(*values: float) -> float:
    """Sum of a few numbers that are not negative, rounded up; sums do not underflow, so it keeps its scale.

    >>> sum_above(1.0, 2.0**-60) > 1.0, sum_above(5e-324, 5e-324)
    (True, 1e-323)
    """
    found = sum(values) * (1 + _SLACK)
    return found if found == found else math.inf


def scaled(value: float, exponent: int) -> float:
    """``value 2^exponent`` to nearest, infinite where that overflows.

    >>> scaled(3.0, -1), scaled(1.0, 2000)
    (1.5, inf)
    """
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def scaled_above(value: float, exponent: int) -> float:
    """``value 2^exponent`` rounded up, for a value that is not negative.

    >>> scaled_above(1.25, -1074), scaled_above(1.0, 2000)
    (1e-323, inf)
    """
    found = scaled(value, exponent)
    return math.nextafter(found, math.inf) if scaled(found, -exponent) < value else found


def scaled_below(value: float, exponent: int) -> float:
    """``value 2^exponent`` rounded down, for a value that is not negative.

    >>> scaled_below(1.75, -1074), scaled_below(1.0, 2000) == LARGEST
    (5e-324, True)
    """
    found = min(scaled(value, exponent), LARGEST)
    return math.nextafter(found, 0.0) if scaled(found, -exponent) > value else found


def over_above(value: float, by: float) -> float:
    """A quotient of numbers that are not negative, rounded up; infinite where the divisor is 0.

    >>> over_above(1.0, 2.0) >= 0.5, over_above(1.0, 0.0)
    (True, inf)
    """
    return above(value / by) if by > 0 else math.inf


def exponent_of(values: float | Numbers) -> int:
    """The power of two by which the largest size is divided to lie between 1/2 and 1; 0 where there is none.

    >>> exponent_of(3.0), exponent_of(np.zeros(2)), exponent_of(math.inf)
    (2, 0, 0)
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    return math.frexp(largest)[1] if math.isfinite(largest) else 0


def norm_above(values: Numbers) -> float:
    """Root of the sum of squares, rounded up; infinite for numbers that are missing.

    >>> norm_above(np.array([3e-200, 4e-200])) >= 5e-200
    True
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return 0.0 if largest == 0 else math.inf
    exponent = math.frexp(largest)[1]
    small = np.ldexp(values, -exponent).ravel()
    total = math.sqrt(float(small @ small)) * (1 + gamma(small.size + 4)) + small.size * 1e-150
    return scaled_above(total * (1 + _SLACK), exponent)


def row_norms_above(values: Numbers) -> Float64[np.ndarray, " n"]:
    """Norm of each row, rounded up, shape ``(n,)``; 0 for a row of zeros only.

    >>> row_norms_above(np.array([[3.0, 4.0], [0.0, 0.0]])).round(9).tolist()
    [5.0, 0.0]
    """
    exponent = exponent_of(values)
    small, some = np.ldexp(values, -exponent), np.any(values, axis=1)
    squares = np.einsum("ij,ij->i", small, small)
    grown = np.sqrt(squares) * (1 + gamma(values.shape[1] + 8)) + some * 1e-150
    with np.errstate(over="ignore"):
        found = np.ldexp(grown * (1 + _SLACK), exponent)
    # scaled back into the subnormal numbers a norm may have been rounded down, by less than their distance
    return np.where(some & (found < 1e-290), np.nextafter(found, np.inf), found)


def value_error(activation: Activation, z: Numbers) -> Numbers:
    """How far the computed ``phi(z)`` can be from the true one, entry by entry.

    The elementary functions of NumPy and SciPy are allowed 32 u: ``32 u (1 + |z|)`` for tanh, erf, gelu, softplus and
    silu, one or two roundings for the piecewise polynomials.

    Args:
        activation: one of :mod:`overparam.theory.activations`.
        z: where, any shape.

    Raises:
        UsageError: an activation whose evaluation has no documented bound.

    >>> float(value_error(_known("relu"), np.array([3.0]))[0])
    0.0
    """
    kind = _kind(activation)
    if kind in _EXACT:
        return np.zeros_like(z)
    if kind == "leaky_relu":
        return UNIT * np.abs(z) + UNDERFLOW
    if kind == "quadratic":
        return 2 * UNIT * z * z + UNDERFLOW
    if kind == "sine":
        return FUNCTION_UNITS * UNIT + 2 * UNIT * activation.largest_slope * np.abs(z)
    return FUNCTION_UNITS * UNIT * (1 + np.abs(z))


def slope_error(activation: Activation, z: Numbers) -> Numbers:
    """How far the computed ``phi'(z)`` can be from the true one, entry by entry: absolute, not relative.

    Args:
        activation: one of :mod:`overparam.theory.activations`.
        z: where, any shape.

    Raises:
        UsageError: an activation whose evaluation has no documented bound.

    >>> bool(slope_error(_known("tanh"), np.array([30.0]))[0] > 0)
    True
    """
    kind = _kind(activation)
    if kind in {"relu", "identity", "leaky_relu", "quadratic"}:
        return np.zeros_like(z)
    if kind == "sine":
        omega = activation.largest_slope
        return omega * (FUNCTION_UNITS * UNIT + 2 * UNIT * omega * np.abs(z))
    return np.full_like(z, FUNCTION_UNITS * UNIT)


def _kind(activation: Activation) -> str:
    kind = activation.name.split("(")[0]
    if kind in _EXACT | _BOUNDED | {"leaky_relu", "quadratic", "sine"}:
        return kind
    raise UsageError(
        f"activation '{activation.name}': no bound is known for the rounding of its evaluation, so nothing can be "
        "proved. Use one of overparam.theory.activations."
    )


def _known(name: str) -> Activation:
    from overparam.theory.activations import ACTIVATIONS

    return ACTIVATIONS[name]
