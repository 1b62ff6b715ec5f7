"""The parts of a study: Axis, Profile, Chart, Source, Estimate, Outcome, and Study itself. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from overparam.core.claim import Evidence, Params
from overparam.core.diagnosis import Diagnosis
from overparam.core.errors import UsageError
from overparam.core.statements import Claim

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Source:
    """A publication: the key that claims refer to, a one-line citation, a link and its BibTeX."""

    key: str
    citation: str
    url: str
    bibtex: str


@dataclass(frozen=True)
class Axis:
    """One parameter of a study.

    Attributes:
        name: key in a cell's parameters, for instance ``"width"``.
        help: one sentence for a person, with the unit.
        kind: ``int``, ``float`` or ``str``.
        default: the value that is left out of a cell's key, so that a new axis orphans no result; it never
            changes without a new ``cell_version``.
        low: smallest allowed value (included), for numbers.
        high: largest allowed value (included), for numbers.
        choices: allowed names, for strings; empty means any.
        suffixes: ends of files whose paths are allowed beside the choices.
        inside_cell: True if all values together belong to one cell (a curve over nested sizes).
        flag: name on the command line; by default the name with dashes, and an ``s`` unless singular.
    """

    name: str
    help: str
    kind: type = float
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    inside_cell: bool = False
    flag: str = ""

    @property
    def option(self) -> str:
        """The long option without its dashes, for instance ``widths``."""
        return self.flag or self.name.replace("_", "-")

    def but(self, **changes: Any) -> Axis:
        """The same axis with other attributes, such as a default of its own.

        >>> Axis("noise", "Share of labels.").but(default=0.2).default
        0.2
        """
        return replace(self, **changes)

    def check(self, value: Any) -> Any:
        """Return the value as this axis's kind, or raise UsageError naming what is allowed."""
        try:
            if isinstance(value, bool):
                raise ValueError
            cast = self.kind(value)
            if self.kind is int and float(value) != cast:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"--{self.option}: expected {self.expected}, got {value!r}. {self.help}") from None
        if self.kind in (int, float):
            inside = (self.low is None or cast >= self.low) and (self.high is None or cast <= self.high)
            if not math.isfinite(cast) or not inside:
                raise UsageError(f"--{self.option}: expected {self.expected}, got {value!r}. {self.help}")
        elif self.choices and cast not in self.choices and not self._file(cast):
            raise UsageError(f"--{self.option}: expected {self.expected}, got {value!r}. {self.help}")
        return cast

    def _file(self, name: str) -> bool:
        return bool(self.suffixes) and name.lower().endswith(self.suffixes)

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.name == "seed":
            return "a count (10 means 10 from the first planned one on), or a list (3,7)"
        if self.choices:
            paths = f", or the path of a file ({', '.join(self.suffixes)})" if self.suffixes else ""
            return "one of " + ", ".join(self.choices) + paths
        if self.name == "data":
            return "a name, or the path of a file (.npz, .parquet, .csv) or folder (see `overparam data`)"
        noun = {int: "a whole number", float: "a number"}.get(self.kind, "a name")
        if self.low is not None and self.high is not None:
            return f"{noun} from {_told(self.low)} to {_told(self.high)}"
        if self.low is not None:
            return f"{noun} of at least {_told(self.low)}"
        if self.high is not None:
            return f"{noun} of at most {_told(self.high)}"
        return noun


def _told(end: float) -> str:
    """An end of a range; a large whole number without an exponent."""
    return f"{end:,.0f}" if end >= 1e6 and end == round(end) and end < 1e12 else f"{end:g}"


@dataclass(frozen=True)
class Profile:
    """A named set of values for every axis: ``quick``, ``laptop`` or ``paper``."""

    help: str
    axes: Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Estimate:
    """What one cell is expected to cost: seconds on one core, and bytes of memory."""

    seconds: float
    bytes: float


@dataclass(frozen=True)
class Outcome:
    """What a cell found.

    Attributes:
        values: scalars or lists of scalars by name; a number that is not finite is given as None.
        status: ``ok`` or ``diverged``; a diverged cell is a result.
        note: a short remark shown on the page (for instance a rank deficiency).
    """

    values: Mapping[str, Any]
    status: Literal["ok", "diverged"] = "ok"
    note: str = ""


