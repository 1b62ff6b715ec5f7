"""float32: what it does not keep is refused or said, whatever the type it comes from."""

from __future__ import annotations

from fractions import Fraction

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam import data
from overparam.core.errors import DataError
from overparam.data.convert import to_float32

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
NORMAL = RNG.normal(size=(40, 3))


def made(x, x_test=None):
    test = None if x_test is None else Y[: len(x_test)]
    return data.from_arrays(x, Y, x_test, test, name="a")


def with_column(values):
    x = NORMAL.copy()
    x[:, 1] = values
    return x


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (with_column(1e-300 * RNG.normal(size=40)), "in size in column 1 .* would become 0"),
        (with_column(1e-40), "in size in column 1 .* would become 0"),
        (with_column(np.where(Y, 1e-39, 2e-38)), "none above 2e-38 in size in column 1 .* would become 0"),
        (np.float32(1e-40) * np.arange(40, dtype=np.float32)[:, None], "none above 3.9e-39 in size in column 0"),
        (None, r"an array, got nothing. Give the values"),
        ((row for row in NORMAL), r"got a generator, whose values are not there yet. .*list\(x\)"),
        (pl.DataFrame(NORMAL).lazy(), r"got a LazyFrame, whose values are not there yet. .*x\.collect\(\)"),
        (NORMAL * 1e-310, "column 0 .* would become 0. Multiply"),
        (with_column(np.where(Y, 1e300, 1)), r"20 that are too large for float32 \(above 3\.4e\+38\), first in row 1"),
        (with_column(1e9 + RNG.normal(size=40)), r"column 1 .* of its 40 different values 1 would be left"),
        (with_column(1e9 + 20 * RNG.normal(size=40)), "column 1 .* different values"),
        (with_column(1 + 1e-12 * np.arange(40)), "of its 40 different values 1 would be left"),
        (with_column(1_700_000_000 + np.arange(40)), "from 1700000000.0 to 1700000039.0: of its 40 different values"),
        (np.stack([1_700_000_000_000 + np.arange(40)] * 2, 1), "from 1700000000000 to 1700000000039.*if it is an id"),
        (np.array([[2**53], [2**53 + 1]] * 20), "of its 2 different values 1 would be left"),
        (np.array([[2**24], [2**24 + 1]] * 20), "of its 2 different values 1 would be left"),
        (np.array([[2**63], [2**63 + 7]] * 20, np.uint64), "of its 2 different values 1 would be left"),
        (np.where(np.arange(40) == 3, 0, 1e9 + RNG.normal(size=40))[:, None], "would be left"),
        (np.longdouble(1) + np.arange(40)[:, None] * np.longdouble(1e-18), "of its 40 different values 1"),
        (with_column(np.where(Y, np.nan, 1)), r"20 that are missing \(nan\), first in row 1"),
        (with_column(np.where(Y, -np.inf, 1)), "20 that are infinite, first in row 1"),
        (NORMAL + 0j, r"numbers, got complex numbers. Give real .* or x\.real"),
        (NORMAL.astype(str), r"got values of type <U32.*x\.astype\(float\)"),
        (NORMAL.astype("S"), r"got bytes.*x\.astype\(float\)"),
        (np.datetime64("2020-01-01") + np.arange(40)[:, None], "numbers, got dates. Give the time since"),
        (np.arange(40)[:, None].astype("m8[s]"), "numbers, got durations"),
        (np.array([(1.0, 2.0)] * 40, dtype=[("a", float), ("b", float)]), "records with the fields a, b"),
        (np.ma.masked_array(NORMAL, NORMAL > 2), "got 3 missing of 120"),
        (np.array([["a", 1]] * 40, object), "one type, numbers or text, got 40 of type text and 40 of type whole"),
        (np.array([[{}]] * 40, object), "got 40 of type dict"),
        ([[1.0, 2.0]] * 39 + [[1.0]], "rows of one length, got rows of different ones"),
        (pd.DataFrame({"a": NORMAL[:, 0], "b": ["u"] * 40}), "numbers in every column, got text in column b"),
        (pd.DataFrame({"a": pd.array([1, None] * 20, "Int64")}), "a value everywhere, got 20 missing of 40"),
        (pd.DataFrame({"a": [0.5, None] * 20, "b": 1.0}), r"got 20 that are missing \(nan\)"),
        (pd.DataFrame({"a": pd.date_range("2020", periods=40), "b": 1}), "got dates in column a"),
        (pd.DataFrame({"a": [2**60, 2**60 + 1] * 20, "b": 0.5}), r"whole numbers above 2\*\*53 in column a"),
        (pl.DataFrame({"a": [1, None] * 20, "b": [1.0] * 40}), "a value everywhere, got 20 missing of 40"),
        (pl.DataFrame({"a": ["u"] * 40, "b": [1.0] * 40}), "text in column a"),
        (np.array([[10**30]] * 40, object), "whole numbers of 64 bits, got larger ones"),
        (np.array([[None]] * 40, object), "got 40 that are missing"),
    ],
)  # fmt: skip
def test_what_float32_cannot_hold_is_refused(x, text):
    if isinstance(x, np.ma.MaskedArray):
        text = f"got {int(x.mask.sum())} missing of 120"
    with pytest.raises(DataError, match=f"(?s)^a: x(, column .)?: expected .*?{text}"):
        made(x)


