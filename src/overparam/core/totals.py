"""Totals by ledger line: votes, the verdict of each line, and how much of it chance would give.

Statements of a study that read the same number on the same data are one measurement, so one **vote**. Verdicts of
claims decide a line; where it has none, checks answer it, and where it has neither, questions do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.core.kinds import GROUPS
from overparam.core.ledger import LEDGER, NUMBERS, Line, parts
from overparam.core.looks import FIRST_LOOK

Entry = Mapping[str, Any]
"""A verdict as :func:`overparam.core.findings.entry` writes it, with the name of its ``study``."""

MOST = 0.05  # the chance that Holm's procedure lets through any line that chance alone decided
VERDICTS = (
    "supported", "contradicted", "mixed", "inconclusive", "not applicable", "checks pass", "checks fail",
    "checks undecided", "answered by a question", "not run", "no study yet", "no experiment",
)  # fmt: skip


@dataclass(frozen=True)
class Vote:
    """One measurement that bears on a line: the claims of a study that read a number in common on one data set.

    Attributes:
        entries: the verdicts.
        status: ``contradicted`` if any is, ``supported`` if all are, ``mixed`` if both words occur, else
            ``inconclusive``. Verdicts that are not applicable do not count.
    """

    entries: tuple[Entry, ...]
    status: str

    @property
    def error(self) -> tuple[float, float]:
        """The chance of a false support, and at most that of a false contradiction, from the intervals' levels."""
        tails = [(1 - one["level"]) / 2 for one in self.entries]
        out = [tail for tail, one in zip(tails, self.entries, strict=True) if one["can_contradict"]]
        return max(tails), sum(out)

    @property
    def p(self) -> tuple[float, float]:
        """p-values of support (every statement must be) and of contradiction (any is enough, so Bonferroni)."""
        support = max(one["p"][0] if one["p"][0] is not None else 1.0 for one in self.entries)
        out = [p for one in self.entries if one["can_contradict"] and (p := one["p"][1]) is not None]
        return support, min(1.0, len(out) * min(out, default=1.0))


@dataclass(frozen=True)
class Row:
    """A line of the ledger and what answers it.

    Attributes:
        line: the line.
        verdict: one of ``VERDICTS``.
        entries: every verdict that bears on it or on a line under it.
        votes: the measurements among its claims that were judged.
        studies: names of the studies that answer it, sorted.
        under: the rows of the lines that are named under it, such as L22D under L22; none of those is counted.
    """

    line: Line
    verdict: str
    entries: tuple[Entry, ...]
    votes: tuple[Vote, ...]
    studies: tuple[str, ...]
    under: tuple[Row, ...] = ()

    @property
    def needed(self) -> int:
        """How many votes one way decide it: more than half."""
        return len(self.votes) // 2 + 1

    def count(self, status: str) -> int:
        """How many votes are of a status."""
        return sum(vote.status == status for vote in self.votes)

    @property
    def words(self) -> str:
        """The verdict with its votes, for instance ``supported (3 of 4)`` or ``mixed (3 for, 1 against, 1 open)``."""
        if not self.votes or self.verdict.startswith("checks"):
            return self.verdict
        yes, no, both = self.count("supported"), self.count("contradicted"), self.count("mixed")
        if self.verdict in ("supported", "contradicted"):
            won = yes if self.verdict == "supported" else no
            return self.verdict if len(self.votes) == 1 else f"{self.verdict} ({won} of {len(self.votes)})"
        counts = [f"{yes + both} for"] * (yes + both > 0) + [f"{no + both} against"] * (no + both > 0)
        left = len(self.votes) - yes - no - both
        counts += [f"{left} open"] * (left > 0 and bool(counts))
        return f"{self.verdict} ({', '.join(counts)})" if counts else self.verdict

    @property
    def against(self) -> tuple[str, ...]:
        """The claims that are contradicted and the checks that fail, as ``study.statement, data``."""
        return tuple(
            f"{one['study']}.{one['statement']}, {one['data']}"
            for one in self.entries
            if one["status"] == "contradicted" and one["kind"] != "question"
        )

    @property
    def p(self) -> float:
        """p-value of the line's verdict, both directions tried.

        Of k votes, m = more than half must agree: at least m of k are true with p-value (k - m + 1) times the m-th
        smallest, whatever their dependence (Benjamini and Heller 2008); doubled for the two directions.
        """
        k, m = len(self.votes), self.needed
        if self.verdict not in ("supported", "contradicted"):
            return 1.0
        found = sorted(vote.p[self.verdict == "contradicted"] for vote in self.votes)
        return min(1.0, 2 * (k - m + 1) * found[m - 1])


