"""Files as people have them: each is read as it is meant, or refused by one sentence; the shape says the same.

A case is a name for ``load`` after a function has written files into a folder, and either the rows that are expected
(inputs and labels, the parts together, in any order) with words of the notes, or words of the sentence.
"""

from __future__ import annotations

import gzip
import io
import json

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


# Tables


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
        ({"a": A, "label": [float("nan"), *map(float, Y[1:])]}, "", ["column label: expected finite numbers, got 1 missing (nan)"]),
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
        ({"x": pa.array([[]] * 12, pa.list_(pa.float64())), "label": Y}, "", ["column x: expected lists of numbers, got empty lists"]),
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


# Text


def text_of(separator=",", end="\n"):
    lines = ["a,b,label", *(f"{a},{b},{y}" for (a, b), y in zip(ROWS, Y, strict=True))]
    return end.join(lines).replace(",", separator) + end


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", text_of(), []),
        ("t.CSV", text_of(), []),
        ("t.csv", text_of(end="\r\n"), []),
        ("t.csv", "\ufeff" + text_of(), []),
        ("t.csv", text_of().rstrip(), []),
        ("t.csv", "\n\n" + text_of() + "\n\n", []),
        ("t.csv", text_of(";"), ["columns are separated by semicolons"]),
        ("t.csv", text_of("\t"), ["columns are separated by tabs"]),
        ("t.tsv", text_of("\t"), []),
        ("t.csv", text_of(", "), []),
        ("t.csv", text_of().replace("a,b,label", '"a","b",Label '), []),
    ],
)
def test_text_that_is_read(tmp_path, name, text, words):
    (tmp_path / name).write_bytes(text.encode())
    check(str(tmp_path / name), ROWS, Y, *words)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    check(str(tmp_path / f"{name}.gz"), ROWS, Y, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["got an empty file"]),
        ("\n\n", ["got an empty file"]),
        ("a,b,label\n", ["at least one row"]),
        ("a,b,label", ["at least one row"]),
        ("\ta\tlabel\n0\t1\t0\n1\t2\t1\n", ["Unnamed: 0"]),
        (
            "5.1,3.5,0\n4.9,3.0,1\n",
            ["expected the names of the columns in the first line, got the values 5.1, 3.5, 0"],
        ),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", ["expected the names of the columns in the first line"]),
        ("7,0,0,255\n2,0,0,1\n", ["expected the names of the columns in the first line"]),
        ("a,a,label\n1,2,0\n3,4,1\n", ["a name of its own, got a more than once"]),
        ("a,b,label\n1,2,0\n3,1\n", ["expected 3 cells in every row", "got 2"]),
        ("a,b,label\n1,2,0\n3,1,1,5\n", ["expected 3 cells in every row", "got 4"]),
        ('a,b,label\n1,"1,234",0\n3,4,1\n', ["b of type string", "no thousands or decimal commas"]),
        ("a;b;label\n1,5;2;0\n2,5;3;1\n", ["a of type string", "no thousands or decimal commas"]),
        ("a,b,label\n1,2,0\n,3,1\n", ["column a", "1 missing (the first in row 1)"]),
        ("a,b,label\n1,NA,0\n2,3,1\n", ["column b", "1 missing (the first in row 0)"]),
        ("a,b,label\n1,2,\n2,3,1\n", ["column label", "expected a label in every row"]),
        ("a,b,label\n1,?,0\n2,3,1\n", ["b of type string"]),
        ("a,b,label\n1,2021-03-04,0\n2,2021-03-05,1\n", ["b of type date32"]),
        ("a,b,label\n1,inf,0\n2,3,1\n", ["infinite"]),
        ('a,b,label\n1,2,"x\n2,3,y\n3,4,z\n', ["line breaks"]),
        ('a,b,label\n1,"2,0\n2",3,1\n5,6,1\n', ["expected 3 cells in every row"]),
        (",a,label\n0,1,0\n1,2,1\n", ["got columns that look like row numbers", "Unnamed: 0"]),
        ("# a,b,label\n1,2,0\n3,4,1\n", ["a line that starts with #"]),
        ("a b label\n1 2 0\n3 4 1\n", ["separated by commas, semicolons or tabs, got one column"]),
        ("a,b,label\n1,2,0\n3,\0,1\n", ["zero bytes"]),
        ("a,b,label\n1,2,caf\xe9\n3,4,x\n".encode("latin-1"), ["line 2: expected text in UTF-8"]),
        (text_of().encode("utf-16"), ["UTF-16"]),
        (gzip.compress(text_of().encode()), ["gzip data (end its name in .gz)"]),
        ("<!DOCTYPE html><html>", ["a web page"]),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ["a Git LFS pointer"]),
    ],
    ids=range(30),
)
def test_text_that_is_refused(tmp_path, text, words):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refuse(str(path), "t.csv", *words)


