"""One array in NumPy's format: its header is judged before anything is allocated, its values are read exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.read.limits import afford

_PLAIN = "biufSU"
_AGAIN = "Save it again with numpy.savez(path, x=..., y=...)."
_STEP = 1 << 24


@dataclass(frozen=True)
class Header:
    """What stands before the values of an array.

    Attributes:
        shape: its shape.
        fortran: whether columns come first.
        dtype: type of the values.
        bytes: length of the header itself.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    bytes: int

    @property
    def values(self) -> int:
        """How many values the array has."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return self.values * self.dtype.itemsize


def header(stream: IO[bytes], path: Path, name: str) -> Header:
    """Read the header of an array.

    Args:
        stream: at the start of the array.
        path: of the file, for messages.
        name: of the array, for messages.

    Raises:
        DataError: no header, or one that no array can have.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except DataError:
        raise
    except Exception as error:  # the header is a Python literal, and a damaged one raises anything
        raise damaged(path, name, error) from error
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise DataError(
            f"'{path}': expected sizes of at least 0 in the shape of {name}, got {shape}. The file is damaged or forged."
        )
    return Header(tuple(shape), bool(fortran), dtype, 0)


def check_type(found: Header, path: Path, name: str) -> None:
    """Raise DataError unless the values are plain: numbers, booleans or text."""
    kind = found.dtype
    if kind.kind in _PLAIN and kind.names is None and kind.subdtype is None:
        return
    if kind.hasobject:
        got, todo = (
            "Python objects, which are never unpickled",
            ("Make it a plain array (numpy.stack of rows of one shape, or astype) and save that."),
        )
    elif kind.names is not None:
        got, todo = (
            f"records with the fields {', '.join(kind.names)}",
            ("Save the fields as arrays x and y, or the records as a CSV or Parquet table."),
        )
    elif kind.kind == "V":
        got, todo = f"raw bytes of type {kind} (bfloat16 is stored so)", "Save it as float32."
    elif kind.kind in "mM":
        got, todo = "dates or times", "Save them as numbers."
    else:
        got, todo = f"values of type {kind}", "Save the parts that matter as real numbers."
    raise DataError(f"'{path}': expected numbers or text in {name}, got {got}. {todo}")


def values(stream: IO[bytes], found: Header, path: Path, name: str) -> NDArray[Any]:
    """Return the values behind a header, in this machine's byte order, of the type stored.

    Raises:
        DataError: values that do not fit into memory, or fewer or more bytes than the header says.
    """
    check_type(found, path, name)
    afford(found.values, found.dtype.itemsize, path, f"{name} of shape {found.shape} and type {found.dtype}")
    try:
        held = np.empty(found.size, np.uint8)
        view, done = memoryview(held.data), 0
        while done < found.size:
            got = stream.readinto(view[done : done + _STEP])  # type: ignore[attr-defined]
            if not got:
                raise EOFError(f"{found.size - done} bytes of {found.size} are missing")
            done += got
        more = stream.read(1)
    except MemoryError as error:
        raise DataError(
            f"'{path}': expected data that fit into memory, got {name} of shape {found.shape}."
        ) from error
    except Exception as error:  # zipfile and zlib raise many kinds for damaged bytes
        raise damaged(path, name, error) from error
    if more:
        raise DataError(
            f"'{path}': expected {name} to end after the {found.size} bytes of its header's shape {found.shape}, got "
            f"more. Several arrays in one file, or a damaged one: {_AGAIN}"
        )
    flat = held.view(found.dtype) if found.size else np.empty(found.values, found.dtype)
    whole = flat.reshape(found.shape, order="F" if found.fortran else "C")
    return np.ascontiguousarray(whole, dtype=found.dtype.newbyteorder("="))


def damaged(path: Path, name: str, error: Exception) -> DataError:
    """Return the error for an array that cannot be read."""
    why = " ".join(str(error).split())[:160] or type(error).__name__
    return DataError(
        f"'{path}': expected a plain array in {name}, got something that cannot be read ({why}). The file is damaged or "
        f"cut short: get it again. {_AGAIN}"
    )
