"""What a rule reads, as data: an operation on operands, with words and a fingerprint. Standard library only.

Nothing is computed here: :mod:`overparam.core.evaluate` does that.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

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

    def called(self: E, words: str, unit: str | None = None) -> E:
        """The same with other words, and perhaps another unit."""
        return replace(self, words=words, unit=self.unit if unit is None else unit)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of what is computed; words do not enter, functions enter with their source."""
        return hashlib.sha256(repr(self.tree).encode()).hexdigest()[:16]

    @property
    def tree(self) -> tuple[Any, ...]:
        """The expression as nested tuples of plain values."""
        return (type(self).__name__, self.op, *(plain(one) for one in self.of))


def plain(value: Any) -> Any:
    """An operand as plain values, for a fingerprint."""
    if isinstance(value, Expression):
        return value.tree
    if isinstance(value, tuple | list):
        return tuple(plain(one) for one in value)
    if isinstance(value, dict):
        return tuple(sorted((key, plain(one)) for key, one in value.items()))
    if hasattr(value, "where") and hasattr(value, "metrics"):
        only = (value.only.words, plain(value.only.holds)) if value.only else None
        more = [*([value.complete] if value.complete else []), *([only] if only else [])]
        return (plain(dict(value.where)), plain(dict(value.metrics)), value.x, *more)
    if hasattr(value, "pick"):
        return ("choice", value.words, plain(value.pick))
    if callable(value):
        return _code(value)
    return value


def _code(function: Callable[..., Any]) -> tuple[Any, ...]:
    """A function by its source, its defaults, the values it closes over, and what it is applied to beforehand."""
    if isinstance(function, functools.partial):
        return ("partial", _code(function.func), plain(function.args), plain(function.keywords))
    if not hasattr(function, "__qualname__"):  # an object that can be called, by its class and what it holds
        made = type(function)
        return (f"{made.__module__}.{made.__qualname__}", plain(getattr(function, "__dict__", {})))
    try:
        text = "".join(inspect.getsource(function).split())
    except (OSError, TypeError):
        text = getattr(function, "__qualname__", repr(function))
    code = getattr(function, "__code__", None)
    if (
        code is not None and text.count("lambda") > 1
    ):  # several in one statement have one source: told apart by their own
        text += repr(
            (code.co_names, code.co_varnames, [str(one) for one in code.co_consts if not inspect.iscode(one)])
        )
    closed = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    named = getattr(function, "__kwdefaults__", None)
    given = [*(getattr(function, "__defaults__", None) or ()), *closed, *([named] if named else [])]
    return (text, *(plain(one) if not callable(one) else getattr(one, "__name__", "") for one in given))


def bracketed(words: str) -> str:
    """Brackets around a text that is itself a ratio."""
    return f"[{words}]" if " over " in words else words
