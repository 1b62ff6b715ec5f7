"""The claim ledger: the numbered statements of the source documents, which a study's claims answer by number.

>>> line("L53").sentence
'The test risk peaks at the interpolation threshold and falls a second time beyond it.'
>>> line("L22D").parent, len(NUMBERS)
('L22', 63)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from overparam.core.errors import UsageError

FILE = Path(__file__).parents[1] / "studies" / "ledger.toml"


@dataclass(frozen=True)
class Line:
    """One statement of the ledger.

    Attributes:
        number: ``L53``; a letter marks one that is named under another, ``L22D``.
        sentence: what the source says, in plain words.
        source: the source in short, such as ``Tian 2019``.
        place: where the source says it.
        citation: the source in full.
        document: number of the source among the documents that the ledger was made from.
        note: what the printed statement lacks, or how it is read; empty where nothing is to be said.
        unmeasured: why no experiment can answer it; empty where one can.
    """

    number: str
    sentence: str
    source: str
    place: str
    citation: str
    document: str
    note: str = ""
    unmeasured: str = ""

    @property
    def parent(self) -> str:
        """The number under which it counts: its own, without a letter."""
        return self.number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _read() -> dict[str, Line]:
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sources = found.pop("sources")
    return {
        number: Line(
            number,
            entry["sentence"],
            sources[entry["source"]]["short"],
            entry["place"],
            sources[entry["source"]]["citation"],
            sources[entry["source"]]["document"],
            entry.get("note", ""),
            entry.get("unmeasured", ""),
        )
        for number, entry in found.items()
    }


LEDGER: Mapping[str, Line] = MappingProxyType(_read())
"""Every line by its number, in the order of the sources; lines with a letter follow the one they count under."""

NUMBERS = tuple(number for number, one in LEDGER.items() if one.parent == number)
"""The 63 statements that are counted."""


def line(number: str) -> Line:
    """Return a line of the ledger; ``53``, ``l53`` and ``L53`` name the same.

    Raises:
        UsageError: there is no such line.
    """
    text = number.strip().upper()
    found = LEDGER.get(text if text.startswith("L") else f"L{text}")
    if found is None:
        raise UsageError(
            f"unknown ledger line '{number}'. Expected {NUMBERS[0]} to {NUMBERS[-1]}, or one named under another such as "
            "L22D. See `overparam ls --ledger`."
        )
    return found


def parts(number: str) -> tuple[Line, ...]:
    """Return the lines that count under a number: its own, then those with a letter."""
    own = line(number)
    return tuple(one for one in LEDGER.values() if own.number in (one.number, one.parent))
