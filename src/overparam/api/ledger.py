"""The claim ledger with its verdicts, from what the package ships or from a results folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.errors import DamageWarning, DiskError, StoreError, UsageError
from overparam.core.findings import entry, newest, shipped
from overparam.core.kinds import word
from overparam.core.registry import packaged, ships, studies
from overparam.core.totals import Row, rows


def ledger(out: str | Path | None = None) -> list[dict[str, Any]]:
    """Return what the sources say, line by line, and what the studies found.

    Args:
        out: a results folder whose runs are read; by default the findings that the package ships.

    Returns:
        One dictionary for each of the 63 lines: number, sentence, source, place, note, verdict, studies, the lines that
        are named under it (their numbers, and in ``under`` the same of each), and the statements that answer it, each
        with study, statement, kind, ledger, data, verdict, effect, low, high, level, n and unit.

    Raises:
        UsageError: there is no such folder.

    >>> line = ledger()[52]
    >>> line["number"], line["source"]
    ('L53', 'He 2021')
    """
    return [_plain(row) for row in ledger_rows(found_in(out))]


def ledger_rows(found: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    """Return the rows of the ledger for the entries of studies, by name."""
    known = {
        name: [n for claim in study.claims for n in claim.ledger]
        for name, study in studies().items()
        if ships(study)
    }
    return rows(found.values(), known)


def found_in(out: str | Path | None) -> dict[str, dict[str, Any]]:
    """Return the entries of studies in a results folder, or those that the package ships, by name.

    Of each study of the package the newest run in its deciding profile counts; runs with other axes do not.

    Raises:
        UsageError: there is no such folder.
    """
    if out is None:
        return {name: dict(one) for name, one in shipped().items()}
    from overparam.store import RecordStore

    store = RecordStore(Path(out))
    if not disk.is_dir(store.out):
        raise UsageError(f"ledger: expected a results folder, found none at {out}. Name it with --out.")
    found = {}
    for name in store.studies():
        study = packaged(name)
        if study is None or not ships(study):
            continue
        records = []
        for path in store.runs(name):
            try:
                records.append(store.read(path))
            except DiskError:
                raise
            except (StoreError, FileNotFoundError) as error:
                warnings.warn(str(error), DamageWarning, stacklevel=3)
        chosen = newest(records, study.decides)
        if chosen is not None:
            found[name] = entry(chosen)
    return found


FIELDS = ("study", "statement", "kind", "ledger", "data", "effect", "low", "high", "level", "n", "unit")


def _plain(row: Row) -> dict[str, Any]:
    return {
        "number": row.line.number,
        "sentence": row.line.sentence,
        "source": row.line.source,
        "place": row.line.place,
        "note": row.line.note,
        "named_under_it": [one.line.number for one in row.under],
        "under": [_plain(one) for one in row.under],
        "verdict": row.verdict,
        "votes": row.words,
        "studies": list(row.studies),
        "statements": [
            {**{k: one[k] for k in FIELDS}, "verdict": word(one["kind"], one["status"])} for one in row.entries
        ],
    }
