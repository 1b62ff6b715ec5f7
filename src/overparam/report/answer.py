"""One sentence that answers a study's question with its numbers, made from the verdicts of a record alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from overparam.report import words
from overparam.report.statements import below_plan, binding

Verdict = Mapping[str, Any]
_DECIDED = ("supported", "contradicted")
_REGION = re.compile(r" \([^()]*\[[^()]*\)")  # where exactly along the line: in the detail
_SHOWN = 2  # parts of a verdict that are told together


@dataclass(frozen=True)
class Answer:
    """What the run answers.

    Attributes:
        status: of the statement it rests on, or ``not_applicable``.
        head: one or two words.
        text: the rest of the sentence.
    """

    status: str
    head: str
    text: str


def answer(record: Mapping[str, Any]) -> Answer:
    """Return the answer of a run: its first decided claim with effect, interval and n, then the counts.

    Where no claim is decided it says so, and gives what was measured. A study that holds no claim answers with its
    checks, or with its questions.
    """
    verdicts = list(record["verdicts"])
    by_kind = {kind: [v for v in verdicts if words.kind(v) == kind] for kind in words.KINDS}
    for kind, found in by_kind.items():
        if found:
            lead = _lead(found, kind)
            several = len({v["data"] for v in verdicts}) > 1
            return _answer(record, lead, several)
    return Answer("not_applicable", "Nothing judged:", "this run holds no statement.")


def _lead(verdicts: Sequence[Verdict], kind: str) -> Verdict:
    """The statement told: a check that fails first, then the first decided one, then the first measured one."""
    order = ("contradicted", "supported") if kind == "check" else ()
    for wanted in (*((status,) for status in order), _DECIDED, ("inconclusive",), ("not_applicable",)):
        for verdict in verdicts:
            if verdict["status"] in wanted:
                return verdict
    return verdicts[0]


def _answer(record: Mapping[str, Any], lead: Verdict, several: bool) -> Answer:
    kind, status = words.kind(lead), lead["status"]
    said, numbers = _said(lead), measured(lead)
    where = f" On {lead['data']}" if several else ""
    rest = _rest(record["verdicts"])
    low = below_plan(record)
    if low and status not in _DECIDED:
        return Answer(status, "No verdict yet,", f"{low}. {said}: {numbers or 'not measured'}; {rest}.")
    if status == "not_applicable":
        reason = lead["reason"].rstrip(".")
        return Answer(status, "Not judged:", f"{said}: {reason}; {rest}.")
    heads = {
        "claim": {"supported": "Supported", "contradicted": "Contradicted", "inconclusive": "Not decided"},
        "check": {"supported": "Passes", "contradicted": "Fails", "inconclusive": "Undecided"},
        "question": {"supported": "Yes", "contradicted": "No", "inconclusive": "Open"},
    }
    head = f"{heads[kind][status]}{where[:1] + where[1:].lower() if where else ''}:"
    told = said if status != "contradicted" or kind != "claim" else f"“{said}”"
    asked = _asked(lead) if status == "inconclusive" else ""
    return Answer(status, head, f"{told}{f': {numbers}{asked}' if numbers else ''}; {rest}.")


def _said(verdict: Verdict) -> str:
    return str(verdict["sentence"]).rstrip(". ")


def measured(verdict: Verdict) -> str:
    """Return what a verdict measured: its parts if they are few, else the one that decides."""
    told = [part for part in verdict["parts"] if part["effect"] is not None and "steps" not in part["unit"]]
    if not 1 <= len(told) <= _SHOWN:
        part = binding(verdict)
        told = [] if part is None or part["effect"] is None else [part]
    level = verdict.get("level")
    return " and ".join(
        f"{_REGION.sub('', part['label'])} {words.estimate(part)} ({words.bar(part, level)})" for part in told
    )


def _asked(verdict: Verdict) -> str:
    part = binding(verdict)
    if part is None or (part["at_least"] is None and part["at_most"] is None):
        return ""
    return f", asked {words.cutoff(part)}"


def _rest(verdicts: Sequence[Verdict]) -> str:
    """The counts: claims by status, then checks and questions."""
    claims = words.tally(verdicts)
    total = sum(count for _, count in claims)
    told = []
    if total == 1:
        told.append("this is its only claim")
    elif total:
        counted = ", ".join(f"{count} {words.status(name)}" for name, count in claims)
        told.append(
            f"of {total} claims {counted}"
            if len(claims) > 1
            else f"all {total} claims are {words.status(claims[0][0])}"
        )
    told += [text for _, text in words.counts([v for v in verdicts if words.kind(v) != "claim"])]
    return ", ".join(told)