def rows(
    findings: Iterable[Mapping[str, Any]], known: Mapping[str, Iterable[str]] | None = None
) -> tuple[Row, ...]:
    """Return the counted lines of the ledger with their verdicts.

    Args:
        findings: entries of studies, as :func:`overparam.core.findings.entry` makes them.
        known: numbers of the lines that each study answers, by its name, whether it was run or not.
    """
    by_line: dict[str, list[Entry]] = {number: [] for number in LEDGER}
    names: dict[str, set[str]] = {number: set() for number in LEDGER}
    for study, numbers in (known or {}).items():
        for number in _with_parents(numbers):
            names[number].add(study)
    for found in findings:
        for verdict in found["verdicts"]:
            for number in _with_parents(verdict["ledger"]):
                by_line[number].append({**verdict, "study": found["study"]})
                names[number].add(found["study"])

    def row(number: str, under: tuple[Row, ...] = ()) -> Row:
        entries, studies = by_line[number], tuple(sorted(names[number]))
        cast = votes(entries)
        verdict = decide(entries, cast, answered=bool(studies))
        if verdict == "no study yet" and LEDGER[number].unmeasured:
            verdict = "no experiment"
        return Row(LEDGER[number], verdict, tuple(entries), cast, studies, under)

    return tuple(row(number, tuple(row(one.number) for one in parts(number)[1:])) for number in NUMBERS)


def _with_parents(numbers: Iterable[str]) -> set[str]:
    """The lines of these numbers, and those under which they count."""
    own = {one for one in numbers if one in LEDGER}
    return own | {LEDGER[one].parent for one in own}


def votes(entries: Sequence[Entry]) -> tuple[Vote, ...]:
    """Return the measurements among the claims that were judged.

    What was not applicable has no vote; nor has what is inconclusive outside the source's scope, where only support
    could be found.
    """
    groups: list[tuple[set[tuple[str, str, str]], list[Entry]]] = []
    for one in entries:
        undecided = one["status"] == "inconclusive"
        if one["kind"] != "claim" or one["status"] == "not_applicable" or (undecided and one.get("outside")):
            continue
        keys = {(one["study"], one["data"], name) for name in (one["statement"], *one["votes"])}
        members = [one]
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys, members = keys | group[0], group[1] + members
        groups.append((keys, members))
    return tuple(Vote(tuple(members), _status(members)) for _, members in groups)


def _status(entries: Sequence[Entry]) -> str:
    found = {one["status"] for one in entries}
    if {"supported", "contradicted"} <= found:
        return "mixed"
    if "contradicted" in found:
        return "contradicted"
    return "supported" if found == {"supported"} else "inconclusive"


