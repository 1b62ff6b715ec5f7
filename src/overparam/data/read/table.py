"""A table that has been opened: its columns and their types are known, its values are read when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from overparam.core.errors import DataError
from overparam.data.read import roles
from overparam.data.read.limits import MOST_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

Read = Callable[[Sequence[str]], "pa.Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """A table of one file.

    Attributes:
        path: of the file.
        types: Arrow type of every column, by name, in order.
        rows: how many rows it says it has.
        read: returns the named columns, in that order.
        index: columns that the table's metadata calls an index of rows.
        classes: names of the classes 0 to K - 1 that the metadata gives for a column.
        notes: what was done while opening it, one sentence each.
    """

    path: Path
    types: Mapping[str, pa.DataType]
    rows: int
    read: Read
    index: frozenset[str] = frozenset()
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.types)


def check_names(names: Sequence[str], path: Path) -> None:
    """Raise DataError for columns that share a name, none at all, or more than can be handled."""
    if not names:
        raise DataError(f"'{path}': expected a table with columns, got none.")
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"'{path}': expected at most {MOST_COLUMNS:,} columns, got {len(names):,}. Save wide data as arrays: "
            "numpy.savez(path, x=..., y=...)."
        )
    twice = [name for name, count in Counter(name.strip() for name in names).items() if count > 1]
    if twice:
        raise DataError(
            f"'{path}': expected every column to have a name of its own, got {roles.listed(twice)} more than once. Rename "
            "or leave out the doubles; a file without a line of names needs one."
        )
