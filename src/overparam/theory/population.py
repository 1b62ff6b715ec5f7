"""The risk on a finite population: n of N samples are drawn, the others are the test set.

With the eigenvectors of all N samples for eigenfunctions, and all of the targets' energy, noise included, for
coefficients, the formula of ``simon2023`` predicts the mean error over the whole population, drawn samples
included. Those have the training error, ``(1 - z/n)^2`` of it; they are a share ``f = n/N``, and are taken out:

    test error = prediction / ((1 - f) + f (1 - z/n)^2)

Noise needs no estimate for this: it is part of the targets. An estimate only splits the error, by linearity: the
same formula for targets of pure noise gives how many times the noise of a sample comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from overparam.core.errors import UsageError
from overparam.theory.eigenframework import sums, thresholds
from overparam.theory.empirical import Spectrum
from overparam.theory.inputs import count, nonnegative, penalty_of, widths_of
from overparam.theory.nakkiran2021 import best_thresholds

Widths = Float64[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class PopulationRisk:
    """Test error on the samples that were not drawn, in squared units of the targets, noise included.

    Attributes:
        total: shape ``(widths,)``; infinite at a peak.
        signal: what is left of it without noise, never negative.
        variance: what noise in the training set adds.
        ridge: penalty at each width; infinite where predicting nothing is best.
    """

    total: Widths
    signal: Widths
    variance: Widths
    ridge: Widths


def population_risk(spectrum: Spectrum, n: int, k: Widths, ridge: float | None, s2: float) -> PopulationRisk:
    """Test error of ridge on k random features after n of the N samples, on the others.

    Args:
        spectrum: of the limit kernel on all samples.
        n: number of training samples, less than N.
        k: widths, shape ``(widths,)``; infinity is the kernel.
        ridge: penalty delta; None is the best one at each width.
        s2: variance of the labels' noise, used for the split alone.

    Raises:
        UsageError: a count, penalty or variance out of range.

    References: Simon et al. 2023 for the formula and its training error; the split of the population is derived
        here and matched to simulation.

    Independent samples (a kernel that is 0 between them) teach nothing: the error is the mean square of y.

    >>> from overparam.theory.empirical import spectrum_of_kernel
    >>> found = spectrum_of_kernel(np.eye(40), np.ones((40, 1)) * 3.0)
    >>> population_risk(found, 20, np.array([np.inf]), 0.0, 0.0).total.round(9).tolist()
    [9.0]
    """
    lam, many = spectrum.operator, spectrum.samples
    n, k = count(n, "n"), widths_of(k)
    if n >= many:
        raise UsageError(f"n: expected fewer training samples than the population of {many}, got {n}.")
    s2 = nonnegative(s2, "s2")
    given = None if ridge is None else penalty_of(ridge)
    everything, noise = spectrum.coefficients, np.full(many, 1.0 / many)
    seen = n / many
    if given is None:
        gamma, penalty = best_thresholds(lam, everything, n, k, 0.0, seen)
    else:
        gamma, penalty = thresholds(lam, n, k, given), np.full_like(k, given)
    nothing = np.isinf(penalty)
    finite = np.where(nothing, 1.0, gamma)
    total, back = (
        sums(lam, v2, n, k, finite, ridgeless=penalty == 0, ridge=given).total(n, 0.0, seen)
        for v2 in (everything, noise)
    )
    total, back = np.where(nothing, everything.sum(), total), np.where(nothing, 1.0, back)
    left = np.maximum(total - s2, 0.0)
    variance = np.minimum(np.maximum(s2 * (back - 1), 0.0), left) if s2 else np.zeros_like(k)
    signal = np.where(np.isinf(left), left, left - np.where(np.isinf(left), 0.0, variance))
    return PopulationRisk(total, signal, variance, penalty)
