"""The cells of one setting, seen through an arm: lines, grids, regions and places on them.

Lines are arrays ``(seeds, points)``, numbers ``(seeds,)``; each travels with the seeds it belongs to, so that numbers of
two arms pair by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core import lines as read
from overparam.core.arms import Arm, Choice
from overparam.core.claim import Evidence, Params
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.expression import Expression
from overparam.core.expressions import Line
from overparam.core.places import Grid, Place, Region

Array = NDArray[np.float64]
Row = tuple[Params, Mapping[str, Any]]
OPS: dict[str, Callable[..., Any]] = {}
"""Operation to ``(view, *operands) -> value``; filled by :mod:`overparam.core.evaluate`."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Values by seed.

    Attributes:
        seeds: the seeds, length ``seeds``.
        y: ``(seeds,)`` for a number, ``(seeds, points)`` for a line.
        names: what tells the values of one seed apart, where they are judged one by one.
    """

    seeds: tuple[int, ...]
    y: Array
    names: tuple[str, ...] = ()

    def of(self, y: Any) -> Sample:
        """Other values of the same seeds."""
        return Sample(self.seeds, np.asarray(y, dtype=np.float64))

    def at(self, seeds: tuple[int, ...]) -> Array:
        """The values of some of the seeds."""
        return self.y if seeds == self.seeds else self.y[[self.seeds.index(seed) for seed in seeds]]


def unpaired(many: int) -> tuple[int, ...]:
    """What stands for the seeds of values that a function returned for some of the seeds: they pair with nothing."""
    return tuple(range(-many, 0))


def shared(samples: list[Sample]) -> tuple[int, ...]:
    """The seeds that all samples hold.

    Raises:
        MissingEvidence: there is none.
        UsageError: the seeds of some sample are not known.
    """
    if len(samples) > 1 and any(min(one.seeds, default=0) < 0 for one in samples):
        raise UsageError(
            "a function returned fewer values than seeds, which cannot be paired. Give nan for a seed."
        )
    if all(one.seeds == samples[0].seeds for one in samples):
        return samples[0].seeds
    seeds = tuple(sorted(set.intersection(*(set(one.seeds) for one in samples))))
    if not seeds:
        raise MissingEvidence("no seed is complete in all that is compared. Resume the run.")
    return seeds


@dataclass(frozen=True, eq=False)
class View:
    """The cells of one setting, seen through an arm.

    Attributes:
        evidence: the cells of the setting, all arms.
        arm: which of them are read.
        x: the axis or list along which lines run.
        reads: the metrics that are read as lines together; a seed counts if all of them are finite everywhere.
        memo: what was read already.
        here: index of the point that ``HERE`` stands for.
    """

    evidence: Evidence
    arm: Arm
    x: str
    reads: frozenset[str]
    memo: dict[Any, Any] = field(default_factory=dict)
    here: int | None = None

    def on(self, arm: Arm, reads: frozenset[str] | None = None) -> View:
        """The same cells through another arm."""
        return View(self.evidence, arm, arm.x or self.x, self.reads if reads is None else reads, here=self.here)

    def at(self, here: int) -> View:
        """The same cells and lines, with ``HERE`` at one of the points."""
        kept = {name: self.memo[name] for name in ("aligned", "names", "rows", "points") if name in self.memo}
        return View(self.evidence, self.arm, self.x, self.reads, kept, here)

    def where(self) -> dict[str, Any]:
        """The arm's axes with their values."""
        return {
            axis: value.pick(axis, self.evidence.levels(axis)) if isinstance(value, Choice) else value
            for axis, value in self.arm.where.items()
        }

    def rows(self) -> list[Row]:
        """The arm's cells.

        Raises:
            MissingEvidence: there is none.
        """
        if "rows" in self.memo:
            return list(self.memo["rows"])
        where = self.where()
        found = list(self.evidence.where(**where).rows)
        self.memo["rows"] = found
        if not found:
            at = ", ".join(f"{k} = {v}" for k, v in where.items()) or "this run"
            raise MissingEvidence(f"no finished cell at {at}. Run them first.")
        return found

    def name(self, metric: str) -> str:
        """The name among the cells' values that is read for a metric."""
        return self.arm.metrics.get(metric, metric)

    def aligned(self) -> read.AlignedLines:
        """All lines that are read, paired by seed."""
        if "aligned" not in self.memo:
            self._one_cell_a_point()
            names = dict.fromkeys([*(self.name(one) for one in sorted(self.reads)), *self.arm.complete])
            self.memo["names"] = list(names)
            self.memo["aligned"] = read.align_seeds(self.evidence, self.x, *names, **self.where())
        return self.memo["aligned"]

    def _one_cell_a_point(self) -> None:
        """Refuse an arm that selects two cells of one seed at one point: a rule would read one and lose the other."""
        seen: dict[Any, Params] = {}
        for params, _ in self._measured():
            key = (
                params["seed"],
                params.get(self.x) if not isinstance(params.get(self.x), list | tuple) else None,
            )
            if key in seen:
                axes = [axis for axis in params if axis != self.x and params[axis] != seen[key].get(axis)]
                raise UsageError(
                    f"the arm '{self.arm.words or 'all cells'}' selects several cells of seed {params['seed']} at one "
                    f"point, which differ in {', '.join(axes) or 'nothing'}. Name {axes[0] if axes else 'an axis'} in "
                    "the arm, or judge .each() of its values."
                )
            seen[key] = params

    def _measured(self) -> list[Row]:
        """The arm's cells that hold something of what is read."""
        names = [*(self.name(one) for one in self.reads), *self.arm.complete]
        return [row for row in self.rows() if not names or any(name in row[1] for name in names)]

    def line(self, metric: str) -> Sample:
        """A metric as a line."""
        found = self.aligned()
        return Sample(found.seeds, found.lines[self.memo["names"].index(self.name(metric))])

    def grid(self, name: str, per: str = "") -> Array:
        """A quantity along the lines, ``(points,)``, perhaps divided by an axis or a value of the cells."""
        if name in ("", self.x):
            if "points" not in self.memo:
                self.memo["points"] = np.asarray(self._points(), dtype=np.float64)
            y = self.memo["points"]
        else:
            lines = self.evidence.curve(name, self.x, **self.where()).y
            if not lines:
                raise MissingEvidence(f"no seed has '{name}' at every {self.x}. Resume the run.")
            y = np.asarray(lines[0], dtype=np.float64)
            if not np.allclose(np.asarray(lines, dtype=np.float64), y, rtol=1e-6, atol=0):
                raise UsageError(
                    f"expected the same '{name}' along {self.x} in every seed, got several. Read it as a line."
                )
        return y / self.value(per) if per else y

    def _points(self) -> list[float]:
        found: set[float] = set()
        for params, values in self._measured() or self.rows():
            here = values.get(self.x, params.get(self.x))
            found |= set(here) if isinstance(here, list | tuple) else set() if here is None else {here}
        return sorted(found)

    def value(self, name: str) -> float:
        """A number among the values, or else an axis, that all cells of the arm share."""
        found = {values.get(name, params.get(name)) for params, values in self.rows()} - {None}
        if not found:
            raise MissingEvidence(f"no finished cell has '{name}'.")
        if len(found) > 1:
            raise UsageError(
                f"expected one value of '{name}' in all cells of the arm '{self.arm.words or 'all cells'}', got "
                f"{', '.join(map(str, sorted(found)[:5]))}. Name it in the arm, or read it as a line."
            )
        return float(found.pop())

    def read(self, expression: Expression) -> Any:
        """Compute an expression: a :class:`Sample`, a grid ``(points,)``, or the arm's cells."""
        key = id(expression)
        if key not in self.memo:
            self.memo[key] = (expression, OPS[expression.op](self, *expression.of))
        return self.memo[key][1]


