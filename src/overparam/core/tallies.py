"""What was found, in sentences: counts by kind, totals by line, effects with their intervals. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from overparam.core.digits import together
from overparam.core.kinds import GROUPS, word
from overparam.core.totals import MOST, VERDICTS, Row, chance

Entry = Mapping[str, Any]
ENDED = {
    "checks pass": "where checks pass",
    "checks fail": "where checks fail",
    "checks undecided": "where checks are undecided",
    "no study yet": "with no study yet",
    "no experiment": "that no experiment can answer",
}


def of_lines(rows: Sequence[Row]) -> str:
    """Return how many lines have which verdict."""
    found = [row.verdict for row in rows]
    counts = [f"{found.count(name)} {ENDED.get(name, name)}" for name in VERDICTS if name in found]
    return f"Of {len(rows)} statements of the sources: {', '.join(counts)}."


def by_chance(rows: Sequence[Row]) -> str:
    """Return how many false verdicts to expect among the lines, and how many survive Holm's procedure."""
    found = chance(rows)
    if not found.lines:
        return "No claim answers any of them."
    survive = len(found.survive)
    return (
        f"Claims answer {found.lines} of them, {found.alone} by a single measurement, which decides alone; of several more "
        f"than half must agree and none be against. Chance alone would support {_few(found.support)} of these lines "
        f"falsely and contradict {_few(found.contradiction)}. Of the {found.decided} supported or contradicted, {survive} "
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
    if not judged:
        return f"no {kind} judged{rest}"
    counts = [(judged.count(s), word(kind, s)) for s in ("supported", "contradicted", "inconclusive")]
    if kind == "check":
        bad = [f", {count} {name}" for count, name in counts[1:] if count]
        return f"{counts[0][0]} of {len(judged)} checks pass{''.join(bad)}{rest}"
    told = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{_count(len(judged), kind)}: {told}{rest}"


def totals(rows: Sequence[Row], findings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the sentences that stand above the ledger: lines, what chance would give, and counts by kind."""
    entries = [one for found in findings for one in found["verdicts"]]
    kinds = "; ".join(of_kind(kind, entries) for kind in GROUPS)
    partly = "A verdict is on what the studies test, which can be less than the whole line."
    return f"{of_lines(rows)} {partly}", by_chance(rows), f"Verdicts, each data set apart: {kinds}."


def asked(one: Entry) -> str:
    """Return the cut-offs of a verdict in words: those that support it, then what contradicts it where that differs.

    >>> asked({"effect": 2.0, "low": 1.5, "high": 2.5, "asked": [1.0, None], "excluded": [0.0, None], "form": "direction"})
    'at least 1; contradicted below 0'
    >>> asked({"effect": 1.0, "low": 0.9, "high": 1.1, "asked": [0.7, 2.0], "excluded": [None, None], "form": "equal"})
    '0.7 to 2'
    """
    (low, high), (below, above) = one["asked"], one["excluded"]
    *_, at_least, at_most, under, over = _texts(one)
    if one["form"] == "limit" and high is not None:
        return f"within {at_most}, or at most half left"
    if low is not None and high is not None:
        told = f"{at_least} to {at_most}"
    else:
        told = f"at least {at_least}" if low is not None else "" if high is None else f"at most {at_most}"
    beyond = [f"below {under}"] * (below is not None and below != low)
    beyond += [f"above {over}"] * (above is not None and above != high)
    return told + (f"; contradicted {' or '.join(beyond)}" if beyond else "")


def effect(one: Entry) -> str:
    """Return the effect of a verdict with its label, its unit and how it was decided; empty where nothing was measured."""
    if one["effect"] is None:
        return ""
    unit = one["unit"] if one["unit"] in ("×", "") else f" {one['unit']}"
    told = f" ({one['decided']})" if one["decided"] else ""
    return f"{one['label']}: {_texts(one)[0]}{unit}{told}"


def interval(one: Entry) -> str:
    """Return the ends of a verdict's interval, or ``none`` for a worst case or a count.

    They have as many digits as it takes to tell them from the cut-offs.

    >>> interval({"effect": 4.71, "low": 3.9962, "high": 5.58, "asked": [4.0, None], "excluded": [None, None]})
    '3.996 to 5.580'
    >>> interval({"effect": 2.29e-4, "low": 1.67e-4, "high": 3.13e-4, "asked": [1.0, None], "excluded": [None, None]})
    '0.000167 to 0.000313'
    """
    if one["low"] is None or one["low"] == one["high"]:
        return "none"
    _, low, high, *_ = _texts(one)
    return f"{low} to {high}"


def _texts(one: Entry) -> tuple[str, ...]:
    """Effect and ends, with digits enough for themselves and to be told from the cut-offs; then the cut-offs as set."""
    values, cuts = (one["effect"], one["low"], one["high"]), (*one["asked"], *one["excluded"])
    alone, beside = together(*values), together(*values, *cuts)[:3]
    found = max(alone, beside, key=lambda texts: sum(len(text) for text in texts))
    return (*found, *("–" if cut is None else f"{cut:.6g}" for cut in cuts))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _few(count: float) -> str:
    return "none" if count == 0 else f"at most {count:.1f}" if count >= 0.1 else f"at most {count:.1g}"
