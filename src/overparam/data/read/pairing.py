"""What training and test part have in common that they should not: rows that repeat, and a label among the inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import DataError
from overparam.data.raw import Raw

_BLOCK = 1 << 22
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def compared(raw: Raw, path: Path) -> Raw:
    """Return the parts with a note on what repeats in them.

    Args:
        raw: what was read.
        path: of the file or folder, for messages.

    Raises:
        DataError: the test part is the training part again.
    """
    if raw.x.ndim < 2 or raw.x.dtype.kind not in "biuf" or not len(raw.x) or raw.x.shape[:1] != raw.y.shape[:1]:
        return raw
    notes = []
    train = row_marks(raw.x)
    distinct = np.unique(train)
    if len(distinct) < len(train):
        notes.append(
            f"{len(train) - len(distinct):,} of {len(train):,} rows repeat the inputs of an earlier row"
        )
    if raw.x_test is not None and raw.x_test.dtype == raw.x.dtype and raw.x_test.shape[1:] == raw.x.shape[1:]:
        test = row_marks(raw.x_test)
        if len(test) == len(train) and np.array_equal(np.sort(train), np.sort(test)):
            raise DataError(
                f"'{path}': expected test rows of their own, got the {len(test):,} training rows again. A test error on "
                "them says nothing: give other rows, or leave the test part out."
            )
        shared = int(np.isin(test, distinct).sum())
        if shared:
            notes.append(f"the inputs of {shared:,} of {len(test):,} test rows are training inputs too")
    if raw.x.ndim == 2 and raw.y.ndim == 1 and raw.y.dtype.kind in "biuf":
        near = np.flatnonzero((raw.x[:100] == raw.y[:100, None]).all(axis=0))
        same = [int(j) for j in near if np.array_equal(raw.x[:, j], raw.y)]
        if same and len(np.unique(raw.y[:1000])) > 1:
            notes.append(
                f"column {', '.join(map(str, same[:8]))} of the inputs (counted from 0) is the label itself"
            )
    return replace(raw, notes=(*raw.notes, *notes)) if notes else raw


def row_marks(x: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a number for every row, equal where rows are and else by a chance of 2^-64.

    Args:
        x: shape ``(n, ...)``, plain numbers.

    Returns:
        Shape ``(n,)``.

    >>> marks = row_marks(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]))
    >>> bool(marks[0] == marks[2]), bool(marks[0] == marks[1])
    (True, False)
    """
    n = len(x)
    flat = np.ascontiguousarray(x).reshape(n, -1)
    width = flat.shape[1] * flat.dtype.itemsize
    words = -(-width // 8)
    keys = np.arange(1, words + 1, dtype=np.uint64) * _GOLDEN
    marks = np.empty(n, np.uint64)
    step = max(1, _BLOCK // max(words, 1))
    for start in range(0, n, step):
        part = flat[start : start + step]
        part = part + 0 if part.dtype.kind == "f" else part  # -0.0 is 0.0
        held = np.zeros((len(part), words * 8), np.uint8)
        held[:, :width] = np.ascontiguousarray(part).view(np.uint8).reshape(len(part), width)
        mixed = held.view(np.uint64) + keys
        for shift, factor in zip(_SHIFTS, (*_MIX, None), strict=True):
            mixed ^= mixed >> shift
            if factor is not None:
                mixed *= factor
        marks[start : start + step] = mixed.sum(axis=1, dtype=np.uint64)
    return marks
