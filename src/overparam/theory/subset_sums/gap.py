"""The exact worst gap of the subset sums of m numbers: how far the farthest target lies from the nearest sum.

Lueker (1998) and the pruning of random networks rest on it: m random numbers have 2^m subset sums, which come within an
exponentially small distance of every target. Here that distance is found for the numbers at hand, not bounded.

The numbers are turned into whole multiples of a power of two, so that sums are exact; what that rounds is added to the
bounds. The sums are the pairs of two lists, ``A + B``, met in the middle: in each window of targets the sums are the
slices of A moved by every b. A window only marks the buckets that hold a sum. Runs of empty buckets that could hold
the widest gap are few, and each is measured exactly. So nothing longer than A, B and one window is ever held.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.inputs import all_finite, numbers, positive

MOST = 40  # items
PER_SUM = 1e-8  # seconds a sum between the ends of the targets, one thread, measured: 6 to 12 ns from m = 24 on
_BITS = 60  # all sums and targets are below 2^60 in size
_LONG, _FEW = 26, 4096  # log of the longest A; sums of a slice in a window
_SMALL, _CANDIDATES = 14, 256  # items up to which all sums are sorted; gaps measured one by one in a window
_FINE = 3  # log of the width of a bucket from which on buckets of width 1 are as good
_PIECE = 2**22  # sums that are sorted at once where gaps are too many for that


@dataclass(frozen=True)
class WorstGap:
    """How far the farthest target is from the nearest subset sum.

    Attributes:
        distance: largest distance of a target in [-reach, reach] from the nearest sum, to nearest.
        low: proved lower bound of it.
        high: proved upper bound of it.
        target: a target at which it is reached, to nearest.
        inside: number of sums in [-reach, reach]; subsets of equal sums count apart.
    """

    distance: float
    low: float
    high: float
    target: float
    inside: int


def worst_gap(items: ArrayLike, reach: float = 1.0, most_seconds: float = 60.0) -> WorstGap:
    """Largest distance of a target in [-reach, reach] from the nearest of the 2^m subset sums, in the items' unit.

    ``eps = max_{|t| <= reach} min_{S} |t - sum_{i in S} a_i|``, the empty subset included.

    Args:
        items: a_1 to a_m, at most 40 numbers, shape ``(m,)``.
        reach: largest size of a target.
        most_seconds: a computation that is predicted to take longer is refused.

    Returns:
        The distance with bounds that hold in exact arithmetic on the numbers as given. Where they are multiples of one
        power of two within 60 binary digits, as uniform draws in float64 are, the bounds differ by rounding to float64
        alone, else by at most ``m 2^-60`` of the sum of all sizes.

    Raises:
        DataError: items that are no list of finite numbers, of a size out of bounds, or so different in size from each
            other or from the reach that rounding hides the distance.
        UsageError: more than 40 items, or more time than allowed; the text says how much it would take.

    References: Horowitz and Sahni 1974 (meeting in the middle); the marking of buckets is this package's own.

    >>> found = worst_gap([-1.0, 1.0, 0.5, 0.25])
    >>> found.distance, found.low, found.high, found.inside
    (0.125, 0.125, 0.125, 13)
    >>> worst_gap([0.5, 0.25]).target
    -1.0
    """
    values, ends = items_of(items), reach_of(reach)
    whole, wide, exponent, doubt = _whole(values, ends)
    inside = _Sums(whole, len(whole) // 2).count(-wide, wide + 1)  # the shortest lists: a second at 40 items
    seconds = inside * PER_SUM
    if seconds > positive(most_seconds, "most_seconds"):
        raise UsageError(
            f"items: expected sums that can be looked through in {most_seconds:g} seconds (most_seconds), got {inside:.3g} "
            f"sums of {len(values)} items, about {seconds:.2g} seconds. Raise most_seconds, or leave items out."
        )
    short = min(len(whole) // 2, max(10, len(whole) - _LONG)) if len(whole) > _SMALL else 0
    twice, place = _widest(_Sums(whole, short), wide, inside)
    unit = Fraction(2) ** -exponent
    exact, off = Fraction(twice, 2) * unit, doubt
    if off and exact < 4 * off:
        raise DataError(
            f"items: expected sizes that fit into {_BITS} binary digits with the reach, got some so different that rounding "
            f"may move a sum by {float(off):.2g}. Bring items and reach nearer to each other, or leave the smallest out."
        )
    return WorstGap(
        float(exact),
        _down(max(exact - off, Fraction(0))),
        _up(exact + off),
        float(Fraction(place, 2) * unit),
        inside,
    )


def items_of(items: ArrayLike, name: str = "items", most: int = MOST) -> np.ndarray:
    """A list of at most so many finite numbers in float64.

    Raises:
        DataError: something else.
        UsageError: too many.
    """
    values = numbers(items, name, 1e-140, 1e140)
    if values.ndim != 1 or not values.size:
        raise DataError(f"{name}: expected a list of numbers, got shape {values.shape}.")
    all_finite(values, name)
    if len(values) > most:
        raise UsageError(f"{name}: expected at most {most} numbers, 2^{most} sums, got {len(values)}.")
    return values


def reach_of(reach: float) -> float:
    """The largest size of a target: a positive number between 1e-140 and 1e140.

    Raises:
        UsageError: something else.
    """
    value = positive(reach, "reach")
    if not 1e-140 <= value <= 1e140:
        raise UsageError(
            f"reach: expected a number between 1e-140 and 1e140, got {value:g}. Rescale the items."
        )
    return value


def _whole(values: np.ndarray, reach: float) -> tuple[np.ndarray, int, int, Fraction]:
    """Items and reach as whole numbers, the exponent of their unit ``2^-exponent``, and what rounding moves a sum."""
    size = math.fsum([*np.abs(values).tolist(), reach])
    exponent = _BITS - math.frexp(size)[1]
    scaled = np.ldexp(np.append(values, reach), exponent)
    rounded = np.rint(scaled)
    doubt = Fraction(int((scaled != rounded).sum()), 2) * Fraction(2) ** -exponent  # half a unit each
    common = math.gcd(*(int(one) for one in rounded)) or 1
    twos = (common & -common).bit_length() - 1  # a shared power of two is taken out, which shortens the range
    whole = rounded.astype(np.int64) >> twos
    return whole[:-1], int(whole[-1]), exponent - twos, doubt


def _up(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) >= value else math.nextafter(found, math.inf)


def _down(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) <= value else math.nextafter(found, -math.inf)


class _Sums:
    """All subset sums of whole numbers as ``A + B``, both sorted; B is of the first so many numbers."""

    def __init__(self, whole: np.ndarray, short: int) -> None:
        self.a, self.b = _all(whole[short:]), _all(whole[:short])

    def count(self, low: int, high: int) -> int:
        """Number of sums in ``[low, high)``."""
        first, after = self.slices(low, high)
        return int((after - first).sum())

    def slices(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """For every b, where the a with ``low <= a + b < high`` begin and end in A."""
        return np.searchsorted(self.a, low - self.b), np.searchsorted(self.a, high - self.b)

    def sorted(self, low: int, high: int) -> np.ndarray:
        """The sums in ``[low, high)``, sorted."""
        parts = [self.a[i:j] + b for i, j, b in zip(*self.slices(low, high), self.b, strict=True) if i < j]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def around(self, place: int) -> tuple[int | None, int | None]:
        """The largest sum up to a place, and the smallest above it; None where there is none."""
        at = np.searchsorted(self.a, place - self.b, side="right")
        under, over = at > 0, at < len(self.a)
        below = (self.a[at[under] - 1] + self.b[under]).max() if under.any() else None
        above = (self.a[at[over]] + self.b[over]).min() if over.any() else None
        return None if below is None else int(below), None if above is None else int(above)


def _all(whole: np.ndarray) -> np.ndarray:
    """Every subset sum, sorted."""
    sums = np.zeros(1, np.int64)
    for one in whole:
        sums = np.concatenate([sums, sums + one])
    sums.sort()
    return sums


Widest = tuple[int, int]  # twice the largest distance of a target from a sum, and twice that target


def _widest(sums: _Sums, reach: int, inside: int) -> Widest:
    """The farthest target of all: at the ends, at the edges of windows, and inside each window."""
    best = max(_at_end(sums, reach, -1), _at_end(sums, reach, 1))
    windows = max(1, inside // (_FEW * len(sums.b)))
    span = -(-(2 * reach + 1) // windows)
    shift = max(1, 2 * reach // max(inside // 2, 1)).bit_length() - 1
    if shift <= _FINE:
        shift = 0
    for low in range(-reach, reach + 1, span):
        high = min(low + span, reach + 1)
        best = max(best, _between(sums, low, reach))
        best = (
            max(best, _sorted(sums, low, high))
            if len(sums.b) == 1
            else _marked(sums, low, high, shift, reach, best)
        )
    return best


def _at_end(sums: _Sums, reach: int, side: int) -> Widest:
    """The farthest target between an end of the targets and the first sum inside."""
    end = side * reach
    below, above = sums.around(end)
    if below == end:
        return 0, 2 * end
    inner, outer = (below, above) if side > 0 else (above, below)
    assert inner is not None  # 0 is a sum
    if outer is not None and side * (outer + inner) <= 2 * reach:
        return abs(outer - inner), outer + inner
    return 2 * abs(end - inner), 2 * end


def _between(sums: _Sums, place: int, reach: int) -> Widest:
    """The middle between the sums around a place, if both are targets."""
    below, above = sums.around(place)
    if below is None or above is None or below < -reach or above > reach:
        return 0, 0
    return above - below, above + below


def _sorted(sums: _Sums, low: int, high: int) -> Widest:
    """The widest gap between sums in ``[low, high)``, from all of them in order."""
    inside = sums.sorted(low, high)
    if len(inside) < 2:
        return 0, 0
    gaps = np.diff(inside)
    at = int(gaps.argmax())
    return int(gaps[at]), int(inside[at] + inside[at + 1])


def _marked(sums: _Sums, low: int, high: int, shift: int, reach: int, best: Widest) -> Widest:
    """The best, or a wider gap between sums in ``[low, high)``, from which buckets of width 2^shift hold a sum."""
    flags = np.zeros(((high - 1 - low) >> shift) + 1, np.bool_)
    first, after = sums.slices(low, high)
    room = np.empty(int((after - first).max()), np.int64)
    for i, j, offset in zip(first.tolist(), after.tolist(), (sums.b - low).tolist(), strict=True):
        if i < j:
            place = np.add(sums.a[i:j], offset, out=room[: j - i])
            flags[np.right_shift(place, shift, out=place)] = True
    full = np.flatnonzero(flags)
    # two neighbouring sums in buckets i < j lie less than j - i + 1 buckets apart
    steps = np.diff(full)
    if not shift:  # a bucket is one whole number
        at = int(steps.argmax()) if len(steps) else 0
        return max(best, (int(steps[at]), int(2 * low + full[at] + full[at + 1]))) if len(steps) else best
    longest = int(steps.argmax()) if len(steps) else 0
    far = np.flatnonzero(steps + 1 > max(best[0] >> shift, int(steps[longest]) - 1 if len(steps) else 0))
    for which in far[:_CANDIDATES]:
        # all sums of the left bucket lie below the place, all of the right one above it
        if (int(steps[which]) + 1) << shift > best[0]:
            best = max(best, _between(sums, low + ((int(full[which]) + 1) << shift) - 1, reach))
    if len(far) > _CANDIDATES:
        pieces = max(1, sums.count(low, high) // _PIECE)
        span = -(-(high - low) // pieces)
        for start in range(low, high, span):
            best = max(best, _between(sums, start, reach), _sorted(sums, start, min(start + span, high)))
    return best
