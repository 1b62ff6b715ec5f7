"""What a rule reads, as data: an operation on operands, with words and a fingerprint. Standard library only.

Nothing is computed here: :mod:`overparam.core.evaluate` does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

from overparam.core.code import digest, value_of
from overparam.core.operands import look

Estimated = Literal[
    "mean", "geometric", "place", "step", "signs", "binomial", "ratio", "worst", "total", "trend"
]
WORDS: dict[str, str] = {
    "mean": "mean over seeds",
    "geometric": "geometric mean over seeds, interval on logarithms",
    "place": "geometric mean over seeds, interval no narrower than the grid resolves",
    "step": "mean over seeds, interval at least half a grid step each way",
    "signs": "share of the seeds that differ, exact binomial interval",
    "binomial": "share of all trials, exact binomial interval",
    "ratio": "ratio of the means over seeds, interval of Fieller",
    "worst": "the worst run of all seeds, no average",
    "total": "all runs together, no average",
    "trend": "one test over all seeds",
}
"""What is estimated, and what the interval covers."""

HOW: dict[str, str] = {
    **dict.fromkeys(
        ("largest", "lowest", "climb", "farthest", "hump_floor"), "places of the mean over all seeds"
    ),
    **dict.fromkeys(("peak", "hump_low", "hump_top"), "places of the mean over the other seeds"),
    **dict.fromkeys(("top", "bottom", "peak_place", "hump_place", "hump_step"), "each seed's own place"),
    "some": "each point at its share of the error",
    "held_out_climb": "places of every second seed, read at the others",
}
"""How an operation chooses its place along a line."""

E = TypeVar("E", bound="Expression")


@dataclass(frozen=True, eq=False)
class Expression:
    """An operation on operands, with its words.

    Attributes:
        op: name of the operation.
        of: operands: expressions, numbers, texts, or functions.
        words: what it is, in words.
        unit: its unit.
    """

    op: str
    of: tuple[Any, ...] = ()
    words: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        """Hold every operand against its kind."""
        look(self.op, self.of, self.words, self.unit)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The metrics that it reads as lines."""
        if self.op == "line":
            return frozenset({self.of[0]})
        return frozenset().union(*(one.reads for one in self._operands()))

    @cached_property
    def axes(self) -> frozenset[str]:
        """The axes that it runs over or selects by itself."""
        own: set[str] = set()
        if self.op == "across":
            own.add(self.of[1])
        if self.op == "on":
            own |= set(self.of[1].where)
        return frozenset(own).union(*(one.axes for one in self._operands()))

    @cached_property
    def values(self) -> frozenset[str]:
        """Every name among a cell's values that it looks up, lines included."""
        own = {self.of[0]} if self.op in ("line", "scalar", "grid", "worst", "raw") else set()
        if self.op == "worst" and self.of[1]:
            own.add(self.of[1])
        if self.op in ("grid", "floor") and self.of[-1]:
            own.add(self.of[-1])
        return frozenset(own).union(*(one.values for one in self._operands()))

    @cached_property
    def how(self) -> tuple[str, ...]:
        """How its places are chosen, in words, and what its left parts are."""
        own = [HOW[self.op]] if self.op in HOW else []
        own += [f"left part: {self.of[1].words}"] if self.op.startswith("hump_") else []
        inner = [text for one in self._operands() for text in one.how]
        return tuple(dict.fromkeys([*own, *inner]))

    def _operands(self) -> Iterable[Expression]:
        return (one for one in self.of if isinstance(one, Expression))

    def walk(self) -> Iterator[Expression]:
        """The expression, then all that it is made of."""
        yield self
        for one in self._operands():
            yield from one.walk()

    def called(self: E, words: str, unit: str | None = None) -> E:
        """The same with other words, and perhaps another unit."""
        return replace(self, words=words, unit=self.unit if unit is None else unit)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of what is computed; words do not enter, functions enter with their code."""
        return digest(self.tree)

    @property
    def tree(self) -> tuple[Any, ...]:
        """The expression as nested tuples of plain values."""
        return (type(self).__name__, self.op, *(plain(one) for one in self.of))


def plain(value: Any) -> Any:
    """An operand as plain values, for a fingerprint: functions by their code and all that it depends on."""
    return value_of(value)


def bracketed(words: str) -> str:
    """Brackets around a text that is itself a ratio."""
    return f"[{words}]" if " over " in words else words