def decide(entries: Sequence[Entry], cast: Sequence[Vote], *, answered: bool) -> str:
    """Return the verdict of a line.

    A check that fails comes first: the package contradicts a proof. Then the claims: *supported* if more than half of
    the votes support it and none contradicts it, *contradicted* the other way round, *mixed* if there are votes of both
    kinds, else *inconclusive*. So one vote decides a line alone only where it is its only one. Where no claim could be
    judged, checks answer (*checks pass* if all that were made do), then questions.
    """
    kinds = {kind: [one["status"] for one in entries if one["kind"] == kind] for kind in GROUPS}
    judged = {kind: [s for s in found if s != "not_applicable"] for kind, found in kinds.items()}
    if "contradicted" in judged["check"]:
        return "checks fail"
    if cast:
        states = [vote.status for vote in cast]
        more = len(cast) // 2 + 1
        if "mixed" in states or {"supported", "contradicted"} <= set(states):
            return "mixed"
        return next((s for s in ("supported", "contradicted") if states.count(s) >= more), "inconclusive")
    if judged["check"]:
        return "checks pass" if set(judged["check"]) == {"supported"} else "checks undecided"
    if judged["question"]:
        decided = set(judged["question"]) & {"supported", "contradicted"}
        return "answered by a question" if decided else "inconclusive"
    if judged["claim"]:
        return "inconclusive"
    if entries:
        return "not applicable"
    return "not run" if answered else "no study yet"


@dataclass(frozen=True)
class Chance:
    """What chance alone would give.

    Attributes:
        lines: lines that votes of claims decide.
        alone: those with a single vote, which decides alone.
        support: at most so many of them are expected to be supported falsely.
        contradiction: at most so many are expected to be contradicted falsely.
        decided: lines that are supported or contradicted.
        survive: numbers of those whose verdict survives Holm's procedure over all lines, in both directions.
    """

    lines: int
    alone: int
    support: float
    contradiction: float
    decided: int
    survive: tuple[str, ...]


def chance(found: Iterable[Row]) -> Chance:
    """Return how many false verdicts to expect, and how many verdicts survive Holm's procedure.

    A line with one vote is decided falsely with the error of that vote, (1 - level)/2 in each direction. A line with k
    votes needs m > k/2 false ones: at most the sum of their errors over m, whatever their dependence (Markov).
    """
    judged = [row for row in found if row.votes]
    yes = math.fsum(math.fsum(vote.error[0] for vote in row.votes) / row.needed for row in judged)
    no = 0.0
    for row in judged:
        errors = [vote.error[1] for vote in row.votes if vote.error[1] > 0]
        no += math.fsum(errors) / row.needed if len(errors) >= row.needed else 0.0
    alone = sum(len(row.votes) == 1 for row in judged)
    decided = sum(row.verdict in ("supported", "contradicted") for row in judged)
    return Chance(len(judged), alone, yes, no, decided, holm({row.line.number: row.p for row in judged}))


def holm(p: Mapping[str, float], most: float = MOST) -> tuple[str, ...]:
    """Return the names whose p-value survives Holm's procedure, smallest first.

    >>> holm({"a": 0.01, "b": 0.02, "c": 0.04})
    ('a', 'b', 'c')
    >>> holm({"a": 0.01, "b": 0.03, "c": 0.04})
    ('a',)
    """
    kept = []
    for i, name in enumerate(sorted(p, key=lambda name: p[name])):
        if p[name] > most / (len(p) - i):
            break
        kept.append(name)
    return tuple(kept)


