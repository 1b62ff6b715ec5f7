"""The linear model: gradient descent on features of two scales, its risk over time in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from overparam.core import Outcome, Params, Progress, UsageError

if TYPE_CHECKING:
    import numpy as np

FEATURES = 50  # half of them fast (scale 1), half slow
SAMPLES = 1000
RATE = 0.02  # one step size for all features; matched step sizes are this over the squared scale
STEPS = 1_000_000
POINTS = 80
DIGITS = 6


def solve(cells: Sequence[Params], report: Progress) -> list[Outcome]:
    """Solve the cells of a stack one after another."""
    outcomes = []
    for done, cell in enumerate(cells, start=1):
        outcomes.append(Outcome(values(cell)))
        report(done / len(cells))
    return outcomes


def values(cell: Params) -> dict[str, Any]:
    """The risk over time of one drawn design and target, with one step size and with matched ones.

    Args:
        cell: parameters; ``seed`` draws design and target, ``noise`` times ``variance`` is the variance of the
            label noise, ``slow`` the scale of the slow features.

    Returns:
        Lists over ``step``: excess risks in squared units of the target (each half of the features carries a
        signal of mean variance 1), measured and by the theory for many samples.
    """
    import numpy as np

    from overparam.theory.heckel2021 import early_stopped_risk
    from overparam.training.recipe import probe_times

    x, theta, scales = draw(cell["seed"], SAMPLES, FEATURES, cell["slow"])
    noise = math.sqrt(cell["noise"] * cell["variance"])
    times = probe_times(STEPS, POINTS)[1:]
    found: dict[str, Any] = {"step": list(times), "noise_variance": short(noise**2)}
    for arm, rates in (("", np.full(FEATURES, RATE)), ("balanced_", RATE / np.square(scales))):
        each = expected_risk(x, theta, scales, rates, noise, times)
        found[f"{arm}risk"] = _line(each.sum(axis=1))
        found[f"{arm}theory"] = _line(early_stopped_risk(times, scales, theta, rates, noise, SAMPLES))
        if not arm:
            found["fast_risk"] = _line(each[:, : FEATURES // 2].sum(axis=1))
            found["slow_risk"] = _line(each[:, FEATURES // 2 :].sum(axis=1))
    return found


def draw(seed: int, samples: int, features: int, slow: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw Gaussian inputs ``(samples, features)``, a target ``(features,)``, and give the scales ``(features,)``.

    The first half of the features has scale 1, the second half ``slow``. A coefficient is normal with standard
    deviation sqrt(2 / features) over its scale, so that each half has a signal of mean variance 1.
    """
    import numpy as np

    from overparam.data.stream import stream

    random = stream("epoch-descent", seed)
    scales = np.repeat([1.0, slow], [features // 2, features - features // 2])
    x = random.standard_normal((samples, features)) * scales
    return x, random.standard_normal(features) * math.sqrt(2 / features) / scales, scales


def expected_risk(
    x: np.ndarray, theta: np.ndarray, scales: np.ndarray, rates: np.ndarray, noise: float, times: Sequence[int]
) -> np.ndarray:
    """Risk of gradient descent from zero on this design, in expectation over the label noise alone.

    With D = diag(rates), C = x^T x / n and the eigendecomposition D^(1/2) C D^(1/2) = V diag(l) V^T, the error
    after t steps is ``W (-a c + (1 - a) z)``: W = D^(1/2) V, a = (1 - l)^t, c = V^T D^(-1/2) theta, and z of mean
    zero with variances noise^2 / (n l). So one eigendecomposition serves all times, and nothing is sampled.

    Args:
        x: inputs, shape ``(n, features)``.
        theta: true coefficients, shape ``(features,)``.
        scales: standard deviations of the features, shape ``(features,)``.
        rates: step sizes, shape ``(features,)``.
        noise: standard deviation of the label noise.
        times: numbers of steps.

    Returns:
        Excess risk of each feature's coefficient, ``scales^2 E (w_t - theta)^2``, shape ``(times, features)``.

    Raises:
        UsageError: a step size with which gradient descent diverges on this design.
    """
    import numpy as np

    from overparam.theory.heckel2021 import left_after

    root = np.sqrt(rates)
    moves, vectors = np.linalg.eigh((x * root).T @ (x * root) / len(x))
    moves = moves.clip(min=0.0)  # rounding; the matrix has no negative eigenvalue
    if moves[-1] >= 2:
        raise UsageError(
            f"the largest step times curvature is {moves[-1]:.3g}, expected below 2: gradient descent diverges. "
            "Take smaller step sizes."
        )
    weights = root[:, None] * vectors
    left = left_after(times, moves)
    bias = (left * (vectors.T @ (theta / root))) @ weights.T
    # (1 - a)^2 / l tends to 0 with l: a direction without data is never moved.
    seen = np.where(moves > 0, moves, 1.0)
    spread = np.where(moves > 0, np.square(1.0 - left) / seen, 0.0) @ np.square(weights).T
    return np.square(scales) * (np.square(bias) + noise**2 / len(x) * spread)


def _line(values: Any) -> list[float | None]:
    return [short(value) for value in values]


def short(value: Any) -> float | None:
    """Round to six significant digits; a number that is not finite becomes None."""
    value = float(value)
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
