"""One answer about a network: a status, an effect with its interval, the rule behind it and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from overparam.core.errors import UsageError

Status = Literal["yes", "no", "inconclusive", "not applicable", "not run"]
STATUSES: tuple[Status, ...] = ("yes", "no", "inconclusive", "not applicable", "not run")
LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """A number with its interval.

    Attributes:
        label: what was measured.
        value: the number.
        unit: its unit; ``%`` and ``points`` are already multiplied by 100.
        low: lower end of the interval; None where there is none.
        high: upper end.
        n: how many independent things it rests on.
        of: what these are, in the plural.
        level: of the interval.
        whole: whether everything that there is was measured, so that no interval is needed.
    """

    label: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    of: str = "examples"
    level: float = LEVEL
    whole: bool = False


@dataclass(frozen=True)
class Table:
    """Numbers in rows: a curve, or what stands beside an effect.

    Attributes:
        title: what it shows.
        columns: heads, with units.
        rows: one value a column; numbers, texts or None.
        note: what to know when reading it.
        curve: the places of ``x``, ``y``, ``low`` and ``high`` among the columns, where it is drawn; ``log`` for the
            horizontal axis.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    curve: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Next:
    """What would tell more.

    Attributes:
        words: what it would tell.
        call: the exact call, with the names of the arguments of :func:`~overparam.own.diagnosis.diagnose`.
        seconds: about how long it takes; None where that is not known.
    """

    words: str
    call: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a check found.

    Attributes:
        code: ``OP001`` and so on.
        name: of the check, in a few words.
        question: that is answered.
        status: ``yes``, ``no``, ``inconclusive``, ``not applicable`` or ``not run``.
        words: the answer in a sentence or two.
        effect: the number that the status rests on; None where nothing was measured.
        rule: when the status would be yes, and when no.
        beside: further numbers.
        tables: curves.
        confounders: what else could have made the effect.
        errors: how often the rule was wrong where the truth is known.
        next: what would tell more, and what that costs.
        anchor: where the documentation says more.
        seconds: how long the check took.
        ranking: examples in an order, where the check gives one.
    """

    code: str
    name: str
    question: str
    status: Status
    words: str
    effect: Measured | None = None
    rule: str = ""
    beside: tuple[Measured, ...] = ()
    tables: tuple[Table, ...] = ()
    confounders: tuple[str, ...] = ()
    errors: str = ""
    next: Next | None = None
    anchor: str = ""
    seconds: float = 0.0
    ranking: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise unless the status is one of the five.

        Raises:
            UsageError: it is another.
        """
        if self.status not in STATUSES:
            raise UsageError(f"status: expected one of {', '.join(STATUSES)}, got '{self.status}'.")

    @property
    def decided(self) -> bool:
        """Whether it is a yes or a no."""
        return self.status in ("yes", "no")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; a ranking is told by its length alone."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "ranking"}
        found |= {
            "effect": _plain(self.effect),
            "beside": [_plain(one) for one in self.beside],
            "tables": [_plain(one) for one in self.tables],
            "next": _plain(self.next),
            "confounders": list(self.confounders),
            "ranked": None if self.ranking is None else len(self.ranking),
        }
        return {name: jsonable(value) for name, value in found.items()}


def jsonable(value: Any) -> Any:
    """A value in plain JSON types: no NaN, no infinities, no arrays.

    >>> jsonable({"a": (1.0, float("nan")), "b": {"c": None}})
    {'a': [1.0, None], 'b': {'c': None}}
    """
    if isinstance(value, Mapping):
        return {str(name): jsonable(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(one) for one in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _plain(one: Any) -> dict[str, Any] | None:
    return None if one is None else {name: getattr(one, name) for name in one.__dataclass_fields__}
