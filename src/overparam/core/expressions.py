"""Lines and numbers: what a rule reads from the cells. Standard library only.

A **line** has one row a seed and one column a point; a **number** has one value a seed. How a place is chosen is part of
the word: ``largest``, ``lowest``, ``climb``, ``farthest`` on the mean of all seeds, against the claims that use them;
``peak`` and ``hump`` leaving one seed out; ``held_out_climb`` on every second seed; ``top``, ``bottom`` each seed's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from overparam.core.arms import Arm
from overparam.core.errors import UsageError, unknown
from overparam.core.expression import WORDS, Estimated, Expression, bracketed
from overparam.core.operands import named, of_kind, said, shown
from overparam.core.places import END, START, Grid, Place, Region
from overparam.core.rule import Bound, Cut, Rule


@dataclass(frozen=True, eq=False)
class Line(Expression):
    """One row a seed, one column a point."""

    def smoothed(self, points: int) -> Line:
        """Running mean over so many neighbouring points (an odd number), fewer at both ends."""
        of_kind(points, ("whole",), "smoothed, points")
        if points < 1 or points % 2 == 0:
            raise UsageError(f"smoothed, points: expected an odd number, at least 1, got {points}.")
        return Line("smoothed", (self, points), f"{self.words} (running mean of {points})", self.unit)

    def backwards(self) -> Line:
        """Read from right to left."""
        return Line("backwards", (self,), f"{self.words}, read backwards", self.unit)

    def inside(self, region: Region) -> Line:
        """At the points of a region alone."""
        return Line(
            "inside", (self, region), f"{self.words} with {said(region, 'inside, region', 'region')}", self.unit
        )

    def floor(self, least: float, per: str = "") -> Line:
        """Raised to a least value, for instance half a sample: ``error.floor(0.5, per="n_test")``."""
        return Line("floor", (self, least, per), self.words, self.unit)

    def __truediv__(self, other: Line | Number) -> Line:
        words = f"{bracketed(self.words)} over {bracketed(said(other, 'a ratio, other', 'line', 'number'))}"
        if isinstance(other, Number):
            other._plain("a ratio")
        return Line("over" if isinstance(other, Number) else "divide", (self, other), words)

    def __sub__(self, other: Number) -> Line:
        words = f"{self.words} minus {said(other, 'a difference, other', 'number')}"
        other._plain("a difference")
        return Line("less", (self, other), words, self.unit)

    def __mul__(self, factor: float) -> Line:
        return Line("times", (self, factor), self.words, self.unit)

    def at(self, place: Place | Region) -> Number:
        """Each seed at a place; at the last point of a region."""
        here = place.last if isinstance(place, Region) else place
        return Number("at", (self, here), f"{self.words} at {said(here, 'at, place', 'place')}", self.unit)

    @property
    def first(self) -> Number:
        """Each seed at the left end."""
        return self.at(START)

    @property
    def last(self) -> Number:
        """Each seed at the right end."""
        return self.at(END)

    @property
    def every(self) -> Number:
        """Every point by itself: all must hold, and any of them may contradict, each at its share of the error."""
        return Number("every", (self,), f"{self.words}, every point", self.unit)

    @property
    def some(self) -> Number:
        """At least one point, wherever it lies: each is judged at its share of the error."""
        return Number("some", (self,), f"{self.words}, some point", self.unit)

    def climbs(self, *, factor: bool = False) -> Number:
        """From every point to every later one, by itself; with ``factor`` the ratio, its interval on logarithms."""
        est: Estimated = "geometric" if factor else "mean"
        text = f"climb of {self.words}" + (", as a factor" if factor else "")
        return Number("climbs", (self, factor), text, "" if factor else self.unit, estimate=est)

    def tends_to(self, limit: float, *, within: float, rate: float = -0.5) -> Rule:
        """The line tends to a limit: judged by its trend over three or more points.

        Args:
            limit: what it tends to.
            within: the distance from it that counts as reached.
            rate: exponent of the promised fall of the distance over x; the ends of the line must promise a fall to a
                quarter at least, for an exponent of -1/2 a span of 16.

        Raises:
            UsageError: no distance, or no fall.
        """
        if not within > 0 or not rate < 0:
            raise UsageError(
                f"tends_to: expected within above 0 and a rate below 0, got {within:g} and {rate:g}."
            )
        number = Number("trend", (self,), self.words, self.unit)
        return Rule((Cut(number, trend=(limit, within, rate)),))

    def largest(self) -> Number:
        """Each seed at the point of the largest mean over all seeds: works against a claim that it is small."""
        return Number("largest", (self,), f"largest {self.words}", self.unit)

    def lowest(self) -> Number:
        """Each seed at the point of the lowest mean over all seeds: works against a claim to lie below it."""
        return Number("lowest", (self,), f"lowest {self.words}", self.unit)

    def top(self) -> Number:
        """Each seed's own largest value."""
        return Number("top", (self,), f"each seed's largest {self.words}", self.unit)

    def bottom(self) -> Number:
        """Each seed's own lowest value."""
        return Number("bottom", (self,), f"each seed's lowest {self.words}", self.unit)

    def mean(self) -> Number:
        """Each seed's mean over the points."""
        return Number("average", (self,), f"mean {self.words} over the points", self.unit)

    def peak(self, *, log: bool = False) -> Number:
        """Each seed at the largest point of the mean of the other seeds (leaving one seed out)."""
        return Number("peak", (self, log), f"peak of {self.words}", self.unit)

    def peak_place(self, along: Grid) -> Number:
        """Where each seed's own largest value lies, in units of a quantity along the line."""
        words = f"{said(along, 'peak_place, along', 'grid')} at each seed's largest {self.words}"
        return Number("peak_place", (self, along), words, along.unit, estimate="place")

    def climb(self, *, factor: bool = False) -> Number:
        """Largest climb to any later point (or factor), both chosen on the mean of all seeds, which can only enlarge it."""
        est: Estimated = "geometric" if factor else "mean"
        text = f"largest climb of {self.words} to any later point" + (", as a factor" if factor else "")
        return Number("climb", (self, factor), text, "" if factor else self.unit, estimate=est)

    def held_out_climb(self, *, factor: bool = False) -> Number:
        """The largest climb of every second seed, read at the other seeds."""
        est: Estimated = "geometric" if factor else "mean"
        text = f"largest climb of {self.words} to any later point" + (", as a factor" if factor else "")
        return Number("held_out_climb", (self, factor), text, "" if factor else self.unit, estimate=est)

    def slope(self, over: Grid | None = None) -> Number:
        """Each seed's least-squares slope of the logarithm over the logarithm of x, or of another quantity."""
        x = "x" if over is None else said(over, "slope, over", "grid")
        return Number("slope", (self, over), f"slope of log {bracketed(self.words)} over log {x}")

    def straightness(self, over: Grid | None = None) -> Number:
        """R^2 of that line."""
        x = "x" if over is None else said(over, "straightness, over", "grid")
        return Number("straightness", (self, over), f"R^2 of the line of log {self.words} over log {x}")

    def growth(self, *, from_middle: bool = False) -> Number:
        """Factor from the first point to the last by each seed's least-squares line of the logarithm over x."""
        more = " with the distance of x from the middle" if from_middle else " from the first x to the last"
        return Number("growth", (self, from_middle), f"growth of {self.words}{more}", estimate="geometric")

    def rank_with(self, other: Line) -> Number:
        """Spearman's correlation with another line over the points."""
        words = f"rank correlation of {self.words} and {said(other, 'rank_with, other', 'line')}"
        return Number("rank_with", (self, other), words)

    def share(self, holds: Callable[..., Any], words: str, *others: Expression) -> Number:
        """Share of the points at which something holds."""
        return Number("share", (holds, self, *others), f"share of the points at which {words}")

    def farthest(self, other: Line | float = 1.0) -> Number:
        """Ratio to another line (or value) where its mean is farthest from 1: works against agreement."""
        what = other.words if isinstance(other, Line) else shown(other, "farthest, other")
        text = f"{bracketed(self.words)} over {bracketed(what)} where farthest from 1"
        return Number("farthest", (self, other), text, estimate="geometric")

    def first_at_most(self, cut: float) -> Place:
        """The first point at which the mean over all seeds is at most the cut."""
        words = f"the first point with mean {self.words} at most {shown(cut, 'first_at_most, cut')}"
        return Place("first_at_most", (self, cut, False), words)

    def first_below(self, cut: float) -> Place:
        """The first point at which the mean over all seeds is below the cut; neither end may be it."""
        words = f"the first point with mean {self.words} below {shown(cut, 'first_below, cut')}"
        return Place("first_at_most", (self, cut, True), words)

    def hump(self, left: Region) -> Hump:
        """The minimum in the left part and the peak to the right of it."""
        return Hump(self, left)


