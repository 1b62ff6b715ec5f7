"""What the page shows of every statement that was judged: in groups, with pictures, marks and where to look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core.kinds import GROUPS
from overparam.report import words
from overparam.report.interval import plot

FORMS = {
    "bound": "A bound: only its wrong side contradicts it.",
    "rate": "A rate: contradicted only beyond the source's own tolerance.",
    "equal": "An equality: contradicted only beyond the source's own tolerance.",
    "limit": "A limit: judged by its trend over sizes.",
    "exists": "An existence: one setting can support it, none can contradict it.",
    "direction": "A direction: only the other side of no effect contradicts it.",
}


@dataclass(frozen=True)
class Group:
    """The statements of one kind.

    Attributes:
        kind: ``claim``, ``check`` or ``question``.
        title: heading.
        about: what they are, in a few words.
        statements: see :func:`statement`.
    """

    kind: str
    title: str
    about: str
    statements: tuple[dict[str, Any], ...]


def groups(record: Mapping[str, Any]) -> list[Group]:
    """Return the statements of a record by kind; numbered in the order of the page."""
    made, number = [], 0
    for kind, heading in GROUPS.items():
        found = []
        for alike in words.measurements(v for v in record["verdicts"] if words.kind(v) == kind):
            for verdict in alike:
                number += 1
                found.append(
                    {**statement(verdict, record), "number": number, "repeats": _repeats(verdict, alike[0])}
                )
        if found:
            title, _, about = heading.partition(": ")
            made.append(Group(kind, title, about, tuple(found)))
    numbers = {(one["data"], one["short"]): one["number"] for group in made for one in group.statements}
    for group in made:
        for one in group.statements:
            one["same"] = [
                (name, numbers[one["data"], name]) for name in one["same"] if (one["data"], name) in numbers
            ]
    return made


def _repeats(verdict: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Whether a statement shows the very number of the first of its group."""
    shown = ("label", "effect", "low", "high", "status")
    return verdict is not first and verdict["effect"] is not None and all(verdict[k] == first[k] for k in shown)


def marks(record: Mapping[str, Any]) -> list[str]:
    """Return what marks every statement of a record alike, and is no mark of the run itself."""
    own = [_marks(v, record) for v in record["verdicts"]]
    return [mark for mark in own[0] if all(mark in other for other in own)] if own else []


def _marks(verdict: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    return [mark for mark in (verdict["mark"] or "").split(", ") if mark and mark not in (record["mark"] or "")]


def statement(verdict: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verdict with its pictures, what marks it, and the numbers of its source and chart on the page."""
    names = [chart["name"] for chart in record["charts"]]
    keys = [source["key"] for source in record["sources"]]
    control, level = verdict["control"], verdict.get("level") or words.LEVEL
    found = binding(verdict)
    drawn = [{**part, "plot": plot(part, level)} for part in verdict["parts"]]
    return {
        **verdict,
        "kind": words.kind(verdict),
        "said": words.status(verdict["status"], words.kind(verdict)),
        "level": level,
        "why": why(verdict),
        "short": _short(verdict["claim"], record),
        "parts": drawn,
        "binding": None if found is None else {**found, "plot": plot(found, level)},
        "control": {**control, "parts": [{**part, "plot": plot(part, level)} for part in control["parts"]]},
        "marks": [mark for mark in _marks(verdict, record) if mark not in marks(record)],
        "unmet": [p for p in verdict["preconditions"] if not p["ok"]],
        "chart_number": names.index(verdict["chart"]) + 1 if verdict["chart"] in names else None,
        "source_number": keys.index(verdict["source"]) + 1 if verdict["source"] in keys else None,
        "form": FORMS.get(verdict.get("form") or "", ""),
        "scope": list(verdict.get("scope") or ()),
        "outside": verdict.get("outside") or "",
        "history": list(enumerate(verdict.get("history") or (), 2)),
        "same": _same(verdict, record),
        "ledger_lines": [ledger_line(number) for number in verdict["ledger"]],
    }


def binding(verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the part from which a verdict has its numbers; as much of one as the verdict holds, if it is not there."""
    same = (p for p in verdict["parts"] if (p["label"], p["effect"]) == (verdict["label"], verdict["effect"]))
    part = next(same, None)
    if part is not None or verdict["effect"] is None:
        return part
    own = {name: verdict[name] for name in ("label", "effect", "low", "high", "n", "unit", "status")}
    return {**own, "at_least": None, "at_most": None}


def _short(claim: str, record: Mapping[str, Any]) -> str:
    return claim.removeprefix(f"{record['study']}.")


def _same(verdict: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Names of the statements that read the same number, on the same data."""
    own = _short(verdict["claim"], record)
    for group in words.measurements(v for v in record["verdicts"] if v["data"] == verdict["data"]):
        names = [_short(v["claim"], record) for v in group]
        if own in names:
            return [name for name in names if name != own]
    return []


def why(verdict: Mapping[str, Any]) -> str:
    """Return the reason without the numbers that stand beside it in the picture; as it is, if it has none."""
    bound = r"at (?:least|most) \S+"
    measured = rf": {re.escape(verdict['label'])} .*?, asked {bound}(?: and {bound})?\.(?=\s|$)"
    return re.sub(measured, ".", verdict["reason"], count=1) if verdict["parts"] else verdict["reason"]


def plan_words(record: Mapping[str, Any]) -> str:
    """Return how the seeds of a record relate to those planned, in words; empty where the record has no plan."""
    planned = record.get("planned") or {}
    if not planned.get("count"):
        return ""
    if planned.get("below"):
        return f"{below_plan(record)}: estimates, no verdicts."
    first, count, rung = planned["first"], planned["count"], planned.get("rung", 1)
    look = "this is the first look" if rung == 1 else f"this is the look at {rung * count}"
    were = "seed was" if count == 1 else "seeds were"
    text = f"{count} {were} planned, from {first} on; {look}, with {words.percent(planned['level'])} intervals."
    return text if planned.get("decides", True) else f"{text} A preview: another profile decides."


def below_plan(record: Mapping[str, Any]) -> str:
    """Return ``below plan: 3 of 5 planned seeds``, or nothing where the plan was met."""
    planned = record.get("planned") or {}
    if not planned.get("below"):
        return ""
    return f"below plan: {planned.get('have', 0)} of {planned['count']} planned seeds"


def ledger_line(number: str) -> dict[str, str]:
    """Return a number of the claim ledger with its short sentence and source, where the ledger is at hand."""
    try:
        from overparam.core.ledger import LEDGER
    except ImportError:
        return {"number": number, "sentence": "", "source": ""}
    line = LEDGER.get(number)
    return {
        "number": number,
        "sentence": getattr(line, "sentence", ""),
        "source": getattr(line, "source", ""),
    }
