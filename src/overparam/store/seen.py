"""Which rules were judged on which seeds: ``<out>/<study>/register/<hash>.json``, one file each, written once.

A record is written anew by each run, and can be deleted; these files stay, so that a rule that is changed after its
data were seen shows. A file is named by what it says: folders that are copied over each other hold the files of both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import disk
from overparam.core.atomic import json_text, write_once
from overparam.core.errors import DiskError

SCHEMA = 1


@dataclass(frozen=True)
class SeenStore:
    """What was judged of one study under a results folder."""

    out: Path
    study: str

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.out / self.study / "register"

    def read(self) -> list[dict[str, Any]]:
        """All that was seen, first things first; a damaged file is left out."""
        found = []
        for path in disk.listed(self.folder, "*.json"):
            try:
                entry = json.loads(disk.read_bytes(path))
                whole = isinstance(entry["rules"], dict) and isinstance(entry["seeds"], list) and entry["data"]
                if whole and not path.name.startswith("."):
                    found.append({**entry, "sequence": int(entry["sequence"]), "at": str(entry["at"])})
            except DiskError:
                raise
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return sorted(found, key=lambda one: (one["sequence"], one["at"]))

    def add(self, entries: Iterable[Mapping[str, Any]], at: str, sequence: int = 0) -> None:
        """Write what is seen for the first time.

        Args:
            entries: mappings with ``data`` (the name of the data set), ``seeds``, and ``rules``: claim to version and
                fingerprint.
            at: the time.
            sequence: the place in the order; by default after all others, whatever the clock says.
        """
        last = sequence or 1 + max((one["sequence"] for one in self.read()), default=0)
        for entry in entries:
            body = {
                "data": entry["data"],
                "seeds": sorted(entry["seeds"]),
                "rules": dict(sorted(entry["rules"].items())),
            }
            name = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
            path = self.folder / f"{name}.json"
            if not disk.exists(path):
                write_once(path, json_text({"schema": SCHEMA, "sequence": last, "at": at, **body}).encode())

    def merge(self, theirs: SeenStore) -> None:
        """Take over what was seen in another results folder."""
        for path in disk.listed(theirs.folder, "[!.]*.json"):
            if not disk.exists(self.folder / path.name):
                write_once(self.folder / path.name, disk.read_bytes(path))
