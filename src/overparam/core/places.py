"""Places and regions along a line, chosen by another quantity along it. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from overparam.core.errors import UsageError
from overparam.core.expression import Expression
from overparam.core.operands import of_kind, said, shown


@dataclass(frozen=True, eq=False)
class Grid(Expression):
    """A quantity along a line: one value a point, the same for all seeds."""

    def __lt__(self, high: float) -> Region:
        return Region("within", (self, -math.inf, high, "["), f"{self.words} below {shown(high, 'below')}")

    def __ge__(self, low: float) -> Region:
        return Region("within", (self, low, math.inf, "[)"), f"{self.words} at least {shown(low, 'at least')}")

    def between(self, low: float, high: float) -> Region:
        """Points from low to high, both included."""
        ends = _ends(low, high, "between")
        return Region("within", (self, low, high, "[]"), f"{self.words} in {ends}")

    def outside(self, low: float, high: float) -> Region:
        """Points below low or above high."""
        return Region("outside", (self, low, high), f"{self.words} outside {_ends(low, high, 'outside')}")

    def near(self, wanted: float, within: float = 0.02) -> Place:
        """The point at a value, give or take a relative distance: where the grid has none, nothing is read."""
        return Place("near", (self, wanted, within), f"{self.words} = {shown(wanted, 'near, wanted', '.3g')}")

    def nearest(self, wanted: float) -> Place:
        """The point nearest to a value in the logarithm, however far."""
        words = f"the point nearest to {self.words} = {shown(wanted, 'nearest, wanted', '.3g')}"
        return Place("near", (self, wanted, None), words)


def _ends(low: float, high: float, where: str) -> str:
    """Two ends as words show them, the lower first."""
    ends = f"[{shown(low, f'{where}, low')}, {shown(high, f'{where}, high')}]"
    if low > high:
        raise UsageError(f"{where}: expected the lower end first, got {ends}.")
    return ends


def grid(name: str, per: str = "", words: str = "") -> Grid:
    """A quantity along a line.

    Args:
        name: the axis along which lines run, or a list among a cell's values.
        per: an axis, or a value of the cells, by which it is divided: ``grid("width", per="n")``.
        words: the quantity in words; by default its name.
    """
    text = words or name.replace("_", " ") + (f"/{per}" if per else "")
    return Grid("grid", (name, per), text)


@dataclass(frozen=True, eq=False)
class Region(Expression):
    """Some of the points of a line."""

    @property
    def last(self) -> Place:
        """Its last point, which must have neighbours on both sides."""
        return Place("last", (self, 0), f"the last point with {self.words}")

    def __and__(self, other: Region) -> Region:
        return Region("both", (self, other), f"{self.words} and {said(other, '&, other', 'region')}")


@dataclass(frozen=True, eq=False)
class Place(Expression):
    """One point of a line."""

    def step(self, by: int) -> Place:
        """The point so many steps of the grid to the right."""
        of_kind(by, ("whole",), "step, by")
        if by == 0:
            return self
        many = f"{abs(by)} step{'' if abs(by) == 1 else 's'}"
        return Place("step", (self, by), f"{many} {'after' if by > 0 else 'before'} {self.words}")

    @property
    def before(self) -> Region:
        """The points before it."""
        return Region("before", (self,), f"points before {self.words}")

    @property
    def onward(self) -> Region:
        """The points from it on."""
        return Region("onward", (self,), f"points from {self.words} on")


START = Place("end", (0,), "the left end")
"""The first point of a line."""
END = Place("end", (-1,), "the right end")
"""The last point of a line."""
HERE = Place("here", (), "the point")
"""Each point in turn, in a rule that is asked at each of a region: ``line.at(HERE).at_least(1).each(region)``."""
