"""Tables of numbers with their intervals, as text."""

from __future__ import annotations

from collections.abc import Sequence

Ends = tuple[float, float] | None


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as they must be; empty columns are left out.

    Args:
        rows: the head and the rows, texts of equal number.

    >>> columns([("a", "b", "c"), ("1", "", "long"), ("22", "", "x")])
    ['a   c', '1   long', '22  x']
    """
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    wide = {i: max(len(row[i]) for row in rows) for i in used}
    return ["  ".join(f"{row[i]:<{wide[i]}}" for i in used).rstrip() for row in rows]


def percentages(value: float, ends: Ends) -> tuple[str, str]:
    """A share and its interval in percent; an interval of shares never leaves 0 to 100.

    Args:
        value: the share.
        ends: the ends of its interval, or None.

    >>> percentages(0.9312, (0.91, 1.02))
    ('93.1', '91.0 to 100.0')
    """
    return _hundredths(value, ends, 0.0, ".1f")


def points_apart(value: float, ends: Ends) -> tuple[str, str]:
    """A difference of shares and its interval, in points of a hundred, with signs; it never leaves -100 to 100.

    Args:
        value: the difference.
        ends: the ends of its interval, or None.

    >>> points_apart(0.021, (-0.004, 0.046))
    ('+2.1', '-0.4 to +4.6')
    """
    return _hundredths(value or 0.0, ends, -1.0, "+.1f")


def written(value: float, ends: Ends) -> tuple[str, str]:
    """A number and its interval with four digits.

    Args:
        value: the number.
        ends: the ends of its interval, or None.

    >>> written(0.123456, (0.1, 0.2))
    ('0.1235', '0.1 to 0.2')
    """
    return f"{value:.4g}", "" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"


def _hundredths(value: float, ends: Ends, least: float, form: str) -> tuple[str, str]:
    """A number and its interval, cut at ``least`` and 1, times a hundred."""
    span = "" if ends is None else f"{100 * max(least, ends[0]):{form}} to {100 * min(1.0, ends[1]):{form}}"
    return f"{100 * value:{form}}", span