@pytest.mark.parametrize(
    ("x", "note"),
    [
        (
            np.concatenate([[[1e-300] * 3], NORMAL[1:]]),
            "in float32 3 numbers below 1.2e-38 in size, small beside others",
        ),
        (
            with_column(np.r_[16_777_216.0, 16_777_217.0, np.arange(38)]),
            "in float32 1 different whole numbers above 2",
        ),
        (
            with_column(1e4 + RNG.normal(size=40)),
            "in float32 1 columns that vary little beside their size were rounded",
        ),
        (NORMAL, None),
        (1e20 * NORMAL, None),
        (with_column(2020 + RNG.normal(size=40)), None),
        (with_column(np.arange(40) * 2.0**20), None),
        (with_column(0.1), None),
        (np.array([[2**24], [2**24 + 2]] * 20), None),
        (RNG.integers(0, 255, (40, 3)), None),
    ],
)
def test_what_is_lost_beside_larger_values_is_said(x, note):
    notes = made(x).notes
    assert (note in notes) if note else ("float32" not in notes)


@pytest.mark.parametrize(
    "x",
    [
        NORMAL.astype(np.float32), jnp.asarray(NORMAL, jnp.float32), pl.DataFrame(NORMAL.astype(np.float32)),
        pd.DataFrame(NORMAL.astype(np.float32)), NORMAL.astype(np.float32).tolist(),
        np.ma.masked_array(NORMAL.astype(np.float32)), NORMAL.astype(np.float32).astype(np.longdouble),
        NORMAL.astype(np.float32).astype(object), np.asfortranarray(NORMAL.astype(">f8").astype(">f4")),
        pd.DataFrame({c: pd.array(NORMAL[:, c].astype(np.float32), "Float32") for c in range(3)}),
    ],
)  # fmt: skip
def test_every_container_gives_the_same_values(x):
    assert np.array_equal(made(x, x).x, NORMAL.astype(np.float32))


@pytest.mark.parametrize(
    "kind", [ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3fn, bool, np.int8, np.uint32]
)
def test_narrow_types_are_exact(kind):
    x = np.arange(40).reshape(40, 1) % 8
    assert np.array_equal(made(x.astype(kind), x.astype(kind)).x, x.astype(kind).astype(np.float32))
    if kind is ml_dtypes.bfloat16:
        assert np.array_equal(made(jnp.asarray(x, jnp.bfloat16), x.astype(float)).x, x)


def test_objects_that_are_numbers_are_numbers():
    x = np.array([[Fraction(1, 4)], [0.5]] * 20, object)
    assert np.array_equal(np.unique(made(x, x).x), [0.25, 0.5])


def test_other_containers_are_named():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(
        DataError, match=r"a: x: expected a plain array, got a sparse matrix. Give x\.toarray\(\)"
    ):
        made(sparse.csr_matrix(NORMAL))

    class Elsewhere:
        """As a tensor on an accelerator answers."""

        def __array__(self, dtype=None, copy=None):
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")

    with pytest.raises(
        DataError, match=r"a: x: expected an array, got Elsewhere \(can't convert cuda:0.*x\.detach"
    ):
        made(Elsewhere())


@pytest.mark.parametrize(
    ("x", "y", "x_test", "text"),
    [
        (pd.DataFrame({"a": [1.0, 2, 3], "b": 0.0}), pd.Series([0, 1, 0], [2, 1, 0]), None, "the same index in two orders"),
        (pd.DataFrame({"a": [1.0, 2, 3], "b": 0.0}), [0, 1, 0], pd.DataFrame({"b": [1.0], "a": 1.0}),
         "same columns in one order, got 'a' and 'b' in place 0"),
    ],
)  # fmt: skip
def test_tables_are_paired_by_their_names(x, y, x_test, text):
    with pytest.raises(DataError, match=f"^a: expected .*{text}"):
        data.from_arrays(x, y, x_test, None if x_test is None else [0], name="a")


def test_rows_of_other_names_are_paired_by_place_and_that_is_said():
    x = pd.DataFrame({"a": [1.0, 2, 3, 4]}, index=[5, 6, 7, 8])
    assert "x and y have different row names" in data.from_arrays(x, pd.Series([0, 1, 0, 1]), name="a").notes
    assert "row names" not in data.from_arrays(x, pd.Series([0, 1, 0, 1], x.index), name="a").notes


@given(st.lists(st.one_of(st.integers(-(2**62), 2**62), st.integers(0, 300)), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_whole_numbers_become_equal_only_where_that_is_said(values):
    x = np.array(values, np.int64)[:, None]
    try:
        found = to_float32([x], ["x"], "a")
    except DataError:
        assert len(np.unique(x.astype(np.float32))) < len(set(values)) or len(set(values)) > 1
        return
    assert bool(found.notes) == (len(np.unique(found.arrays[0])) < len(set(values)))


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=6),
    st.sampled_from([1e-300, 1e-40, 1e-20, 1.0, 1e20]),
)
@settings(max_examples=60, deadline=None)
def test_values_that_differ_stay_different_or_it_is_said(values, unit):
    x = (np.array(values) / max(1.0, max(map(abs, values))) * unit)[:, None]
    try:
        found = to_float32([x], ["x"], "a")
    except DataError:
        return
    merged = len(np.unique(found.arrays[0])) < len(np.unique(x))
    far = np.abs(found.arrays[0].astype(float) - x).max() <= 1e-3 * (x.std() or np.inf)
    assert found.notes or far
    assert not (merged and len(np.unique(found.arrays[0])) == 1)
