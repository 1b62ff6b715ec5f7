"""Bartlett, Long, Lugosi and Tsigler (2020): the two ranks of a spectrum that decide whether overfitting is benign.

The theorem bounds the excess noise of the minimum-norm solution, up to constants, by ``s^2 (k*/n + n/R_k*)``. Its
constants b, c and c_1 are universal but unspecified, so no bound is printed here: only the ranks, for three b.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.theory.assumption import Assumption, checked
from overparam.theory.inputs import count, vector
from overparam.theory.theorem import Theorem

CITATION = (
    "P. L. Bartlett, P. M. Long, G. Lugosi and A. Tsigler, Benign overfitting in linear regression, PNAS "
    "117(48):30063-30070, 2020."
)
FACTORS = (1, 2, 5)


@dataclass(frozen=True, eq=False)
class BenignRanks:
    """The ranks of a spectrum.

    Attributes:
        n: number of training samples.
        r: ``r_k = sum_{i>k} lam_i / lam_{k+1}`` for k = 0, 1, ... below the rank, shape ``(rank,)``.
        R: ``R_k = (sum_{i>k} lam_i)^2 / sum_{i>k} lam_i^2``, shape ``(rank,)``.
        k_star: by b, the smallest k with ``r_k >= b n``; None if there is none: overfitting is not benign.
    """

    n: int
    r: Float64[np.ndarray, " rank"]
    R: Float64[np.ndarray, " rank"]
    k_star: Mapping[int, int | None]

    def rate(self, b: int) -> float | None:
        """``k*/n + n/R_k*``, to which the noise part is proportional with an unknown constant; None without k*."""
        k = self.k_star[b]
        return None if k is None else k / self.n + self.n / float(self.R[k])


def benign_ranks(eigenvalues: ArrayLike, n: int) -> BenignRanks:
    """Effective ranks r_k and R_k of a spectrum and its k*, for b = 1, 2 and 5; numbers without a unit.

    Args:
        eigenvalues: of the covariance of the features, shape ``(p,)``.
        n: number of training samples.

    Returns:
        The ranks; compare ``k*`` with n, and ``R_k*`` with n: benign are a small k* and a large R.

    Raises:
        DataError: eigenvalues that are negative or missing.
        UsageError: n out of range.

    References: Bartlett et al. 2020, definitions 2 and theorem 4 (numbers recalled); b is unspecified there.

    >>> ranks = benign_ranks([1.0] * 500, n=100)
    >>> ranks.r[0], ranks.R[0], ranks.k_star[5], benign_ranks([1.0] * 99, n=100).k_star[1]
    (np.float64(500.0), np.float64(500.0), 0, None)
    """
    lam = np.sort(vector(eigenvalues, "eigenvalues"))[::-1]
    lam = lam[lam > 0]
    samples = count(n, "n")
    if not len(lam):
        return BenignRanks(samples, lam, lam, dict.fromkeys(FACTORS))
    scaled = lam / lam[0]
    tail, squares = np.cumsum(scaled[::-1])[::-1], np.cumsum(np.square(scaled[::-1]))[::-1]
    r = tail / scaled
    large = np.divide(tail * tail, squares, out=np.ones_like(tail), where=squares > 0)
    k_star = {b: int(np.argmax(r >= b * samples)) if (r >= b * samples).any() else None for b in FACTORS}
    return BenignRanks(samples, r, large, k_star)


def assumptions(eigenvalues: ArrayLike, n: int, **_: object) -> tuple[Assumption, ...]:
    """What the theorem asks, checked on the numbers given where that is possible.

    Args: as for :func:`benign_ranks`.

    References: Bartlett et al. 2020.

    >>> [one.state for one in assumptions([1.0] * 50, n=100)]
    ['unchecked', 'fails']
    """
    rank = int((vector(eigenvalues, "eigenvalues") > 0).sum())
    return (
        Assumption(
            "subgaussian design",
            "The samples are a square root of the covariance times independent subgaussian entries.",
            "unchecked",
            "only a spectrum is given here",
        ),
        checked(
            "interpolation",
            "There are more directions than samples, so that the minimum-norm solution interpolates.",
            rank > count(n, "n"),
            f"{rank} positive eigenvalues, n = {n}",
        ),
    )


THEOREMS = (
    Theorem(
        "benign-ranks",
        benign_ranks,
        {"eigenvalues": 1.0 / np.arange(1, 2001) ** 1.1, "n": 50},
        assumptions,
        CITATION,
    ),
)
