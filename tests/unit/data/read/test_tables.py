"""Tables as people have them: each is read as it is meant, or refused by one sentence; the shape says the same."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overparam import data
from overparam.core.errors import DataError
from overparam.data import shape_of
from tests.odd_files import FRAME, ROWS, A, B, Y, check, refuse, write_table


def parquet(path, **more):
    write_table({"a": A, "b": B, **more, "label": Y}, path)


def frame(made):
    return lambda path: made.to_parquet(path)


INDICES = {
    "unnamed": FRAME[FRAME.a > -1].set_index(pd.Index(np.arange(100, 112))),
    "filtered": pd.concat([FRAME, FRAME])[lambda f: np.arange(24) < 12],
    "named": FRAME.set_index(pd.Index([f"row {i}" for i in range(12)], name="patient")),
    "numbers": FRAME.set_index(pd.Index(np.arange(12)[::-1] * 2.5, name="score")),
    "several": FRAME.set_index([pd.Index(np.arange(12)), pd.Index(list("abcdefghijkl"), name="letter")]),
    "range": FRAME.set_index(pd.RangeIndex(5, 17)),
    "dates": FRAME.set_index(pd.date_range("2026-01-01", periods=12)),
}


@pytest.mark.parametrize("kind", INDICES)
def test_an_index_is_no_feature(tmp_path, kind):
    INDICES[kind].to_parquet(tmp_path / "t.parquet")
    stored = pq.read_schema(tmp_path / "t.parquet").names
    words = ["the table's index, no feature"] if len(stored) > 3 else []
    check(str(tmp_path / "t.parquet"), ROWS, Y, *words)


def test_an_index_without_metadata_is_told_by_its_name(tmp_path):
    write_table({"a": A, "b": B, "label": Y, "__index_level_0__": list(range(12))}, tmp_path / "t.parquet")
    check(str(tmp_path / "t.parquet"), ROWS, Y, "__index_level_0__: the table's index, no feature")


def test_an_index_that_is_the_label_or_is_kept(tmp_path):
    FRAME.set_index("label").to_parquet(tmp_path / "t.parquet")
    check(str(tmp_path / "t.parquet"), ROWS, Y)
    FRAME.set_index("b").to_parquet(tmp_path / "u.parquet")
    check(f"{tmp_path}/u.parquet", [[a] for a in A], Y, "b: the table's index")
    made = data.load(tmp_path / "u.parquet", keep="b")
    assert made.features == 2


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Unnamed: 0", [3, 1] * 6), ("", [3, 1] * 6), ("index", [3, 1] * 6), ("ID", [3, 1] * 6), ("row_id", [3, 1] * 6),
        ("c", list(range(12))), ("c", list(range(1, 13))), ("c", [float(i) for i in range(12)]),
        ("c", [3, 5, 8, 9, 10, 15, 20, 30, 31, 32, 40, 99]), ("c", [2, 0, 1, 5, 4, 3, 8, 7, 6, 11, 9, 10]),
        ("passengerId", [7, 900, 3, 1, 55, 80, 20, 31, 1000, 6, 8, 70]),
        ("c", Y), ("c", [1 - y for y in Y]), ("c", [y * 2.5 - 1 for y in Y]), ("c", [bool(y) for y in Y]),
    ],
)  # fmt: skip
def test_row_numbers_and_copies_of_the_label_are_refused(tmp_path, name, values):
    parquet(tmp_path / "t.parquet", **{name: values})
    drop = name.replace(",", "%2C")
    refuse(
        f"{tmp_path}/t.parquet", "expected features beside the label", name, f"t.parquet:drop={drop}", "keep="
    )
    if name:
        check(f"{tmp_path}/t.parquet:drop={name}", ROWS, Y, f"left out: {name}")
        with_it = [[a, b, float(v)] for a, b, v in zip(A, B, values, strict=True)]
        check(f"{tmp_path}/t.parquet:keep={name}", with_it, Y)


def image_like(values):
    return [[v, v + 1.0, v + 2.0, v] for v in values]


LISTS = image_like(A)


@pytest.mark.parametrize(
    ("columns", "options", "x", "words"),
    [
        ({"a": pa.array(A, pa.float16()), "b": B, "label": Y}, "", ROWS, []),
        ({"a": A, "b": pa.array(B).dictionary_encode(), "label": pa.array(Y).dictionary_encode()}, "", ROWS, []),
        ({"a": pa.array(A).cast(pa.decimal128(9, 3)), "b": B, "label": Y}, "", ROWS, []),
        ({"a": A, "b": pa.array(B, pa.int16()), "label": [bool(y) for y in Y]}, "labels=any", ROWS, ["False, True"]),
        ({"a": A, "b": B, "label": [f"k{y}" for y in Y]}, "labels=any", ROWS, ["labels k0, k1 became 0, 1"]),
        ({"a": A, "b": B, "label": pa.array([f"k{y}" for y in Y]).dictionary_encode()}, "labels=any", ROWS, ["k0, k1"]),
        ({"a": A, "b": B, "Target": Y}, "", ROWS, ["labels from Target"]),
        ({"a": A, "b": B, "class": [y + 1 for y in Y]}, "labels=any", ROWS, ["labels 1, 2 became 0, 1"]),
        ({"a": A, "b": B, "outcome, final": Y}, "label=outcome%2C final", ROWS, ["labels from outcome, final"]),
        ({"pixel_values": LISTS, "label": Y, "note": ["x"] * 12}, "", LISTS, ["left out: note"]),
        ({"pixel_values": pa.array(LISTS, pa.list_(pa.float32(), 4)), "label": Y}, "", LISTS, []),
        ({"embedding": pa.array(LISTS, pa.large_list(pa.float64())), "label": Y}, "", LISTS, ["inputs from embedding"]),
        ({"image": [[[v, 1.0], [v, 2.0]] for v in A], "label": Y}, "", [[[v, 1.0], [v, 2.0]] for v in A], []),
        ({"e": LISTS, "f": B, "label": Y}, "image=e", LISTS, ["inputs from e", "left out: f"]),
        ({"e": LISTS, "f": B, "label": Y}, "image=f", [[b] for b in B], ["left out: e"]),
        ({"a": pa.array(B, pa.uint8()), "b": pa.array(B, pa.uint8()), "label": Y}, "pixels=keep", [[b, b] for b in B], []),
        ({"a": pa.array(B, pa.uint8()), "b": A, "label": Y}, "", [[b, a] for a, b in ROWS], []),
        ({"a": pa.array(B, pa.uint8()), "b": [v > 2 for v in A], "label": Y}, "", [[b, a > 2] for a, b in ROWS], []),
    ],
    ids=range(18),
)  # fmt: skip
def test_tables_that_are_read(tmp_path, columns, options, x, words):
    write_table(columns, tmp_path / "t.parquet")
    check(f"{tmp_path}/t.parquet" + (f":{options}" if options else ""), x, Y, *words)


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"a": A, "label": Y, "target": Y}, "", ["expected one name for the labels, got label, target", ":label=label"]),
        ({"a": A, "image": LISTS, "pixels": LISTS, "label": Y}, "", ["expected one name for the inputs", ":image=image"]),
        ({"a": A, "b": B}, "", ["has no label column", "got a, b", ":label=b"]),
        ({"label": Y}, "", ["got no column beside the label"]),
        ({"a": A, "label": Y}, "label=species", ["label= to name what is in it, got 'species'", "It holds a, label"]),
        ({"a": A, "label": Y}, "drop=c", ["drop= to name what is in it, got 'c'"]),
        ({"a": [*A[:-1], None], "label": Y}, "", ["column a", "1 missing (the first in row 11)"]),
        ({"a": A, "label": [None, *Y[1:]]}, "", ["column label", "expected a label in every row, got 1 missing"]),
        ({"a": A, "label": [float("nan"), *map(float, Y[1:])]}, "", ["column label: expected finite", "1 missing (nan)"]),
        ({"a": [*A[:-1], float("nan")], "label": Y}, "", ["column a: expected finite numbers, got 1 missing (nan)"]),
        ({"x": [*LISTS[:-1], [1.0, 2.0, 3.0, float("inf")]], "label": Y}, "", ["column x", "1 infinite (the first in row 11)"]),
        ({"a": A, "label": ["", *["x", "y"] * 5, "x"]}, "labels=any", ["got empty text"]),
        ({"a": A, "label": ["x", " x"] * 6}, "labels=any", ["more than the spaces around them"]),
        ({"a": A, "word": ["x"] * 12, "label": Y}, "", ["word of type string", ":drop=word"]),
        ({"a": A, "day": pa.array([1] * 12, pa.date32()), "label": Y}, "", ["day of type date32"]),
        ({"a": A, "at": pa.array([1] * 12, pa.timestamp("ms")), "label": Y}, "", ["at of type timestamp"]),
        ({"a": A, "s": [{"u": 1, "v": 2}] * 12, "label": Y}, "", ["s of type struct"]),
        ({"a": A, "n": pa.nulls(12), "label": Y}, "", ["n of type null"]),
        ({"a": A, "label": pa.array([1] * 12, pa.date32())}, "", ["column label", "got values of type date32"]),
        ({"a": A, "label": [[y] for y in Y]}, "", ["expected one label a row"]),
        ({"x": [*LISTS[:-1], [1.0]], "label": Y}, "", ["column x, row 11: expected lists of one length"]),
        ({"x": pa.array([[]] * 12, pa.list_(pa.float64())), "label": Y}, "", ["x: expected lists of numbers, got empty lists"]),
        ({"x": [[1.0, None]] * 12, "label": Y}, "", ["column x, row 0", "missing one"]),
        ({"x": [["u", "v"]] * 12, "label": Y}, "", ["column x: expected images, lists of numbers or numbers"]),
        ({"e": LISTS, "f": B, "label": Y}, "", ["got e with images or lists", ":image=e"]),
        ({"image": ["a.png"] * 12, "label": Y}, "", ["column image: expected images as bytes, got text"]),
        ({"a": [2**60 + i for i in (5, 1) * 6], "b": A, "label": Y}, "", ["above 2**53 in column a"]),
        ({"a": A, "label": Y}, "labels=some", ["expected labels=as-is or any, got 'some'"]),
        ({"a": A, "label": Y}, "label=label,label=a", ["the option label once"]),
        ({"a": A, "label": Y}, "lable=a", ["unknown option", "Did you mean 'label'"]),
        ({"a": A, "label": Y}, "targets=numbers", ["expected classes, got targets=numbers"]),
    ],
    ids=range(31),
)  # fmt: skip
def test_tables_that_are_refused(tmp_path, columns, options, words):
    write_table(columns, tmp_path / "t.parquet")
    name = f"{tmp_path}/t.parquet" + (f":{options}" if options else "")
    if "targets" in options:
        with pytest.raises(DataError, match=words[0]):
            data.load(name)
        assert shape_of(name).classes == 1
    else:
        refuse(name, *words)


def test_columns_of_one_name(tmp_path):
    table = pa.table([pa.array(A), pa.array(B), pa.array(Y)], names=["a", "a", "label"])
    pq.write_table(table, tmp_path / "t.parquet")
    refuse(str(tmp_path / "t.parquet"), "a name of its own, got a more than once")


def test_the_hubs_class_names_are_noted_and_count(tmp_path):
    names = ["cat", "dog", "emu"]
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pa.table({"a": A, "b": B, "label": Y}).replace_schema_metadata(
        {"huggingface": json.dumps(features)}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    check(str(tmp_path / "t.parquet"), ROWS, Y, "classes: 0 = cat, 1 = dog, 2 = emu")
    assert data.load(tmp_path / "t.parquet").classes == 3


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"index_columns": 3}', '{"index_columns": [null, 5, {}]}', "null"]
)
def test_metadata_that_say_nothing(tmp_path, text):
    table = pa.table({"a": A, "b": B, "label": Y}).replace_schema_metadata(
        {"pandas": text, "huggingface": text}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    check(str(tmp_path / "t.parquet"), ROWS, Y)


def test_many_row_groups_and_names_with_dots(tmp_path):
    write_table({"a.b": A, "a": B, "label": Y}, tmp_path / "t.parquet", row_group_size=5)
    check(str(tmp_path / "t.parquet"), ROWS, Y)


def test_a_coarser_or_finer_label_is_refused_or_said(tmp_path):
    fine = [i * 5 % 8 for i in range(48)]
    columns = {"a": [i * 7 % 31 / 4 for i in range(48)], "coarse": [k // 2 for k in fine], "fine_label": fine}
    write_table(columns, tmp_path / "t.parquet")
    refuse(str(tmp_path / "t.parquet"), "got columns that are the label in another form", "drop=coarse")
    made = data.load(tmp_path / "t.parquet", label="coarse")
    assert "the label follows from one column alone: fine_label" in made.notes
