"""Run records: verdicts, curves and environment of one run, in ``<out>/<study>/<run>.json``.

The page is drawn from the record alone, so it can be rebuilt on any machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.errors import StoreError, UsageError, nearest
from overparam.store.atomic import write_json

SCHEMA = 1


@dataclass(frozen=True)
class RecordStore:
    """The run records under a results folder."""

    out: Path

    def path(self, study: str, run: str) -> Path:
        """Path of a run's record; its page has the same name and ends in ``.html``."""
        return self.out / study / f"{run}.json"

    def write(self, run: str, record: dict[str, Any]) -> Path:
        """Write a record."""
        return write_json(self.path(record["study"], run), {"schema": SCHEMA, "run": run, **record})

    def read(self, path: Path) -> dict[str, Any]:
        """Read a record.

        Raises:
            StoreError: the file is damaged, or of a newer schema.
        """
        try:
            record = json.loads(path.read_bytes())
            newer = record["schema"] > SCHEMA
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path}: expected a run record, got a damaged file ({error!r}). "
                "Run the study again: its cells are kept, only the record is made anew."
            ) from error
        if newer:
            raise StoreError(
                f"{path}: expected schema {SCHEMA} or older, got {record['schema']}. Upgrade overparam."
            )
        return record

    def studies(self) -> list[str]:
        """Names of the studies that have a folder here."""
        return sorted(p.name for p in self.out.iterdir() if p.is_dir()) if self.out.is_dir() else []

    def runs(self, study: str) -> list[Path]:
        """Paths of a study's records, newest first."""
        paths = (self.out / study).glob("*.json")
        return sorted(paths, key=lambda p: p.stat().st_mtime, reverse=True)

    def latest(self, study: str, run: str = "") -> dict[str, Any]:
        """Return the newest record of a study, or the newest whose run name begins with ``run``.

        Raises:
            UsageError: there is none; the text says how to make one.
        """
        paths = self.runs(study)
        names = [p.stem for p in paths]
        exact = [p for p in paths if p.stem == run]
        chosen = exact or [p for p in paths if p.stem.startswith(run)]
        if not chosen:
            have = f"; stored runs: {', '.join(sorted(names))}" if names else ""
            hint = nearest(study, self.studies()) if not names else nearest(run, names)
            wanted = f" --profile {run}" if run else ""
            raise UsageError(
                f"no finished run of '{study}'{' in profile ' + repr(run) if run else ''} in {self.out}{have}.{hint} "
                f"Run `overparam run {study}{wanted} --out {self.out}` first, or name its folder with --out."
            )
        return self.read(chosen[0])
