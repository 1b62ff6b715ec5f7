"""Text from elsewhere that a terminal may show: what would steer the terminal, or hide what is written, is spelled out.

File names, notes of cells, error texts and titles come from other people's files. Shown as they are, an escape
sequence in them could clear the screen, set a link or write over a verdict, and a direction mark could turn words round.
"""

from __future__ import annotations

import re
from typing import Any

_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, the escape character among them; not tab and line feed
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # directions, what is not seen
    "\ufffe\uffff"  # no characters, which no picture may hold
    "\ud800-\udfff"  # halves of a pair, which cannot be printed
    "\U000e0000-\U000e007f]"  # tags, which are not seen
)


def harmless(text: str) -> str:
    r"""Return a text in which every character that steers a terminal, or cannot be seen, is written as its number.

    Line feeds and tabs stay. What is written can be read back as a Python string.

    >>> print(harmless("a\x1b[31mb \u202e c"))
    a\x1b[31mb \u202e c
    """
    return _HARMFUL.sub(_spelled, text)


def harmless_in(value: Any) -> Any:
    """Return JSON types in which every text, keys apart, is made harmless."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {key: harmless_in(item) for key, item in value.items()}
    return [harmless_in(item) for item in value] if isinstance(value, list) else value


def harmless_json(text: str) -> str:
    r"""Return JSON that says the same without a character that steers a terminal, so that it can be printed.

    >>> print(harmless_json('{"note": "\x9b1m"}'))
    {"note": "\u009b1m"}
    """
    return _HARMFUL.sub(_escaped, text)


def _spelled(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 65536:
        return f"\\u{code:04x}"
    code -= 65536
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 1023):04x}"
