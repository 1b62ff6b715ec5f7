"""Why an expected effect is absent: named causes, each looked at, excluded, or not looked at. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["likely", "ruled_out", "not_checked"]
STATES: tuple[State, ...] = ("likely", "ruled_out", "not_checked")
WORDS: Mapping[str, str] = {"likely": "likely", "ruled_out": "ruled out", "not_checked": "not checked"}


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
    '2 causes checked, 1 not'
    """
    left = sum(item["state"] == "not_checked" for item in items)
    checked = len(items) - left
    return f"{checked} cause{'' if checked == 1 else 's'} checked, {left} not"
