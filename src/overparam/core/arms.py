"""Which cells a rule reads, and which metrics stand for which: plain data, so that a control is a rule on another arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from overparam.core.code import value_of
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.operands import of_kind


@dataclass(frozen=True)
class Choice:
    """A value of an axis that is picked among those present.

    Attributes:
        words: which one, for instance "the most".
        pick: ``(axis, levels) -> value``, levels sorted; raises MissingEvidence if there is none.
    """

    words: str
    pick: Callable[[str, tuple[Any, ...]], Any]

    @property
    def tree(self) -> tuple[Any, ...]:
        """How it is picked, as plain values; words do not enter."""
        return ("choice", value_of(self.pick))


def _most(axis: str, levels: tuple[Any, ...]) -> Any:
    top = max(levels, default=0.0)
    if top <= 0:
        raise MissingEvidence(f"no finished cell has {axis.replace('_', ' ')}. Run with --{axis} 0,0.2.")
    return top


def _largest(axis: str, levels: tuple[Any, ...]) -> Any:
    if not levels:
        raise MissingEvidence(f"no finished cell has the axis '{axis}'. Run the study first.")
    return levels[-1]


MOST = Choice("most", _most)
"""The largest value of an axis among the cells, which must be above 0."""
LARGEST = Choice("largest", _largest)
"""The largest value of an axis among the cells."""


def preferred(value: Any) -> Choice:
    """This value of an axis where some cell has it, else the largest."""
    return Choice(
        f"{value} where there is any", lambda _, levels: value if value in levels or not levels else levels[-1]
    )


NONE = 0.0
"""No noise, no penalty: the value 0 of an axis."""


@dataclass(frozen=True)
class Only:
    """Which settings a rule is judged in; the others are left out.

    Attributes:
        words: what is asked of a setting, for instance "m* of at least 4".
        holds: whether a setting is judged, from its cells ``(params, values)``.
    """

    words: str
    holds: Callable[[Any], bool]

    @property
    def tree(self) -> tuple[Any, ...]:
        """What is asked, as plain values; words do not enter."""
        return ("only", value_of(self.holds))


def holding(metric: str) -> Only:
    """The settings of which some cell has a value, where others do not measure it."""
    return Only(
        f"a measured {metric.replace('_', ' ')}", lambda rows: any(metric in values for _, values in rows)
    )


@dataclass(frozen=True)
class Arm:
    """Which cells are read, and which metrics stand for which.

    Attributes:
        words: the arm in words, the start of the rule's text; empty for all cells.
        where: axis to its value, or to a :class:`Choice` among the values present.
        metrics: name in a rule to the name among a cell's values that is read for it.
        x: the axis or list along which lines run; empty for the study's.
        complete: metrics that must be finite too for a seed to count, beside those that the rule reads.
        only: which settings are judged; by default all.
    """

    words: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    x: str = ""
    complete: tuple[str, ...] = ()
    only: Only | None = None

    def __post_init__(self) -> None:
        """Refuse what would be read as something else: one name where several are asked for, a number as words."""
        for name in ("words", "x"):
            of_kind(getattr(self, name), ("text",), f"arm, {name}")
        if not isinstance(self.complete, tuple | list) or not all(
            isinstance(one, str) for one in self.complete
        ):
            raise UsageError(
                f"arm, complete: expected a tuple of names of metrics, got {self.complete!r}. Write one as ('test_loss',)."
            )
        if not isinstance(self.where, Mapping) or not isinstance(self.metrics, Mapping):
            raise UsageError("arm: expected axes with their values and names of metrics as dictionaries.")

    @property
    def tree(self) -> tuple[Any, ...]:
        """What is read, as plain values; words do not enter."""
        more = (self.complete, self.only) if self.complete or self.only else ()
        return (value_of(dict(self.where)), value_of(dict(self.metrics)), self.x, *map(value_of, more))

    def but(
        self, words: str = "", *, metrics: Mapping[str, str] | None = None, x: str = "", **where: Any
    ) -> Arm:
        """The same arm with other cells or metrics.

        >>> Arm("clean labels", {"noise": 0.0}).but("clean labels, ridge", metrics={"loss": "ridge_loss"}).metrics
        {'loss': 'ridge_loss'}
        """
        return Arm(
            words or self.words,
            {**self.where, **where},
            {**self.metrics, **(metrics or {})},
            x or self.x,
            self.complete,
            self.only,
        )


def arm(
    words: str = "",
    *,
    metrics: Mapping[str, str] | None = None,
    x: str = "",
    complete: tuple[str, ...] = (),
    only: Only | None = None,
    **where: Any,
) -> Arm:
    """An arm: ``arm("clean labels", noise=NONE)``.

    Args:
        words: the arm in words.
        metrics: name in a rule to the name that is read for it.
        x: the axis or list along which lines run; empty for the study's.
        complete: metrics that must be finite too for a seed to count.
        only: which settings are judged; by default all.
        where: axes with their values, or a :class:`Choice` such as ``MOST``.
    """
    return Arm(words, where, metrics or {}, x, complete, only)


def renamed(prefix: str, *metrics: str) -> dict[str, str]:
    """Metrics read under a prefix: the commonest control.

    >>> renamed("ridge_", "test_loss")
    {'test_loss': 'ridge_test_loss'}
    """
    return {name: prefix + name for name in metrics}
