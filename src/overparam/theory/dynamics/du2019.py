"""Du et al. (2019): how far a neuron of a wide two-layer network can move, and which width suffices.

``f(x) = m^(-1/2) sum_r a_r phi(w_r . x)``, a_r = +-1 fixed, inputs of norm 1, loss ``|r|^2 / 2``, gradient flow. As
long as the kernel's smallest eigenvalue stays above half of lambda_0, ``|r_t| <= exp(-lambda_0 t / 2) |r_0|``, and a
neuron's speed is at most ``B1 sqrt(n / m) |r_t|``. The integral of that is the bound below: one line, no constant
from memory. The width is recalled.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, nonnegative, probability, representable, widths_of
from overparam.theory.theorem import Theorem

CITATION = (
    "S. S. Du, X. Zhai, B. Poczos and A. Singh, Gradient descent provably optimizes over-parameterized neural "
    "networks, ICLR 2019 (lemma 3.3; derived again, because the constants are recalled, not checked)."
)


def neuron_movement(
    smallest: float, n: int, residual: float, widths: ArrayLike, slope: float = 1.0
) -> Float64[np.ndarray, " points"]:
    """Bound of the distance ``|w_r(t) - w_r(0)|`` of every neuron, at all times, in the unit of the weights.

    ``2 B1 sqrt(n) |r_0| / (sqrt(m) lambda_0)``

    Args:
        smallest: lambda_0; the kernel's smallest eigenvalue must stay at or above its half.
        n: number of samples.
        residual: ``|r_0|``, in the unit of y.
        widths: m, shape ``(points,)``.
        slope: B1, largest slope of the activation.

    Returns:
        Shape ``(points,)``; infinite where lambda_0 is 0.

    Raises:
        UsageError: a number out of range.
        DataError: numbers whose result is none of float64.

    Assumptions: inputs of norm 1, gradient flow on ``|r|^2 / 2``, fixed output weights of size ``m^(-1/2)``, and the
        kernel's smallest eigenvalue at least lambda_0 / 2 all along.

    References: Du et al. 2019, lemma 3.3, with the constant that follows from the derivation above.

    >>> neuron_movement(0.5, 4, 1.0, [64, 256]).tolist()
    [1.0, 0.5]
    """
    lam, m = nonnegative(smallest, "smallest"), widths_of(widths)
    top = 2.0 * nonnegative(slope, "slope") * math.sqrt(count(n, "n")) * nonnegative(residual, "residual")
    representable(top, "slope, residual")
    if lam == 0:
        return np.full(len(m), np.inf if top else 0.0)
    with np.errstate(over="ignore"):
        return np.asarray(representable(top / np.sqrt(m) / lam, "residual, smallest"))


def sufficient_width(smallest: float, n: int, failure: float = 0.1) -> float:
    """Width ``n^6 / (lambda_0^4 delta^3)`` from which on convergence is proved, up to a constant that is not given.

    Constant recalled, not checked: the paper says ``Omega(...)``, so read it as an order of magnitude.

    Args:
        smallest: lambda_0 of the infinite-width kernel.
        n: number of samples.
        failure: delta, probability of failure.

    Raises:
        UsageError: a number out of range.
        DataError: numbers whose result is none of float64.

    References: Du et al. 2019, theorem 3.2 (recalled).

    >>> sufficient_width(1.0, 10, failure=1.0)
    1000000.0
    """
    lam = nonnegative(smallest, "smallest")
    samples, delta = count(n, "n"), probability(failure, "failure", one=True)
    if lam == 0:
        return math.inf
    try:
        return float(Fraction(samples) ** 6 / (Fraction(lam) ** 4 * Fraction(delta) ** 3))
    except OverflowError:
        return float(representable(math.inf, "n, smallest, failure"))


def assumptions(
    smallest: float, n: int, residual: float, widths: ArrayLike, slope: float = 1.0
) -> tuple[Assumption, ...]:
    """What the bound asks, checked on the numbers given where that is possible.

    Args: as for :func:`neuron_movement`.

    References: Du et al. 2019.

    >>> assumptions(0.0, 4, 1.0, [64])[0].state
    'fails'
    """
    return (
        checked(
            "regular kernel",
            "The smallest eigenvalue lambda_0 is above 0.",
            nonnegative(smallest, "smallest") > 0,
            f"lambda_0 = {nonnegative(smallest, 'smallest'):.4g}",
        ),
        Assumption(
            "lazy kernel",
            "The kernel's smallest eigenvalue stays above half of lambda_0 during training.",
            "unchecked",
            "only numbers are given here",
        ),
    )


THEOREM = Theorem(
    "neuron-movement",
    neuron_movement,
    {"smallest": 0.1, "n": 30, "residual": 5.0, "widths": (64, 1024, 16384)},
    assumptions,
    CITATION,
    "where lambda_0 is 0",
)