def along(view: View, line: Line | None, grid: Grid | None = None) -> Array:
    """A quantity (by default x) at the points of a line, which may hold some of the points only."""
    if line is None or line.op == "line":
        return view.grid(*(grid.of if grid else ("",)))
    inner = next((one for one in line.of if isinstance(one, Line)), None)
    if line.op == "across":
        return np.asarray(view.evidence.levels(line.of[1]), dtype=np.float64)
    found = along(view, inner, grid)
    if line.op == "inside":
        return found[mask(view, line.of[1], line.of[0])]
    return found[::-1] if line.op == "backwards" else found


def places_of(view: View, line: Line | None) -> NDArray[np.int64]:
    """Which points of the whole grid the points of a line are, ``(points,)``: some of them, perhaps from right to left."""
    inner = None if line is None else next((one for one in line.of if isinstance(one, Line)), None)
    if line is None or inner is None:
        return np.arange(len(along(view, line)))
    found = places_of(view, inner)
    if line.op == "inside":
        return found[mask(view, line.of[1], line.of[0])]
    return found[::-1] if line.op == "backwards" else found


def mask(view: View, region: Region, line: Line | None = None) -> NDArray[np.bool_]:
    """Which points of a line lie in a region, ``(points,)``."""
    if region.op == "both":
        return mask(view, region.of[0], line) & mask(view, region.of[1], line)
    if region.op in ("before", "onward"):
        points = np.arange(len(along(view, line)))
        here = index(view, region.of[0], line)
        return points < here if region.op == "before" else points >= here
    g = along(view, line, region.of[0])
    if region.op == "outside":
        return (g < region.of[1]) | (g > region.of[2])
    _, low, high, closed = region.of
    return (g >= low) & (g <= high if closed.endswith("]") else g < high)


