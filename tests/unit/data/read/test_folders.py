"""Files of one data set: every layout that is known, and each way in which a set is not whole or not one."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overparam import data
from overparam.core.errors import DataError
from overparam.data import files, shape_of

CLASSES = 2


def part(start, n=6, **more):
    rows = np.arange(start, start + n)
    return {"a": (rows * 7 % 31) / 4, "b": rows % 5 + rows / 64, "label": rows // 3 % CLASSES, **more}


def put(root, name, start, n=6, **more):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = part(start, n, **more)
    if name.endswith(".csv"):
        import pandas as pd

        pd.DataFrame(columns).to_csv(path, index=False)
    else:
        pq.write_table(pa.table(columns), path)
    return columns


LAYOUTS = {
    "shards": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"],
    "plain": ["train.parquet", "test.parquet"],
    "csv": ["train.csv", "test.csv"],
    "hashes": ["train-00000-of-00001-0a1b2c3d4e5f6789.parquet", "test-00000-of-00001-aaaaaaaaaaaaaaaa.parquet"],
    "converted": ["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"],
    "one a folder": ["train/whatever.parquet", "test/data.parquet"],
    "in data": ["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"],
    "configuration": ["default/train/0000.parquet", "default/test/0000.parquet"],
    "validation": ["train.parquet", "test.parquet", "validation.parquet"],
    "partial": ["partial-train/0000.parquet", "partial-test/0000.parquet"],
    "snapshot": ["snapshots/abc/train.parquet", "snapshots/abc/test.parquet"],
    "capitals": ["Train.parquet", "TEST.parquet"],
}
NOTES = {"validation": "the validation part was left out", "partial": "partial-train is only the beginning"}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts(tmp_path, kind):
    for i, name in enumerate(LAYOUTS[kind]):
        put(tmp_path / "mine", name, 100 * i)
    (tmp_path / "mine" / "README.md").write_text("words")
    (tmp_path / "mine" / ".cache").mkdir()
    made = data.load(tmp_path / "mine")
    names = LAYOUTS[kind]
    train = [part(100 * i) for i, name in enumerate(names) if "train" in name.lower()]
    test = [part(100 * i) for i, name in enumerate(names) if "test" in name.lower()]
    for x, y, parts in ((made.x, made.y, train), (made.x_test, made.y_test, test)):
        np.testing.assert_array_equal(x[:, 0], np.concatenate([one["a"] for one in parts]).astype(np.float32))
        np.testing.assert_array_equal(y, np.concatenate([one["label"] for one in parts]))
    assert NOTES.get(kind, "") in made.notes
    assert shape_of(tmp_path / "mine").train == made.n
    assert made.name == "mine"


def test_a_training_part_alone_is_split(tmp_path):
    put(tmp_path, "train-00000-of-00002.parquet", 0)
    put(tmp_path, "train-00001-of-00002.parquet", 100)
    made = data.load(tmp_path)
    assert (made.n, made.n_test) == (9, 3)
    assert "no test part in it" in made.notes


BROKEN = {
    "two writings": (
        ["train-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test.parquet"],
        "expected shards of one writing for the train part, got names that speak of 1 and of 2 files",
    ),
    "whole and shards": (
        ["train.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test.parquet"],
        "expected one file or its shards, not both for the train part",
    ),
    "missing": (
        ["train-00000-of-00003.parquet", "train-00002-of-00003.parquet", "test.parquet"],
        "expected 3 files of the train part, got 2 (missing number 00001)",
    ),
    "missing in test": (
        ["train.parquet", "test-00001-of-00002.parquet"],
        "expected 2 files of the test part, got 1 (missing number 00000)",
    ),
    "twice": (
        ["train-00000-of-00001-0a1b2c3d4e5f6789.parquet", "train-00000-of-00001-ffffffffffffffff.parquet", "test.parquet"],
        "expected each number once for the train part, got number 00000 more than once",
    ),
    "widths of numbers": (
        ["train-0-of-1.parquet", "train-00000-of-00001.parquet", "test.parquet"],
        "number 00000 more than once",
    ),
    "out of range": (
        ["train-00000-of-00001.parquet", "train-00001-of-00001.parquet", "test.parquet"],
        "expected numbers below 1 for the train part, got number 00001",
    ),
    "gap": (
        ["train/0000.parquet", "train/0002.parquet", "test/0000.parquet"],
        "expected 3 files of the train part, got 2 (missing number 00001)",
    ),
    "copy by a browser": (
        ["train.parquet", "train (1).parquet", "test.parquet"],
        "got train (1).parquet beside test.parquet, train.parquet",
    ),
    "spark": (["train/part-00000-x.parquet", "train/part-00001-x.parquet", "test/0000.parquet"], "named 0000.parquet"),
    "files and folders": (
        ["train.parquet", "test.parquet", "train/0000.parquet", "test/0000.parquet"],
        "expected the parts as files or in folders, got both",
    ),
    "partial beside whole": (
        ["train/0000.parquet", "partial-train/0000.parquet", "test/0000.parquet"],
        "expected one folder for the train part, got partial-train, train",
    ),
    "two kinds": (["train.parquet", "train.csv", "test.parquet"], "expected one file or its shards, not both"),
    "no test": (["train.parquet", "validation.parquet"], "got train and validation"),
    "no train": (["test.parquet"], "got no train file"),
    "one file": (["mine.parquet"], "Give the file itself"),
    "configurations": (
        ["a/train.parquet", "a/test.parquet", "b/train.parquet", "b/test.parquet"],
        "got folders with one each: a, b",
    ),
    "spark alone": (["part-00000.parquet", "part-00001.parquet"], "got part-00000.parquet, part-00001.parquet"),
    "nothing": (["notes/words.parquet.bak"], "got notes/"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_sets_that_are_not_whole_or_not_one(tmp_path, kind):
    names, words = BROKEN[kind]
    for i, name in enumerate(names):
        put(tmp_path / "mine", name, 100 * i)
    for ask in (data.load, data.fingerprint, shape_of):
        with pytest.raises(DataError) as caught:
            ask(tmp_path / "mine")
        assert words in str(caught.value)


def test_one_shard_by_its_path(tmp_path):
    for i, name in enumerate(LAYOUTS["shards"]):
        put(tmp_path, name, 100 * i)
    with pytest.raises(DataError, match=r"got one of its files, number 0 of 2\. Give the folder: "):
        data.load(tmp_path / "train-00000-of-00002.parquet")
    made = data.load(tmp_path / "test-00000-of-00001.parquet")
    assert "train-00000-of-00002.parquet, train-00001-of-00002.parquet beside it was not read" in made.notes


def test_one_converted_file_by_its_path(tmp_path):
    for i, name in enumerate(LAYOUTS["converted"]):
        put(tmp_path, name, 100 * i)
    with pytest.raises(DataError, match=r"beside 0001\.parquet\. Give the folder: "):
        data.load(tmp_path / "train" / "0000.parquet")
    assert "train beside it was not read" in data.load(tmp_path / "test" / "0000.parquet").notes


def test_files_of_one_content(tmp_path):
    put(tmp_path, "train.parquet", 0)
    shutil.copy(tmp_path / "train.parquet", tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"expected rows of its own, got the content of '.*' again"):
        data.load(tmp_path)
    pq.write_table(pq.read_table(tmp_path / "train.parquet"), tmp_path / "test.parquet", compression="zstd")
    with pytest.raises(DataError, match="got the 6 training rows again"):
        data.load(tmp_path)
    for name in ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet"):
        put(tmp_path / "b", name, 0)
    with pytest.raises(DataError, match="got the content of"):
        data.load(tmp_path / "b")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"c": [1.0] * 6}, "got also c"),
        ({"b": ["x"] * 6}, "column b: expected values of type double as in 'train.parquet', got string"),
        ({"label": ["x"] * 6}, "column label: expected values of type int64 as in 'train.parquet', got string"),
        ({"label": [True, False] * 3}, "column label: expected values of type int64"),
        ({"b": pa.array([1] * 6, pa.uint8())}, "column b: expected values of type double"),
    ],
)
def test_tables_that_do_not_agree(tmp_path, columns, words):
    put(tmp_path, "train.parquet", 0)
    put(tmp_path, "test.parquet", 100, **columns)
    with pytest.raises(DataError) as caught:
        data.load(tmp_path)
    assert words in str(caught.value)


def test_a_test_table_without_labels(tmp_path):
    put(tmp_path, "train.csv", 0)
    columns = part(100)
    del columns["label"]
    pq.write_table(pa.table(columns), tmp_path / "test.parquet")
    with pytest.raises(
        DataError, match=r"test\.parquet': expected the columns of 'train\.csv', got none of label"
    ):
        data.load(tmp_path)


def test_columns_in_another_order_are_matched_by_name(tmp_path):
    put(tmp_path, "train.parquet", 0)
    columns = part(100)
    pq.write_table(pa.table({name: columns[name] for name in ("label", "b", "a")}), tmp_path / "test.parquet")
    made = data.load(tmp_path)
    np.testing.assert_array_equal(made.x_test[:, 0], columns["a"].astype(np.float32))
    assert "columns stand in another order in some files and were matched by name" in made.notes


def test_whole_numbers_in_one_file_and_fractions_in_the_other(tmp_path):
    put(tmp_path, "train.csv", 0, b=[1, 2, 3, 3, 2, 5])
    put(tmp_path, "test.csv", 100, b=[1.5, 2, 3, 3, 2, 5])
    made = data.load(tmp_path)
    assert made.x_test[0, 1] == 1.5
    assert "b is int64 in some files and double in others" in made.notes


def test_an_index_in_one_file_alone(tmp_path):
    import pandas as pd

    put(tmp_path, "train.parquet", 0)
    pd.DataFrame(part(100)).set_index(pd.Index([3, 1, 4, 1, 5, 9])).to_parquet(tmp_path / "test.parquet")
    assert data.load(tmp_path).features == 2


def test_class_names_that_differ(tmp_path):
    import json

    for name, classes in (("train", ["a", "b"]), ("test", ["b", "a"])):
        features = {"info": {"features": {"label": {"names": classes, "_type": "ClassLabel"}}}}
        table = pa.table(part(len(name) * 100)).replace_schema_metadata({"huggingface": json.dumps(features)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match="expected the class names that"):
        data.load(tmp_path)


def test_a_link_that_leads_nowhere(tmp_path):
    put(tmp_path, "test.parquet", 0)
    (tmp_path / "train.parquet").symlink_to(tmp_path / "gone.parquet")
    with pytest.raises(DataError, match="got a link that leads nowhere"):
        data.load(tmp_path)


def test_images_of_two_parts_and_modes(tmp_path, write, pixels):
    grey, coloured = pixels(4), pixels(4, (6, 5, 3), seed=1)
    write(tmp_path / "train.parquet", coloured, [0, 1, 0, 1])
    write(tmp_path / "test.parquet", grey, [0, 1, 0, 1])
    made = data.load(tmp_path)
    np.testing.assert_allclose(made.x, coloured / 255.0, atol=1e-7)
    np.testing.assert_allclose(made.x_test, np.repeat(grey[..., None], 3, axis=3) / 255.0, atol=1e-7)
    assert "grey became RGB" in made.notes
    assert shape_of(tmp_path).image == (6, 5, 3)


# The named sets

MNIST = ("mnist", "ylecun/mnist", "mnist")


@pytest.mark.parametrize("base", ["ylecun/mnist/mnist", "mnist", "datasets--ylecun--mnist/snapshots/abc/mnist"])
@pytest.mark.parametrize(
    "names", [("train/0000.parquet", "test/0000.parquet"), ("partial-train/0000.parquet", "test/0000.parquet")]
)
def test_named_sets_in_the_converted_layout(tmp_path, monkeypatch, write, pixels, base, names):
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path))
    train, test = pixels(6), pixels(4, seed=1)
    write(tmp_path / base / names[0], train, [0, 1, 2, 3, 4, 5])
    write(tmp_path / base / names[1], test, [0, 1, 2, 3])
    made = data.load("mnist")
    np.testing.assert_allclose(made.x, train / 255.0, atol=1e-7)
    assert (made.n, made.n_test, shape_of("mnist").train) == (6, 4, 6)


def test_the_whole_one_of_two_copies_is_taken(tmp_path, monkeypatch, write, pixels):
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path))
    write(tmp_path / "ylecun/mnist/mnist/train-00000-of-00002.parquet", pixels(4), [0, 1, 2, 3])
    with pytest.raises(DataError, match="missing number 00001"):
        files.find(*MNIST)
    for name, seed in (("train", 2), ("test", 3)):
        write(tmp_path / f"mnist/{name}.parquet", pixels(4, seed=seed), [0, 1, 2, 3])
    place = files.find(*MNIST)
    assert place is not None
    assert place.folder == tmp_path / "mnist"


def test_the_snapshot_that_the_cache_calls_main(tmp_path):
    for name in ("aaa", "bbb"):
        for i, file in enumerate(("train.parquet", "test.parquet")):
            put(tmp_path / "snapshots" / name, file, 100 * i, n=6 if name == "aaa" else 8)
    with pytest.raises(DataError, match="expected one snapshot, or refs/main to name one"):
        data.load(tmp_path)
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / "main").write_text("bbb\n")
    assert data.load(tmp_path).n == 8
