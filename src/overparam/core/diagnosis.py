"""Why an expected effect is absent: named causes, each looked at, excluded, or not looked at. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["likely", "ruled_out", "not_checked"]
STATES: tuple[State, ...] = ("likely", "ruled_out", "not_checked")
WORDS: Mapping[str, str] = {"likely": "likely", "ruled_out": "ruled out", "not_checked": "not checked"}


_ONE = "the one cause that is known was checked"


@dataclass(frozen=True)
class Diagnosis:
    """One possible cause of an absent effect.

    Attributes:
        name: short name, for instance ``noise``.
        sentence: the cause, as a statement that is true where it is ``likely``.
        state: ``likely`` (it is there), ``ruled_out`` (it is not), ``not_checked`` (this run cannot tell).
        detail: the measured number, or why it was not checked.
    """

    name: str
    sentence: str
    state: State
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def tally(items: list[Mapping[str, Any]] | tuple[Mapping[str, Any], ...]) -> str:
    """How many causes were looked at, in words.

    >>> tally([{"state": "likely"}, {"state": "ruled_out"}, {"state": "not_checked"}])
    '2 causes were checked, 1 could not be'
    >>> tally([{"state": "likely"}])
    'the one cause that is known was checked'
    """
    left = sum(item["state"] == "not_checked" for item in items)
    checked = len(items) - left
    if not left:
        return f"all {checked} causes that are known were checked" if checked > 1 else _ONE
    if not checked:
        return "no cause could be checked"
    return f"{checked} cause{' was' if checked == 1 else 's were'} checked, {left} could not be"
