"""A statement: a sentence with a rule, an arm, a control, needs, and planted worlds in which it is false and true."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from overparam.core.arms import Arm
from overparam.core.claim import Check, Evidence, Finding, Precondition
from overparam.core.code import digest
from overparam.core.expression import plain
from overparam.core.looks import FIRST_LOOK
from overparam.core.needs import Need
from overparam.core.rule import Rule

if TYPE_CHECKING:
    import numpy as np

    from overparam.core.judging import Manner

Kind = Literal["claim", "check", "question"]
Form = Literal["", "bound", "rate", "equal", "limit", "exists", "direction"]
Plant = Callable[["np.random.Generator"], Evidence]
"""A planted world: cells drawn from a random generator."""


@dataclass(frozen=True)
class Control:
    """A negative control: the same rule on another arm, or another rule. It fails when it is supported.

    Attributes:
        sentence: what is compared, and what is expected.
        on: the arm; by default the claim's.
        rule: the rule; by default the claim's.
    """

    sentence: str
    on: Arm | None = None
    rule: Rule | None = None


@dataclass(frozen=True)
class Claim:
    """A sentence from a source with a rule fixed beforehand.

    Attributes:
        name: short name; the full one is ``study.claim``.
        sentence: the claim, in words.
        ledger: numbers of the claim ledger that it answers, for instance ``("L53",)``.
        source: key of one of the study's sources.
        rule: what is compared.
        on: the cells and metrics that are read; by default all.
        control: the negative control; a check may go without.
        needs: preconditions; one unmet makes the verdict ``not_applicable``.
        history: why each later version of the rule was made; the version is their number plus 1.
        chart: the chart on which it can be seen.
        null: planted worlds with the truth at the cut-off that supports it; it must rarely be supported there.
        effect: a planted world in which it is true; it must mostly be supported there.
        limit: planted worlds with the truth at what would contradict the source; it must rarely be contradicted there.
        against: a planted world in which the source is plainly wrong; it must mostly be contradicted there.
        kind: a claim of a source, a check of what is proved, or a question of ours.
        form: what a source says, which decides what can contradict it: a bound, a rate, that two things are equal, a
            limit, that something exists (which no setting of ours can contradict), or a direction.
        scope: what the source covers and how the setting differs, one sentence each.
        outside: why the setting lies outside what the source covers, so that nothing contradicts it; empty if inside.
        profiles: names of the profiles that can judge it; empty for all.
        note: a remark on the cells of one setting, computed through its view; empty text for none.
        x: the axis or list along which lines run; given by the study.
    """

    name: str
    sentence: str
    ledger: tuple[str, ...]
    source: str
    rule: Rule
    on: Arm = field(default_factory=Arm)
    control: Control | None = None
    needs: tuple[Need, ...] = ()
    history: tuple[str, ...] = ()
    chart: str = ""
    null: tuple[Plant, ...] = ()
    effect: Plant | None = None
    limit: tuple[Plant, ...] = ()
    against: Plant | None = None
    kind: Kind = "claim"
    form: Form = ""
    scope: tuple[str, ...] = ()
    outside: str = ""
    profiles: tuple[str, ...] = ()
    note: Callable[[Any], str] | None = None
    x: str = ""

    @property
    def text(self) -> str:
        """The rule in words: arm, numbers, estimates and cut-offs, made from the rule itself."""
        arm = f"{self.on.words[:1].upper()}{self.on.words[1:]}: " if self.on.words else ""
        return f"{arm}{self.rule.words}."

    @property
    def can_contradict(self) -> bool:
        """Whether anything that is measured can contradict it."""
        return self.kind != "claim" or (self.rule.can_contradict and self.form != "exists" and not self.outside)

    def manner(self, level: float) -> Manner:
        """How it is judged at a level."""
        from overparam.core.judging import Manner

        exists = self.form == "exists"
        return Manner(level, self.kind, never=exists or bool(self.outside), somewhere=exists)

    @property
    def rule_version(self) -> int:
        """1, and 1 more for each reason in the history."""
        return 1 + len(self.history)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of rule, arm, control and needs; words do not enter."""
        return digest(self.fingerprints)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Rule, arm, control and needs, each by 16 hexadecimal digits of its own."""
        control = self.control and (self.control.on and self.control.on.tree, plain(self.control.rule))
        trees = {
            "rule": (self.rule.tree, self.kind, self.form, bool(self.outside)),
            "arm": (self.on.tree, self.on.x or self.x),
            "control": control,
            "needs": tuple(need.tree for need in self.needs),
        }
        return {part: digest(tree) for part, tree in trees.items()}

    @property
    def reads_the_same(self) -> frozenset[tuple[str, str]]:
        """Each number with the arm it is read on: claims that share one are not independent."""
        arm = repr((plain(self.on), self.on.x or self.x))
        return frozenset((cut.number.fingerprint, arm) for cut in self.rule.cuts)

    @property
    def free(self) -> frozenset[str]:
        """The axes that are no settings: arms select them, lines run along them, or needs compare them."""
        arms = [self.on, *([self.control.on] if self.control and self.control.on else [])]
        rules = [self.rule, *([self.control.rule] if self.control and self.control.rule else [])]
        own = {axis for arm in arms for axis in (*arm.where, arm.x)} | {self.x}
        return frozenset(own).union(*(rule.axes for rule in rules), *(need.axes for need in self.needs))

    def judge(self, evidence: Evidence, level: float = FIRST_LOOK) -> Finding:
        """Judge the rule at a look's level.

        Raises:
            MissingEvidence: the cells hold too little.
        """
        from overparam.core.judging import judge

        found = judge(self.rule, self.on, self.x, evidence, self.free, self.manner(level))
        return replace(found, note=self._noted(evidence)) if self.note else found

    def judge_control(self, evidence: Evidence, level: float = FIRST_LOOK) -> Finding:
        """Judge the control.

        Raises:
            MissingEvidence: the cells hold too little.
        """
        from overparam.core.judging import judge

        control = self.control or Control("")
        rule, arm = control.rule or self.rule, control.on or self.on
        return judge(rule, arm, self.x, evidence, self.free, self.manner(level))

    @property
    def preconditions(self) -> tuple[Precondition, ...]:
        """The needs as functions of the evidence."""
        return tuple(
            Precondition(one.name, one.sentence, lambda evidence, one=one: self._met(one, evidence))  # type: ignore[misc]
            for one in self.needs
        )

    def _views(self, evidence: Evidence) -> Iterable[tuple[str, Any]]:
        from overparam.core.judging import settings
        from overparam.core.view import View

        for prefix, rows in settings(evidence, self.on, self.free):
            yield prefix, View(rows, self.on, self.on.x or self.x, self.rule.reads)

    def _met(self, one: Need, evidence: Evidence) -> Check:
        from overparam.core.view import View

        if one.together:
            return one.check(View(evidence, self.on, self.on.x or self.x, self.rule.reads))
        found = [(prefix, one.check(view)) for prefix, view in self._views(evidence)]
        return Check(all(check.ok for _, check in found), "; ".join(f"{p}{check.detail}" for p, check in found))

    def _noted(self, evidence: Evidence) -> str:
        from overparam.core.errors import MissingEvidence

        told = []
        for prefix, view in self._views(evidence):
            try:
                text = self.note(view) if self.note else ""
            except MissingEvidence:
                continue
            told += [f"{prefix}{text}"] if text else []
        return " ".join(told)


def same_numbers(claims: Iterable[Claim]) -> list[tuple[str, ...]]:
    """Names of the claims that read a number in common, in groups: they are one measurement.

    Returns:
        Groups of two or more names, in the order of the claims.
    """
    groups: list[tuple[list[str], set[tuple[str, str]]]] = []
    for claim in claims:
        numbers, names = set(claim.reads_the_same), [claim.name]
        for group in [one for one in groups if one[1] & numbers]:
            groups.remove(group)
            names, numbers = group[0] + names, group[1] | numbers
        groups.append((names, numbers))
    return [tuple(names) for names, _ in groups if len(names) > 1]
