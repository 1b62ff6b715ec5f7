"""The barrier of a path: how far loss or error rises above the ends, with an interval over examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from overparam.core.checked import nonnegative, probability, shown
from overparam.core.errors import DataError, UsageError, unknown
from overparam.probes.paths.evaluate import Along

Array = Float64[np.ndarray, "points n"]
ABOVE = ("larger", "linear", "mean")
OF = ("loss", "error")
DRAWS = 4_000  # of the largest deviation


@dataclass(frozen=True)
class Barrier:
    """How far a path rises above its ends.

    Attributes:
        value: the largest rise at a point of the grid, in the unit of what was measured.
        low: end of the interval.
        high: end of the interval.
        t: where the rise is largest.
        of: ``loss`` or ``error``.
        above: what it is measured from.
        level: of the interval.
        n: examples.
        words: what it is, in a sentence.
    """

    value: float
    low: float
    high: float
    t: float
    of: str
    above: str
    level: float
    n: int
    words: str

    def found(self, tolerance: float) -> bool:
        """Whether a path within a tolerance was found: the whole interval lies at or below it.

        False says that none was found here; it never says that there is none.

        Args:
            tolerance: of the rise, in its unit.

        Raises:
            UsageError: no finite number of at least 0.
        """
        return self.high <= nonnegative(tolerance, "tolerance")

    def said(self, tolerance: float) -> str:
        """``found`` or ``not found``.

        Args:
            tolerance: of the rise, in its unit.
        """
        return "found" if self.found(tolerance) else "not found"


_WORDS = {
    "larger": "above the larger of the two ends",
    "linear": "above the straight line between the values of the ends",
    "mean": "above the mean of the two ends",
}


def barrier(
    along: Along,
    *,
    of: str = "loss",
    above: str = "larger",
    level: float = 0.95,
    seed: int = 0,
) -> Barrier:
    r"""Largest rise of loss or error on a path above its ends, with a simultaneous interval over the examples.

    ``larger``: ``max_t L(t) - max(L(0), L(1))``; ``linear``: ``max_t L(t) - ((1-t) L(0) + t L(1))``; ``mean``:
    ``max_t L(t) - (L(0) + L(1)) / 2``, the error barrier of Frankle et al. Each is a maximum of differences that are paired over
    the examples. The interval holds all of these differences at once: the largest deviation in standard errors is drawn from
    the normal distribution with their correlations, so that choosing the highest point costs nothing. That of errors is
    widened as Wilson's is, to ``q^2 / n`` where no example disagrees, so that this is not taken for certainty.

    Args:
        along: of :func:`along`, with the losses of every example; only t from 0 to 1 counts, and both ends must be there.
        of: ``loss`` or ``error``.
        above: ``larger``, ``linear`` or ``mean``.
        level: of the interval.
        seed: of the draws.

    Returns:
        The barrier on these examples at these points. The interval is that of a path of these two networks on examples of
        this kind; how pairs of networks differ is for seeds to say.

    Raises:
        UsageError: an unknown word, a path without both ends, losses of every example not kept, or errors where targets are no
            labels.
        DataError: an end at which the loss is not finite.

    Assumptions: examples are independent, and many enough for means to be close to normal.

    References: J. Frankle, G. Dziugaite, D. Roy and M. Carbin, Linear mode connectivity and the lottery ticket hypothesis, ICML
        2020, section 2 (``mean``); R. Entezari, H. Sedghi, O. Saukh and B. Neyshabur, ICLR 2022, definition 1 (``linear``).

    >>> from overparam.models import linear
    >>> from overparam.probes.paths import along, straight
    >>> network = linear(1, 1, bias=False)
    >>> ends = [{"output": {"weight": np.full((1, 1), w, np.float32)}} for w in (-1.0, 1.0)]
    >>> measured = along(straight(network, *ends, 5), np.array([[2.0], [-2.0]]), np.array([2.0, 2.0]), loss="squared")
    >>> measured.loss.tolist(), barrier(measured).value
    ([4.0, 2.5, 2.0, 2.5, 4.0], 0.0)
    """
    if not isinstance(along, Along):
        raise UsageError(f"along: expected what along(...) gives, got {type(along).__name__}.")
    for name, word, known in (("of", of, OF), ("above", above, ABOVE)):
        if not isinstance(word, str) or word not in known:
            raise unknown(name, word if isinstance(word, str) else shown(word), known)
    share = probability(level, "level")
    values, t = _every(along, of)
    n = values.shape[1]
    ends = values[[0, -1]]
    if not np.isfinite(ends).all():
        raise DataError(
            f"along: expected a finite {of} of every example at both ends, got some that is not. A network that diverged has no "
            "barrier."
        )
    told = f"Largest {of} at {len(t)} points of the path {_WORDS[above]}, on {n:,} examples."
    if not np.isfinite(values).all():
        first = float(t[~np.isfinite(values).all(axis=1)][0])
        return Barrier(np.inf, np.inf, np.inf, first, of, above, share, n, told)
    if above == "larger":
        bases = [np.broadcast_to(one, values.shape) for one in ends]
    elif above == "mean":
        bases = [np.broadcast_to(ends.mean(axis=0), values.shape)]
    else:
        bases = [(1 - t)[:, None] * ends[0] + t[:, None] * ends[1]]
    rises = np.stack([values - base for base in bases])  # (bases, points, n)
    mean = rises.mean(axis=2)
    half = _half(rises - mean[:, :, None], share, seed, of)
    moved = (rises != 0).any(axis=2)  # a point that is an end has no rise and no error
    half = np.where(moved, half, 0.0)
    least = (one.min(axis=0) for one in (mean, mean - half, mean + half))
    middle, low, high = (np.asarray(one) for one in least)
    at = int(np.argmax(middle))  # the ends are points of the path, so no maximum is below 0
    return Barrier(
        float(max(middle[at], 0.0)), float(max(low.max(), 0.0)), float(max(high.max(), 0.0)), float(t[at]),
        of, above, share, n, told,
    )  # fmt: skip


def _every(along: Along, of: str) -> tuple[Array, Float64[np.ndarray, " points"]]:
    """Values of every example at the points from one end to the other."""
    given = along.each_loss if of == "loss" else along.each_wrong
    if given is None:
        asked = "labels as targets" if along.each_loss is not None else "the losses of every example, each=True"
        raise UsageError(f"along: expected {asked} for a barrier of {of}, got none.")
    t = along.t
    inside = (t >= 0) & (t <= 1) if t.ndim == 1 else np.zeros(len(t), bool)
    if not inside.any() or t[inside][0] != 0 or t[inside][-1] != 1:
        raise UsageError(
            "along: expected a path with both ends, t = 0 and t = 1, among its points, got one without. Give them in points=."
        )
    return np.asarray(given[inside], np.float64), t[inside]


def _half(centred: Any, level: float, seed: int, of: str) -> Float64[np.ndarray, "_ points"]:
    """Half widths that hold all differences at once."""
    many, points, n = centred.shape
    flat = centred.reshape(-1, n)
    spread = flat.std(axis=1, ddof=1) if n > 1 else np.full(len(flat), np.inf)
    live = (spread > 0) & np.isfinite(spread)
    quantile = _largest(flat[live] / spread[live, None], level, seed) if live.any() else 0.0
    if n > 1 and not live.any():
        from scipy.special import ndtri

        quantile = float(ndtri(0.5 + level / 2))
    safe = np.where(np.isfinite(spread), spread, 0.0)
    half = np.where(np.isfinite(spread), quantile * safe / np.sqrt(n), np.inf)
    if of == "error":  # as in Wilson's interval: q^2 / n where there is no disagreement at all
        more = quantile**2 / (2 * n)
        half = more + np.sqrt(half**2 + more**2)
    return np.asarray(half.reshape(many, points))


def _largest(scaled: Any, level: float, seed: int) -> float:
    """The quantile of the largest of correlated normal deviations."""
    n = scaled.shape[1]
    correlation = scaled @ scaled.T / (n - 1)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = np.random.default_rng(seed).normal(size=(DRAWS, len(root))) @ root.T
    return float(np.quantile(np.abs(drawn).max(axis=1), level))
