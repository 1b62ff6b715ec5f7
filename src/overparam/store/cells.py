"""Cells on disk: ``<out>/<study>/cells/<readable>--<key>.json``, one atomic file each.

A cell is done when its file exists and can be read; there is no index to repair. A damaged file counts as not
done: it is moved aside (``.damaged``) when its cell is computed again. A finished cell is never overwritten.
Each file carries its own name and the hash of its text, so that a copy under another name or an edit by hand is
noticed (a file without them is taken as it is). Failures lie in ``<out>/<study>/failed``.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.errors import NewerError, StoreError
from overparam.store.atomic import write_json, write_once
from overparam.store.seal import sealed, whole

SCHEMA = 1


@dataclass(frozen=True)
class Cell:
    """A stored cell: its parameters, what it found, and what it cost."""

    name: str
    params: Mapping[str, Any]
    values: Mapping[str, Any]
    status: str
    note: str
    seconds: float
    document: Mapping[str, Any]


@dataclass(frozen=True)
class CellStore:
    """The cells of one study under a results folder."""

    out: Path
    study: str

    @property
    def folder(self) -> Path:
        """Where the finished cells lie."""
        return self.out / self.study / "cells"

    @property
    def failures(self) -> Path:
        """Where the records of failed cells lie."""
        return self.out / self.study / "failed"

    def names(self) -> set[str]:
        """Names of all finished cells (one directory listing, nothing is opened)."""
        try:
            return {
                e.name[:-5] for e in os.scandir(self.folder) if e.name.endswith(".json") and e.name[0] != "."
            }
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise StoreError(f"expected a readable folder at {self.folder}, got: {error.strerror}.") from error

    def read(self, name: str) -> Cell | None:
        """Read one cell; None if it is absent.

        Raises:
            StoreError: the file is not a cell of a schema that this version knows.
        """
        path = self.folder / f"{name}.json"
        try:
            content = path.read_bytes()
            document = json.loads(content)
            if document["schema"] > SCHEMA:
                raise NewerError(
                    f"{path}: expected schema {SCHEMA} or older, got {document['schema']}. "
                    "It was written by a newer overparam: upgrade, or choose another folder with --out."
                )
            if document.get("cell", name) != name:
                raise ValueError(f"it holds the cell {document['cell']}")
            if not whole(content):
                raise ValueError("it was changed after it was written")
            return Cell(
                name,
                document["params"],
                document["values"],
                document["status"],
                document.get("note", ""),
                document.get("seconds", 0.0),
                document,
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: expected a readable cell, got: {error.strerror or error}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: expected a cell, got a damaged file ({_why(error)}).") from error

    def present(self, names: Iterable[str]) -> dict[str, Cell]:
        """Those of some cells that are stored and readable."""
        return self.readable(names)[0]

    def readable(self, names: Iterable[str]) -> tuple[dict[str, Cell], list[str]]:
        """Read many cells; return those that can be read and the names of damaged files."""
        cells: dict[str, Cell] = {}
        damaged: list[str] = []
        for name in names:
            try:
                cell = self.read(name)
            except NewerError:
                raise
            except StoreError:
                damaged.append(name)
                continue
            if cell is not None:
                cells[name] = cell
        return cells, damaged

    def write(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store a finished cell and drop an older failure of the same cell.

        A cell that another run has stored meanwhile stays as it is; a damaged file is set aside.
        """
        path = self.folder / f"{name}.json"
        content = sealed({"schema": SCHEMA, "cell": name, **document})
        while not write_once(path, content):
            try:
                self.read(name)
                break
            except NewerError:
                raise
            except StoreError:
                self.set_aside(name)
        with contextlib.suppress(OSError):
            (self.failures / f"{name}.json").unlink(missing_ok=True)
        return path

    def write_failure(self, name: str, document: Mapping[str, Any]) -> Path:
        """Store what went wrong in a cell; it will be tried again by the next run."""
        return write_json(self.failures / f"{name}.json", {"schema": SCHEMA, **document})

    def set_aside(self, name: str) -> None:
        """Rename a damaged file so that its cell can be computed again and nothing is lost."""
        path = self.folder / f"{name}.json"
        try:
            path.replace(path.with_name(f"{path.stem}.damaged"))
        except FileNotFoundError:
            return  # another run was first
        except OSError as error:
            raise StoreError(f"{path}: expected to move it aside, got: {error.strerror or error}.") from error


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "it is empty" if not error.doc.strip() else f"it is no JSON: {error}"
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