def test_an_unnamed_column_is_left_out_by_the_name_that_is_shown(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv")
    refuse(str(tmp_path / "t.csv"), "t.csv:drop=Unnamed: 0")
    check(f"{tmp_path}/t.csv:drop=Unnamed: 0", ROWS, Y, "left out: Unnamed: 0")


def test_numbers_that_turn_out_to_have_fractions_late_are_read(tmp_path):
    lines = ["a,b,label", *(f"{i % 7},{i % 5},{i % 2}" for i in range(3000)), "0.5,1,0"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert data.load(tmp_path / "t.csv").x.max() == 6


def test_a_quoted_label_that_reads_as_missing_is_a_label(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,label\n" + '1.5,2,"NA"\n2.5,2,DE\n1.5,3,DE\n' * 3)
    assert "labels DE, NA became 0, 1" in data.load(tmp_path / "t.csv", labels="any").notes


def test_numbers_as_names_of_columns(tmp_path):
    wide = pd.DataFrame(np.arange(36.0).reshape(12, 3)[::-1] % 7).assign(label=Y)
    wide.to_csv(tmp_path / "t.csv", index=False)
    check(str(tmp_path / "t.csv"), wide[[0, 1, 2]].to_numpy(), Y)


def test_gzip_that_is_cut_short(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text_of().encode() * 50)[:-20])
    refuse(str(tmp_path / "t.csv.gz"), "expected a whole gzip file")


# Arrays

X = np.array(ROWS)
LABELS = np.array(Y)
XT, YT = X[:3] + 100, LABELS[:3]


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"x": X, "y": LABELS}, "", []),
        ({"X": X, "Y": LABELS}, "", ["inputs from X, labels from Y"]),
        ({"X_train": X[3:], "y_train": LABELS[3:], "X_test": X[:3], "y_test": YT}, "", ["test inputs from X_test"]),
        ({"x_train": X[3:], "y_train": LABELS[3:], "x_test": X[:3], "y_test": YT}, "", []),
        ({"images": X, "labels": LABELS}, "", []),
        ({"data": X, "target": LABELS, "feature_names": np.array(["a", "b"])}, "", ["left out: feature_names"]),
        (
            {"train_images": X[3:], "train_labels": LABELS[3:, None], "val_images": XT, "val_labels": YT[:, None],
             "test_images": X[:3], "test_labels": YT[:, None]},
            "", ["left out: val_images, val_labels", "train_labels is a column"],
        ),
        ({"arr_0": X, "arr_1": LABELS}, "image=arr_0,label=arr_1", ["inputs from arr_0, labels from arr_1"]),
        ({"x": X, "y": LABELS, "label": LABELS}, "label=y", ["left out: label"]),
        ({"x": X.astype(">f8"), "y": LABELS.astype(">i4")}, "", []),
        ({"x": np.asfortranarray(X), "y": LABELS}, "", []),
        ({"x": X.astype(np.float16), "y": LABELS.astype(np.uint64)}, "", []),
        ({"x": X, "y": LABELS, "extra": np.array([{}], dtype=object)}, "", ["left out: extra"]),
        ({"x": X, "y": np.where(LABELS, "dog", "cat")}, "labels=any", ["labels cat, dog became 0, 1"]),
        ({"x": X, "y": np.where(LABELS, b"dog", b"cat")}, "labels=any", ["labels cat, dog became 0, 1"]),
        ({"x": X, "y": LABELS, "classes": np.array(["cat", "dog"])}, "", ["left out: classes"]),
    ],
    ids=range(16),
)  # fmt: skip
def test_arrays_that_are_read(tmp_path, arrays, options, words):
    more = f":{options}" if options else ""
    np.savez(tmp_path / "t.npz", **arrays)
    (tmp_path / "u.npz.gz").write_bytes(gzip.compress((tmp_path / "t.npz").read_bytes()))
    np.savez_compressed(tmp_path / "v.npz", **arrays)
    for name in ("t.npz", "u.npz.gz", "v.npz"):
        check(f"{tmp_path}/{name}{more}", X, Y, *words)
    if any(array.dtype == object for array in arrays.values()):
        return
    (tmp_path / "folder").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    check(f"{tmp_path}/folder{more}", X, Y, *words)


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"x": X}, "", ["expected arrays x and y", "got x"]),
        ({"arr_0": X, "arr_1": LABELS}, "", ["got arr_0, arr_1", ":image=NAME,label=NAME"]),
        ({"x": X, "X": X, "y": LABELS}, "", ["expected one name for the inputs, got x, X", "t.npz:image=x"]),
        ({"x": X, "y": LABELS, "label": LABELS}, "", ["expected one name for the labels, got y, label"]),
        ({"x": X, "x_train": X, "y": LABELS}, "", ["expected one name for the inputs"]),
        ({"x": X, "y": LABELS, "x_test": XT}, "", ["x_test and y_test or neither, got x, x_test, y"]),
        ({"x": X.astype(object), "y": LABELS}, "", ["got Python objects, which are never unpickled"]),
        ({"x": X.astype(complex), "y": LABELS}, "", ["values of type complex128"]),
        ({"x": np.zeros(12, [("u", "f8"), ("v", "i4")]), "y": LABELS}, "", ["records with the fields u, v"]),
        ({"x": np.array(["a"] * 12)[:, None], "y": LABELS}, "", ["expected numbers in x, got text"]),
        ({"x": np.zeros((12, 2), "V2"), "y": LABELS}, "", ["raw bytes", "bfloat16"]),
        ({"x": X, "y": np.zeros(12, "M8[D]")}, "", ["expected numbers or text in y, got dates or times"]),
        ({"x": X, "y": LABELS}, "label=z", ["label= to name what is in it, got 'z'"]),
        ({"x": X, "y": LABELS}, "drop=x", ["expected no option drop= for arrays"]),
        ({"x": X, "y": LABELS[:5]}, "", ["expected one label a row"]),
        ({"x": X, "y": LABELS, "x_test": X, "y_test": LABELS}, "", ["got the 12 training rows again"]),
        ({"x": X, "y": LABELS, "x_test": X[::-1], "y_test": LABELS[::-1]}, "", ["got the 12 training rows again"]),
        ({"x": X, "y": LABELS, "x_test": XT[:, :1], "y_test": YT}, "", ["shape"]),
        ({"x": X, "y": LABELS, "x_test": XT, "y_test": np.array(["a", "b", "a"])}, "", ["one kind"]),
        ({"x": X.astype(np.uint8), "y": LABELS, "x_test": XT, "y_test": YT}, "", ["uint8"]),
    ],
    ids=range(20),
)  # fmt: skip
def test_arrays_that_are_refused(tmp_path, arrays, options, words):
    np.savez(tmp_path / "t.npz", **arrays)
    refuse(f"{tmp_path}/t.npz" + (f":{options}" if options else ""), *words)