@dataclass(frozen=True, eq=False)
class Number(Expression):
    """One value a seed, and what is estimated from them.

    Attributes:
        estimate: what is estimated over the seeds, a key of ``WORDS``.
    """

    estimate: Estimated = "mean"

    def __post_init__(self) -> None:
        """Hold every operand against its kind, and the estimate against those that there are."""
        super().__post_init__()
        if self.estimate not in WORDS:
            raise unknown("estimate", self.estimate, WORDS)

    @property
    def tree(self) -> tuple[Any, ...]:
        """The expression as nested tuples of plain values."""
        return (*super().tree, self.estimate)

    def _plain(self, what: str, *others: Number, also: tuple[Estimated, ...] = ()) -> None:
        """Refuse what would work on the values behind an estimate, not on the estimate that the words speak of."""
        for one in (self, *others):
            if one.estimate not in ("mean", "geometric", "step", *also):
                raise UsageError(
                    f"{what}: expected a number with one value a seed, got '{one.words}', which is estimated from all "
                    f"seeds at once ({one.estimate}). Compare it with a cut-off as it is."
                )

    def __truediv__(self, other: Number) -> Number:
        words = f"{bracketed(self.words)} over {bracketed(said(other, 'a ratio, other', 'number'))}"
        self._plain("a ratio", other)
        return Number("ratio", (self, other), words, estimate="geometric")

    def __sub__(self, other: Number) -> Number:
        words = f"{self.words} minus {said(other, 'a difference, other', 'number')}"
        self._plain("a difference", other)
        return Number("minus", (self, other), words, self.unit)

    def plus(self, constant: float) -> Number:
        """The same plus a constant, for instance a logarithm of a factor."""
        self._plain("plus", also=("worst", "total"))
        words = f"{self.words} plus {shown(constant, 'plus, constant', '.3g')}"
        return Number("plus", (self, constant), words, self.unit, self.estimate)

    def on(self, arm: Arm) -> Number:
        """Read on another arm; the seeds that both arms share are kept."""
        words = f"{self.words} ({said(arm, 'on, arm', 'arm')})"
        return Number("on", (self, arm), words, self.unit, self.estimate)

    def over_mean_of(self, other: Number) -> Number:
        """Ratio of the two means over seeds, with Fieller's interval: for a share whose denominator may be small."""
        words = f"{self.words} as a share of {said(other, 'over_mean_of, other', 'number')}"
        self._plain("over_mean_of", other)
        return Number("pair", (self, other), words, estimate="ratio")

    def positive_share(self) -> Number:
        """Share of the seeds where it is above 0, among those where it is not 0, with the exact binomial interval."""
        self._plain("positive_share")
        told = f"{self.words} above 0"
        if self.op == "plus" and self.of[1] < 0:
            told = f"{self.of[0].words} above {-self.of[1]:.3g}"
        return replace(self, words=f"share of the seeds with {told}", unit="(share)", estimate="signs")

    def geometric(self) -> Number:
        """Estimated the geometric mean, with the interval on logarithms."""
        self._plain("geometric")
        return replace(self, estimate="geometric")

    def arithmetic(self) -> Number:
        """Estimated the mean."""
        self._plain("arithmetic")
        return replace(self, estimate="mean")

    def at_least(self, cut: Bound) -> Rule:
        """The whole interval is at least the cut-off."""
        return Rule((Cut(self, at_least=cut),))

    def at_most(self, cut: Bound) -> Rule:
        """The whole interval is at most the cut-off."""
        return Rule((Cut(self, at_most=cut),))

    def within(self, low: Bound, high: Bound, *, slack: float = 0.0) -> Rule:
        """The whole interval lies between two cut-offs; ``slack`` widens those that are places, in grid steps."""
        return Rule((Cut(self, low, high, slack),))

    def across(self, axis: str) -> Line:
        """The number as a line over another axis, for the seeds that all its values share."""
        self._plain("across")
        return Line("across", (self, axis), self.words, self.unit)


