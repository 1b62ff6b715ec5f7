"""Up to which step stochastic gradient descent stays at an interpolating minimum: exact, and bounds on either side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count
from overparam.theory.sgd.minimum import Matrix, Minimum, minimum_of_features
from overparam.theory.sgd.operator import threshold_ratio
from overparam.theory.sgd.sampling import batch_noise, sizes_of
from overparam.theory.theorem import Theorem

CITATION = (
    "R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024, "
    "arXiv:2306.07850; L. Wu, C. Ma and W. E, How SGD selects the global minima in over-parameterized learning: a "
    "dynamical stability perspective, NeurIPS 2018."
)
MOST_PAIRS = 10_000
GAP = 1e-6  # relative distance of the two ends at which a threshold counts as found


@dataclass(frozen=True, eq=False)
class StepBounds:
    """The largest stable step of a batch size, and what bounds it; all are steps.

    Attributes:
        exact: supremum of the steps at which the mean squared distance to the minimum stays bounded.
        exact_low: never above it (up to rounding).
        exact_high: never below it (up to rounding).
        sufficient: Wu, Ma and E's sufficient condition: never above it.
        necessary: the smallest of the three necessary conditions that follow: never below it.
        descent: ``2/a``: the threshold of gradient descent.
        trace: ``2 tr H / tr(H^2 + p Sigma)``.
        direction: ``2h / (h^2 + p Var_i(u.H_i u))`` with ``h = u.H u``, at the best unit vector u that was found.
        sharpness: ``a``, the largest eigenvalue of H.
        nonuniformity: ``s``, the root of the largest eigenvalue of ``Sigma = (1/n) sum H_i^2 - H^2``.
        wu_necessary: ``min(2/a, 1/(s sqrt p))``, which follows from Wu, Ma and E's sufficient condition and is necessary
            for that one only; it can lie below the exact threshold.
    """

    exact: float
    exact_low: float
    exact_high: float
    sufficient: float
    necessary: float
    descent: float
    trace: float
    direction: float
    sharpness: float
    nonuniformity: float
    wu_necessary: float


def step_bounds(features: ArrayLike | Minimum, batch: int, replacement: bool = False) -> StepBounds:
    r"""Largest step at which stochastic gradient descent is mean-square stable at a minimum, with bounds.

    With :math:`C = H\otimes I + I\otimes H` and Q of :mod:`~overparam.theory.sgd.operator`, on the range of H,

    .. math:: \eta^*(B) = 1 / \lambda_{\max}(C^{-1/2} Q C^{-1/2})

    The map of one step is self-adjoint and convex in the step, so it is stable exactly below this.

    Args:
        features: gradients of the outputs, shape ``(n, params)`` or ``(n, classes, params)``, for the squared loss
            at a point that fits all samples; or a :class:`~overparam.theory.sgd.minimum.Minimum`.
        batch: B, samples a step.
        replacement: whether batches are drawn with replacement.

    Returns:
        The threshold between its two ends, the bounds, and Wu, Ma and E's sharpness and non-uniformity.

    Raises:
        DataError: features of another shape, missing numbers, nothing but zeros.
        UsageError: a batch that is not between 1 and n.

    Assumptions: every sample is fitted exactly; batches are independent and of one size; the step is measured
        against the mean of (1/2) residual^2.

    References: Mulayoff and Michaeli 2024 (the exact threshold); Wu, Ma and E 2018 (the sufficient condition, a and
        s; theorem numbers recalled, not checked). The necessary conditions are Rayleigh quotients of the same
        eigenvalue problem at M = I and M = u u^T.

    One parameter, curvatures 1 and 3: the squared distance is multiplied by the mean of (1 - step h_i)^2.

    >>> bounds = step_bounds([[1.0], [3.0**0.5]], batch=1)
    >>> round(bounds.exact, 12), bounds.descent, round(2 * 2 / (1 + 9) * 2, 12)
    (0.8, 1.0, 0.8)
    """
    minimum = minimum_of_features(features)
    return bounds_of(minimum, batch_noise(minimum.n, batch, replacement))


def bounds_of(minimum: Minimum, noise: float) -> StepBounds:
    """The same from a minimum and the noise p of a batch.

    Args:
        minimum: curvatures of the samples.
        noise: p.

    References: as for :func:`step_bounds`.
    """
    lam = minimum.curvature
    ratio, leading = threshold_ratio(minimum, noise)
    square = minimum.mean_square()
    sigma = square - np.diag(lam**2)
    grown = np.diag(lam**2) + noise * sigma
    unit = 1 / np.sqrt(lam)
    scaled = unit[:, None] * ((grown + grown.T) / 2) * unit
    a = float(lam[0])
    s = math.sqrt(max(0.0, float(np.linalg.eigvalsh((sigma + sigma.T) / 2)[-1])))
    trace = 2 * float(lam.sum()) / float(np.trace(grown))
    direction = best_direction(minimum, noise, leading)
    bound_on_s = 1 / (s * math.sqrt(noise)) if s * math.sqrt(noise) > 0 else math.inf
    return StepBounds(
        exact=1 / ratio.low,
        exact_low=1 / ratio.high,
        exact_high=1 / ratio.low,
        sufficient=2 / float(np.linalg.eigvalsh(scaled)[-1]),
        necessary=min(2 / a, trace, direction),
        descent=2 / a,
        trace=trace,
        direction=direction,
        sharpness=a,
        nonuniformity=s,
        wu_necessary=min(2 / a, bound_on_s),
    )


def largest_step(
    features: ArrayLike | Minimum, batches: Iterable[int], replacement: bool = False
) -> Float64[np.ndarray, " batch"]:
    """Largest mean-square stable step of each batch size.

    Args:
        features: as for :func:`step_bounds`.
        batches: batch sizes B.
        replacement: whether batches are drawn with replacement.

    Returns:
        One step a batch size; at B = n without replacement it is ``2/a``, that of gradient descent.

    Raises:
        DataError, UsageError: as for :func:`step_bounds`.

    References: Mulayoff and Michaeli 2024.

    >>> largest_step([[1.0, 0.0], [0.0, 1.0]], [1, 2]).round(12).tolist()
    [2.0, 4.0]
    """
    minimum = minimum_of_features(features)
    sizes = sizes_of(batches)
    found = [1 / threshold_ratio(minimum, batch_noise(minimum.n, one, replacement))[0].low for one in sizes]
    return np.asarray(found, dtype=np.float64)


def best_direction(minimum: Minimum, noise: float, leading: Matrix) -> float:
    """The necessary condition along one direction, at the best direction that was found; every one is valid.

    Args:
        minimum: curvatures of the samples.
        noise: p.
        leading: a matrix whose leading eigenvectors are tried first, shape ``(rank, rank)``.

    References: Rayleigh quotient of the threshold's eigenvalue problem at M = u u^T; elementary.
    """
    lam, f = minimum.curvature, minimum.factors

    def growth(u: Float64[np.ndarray, " rank"]) -> tuple[float, Float64[np.ndarray, " rank"]]:
        image = f @ u
        own = (image**2).sum(axis=1)
        h, length = float(lam @ u**2), float(u @ u)
        top = (1 - noise) * h * h + noise * float((own**2).mean())
        value = top / (2 * h * length)
        slope_own = np.einsum("n,nc,ncr->r", own, image, f) * (4 * noise / len(f))
        slope_h = 2 * lam * u
        slope = (slope_own + 2 * (1 - noise) * h * slope_h) / (2 * h * length)
        return -value, -(slope - value * (slope_h / h + 2 * u / length))

    norms = np.linalg.norm(f, axis=(1, 2))
    far = f[int(norms.argmax())]
    starts = [np.eye(len(lam))[0], *np.linalg.eigh((leading + leading.T) / 2)[1][:, -2:].T, *far[:2]]
    best = 0.0
    for start in starts:
        size = float(np.linalg.norm(start))
        if size == 0 or float(lam @ start**2) <= 1e-14 * lam[0] * size**2:
            continue
        u = np.asarray(start / size, dtype=np.float64)
        best = max(best, -growth(u)[0])
        if len(lam) > 1:
            u = np.asarray(minimize(growth, u, jac=True, method="L-BFGS-B", options={"maxiter": 50}).x)
            best = max(best, -growth(u)[0])
    return 1 / best


def counterexample(pairs: int = 12, batch: int = 3) -> Float64[np.ndarray, "n params"]:
    """Gradients with a stable step at which the non-uniformity exceeds the bound of the sufficient condition.

    ``g = sqrt(1.4) e_0 +- sqrt(1.3/p) e_j``: pairs that cancel in all but one direction, so that the noise of one
    direction goes into others and does not come back at once.

    Args:
        pairs: number of directions e_j; there are twice as many samples.
        batch: B, for which p is taken.

    Returns:
        Shape ``(2 pairs, pairs + 1)``.

    Raises:
        UsageError: fewer than 2 or more than 10,000 pairs, or a batch of all samples.

    References: ``s <= sqrt(B(n-1)/(n-B)) / eta`` follows from the sufficient condition on the poster of Wu, Ma and E 2018
        (the paper was not read); this shows that it is not necessary for stability.

    >>> bounds = step_bounds(counterexample(), batch=3)
    >>> round(bounds.exact, 3), round(bounds.wu_necessary, 3)
    (0.9, 0.741)
    """
    pairs = count(pairs, "pairs", 2)
    if pairs > MOST_PAIRS:
        raise UsageError(f"pairs: expected at most {MOST_PAIRS:,}, got {pairs}.")
    noise = batch_noise(2 * pairs, batch)
    if not noise:
        raise UsageError(
            f"batch: expected fewer than all {2 * pairs} samples, got {batch!r}: nothing is random then."
        )
    out = np.zeros((2 * pairs, pairs + 1))
    out[:, 0] = math.sqrt(1.4)
    index = np.arange(pairs)
    out[2 * index, 1 + index] = math.sqrt(1.3 / noise)
    out[2 * index + 1, 1 + index] = -math.sqrt(1.3 / noise)
    return out


def assumptions(features: ArrayLike | Minimum, batch: int = 1, **_: object) -> tuple[Assumption, ...]:
    """What the threshold asks, checked where the numbers allow it.

    Args: as for :func:`step_bounds`.

    References: Mulayoff and Michaeli 2024; Wu, Ma and E 2018.

    >>> [one.state for one in assumptions([[1.0, 0.0], [0.0, 1.0]], 1)]
    ['unchecked', 'unchecked', 'holds']
    """
    minimum = minimum_of_features(features)
    bounds = step_bounds(minimum, batch)
    return (
        Assumption(
            "interpolation", "Every sample is fitted at the minimum.", "unchecked", "no residual is given here"
        ),
        Assumption(
            "linear neighbourhood",
            "Steps stay where the loss is close to its quadratic; large deviations, which carry the mean near the "
            "threshold, may leave it.",
            "unchecked",
            "only gradients at one point are given",
        ),
        checked(
            "two-sided",
            f"The threshold is known between two ends that differ by at most {GAP:g} of it.",
            bounds.exact_high - bounds.exact_low <= GAP * bounds.exact_high,
            f"between {bounds.exact_low:.9g} and {bounds.exact_high:.9g}",
        ),
    )


_G = np.random.default_rng(0).standard_normal((8, 12))
THEOREMS = (Theorem("sgd-stability", step_bounds, {"features": _G, "batch": 2}, assumptions, CITATION),)
