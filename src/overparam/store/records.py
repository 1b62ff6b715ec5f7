"""Run records: verdicts, curves and environment of one run, in ``<out>/<study>/<run>.json``.

The page is drawn from the record alone, so it can be rebuilt on any machine.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import write_json
from overparam.core.errors import DiskError, NewerError, StoreError, UsageError, nearest

SCHEMA = 1


@dataclass(frozen=True)
class RecordStore:
    """The run records under a results folder."""

    out: Path

    def path(self, study: str, run: str) -> Path:
        """Path of a run's record; its page has the same name and ends in ``.html``."""
        return self.out / study / f"{run}.json"

    def write(self, run: str, record: dict[str, Any]) -> Path:
        """Write a record, numbered after all others of its study: a clock may jump back, the numbers do not."""
        last = max((_sequence(path) for path in self._paths(record["study"])), default=0)
        head = {"schema": SCHEMA, "run": run, "sequence": last + 1}
        body = {key: value for key, value in record.items() if key not in head}
        return write_json(self.path(record["study"], run), {**head, **body})

    def read(self, path: Path) -> dict[str, Any]:
        """Read a record.

        Raises:
            StoreError: the file is damaged, or of a newer schema.
        """
        try:
            record = json.loads(disk.read_bytes(path))
            newer = record["schema"] > SCHEMA
        except DiskError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path}: expected a run record, got a damaged file ({error!r}). "
                "Run the study again: its cells are kept, only the record is made anew."
            ) from error
        if newer:
            raise NewerError(
                f"{path}: expected schema {SCHEMA} or older, got {record['schema']}. Upgrade overparam."
            )
        return record

    def studies(self) -> list[str]:
        """Names of the studies that have a folder here."""
        return [path.name for path in disk.listed(self.out) if disk.is_dir(path)]

    def runs(self, study: str) -> list[Path]:
        """Paths of a study's records, newest first."""
        return sorted(self._paths(study), key=lambda p: (_sequence(p), disk.stat(p).st_mtime), reverse=True)

    def _paths(self, study: str) -> list[Path]:
        return disk.listed(self.out / study, "[!.]*.json")

    def latest(
        self, study: str, run: str = "", todo: Callable[[], str] = lambda: "Name its folder with --out."
    ) -> dict[str, Any]:
        """Return the newest record of a study, or the newest whose run name begins with ``run``.

        Args:
            study: name of the study.
            run: how the name of the run begins.
            todo: what to do where there is none, asked for only then.

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
            raise UsageError(
                f"no finished run of '{study}'{' in profile ' + repr(run) if run else ''} in {self.out}{have}.{hint} "
                f"{todo()}"
            )
        return self.read(chosen[0])


def _sequence(path: Path) -> int:
    """The number of a record, from the first bytes of its file; 0 where it has none."""
    with contextlib.suppress(FileNotFoundError), disk.open_read(path) as file:
        found = re.search(rb'"sequence": (\d+)', file.read(512))
        if found:
            return int(found[1])
    return 0
