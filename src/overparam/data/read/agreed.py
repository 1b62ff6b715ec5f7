"""Whether the tables of one data set have the same columns of the same types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from overparam.core.errors import DataError
from overparam.data.read import columns, roles
from overparam.data.read.table import Table

if TYPE_CHECKING:
    import pyarrow as pa


def agree(train: Sequence[Table], test: Sequence[Table]) -> tuple[dict[str, pa.DataType], tuple[str, ...]]:
    """Return the types of the columns that all tables share, in the order of the first, and what was noticed.

    Raises:
        DataError: a table lacks a column, has one more, or has one of another kind; the message names file and column.
    """
    first, notes = train[0], []
    for table in (*train[1:], *test):
        missing = [name for name in first.names if name not in table.types and name not in first.index]
        more = [name for name in table.names if name not in first.types and name not in table.index]
        if missing or more:
            raise DataError(
                f"'{table.path}': expected the columns of '{first.path.name}', got "
                + " and ".join(
                    f"{words} {roles.listed(some)}"
                    for words, some in (("none of", missing), ("also", more))
                    if some
                )
                + ". Bring all files to the same columns, or give the path of one file alone."
            )
        if [n for n in table.names if n in first.types] != [n for n in first.names if n in table.types]:
            notes.append("columns stand in another order in some files and were matched by name")
        for name in first.names:
            if name in table.types:
                notes += _compared(name, first, table)
        if {k: v for k, v in table.classes.items() if v} != {k: v for k, v in first.classes.items() if v}:
            raise DataError(
                f"'{table.path}': expected the class names that '{first.path.name}' gives in its metadata, got others. "
                "The files are not of one data set, or number the classes differently."
            )
    index = first.index | frozenset(name for table in (*train, *test) for name in table.index)
    return {
        name: kind for name, kind in first.types.items() if name not in index or _everywhere(name, train, test)
    }, tuple(dict.fromkeys(note for table in (*train, *test) for note in table.notes)) + tuple(
        dict.fromkeys(notes)
    )


def _everywhere(name: str, train: Sequence[Table], test: Sequence[Table]) -> bool:
    return all(name in table.types for table in (*train, *test))


def _compared(name: str, first: Table, table: Table) -> list[str]:
    """What to note on the types of one column in two files."""
    one, two = columns.plain(first.types[name]), columns.plain(table.types[name])
    if one == two or (columns.is_text(one) and columns.is_text(two)):
        return []
    if columns.is_image(one) and columns.is_image(two):
        return []
    inner = columns.innermost(one), columns.innermost(two)
    both = all(columns.is_number(kind) for kind in inner) and columns.is_list(one) == columns.is_list(two)
    if both and not any(str(kind) in ("uint8", "bool") for kind in inner):
        if inner[0] == inner[1]:
            return []
        return [f"{roles.visible(name)} is {inner[0]} in some files and {inner[1]} in others"]
    raise DataError(
        f"'{table.path}', column {roles.visible(name)}: expected values of type {one} as in '{first.path.name}', got {two}. "
        "Store the column as one type in all files."
    )
