"""The console that everything for a person's terminal goes through.

Titles, notes, error texts and file names come from other people's files. Whatever is printed here is made harmless at
one place, after markup was read and before colours are added: no escape sequence of a file reaches the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from overparam.core.harmless import harmless


class Terminal(Console):
    """A console of rich on which no text steers the terminal, and ``:words:`` stay as they are."""

    def __init__(self, **options: Any) -> None:
        """Take the options of a console."""
        super().__init__(**{"emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Give the segments of what is printed, each text made harmless."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
                continue
            text = harmless(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)
