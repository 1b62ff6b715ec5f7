"""Numbers in words. Standard library only."""

from __future__ import annotations

import math
import re
import textwrap

MINUS = "\u2212"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with at most ``digits`` significant digits, without unit; a missing one is a dash.

    >>> number(105610), number(0.15), number(-2.71828), number(1.25e-06), number(None)
    ('105,610', '0.15', '−2.718', '1.25 × 10⁻⁶', '–')
    """
    if value is None or isinstance(value, bool) or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if float(value).is_integer() and size < 1e9:
        return f"{value:,.0f}".replace("-", MINUS)
    if size >= 1e6 or size < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa} × 10{superscript(int(exponent))}".replace("-", MINUS)
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def wrapped(text: str, hang: int = 0, wide: int = 79) -> str:
    """Return a text in lines of at most ``wide`` characters; all but the first begin with ``hang`` spaces.

    >>> wrapped("a fact: of many words", 2, 14).splitlines()
    ['a fact: of', '  many words']
    """
    return textwrap.fill(
        text, wide, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
    )


def moment(time: str) -> str:
    """A time as it is stored, for a person.

    >>> moment("2026-11-20T12:30:05Z"), moment("yesterday")
    ('2026-11-20 12:30 UTC', 'yesterday')
    """
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?Z", time)
    return f"{found[1]} {found[2]} UTC" if found else time


def superscript(power: int) -> str:
    """Return a power of ten as it stands above the line.

    >>> superscript(-12)
    '⁻¹²'
    """
    return str(power).translate(_SUPERSCRIPTS)
