"""Columns of encoded images, decoded within the memory budget: training and test part in one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.memory import memory_budget
from overparam.data.images import Pictures, pictures

if TYPE_CHECKING:
    import pyarrow as pa

Column = tuple[Path, "pa.ChunkedArray"]


def decoded(parts: Sequence[Sequence[Column]], path: Path) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    """Return the images of the training part, and of the test part where there is one.

    Args:
        parts: for each part the columns of its files, with their paths; bytes, or structs with ``bytes``.
        path: what a person named, for messages.

    Returns:
        The images as stored, shape ``(n, height, width)``, or ``(n, height, width, 3)`` where any is coloured; and what
        was done to them.

    Raises:
        DataError: an image that cannot be decoded, or more pixels than fit.
    """
    made = [images(files, path, kind) for files, kind in zip(parts, ("training", "test"), strict=False)]
    notes = [note for one in made for note in one.notes]
    arrays = [one.pixels for one in made]
    if len({array.ndim for array in arrays}) > 1:
        arrays = [np.repeat(a[..., None], 3, axis=3) if a.ndim == 3 else a for a in arrays]
        notes.append("one part is grey and the other coloured: grey became RGB with three equal channels")
    return arrays, tuple(dict.fromkeys(notes))


def images(files: Sequence[Column], path: Path, part: str) -> Pictures:
    """Return the images of one part, see :func:`overparam.data.images.pictures`.

    Args:
        files: the columns of its files, with their paths.
        path: what a person named, for messages.
        part: which part it is, for messages where it has several files.

    Raises:
        DataError: an image that cannot be decoded, or more pixels than fit.
    """
    where = f"'{files[0][0]}'" if len(files) == 1 else f"'{path}', {part} part"
    rows = (row for _, column in files for row in _bytes(column))
    return pictures(rows, sum(len(column) for _, column in files), where, memory_budget() / 2)


def _bytes(column: pa.ChunkedArray) -> Iterator[bytes | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for chunk in column.chunks:
        plain = chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
        if pa.types.is_struct(plain.type):
            plain = pc.struct_field(plain, "bytes")
        for value in plain:
            yield value.as_py()
