"""Tables for ``overparam ls --ledger``: standard library and rich only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from overparam.api.ledger import found_in, ledger_rows
from overparam.cli.listing import table_of
from overparam.core.kinds import word
from overparam.core.ledger import NUMBERS, Line, line, parts
from overparam.core.tallies import asked, effect, interval, totals
from overparam.core.totals import Row

COLOURS = {
    "supported": "green", "contradicted": "red", "mixed": "yellow", "checks pass": "green", "checks fail": "red",
    "no study yet": "bright_black", "no experiment": "bright_black", "not run": "bright_black", "passes": "green", "fails": "red",
}  # fmt: skip
FOOT = "overparam ls --ledger L53 for a line in full; * what is printed needs a correction or a remark, given there"


def all_lines(out: Path | None) -> RenderableType:
    """Every line of the ledger with its verdict, and above it the totals."""
    found = found_in(out)
    rows = ledger_rows(found)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("line", no_wrap=True)
    table.add_column("what the source says, and which studies answer it", overflow="fold")
    table.add_column("verdict", max_width=20, overflow="fold")
    source = ""
    for row in rows:
        if row.line.source != source:
            source = row.line.source
            table.add_section()
            table.add_row("", f"[bold]{escape(source)}[/]", "")
        for one in (row, *row.under):
            names = f"\n[bright_black]{escape(', '.join(one.studies))}[/]" if one.studies else ""
            table.add_row(
                one.line.number,
                f"{escape(one.line.sentence)}{' *' * bool(one.line.note)}{names}",
                _coloured(one.words, one.verdict),
            )
    where = "the findings that come with the package" if out is None else f"the runs in {out}"
    said = Text("\n".join((*totals(rows, found.values()), f"From {where}.")))
    return Group(said, table, Text(FOOT, "bright_black"))


def one_line(name: str, out: Path | None) -> RenderableType:
    """A line in full: where its source says it, and every statement that answers it."""
    wanted = line(name)
    rows = {row.line.number: row for row in ledger_rows(found_in(out))}
    row = rows[wanted.parent]
    shown: list[RenderableType] = []
    for one in parts(wanted.number) if wanted.number in NUMBERS else (wanted,):
        shown += _head(one)
    under = row.under
    if wanted is not row.line:
        shown.append(Text(f"It counts under {row.line.number}: {row.line.sentence}"))
        under = tuple(one for one in under if one.line is wanted)
    shown += [
        Text.from_markup(f"Verdict of {one.line.number}: {_coloured(one.words, one.verdict)}")
        for one in (row, *under)
    ]
    chosen = row if wanted is row.line else under[0]
    if not chosen.entries:
        told = f"Studies: {', '.join(row.studies)}; not run." if row.studies else "No study answers it yet."
        told = chosen.line.unmeasured or told
        return Group(*shown, Text(told))
    return Group(*shown, _statements(chosen.entries), *_votes(chosen))


def _head(one: Line) -> list[RenderableType]:
    shown: list[RenderableType] = [
        Text(f"{one.number}: {one.sentence}", "bold"), Text(f"{one.source}: {one.place}."),
    ]  # fmt: skip
    return [*shown, Text(one.note)] if one.note else shown


def _statements(entries: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = table_of("statement", "verdict", "measured")
    for one in entries:
        name = f"{one['study']}\n{one['statement']}, {one['data']}"
        verdict = word(one["kind"], one["status"])
        lines = [one["sentence"], f"{one['kind']} for {' '.join(one['ledger'])}"]
        lines.append(measured(one) or one["reason"])
        table.add_row(escape(name), _coloured(verdict, verdict), escape("\n".join(lines)))
    return table


def measured(one: Mapping[str, Any]) -> str:
    """Effect, interval, n and cut-offs of a verdict in one line; empty where nothing was measured."""
    if one["effect"] is None:
        return ""
    ends, cutoffs = interval(one), asked(one)
    told = "no interval" if ends == "none" else f"{100 * one['level']:g} % interval {ends}"
    return f"{effect(one)}, {told}, n = {one['n']}" + (f"; asked {cutoffs}" if cutoffs else "")


def _votes(row: Row) -> list[RenderableType]:
    if not row.votes:
        return []
    some = [vote for vote in row.votes if len(vote.entries) > 1]
    told = [
        "One measurement: "
        + " and ".join(f"{one['study']}.{one['statement']}" for one in vote.entries)
        + f" on {vote.entries[0]['data']}."
        for vote in some
    ]
    many = len(row.votes)
    told.append(
        "One measurement of a claim decides the line."
        if many == 1
        else f"{many} measurements of claims: {row.needed} or more one way and none the other decide the line."
    )
    return [Text(text) for text in told]


def _coloured(text: str, verdict: str) -> str:
    colour = COLOURS.get(verdict)
    return f"[{colour}]{escape(text)}[/]" if colour else escape(text)
