"""A table of text: names in the first line, columns separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import IO, TYPE_CHECKING

from overparam.core.errors import DataError
from overparam.data.read import roles
from overparam.data.read.limits import afford
from overparam.data.read.opened import opened
from overparam.data.read.table import Table, check_names

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_LARGEST = 2**31 - 2
_EACH = 8
_SAMPLE = 20
_BOM = b"\xef\xbb\xbf"


def open_csv(path: Path) -> Table:
    """Return the table of a file in CSV, read whole.

    Raises:
        DataError: no line of names, rows of different lengths, quotes that do not pair, text that is not UTF-8, or more
            than fits.
    """
    with opened(path) as handle:
        data = _whole(handle, path)
    names, separator = _first_line(data, path)
    afford(sum(data.count(sign) for sign in (separator.encode(), b"\n", b"\r")) + 1, _EACH, path, "a table")
    if not any(line.strip() for line in io.BytesIO(data[_after(data) :])):
        raise DataError(
            f"'{path}': expected at least one row below the names, got none. The file is empty: get it again."
        )
    table = _parsed(data, names, separator, path)
    check_breaks(table, path)
    notes = () if separator == "," else (f"columns are separated by {SEPARATORS[separator]}s",)
    types = {name: table.schema.field(name).type for name in names}
    return Table(path, types, table.num_rows, lambda some: table.select(list(some)), notes=notes)


def _whole(handle: IO[bytes], path: Path) -> bytes:
    size = handle.seek(0, io.SEEK_END)
    handle.seek(0)
    if size > _LARGEST:
        raise DataError(
            f"'{path}': expected text of at most 2 GB, got {size:,} bytes. Save it as Parquet: "
            "pandas.read_csv(path).to_parquet(new)."
        )
    data = handle.read()
    if not data.strip():
        raise DataError(f"'{path}': expected a line of names and rows below, got an empty file.")
    if b"\0" in data:
        raise DataError(
            f"'{path}': expected text, got zero bytes in it. It is damaged or not UTF-8: save it as UTF-8."
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"'{path}', line {line}: expected text in UTF-8, got the byte {data[error.start]:#x}. Save it as UTF-8 "
            "(it may be Latin-1)."
        ) from None
    return data.removeprefix(_BOM)


def _first_line(data: bytes, path: Path) -> tuple[list[str], str]:
    """Names of the columns and the separator: the one that gives every row of the sample as many cells."""
    lines = _lines(data)
    if lines[0].startswith("#") and not lines[0].startswith(("#,", "#;", "#\t")):
        raise DataError(
            f"'{path}': expected the names of the columns in the first line, got a line that starts with #. Delete the "
            "lines before the names, and the #."
        )
    counts = {}
    for sign in filter(lines[0].__contains__, SEPARATORS):
        rows = _cells(lines, sign, path)
        if len(rows[0]) > 1:
            counts[sign] = rows
    even = [sign for sign, rows in counts.items() if len({len(row) for row in rows}) == 1]
    if len(even) > 1:
        even = [sign for sign in even if not _numbers_split(counts[sign])]
    if len(even) != 1 and len(counts) == 1:
        even = list(counts)  # one separator, rows of different lengths: the parser names the row
    if len(even) != 1:
        got = (
            "one column" if not counts else "several of them that fit" if even else "rows of different lengths"
        )
        raise DataError(
            f"'{path}': expected columns separated by commas, semicolons or tabs, got {got} in "
            f"'{roles.visible(lines[0])}'. Save it with commas, and text that holds one in double quotes."
        )
    cells = counts[even[0]][0]
    _check_header(cells, path)
    names = [cell.strip() or f"Unnamed: {number}" for number, cell in enumerate(cells)]
    check_names(names, path)
    return names, even[0]


def _lines(data: bytes) -> list[str]:
    """The first lines that are not empty, whole."""
    end, found = 0, 0
    while found <= 2 * _SAMPLE and (end := data.find(b"\n", end) + 1):
        found += 1
    text = (data[:end] if end else data).decode("utf-8")
    return [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()][: _SAMPLE + 1]


def _cells(lines: list[str], sign: str, path: Path) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=sign) if row]
    except csv.Error as error:
        raise DataError(f"'{path}': expected lines of cells, got {error} in the first lines.") from None


def _numbers_split(rows: list[list[str]]) -> bool:
    """Whether a separator leaves cells that hold another one: it cut through numbers or text."""
    return any(other in cell for row in rows for cell in row for other in ",;\t")


def _check_header(cells: list[str], path: Path) -> None:
    """Raise DataError where the first line holds values instead of names; a run such as 0, 1, 2, ... may be names."""
    numbers = [cell.strip() for cell in cells if _NUMBER.fullmatch(cell.strip())]
    if not numbers:
        return
    first = int(numbers[0]) if numbers[0].isdigit() else -1
    run = [str(number) for number in range(first, first + len(numbers))]
    if first in (0, 1) and numbers == run and (len(numbers) < len(cells) or len(cells) > 2):
        return
    raise DataError(
        f"'{path}': expected the names of the columns in the first line, got the values {roles.listed(cells, 5)}. Put a "
        "line of names at its top, one of them label."
    )


def _parsed(data: bytes, names: list[str], separator: str, path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        table = arrow.read_csv(
            io.BytesIO(memoryview(data)[_after(data) :]),
            arrow.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=names, autogenerate_column_names=False
            ),
            arrow.ParseOptions(delimiter=separator, newlines_in_values=True),
            arrow.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        why = roles.visible(" ".join(str(error).removeprefix("CSV parse error: ").split()), 160)
        raise DataError(
            f"'{path}': expected {len(names)} cells in every row, got rows that cannot be read ({why}). Put text that "
            "holds a separator or a line break in double quotes."
        ) from None
    return table


def _after(data: bytes) -> int:
    """Bytes up to the end of the line of names; empty lines before it are no rows."""
    start = len(data) - len(data.lstrip(b"\r\n "))
    ends = [end for sign in (b"\n", b"\r") if (end := data.find(sign, start)) >= 0]
    return min(ends, default=len(data)) + 1


def check_breaks(table: pa.Table, path: Path) -> None:
    """Raise DataError for a line break inside a cell: an open quote that has swallowed rows looks like that."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_string(column.type) and pc.any(pc.match_substring_regex(column, r"[\r\n]")).as_py():
            raise DataError(
                f"'{path}', column {roles.visible(name)}: expected cells without line breaks, got one with. A double quote "
                "that is opened and not closed swallows rows: close it, or take the breaks out of the text."
            )