@dataclass(frozen=True)
class XAxis:
    """One choice of horizontal axis: an axis or value name, a title and whether it is logarithmic.

    Attributes:
        name: name of an axis or of a value.
        title: what a reader sees.
        log: whether it is logarithmic at first.
        names: what stands at the places 1, 2, 3, ... in place of numbers; nothing joins the points then. A chart with
            such an axis has no other.
    """

    name: str
    title: str
    log: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """One metric drawn in a chart.

    Attributes:
        metric: name among a cell's values.
        label: legend text.
        dashed: draw with dashes (training curves, references).
        where: parameters that select the cells; the rest are averaged over seeds.
    """

    metric: str
    label: str
    dashed: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A picture of a study, declared; the page only draws what was computed at run time.

    Attributes:
        name: short name, referred to by claims.
        title: heading.
        x: horizontal axes, the first is shown first.
        y_title: title of the vertical axis with its unit.
        series: the metrics drawn.
        y_log: logarithmic vertical axis at first.
        arm: an axis with one set of lines per value, with a toggle (for instance label noise).
        arm_title: heading of the toggle.
        arm_first: the value that is shown first where there is one; by default the last of numbers, the first of names.
        note: one or two sentences under the chart.
        fit: draw the interpolation threshold lines.
        along: the axis or list whose points are averaged over seeds; by default the first horizontal axis.
        frame: an axis, or a list inside the cells as long as those drawn, of which one value is shown at a time: the page
            has a slider for it, and plays through them.
        frame_title: what that is, before its value (for instance ``step``).
    """

    name: str
    title: str
    x: tuple[XAxis, ...]
    y_title: str
    series: tuple[Series, ...]
    y_log: bool = False
    arm: str = ""
    arm_title: str = ""
    arm_first: float | str | None = None
    note: str = ""
    fit: bool = True
    along: str = ""
    frame: str = ""
    frame_title: str = ""


@dataclass(frozen=True)
class Hero:
    """The picture that stands on top of a study's page: one of its charts, and how it is first shown.

    Attributes:
        chart: name of the chart.
        fit: metrics whose range sets the vertical axis; lines of others may leave the picture.
        toggled: metrics that are hidden at first, with a button to show them.
        toggle: words on that button.
        band: what the band of the interpolation threshold is, one sentence for the legend.
        together: show all arms at once at first.
    """

    chart: str
    fit: tuple[str, ...] = ()
    toggled: tuple[str, ...] = ()
    toggle: str = ""
    band: str = ""
    together: bool = True


@dataclass(frozen=True)
class FitRule:
    """How the interpolation threshold is measured: the smallest ``x`` at which ``metric`` is at most ``at_most``."""

    metric: str
    at_most: float
    x: str
    label: str


@dataclass(frozen=True)
class Formerly:
    """The study that a study was a part of, whose finished cells count as its own.

    Attributes:
        study: its name.
        params: values of the axes that the former study had and this one has not; those at the former study's default
            are left out, as they are in its keys.
        without: axes of this study that the former one did not have.
        also: other values of the same axes, one mapping a profile of the former study, on which this study's cells do
            not depend; each is put over ``params``. Axes that this study has are left out of them by ``study``.
        cell_version: of the former study.
    """

    study: str
    params: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    also: tuple[Mapping[str, Any], ...] = ()
    cell_version: int = 1


@dataclass(frozen=True)
class Study:
    """A study: axes, profiles, work, claims and pictures, all fixed before the data.

    Attributes:
        name: name on the command line.
        title: heading of the page.
        question: the question it answers, one sentence.
        sources: publications.
        axes: its parameters; must contain ``seed`` and ``data``.
        profiles: named values for every axis.
        work: ``(cells, report) -> outcomes``: runs one stack of cells that agree on ``stack_by``; ``report``
            takes the fraction done (0 to 1); outcomes are in the order of the cells.
        stack_by: names of the axes on which the cells of one stack agree.
        estimate: cost of one cell.
        claims: what is judged.
        charts: what is drawn.
        fit: how the interpolation threshold is measured.
        differences: known differences from the papers, one sentence each.
        cell_version: raised whenever the computation of a cell changes.
        stack_limit: most cells in one stack.
        stack_whole: axes, none of ``stack_by``, whose cells share examples: those that differ in nothing else make a stack of
            their own, if they are more than half of ``stack_limit``.
        diagnose: looks for the causes of an absent effect; None for a study that does not.
        diagnosed_claims: names of the claims whose failure it explains; empty for all.
        extra_identity: what identifies a cell besides its parameters and data, as JSON types; None for nothing.
        rerun_command: command that repeats the run, if it did not come from the command line.
        values: names of everything that the work returns; what rules, charts and needs read is among them.
        formerly: the study that this one was a part of; its finished cells are read by their old keys.
        first_rows: whether a cell trains on the first draw of ``n`` rows, so that the digest of its labels can be derived
            from its parameters where a cell made earlier lacks it.
        file: the file that declares it, for the faults found in it.
        decides: name of the profile whose verdicts count; the others are previews of it, or larger.
        profile_history: why each later version of the deciding profile was made, one sentence each.
        work_history: why the code of the work was changed, one sentence a change.
        hero: the picture on top of its page; by default the chart of its first claim.
    """

    name: str
    title: str
    question: str
    sources: tuple[Source, ...]
    axes: tuple[Axis, ...]
    profiles: Mapping[str, Profile]
    work: Callable[[Sequence[Params], Progress], Sequence[Outcome]]
    stack_by: tuple[str, ...]
    estimate: Callable[[Params], Estimate]
    claims: tuple[Claim, ...]
    charts: tuple[Chart, ...]
    differences: tuple[str, ...]
    fit: FitRule | None = None
    cell_version: int = 1
    stack_limit: int = 64
    stack_whole: tuple[str, ...] = ()
    diagnose: Callable[[Evidence], Sequence[Diagnosis]] | None = None
    diagnosed_claims: tuple[str, ...] = ()
    extra_identity: Callable[[Params], Mapping[str, Any]] | None = None
    rerun_command: str = ""
    values: tuple[str, ...] = ()
    formerly: Formerly | None = None
    first_rows: bool = False
    file: str = ""
    decides: str = "laptop"
    profile_history: tuple[str, ...] = ()
    work_history: tuple[str, ...] = ()
    hero: Hero | None = None

    def axis(self, name: str) -> Axis:
        """Return the axis of that name."""
        return next(axis for axis in self.axes if axis.name == name)

    def source(self, key: str) -> Source:
        """Return the source of that key."""
        return next(source for source in self.sources if source.key == key)


def clean(value: Any) -> Any:
    """Return JSON types with every non-finite number as None, so that JSON never holds NaN.

    >>> clean({"loss": float("nan"), "curve": (1.0, float("inf"))})
    {'loss': None, 'curve': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(k): clean(v) for k, v in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if hasattr(value, "tolist"):
        return clean(value.tolist())
    if isinstance(value, Iterable):
        return [clean(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
