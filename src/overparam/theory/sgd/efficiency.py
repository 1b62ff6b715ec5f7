"""Steps to a given accuracy against the batch size, from the exact mean, and where larger batches stop paying off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.inputs import count, numbers, positive
from overparam.theory.sgd.critical_batch import batch_guarantee
from overparam.theory.sgd.minimum import Minimum, minimum_of_features, minimum_of_kernel
from overparam.theory.sgd.moments import coordinates, second_moments, start_of
from overparam.theory.sgd.operator import spectral_radius, threshold_ratio
from overparam.theory.sgd.sampling import batch_noise, finite, kernel_matrix, positive_step, share, sizes_of
from overparam.theory.theorem import Theorem

CITATION = (
    "S. Ma, R. Bassily and M. Belkin, The power of interpolation, ICML 2018, arXiv:1712.06559 (the step of each batch "
    "size); the steps are counted on the exact recursion of the second moment."
)
_GOLDEN = (math.sqrt(5) - 1) / 2


def steps_to_accuracy(
    kernel: ArrayLike,
    residual: ArrayLike,
    batches: Sequence[int],
    steps: Sequence[float] | None = None,
    accuracy: float = 1e-3,
    outputs: int = 1,
    replacement: bool = False,
    most: int = 20_000,
) -> Float64[np.ndarray, " batch"]:
    """Steps after which the expected loss is a given share of its start, for each batch size.

    Args:
        kernel: ``G = J J^T``, shape ``(samples * outputs, samples * outputs)``, sample by sample.
        residual: ``f - y`` at the start, shape ``(samples,)`` or ``(samples, outputs)``.
        batches: batch sizes.
        steps: step of each batch size; by default that of Ma, Bassily and Belkin.
        accuracy: share of the expected loss at the start, between 0 and 1.
        outputs: number of outputs.
        replacement: whether batches are drawn with replacement.
        most: steps after which the count is given up.

    Returns:
        Numbers of steps, whole; infinite where the loss is not reached within ``most`` steps.

    Raises:
        DataError: as for :func:`~overparam.theory.sgd.moments.expected_course`.
        UsageError: a batch, step or accuracy out of range.

    References: the recursion of :mod:`~overparam.theory.sgd.moments`.

    Orthogonal samples: a batch of all needs one step, one sample a step leaves half.

    >>> steps_to_accuracy([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], [1, 2], [1.0, 2.0], 0.01).tolist()
    [7.0, 1.0]
    """
    accuracy, batches = share(accuracy, "accuracy"), sizes_of(batches)
    g = kernel_matrix(kernel, outputs)
    r = start_of(residual, len(g))
    if not np.abs(r).max() > 0:
        raise DataError("residual: expected some number that is not 0, got a model that fits already.")
    samples, most = len(g) // outputs, count(most, "most")
    start, goal = coordinates(g, r), accuracy * float(r @ r)
    if steps is None:
        minimum = minimum_of_kernel(g, outputs)
        steps = [batch_guarantee(minimum, batch).step for batch in batches]
    steps = list(finite(steps, "steps", (1,), "(batches,)")) if len(batches) else []
    if len(steps) != len(batches):
        raise UsageError(f"steps: expected one a batch size, {len(batches)}, got {len(steps)}.")
    found = []
    for batch, step in zip(batches, steps, strict=True):
        p = batch_noise(samples, batch, replacement)
        reached = math.inf
        for t, moment in enumerate(second_moments(start, p, positive_step(step), outputs)):
            if np.trace(moment) <= goal:
                reached = float(t)
                break
            if t >= most:
                break
        found.append(reached)
    return np.asarray(found, dtype=np.float64)


def departure(batches: Sequence[int], steps: Sequence[float], factor: float = 2.0) -> float:
    """Batch size at which steps exceed a factor times those of perfect scaling, ``steps(first) * first / B``.

    Args:
        batches: ascending batch sizes.
        steps: steps to one accuracy, of the same length.
        factor: how far the curve has departed from slope -1.

    Returns:
        A batch size, interpolated on logarithms; infinite if the curve never departs so far.

    Raises:
        UsageError: lengths that differ, batch sizes that do not ascend, or steps that are not above 0.

    References: definition, after Ma, Bassily and Belkin 2018.

    >>> round(departure([1, 2, 4, 8], [100, 50, 50, 50]), 6)
    4.0
    """
    b, s = numbers(batches, "batches"), numbers(steps, "steps")
    factor = positive(factor, "factor")
    if b.shape != s.shape or b.ndim != 1 or len(b) < 2 or (np.diff(b) <= 0).any() or not (s > 0).all():
        raise UsageError(
            f"batches, steps: expected at least two ascending batch sizes and as many positive steps, got {b.tolist()} "
            f"and {s.tolist()}."
        )
    if not math.isfinite(s[0]):
        raise UsageError("steps: expected a finite number at the smallest batch. Raise the most steps counted.")
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        lost = np.log(s * b / (s[0] * b[0]))
    if not (lost[np.isfinite(s)] < math.inf).all() or np.isneginf(lost).any():  # the products left float64
        lost = np.log(s) - math.log(s[0]) + np.log(b) - math.log(b[0])
    goal = math.log(factor)
    beyond = np.flatnonzero(lost >= goal - 1e-12)
    if not beyond.size:
        return math.inf
    i = int(beyond[0])
    if i == 0 or not math.isfinite(lost[i]):
        return float(b[i])
    share = (goal - lost[i - 1]) / (lost[i] - lost[i - 1])
    return float(b[i - 1] * (b[i] / b[i - 1]) ** share)


@dataclass(frozen=True)
class FastestStep:
    """The step with the fastest final decay of the expected loss, and its factor a step."""

    step: float
    rate: float


def fastest_step(features: ArrayLike | Minimum, batch: int, replacement: bool = False) -> FastestStep:
    """The step at which the expected loss finally falls fastest, by golden section.

    The largest eigenvalue of the step's map is convex in the step, so there is one valley between 0 and the
    stability threshold.

    Args:
        features: gradients of the outputs, shape ``(n, params)`` or ``(n, classes, params)``, or a Minimum.
        batch: B.
        replacement: whether batches are drawn with replacement.

    Returns:
        The step to a relative 1e-6, and the factor of the expected squared distance a step.

    Raises:
        DataError, UsageError: as for :func:`~overparam.theory.sgd.threshold.step_bounds`.

    References: convexity: the map is a convex function of the step in the order of matrices; elementary.

    Gradient descent on curvatures 1/2 and 3/2: step 2/(1/2 + 3/2), factor (1/2)^2.

    >>> best = fastest_step([[1.0, 0.0], [0.0, 3.0**0.5]], 2)
    >>> round(best.step, 5), round(best.rate, 5)
    (1.0, 0.25)
    """
    minimum = minimum_of_features(features)
    noise = batch_noise(minimum.n, batch, replacement)

    edge = 1 / threshold_ratio(minimum, noise)[0].low

    def rate(step: float) -> float:
        return spectral_radius(minimum, noise, step, edge).low

    low, high = 0.0, edge
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    fa, fb = rate(a), rate(b)
    while high - low > 1e-6 * high:
        if fa <= fb:
            high, b, fb = b, a, fa
            a = high - _GOLDEN * (high - low)
            fa = rate(a)
        else:
            low, a, fa = a, b, fb
            b = low + _GOLDEN * (high - low)
            fb = rate(b)
    best = (low + high) / 2
    return FastestStep(best, rate(best))


def stability_atlas(
    features: ArrayLike | Minimum, batches: Sequence[int], steps: Sequence[float], replacement: bool = False
) -> Float64[np.ndarray, "batch steps"]:
    """Factor of the expected squared distance a step, over batch sizes and steps; below 1 it falls.

    Args:
        features: as for :func:`fastest_step`.
        batches: batch sizes B.
        steps: steps eta.
        replacement: whether batches are drawn with replacement.

    Returns:
        The spectral radius of the map on the second moment at each pair.

    Raises:
        DataError, UsageError: as for :func:`~overparam.theory.sgd.threshold.step_bounds`.

    References: Mulayoff and Michaeli 2024; Wu, Ma and E 2018.

    >>> stability_atlas([[1.0, 0.0], [0.0, 1.0]], [1, 2], [1.0, 4.0]).round(9).tolist()
    [[0.5, 5.0], [0.25, 1.0]]
    """
    batches = sizes_of(batches)
    minimum = minimum_of_features(features)
    noises = [batch_noise(minimum.n, batch, replacement) for batch in batches]
    checked = (
        [positive_step(step) for step in finite(steps, "steps", (1,), "(steps,)")] if not _empty(steps) else []
    )
    edges = [1 / threshold_ratio(minimum, p)[0].low for p in noises]
    rows = [
        [spectral_radius(minimum, p, step, edge).low for step in checked]
        for p, edge in zip(noises, edges, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(len(noises), len(checked))


def _empty(steps: Any) -> bool:
    return isinstance(steps, Sequence | np.ndarray) and len(steps) == 0


def assumptions(*_: object, **__: object) -> tuple[Assumption, ...]:
    """What counting steps on the recursion asks.

    References: as for :mod:`~overparam.theory.sgd.moments`.

    >>> assumptions()[0].state
    'unchecked'
    """
    return (
        Assumption(
            "linear model",
            "The model is linear in its parameters, or a network that stays close to its linearisation.",
            "unchecked",
            "only a kernel or features are given",
        ),
    )


_E = np.random.default_rng(1).standard_normal((6, 9))
THEOREMS = (
    Theorem(
        "sgd-steps",
        steps_to_accuracy,
        {"kernel": _E @ _E.T, "residual": np.ones(6), "batches": (1, 2, 6), "accuracy": 0.5},
        assumptions,
        CITATION,
        "where the accuracy is not reached",
    ),
    Theorem(
        "sgd-stability-atlas",
        stability_atlas,
        {"features": _E, "batches": (1, 6), "steps": (0.05, 0.2)},
        assumptions,
        "R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024.",
    ),
)