def test_rows_that_repeat_are_said(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.concatenate([X, X[:2]]), y=[*Y, *Y[:2]], x_test=X[2:5], y_test=Y[2:5])
    notes = data.load(tmp_path / "t.npz").notes
    assert "2 of 14 rows repeat the inputs of an earlier row" in notes
    assert "the inputs of 3 of 3 test rows are training inputs too" in notes


def test_a_label_among_the_inputs_of_an_array_is_said(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.column_stack([X, Y]), y=Y)
    assert "column 2 of the inputs (counted from 0) is the label itself" in data.load(tmp_path / "t.npz").notes


def test_one_array_by_its_path(tmp_path):
    np.save(tmp_path / "x.npy", X)
    refuse(str(tmp_path / "x.npy"), "got one array. Put x.npy and y.npy into a folder")


def test_an_array_with_more_behind_it(tmp_path):
    with (tmp_path / "x.npy").open("wb") as handle:
        np.save(handle, X)
        np.save(handle, X)
    np.save(tmp_path / "y.npy", LABELS)
    refuse(str(tmp_path), "expected x to end after the 192 bytes")


# Other kinds and odd paths


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.mat", "scipy.io.loadmat"), ("a.pt", "torch.load"), ("a.pkl", "A pickle can run code"),
        ("a.arrow", "read_feather"), ("a.feather", "read_feather"), ("a.jsonl", "lines=True"), ("a.xlsx", "read_excel"),
        ("a.h5", "h5py"), ("a.zip", "Unpack it first"), ("a.tar.gz", "Unpack it first"), ("a.txt", "rename it to .csv"),
        ("a.png", "Put all images into one array"), ("t10k-labels-idx1-ubyte.gz", "MNIST's own format"),
        ("a.gz", "a.csv.gz"), ("a.xyz", "Write the data as one of these"), ("a", "Write the data as one of these"),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_with_the_way(tmp_path, name, word):
    (tmp_path / name).write_bytes(b"?")
    refuse(str(tmp_path / name), "expected .npz, .parquet, .csv or .tsv", word)


