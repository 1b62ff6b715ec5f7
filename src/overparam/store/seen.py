"""Which rules were judged on which seeds: ``<out>/<study>/register/<hash>.json``, one file each, written once.

A record is written anew by each run, and can be deleted; these files stay, so that a rule that is changed after its
data were seen shows. A file is named by what it says: folders that are copied over each other hold the files of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import json_text, write_once
from overparam.core.documents import Damaged
from overparam.core.errors import DiskError, StoreError
from overparam.store.schema import REGISTER, SCHEMA, Kind, entry_name, inside

KIND = Kind(
    "register entry", REGISTER, "A rule that was changed after its data were seen may not show until it is back."
)  # fmt: skip


@dataclass(frozen=True)
class SeenStore:
    """What was judged of one study under a results folder."""

    out: Path
    study: str

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.out / self.study / "register"

    def read(self, damaged: list[StoreError] | None = None) -> list[dict[str, Any]]:
        """All that was seen, first things first.

        Args:
            damaged: takes what is wrong with the files that cannot be read; they are left out.
        """
        found = [entry for _, entry in self._entries([] if damaged is None else damaged)]
        return sorted(found, key=lambda one: (one["sequence"], one["at"]))

    def _entries(self, damaged: list[StoreError]) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in disk.listed(self.folder, "[!.]*.json"):
            try:
                yield path, self.entry(path)
            except DiskError:
                raise
            except FileNotFoundError:
                continue
            except StoreError as error:
                damaged.append(error)

    def entry(self, path: Path) -> dict[str, Any]:
        """Read one file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it is damaged, or of a newer schema.
        """

        def own(entry: dict[str, Any], _: bytes) -> None:
            if entry_name(entry) != path.stem:
                raise Damaged("it was changed after it was written, or is a copy")

        return KIND.read(path, own)

    def add(self, entries: Iterable[Mapping[str, Any]], at: str, sequence: int = 0) -> None:
        """Write what is seen for the first time.

        Args:
            entries: mappings with ``data`` (the name of the data set), ``seeds``, and ``rules``: claim to version and
                fingerprint.
            at: the time.
            sequence: the place in the order; by default after all others, whatever the clock says.
        """
        inside(self.out, self.folder)
        last = sequence or 1 + max((one["sequence"] for one in self.read()), default=0)
        for entry in entries:
            body = {
                "data": entry["data"],
                "seeds": sorted(entry["seeds"]),
                "rules": dict(sorted(entry["rules"].items())),
            }
            path = self.folder / f"{entry_name(body)}.json"
            if not disk.exists(path):
                write_once(path, json_text({"schema": SCHEMA, "sequence": last, "at": at, **body}).encode())

    def merge(self, theirs: SeenStore) -> list[StoreError]:
        """Take over what was seen in another results folder; return what is wrong with the files that cannot be."""
        damaged: list[StoreError] = []
        inside(self.out, self.folder)
        for path, entry in theirs._entries(damaged):
            if not disk.exists(self.folder / path.name):
                write_once(self.folder / path.name, json_text(entry).encode())
        return damaged
