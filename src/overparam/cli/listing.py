"""Tables for ``overparam ls`` and ``overparam data``: standard library and rich only."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from overparam.api.progress import count
from overparam.core import Study
from overparam.core.errors import unknown
from overparam.core.formulas import as_text
from overparam.core.kinds import GROUPS
from overparam.core.registry import studies as all_studies
from overparam.core.statements import Claim
from overparam.store import CellStore, RecordStore
from overparam.store.garbage import KINDS, Garbage

MOST = 1000  # cells that are listed one by one


def studies() -> RenderableType:
    """One line a study."""
    table = table_of("study", "statements", "question")
    for name, one in all_studies().items():
        table.add_row(escape(name), kinds(one.claims), escape(one.question))
    return Group(
        table, Text("overparam ls STUDY for its claims and axes; overparam run STUDY to run it", "bright_black")
    )


def kinds(claims: Iterable[Claim]) -> str:
    """How many statements there are of each kind.

    >>> kinds(())
    ''
    """
    counts = Counter[str](claim.kind for claim in claims)
    return ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind in GROUPS if (n := counts[kind]))


def study(one: Study) -> RenderableType:
    """A study's statements, profiles with what each can judge, and axes."""
    claims = table_of("statement", "kind", "what is said, and the rule")
    for claim in one.claims:
        kind = f"{claim.kind}\n{claim.form}" if claim.form else claim.kind
        ledger = f" ({', '.join(claim.ledger)})" if claim.ledger else ""
        claims.add_row(
            escape(claim.name),
            kind,
            f"{escape(as_text(claim.sentence))}{ledger}\n[bright_black]{escape(as_text(claim.text))}[/]",
        )
    profiles = table_of("profile", "what it is")
    for name, profile in one.profiles.items():
        judged = [claim for claim in one.claims if not claim.profiles or name in claim.profiles]
        which = "all statements" if len(judged) == len(one.claims) else ", ".join(c.name for c in judged)
        seeds = profile.axes.get("seed", ())
        decides = "its verdicts count; " if name == one.decides else ""
        said = f"{decides}{count(len(seeds), 'planned seed')}; judges {which}"
        profiles.add_row(name, f"{escape(profile.help)}\n[bright_black]{escape(said)}[/]")
    axes = table_of("option", "what it means")
    for axis in one.axes:
        default = axis.default if isinstance(axis.default, tuple) else (axis.default,)
        values = " · ".join(
            f"{name} {_shorten(p.axes.get(axis.name, default))}" for name, p in one.profiles.items()
        )
        axes.add_row(
            f"--{axis.option}",
            f"{escape(axis.help)} Expected: {axis.expected}.\n[bright_black]{escape(values)}[/]",
        )
    return Group(Text(f"{one.name}: {one.title}", "bold"), Text(one.question), claims, profiles, axes)


def stored(out: Path, name: str = "") -> RenderableType:
    """What a results folder holds: runs and cells by study; with a name, every cell of that study."""
    records = RecordStore(out)
    names = records.studies()
    if name:
        if name not in names:
            raise unknown("stored study", name, names, f"Looked in {out}.")
        table = table_of("cell", "status", "seconds", whole=("status", "seconds"))
        store = CellStore(out, name)
        cells, damaged = store.heads()
        for key in damaged:
            table.add_row(escape(key), "damaged", "")
        for key, cell in itertools.islice(cells.items(), MOST):
            table.add_row(escape(key), escape(cell.status), f"{cell.seconds:.2f}")
        if len(cells) <= MOST:
            return table
        more = Text(
            f"and {len(cells) - MOST} more: overparam query prints all, for instance as --csv", "bright_black"
        )
        return Group(table, more)
    table = table_of("study", "cells", "ok", "diverged", "damaged", "runs")
    for one in names:
        store = CellStore(out, one)
        cells, damaged = store.heads()
        if not cells and not damaged and not records.runs(one):
            continue
        diverged = sum(cell.status == "diverged" for cell in cells.values())
        runs = escape(", ".join(path.stem for path in records.runs(one)))
        table.add_row(one, str(len(cells)), str(len(cells) - diverged), str(diverged), str(len(damaged)), runs)
    return table if table.row_count else Text(f"nothing stored in {out}; see `overparam run --help`")


def datasets(infos: Iterable[Any]) -> RenderableType:
    """One line a data set."""
    table = table_of("name", "here", "what it is", "where")
    for info in infos:
        here = "[green]yes[/]" if info.available else "no"
        table.add_row(escape(info.name), here, escape(f"{info.title}: {info.detail}"), escape(str(info.where)))
    return table


def garbage_table(found: Iterable[Garbage]) -> RenderableType:
    """What can go, one line for each study and kind."""
    table = table_of("study", "what", "count", "bytes")
    for garbage in found:
        for kind, words in KINDS.items():
            if garbage.count(kind):
                table.add_row(garbage.study, words, str(garbage.count(kind)), size(garbage.bytes[kind]))
    return table


def rows_table(
    columns: Sequence[str], rows: Sequence[tuple[Any, ...]], width: int, most: int = 40
) -> tuple[RenderableType, int]:
    """The first rows of a query's answer, and their number; a table too wide for ``width`` is turned on its side."""
    texts = [[escape(_value(value)) for value in row] for row in rows[:most]]
    wide = [
        max(len(name), *(len(row[i]) for row in texts)) if texts else len(name)
        for i, name in enumerate(columns)
    ]
    if sum(wide) + 3 * len(wide) <= width or len(columns) <= 3:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(escape(name), overflow="fold")
        for row in texts:
            table.add_row(*row)
        return table, len(texts)
    texts = texts[:3]
    table = table_of("column", *(f"row {number + 1}" for number in range(len(texts))))
    for name, *values in zip(columns, *texts, strict=True):
        table.add_row(escape(name), *values)
    return table, len(texts)


def size(count: float) -> str:
    """Bytes for a person.

    >>> size(512), size(2_048_000)
    ('512 B', '2.0 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{_shorten(tuple(_value(v) for v in value))}]"
    return str(value)


def table_of(*columns: str, whole: Sequence[str] = ()) -> Table:
    """An empty table whose first column is not wrapped, or whose columns ``whole`` are not."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=column in whole if whole else index == 0, overflow="fold")
    return table


def _shorten(values: tuple[Any, ...]) -> str:
    if len(values) > 6:
        return f"{values[0]} … {values[-1]} ({len(values)})"
    return ", ".join(str(v) for v in values)
