"""Standard streams that can always be written: closed ones, and encodings that lack a letter. Standard library only."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata

SIGNS = {
    "✓": "+",
    "✗": "x",
    "≥": ">=",
    "≤": "<=",
    "·": "-",
    "…": "...",
    "−": "-",
    "–": "-",
    "×": "x",
    "→": "->",
    "μ": "u",
}
POOR = "overparam.poor"  # the name of how letters are written that an encoding lacks


def _otherwise(error: UnicodeError) -> tuple[str, int]:
    """Letters in others: a sign that looks alike, the letter without its accent, or an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    told = ""
    for letter in error.object[error.start : error.end]:
        near = "".join(SIGNS.get(one, one) for one in unicodedata.normalize("NFKD", SIGNS.get(letter, letter)))
        plain = near.encode("ascii", "ignore").decode()
        told += plain or letter.encode("ascii", "backslashreplace").decode()
    return told, error.end


codecs.register_error(POOR, _otherwise)


def prepare() -> None:
    """Put something in the place of closed streams, and have letters that the encoding lacks told in others."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open as long as the program
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors=POOR)  # type: ignore[union-attr]


def finish() -> None:
    """Write out what waits; where nobody reads any more, say nothing of it when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
