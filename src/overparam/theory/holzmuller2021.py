"""Holzmüller (2021): below what the noise part of the risk cannot fall, whatever the features.

Least squares on p features of n samples, minimum norm when p > n. Label noise adds at least a certain excess, and
that bound peaks at p = n for every full-rank feature map: the interpolation peak is universal.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import columns_of, count, nonnegative, representable, widths_of
from overparam.theory.theorem import Theorem

CITATION = (
    "D. Holzmüller, On the universality of the double descent peak in ridgeless regression, ICLR 2021, "
    "arXiv:2010.01851."
)
NOT_APPLICABLE = (
    "ReLU and other features that vanish on a set of positive measure: their matrix can lose rank",
    "one-hot features, or any that take finitely many values",
    "training sets resampled from finite data: repeated rows lose rank",
    "single training sets: the bound is for the mean over training sets; 14 % of single draws fell below it at "
    "n = 20, p = 18",
)


def noise_floor(n: int, p: ArrayLike, noise: float) -> Float64[np.ndarray, " points"]:
    """Least excess risk that label noise causes, in squared units of y.

    ``s^2 n/(p + 1 - n)`` for p >= n and ``s^2 p/(n + 1 - p)`` for p <= n.

    Args:
        n: number of training samples.
        p: numbers of features, shape ``(widths,)``.
        noise: a lower bound s^2 of the noise variance given x.

    Returns:
        Shape ``(widths,)``: a lower bound for the mean over training sets of the noise part, the error on a noisy
        test label less ``noise`` and less what would be left without noise.

    Raises:
        UsageError: a count or variance out of range.
        DataError: a variance so large that the bound is no number of float64.

    Assumptions: samples are independent and identically distributed; the second moment of the features is
        invertible; their matrix has rank min(n, p) almost surely. Not applicable in the cases of
        ``NOT_APPLICABLE``.

    References: Holzmüller 2021, main theorem; the formula is recalled and was never undercut in simulation.

    >>> noise_floor(20, [15, 20, 30, 200], 1.0).round(3).tolist()
    [2.5, 20.0, 1.818, 0.11]
    """
    samples, s2 = count(n, "n"), nonnegative(noise, "noise")
    widths = widths_of(p, "p", 0)
    if np.isinf(widths).any():
        raise UsageError("p: expected whole numbers of at least 0, got an infinite one.")
    with np.errstate(over="ignore"):
        floor = s2 * (np.minimum(samples, widths) / (np.abs(widths - samples) + 1))
    return np.asarray(representable(floor, "noise"))


def assumptions(n: int, p: ArrayLike, features: ArrayLike | None = None, **_: object) -> tuple[Assumption, ...]:
    """What the bound asks, checked on features where they are given.

    Args:
        n: number of training samples.
        p: numbers of features.
        features: the features of some samples, shape ``(samples, D)``; without them nothing can be checked.

    Raises:
        DataError: features of another shape.

    References: Holzmüller 2021.

    >>> [one.state for one in assumptions(2, [2], features=[[1, 0], [0, 1], [1, 0]])]
    ['fails', 'holds', 'fails', 'unchecked']
    """
    count(n, "n")
    widths_of(p, "p", 0)
    repeated = rank = continuous = None
    if features is not None:
        z = columns_of(features, "features")
        repeated = len(z) - len(np.unique(z, axis=0))
        rank = int(np.linalg.matrix_rank(z)), min(z.shape)
        continuous = float((z == 0).mean())
    known = (
        ("independent samples", "Samples are independent draws, with none repeated.", repeated is not None,
         repeated == 0, f"{repeated} repeated rows"),
        ("invertible second moment", "The features' second moment is invertible and their matrix of full rank.",
         rank is not None, rank is not None and rank[0] == rank[1], f"rank {rank and rank[0]} of {rank and rank[1]}"),
        ("no atoms", "No feature takes one value with positive probability, as ReLU and one-hot features do.",
         continuous is not None, continuous == 0, f"{100 * (continuous or 0):.3g} % of the entries are 0"),
    )  # fmt: skip
    said = [
        checked(name, text, bool(holds), detail)
        if seen
        else Assumption(name, text, "unchecked", "no features were given")
        for name, text, seen, holds, detail in known
    ]
    said.append(
        Assumption(
            "mean over training sets",
            "The bound is for the mean over training sets, and for noise of at least this variance at every x.",
            "unchecked",
            "one data set does not tell",
        )
    )
    return tuple(said)


THEOREMS = (
    Theorem("noise-floor", noise_floor, {"n": 20, "p": (15, 20, 30, 200), "noise": 1.0}, assumptions, CITATION),
)
