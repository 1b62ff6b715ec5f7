"""The threshold and the sums of the eigenframework of ``simon2023``, each from positive terms alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

_STEPS = 64
_TINY = 5e-324
_BLOCK = 4_000_000  # numbers in one array of widths times eigenvalues

Widths = Float64[np.ndarray, " points"]
Entries = Float64[np.ndarray, " features"]


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums of the formula at each width, for one gamma a width."""

    a: Widths
    b: Widths
    c: Widths
    once: Widths
    twice: Widths
    q: Widths

    def factor(self, n: int) -> Widths:
        """How many times the noise of a sample comes back as error: ``n / (a + c u)``; infinite at a peak."""
        bottom = self.a + self.c * self.share
        return np.divide(n, bottom, out=np.full_like(bottom, np.inf), where=bottom > 0)

    def extra(self, n: int) -> Widths:
        """How many times more than once: ``factor - 1 = (q + c (1 - u)) / (a + c u)``, of positive terms alone."""
        top, bottom = self.q + self.c * (1 - self.share), self.a + self.c * self.share
        return np.divide(top, bottom, out=np.where(top > 0, np.inf, 0.0), where=bottom > 0)

    @property
    def share(self) -> Widths:
        """``u = b/(b + c)``: 1 for the kernel, 0 for minimum norm with fewer features than samples."""
        bottom = self.b + self.c
        kernel = np.isinf(self.b)
        u = np.divide(self.b, bottom, out=np.ones_like(bottom), where=(bottom > 0) & ~kernel)
        return np.where(kernel, 1.0, u)

    def signal(self, n: int) -> Widths:
        """Error without noise; 0 where the target is recovered exactly, infinite at a peak."""
        u = self.share
        left = (1 - u) * self.once + u * self.twice
        return times(left, self.factor(n))

    def total(self, n: int, s2: float, seen: float = 0.0) -> Widths:
        """Error with noise; over a population of which a share was seen, on the rest (see ``population``)."""
        with np.errstate(over="ignore"):
            whole = self.signal(n) + (s2 * self.factor(n) if s2 else 0.0)
        return whole / (1 - seen + seen * np.square(self.a / n)) if seen else whole


def times(left: Widths, factor: Widths) -> Widths:
    """``left * factor`` with ``0 * infinity = 0``: nothing to amplify stays nothing."""
    with np.errstate(over="ignore"):
        return np.where(left > 0, left * np.where(left > 0, factor, 1.0), 0.0)


def thresholds(lam: Entries, n: int, k: Widths, ridge: float) -> Widths:
    """The root gamma with ``z < min(n, k)`` at each width, in the unit of the eigenvalues.

    ``gamma (1 - z/k) (n - z)`` grows with gamma wherever ``z < min(n, k)``, so bisection on a logarithmic scale
    between ``ridge/n`` and ``max(2 tr/min(n, k), 4 ridge/n)`` finds it. Without a penalty the root is where z
    reaches ``min(n, k)``, or 0 if there are no more positive eigenvalues than that.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        ridge: penalty.

    References: Simon et al. 2023; the bracket is elementary.
    """
    positive = lam[lam > 0]
    least, trace = np.minimum(n, k), float(positive.sum())
    if ridge > 0:
        low, high = np.full_like(k, ridge / n), np.maximum(2 * trace / least, 4 * ridge / n)
        active = np.ones(len(k), dtype=bool)
    else:
        active = len(positive) > least
        rest = float((positive[-1] / positive).sum()) if len(positive) else 1.0
        last = float(positive[-1]) if len(positive) else 1.0
        low, high = last * ((len(positive) - least) / rest), 2 * trace / least
    gamma = np.zeros_like(k)
    if not active.any():
        return gamma
    # Equal brackets (all k > n, without a penalty) are solved once.
    keys = np.stack([k[active] if ridge > 0 else least[active], low[active], high[active]])
    (kk, lo, hi), back = np.unique(keys, axis=1, return_inverse=True)
    lo, hi = np.log(np.maximum(lo, _TINY)), np.log(np.maximum(hi, _TINY))
    for _ in range(_STEPS):
        middle = (lo + hi) / 2
        g = np.exp(middle)
        room = spare(positive, g, np.full_like(g, n))
        beyond = spare(positive, g, kk)
        if ridge > 0:
            spared = np.divide(beyond, kk, out=np.ones_like(kk), where=np.isfinite(kk))
            with np.errstate(over="ignore"):
                above = (room > 0) & (spared > 0) & (g * room * spared >= ridge)
        else:
            above = beyond >= 0
        lo, hi = np.where(above, lo, middle), np.where(above, middle, hi)
    gamma[active] = np.exp(hi)[back.ravel()]
    return gamma


