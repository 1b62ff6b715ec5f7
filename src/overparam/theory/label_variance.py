"""How noisy labels are, from a kernel's spectrum: marginal likelihood of a signal that follows a power of it.

In the eigenvectors of the kernel matrix the labels have variances ``t e_i^a + s^2``: a signal that prefers large
eigenvalues, and noise that is the same everywhere. ``t``, ``a`` (0.5 to 3) and ``s^2`` are those of largest
likelihood; the interval is where the likelihood, maximised over t and a, lies within a factor ``exp(-1.92)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError
from overparam.theory.inputs import LARGEST, columns_of, vector

POWERS = (0.5, 1.0, 1.5, 2.0, 3.0)
CITATION = (
    "C. E. Rasmussen and C. K. I. Williams, Gaussian processes for machine learning, MIT Press 2006, section 5.4 "
    "(marginal likelihood)."
)
_DROP = 3.8415  # 95 % of chi squared with one degree of freedom
_RATIOS = np.logspace(-5, 13, 181)
_LEVELS = np.logspace(-9, 0, 721)


@dataclass(frozen=True)
class NoiseEstimate:
    """Variance of the labels' noise, summed over outputs, in squared units of the target.

    Attributes:
        variance: the estimate.
        low: lower end of its 95 % interval (over several outputs: the sum of theirs, which is wider).
        high: upper end.
        how: where it comes from.
    """

    variance: float
    low: float
    high: float
    how: str


def estimate_noise(eigenvalues: ArrayLike, energy: ArrayLike) -> NoiseEstimate:
    """Variance of the labels' noise by marginal likelihood, summed over outputs, in squared units of the target.

    Args:
        eigenvalues: e_i of the kernel matrix, zeros included, shape ``(n,)``; their scale does not matter.
        energy: squared projections ``(u_i . y)^2`` of each output, shape ``(n, outputs)``.

    Returns:
        Estimate and interval. The ends of the interval show when the spectrum cannot tell noise from signal: if
        all eigenvalues are equal it reaches from 0 to all of the variance.

    Raises:
        DataError: numbers that are negative or missing, or shapes that do not fit.

    Assumptions: noise is Gaussian with one variance; the signal's energy follows a power of the spectrum. What the
        kernel cannot represent counts as noise.

    References: Rasmussen and Williams 2006, section 5.4; the power is an addition here, tested by simulation.

    >>> spectrum = 1.0 / np.arange(1, 501) ** 2
    >>> found = estimate_noise(spectrum, np.outer(1e4 * spectrum + 4.0, [1.0]))
    >>> abs(found.variance - 4.0) < 0.2, found.low < 4.0 < found.high
    (True, True)
    """
    values = vector(eigenvalues, "eigenvalues")
    n = len(values)
    energy = columns_of(energy, "energy", n, high=LARGEST)
    if energy.min() < 0:
        raise DataError(f"energy: expected squared numbers, of at least 0, got {energy.min():.6g}.")
    e = values / (float(values.max()) or 1.0)
    # Equal directions of eigenvalue 0 tell of the noise alone; they enter as they are.
    signal = [np.outer(_RATIOS, e**power) for power in POWERS]
    logs = np.concatenate([np.log1p(part).sum(axis=1) for part in signal])
    fits = np.concatenate([(1.0 / (1.0 + part)) @ energy for part in signal])
    best, low, high = 0.0, 0.0, 0.0
    for output in range(energy.shape[1]):
        total = float(energy[:, output].sum()) / n
        if total <= 0:
            continue
        level = total * _LEVELS
        cost = np.min(logs[:, None] + fits[:, output, None] / level[None, :], axis=0) + n * np.log(level)
        inside = np.flatnonzero(cost <= cost.min() + _DROP)
        place = int(np.argmin(cost))
        best += 0.0 if place == 0 else float(level[place])
        low += 0.0 if inside[0] == 0 else float(level[inside[0]])
        high += float(level[inside[-1]])
    return NoiseEstimate(best, low, high, "marginal likelihood")
