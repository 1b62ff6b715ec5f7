"""Columns that are no features: those that count or name the rows, and those that give the label away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core import data_name
from overparam.core.errors import DataError
from overparam.data.read.roles import listed

_UNNAMED = re.compile(r"(unnamed:?[ _.]?\d*(_level_\d+)?|)")
_ROW = re.compile(
    r"index|idx|id|#|uuid|guid|row_?names?|level_0|"
    r"(row|record|sample|example|line|obs)[ _.-]?(index|idx|id|no|nr|num|number)\.?"
)
_IDENTITY = re.compile(r".*([_\-. ][iI][dD]|[a-z]I[dD])")
_FEW = 10
_SAMPLE = 1_000


def by_name(names: Sequence[str], path: Path) -> None:
    """Raise DataError for a column whose name says that it counts or names rows, or that has none."""
    found = [name for name in names if _UNNAMED.fullmatch(low := name.strip().lower()) or _ROW.fullmatch(low)]
    if found:
        raise refused(found, "look like row numbers by their names", path)


def by_value(columns: Mapping[str, NDArray[Any]], y: NDArray[Any], path: Path) -> tuple[str, ...]:
    """Refuse columns that count the rows or that follow from the label; note those that the label follows from.

    Args:
        columns: features by name, each of shape ``(n,)``; those that are to be kept whatever they hold left out.
        y: labels, shape ``(n,)``, or targets.
        path: of the file, for the message.

    Raises:
        DataError: such a column; the message says how to leave it out or keep it.
    """
    counting = [
        name for name, values in columns.items()
        if counts_rows(values) or (_IDENTITY.fullmatch(name.strip()) and len(np.unique(values)) == len(values) > 1)
    ]  # fmt: skip
    if counting:
        raise refused(counting, "look like row numbers: each value occurs once, in order or without gaps", path)
    same = [name for name, values in columns.items() if y.dtype.kind in "biuf" and np.array_equal(values, y)]
    if same:
        raise refused(same, "hold the label itself", path)
    tell = told_by(y)
    if tell is not None:
        copies = [name for name, values in columns.items() if gives_away(values, *tell)]
        if copies:
            raise refused(copies, "are the label in another form: each class has one value", path)
        finer = [name for name, values in columns.items() if decides(values, tell[0])]
        if finer:
            return (f"the label follows from one column alone: {listed(finer)}",)
    return ()


def refused(names: Sequence[str], why: str, path: Path) -> DataError:
    """Return the error for columns that are no features."""
    some = "+".join(data_name.quoted(name) for name in names)
    return DataError(
        f"'{path}': expected features beside the label, got columns that {why}: {listed(names)}. Leave them out with "
        f"{path.name}:drop={some}, or take them as features with keep={some}."
    )


def counts_rows(values: NDArray[Any]) -> bool:
    """Whether whole numbers rise from row to row, or fill a range without repeats.

    >>> counts_rows(np.arange(5, 40, 2)), counts_rows(np.roll(np.arange(30), 7)), counts_rows(np.arange(30) % 7)
    (True, True, False)
    """
    n = len(values)
    if n < _FEW or values.dtype.kind not in "iuf":
        return False
    few = values[:_SAMPLE]
    if len(np.unique(few)) < len(few):
        return False
    if values.dtype.kind == "f" and not bool(np.all(values == np.floor(values))):
        return False
    if bool(np.all(values[1:] > values[:-1])):
        return True
    return float(values.max()) - float(values.min()) < 2 * n and len(np.unique(values)) == n


def told_by(y: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the class of every row and the first row of every class; None where nothing repeats."""
    if y.ndim != 1:
        return None
    _, first, codes = np.unique(y, return_index=True, return_inverse=True)
    return (codes.reshape(-1), first) if 2 <= len(first) < len(y) else None


def gives_away(values: NDArray[Any], codes: NDArray[np.intp], first: NDArray[np.intp]) -> bool:
    """Whether values follow from classes: one value a class, and not the same for all.

    Args:
        values: shape ``(n,)``.
        codes: class of every row, shape ``(n,)``.
        first: first row of every class, shape ``(classes,)``.

    >>> gives_away(np.array([5.0, 7.0, 5.0]), np.array([0, 1, 0]), np.array([0, 1]))
    True
    """
    one = values[first]
    if not np.array_equal(values[:_SAMPLE], one[codes[:_SAMPLE]]):
        return False
    return len(np.unique(one)) > 1 and bool(np.array_equal(values, one[codes]))


def decides(values: NDArray[Any], codes: NDArray[np.intp]) -> bool:
    """Whether classes follow from values that many rows share: a finer form of the label, or a perfect feature.

    Args:
        values: shape ``(n,)``.
        codes: class of every row, shape ``(n,)``.

    >>> decides(np.arange(24) % 4, np.arange(24) % 2), decides(np.arange(24) % 3, np.arange(24) % 2)
    (True, False)
    """
    for rows in (slice(0, _SAMPLE), slice(None)):
        some, labels = values[rows], codes[rows]
        if len(some) < 2 * _FEW:
            return False
        order = np.argsort(some, kind="stable")
        same = some[order][1:] == some[order][:-1]
        if 4 * int((~same).sum() + 1) > len(some) or bool(
            (same & (labels[order][1:] != labels[order][:-1])).any()
        ):
            return False
    return True
