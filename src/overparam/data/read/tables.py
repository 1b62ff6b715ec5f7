"""From tables to parts: which column holds the labels, which the inputs, and whether the files agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core import data_name
from overparam.core.errors import DataError
from overparam.data.arrays import stack
from overparam.data.raw import Raw
from overparam.data.read import columns, encoded, roles, suspects
from overparam.data.read.agreed import agree
from overparam.data.read.limits import afford
from overparam.data.read.table import Table
from overparam.data.read.wanted import Wanted

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2.0**53
_SHOWN = 3


def from_tables(train: Sequence[Table], test: Sequence[Table], path: Path, wanted: Wanted) -> Raw:
    """Return the parts of the tables of a data set.

    Args:
        train: tables of the training part, in order, at least one.
        test: tables of the test part, or none.
        path: the file or folder that a person named.
        wanted: what they said about its columns.

    Raises:
        DataError: tables that do not agree, no column of labels or of inputs, columns that are no features, or values
            that are missing.
    """
    types, notes = agree(train, test)
    for table in (*train, *test):
        if not table.rows:
            raise DataError(
                f"'{table.path}': expected at least one row, got none. The file is empty: get it again."
            )
    names, first = list(types), train[0]
    for option, given in (("drop", wanted.drop), ("keep", wanted.keep)):
        for name in given:
            if name not in names:
                raise roles.not_there(name, option, names, path)
    twice = [name for name in wanted.drop if name in (wanted.label, wanted.image, *wanted.keep)]
    if twice:
        raise DataError(
            f"'{path}': expected to use or to drop a column, got both for {roles.listed(twice)}. Leave out drop=."
        )
    label = _label([name for name in names if name not in wanted.drop], path, wanted)
    rest = [name for name in names if name != label and name not in wanted.drop]
    image = _image(types, rest, path, wanted)
    notes += (f"labels from {roles.visible(label)}",) if label != "label" else ()
    parts: list[NDArray[Any]] = []
    for tables in filter(None, (train, test)):
        read = [(table.path, table.read([label])) for table in tables]
        arrays = [columns.labels(t.column(label), p, label, wanted.numbers) for p, t in read]
        parts.append(joined(arrays, f"'{path}', column {roles.visible(label)}"))
    classes = first.classes.get(label)
    if classes is not None and parts[0].dtype.kind in "iu":
        notes += (f"classes: {roles.listed([f'{i} = {name}' for i, name in enumerate(classes)], 20)}",)
    else:
        classes = None
    if image is not None:
        inputs, more = _inputs(types[image], train, test, image, path)
        notes += more + roles.left(names, [label, image])
    else:
        features, more = _features(types, rest, first.index - {label}, path, wanted)
        made = [_matrix(tables, features, path) for tables in filter(None, (train, test))]
        inputs, more = [one[0] for one in made], more + tuple(note for one in made for note in one[1])
        loose = {name: inputs[0][:, i] for i, name in enumerate(features) if name not in wanted.keep}
        more += suspects.by_value(loose, parts[0], path)
        notes += more + roles.left(names, [label, *features, *first.index])
    return Raw(
        inputs[0], parts[0], inputs[1] if test else None, parts[1] if test else None,
        None if classes is None else len(classes), path.name, tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _label(names: Sequence[str], path: Path, wanted: Wanted) -> str:
    if wanted.label is not None:
        if wanted.label not in names:
            raise roles.not_there(wanted.label, "label", names, path)
        return wanted.label
    found = [name for name in names if name.strip().lower() in roles.LABELS]
    if len(found) > 1:
        raise roles.ambiguous(found, "label", path)
    if not found:
        raise DataError(
            f"'{path}' has no label column: expected one named {', '.join(roles.LABELS)}, got {roles.listed(names)}. Say "
            f"which it is: {path.name}:label={data_name.quoted(names[-1]) if len(names) > 1 else 'NAME'}."
        )
    return found[0]


def _image(types: dict[str, pa.DataType], rest: Sequence[str], path: Path, wanted: Wanted) -> str | None:
    """The one column that holds whole inputs, or None where each column is a feature."""
    if wanted.image is not None:
        if wanted.image not in rest:
            raise roles.not_there(wanted.image, "image", list(rest), path)
        return wanted.image
    whole = [name for name in rest if columns.is_image(types[name]) or columns.is_list(types[name])]
    known = [name for name in whole if name.strip().lower() in roles.INPUTS]
    if len(known) > 1:
        raise roles.ambiguous(known, "image", path)
    if known:
        return known[0]
    words = [name for name in rest if name.strip().lower() in ("image", "img") and columns.is_text(types[name])]
    if words:
        raise DataError(
            f"'{path}', column {words[0]}: expected images as bytes, got text, such as paths. Store the bytes of the files."
        )
    if whole and len(rest) == 1:
        return whole[0]
    if whole:
        raise DataError(
            f"'{path}': expected the inputs in a column named {', '.join(roles.INPUTS)}, or in columns of numbers, got "
            f"{roles.listed(whole)} with images or lists. Say which: {path.name}:image={data_name.quoted(whole[0])}."
        )
    return None


def _inputs(
    kind: pa.DataType, train: Sequence[Table], test: Sequence[Table], name: str, path: Path
) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    read = [[(table.path, table.read([name]).column(name)) for table in part] for part in (train, test) if part]
    if columns.is_image(kind):
        return encoded.decoded(read, path)
    if not columns.is_number(columns.innermost(kind)):
        raise DataError(
            f"'{path}', column {roles.visible(name)}: expected images, lists of numbers or numbers, got values of type {kind}."
        )
    made = []
    for part in read:
        arrays = [columns.numbers(column, place, name) for place, column in part]
        for (place, _), array in zip(part, arrays, strict=True):
            if array.shape[1:] != arrays[0].shape[1:]:
                raise DataError(
                    f"'{place}', column {roles.visible(name)}: expected lists of shape {arrays[0].shape[1:]} as in the file "
                    f"before, got {array.shape[1:]}. Bring all rows to one length."
                )
        whole = np.concatenate(arrays)
        made.append(whole.reshape(len(whole), -1) if whole.ndim == 1 else whole)
    return made, ((f"inputs from {roles.visible(name)}",) if name not in ("image", "x") else ())


def _features(
    types: dict[str, pa.DataType], rest: Sequence[str], index: frozenset[str], path: Path, wanted: Wanted
) -> tuple[list[str], tuple[str, ...]]:
    """The columns of numbers that are features, in order, and the sentence on an index that is none."""
    mine = [name for name in rest if name not in index or name in wanted.keep]
    out = [name for name in rest if name in index and name not in wanted.keep]
    notes = (f"{roles.listed(out)}: the table's index, no feature",) if out else ()
    suspects.by_name([name for name in mine if name not in wanted.keep], path)
    odd = [name for name in mine if not columns.is_number(types[name])]
    if odd or not mine:
        got = roles.listed([f"{roles.visible(name)} of type {types[name]}" for name in odd], _SHOWN * 2)
        drop = "+".join(data_name.quoted(name) for name in odd)
        raise DataError(
            f"'{path}': expected an image column ({' or '.join(roles.INPUTS[1:3])}) or numeric columns beside the label, got "
            + (f"{got}. Encode these columns as numbers (no thousands or decimal commas), or leave them out with "
               f"{path.name}:drop={drop}." if odd else "no column beside the label.")
        )  # fmt: skip
    return mine, notes


def _matrix(tables: Sequence[Table], names: Sequence[str], path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Features side by side, of a type that holds all of them."""
    rows = sum(table.rows for table in tables)
    afford(rows * len(names), 16, path, f"{rows:,} rows of {len(names):,} columns")
    read = [(table.path, table.read(names)) for table in tables]
    made = []
    for name in names:
        parts = [columns.numbers(table.column(name), place, name) for place, table in read]
        made.append(joined(parts, f"'{path}', column {roles.visible(name)}"))
    if len({array.dtype.kind for array in made}) > 1:  # truth values beside numbers are numbers, and no pixels
        made = [array.astype(np.int16) if array.dtype.kind == "b" else array for array in made]
    return stack(made, [roles.visible(name) for name in names], f"'{path}'")


def joined(parts: Sequence[NDArray[Any]], what: str) -> NDArray[Any]:
    """Return the values of a column that lies in several files, in a type that holds them all.

    Raises:
        DataError: whole numbers that lose digits beside fractions.
    """
    kind = np.result_type(*(part.dtype for part in parts))
    for part in parts:
        whole = kind.kind == "f" and part.dtype.kind in "iu" and part.size
        if whole and max(int(part.max()), -int(part.min())) > _EXACT:
            raise DataError(
                f"{what}: expected whole numbers up to 2^53 beside fractions in another file, got larger ones, which "
                "lose digits. Store the column as one type in all files."
            )
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
