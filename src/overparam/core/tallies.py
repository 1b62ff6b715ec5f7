"""What was found, in sentences: counts by kind, totals by line, effects with their intervals. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from overparam.core.totals import MOST, VERDICTS, WORDS, Row, chance
from overparam.core.words import number

Entry = Mapping[str, Any]
MANY = {"claim": "claims", "check": "checks", "question": "questions"}


def of_lines(rows: Sequence[Row]) -> str:
    """Return how many lines have which verdict."""
    found = [row.verdict for row in rows]
    counts = [f"{found.count(name)} {name}" for name in VERDICTS if name in found]
    return f"Of {len(rows)} statements of the sources: {', '.join(counts)}."


def by_chance(rows: Sequence[Row]) -> str:
    """Return how many false verdicts to expect among the lines, and how many survive Holm's procedure."""
    found = chance(rows)
    if not found.lines:
        return "No line is decided by claims."
    survive = len(found.survive)
    return (
        f"Claims decide {found.lines} of the lines, {found.alone} of them by one measurement alone, the others by more than "
        f"half of several. Chance alone would support at most {found.support:.1f} of them falsely and contradict at most "
        f"{found.contradiction:.1f}. Of the {found.decided} that are supported or contradicted {survive} "
        f"survive{'s' * (survive == 1)} Holm's procedure at {100 * MOST:g} % over all of them in both directions."
    )


def of_kind(kind: str, entries: Iterable[Entry]) -> str:
    """Return how the statements of a kind ended, each data set apart.

    >>> of_kind("check", [{"kind": "check", "status": "supported"}] * 3)
    '3 of 3 checks pass'
    """
    states = [one["status"] for one in entries if one["kind"] == kind]
    judged = [state for state in states if state != "not_applicable"]
    rest = f", {len(states) - len(judged)} not applicable" if len(states) > len(judged) else ""
    if kind == "check":
        bad = [f", {judged.count(s)} {WORDS[kind][s]}" for s in ("contradicted", "inconclusive") if s in judged]
        return f"{judged.count('supported')} of {len(judged)} checks pass{''.join(bad)}{rest}"
    counts = [f"{judged.count(state)} {words}" for state, words in WORDS[kind].items() if state in judged]
    return f"{len(judged)} {MANY[kind]}: {', '.join(counts)}{rest}" if judged else f"no {kind} judged{rest}"


def totals(rows: Sequence[Row], findings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the sentences that stand above the ledger: lines, what chance would give, and counts by kind."""
    entries = [one for found in findings for one in found["verdicts"]]
    kinds = "; ".join(of_kind(kind, entries) for kind in WORDS)
    return of_lines(rows), by_chance(rows), f"Verdicts, each data set apart: {kinds}."


def asked(one: Entry) -> str:
    """Return the cut-offs of a verdict in words: those that support it, then what contradicts it where that differs.

    >>> asked({"asked": [1.0, None], "excluded": [0.0, None]}), asked({"asked": [0.7, 2.0], "excluded": [None, None]})
    ('at least 1; contradicted below 0', '0.7 to 2')
    """
    (low, high), (below, above) = one["asked"], one["excluded"]
    if low is not None and high is not None:
        told = f"{number(low)} to {number(high)}"
    else:
        told = f"at least {number(low)}" if low is not None else "" if high is None else f"at most {number(high)}"
    beyond = [f"below {number(below)}"] * (below is not None and below != low)
    beyond += [f"above {number(above)}"] * (above is not None and above != high)
    return told + (f"; contradicted {' or '.join(beyond)}" if beyond else "")


def effect(one: Entry) -> str:
    """Return the effect of a verdict with its label and unit; empty where nothing was measured."""
    if one["effect"] is None:
        return ""
    text = number(one["effect"], _digits(one))
    unit = one["unit"]
    return f"{one['label']}: {text}{unit if unit in ('×', '') else ' ' + unit}"


def interval(one: Entry) -> str:
    """Return the ends of a verdict's interval, or ``none`` for a worst case or a count.

    They have as many digits as it takes for them to stand to the cut-offs as the verdict says.

    >>> interval({"low": 3.9996, "high": 5.58, "asked": [4.0, None], "excluded": [None, None]})
    '3.9996 to 5.58'
    """
    if one["low"] is None or one["low"] == one["high"]:
        return "none"
    digits = _digits(one)
    return f"{number(one['low'], digits)} to {number(one['high'], digits)}"


def _digits(one: Entry) -> int:
    ends = [end for end in (one["low"], one["high"]) if end is not None]
    cuts = [cut for cut in (*one["asked"], *one["excluded"]) if cut is not None]
    for digits in range(3, 9):
        if all(_side(float(f"{end:.{digits}g}"), cut) == _side(end, cut) for end in ends for cut in cuts):
            return digits
    return 9


def _side(value: float, cut: float) -> float:
    return math.copysign(1.0, value - cut) if value != cut else 0.0
