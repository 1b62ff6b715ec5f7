"""An assumption of a theorem: what it asks, and whether it was checked on what was given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from overparam.core.errors import UsageError

State = Literal["holds", "fails", "unchecked"]

STATES: tuple[str, ...] = ("holds", "fails", "unchecked")


@dataclass(frozen=True)
class Assumption:
    """One condition under which a formula is true.

    Attributes:
        name: short name, in lower case.
        sentence: the condition in words.
        state: ``holds`` or ``fails`` if it was checked on the given numbers, else ``unchecked``.
        detail: what was found, or why it cannot be checked.

    Raises:
        UsageError: a state that is none of the three, or no name, sentence or detail.

    >>> Assumption("rank", "The design has full rank.", "holds", "rank 5 of 5").state
    'holds'
    """

    name: str
    sentence: str
    state: State
    detail: str

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise UsageError(f"assumption '{self.name}': expected one of {STATES}, got state {self.state!r}.")
        if not (self.name and self.sentence and self.detail):
            raise UsageError("an assumption: expected a name, a sentence and a detail, got an empty one.")


def checked(name: str, sentence: str, holds: bool, detail: str) -> Assumption:
    """Return an assumption that was checked.

    >>> checked("rank", "The design has full rank.", False, "rank 4 of 5").state
    'fails'
    """
    return Assumption(name, sentence, "holds" if holds else "fails", detail)


def failing(assumptions: Iterable[Assumption]) -> tuple[Assumption, ...]:
    """Return the assumptions that were checked and do not hold.

    >>> failing([checked("a", "A.", True, "yes"), checked("b", "B.", False, "no")])[0].name
    'b'
    """
    return tuple(one for one in assumptions if one.state == "fails")
