"""The critical batch size of Ma, Bassily and Belkin: up to it a larger batch saves steps, beyond it it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, nonnegative
from overparam.theory.sgd.minimum import Minimum, minimum_of_features
from overparam.theory.sgd.sampling import share
from overparam.theory.theorem import Theorem

CITATION = (
    "S. Ma, R. Bassily and M. Belkin, The power of interpolation: understanding the effectiveness of SGD in modern "
    "over-parametrized learning, ICML 2018, arXiv:1712.06559."
)
MOST = 10**15  # samples a step
EVEN = 1e-12  # relative difference at which two eigenvalues count as equal


@dataclass(frozen=True)
class Guarantee:
    """A step for a batch size and the rate that is guaranteed with it.

    Attributes:
        critical: m*, the critical batch size; infinite where all nonzero eigenvalues are equal.
        step: eta.
        rate: g with ``E ||e_t||^2 <= g^t ||e_0||^2``, e the distance in parameters to the nearest solution.
    """

    critical: float
    step: float
    rate: float

    def steps(self, accuracy: float) -> float:
        """Number of steps after which the expected squared distance is guaranteed to be ``accuracy`` of its start.

        Args:
            accuracy: between 0 and 1.

        Returns:
            ``ln(accuracy) / ln(g)``, not rounded; 1 for g = 0, infinite for g = 1.

        Raises:
            UsageError: an accuracy outside (0, 1).

        References: Ma, Bassily and Belkin 2018, theorem 4 (number recalled, not checked).
        """
        accuracy = share(accuracy, "accuracy")
        if self.rate <= 0:
            return 1.0
        return math.inf if self.rate >= 1 else math.log(accuracy) / math.log(self.rate)


def batch_guarantee(features: ArrayLike | Minimum, batch: int) -> Guarantee:
    r"""The best guaranteed step and rate of a batch size, and the critical batch size, for a linear model.

    With :math:`\beta = \max_i \|x_i\|^2` and :math:`\lambda_1, \lambda_n` the largest and the smallest nonzero
    eigenvalue of :math:`H = X^T X / n`:

    .. math:: m^* = \frac{\beta}{\lambda_1 - \lambda_n} + 1

    Up to it :math:`\eta = m / (\beta + (m-1)\lambda_n)` and :math:`g = 1 - \eta\lambda_n`; beyond it
    :math:`\eta = 2m / (\beta + (m-1)(\lambda_1 + \lambda_n))` and
    :math:`g = 1 - 4 m (m-1) \lambda_1\lambda_n / (\beta + (m-1)(\lambda_1+\lambda_n))^2`.

    Args:
        features: gradients of the outputs, shape ``(n, params)`` or ``(n, classes, params)``, or a
            :class:`~overparam.theory.sgd.minimum.Minimum`; for several outputs beta is the largest eigenvalue of all
            ``H_i``.
        batch: m, samples a step.

    Returns:
        Critical batch size, step, and rate.

    Raises:
        DataError: features of another shape, missing numbers, nothing but zeros.
        UsageError: a batch below 1.

    Assumptions: a linear model (or a network linearised) that can fit all samples; samples drawn independently with
        replacement. Without replacement the batch noise is smaller, so the guarantee holds as well.

    References: Ma, Bassily and Belkin 2018, theorem 4 and equation of m* (numbers recalled, not checked); the rates
        follow from ``E (I - eta H_S)^2 <= (I - eta H)^2 + (eta^2/m)(beta H - H^2)``.

    Two orthogonal samples of length 1: one sample a step fits one of them.

    >>> batch_guarantee([[1.0, 0.0], [0.0, 1.0]], 1)
    Guarantee(critical=inf, step=1.0, rate=0.5)
    """
    minimum = minimum_of_features(features)
    lam = minimum.curvature
    return guarantee(minimum.largest_sample, float(lam[0]), float(lam[-1]), batch)


def guarantee(beta: float, largest: float, smallest: float, batch: int) -> Guarantee:
    """The same from three numbers.

    Args:
        beta: largest squared norm of a sample.
        largest: largest eigenvalue of H.
        smallest: smallest nonzero eigenvalue of H.
        batch: m.

    Raises:
        UsageError: numbers out of order, or a batch below 1.

    References: as for :func:`batch_guarantee`.

    >>> round(guarantee(1.0, 0.131, 0.0, 8).critical, 2)
    8.63
    """
    m = count(batch, "batch")
    if m > MOST:
        raise UsageError(f"batch: expected at most {MOST:.0e} samples, got a longer number.")
    beta, largest, smallest = (
        nonnegative(value, name)
        for value, name in ((beta, "beta"), (largest, "largest"), (smallest, "smallest"))
    )
    if not 0 <= smallest <= largest <= beta * (1 + 1e-9) or beta <= 0:
        raise UsageError(
            f"expected 0 <= smallest <= largest eigenvalue <= beta, got {smallest:g}, {largest:g}, {beta:g}. "
            "The largest eigenvalue of the mean never exceeds the largest squared norm."
        )
    # in units of beta, so that no square leaves float64
    unit = 2.0 ** math.frexp(beta)[1] if 1e-300 < beta < 1e300 else beta
    beta, largest, smallest = beta / unit, largest / unit, smallest / unit
    gap = largest - smallest
    critical = math.inf if gap <= EVEN * largest else beta / gap + 1
    if m <= critical:
        step = m / (beta + (m - 1) * smallest)
        return Guarantee(critical, step / unit, max(0.0, 1 - step * smallest))
    bottom = beta + (m - 1) * (largest + smallest)
    rate = 1 - 4 * m * (m - 1) * largest * smallest / bottom**2
    return Guarantee(critical, 2 * m / bottom / unit, rate)


def assumptions(features: ArrayLike | Minimum, **_: object) -> tuple[Assumption, ...]:
    """What the guarantee asks, checked where the numbers allow it.

    Args: as for :func:`batch_guarantee`.

    References: Ma, Bassily and Belkin 2018.

    >>> [one.state for one in assumptions([[1.0, 0.0], [0.0, 1.0]])]
    ['unchecked', 'holds']
    """
    minimum = minimum_of_features(features)
    rank, rows = len(minimum.curvature), minimum.n * minimum.factors.shape[1]
    return (
        Assumption(
            "interpolation",
            "Some parameters fit every sample; otherwise batch noise leaves a floor.",
            "unchecked",
            f"rank {rank} of {rows} targets" + ("" if rank < rows else ": any targets can be fitted"),
        ),
        checked(
            "well-conditioned",
            "No direction was lost in rounding: the smallest eigenvalue is above the largest one taken for 0.",
            minimum.dropped < minimum.curvature[-1] / 100,
            f"smallest {minimum.curvature[-1]:.3g}, largest dropped {minimum.dropped:.3g}",
        ),
    )


_X = [[1.0, 0.2, 0.0, 0.1], [0.3, 1.0, 0.1, 0.0], [0.0, 0.4, 1.0, 0.2]]
THEOREMS = (
    Theorem(
        "sgd-critical-batch",
        batch_guarantee,
        {"features": _X, "batch": 2},
        assumptions,
        CITATION,
        "m* where all nonzero eigenvalues are equal",
    ),
)
