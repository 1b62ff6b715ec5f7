"""Run records: verdicts, curves and environment of one run, in ``<out>/<study>/<run>.json``.

The page is drawn from the record alone, so it can be rebuilt on any machine.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import write_json
from overparam.core.documents import Damaged, start
from overparam.core.errors import StoreError, UsageError, nearest
from overparam.core.shapes import is_safe
from overparam.store.record_schema import RECORD
from overparam.store.schema import SCHEMA, Kind, inside, own_name

KIND = Kind(
    "run record", RECORD, "Run the study again: its cells are kept, only the record is made anew."
)  # fmt: skip
_HEAD = 512  # bytes in which a record's number stands


@dataclass(frozen=True)
class RecordStore:
    """The run records under a results folder."""

    out: Path

    def path(self, study: str, run: str) -> Path:
        """Path of a run's record; its page has the same name and ends in ``.html``."""
        return self.out / study / f"{run}.json"

    def page(self, record: Mapping[str, Any]) -> Path:
        """Path of the page of a record that was read here.

        Raises:
            StoreError: a link leads the folder of its study out of the store.
        """
        inside(self.out, self.out / record["study"])
        return self.path(record["study"], record["run"]).with_name(f"{record['run']}.html")

    def write(self, run: str, record: dict[str, Any]) -> Path:
        """Write a record, numbered after all others of its study: a clock may jump back, the numbers do not.

        Raises:
            UsageError: a name of the study or the run that is no file name.
            StoreError: the folder cannot be written, or a link leads it out of the store.
        """
        for what, name in (("study", record["study"]), ("run", run)):
            if not is_safe(name):
                raise UsageError(
                    f"expected a name for the {what} that can be a file's name, got {name!r}. Use letters, digits and "
                    "dashes."
                )
        inside(self.out, self.out / record["study"])
        last = max((_sequence(path) for path in self._paths(record["study"])), default=0)
        head = {"schema": SCHEMA, "run": run, "sequence": last + 1}
        body = {key: value for key, value in record.items() if key not in head}
        return write_json(self.path(record["study"], run), {**head, **body})

    def read(self, path: Path) -> dict[str, Any]:
        """Read a record.

        Raises:
            FileNotFoundError: there is none.
            StoreError: the file is damaged, of a newer schema, or the record of another run or study.
        """

        def own(record: dict[str, Any], _: bytes) -> None:
            own_name(path.stem)
            if (record["study"], record["run"]) != (path.parent.name, path.stem):
                raise Damaged(f"it holds the run '{record['run']}' of '{record['study']}'")

        return KIND.read(path, own)

    def studies(self) -> list[str]:
        """Names of the studies that have a folder here; a folder whose name no study can have is none of them."""
        if not disk.is_dir(self.out):
            return []
        return [path.name for path in disk.listed(self.out) if is_safe(path.name) and disk.is_dir(path)]

    def runs(self, study: str) -> list[Path]:
        """Paths of a study's records, newest first."""
        return sorted(self._paths(study), key=lambda path: (_sequence(path), _changed(path)), reverse=True)

    def _paths(self, study: str) -> list[Path]:
        if not is_safe(study):
            return []
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
        chosen = _chosen(paths, run)
        if not chosen:
            have = f"; stored runs: {', '.join(sorted(names))}" if names else ""
            hint = nearest(study, self.studies()) if not names else nearest(run, names)
            raise UsageError(
                f"no finished run of '{study}'{' in profile ' + repr(run) if run else ''} in {self.out}{have}.{hint} "
                f"{todo()}"
            )
        return self.read(chosen[0])

    def unknown(self, study: str, run: str = "") -> list[str]:
        """What is wrong with the records that :meth:`latest` passes over, though any of them could be the newest.

        Those whose number cannot be read either are meant: nothing tells when they were made.
        """
        found = []
        for path in _chosen(self.runs(study), run)[1:]:
            if _sequence(path) == 0:
                with contextlib.suppress(FileNotFoundError):
                    try:
                        self.read(path)
                    except StoreError as error:
                        found.append(str(error))
        return found


def _chosen(paths: list[Path], run: str) -> list[Path]:
    """The records of a run, or of all runs whose name begins so."""
    return [path for path in paths if path.stem == run] or [p for p in paths if p.stem.startswith(run)]


def _sequence(path: Path) -> int:
    """The number of a record, from the first bytes of its file; 0 where it has none."""
    with contextlib.suppress(FileNotFoundError, Damaged):
        found = re.search(rb'"sequence": (\d{1,15})\b', start(path, _HEAD))
        if found:
            return int(found[1])
    return 0


def _changed(path: Path) -> float:
    try:
        return disk.lstat(path).st_mtime
    except OSError:
        return 0.0
