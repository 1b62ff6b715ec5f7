"""A recorded run against its certificate: every inequality that the certificate promises, with its slack.

The older form of the same theorem, with twice alpha below the smallest singular value, stands beside it:
``eta <= 1/(2 beta^2)`` and ``||f - y|| <= alpha^2/(4 L)`` give ``||r_t||^2 <= (1 - eta alpha^2/2)^t ||r_0||^2``,
distance and path at most ``4 ||r_0||/alpha``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.certificates.certificate import Certificate, step_factor
from overparam.theory.inputs import all_finite, nonnegative, numbers


@dataclass(frozen=True)
class RunCheck:
    """Slacks of the inequalities on one run; a negative one would refute the certificate.

    Attributes:
        contraction: least of ``rate ||r_t|| - ||r_{t+1}||``, as a share of ``||r_0||``.
        distance: bound less the largest distance from the start, as a share of the bound.
        path: bound less the length of the path, as a share of the bound.
        potential: least decrease a step of ``||r_t|| + c sum (sigma - L s) ||step||``, as a share of ``||r_0||``.
        tolerance: what rounding of the residuals may explain, as a share of ``||r_0||``.
        holds: whether all are above minus the tolerance.
    """

    contraction: float
    distance: float
    path: float
    potential: float
    tolerance: float
    holds: bool


def check_run(
    certificate: Certificate,
    residuals: ArrayLike,
    positions: ArrayLike,
    residual_error: float | None = None,
) -> RunCheck:
    """Check consecutive steps of gradient descent against the certificate of its first point.

    Args:
        certificate: of gradient descent, certified.
        residuals: norms ``||f - y||`` before each step, shape ``(steps,)``, in float64.
        positions: trained parameters before each step, shape ``(steps, parameters)``.
        residual_error: bound on the error of a residual; None takes that of the first.

    Raises:
        UsageError: a certificate of gradient flow, one that certifies nothing, or shapes that do not fit.
        DataError: numbers that are missing or infinite.

    References: derived in :mod:`~overparam.theory.certificates.interpolation`.
    """
    if not isinstance(certificate, Certificate):
        raise UsageError(f"certificate: expected a certificate, got {type(certificate).__name__}.")
    residuals, positions = numbers(residuals, "residuals"), numbers(positions, "positions")
    if not certificate.certified or certificate.method != "gradient descent":
        raise UsageError("check_run: expected a certificate of gradient descent that certifies something.")
    if residuals.ndim != 1 or len(residuals) < 2 or positions.ndim != 2 or len(positions) != len(residuals):
        raise UsageError(
            f"check_run: expected residuals (steps,) and positions (steps, parameters), "
            f"got {residuals.shape} and {positions.shape}."
        )
    for name, array in (("residuals", residuals), ("positions", positions)):
        all_finite(array, name)
    if residual_error is None:
        off = certificate.rounding.get("residual, on its norm", 0.0)
    else:
        off = nonnegative(residual_error, "residual_error")
    first = max(float(residuals[0]), 1e-300)
    tolerance = 1e-11 + 4 * off / first
    with np.errstate(over="ignore"):  # so far away is farther than any bound
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        away = np.linalg.norm(positions - positions[0], axis=1)
    gone = np.concatenate([[0.0], np.cumsum(steps)])
    # relu: L is infinite, and the smallest singular value on the ball is what is left of the rate
    if np.isfinite(certificate.lipschitz):
        alpha = certificate.sigma - certificate.lipschitz * gone[:-1]
    else:
        own = certificate.step * step_factor(certificate.loss, certificate.examples, certificate.outputs)
        alpha = np.full(len(steps), np.sqrt((1 - certificate.rate) / (certificate.kept * own)))
    with np.errstate(over="ignore", invalid="ignore"):
        fall = residuals[:-1] - residuals[1:] - certificate.kept * alpha * steps
    far = float(away.max())
    contraction = float((certificate.rate * residuals[:-1] - residuals[1:]).min()) / first
    slacks = (
        contraction,
        1 - far / certificate.distance,
        1 - float(gone[-1]) / certificate.distance,
        float(fall.min()) / first,
    )
    return RunCheck(*slacks, tolerance, all(slack >= -tolerance for slack in slacks))


@dataclass(frozen=True)
class KeyLemma:
    """What the older theorem asks and gives, from the same numbers.

    Attributes:
        applies: whether its conditions hold for the certificate's step.
        alpha: half the smallest singular value.
        radius: ``4 ||r_0||/alpha``, its bound of distance and path.
        rate: ``sqrt(1 - eta alpha^2/2)``, its factor of the residual a step.
        largest_residual: ``alpha^2/(4 L)``.
    """

    applies: bool
    alpha: float
    radius: float
    rate: float
    largest_residual: float


def key_lemma(sigma: float, beta: float, lipschitz: float, residual: float, step: float) -> KeyLemma:
    """The same from the slides' lemma, with its misprints mended: ``eta <= 1/(2 beta^2)``, not ``2 beta``.

    Args:
        sigma: smallest singular value at the start; alpha is half of it.
        beta: bound of ``||J||`` on the ball of radius ``4 r/alpha``.
        lipschitz: constant of J on that ball.
        residual: ``||f - y||`` at the start.
        step: on half the sum of squares.

    Raises:
        UsageError: a negative number.

    References: S. Oymak and M. Soltanolkotabi, Overparameterized nonlinear learning: gradient descent takes the
        shortest path?, ICML 2019, arXiv:1812.10004 (constants recalled, not checked).

    >>> key_lemma(2.0, 2.0, 0.5, 0.4, 0.1).applies
    True
    """
    sigma, beta, residual, step = (
        nonnegative(value, name)
        for value, name in ((sigma, "sigma"), (beta, "beta"), (residual, "residual"), (step, "step"))
    )
    if not (isinstance(lipschitz, float) and lipschitz == np.inf):
        lipschitz = nonnegative(lipschitz, "lipschitz")
    alpha = 0.5 * sigma
    largest = alpha * alpha / (4 * lipschitz) if lipschitz > 0 else np.inf
    applies = bool(residual <= largest and 2 * step * beta * beta <= 1 and alpha > 0)
    rate = float(np.sqrt(max(0.0, 1 - 0.5 * step * alpha * alpha)))
    return KeyLemma(applies, alpha, 4 * residual / alpha if alpha > 0 else np.inf, rate, float(largest))
