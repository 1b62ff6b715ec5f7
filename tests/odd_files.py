"""Rows of a small data set, and what is expected of a file that holds them: to be read so, or refused by a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError
from overparam.data import shape_of

A = [0.5, 1.5, 3.5, 2.5, 0.25, 9.0, 8.0, 7.5, 6.25, 0.125, 4.0, 3.0]
B = [5, 3, 3, 1, 2, 2, 8, 1, 0, 4, 4, 1]
Y = [0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0]
ROWS = [[a, b] for a, b in zip(A, B, strict=True)]
FRAME = pd.DataFrame({"a": A, "b": B, "label": Y})


def rows_of(made):
    """Rows of inputs with their label, both parts together, sorted."""
    parts = ((made.x, made.y), (made.x_test, made.y_test))
    return sorted((*np.ravel(x).tolist(), int(k)) for part, y in parts for x, k in zip(part, y, strict=True))


def check(name, x, y, *words):
    made = data.load(name)
    wanted = sorted(
        (*np.ravel(np.asarray(row, np.float32)).tolist(), int(k)) for row, k in zip(x, y, strict=True)
    )
    assert rows_of(made) == wanted
    for word in words:
        assert word in made.notes
    assert shape_of(name) == (made.features, made.classes, made.n, made.n_test, made.shape)
    assert made.fingerprint == data.fingerprint(name)


def refuse(name, *words):
    for ask in (data.load, shape_of):
        with pytest.raises((DataError, UsageError)) as caught:
            ask(name)
        for word in words:
            assert word in str(caught.value)


def write_table(columns, path, **options):
    pq.write_table(pa.table(columns), path, **options)


def text_of(separator=",", end="\n"):
    lines = ["a,b,label", *(f"{a},{b},{y}" for (a, b), y in zip(ROWS, Y, strict=True))]
    return end.join(lines).replace(",", separator) + end
