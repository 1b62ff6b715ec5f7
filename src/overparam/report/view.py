"""Which part of a chart is shown: arm, data set, horizontal axis, logarithms, single seeds, lines hidden at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from overparam.report import rows
from overparam.report.words import plain

ALL = "all"


@dataclass(frozen=True)
class View:
    """One setting of a chart's toggles.

    Attributes:
        arm: name of the arm shown, ``"all"``, or None for a chart without arms.
        data: name of the data set shown.
        x: number of the horizontal axis, in stored order.
        x_log: logarithmic horizontal axis.
        y_log: logarithmic vertical axis.
        seeds: draw the line of every seed, too.
        also: draw the lines that a hero picture hides at first, too.
        frame: number of the frame shown, in stored order.
        touch: no panning and zooming by pointer, so that a finger scrolls the page.
    """

    arm: str | None
    data: str | None
    x: int = 0
    x_log: bool = False
    y_log: bool = False
    seeds: bool = False
    also: bool = False
    frame: int = 0
    touch: bool = False

    def with_(self, **changed: Any) -> View:
        """Return a changed copy."""
        return replace(self, **changed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def first_view(chart: Mapping[str, Any]) -> View:
    """Return what a reader sees first: first data set, first axis, and the strongest arm.

    That is the last of arms that are numbers (the most label noise), and the first of arms that are names, unless the
    chart names another; a hero picture may show all of them. Of frames it is the last.
    """
    arms, data = rows.arms(chart), rows.data_sets(chart)
    together = len(arms) > 1 and bool((chart.get("hero") or {}).get("together"))
    named = any(isinstance(series["arm"], str) for series in chart["series"])
    asked = chart.get("arm_first")
    first = arms.index(plain(asked)) if asked is not None and plain(asked) in arms else 0 if named else -1
    return View(
        arm=ALL if together else arms[first] if arms else None,
        data=data[0] if data else None,
        x_log=chart["x"][0]["log"],
        y_log=chart["y_log"],
        frame=max(0, len(rows.frames(chart)) - 1),
    )
