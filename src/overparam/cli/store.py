"""Verbs for large and many results folders: ``overparam pack | gc | merge | query``.

Exit codes as in :mod:`overparam.cli.entry`; ``merge`` ends with 1 when something there was not taken over, ``query`` when
a cell could not be read.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from overparam.api.progress import count
from overparam.cli.app import Out, console, say, write_json, write_out
from overparam.core import disk
from overparam.core.errors import UsageError, unknown

SHOWN = 40  # rows, conflicts or refusals shown on a terminal


def pack(study: str = "", /, *, unpack: bool = False, out: Out = Path("runs")) -> int:
    """Pack the cell files of a study, or of all studies, into one Parquet file each; --unpack writes them back.

    Everything works on packed cells as on files. A pack is read back before a file is removed.

    Parameters
    ----------
    study
        Name of a stored study, or the path of its .py file; by default all.
    unpack
        Write the cell files back, byte for byte, and remove the packs.
    out
        Results folder.
    """
    from overparam.cli.listing import size
    from overparam.store import CellStore
    from overparam.store import pack as packing

    work = packing.unpack if unpack else packing.pack
    total = 0
    for name in _chosen(out, study):
        done = work(CellStore(out, name))
        total += done.cells
        for left in done.left[:SHOWN]:
            say(f"[yellow]left[/] {escape(name)}: {escape(left)} cannot be read, and stays a file", err=True)
        if done.cells:
            what = "unpacked" if unpack else "packed"
            sizes = f"{size(done.before)} became {size(done.after)}"
            say(f"{name}: {count(done.cells, 'cell')} {what}, {sizes}: {escape(str(done.path))}")
    if not total:
        say(f"nothing to {'unpack' if unpack else 'pack'} in {escape(str(out))}")
    return 0


def gc(study: str = "", /, *, yes: bool = False, out: Out = Path("runs")) -> int:
    """List what can go from a results folder; with --yes, remove it.

    Files set aside as damaged, temporary files older than an hour, failures of cells that have finished since,
    cells of an older cell_version of an installed study, empty folders. No present cell is removed.

    Parameters
    ----------
    study
        Name of a stored study, or the path of its .py file; by default all.
    yes
        Remove what is listed.
    out
        Results folder.
    """
    from overparam.cli.listing import garbage_table, size
    from overparam.core.registry import find, in_file, studies
    from overparam.store import CellStore
    from overparam.store.garbage import find_garbage, remove_garbage, root_garbage

    versions = {name: one.cell_version for name, one in studies().items()}
    if in_file(study):
        named = find(study)
        study, versions[named.name] = named.name, named.cell_version
    names = _chosen(out, study, cells=False)
    found = [find_garbage(CellStore(out, name), versions.get(name)) for name in names]
    found += [] if study else [root_garbage(out)]
    found = [garbage for garbage in found if any(garbage.count(kind) for kind in garbage.files)]
    if not found:
        say(f"nothing to remove in {escape(str(out))}")
        return 0
    console().print(garbage_table(found))
    total = size(sum(sum(garbage.bytes.values()) for garbage in found))
    if not yes:
        say(f"{total} in all; nothing was removed: add --yes to remove it")
        return 0
    for garbage in found:
        remove_garbage(CellStore(out, garbage.study), garbage)
    say(f"removed, {total} in all")
    return 0


def merge(other: Path, /, *, out: Out = Path("runs"), tolerance: float = 1e-5) -> int:
    """Merge another results folder into this one: copy the cells that are missing here; replace nothing.

    A cell that both have is the same if its numbers agree within --tolerance, as on two computers; else it is a
    conflict: ours is kept, both are shown, and the exit code is 1, as when a damaged file there was not copied.

    Parameters
    ----------
    other
        The other results folder.
    out
        Results folder.
    tolerance
        Relative difference up to which two numbers are the same (an absolute one of 1e-8 always is).
    """
    from overparam.store import CellStore
    from overparam.store.merge import merge as merge_study
    from overparam.store.records import RecordStore
    from overparam.sweep.fits import fits_of

    if not disk.is_dir(other):
        raise UsageError(f"merge: expected a results folder, found nothing at {other}. Check the path.")
    if disk.exists(out) and os.path.samestat(disk.stat(out), disk.stat(other)):
        raise UsageError(f"merge: expected another results folder than {out}, got the same one.")
    if not (math.isfinite(tolerance) and 0 <= tolerance < 1):
        raise UsageError(f"--tolerance: expected a number from 0 to 1, got {tolerance!r}.")
    names = [name for name in RecordStore(other).studies() if _is_study(CellStore(other, name))]
    if not names:
        raise UsageError(
            f"merge: expected studies with cells in {other}, got none. Name the folder that holds them."
        )
    trouble, run = 0, []
    for name in names:
        done = merge_study(CellStore(out, name), CellStore(other, name), tolerance, fits=fits_of(name))
        failures = f", {count(done.failures, 'failure')}" if done.failures else ""
        say(
            f"{name}: {count(done.copied, 'cell')} copied{failures}, {done.same} the same, {len(done.conflicts)} in conflict"
        )
        for clash in done.conflicts[:SHOWN]:
            more = f", and {clash.others} more" if clash.others else ""
            here, there = (_short(value) for value in (clash.here, clash.there))
            say(
                f"[red]conflict[/] {escape(clash.name)}: {escape(f'{clash.what} {here} here, {there} there{more}')}"
            )
        for cell, reason in done.refused[:SHOWN]:
            say(f"[yellow]not copied[/] {escape(f'{cell}: {reason}')}")
        hidden = max(0, len(done.conflicts) - SHOWN) + max(0, len(done.refused) - SHOWN)
        if hidden:
            say(f"and {hidden} more")
        trouble += len(done.conflicts) + len(done.refused)
        run += [name] if done.copied else []
    if run:
        say("Records are made anew where all cells are judged together:")
        for advice in dict.fromkeys(_advice(name, other, out) for name in run):
            say(f"  {escape(advice)}")
    return 1 if trouble else 0


def query(
    sql: str,
    /,
    *,
    out: Out = Path("runs"),
    as_json: Annotated[bool, Parameter(name="--json")] = False,
    as_csv: Annotated[bool, Parameter(name="--csv")] = False,
) -> int:
    """Ask the stored cells in SQL (DuckDB); one table a study: cell, status, seconds, parameters and values.

    A name with dashes is written with underscores: overparam query "SELECT width, avg(seconds) FROM double_descent
    GROUP BY width". A query changes no file.

    Parameters
    ----------
    sql
        The query. `SHOW TABLES` and `DESCRIBE double_descent` say what there is.
    out
        Results folder.
    as_json
        Print a JSON list of objects.
    as_csv
        Print comma-separated values.
    """
    from overparam.cli.listing import rows_table
    from overparam.core import clean
    from overparam.store.views import query as ask
    from overparam.sweep.fits import fits_of

    if as_json and as_csv:
        raise UsageError("query: expected one of --json and --csv, got both.")
    columns, rows = ask(sql, out, fits_of)
    if as_json:
        plain = [clean(dict(zip(columns, row, strict=True))) for row in rows]
        write_json(plain)
    elif as_csv:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
        write_out(file.getvalue())
    elif not columns:
        say("done: the query returned no table")
    else:
        table, shown = rows_table(columns, rows, console().width, SHOWN)
        console().print(table)
        rest = f"; {shown} shown, --csv or --json prints all" if len(rows) > shown else ""
        say(f"{count(len(rows), 'row')}{rest}")
    return 0


def _advice(name: str, other: Path, out: Path) -> str:
    """What to do so that the merged cells of a study are judged: the newest run there or here, made again."""
    from overparam.core.commands import again, command, in_words
    from overparam.core.errors import StoreError
    from overparam.core.registry import get
    from overparam.store.records import RecordStore

    for folder in (other, out):
        try:
            return again(RecordStore(folder).latest(name), out)
        except (UsageError, StoreError):
            continue
    known = get(name) is not None
    return f"`{command('run', name, out=out)}`" if known else f"{name}: {in_words(name, out)}"


def _chosen(out: Path, study: str, *, cells: bool = True) -> list[str]:
    """The stored studies meant by a name, or all of them.

    Raises:
        UsageError: no such folder, or no such study; the text names the nearest.
    """
    from overparam.core.registry import name_of
    from overparam.store import CellStore, RecordStore

    study = name_of(study)
    if not disk.is_dir(out):
        raise UsageError(f"expected a results folder, found nothing at {out}. Name it with --out.")
    names = [n for n in RecordStore(out).studies() if not cells or _is_study(CellStore(out, n))]
    if study and study not in names:
        raise unknown("stored study", study, names, f"Looked in {out}.")
    return [study] if study else names


def _is_study(store: Any) -> bool:
    return any(disk.is_dir(folder) for folder in (store.folder, store.packed, store.failures))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _cell(value: Any) -> Any:
    """A value in a CSV file: a list as JSON, nothing as nothing."""
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | tuple | dict) else value
    )
