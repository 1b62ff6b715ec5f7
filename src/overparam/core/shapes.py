"""What a stored document must be, as small checks that are put together. Standard library only.

A check takes a value and raises :class:`Unfit` where it is another one than expected; the place in the document is added
on the way out, so that what fits costs no more than the look at it.

>>> person = document({"name": text(), "age": whole(0, 150)})
>>> person({"name": "Ada", "age": 36})
>>> person({"name": "Ada", "age": "36"})
Traceback (most recent call last):
    ...
overparam.core.shapes.Unfit: age: expected a whole number from 0 to 150, got '36'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from overparam.core.documents import Damaged

Check = Callable[[Any], None]
LARGEST = 1.7976931348623157e308  # of a number with 64 bits: beyond it JSON is read as infinity
SHORT, LONG = 10_000, 2**24  # characters of a text
DEPTH = 32  # levels of what is not looked at more closely
_NUMBERS = {int, float, type(None)}
_SCALARS = {*_NUMBERS, bool, str}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NAME = re.compile(r"\w[\w=.,+ @()~-]*(?<![. ])")


class Unfit(Damaged):
    """A value that is not what its place in a document asks for."""

    def __init__(self, what: str, where: str = "") -> None:
        """Keep what was expected, and where."""
        super().__init__(what)
        self.what, self.where = what, where

    def __str__(self) -> str:
        return f"{self.where.lstrip('.')}: {self.what}" if self.where else self.what


def shown(value: Any) -> str:
    """A value in a sentence, cut short."""
    words = {dict: "an object", list: "a list", type(None): "null", bool: "true" if value else "false"}
    told = words.get(type(value))
    if told is None:
        whole = isinstance(value, int) and abs(value) > 10**30
        told = "a huge whole number" if whole else repr(value)
    return told if len(told) <= 60 else f"{told[:59]}…"


def fail(expected: str, value: Any) -> Unfit:
    """The error for a value that is not what is expected."""
    return Unfit(f"expected {expected}, got {shown(value)}")


def number(low: float = -LARGEST, high: float = LARGEST, *, none: bool = False) -> Check:
    """A finite number from ``low`` to ``high``; with ``none`` also null."""
    some = low > -LARGEST or high < LARGEST
    expected = f"a number{f' from {low:g} to {high:g}' if some else ''}{' or null' if none else ''}"

    def check(value: Any) -> None:
        kind = type(value)
        if (kind is float or kind is int) and low <= value <= high:
            return
        if not (none and value is None):
            raise fail(expected, value)

    return check


def whole(low: int = -(2**63), high: int = 2**63 - 1, *, none: bool = False) -> Check:
    """A whole number from ``low`` to ``high``; true and 1.0 are none."""
    expected = f"a whole number from {low} to {high}{' or null' if none else ''}"

    def check(value: Any) -> None:
        if (type(value) is int and low <= value <= high) or (none and value is None):
            return
        raise fail(expected, value)

    return check


def text(most: int = SHORT) -> Check:
    """A text of at most so many characters."""

    def check(value: Any) -> None:
        if type(value) is not str:
            raise fail("a text", value)
        if len(value) > most:
            raise Unfit(f"expected a text of at most {most} characters, got {len(value)}")

    return check


def flag(value: Any) -> None:
    """True or false."""
    if type(value) is not bool:
        raise fail("true or false", value)


def word(*known: str) -> Check:
    """One of some texts."""
    expected, among = f"one of {', '.join(repr(one) for one in known)}", frozenset(known)

    def check(value: Any) -> None:
        if type(value) is not str or value not in among:
            raise fail(expected, value)

    return check


def safe_name(value: Any) -> None:
    """A name that is one file name everywhere: letters, digits and a few signs, no folder, not hidden, not reserved."""
    if type(value) is not str or not _NAME.fullmatch(value) or len(value) > 200:
        raise fail("a name of letters, digits and =.,_+-@()~ that does not begin with a sign", value)
    if _RESERVED.fullmatch(value):
        raise Unfit(f"expected a name that no system keeps for itself, got '{value}'")


def is_safe(name: str) -> bool:
    """Whether a name is one file name everywhere.

    >>> [is_safe(one) for one in ("quick+width=3", "../x", "/x", ".x", "-x", "a/b", "nul", "")]
    [True, False, False, False, False, False, False, False]
    """
    try:
        safe_name(name)
    except Unfit:
        return False
    return True


def either(*checks: Check) -> Check:
    """What any of some checks takes; the last one tells what was expected."""

    def check(value: Any) -> None:
        for one in checks[:-1]:
            try:
                one(value)
            except Unfit:
                continue
            return
        checks[-1](value)

    return check


def nothing(value: Any) -> None:
    """Null."""
    if value is not None:
        raise fail("null", value)


def sequence(check_one: Check, least: int = 0) -> Check:
    """A list whose items fit."""

    def check(value: Any) -> None:
        if type(value) is not list or len(value) < least:
            raise fail("a list" + (f" of at least {least}" if least else ""), value)
        for place, item in enumerate(value):
            try:
                check_one(item)
            except Unfit as error:
                raise Unfit(error.what, f"[{place}]{error.where}") from None

    return check


def numbers(value: Any) -> None:
    """A list of finite numbers and nulls."""
    if type(value) is not list:
        raise fail("a list of numbers", value)
    if not _finite(value, set(map(type, value)), _NUMBERS):
        place = next(i for i, one in enumerate(value) if not _finite([one], {type(one)}, _NUMBERS))
        raise Unfit(fail("a number or null", value[place]).what, f"[{place}]")


def _finite(values: list[Any], kinds: set[type], among: set[type]) -> bool:
    if not kinds <= among:
        return False
    if float in kinds or int in kinds:
        for one in values:
            if one.__class__ in (float, int) and not -LARGEST <= one <= LARGEST:
                return False
    return True


def mapping(check_one: Check, check_key: Check | None = None) -> Check:
    """An object with any keys whose values fit."""
    keys = text(SHORT) if check_key is None else check_key

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise fail("an object", value)
        for key, item in value.items():
            keys(key)
            try:
                check_one(item)
            except Unfit as error:
                raise Unfit(error.what, f".{key[:80]}{error.where}") from None

    return check


def document(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with some keys; others may stand beside them, if what they hold is plain."""
    checks = {**needed, **(optional or {})}

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise fail("an object", value)
        for key in needed:
            if key not in value:
                raise Unfit(f"it has no '{key}'")
        for key, item in value.items():
            try:
                checks.get(key, plain)(item)
            except Unfit as error:
                raise Unfit(error.what, f".{key[:80]}{error.where}") from None

    return check


def plain(value: Any, depth: int = DEPTH) -> None:
    """Any JSON of finite numbers and bounded texts, not nested too deep."""
    kind = type(value)
    if kind is list or kind is dict:
        if not depth:
            raise Unfit(f"expected at most {DEPTH} levels, got more")
        items = value if kind is list else list(value.values())
        kinds = set(map(type, items))
        if str not in kinds and _finite(items, kinds, _SCALARS):
            return
        for key, item in enumerate(items) if kind is list else value.items():
            try:
                plain(item, depth - 1)
            except Unfit as error:
                place = f"[{key}]" if kind is list else f".{str(key)[:80]}"
                raise Unfit(error.what, place + error.where) from None
    elif kind is str:
        if len(value) > LONG:
            raise Unfit(f"expected a text of at most {LONG} characters, got {len(value)}")
    elif kind not in _SCALARS or ((kind is float or kind is int) and not -LARGEST <= value <= LARGEST):
        raise fail("a finite number, a text or a list", value)