def p_values(verdict: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the one-sided p-values of a claim's support and of its contradiction, from its parts.

    Support needs every part, so it has the largest p-value of them; each of k parts that can contradict is multiplied by
    k. A statement that something exists needs one of its k settings, each multiplied by k. None for a check or a question,
    and for what was not judged.
    """
    judged = verdict["parts"] and verdict["status"] != "not_applicable"
    if verdict.get("kind", "claim") != "claim" or not judged:
        return None, None
    level, exists = verdict.get("level", FIRST_LOOK), verdict.get("form") == "exists"
    settings: dict[str, list[Mapping[str, Any]]] = {}
    for part in verdict["parts"]:
        settings.setdefault(part.get("setting", "") if exists else "", []).append(part)
    k = len(settings)
    inner = 1 - (1 - level) / k
    support = min(1.0, k * min(max(_support(part, inner) for part in group) for group in settings.values()))
    if exists or verdict.get("outside"):
        return support, None
    out = [p for part in verdict["parts"] if (p := _contradiction(part, level)) is not None]
    return support, min(1.0, max(_shares(verdict["parts"], level), len(out)) * min(out)) if out else None


def _shares(parts: Iterable[Mapping[str, Any]], level: float) -> int:
    """Among how many parts the error of a contradiction was shared, from the wider intervals; 1 where none tells."""
    from scipy import stats

    found = [1]
    for part in parts:
        scaled = _student(part, level)
        if scaled is None or part.get("wide_high") is None:
            continue
        scale, error = scaled
        half = (scale(part["wide_high"]) - scale(part["wide_low"])) / 2
        found.append(round((1 - level) / (2 * float(stats.t.sf(half / error, part["n"] - 1)))))
    return max(found)


def _support(part: Mapping[str, Any], level: float) -> float:
    if part.get("decided"):
        return (1 - level) / 2 if part["decided"] == "supported" else 1.0
    sides = [(part.get("at_least"), 1.0), (part.get("at_most"), -1.0)]
    return max((beyond(part, cut, side, level) for cut, side in sides if cut is not None), default=1.0)


def _contradiction(part: Mapping[str, Any], level: float) -> float | None:
    if part.get("decided"):
        return (1 - level) / 2 if part["decided"] == "contradicted" else 1.0
    sides = [(part.get("contradicted_below"), -1.0), (part.get("contradicted_above"), 1.0)]
    return min((beyond(part, cut, side, level) for cut, side in sides if cut is not None), default=None)


def beyond(part: Mapping[str, Any], cut: float, side: float, level: float) -> float:
    """Return the one-sided p-value of an effect above (``side`` 1) or below (-1) a cut-off.

    From an interval that is symmetric on its scale or on that of logarithms comes Student's t: its half width is t at
    the level, for n - 1 degrees of freedom, times the standard error. From the interval of Clopper and Pearson comes the
    exact tail of the binomial. From any other only that the interval excludes the cut-off: then (1 - level)/2.
    """
    effect, low, high, n = part["effect"], part["low"], part["high"], part["n"]
    if effect is None or low is None or high is None or n < 2:
        return 1.0
    from scipy import stats

    scaled = _student(part, level, cut)
    if scaled is not None:
        scale, error = scaled
        return float(stats.t.sf(side * (scale(effect) - scale(cut)) / error, n - 1))
    if 0 <= low <= effect <= high <= 1 and low < high and 0 <= cut <= 1:
        hits, tail = round(effect * n), (1 - level) / 2
        exact_low = stats.beta.ppf(tail, hits, n - hits + 1) if hits else 0.0
        exact_high = stats.beta.ppf(1 - tail, hits + 1, n - hits) if hits < n else 1.0
        if abs(exact_low - low) + abs(exact_high - high) < 1e-6:
            return float(stats.binom.sf(hits - 1, n, cut) if side > 0 else stats.binom.cdf(hits, n, cut))
    excluded = low >= cut if side > 0 else high <= cut
    return (1 - level) / 2 if excluded else 1.0


def _student(
    part: Mapping[str, Any], level: float, cut: float | None = None
) -> tuple[Callable[[float], float], float] | None:
    """The scale on which an interval is symmetric, and the standard error on it; None where it is on neither."""
    effect, low, high, n = part["effect"], part["low"], part["high"], part["n"]
    if effect is None or low is None or high is None or n < 2:
        return None
    from scipy import stats

    scales: tuple[Callable[[float], float], ...] = (float, math.log)
    for scale in scales:
        if scale is math.log and (min(low, effect) <= 0 or (cut is not None and cut <= 0)):
            continue
        half = (scale(high) - scale(low)) / 2
        if half > 0 and abs(scale(effect) - (scale(low) + scale(high)) / 2) <= 1e-6 * half:
            return scale, half / float(stats.t.ppf(0.5 + level / 2, n - 1))
    return None
