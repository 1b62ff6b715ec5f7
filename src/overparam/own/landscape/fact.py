"""What a measurement of the landscape says: numbers with their intervals, as a text of 80 columns, a page and plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core.atomic import write_text
from overparam.core.errors import UsageError
from overparam.core.shown import Shown
from overparam.core.words import number, wrapped

WIDE = 80


@dataclass(frozen=True)
class Fact:
    """One number with its meaning.

    Attributes:
        label: what it is.
        value: the number; None where it was not measured.
        unit: of it.
        low: end of its interval, None where there is none.
        high: the other end.
        words: what it rests on, in a sentence.
        at_least: whether the value is a bound from below.
    """

    label: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: str = ""
    at_least: bool = False

    @property
    def told(self) -> str:
        """The number with unit and interval.

        >>> Fact("rise", 2.0, "%", 1.5, 2.5).told, Fact("rise", 2.0, "%", at_least=True).told
        ('2 %, 1.5 to 2.5', 'at least 2 %')
        """
        if self.value is None or math.isnan(self.value):
            return "not measured"
        unit = f" {self.unit}" if self.unit else ""
        size = "infinite" if math.isinf(self.value) else f"{number(self.value)}{unit}"
        told = f"at least {size}" if self.at_least else size
        if self.low is None or self.high is None or math.isinf(self.value):
            return told
        top = "any number" if math.isinf(self.high) else number(self.high)
        return f"{told}, {number(self.low)} to {top}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what is infinite or missing is None, and said in ``told``."""
        return {
            "label": self.label, "value": plain(self.value), "unit": self.unit, "low": plain(self.low),
            "high": plain(self.high), "words": self.words, "at_least": self.at_least, "told": self.told,
        }  # fmt: skip


def plain(value: float | None) -> float | None:
    """A number for JSON: None where it is missing or infinite.

    >>> plain(1.5), plain(float("inf"))
    (1.5, None)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def lines_of(facts: Sequence[Fact], indent: int = 0) -> list[str]:
    """Facts in lines of at most 80 characters.

    Args:
        facts: what is told.
        indent: spaces in front.
    """
    pad, found = " " * indent, []
    for one in facts:
        text = f"{one.label}: {one.told}." + (f" {one.words}" if one.words else "")
        found += [pad + line for line in wrapped(text, 2, WIDE - indent).splitlines()]
    return found


class Measured(Shown):
    """A result with a text, a page and plain values."""

    drawn_by = "landscape"

    def to_html(self) -> str:
        """Return the page: one HTML document that asks the network for nothing."""
        return str(self.page.render(self.shown()))

    def save(self, path: str | Path) -> Path:
        """Write a file: a page (``.html``), plain values (``.json``) or the text (``.txt``).

        Args:
            path: of the file; its ending says which.

        Raises:
            UsageError: another ending.
            StoreError: it cannot be written.
        """
        to = Path(path)
        if to.suffix == ".html":
            return write_text(to, self.to_html())
        if to.suffix == ".json":
            return write_text(
                to, json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            )
        if to.suffix == ".txt":
            return write_text(to, f"{self}\n")
        raise UsageError(f"save: expected a path that ends in .html, .json or .txt, got '{to}'.")
