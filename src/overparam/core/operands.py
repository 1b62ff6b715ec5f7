"""What every word of the vocabulary takes, looked at when it is said. Standard library only.

A number that stands where a text is asked for, or the other way round, would be kept and never used: ``scalar("loss", "its
words", "points", 100)`` would scale nothing. So each operand is held against its kind when the expression is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from overparam.core.errors import UsageError

TOLD = {
    "line": "a line such as line('test_loss')",
    "number": "a number such as line('test_loss').last",
    "grid": "a grid such as grid('width')",
    "region": "a region such as grid('width') < 64",
    "place": "a place such as grid('width').near(64)",
    "expression": "a line, a number, a grid, a region or a place",
    "arm": "an arm such as arm('clean labels', noise=0)",
    "name": "a name",
    "text": "a text",
    "real": "a finite number",
    "bound": "a number",
    "whole": "a whole number",
    "flag": "True or False",
    "function": "a function",
    "drop": "'drop' or 'nan'",
    "none": "None",
    "edge": "which ends count",
}
"""Kinds of operands, as a message says them."""

ADVICE = {
    (
        "scalar",
        "missing",
    ): "A number has no factor: store it in the unit that is shown, or write per_seed(lambda a: 100 * a, "
    "'its words', scalar('its_name'), unit='points').",
    ("worst", "where"): "It is the name of a list among the cell's values.",
    ("floor", "per"): "It is the name of a value of the cells by which the least value is divided.",
    ("grid", "per"): "It is the name of an axis, or of a value of the cells, by which the quantity is divided.",
}
"""What to do next, where more can be said than the kind."""

_OF = {
    "smoothed": "of line, points whole", "backwards": "of line", "inside": "of line, region region",
    "floor": "of line, least real, per text", "over": "of line, other number", "divide": "of line, other line",
    "less": "of line, other number", "times": "of line, times real", "at": "of line, place place", "every": "of line",
    "some": "of line", "climbs": "of line, factor flag", "trend": "of line", "largest": "of line", "lowest": "of line",
    "top": "of line", "bottom": "of line", "average": "of line", "peak": "of line, log flag",
    "peak_place": "of line, along grid", "climb": "of line, factor flag", "held_out_climb": "of line, factor flag",
    "slope": "of line, over grid|none", "straightness": "of line, over grid|none", "growth": "of line, from_middle flag",
    "rank_with": "of line, other line", "farthest": "of line, other line|real", "first_at_most": "of line, cut real, strict flag",
    "ratio": "of number, other number", "minus": "of number, other number", "plus": "of number, constant real",
    "on": "of number, arm arm", "pair": "first number, second number", "across": "of number, axis name",
    "hump_low": "of line, left region", "hump_top": "of line, left region", "hump_floor": "of line, left region",
    "hump_place": "of line, left region, along grid", "hump_step": "of line, left region",
    "line": "metric name", "scalar": "metric name, missing drop", "worst": "metric name, where text, missing real|none",
    "raw": "metric name", "grid": "name name, per text",
    "within": "of grid, low bound, high bound, ends edge", "outside": "of grid, low real, high real",
    "near": "of grid, wanted real, within real|none", "both": "of region, other region", "step": "of place, by whole",
    "before": "of place", "onward": "of place", "last": "of region, by whole",
}  # fmt: skip

OPERANDS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = MappingProxyType(
    {
        op: tuple((one.split()[0], tuple(one.split()[1].split("|"))) for one in told.split(", "))
        for op, told in _OF.items()
    }
)
"""Operation to its operands: the name and the kinds of each."""


def look(op: str, of: tuple[Any, ...], words: Any, unit: Any) -> None:
    """Refuse an operand that is not of its kind, and words or a unit that are no text.

    Args:
        op: name of the operation.
        of: its operands.
        words: what it is, in words.
        unit: its unit.

    Raises:
        UsageError: it names the word of the vocabulary and the argument.
    """
    for name, value in (("words", words), ("unit", unit)):
        if not isinstance(value, str):
            raise UsageError(f"{op}, {name}: expected a text, got {value!r}.")
    for value, (name, kinds) in zip(of, OPERANDS.get(op, ()), strict=False):
        of_kind(value, kinds, f"{op}, {name}", ADVICE.get((op, name), ""))
    if op in ("per_seed", "per_point", "share"):
        of_kind(of[0] if of else None, ("function",), f"{op}, function")


def said(value: Any, where: str, *kinds: str) -> str:
    """The words of an operand, once it is of its kind.

    Args:
        value: what was given.
        where: the word of the vocabulary and the argument.
        kinds: keys of ``TOLD``, any of which will do.

    Raises:
        UsageError: it is of none of them.
    """
    of_kind(value, kinds, where)
    return str(value.words)


def shown(value: Any, where: str, spec: str = "g") -> str:
    """A number as words show it, once it is one.

    Args:
        value: what was given.
        where: the word of the vocabulary and the argument.
        spec: how it is formatted.

    Raises:
        UsageError: it is no number.

    >>> shown(0.25, "near, wanted", ".3g")
    '0.25'
    """
    of_kind(value, ("bound",), where)
    return format(value, spec)


def named(value: Any, where: str, *kinds: str) -> str:
    """A name among a cell's values as words show it, once it is one.

    Args:
        value: what was given.
        where: the word of the vocabulary and the argument.
        kinds: keys of ``TOLD``; by default a name.

    Raises:
        UsageError: it is none.

    >>> named("test_loss", "line, metric")
    'test loss'
    """
    of_kind(value, kinds or ("name",), where)
    return str(value).replace("_", " ")


def of_kind(value: Any, kinds: tuple[str, ...], where: str, advice: str = "") -> None:
    """Refuse a value that is of none of these kinds.

    Args:
        value: what was given.
        kinds: keys of ``TOLD``, any of which will do.
        where: the word of the vocabulary and the argument.
        advice: what to do next.

    Raises:
        UsageError: it is of none of them.

    >>> of_kind(2.5, ("whole",), "smoothed, points")
    Traceback (most recent call last):
        ...
    overparam.core.errors.UsageError: smoothed, points: expected a whole number, got 2.5.
    """
    if not any(_is(value, kind) for kind in kinds):
        got = f"'{value.words}'" if hasattr(value, "words") else repr(value)[:80]
        asked = " or ".join(TOLD[kind] for kind in kinds)
        raise UsageError(f"{where}: expected {asked}, got {got}." + (f" {advice}" if advice else ""))


def _is(value: Any, kind: str) -> bool:
    if kind in ("line", "number", "grid", "region", "place", "expression", "arm"):
        return kind.capitalize() in (one.__name__ for one in type(value).__mro__)
    if kind in ("name", "text", "edge"):
        return isinstance(value, str) and (kind != "name" or bool(value.strip()))
    if kind in ("real", "bound", "whole"):
        if isinstance(value, bool) or not isinstance(value, Integral if kind == "whole" else Real):
            return False
        return math.isfinite(value) or (kind == "bound" and not math.isnan(value))
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "drop":
        return isinstance(value, str) and value in ("drop", "nan")
    return callable(value) if kind == "function" else value is None
