"""Risk of gradient descent on linear regression over time: a bias-variance trade-off a feature, summed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.theorem import Theorem

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
        times: numbers of steps t, at least 0, shape ``(times,)``.
        scales: standard deviations of the features, positive, shape ``(features,)``.
        coefficients: true coefficients, shape ``(features,)``.
        rates: one step size, or one a feature, shape ``(features,)``; each times its squared scale must lie
            strictly between 0 and 2, or gradient descent does not settle.
        noise: standard deviation of the label noise, at least 0.
        samples: number of training samples n.

    Returns:
        Shape ``(times,)``.

    Raises:
        UsageError: arrays that do not fit together, or a value outside its range.

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
    t = _finite("times", times)
    s, theta = _finite("scales", scales), _finite("coefficients", coefficients)
    if t.ndim != 1 or s.ndim != 1 or theta.shape != s.shape or s.size == 0:
        raise UsageError(
            f"expected times of shape (times,), scales and coefficients of shape (features,), got {t.shape}, "
            f"{s.shape} and {theta.shape}. Give one scale and one coefficient a feature."
        )
    eta = _finite("rates", rates)
    if eta.shape not in ((), s.shape):
        raise UsageError(f"rates: expected one number or shape {s.shape}, got shape {eta.shape}.")
    if (t < 0).any() or (s <= 0).any():
        raise UsageError(
            "expected times of at least 0 and positive scales. Leave out features that are constant."
        )
    if isinstance(samples, bool) or samples < 1 or samples != int(samples):
        raise UsageError(f"samples: expected a whole number of at least 1, got {samples!r}.")
    if not (np.isfinite(noise) and noise >= 0):
        raise UsageError(f"noise: expected a standard deviation of at least 0, got {noise!r}.")
    move = eta * np.square(s)
    if (move <= 0).any() or (move >= 2).any():
        raise UsageError(
            f"rates: expected each step size times its squared scale between 0 and 2, got {move.min():g} to "
            f"{move.max():g}. Take smaller positive step sizes."
        )
    kept = left_after(t, move)
    bias = np.square(kept) @ np.square(s * theta)
    return np.asarray(bias + noise**2 / samples * np.square(1.0 - kept).sum(axis=1), dtype=np.float64)


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
        UsageError: a step size with which gradient descent diverges on this design.
    """
    inputs, root = np.asarray(x, dtype=np.float64), np.sqrt(np.asarray(rates, dtype=np.float64))
    moves, vectors = np.linalg.eigh((inputs * root).T @ (inputs * root) / len(inputs))
    moves = moves.clip(min=0.0)  # rounding; the matrix has no negative eigenvalue
    if moves[-1] >= 2:
        raise UsageError(
            f"the largest step times curvature is {moves[-1]:.3g}, expected below 2: gradient descent diverges. "
            "Take smaller step sizes."
        )
    weights, kept = root[:, None] * vectors, left_after(times, moves)
    bias = (kept * (vectors.T @ (np.asarray(coefficients, dtype=np.float64) / root))) @ weights.T
    # (1 - a)^2 / l tends to 0 with l: a direction without data is never moved.
    seen = np.where(moves > 0, moves, 1.0)
    spread = np.where(moves > 0, np.square(1.0 - kept) / seen, 0.0) @ np.square(weights).T
    return np.asarray(np.square(scales) * (np.square(bias) + noise**2 / len(inputs) * spread), dtype=np.float64)


def left_after(times: ArrayLike, moves: ArrayLike) -> Float64[np.ndarray, "times directions"]:
    """Share ``(1 - move)^t`` of the initial error that is left along each direction after t steps.

    Args:
        times: numbers of steps, whole where a move exceeds 1, shape ``(times,)``.
        moves: step size times curvature, from 0 to 2, shape ``(directions,)``.

    Returns:
        Shape ``(times, directions)``, without unit.

    >>> left_after([0, 1, 2], [0.5, 1.5]).tolist()
    [[1.0, 1.0], [0.5, -0.5], [0.25, 0.25]]
    """
    t = np.asarray(times, dtype=np.float64)[:, None]
    return np.power(1.0 - np.asarray(moves, dtype=np.float64)[None, :], t)


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise UsageError(
            f"{name}: expected finite numbers, got {int((~np.isfinite(array)).sum())} that are not."
        )
    return array


def assumptions(
    times: ArrayLike, scales: ArrayLike, coefficients: ArrayLike, rates: ArrayLike, noise: float, samples: int
) -> tuple[Assumption, ...]:
    """What the formula asks, checked where sizes tell it.

    Args: as for :func:`early_stopped_risk`.

    References: Heckel and Yilmaz 2021; the condition on sizes is that of the derivation above.

    >>> [one.state for one in assumptions([0], [1.0, 0.1], [1.0, 1.0], 0.5, 1.0, samples=8)]
    ['unchecked', 'fails']
    """
    features = np.asarray(scales).size
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
