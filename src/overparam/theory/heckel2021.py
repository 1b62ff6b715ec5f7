"""Risk of gradient descent on linear regression over time: a bias-variance trade-off a feature, summed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.dynamics.factors import descent_factors
from overparam.theory.inputs import (
    SQUARABLE,
    all_finite,
    columns_of,
    count,
    nonnegative,
    numbers,
    representable,
    times_of,
    vector,
)
from overparam.theory.theorem import Theorem

Array = Float64[np.ndarray, "..."]

CITATION = (
    "R. Heckel and F. F. Yilmaz, Early stopping in deep networks: double descent and how to eliminate it, ICLR 2021, "
    "arXiv:2007.10099."
)
FEW = 10  # samples a feature from which the replacement of the sample covariance counts as good


def early_stopped_risk(
    times: ArrayLike, scales: ArrayLike, coefficients: ArrayLike, rates: ArrayLike, noise: float, samples: int
) -> Float64[np.ndarray, " times"]:
    r"""Excess risk of gradient descent from zero on n samples, stopped after t steps, in squared units of the target.

    The target is :math:`y = \langle x, \theta \rangle + \epsilon` with independent features of mean zero and
    standard deviations :math:`s_i`, and noise of variance :math:`\sigma^2`. Each step takes the gradient of the
    mean squared error over 2, times a step size :math:`\eta_i` of each feature's own:

    .. math:: R(t) = \sum_i s_i^2 \theta_i^2 a_i(t)^2 + \frac{\sigma^2}{n} \sum_i (1 - a_i(t))^2,
              \qquad a_i(t) = (1 - \eta_i s_i^2)^t.

    Derivation: the error :math:`w_t - \theta` follows :math:`-(I - D \hat C)^t \theta` plus
    :math:`(I - (I - D \hat C)^t) \hat C^{-1} X^T \epsilon / n`, with :math:`D = diag(\eta_i)` and
    :math:`\hat C = X^T X / n`. Replacing :math:`\hat C` by its mean :math:`diag(s_i^2)` decouples the features, and
    the noise term has variance :math:`\sigma^2 / (n s_i^2)` times :math:`(1 - a_i)^2`. That replacement is the
    only approximation: it is right up to a relative error of order :math:`\sqrt{d/n}` for d features. At the end of
    training on Gaussian features, for instance, the exact variance is larger by the factor n / (n - d - 1). The
    risk is in excess of the noise variance, which no estimate can avoid.

    Args:
        times: numbers of steps t, at least 0, infinity included, shape ``(times,)``; whole where a step size times
            its squared scale is above 1.
        scales: standard deviations of the features, positive, shape ``(features,)``.
        coefficients: true coefficients, shape ``(features,)``.
        rates: one step size, or one a feature, shape ``(features,)``; each times its squared scale must lie
            strictly between 0 and 2, or gradient descent does not settle.
        noise: standard deviation of the label noise, at least 0.
        samples: number of training samples n.

    Returns:
        Shape ``(times,)``.

    Raises:
        DataError: arrays that are no finite numbers or do not fit together, or a risk that is no number of float64.
        UsageError: a value outside its range, or times between two steps where a step overshoots.

    Assumptions: independent centred features; n much larger than the number of features (see :func:`assumptions`).

    References:
        R. Heckel and F. F. Yilmaz, Early stopping in deep networks: double descent and how to eliminate it, ICLR
        2021, arXiv:2007.10099: the theorem on linear least squares, cited from memory (its number too is left out
        for that); the formula is derived above.

    >>> early_stopped_risk([0, 1, 2], [1.0], [1.0], 0.5, 0.0, 10).tolist()
    [1.0, 0.25, 0.0625]
    >>> float(early_stopped_risk([1e6], [1.0, 0.1], [1.0, 1.0], 0.5, 2.0, 8)[0])  # two features, 4/8 each
    1.0
    """
    s, theta, eta = _features(scales, coefficients, rates)
    n, sd = count(samples, "samples"), nonnegative(noise, "noise")
    with np.errstate(over="ignore"):
        move = s * (eta * s)
    if (move <= 0).any() or (move >= 2).any():
        raise UsageError(
            f"rates, scales: expected each step size times its squared scale between 0 and 2, got {move.min():g} to "
            f"{move.max():g}. Take smaller positive step sizes."
        )
    left, gone = descent_factors(move, _steps(times, move))
    with np.errstate(over="ignore", invalid="ignore"):
        bias, spread = np.square(left * (s * theta)), np.square(gone)
        risk = bias.sum(axis=1) + np.float64(sd) * sd / n * spread.sum(axis=1)
    return np.asarray(representable(risk, "scales, coefficients, noise"))


def expected_risk(
    x: ArrayLike, coefficients: ArrayLike, scales: ArrayLike, rates: ArrayLike, noise: float, times: ArrayLike
) -> Float64[np.ndarray, "times features"]:
    """Excess risk of gradient descent from zero on one design, in expectation over the label noise alone.

    With D = diag(rates), C = x^T x / n and the eigendecomposition D^(1/2) C D^(1/2) = V diag(l) V^T, the error
    after t steps is ``W (-a c + (1 - a) z)``: W = D^(1/2) V, a = (1 - l)^t, c = V^T D^(-1/2) theta, and z of mean
    zero with variances noise^2 / (n l). So one eigendecomposition serves all times, and nothing is sampled.

    Args:
        x: inputs, shape ``(n, features)``.
        coefficients: the true ones, theta, shape ``(features,)``.
        scales: standard deviations of the features, shape ``(features,)``.
        rates: step sizes, shape ``(features,)``.
        noise: standard deviation of the label noise.
        times: numbers of steps, shape ``(times,)``.

    Returns:
        Excess risk of each feature's coefficient, ``scales^2 E (w_t - theta)^2``, shape ``(times, features)``.

    Raises:
        UsageError: a step size with which gradient descent diverges on this design, or shapes that do not fit.
        DataError: arrays that are no finite numbers.
    """
    s, theta, eta = _features(scales, coefficients, rates)
    inputs = columns_of(x, "x", low=SQUARABLE[0], high=SQUARABLE[1])
    if inputs.shape[1] != len(s) or eta.shape != s.shape or (eta <= 0).any():
        raise UsageError(
            f"x, rates: expected one column of x and one positive step size a feature, {len(s)}, got shapes "
            f"{inputs.shape} and {eta.shape}."
        )
    sd, root = nonnegative(noise, "noise"), np.sqrt(eta)
    seen = inputs * root
    if not np.isfinite(seen).all() or np.abs(seen).max() > SQUARABLE[1]:
        raise UsageError("rates: expected step sizes with which descent converges, got larger ones.")
    moves, vectors = np.linalg.eigh(seen.T @ seen / len(inputs))
    moves = moves.clip(min=0.0)  # rounding; the matrix has no negative eigenvalue
    if moves[-1] >= 2:
        raise UsageError(
            f"rates: the largest step times curvature is {moves[-1]:.3g}, expected below 2, got one with which gradient "
            "descent diverges. Take smaller step sizes."
        )
    learnt = moves > 0  # a direction without data is never moved
    steps = _steps(times, moves)
    left, gone = np.ones((len(steps), len(moves))), np.zeros((len(steps), len(moves)))
    left[:, learnt], gone[:, learnt] = descent_factors(moves[learnt], steps)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = root[:, None] * vectors
        bias = (left * (vectors.T @ (theta / root))) @ weights.T
        # (1 - a)^2 / l tends to 0 with l
        spread = np.where(learnt, np.square(gone) / np.where(learnt, moves, 1.0), 0.0) @ np.square(weights).T
        risk = np.square(s * bias) + np.square((sd / np.sqrt(len(inputs))) * s) * spread
    return np.asarray(representable(risk, "coefficients, scales, noise"))


def left_after(times: ArrayLike, moves: ArrayLike) -> Float64[np.ndarray, "times directions"]:
    """Share ``(1 - move)^t`` of the initial error that is left along each direction after t steps.

    Args:
        times: numbers of steps, whole where a move exceeds 1, shape ``(times,)``.
        moves: step size times curvature, from 0 to 2, shape ``(directions,)``.

    Returns:
        Shape ``(times, directions)``, without unit.

    Raises:
        DataError: moves that are no list of finite numbers of at least 0.
        UsageError: a move above 2, or bad times.

    >>> left_after([0, 1, 2], [0.5, 1.5]).tolist()
    [[1.0, 1.0], [0.5, -0.5], [0.25, 0.25]]
    """
    move = vector(moves, "moves")
    if move.max() > 2:
        raise UsageError(f"moves: expected numbers from 0 to 2, got {move.max():g}.")
    t = _steps(times, move)
    left = np.ones((len(t), len(move)))
    inside = (move > 0) & (move < 2)
    left[:, inside] = descent_factors(move[inside], t)[0]
    if (move == 2).any():
        if np.isinf(t).any():
            raise UsageError(
                "times: expected finite ones where a move is 2, got infinity: the sign never settles."
            )
        left[:, move == 2] = np.where(np.mod(t, 2) == 1, -1.0, 1.0)[:, None]
    return left


def _features(scales: ArrayLike, coefficients: ArrayLike, rates: ArrayLike) -> tuple[Array, Array, Array]:
    """Scales, coefficients and step sizes, one a feature, or DataError and UsageError."""
    s, theta = vector(scales, "scales"), vector(coefficients, "coefficients", negative=True)
    if theta.shape != s.shape:
        raise DataError(f"coefficients: expected one a scale, {len(s)}, got {len(theta)}.")
    if (s <= 0).any():
        raise UsageError("scales: expected positive ones, got 0. Leave out features that are constant.")
    eta = numbers(rates, "rates")
    if eta.shape not in ((), s.shape):
        raise UsageError(f"rates: expected one number or shape {s.shape}, got shape {eta.shape}.")
    all_finite(eta, "rates")
    return s, theta, eta


def _steps(times: ArrayLike, moves: Array) -> Array:
    """Numbers of steps, checked; whole where a move above 1 changes the sign at every step."""
    return times_of(times, whole=bool((moves > 1).any()))


def assumptions(
    times: ArrayLike, scales: ArrayLike, coefficients: ArrayLike, rates: ArrayLike, noise: float, samples: int
) -> tuple[Assumption, ...]:
    """What the formula asks, checked where sizes tell it.

    Args: as for :func:`early_stopped_risk`.

    References: Heckel and Yilmaz 2021; the condition on sizes is that of the derivation above.

    >>> [one.state for one in assumptions([0], [1.0, 0.1], [1.0, 1.0], 0.5, 1.0, samples=8)]
    ['unchecked', 'fails']
    """
    s, _theta, _eta = _features(scales, coefficients, rates)
    features, samples = len(s), count(samples, "samples")
    return (
        Assumption(
            "independent features",
            "The features are independent with mean zero.",
            "unchecked",
            "only their standard deviations are given here",
        ),
        checked(
            "many samples",
            f"There are at least {FEW} samples a feature: the sample covariance is replaced by its mean.",
            samples >= FEW * features,
            f"{samples} samples, {features} features",
        ),
    )


THEOREMS = (
    Theorem(
        "early-stopped-risk",
        early_stopped_risk,
        {
            "times": (0, 1, 10, 100),
            "scales": (1.0, 0.1),
            "coefficients": (1.0, 10.0),
            "rates": 0.5,
            "noise": 1.0,
            "samples": 100,
        },
        assumptions,
        CITATION,
    ),
)