@dataclass(frozen=True)
class Hump:
    """The minimum in the left part of a line and the peak to the right of it.

    ``low`` and ``top`` are read leaving one seed out: at the places of the mean of the other seeds.
    """

    line: Line
    left: Region

    @property
    def low(self) -> Number:
        """The left minimum."""
        words = f"left minimum of {self.line.words}"
        return Number("hump_low", (self.line, self.left), words, self.line.unit)

    @property
    def top(self) -> Number:
        """The peak."""
        words = f"peak of {self.line.words}"
        return Number("hump_top", (self.line, self.left), words, self.line.unit)

    @property
    def floor(self) -> Number:
        """Each seed at the lowest point of the left part of the mean of all seeds: works against lying below it."""
        words = f"left minimum of {self.line.words}"
        return Number("hump_floor", (self.line, self.left), words, self.line.unit)

    def place(self, along: Grid) -> Number:
        """Where each seed's own peak lies, in units of a quantity along the line."""
        words = f"{said(along, 'place, along', 'grid')} at the peak of {self.line.words}"
        return Number("hump_place", (self.line, self.left, along), words, along.unit, estimate="place")

    @property
    def step(self) -> Number:
        """Index of each seed's own peak on the grid."""
        words = f"grid step of the peak of {self.line.words}"
        return Number("hump_step", (self.line, self.left), words, "grid steps", estimate="step")