@pytest.mark.parametrize(
    "name", ["none.npz", "none.csv.gz", "no/folder", "a\0b.csv", "x" * 5000 + ".csv", "~nobody-here/a.csv"]
)
def test_paths_that_lead_nowhere(name):
    refuse(name, "expected a")


@pytest.mark.parametrize("name", [None, 5, "", "  ", b"a.csv", ["digits"]])
def test_names_that_are_none(name):
    refuse(name, "expected the name or the path of a data set")


def test_files_named_as_what_they_are_not(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, x=X, y=Y)
    for name in ("t.parquet", "t.csv", "t.npz.gz"):
        (tmp_path / name).write_bytes(buffer.getvalue())
        refuse(str(tmp_path / name), name)
    (tmp_path / "t.npz").write_bytes(b"")
    refuse(str(tmp_path / "t.npz"), "got an empty file")


def test_options_reach_the_fingerprint(tmp_path):
    parquet(tmp_path / "t.parquet", c=[i % 5 for i in range(12)])
    path = str(tmp_path / "t.parquet")
    names = [
        path,
        f"{path}:drop=c",
        f"{path}:drop=c+a",
        f"{path}:pixels=keep",
        f"{path}:labels=any",
        f"{path}:label=b,labels=any",
    ]
    assert len({data.fingerprint(name) for name in names}) == len(names)
    assert data.load(path, drop="c").fingerprint == data.fingerprint(f"{path}:drop=c")
    assert data.load(path, drop=["c", "a"]) is data.load(f"{path}:drop=c+a")
    assert data.fingerprint(f"{path}:labels=as-is,pixels=auto") == data.fingerprint(path)


def test_a_name_that_is_a_file_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv:label=a.csv").write_text(text_of())
    check("t.csv:label=a.csv", ROWS, Y)


def test_named_sets_take_no_options_of_files():
    for name in ("digits:labels=any", "mnist:pixels=keep"):
        refuse(name, "expected no options for")
    with pytest.raises(UsageError):
        data.load("gaussian:n=5", labels="any")
    with pytest.raises(UsageError, match="expected n= once, got it twice in 'n=5,n=6'"):
        data.load("gaussian:n=5,n=6")
