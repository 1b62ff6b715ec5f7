"""What the end of a Parquet file claims about its columns.

pyarrow ends the whole process where the description of a column is damaged in certain ways (an exception that leaves
``RowGroupMetaData.column``), so the few numbers that are needed before anything is allocated are read here: Thrift's
compact protocol, in which the end of the file is written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Any

_GROUPS, _COLUMNS, _ABOUT = 4, 1, 3
_TYPE, _PATH, _VALUES, _UNPACKED = 1, 3, 5, 6
_BYTES = (6, 7)  # physical types BYTE_ARRAY and FIXED_LEN_BYTE_ARRAY
_DEEPEST = 32


@dataclass(frozen=True)
class Chunk:
    """One column in one group of rows.

    Attributes:
        path: names from the column to the values inside.
        values: how many values it claims to hold.
        unpacked: bytes that its pages claim to unpack to.
        bytes: whether its values are bytes of any length.
    """

    path: tuple[str, ...]
    values: int
    unpacked: int
    bytes: bool


def chunks(handle: IO[bytes]) -> list[Chunk]:
    """Return the columns of all groups of rows.

    Args:
        handle: of a Parquet file; its place in the file changes.

    Raises:
        ValueError: the end of the file is not that of a Parquet file.
    """
    end = handle.seek(-8, os.SEEK_END)
    tail = handle.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > end:
        raise ValueError("no description at the end of the file")
    handle.seek(end - length)
    about = _Compact(handle.read(length)).struct()
    found = []
    for group in _list(about.get(_GROUPS)):
        for column in _list(group.get(_COLUMNS)):
            one = column.get(_ABOUT)
            if not isinstance(one, dict):
                raise ValueError("a column without a description")
            path = tuple(part.decode("utf-8", "replace") for part in _list(one.get(_PATH), bytes))
            values, unpacked, kind = (_whole(one.get(key)) for key in (_VALUES, _UNPACKED, _TYPE))
            if not path:
                raise ValueError("a column without a name")
            found.append(Chunk(path, values, unpacked, kind in _BYTES))
    return found


def _list(value: Any, kind: type = dict) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise ValueError("a list that is missing or of something else")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a size that is missing or below 0")
    return value


class _Compact:
    """A reader of Thrift's compact protocol: structs become mappings from field numbers, the rest plain values."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read a struct up to its stop."""
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._signed()
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("a description nested too deep")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._unsigned())
        if kind in (9, 10):
            head = self._byte()
            size = head >> 4 if head >> 4 < 15 else self._unsigned()
            self._room(size)
            return [self._value(head & 15, depth + 1) for _ in range(size)]
        if kind == 11:
            size = self._unsigned()
            self._room(size)
            kinds = self._byte() if size else 0
            return [
                (self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(size)
            ]
        if kind == 12:
            return self.struct(depth + 1)
        if kind == 13:
            return self._bytes(16)
        raise ValueError(f"a value of the unknown kind {kind}")

    def _room(self, size: int) -> None:
        if size > len(self._data) - self._at:
            raise ValueError("a list longer than the file")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError("a description that is cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a number that is too long")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