def line(metric: str, words: str = "", unit: str = "", times: float = 1.0) -> Line:
    """A metric along x: one row a seed. ``times`` changes its unit, for instance 100 for percentage points."""
    found = Line("line", (metric,), words or metric.replace("_", " "), unit)
    return found if times == 1.0 else found * times


def scalar(metric: str, words: str = "", unit: str = "", missing: Literal["drop", "nan"] = "drop") -> Number:
    """A number of a cell, one a seed, in its own unit; a seed without it is dropped, or (``nan``) makes the mean unknown."""
    return Number("scalar", (metric, missing), words or metric.replace("_", " "), unit)


def worst(
    metric: str, words: str = "", *, where: str = "", missing: float | None = None, unit: str = ""
) -> Number:
    """The worst of all runs of all seeds, without any average: for what is exact.

    Args:
        metric: a number of a cell, or a list of them.
        words: what it is.
        where: a list among the cell's values that marks which of the runs count.
        missing: what stands for a value that is not a number; by default it makes the worst unknown.
        unit: its unit.
    """
    marked = f" where {named(where, 'worst, where', 'text')}" if where else ""
    text = f"worst {words or named(metric, 'worst, metric')}{marked}"
    return Number("worst", (metric, where, missing), text, unit, estimate="worst")


def per_seed(
    function: Callable[..., Any], words: str, *of: Any, unit: str = "", estimate: Estimated = "mean"
) -> Number:
    """The escape: any number that the vocabulary lacks.

    Args:
        function: takes the operands as arrays (a line ``(seeds, points)``, a grid ``(points,)``, a number
            ``(seeds,)``, a region as a mask, a place as an index, ``ROWS`` as the arm's cells) and returns ``(seeds,)``,
            or ``(seeds, values)`` for several values a seed, each judged apart.
        words: what the number is.
        of: operands.
        unit: its unit.
        estimate: what is estimated over the seeds.
    """
    return Number("per_seed", (function, *of), words, unit, estimate)


def per_point(function: Callable[..., Any], words: str, *of: Any, unit: str = "") -> Line:
    """The same for a line: ``function`` returns ``(seeds, points)``."""
    return Line("per_point", (function, *of), words, unit)


def total(function: Callable[..., Any], words: str, *of: Any, unit: str = "") -> Number:
    """One number of all runs together, without any spread: ``function`` returns a float."""
    return Number("per_seed", (function, *of), words, unit, "total")


def share_of_trials(hits: Number, trials: Number, words: str) -> Number:
    """Share of all trials of all seeds that succeed, with the exact binomial interval."""
    return Number("pair", (hits, trials), words, estimate="binomial")


def raw(metric: str) -> Expression:
    """What the cells hold under a name, whatever it is, an operand for the escapes: one entry a cell, in order of seeds."""
    return Expression("raw", (metric,), metric.replace("_", " "))


ROWS = Expression("rows", (), "the cells of the arm")
"""The cells of the arm, an operand for the escapes: a list of ``(params, values)``."""
VIEW = Expression("view", (), "all cells of the setting")
"""The view itself, an operand for the escapes: what other arms hold."""
