"""Lines over a size, paired by seed, and the places that rules read on them: minimum, peak, right end.

Arrays have the shape ``(seeds, points)``. Places are chosen so that the choice cannot help the claim: leaving one
seed out where picking the largest of many noisy points would make an effect, on all seeds where it works against
the claim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence
from overparam.core.stats import leave_one_out

PerSeed = Float64[np.ndarray, " seeds"]
Places = Int64[np.ndarray, " seeds"]
Lines = Float64[np.ndarray, "seeds points"]
Half = Float64[np.ndarray, "some_seeds points"]
Read = Float64[np.ndarray, "read_seeds points"]


@dataclass(frozen=True, eq=False)
class AlignedLines:
    """Several metrics over one axis, for the seeds that are finite at every point of all of them.

    Attributes:
        x: sorted values of the axis, length ``points``.
        seeds: the seeds kept.
        dropped: the seeds left out because a value is missing or not finite.
        lines: one array of shape ``(seeds, points)`` a metric, in the order asked for.
    """

    x: tuple[float, ...]
    seeds: tuple[int, ...]
    dropped: tuple[int, ...]
    lines: tuple[Lines, ...]


def align_seeds(evidence: Evidence, x: str, *metrics: str, **where: object) -> AlignedLines:
    """Read metrics over ``x`` as arrays, paired by seed.

    Args:
        evidence: the finished cells of a run.
        x: an axis, or the name of a list among a cell's values.
        metrics: names among the cells' values.
        where: parameters that select the cells.

    Raises:
        MissingEvidence: no cell matches, or no seed is complete.
    """
    curves = [evidence.curve(metric, x, **where) for metric in metrics]
    every = {seed for curve in curves for seed in (*curve.seeds, *curve.dropped)}
    whole = tuple(sorted(set.intersection(*(set(curve.seeds) for curve in curves))))
    if not whole:
        at = ", ".join(f"{k}={v}" for k, v in where.items())
        raise MissingEvidence(
            f"no seed has '{', '.join(metrics)}' at every {x}{f' ({at})' if at else ''}. "
            "Resume the run, or look at its failed cells."
        )
    lines = tuple(
        np.asarray([curve.y[curve.seeds.index(seed)] for seed in whole], dtype=np.float64) for curve in curves
    )
    return AlignedLines(curves[0].x, whole, tuple(sorted(every - set(whole))), lines)


def peak_after(line: ArrayLike, start: int) -> int:
    """Index of the largest value to the right of ``start``.

    >>> peak_after([9.0, 1.0, 2.0, 5.0, 3.0], 1)
    3
    """
    return start + 1 + int(np.argmax(np.asarray(line)[start + 1 :]))


def minimum_peak_end(lines: Lines, left: int) -> tuple[PerSeed, PerSeed, PerSeed]:
    """The left minimum, the peak to the right of it, and the right end, each read leaving one seed out.

    Both places are chosen on the mean line of the other seeds, so that choosing the largest of many noisy
    points does not by itself make a rise.

    Args:
        lines: shape ``(seeds, points)``.
        left: the left minimum is sought among the first ``left`` points.

    Returns:
        Three arrays of shape ``(seeds,)`` in the unit of the lines.

    >>> lines = np.array([[4.0, 1.0, 6.0, 2.0], [4.0, 2.0, 8.0, 3.0]])
    >>> [part.tolist() for part in minimum_peak_end(lines, 2)]
    [[1.0, 2.0], [6.0, 8.0], [2.0, 3.0]]
    """
    minimum, _ = leave_one_out(lines, lambda line: int(np.argmin(line[:left])))
    peak, _ = leave_one_out(lines, lambda line: peak_after(line, int(np.argmin(line[:left]))))
    return minimum, peak, lines[:, -1]


def peak_places(lines: Lines, left: int) -> Places:
    """Index of each seed's own largest value, right of the left minimum of the mean line, ``(seeds,)``."""
    start = int(np.argmin(lines.mean(axis=0)[:left]))
    return np.asarray([peak_after(line, start) for line in lines], dtype=np.int64)


def left_minimum(lines: Lines, left: int) -> PerSeed:
    """Every seed at the lowest point of the left part of the mean line over all seeds, ``(seeds,)``.

    The place is chosen on the seeds it is read at: that can only lower the minimum, which makes a
    claim of lying below it harder to support.
    """
    return lines[:, int(np.argmin(lines.mean(axis=0)[:left]))]


def largest_climb(lines: Lines) -> tuple[PerSeed, tuple[int, int]]:
    """The largest rise from a point to any later one.

    The two places are chosen on the mean line over all seeds, the seeds they are read at: that can only enlarge
    the rise, which makes a claim of no climb harder to support.

    Returns:
        The rise of every seed, shape ``(seeds,)``, and the two places.

    >>> rise, places = largest_climb(np.array([[3.0, 1.0, 4.0, 0.0], [3.0, 1.0, 5.0, 0.0]]))
    >>> rise.tolist(), places
    ([3.0, 4.0], (1, 2))
    """
    mean = lines.mean(axis=0)
    rise = np.triu(mean[None, :] - mean[:, None], k=1)
    rise[np.tril_indices_from(rise)] = -np.inf
    low, high = np.unravel_index(int(np.argmax(rise)), rise.shape)
    return lines[:, high] - lines[:, low], (int(low), int(high))


def smoothed(lines: Lines, points: int) -> Lines:
    """Running mean over ``points`` neighbouring points (an odd number), shorter at both ends.

    >>> smoothed(np.array([[0.0, 3.0, 0.0, 3.0]]), 3).tolist()
    [[1.5, 1.0, 2.0, 1.5]]
    """
    half = points // 2
    spans = [lines[:, max(0, i - half) : i + half + 1].mean(axis=1) for i in range(lines.shape[1])]
    return np.stack(spans, axis=1)


def halves(lines: Lines) -> tuple[Half, Read]:
    """Two groups of seeds: those to choose places on (every second one) and those to read them at.

    With one seed both groups are that seed. Places chosen on one group are independent of the other, so that an
    interval over the second is exact; leaving one seed out lets through 12 of 200 flat lines as a climb.

    >>> [group.ravel().tolist() for group in halves(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]]))]
    [[1.0, 3.0], [0.0, 2.0, 4.0]]
    """
    return (lines[1::2], lines[::2]) if len(lines) > 1 else (lines, lines)


def held_out_climb(lines: Lines) -> tuple[Float64[np.ndarray, " read_seeds"], tuple[int, int]]:
    """The climb between the two points of the largest climb of half of the seeds, read at the other half.

    Returns:
        The climb of every seed that is read, shape ``(seeds - seeds // 2,)``, and the two places.

    >>> climb, places = held_out_climb(np.array([[3.0, 1.0, 4.0], [3.0, 1.0, 5.0], [3.0, 2.0, 0.0]]))
    >>> climb.tolist(), places
    ([3.0, -2.0], (1, 2))
    """
    chosen, read = halves(lines)
    _, (low, high) = largest_climb(chosen)
    return read[:, high] - read[:, low], (low, high)
