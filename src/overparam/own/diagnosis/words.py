"""A checkup in lines of at most 80 characters."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from overparam.core.words import number, wrapped
from overparam.own.diagnosis.answer import Answer, Measured, Table
from overparam.own.diagnosis.outline import brief, outline, signed

WIDE = 80
HANG = 7
ROWS = 12
SHARE = ("%", "points", "×")


def text_of(checkup: Any) -> str:
    """Subject, counts, a line an answer, every answer with its details, then the notes.

    Args:
        checkup: a :class:`~overparam.own.diagnosis.checkup.Checkup`.
    """
    blocks = [_head(checkup), *(_answer(one, checkup) for one in checkup.answers)]
    if len(checkup.answers) > 1:
        blocks.insert(1, outline(checkup.answers, WIDE))
    notes = [wrapped(f"- {one}", 2, WIDE) for one in checkup.notes]
    return "\n\n".join([*blocks, *(["\n".join(["notes", *notes])] if notes else [])])


def head(subject: dict[str, Any]) -> str:
    """The model and its data in one sentence.

    Args:
        subject: of a checkup.
    """
    held = f" and {subject['held_out']:,} held-out" if subject["held_out"] else ""
    return (
        f"A model with {subject['parameters']:,} parameters on {subject['examples']:,} training{held} examples, "
        f"which learns {subject['task']}."
    )


def tally(checkup: Any) -> str:
    """The counts and the time in one sentence."""
    counts = ", ".join(f"{many} {status}" for status, many in checkup.counts.items())
    stopped = " Stopped by hand; what was finished is kept." if checkup.stopped else ""
    return f"{counts}; {took(checkup.seconds)} of a budget of {took(checkup.budget)}.{stopped}"


def took(seconds: float | None) -> str:
    """A time as a person reads it.

    >>> took(0.02), took(3.42), took(95.0), took(8000.0), took(None)
    ('under 0.1 s', '3.4 s', '1 min 35 s', '2 h 13 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float) -> str:
    """An estimated time as a person reads it.

    >>> about(0.02), about(95.0)
    ('under 0.1 s', 'about 1 min 35 s')
    """
    told = took(seconds)
    return told if told.startswith("under") else f"about {told}"


def measured(one: Measured) -> str:
    """A number with its unit, interval and n.

    >>> measured(Measured("training error", 2.5, "%", 1.8, 3.4, 1000))
    'training error: 2.5 %, 95 % interval 1.8 to 3.4, n = 1,000 examples'
    """
    if one.value is None or not math.isfinite(one.value):
        return f"{one.label}: not measured"
    ends = [None if end is None or not math.isfinite(end) else end for end in (one.low, one.high)]
    one = replace(one, low=ends[0], high=ends[1])
    value, low, high = signed(one.value, one.low, one.high)
    if one.low is None and one.high is None:
        value = number(one.value)
    value = f"{one.label}: {value}"
    unit = f" {one.unit}" if one.unit else ""
    number_of = "" if one.n is None else f", n = {one.n:,} {one.of}"
    if one.whole:
        return f"{value}{unit}, all {one.n:,} {one.of}" if one.n else f"{value}{unit}"
    if one.low is None and one.high is None:
        return f"{value}{unit}{number_of}"
    level = f"{100 * one.level:.6g} %"
    if one.high is None or one.low is None:
        bound = f"at least {low}" if one.high is None else f"at most {high}"
        return f"{value}{unit}, {level} sure: {bound}{number_of}"
    return f"{value}{unit}, {level} interval {low} to {high}{number_of}"


def texts(checkup: Any, record: dict[str, Any]) -> dict[str, Any]:
    """A record with the texts that a page shows.

    Args:
        checkup: a :class:`~overparam.own.diagnosis.checkup.Checkup`.
        record: its plain values.
    """
    answers = []
    for one, plain in zip(checkup.answers, record["answers"], strict=True):
        told: dict[str, Any] = {
            "effect": None if one.effect is None else _split(one.effect),
            "brief": brief(one.effect),
            "beside": [measured(more) for more in one.beside],
            "next": "" if one.next is None or one.next.seconds is None else _first(about(one.next.seconds)),
            "took": took(one.seconds),
        }
        tables = [
            {**table, "cells": [[cell(v) for v in row] for row in table["rows"]]} for table in plain["tables"]
        ]
        answers.append({**plain, "told": told, "tables": tables})
    plan = [{**one, "told": "" if one["seconds"] is None else took(one["seconds"])} for one in record["plan"]]
    rows = record["labels"] or []
    whole: dict[str, Any] = {
        "head": head(checkup.subject),
        "tally": tally(checkup),
        "took": tally(checkup).partition("; ")[2],
        "labels": [[cell(v) for v in row.values()] for row in rows],
    }
    return {**record, "answers": answers, "plan": plan, "told": whole}


def _first(text: str) -> str:
    """A text with its first letter as at the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def _split(one: Measured) -> list[str]:
    """Label, value with unit, and the rest."""
    whole = measured(one)
    value = whole.removeprefix(f"{one.label}: ")
    first, _, rest = value.partition(", ")
    if not (one.whole or one.n is not None or one.low is not None or one.high is not None):
        first, rest = value, ""
    return [one.label, first, rest]


def listed(table: Table, rows: int = ROWS) -> list[str]:
    """A table in columns, thinned to some rows.

    Args:
        table: what is told.
        rows: how many at most.
    """
    kept = table.rows if len(table.rows) <= rows else table.rows[:rows]
    cells = [list(table.columns), *([cell(value) for value in row] for row in kept)]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(text.rjust(w) for text, w in zip(line, wide, strict=True)) for line in cells]
    more = [f"... {len(table.rows) - len(kept)} more rows"] if len(kept) < len(table.rows) else []
    return [table.title, *lines, *more]


def cell(value: Any) -> str:
    """A value of a table as a text.

    >>> cell(0.123456), cell("cat"), cell(None)
    ('0.1235', 'cat', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number(value)


def _head(checkup: Any) -> str:
    return "\n".join(wrapped(one, 0, WIDE) for one in (head(checkup.subject), tally(checkup)))


def _answer(one: Answer, checkup: Any) -> str:
    pad = " " * HANG
    lines = [wrapped(f"{one.code}  {one.status.upper()}  {one.question}", HANG, WIDE)]

    def add(text: str, hang: int = 0) -> None:
        lines.extend(pad + line for line in wrapped(text, hang, WIDE - HANG).splitlines())

    if one.effect is not None:
        add(measured(one.effect))
    add(one.words)
    for beside in one.beside:
        add(f"- {measured(beside)}", 2)
    for table in one.tables:
        lines.extend(pad + line for line in listed(table))
        if table.note:
            add(table.note)
    if one.ranking is not None and len(one.ranking):
        lines.extend(pad + line for line in listed(ranked(one.ranking), 10))
    if one.rule:
        add(f"Rule: {one.rule}", 2)
    if one.errors:
        add(f"Error rate: {one.errors}", 2)
    if one.confounders:
        add(f"May also come from: {'; '.join(one.confounders)}.", 2)
    if one.next is not None:
        cost = "" if one.next.seconds is None else f" {_first(about(one.next.seconds))}."
        add(f"Next: {one.next.words}{cost}", 2)
        if one.next.call:
            add(f"  {one.next.call}", 4)
    add(f"More: {one.anchor}; took {took(one.seconds)}.")
    return "\n".join(lines)


def ranked(ranking: Any, count: int = 10) -> Table:
    """The first of ranked examples as a table.

    Args:
        ranking: a :class:`~overparam.own.diagnosis.ranking.Ranking`.
        count: how many.
    """
    rows = tuple(
        (str(r["rank"]), str(r["index"]), str(r["label"]), str(r["suggested"]), number(r["score"], 3))
        for r in ranking.rows(count)
    )
    return Table(
        f"The most suspect of {len(ranking):,}", ("rank", "index", "label", "suggested", "score"), rows
    )
