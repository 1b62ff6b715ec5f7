"""Dziugaite and Roy (2017): a PAC-Bayes bound for noisy weights around a trained network, with a Gaussian prior."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.assumption import Assumption
from overparam.theory.inputs import all_finite, count, nonnegative, numbers, positive, probability, real, shown
from overparam.theory.theorem import Theorem

CITATION = (
    "G. K. Dziugaite and D. M. Roy, Computing nonvacuous generalization bounds for deep (stochastic) neural networks with many "
    "more parameters than training data, UAI 2017, arXiv:1703.11008."
)

_LEAST = 1e-50  # ratio of two spreads


def gaussian_kl(mean: ArrayLike, prior_mean: ArrayLike, spread: float, prior_spread: float) -> float:
    r"""Divergence KL(Q || P) of isotropic Gaussians over p weights, in nats.

    :math:`\frac12 (p s^2/t^2 - p + |w - w_0|^2/t^2 + 2 p \ln(t/s))` with Q = N(w, s^2 I) and P = N(w_0, t^2 I).

    Args:
        mean: w, shape ``(p,)``.
        prior_mean: w_0, shape ``(p,)``, which must not depend on the training labels, such as the start.
        spread: s, standard deviation of Q, above 0.
        prior_spread: t, that of P, above 0.

    Raises:
        DataError: vectors that do not fit together.
        UsageError: a spread that is not above 0.

    References: Dziugaite and Roy 2017, section 3 (the closed form is elementary).

    >>> gaussian_kl([3.0, 4.0], [0.0, 0.0], 1.0, 1.0)  # 25 / 2
    12.5
    """
    w, start = (numbers(one, name, 1e-100, 1e100) for one, name in ((mean, "mean"), (prior_mean, "prior_mean")))
    if w.ndim != 1 or not w.size or w.shape != start.shape:
        raise DataError(
            f"mean, prior_mean: expected two vectors of one length, got shapes {w.shape} and {start.shape}."
        )
    all_finite(w, "mean")
    all_finite(start, "prior_mean")
    s, t = positive(spread, "spread"), positive(prior_spread, "prior_spread")
    ratio = s / t
    if not _LEAST < ratio < 1.0 / _LEAST:
        raise UsageError(
            f"spread, prior_spread: expected a ratio from {_LEAST:g} to {1 / _LEAST:g}, got {ratio:.3g}."
        )
    with np.errstate(over="ignore"):
        apart = float(np.square((w - start) / t).sum())
    found = 0.5 * (len(w) * (ratio**2 - 1.0 - 2.0 * math.log(ratio)) + apart)
    if not math.isfinite(found):
        raise UsageError(
            f"prior_spread: expected one beside which mean less prior_mean has a finite square, got {t:.3g}."
        )
    return max(0.0, found)


def kl_inverse(error: float, bound: float) -> float:
    r"""The largest q with :math:`kl(error \| q) \le bound`, for coins: a share of samples.

    Args:
        error: a share, 0 to 1.
        bound: in nats, at least 0.

    Raises:
        UsageError: a number out of range.

    References: Dziugaite and Roy 2017, section 2 (inverse of the divergence of two coins); found by bisection, rounded up.

    >>> round(kl_inverse(0.0, 0.5), 6)  # 1 - exp(-1/2)
    0.393469
    """
    p, most = real(error), nonnegative(bound, "bound")
    if not 0 <= p <= 1:
        raise UsageError(f"error: expected a share from 0 to 1, got {shown(error)}.")
    if p == 1.0:
        return 1.0

    def kl(q: float) -> float:
        first = p * math.log(p / q) if p > 0 else 0.0
        return first + (1.0 - p) * (math.log1p(-p) - math.log1p(-q))

    low, high = p, 1.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if middle < 1.0 and kl(max(middle, 5e-324)) <= most else (low, middle)
    return high


def pac_bayes(
    error: float, divergence: float, n: int, delta: float = 0.05, *, draws: int | None = None, choices: int = 1
) -> float:
    r"""Bound on the error of the network with noisy weights, a share of samples.

    The error of Q is at most the largest q with :math:`kl(\hat e \| q) \le (KL(Q \| P) + \ln(2 \sqrt n c / \delta')) / n`.
    Where the training error of Q was found from m draws of its weights, :math:`\hat e` is first raised to what it is below with
    probability :math:`1 - \delta/2`, and :math:`\delta' = \delta/2`.

    Args:
        error: training error of Q, 0 to 1; the mean of the draws.
        divergence: KL(Q || P), in nats.
        n: training samples.
        delta: probability of failure.
        draws: m, independent draws of the weights; None where the error is exact.
        choices: c, priors among which the best was taken after seeing the data.

    Raises:
        UsageError: a number out of range.

    References: Dziugaite and Roy 2017, theorem 3.1 and section 3.3, with the term ln(2 sqrt(n)/delta) of A. Maurer, A note on the
        PAC Bayesian theorem, 2004 (recalled); draws by J. Langford and R. Caruana 2002: ln(2/delta)/m.

    >>> bool(pac_bayes(0.0, 0.0, 1000) < 0.01)
    True
    """
    far, many, fails = nonnegative(divergence, "divergence"), count(n, "n"), probability(delta, "delta")
    several = count(choices, "choices", 1)
    if draws is not None:
        fails /= 2.0
        error = kl_inverse(error, math.log(2.0 / fails) / count(draws, "draws"))
    return kl_inverse(error, (far + math.log(2.0 * math.sqrt(many) * several / fails)) / many)


def assumptions(
    error: float, divergence: float, n: int, delta: float = 0.05, *, draws: int | None = None, choices: int = 1
) -> tuple[Assumption, ...]:
    """What the bound asks: independent samples, and a prior that has not seen them.

    Args: as for :func:`pac_bayes`.

    References: as for :func:`pac_bayes`.
    """
    pac_bayes(error, divergence, n, delta, draws=draws, choices=choices)
    return (
        Assumption(
            "independent samples", "The training samples are independent draws.", "unchecked", "only n is given"
        ),
        Assumption(
            "prior",
            "The priors do not depend on the training labels.",
            "unchecked",
            "only the divergence is given",
        ),
    )


THEOREMS = (
    Theorem("pac-bayes", pac_bayes, {"error": 0.05, "divergence": 20.0, "n": 1000}, assumptions, CITATION),
)