def index(view: View, place: Place, line: Line | None = None) -> int:
    """Index of a place among the points of a line.

    Raises:
        MissingEvidence: the line has no such point.
    """
    if place.op == "end":
        return 0 if place.of[0] == 0 else len(along(view, line)) - 1
    if place.op == "here":
        if view.here is None:
            raise UsageError("HERE stands for a point only in a rule that is asked at each: add .each(region).")
        return _found_again(view, place, line, view.here)
    if place.op == "step":
        here = index(view, place.of[0], line) + place.of[1]
        if not 0 <= here < len(along(view, line)):
            raise MissingEvidence(f"no point at {place.words}. Add some to --{view.x}.")
        return here
    if place.op == "near":
        grid, wanted, within = place.of
        g = along(view, line, grid)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(np.log(g / wanted))
        away[np.isnan(away)] = np.where(g == wanted, 0.0, np.inf)[np.isnan(away)]
        here = int(away.argmin())
        if within is not None and g[here] != wanted and not (wanted and abs(g[here] / wanted - 1) <= within):
            raise MissingEvidence(f"no point within {within:.0%} of {place.words}. Add it to --{view.x}.")
        return here
    if place.op == "last":
        inside = mask(view, place.of[0], line)
        here = int(np.flatnonzero(inside)[-1]) if inside.any() else -1
        if not 0 < here < len(inside) - 1:
            raise MissingEvidence(
                f"expected points on both sides of {place.of[0].words}. Add some to --{view.x}."
            )
        return here
    which, cut, strict = place.of
    mean = view.read(which).y.mean(axis=0)
    hits = np.flatnonzero(mean < cut if strict else mean <= cut)
    if not hits.size or (strict and hits[0] == 0):
        more = "smaller" if hits.size else "larger"
        told = "every point is" if hits.size else f"none (lowest: {mean.min():.3g})"
        raise MissingEvidence(
            f"expected {place.words} inside the grid, got {told}. Add {more} values to --{view.x}."
        )
    return _found_again(view, place, line, int(places_of(view, which)[hits[0]]))


def _found_again(view: View, place: Place, line: Line | None, here: int) -> int:
    """Index among the points of a line of a point of the whole grid."""
    found = np.flatnonzero(places_of(view, line) == here)
    if not found.size:
        among = f" among {line.of[1].words}" if line is not None and line.op == "inside" else " on the line"
        raise MissingEvidence(f"{place.words} does not lie{among}.")
    return int(found[0])
