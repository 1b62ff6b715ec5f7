"""What is read and what is found: Evidence, Part, Finding, Precondition, Verdict. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from overparam.core.errors import MissingEvidence

Params = Mapping[str, Any]
Status = Literal["supported", "contradicted", "inconclusive", "not_applicable"]


@dataclass(frozen=True)
class Part:
    """One measured quantity against its cut-offs.

    Supported when the whole interval is within the cut-offs; contradicted when the wider interval, which shares the
    error among all parts that can contradict, lies wholly beyond what the source's own statement excludes.

    Attributes:
        label: what was measured, in words.
        effect: the estimate; None if it could not be formed.
        low: lower end of the interval, or None where there is none.
        high: upper end of the interval.
        n: number of seeds.
        at_least: cut-off from below, or None.
        at_most: cut-off from above, or None.
        unit: unit of effect, low and high.
        contradicted_below: below it the part is contradicted; None for never.
        contradicted_above: above it the part is contradicted; None for never.
        wide_low: lower end of the interval that decides a contradiction; None for ``low``.
        wide_high: its upper end; None for ``high``.
        setting: the setting that it belongs to, where there are several.
        decided: the status of what is no comparison of one number with cut-offs (a trend); empty to compare.
        told: what decided it, in words, where that is not the interval.
    """

    label: str
    effect: float | None
    low: float | None
    high: float | None
    n: int
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    contradicted_below: float | None = None
    contradicted_above: float | None = None
    wide_low: float | None = None
    wide_high: float | None = None
    setting: str = ""
    decided: Status | Literal[""] = ""
    told: str = ""

    @property
    def status(self) -> Status:
        """Supported, contradicted or inconclusive, from intervals and cut-offs alone."""
        if self.decided:
            return self.decided
        if self.low is None or self.high is None:
            return "inconclusive"
        lower = -math.inf if self.at_least is None else self.at_least
        upper = math.inf if self.at_most is None else self.at_most
        if self.low >= lower and self.high <= upper:
            return "supported"
        below = -math.inf if self.contradicted_below is None else self.contradicted_below
        above = math.inf if self.contradicted_above is None else self.contradicted_above
        wide_low = self.low if self.wide_low is None else self.wide_low
        wide_high = self.high if self.wide_high is None else self.wide_high
        if wide_high < below or wide_low > above:
            return "contradicted"
        return "inconclusive"

    @property
    def can_contradict(self) -> bool:
        """Whether anything that could be measured would contradict it."""
        return self.contradicted_below is not None or self.contradicted_above is not None

    @property
    def outside(self) -> bool:
        """Whether the whole interval, or without one the estimate, lies beyond a cut-off."""
        low = self.effect if self.low is None else self.low
        high = self.effect if self.high is None else self.high
        if low is None or high is None:
            return False
        return (self.at_least is not None and high < self.at_least) or (
            self.at_most is not None and low > self.at_most
        )

    @property
    def margin(self) -> float:
        """Signed distance of the interval to the nearest cut-off, relative to it; the smallest part binds."""
        if self.low is None or self.high is None:
            return -math.inf
        gaps = []
        if self.at_least is not None:
            gaps.append((self.low - self.at_least) / (abs(self.at_least) or 1.0))
        if self.at_most is not None:
            gaps.append((self.at_most - self.high) / (abs(self.at_most) or 1.0))
        return min(gaps, default=math.inf)

    @property
    def rank(self) -> tuple[int, float]:
        """What decides comes first: a contradicted part, then an open one, then by the margin."""
        return _ORDER[self.status], self.margin


_ORDER = {"contradicted": 0, "inconclusive": 1, "supported": 2, "not_applicable": 3}


@dataclass(frozen=True)
class Finding:
    """What a rule found: one or more parts that must all hold, and a remark.

    Attributes:
        parts: what was measured.
        note: a remark.
        somewhere: whether one setting in which all parts hold is enough.
    """

    parts: tuple[Part, ...]
    note: str = ""
    somewhere: bool = False

    @property
    def deciding(self) -> tuple[Part, ...]:
        """The parts that must all hold: of every setting, or of the one that comes nearest to it."""
        settings = dict.fromkeys(part.setting for part in self.parts)
        if not self.somewhere or len(settings) < 2:
            return self.parts
        groups = [tuple(part for part in self.parts if part.setting == name) for name in settings]
        return max(groups, key=lambda group: min(part.rank for part in group))

    @property
    def status(self) -> Status:
        """Supported if every part is; contradicted if any part is; else inconclusive."""
        states = {part.status for part in self.deciding}
        if not states:
            return "inconclusive"
        if "contradicted" in states:
            return "contradicted"
        return "supported" if states == {"supported"} else "inconclusive"

    @property
    def binding(self) -> Part:
        """The part that decides: a contradicted one first, then the one with the smallest margin."""
        return min(self.deciding, key=lambda part: part.rank)


@dataclass(frozen=True)
class Check:
    """Outcome of a precondition: whether it is met, and the measured detail in words."""

    ok: bool
    detail: str


@dataclass(frozen=True)
class Curve:
    """One metric over one axis, paired by seed.

    Attributes:
        x: sorted values of the axis, length ``points``.
        seeds: the seeds that are complete over x, length ``seeds``.
        y: values of shape ``(seeds, points)``.
        dropped: seeds left out because a cell is missing or not finite.
    """

    x: tuple[float, ...]
    seeds: tuple[int, ...]
    y: tuple[tuple[float, ...], ...]
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The finished cells of a run for one data set: rows of ``(params, values)``."""

    rows: tuple[tuple[Params, Mapping[str, Any]], ...]

    def where(self, **wanted: Any) -> Evidence:
        """Keep the rows whose parameters equal those named."""
        kept = tuple(r for r in self.rows if all(r[0].get(k) == v for k, v in wanted.items()))
        return Evidence(kept)

    def levels(self, axis: str) -> tuple[Any, ...]:
        """Return the sorted distinct values of an axis among the rows."""
        return tuple(sorted({row[0][axis] for row in self.rows if axis in row[0]}))

    def curve(self, metric: str, x: str, **wanted: Any) -> Curve:
        """Return a metric over ``x``, one line a seed.

        ``x`` is an axis of the grid, or the name of a list among a cell's values (a curve inside a cell).
        Seeds with a missing or non-finite point are left out and named in ``dropped``.

        Raises:
            MissingEvidence: no row matches.
        """
        chosen = self.where(**wanted)
        lines: dict[int, dict[float, float | None]] = {}
        for params, values in chosen.rows:
            if metric not in values:
                continue
            line = lines.setdefault(params["seed"], {})
            if isinstance(values.get(x), (list, tuple)):
                line.update(zip(values[x], values[metric], strict=True))
            elif x in params or x in values:
                line[params.get(x, values.get(x))] = values[metric]
        if not lines:
            where = ", ".join(f"{k}={v}" for k, v in wanted.items()) or "any parameters"
            raise MissingEvidence(f"no finished cell has '{metric}' over '{x}' at {where}")
        xs = sorted({point for line in lines.values() for point in line})
        whole = {
            seed: tuple(float(line[p]) for p in xs)  # type: ignore[arg-type]
            for seed, line in sorted(lines.items())
            if all(_finite(line.get(p)) for p in xs)
        }
        dropped = tuple(seed for seed in sorted(lines) if seed not in whole)
        return Curve(tuple(xs), tuple(whole), tuple(whole.values()), dropped)


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class Precondition:
    """Something that must be true of the run before its claim may be judged."""

    name: str
    sentence: str
    check: Callable[[Evidence], Check]


@dataclass(frozen=True)
class Verdict:
    """The judgement of one claim in one profile on one data set; the one vocabulary everywhere."""

    claim: str
    sentence: str
    ledger: tuple[str, ...]
    source: str
    status: Status
    reason: str
    effect: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    label: str
    rule: str
    rule_version: int
    parts: tuple[Mapping[str, Any], ...]
    preconditions: tuple[Mapping[str, Any], ...]
    control: Mapping[str, Any]
    profile: str
    data: str
    mark: str = ""
    chart: str = ""
    kind: str = "claim"
    form: str = ""
    scope: tuple[str, ...] = ()
    outside: str = ""
    level: float = 0.97
    votes: tuple[str, ...] = ()
    rule_fingerprint: str = ""
    history: tuple[str, ...] = ()
    needed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)
