"""Arrays as people have them, in an archive or a folder: read as they are meant, or refused by one sentence."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from overparam import data
from tests.odd_files import ROWS, Y, check, refuse

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
            "labels=any", ["left out: val_images, val_labels"],
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
