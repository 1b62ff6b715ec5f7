"""A rule: numbers against cut-offs, as data, with the words made from it. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from overparam.core.code import digest
from overparam.core.errors import UsageError
from overparam.core.expression import WORDS, Expression, plain
from overparam.core.operands import of_kind
from overparam.core.places import Region

Bound = float | Expression
"""A cut-off: a number, or an expression that gives one value for all seeds (a place counts as its index)."""


@dataclass(frozen=True)
class Cut:
    """One number against its cut-offs.

    The claim is supported where the whole interval lies within ``at_least`` and ``at_most``. It is contradicted where the
    interval lies wholly below ``contradicted_below`` or above ``contradicted_above``, or, where the cut-offs are the
    source's own (``stated``), beyond them. A check and a question are judged by their cut-offs both ways.

    Attributes:
        number: what is measured.
        at_least: cut-off from below.
        at_most: cut-off from above.
        slack: by which cut-offs that are places are widened, in steps of the grid.
        contradicted_below: what the source's own statement excludes, from below.
        contradicted_above: the same from above.
        each: an axis at whose every value it must hold, or a region at whose every point it must, read at ``HERE``.
        together: whether all settings count as one.
        stated: whether the cut-offs are the source's own words, so that beyond them it is contradicted.
        trend: for a limit along a line: the limit, the distance from it that counts as reached, and the exponent of the
            promised fall.
    """

    number: Expression
    at_least: Bound | None = None
    at_most: Bound | None = None
    slack: float = 0.0
    contradicted_below: float | None = None
    contradicted_above: float | None = None
    each: str | Region = ""
    together: bool = False
    stated: bool = False
    trend: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse a cut-off that is no number, and a slack that nothing would use."""
        for name in ("at_least", "at_most", "contradicted_below", "contradicted_above"):
            kinds = ("real", "none") if name.startswith("contradicted") else ("real", "expression", "none")
            of_kind(getattr(self, name), kinds, f"a rule, {name}")
        of_kind(self.slack, ("real",), "within, slack")
        if self.slack < 0 or (
            self.slack and not any(isinstance(b, Expression) for b in (self.at_least, self.at_most))
        ):
            raise UsageError(
                f"within, slack: expected grid steps by which cut-offs that are places are widened, got {self.slack:g} "
                "beside cut-offs that are numbers. Widen those numbers instead."
            )
        low, high = self.at_least, self.at_most
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            raise UsageError(f"within: expected the lower cut-off first, got {low:g} and {high:g}.")
        of_kind(self.each, ("text", "region"), "each, what")

    @property
    def words(self) -> str:
        """Number, estimate and cut-offs in words."""
        if self.trend:
            limit, within, _ = self.trend
            of = self.number.of[0].words
            return (
                f"{of} minus {limit:g} along the line: at the right end within {within:g}, or at most half of what it is at "
                f"the left end; contradicted where it grows instead, beyond {within:g}"
            )
        bounds = [
            f"{text} {_bound(bound)}{self._slack(bound)}"
            for text, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        unit = f" {self.number.unit}" if self.number.unit else ""
        beyond = [
            f"{text} {value:g}{unit}"
            for text, value in (("below", self.contradicted_below), ("above", self.contradicted_above))
            if value is not None
        ]
        how = "; ".join([*self.number.how, WORDS[getattr(self.number, "estimate", "mean")]])
        what = f"{self.number.words} ({how}): {' and '.join(bounds)}{unit}"
        what += f", contradicted only {' or '.join(beyond)}" if beyond else ""
        what += ", contradicted beyond" if self.stated else ""
        if isinstance(self.each, Region):
            return f"{what}, at every point with {self.each.words}"
        return what + (f", at every {self.each.replace('_', ' ')}" if self.each else "")

    def _slack(self, bound: Bound) -> str:
        return f" (give or take {self.slack:g} steps)" if self.slack and isinstance(bound, Expression) else ""

    @property
    def tree(self) -> tuple[Any, ...]:
        """What is compared, as nested tuples of plain values."""
        bounds = (self.at_least, self.at_most, self.slack, self.contradicted_below, self.contradicted_above)
        more = (self.together, self.stated, self.trend)
        return (*(plain(one) for one in (self.number, *bounds)), plain(self.each), *more)

    @property
    def can_contradict(self) -> bool:
        """Whether anything measured would contradict a source."""
        return bool(
            self.stated
            or self.trend
            or self.contradicted_below is not None
            or self.contradicted_above is not None
        )


def _bound(bound: Bound) -> str:
    return bound.words if isinstance(bound, Expression) else f"{bound:.4g}"


@dataclass(frozen=True)
class Rule:
    """Comparisons that must all hold."""

    cuts: tuple[Cut, ...]

    def __and__(self, other: Rule) -> Rule:
        return Rule(self.cuts + other.cuts)

    def each(self, what: str | Region) -> Rule:
        """Ask it at every value of an axis, or at every point of a region, where it reads lines at ``HERE``."""
        return Rule(tuple(replace(cut, each=what) for cut in self.cuts))

    def together(self) -> Rule:
        """Judge all settings as one, not each apart: for what must hold in every single run."""
        return Rule(tuple(replace(cut, together=True) for cut in self.cuts))

    def contradicted(self, *, below: float | None = None, above: float | None = None) -> Rule:
        """Say what contradicts a source: its own statement in numbers. Without this, nothing does."""
        return Rule(
            tuple(replace(cut, contradicted_below=below, contradicted_above=above) for cut in self.cuts)
        )

    def stated(self) -> Rule:
        """Say that the cut-offs are the source's own words: beyond them it is contradicted."""
        return Rule(tuple(replace(cut, stated=True) for cut in self.cuts))

    @property
    def can_contradict(self) -> bool:
        """Whether anything measured would contradict a source."""
        return any(cut.can_contradict for cut in self.cuts)

    @property
    def reads(self) -> frozenset[str]:
        """The metrics that it reads as lines, which must be finite everywhere for a seed to count."""
        return frozenset().union(*(one.reads for one in self._expressions()))

    @property
    def values(self) -> frozenset[str]:
        """Every name among a cell's values that it looks up."""
        return frozenset().union(*(one.values for one in self._expressions()))

    @property
    def axes(self) -> frozenset[str]:
        """The axes that it runs over or selects by itself."""
        own = {cut.each for cut in self.cuts if isinstance(cut.each, str) and cut.each}
        return frozenset(own).union(*(one.axes for one in self._expressions()))

    def compared(self) -> Iterator[Expression]:
        """Its numbers and cut-offs that are expressions, and all that they are made of."""
        for cut in self.cuts:
            for one in (cut.number, cut.at_least, cut.at_most):
                if isinstance(one, Expression):
                    yield from one.walk()

    def _expressions(self) -> list[Expression]:
        return [
            one
            for cut in self.cuts
            for one in (cut.number, cut.at_least, cut.at_most, cut.each)
            if isinstance(one, Expression)
        ]

    @property
    def words(self) -> str:
        """The rule in words, made from its expressions and cut-offs."""
        return "; and ".join(cut.words for cut in self.cuts)

    @property
    def tree(self) -> tuple[Any, ...]:
        """The rule as nested tuples of plain values."""
        return tuple(cut.tree for cut in self.cuts)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of what is compared with what; words do not enter."""
        return digest(self.tree)