def spare(lam: Entries, gamma: Widths, m: Widths) -> Widths:
    """``m - z`` for each gamma: what the first m directions miss, less what the others learn; next to 0 it keeps its digits.

    Args:
        lam: positive eigenvalues, descending, shape ``(entries,)``.
        gamma: thresholds, shape ``(widths,)``.
        m: whole numbers, or infinity, shape ``(widths,)``.
    """
    out = np.empty_like(gamma)
    place = np.arange(len(lam))
    for rows in blocks(len(gamma), max(len(lam), 1)):
        g = gamma[rows, None]
        signed = np.where(place < m[rows, None], g, -lam) / (lam + g)
        out[rows] = signed.sum(axis=1)
    return out + np.maximum(m - len(lam), 0.0)


def sums(
    lam: Entries,
    v2: Entries,
    n: int,
    k: Widths,
    gamma: Widths,
    *,
    ridgeless: Any = False,
    ridge: float | None = None,
) -> Sums:
    """The sums of the formula at given thresholds, each computed from positive terms.

    Args:
        lam: eigenvalues, descending, shape ``(entries,)``.
        v2: squared coefficients, shape ``(entries,)``.
        n: number of training samples.
        k: widths, shape ``(widths,)``.
        gamma: thresholds, shape ``(widths,)``.
        ridgeless: whether the thresholds belong to no penalty, so that a or b is exactly 0; one or one a width.
        ridge: the penalty to which the thresholds belong; with it ``a b = k ridge / gamma`` and ``a - b = n - k`` give
            a and b to all digits, also where both are next to 0. None computes them from the sums.

    References: Simon et al. 2023.
    """
    rank = int((lam > 0).sum())
    inside, null = v2[:rank], float(v2[rank:].sum())
    c, once, twice, q = (np.empty_like(gamma) for _ in range(4))
    root = np.sqrt(inside)
    for rows in blocks(len(gamma), max(rank, 1)):
        whole = lam[:rank] + gamma[rows, None]
        g, found = gamma[rows, None] / whole, lam[:rank] / whole
        once[rows] = g @ inside + null
        twice[rows] = np.square(g * root).sum(axis=1) + null
        c[rows], q[rows] = (g * found).sum(axis=1), np.square(found).sum(axis=1)
    if ridge:
        a, b = _rooms(n, k, ridge, gamma)
    else:
        a, b = (spare(lam[:rank], gamma, m) for m in (np.full_like(gamma, n), k))
    at_root = np.logical_and(ridgeless, gamma > 0)
    a, b = np.where(at_root & (n <= k), 0.0, a), np.where(at_root & (k <= n), 0.0, b)
    return Sums(np.maximum(a, 0.0), np.maximum(b, 0.0), c, once, twice, q)


def _rooms(n: int, k: Widths, ridge: float, gamma: Widths) -> tuple[Widths, Widths]:
    """``a = n - z`` and ``b = k - z``: their difference is n - k, their product ``k ridge / gamma``."""
    kernel = np.isinf(k)
    width = np.where(kernel, 1.0, k)
    half = (n - width) / 2
    root = np.hypot(half, np.sqrt(width) * np.sqrt(ridge) / np.sqrt(gamma))
    larger = np.abs(half) + root
    smaller = np.where(larger > 0, width * (ridge / gamma) / np.where(larger > 0, larger, 1.0), 0.0)
    a, b = np.where(half > 0, larger, smaller), np.where(half > 0, smaller, larger)
    return np.where(kernel, ridge / gamma, a), np.where(kernel, np.inf, b)


def blocks(rows: int, columns: int) -> list[slice]:
    """Slices of the rows of a matrix that is too large to hold at once."""
    size = max(1, _BLOCK // max(columns, 1))
    return [slice(start, start + size) for start in range(0, rows, size)]
