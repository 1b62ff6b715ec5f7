"""Targets: classes or numbers, by one rule for arrays and files, and what becomes of the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from overparam import data
from overparam.core.errors import DataError
from overparam.data.targets import numeric, regression, rows, stored, supervised

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + 0.1 * RNG.normal(size=40)
CLASSES = np.arange(40) % 3


@pytest.mark.parametrize(
    ("y", "are_numbers"),
    [
        (Y, True),
        (np.stack([Y, Y], 1), True),
        (np.eye(4)[CLASSES], True),
        (np.eye(4, dtype=int)[CLASSES], False),
        (np.stack([CLASSES, CLASSES], 1), True),
        (Y[:, None], True),
        (CLASSES, False),
        (CLASSES.astype(float), False),
        (CLASSES[:, None], False),
        (CLASSES * 0.5, True),
        (CLASSES > 0, False),
        (np.array(["a", "b"])[CLASSES % 2], False),
        (pd.Series(Y), True),
        (pd.Series(CLASSES, dtype="Int64"), False),
        (Y.astype(np.float16), True),
    ],
)
def test_what_counts_as_numbers(y, are_numbers, tmp_path):
    assert numeric((X, y)) is are_numbers
    np.savez(
        tmp_path / "a.npz",
        x=X,
        y=np.asarray(y, dtype=getattr(y, "dtype", None) if isinstance(y, np.ndarray) else None),
    )
    if isinstance(y, np.ndarray):
        assert numeric(str(tmp_path / "a.npz")) is are_numbers
        assert numeric(tmp_path / "a.npz") is are_numbers


def test_an_option_decides_and_names_of_sets_are_classes(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"a": X[:, 0], "label": CLASSES}).to_csv(path, index=False)
    assert not numeric(str(path))
    assert numeric(f"{path}:targets=numbers")
    assert not any(numeric(name) for name in ("digits", "gaussian:n=10", data.load("sphere:n=8"), None))
    made, told = supervised(f"{path}:targets=numbers")
    assert (made.outputs, made.labels, made.y.dtype) == (1, False, np.float32)
    assert told.startswith("targets are numbers; ")
    assert supervised(str(path))[0].labels
    assert "3 classes" in supervised(str(path))[1]


@pytest.mark.parametrize("outputs", [0, 1, 2])
def test_a_regression_keeps_its_rows_together(outputs):
    y = np.stack([Y] * outputs, 1) if outputs else Y
    made, notes = regression(X, y, name="a")
    assert made.outputs == max(outputs, 1)
    assert (len(made.x), len(made.x_test)) == (30, 10)
    both = np.concatenate([made.x, made.x_test])
    targets = np.concatenate([made.y, made.y_test]).reshape(40, -1)[:, 0]
    order, other = np.argsort(both[:, 0]), np.argsort(X[:, 0])
    assert np.array_equal(both[order], X[other].astype(np.float32))
    assert np.array_equal(targets[order], Y[other].astype(np.float32))
    assert any("a fixed quarter" in note for note in notes)


def test_images_become_vectors_of_0_to_1():
    images = RNG.integers(0, 256, (40, 4, 4), dtype=np.uint8)
    made, notes = regression(images, Y, images, Y, name="a")
    assert np.array_equal(made.x, (images.astype(np.float32) / np.float32(255)).reshape(40, 16))
    assert notes == ("values 0 to 255 were divided by 255",)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"y": np.where(Y > 1, np.nan, Y)}, r"a: y: expected finite numbers, got \d+ that (is|are) missing"),
        ({"y": Y * 1e300}, "a: y: expected finite numbers, got 40 that are too large for float32"),
        ({"y": 1e9 + Y}, "a: y: expected numbers that float32 can tell apart"),
        ({"y": Y * 1e-300}, "a: y: expected numbers that float32 can hold"),
        ({"y": Y + 0j}, "a: y: expected numbers, got complex numbers"),
        ({"y": Y[:9]}, r"x of shape \(n, features...\) and y of shape .* got \(40, 3\) and \(9,\)"),
        ({"y": np.zeros(40) + 0.5}, "expected targets that differ, got one value only"),
        ({"y": np.array(["a"] * 40)}, "a: y: expected numbers, got values of type <U1"),
        ({"x": X[:, 0]}, r"got \(40,\) and \(40,\)"),
        ({"x": None}, "a: x: expected an array, got nothing"),
        ({"y": None}, "a: y: expected an array, got nothing"),
        ({"x_test": X}, "expected x_test and y_test together"),
        ({"x_test": X, "y_test": np.stack([Y, Y], 1)}, "test rows and targets of the training part's shapes"),
        ({"x_test": X[:, :2], "y_test": Y}, "test rows and targets of the training part's shapes"),
    ],
)
def test_what_no_regression_can_take(change, text):
    with pytest.raises(DataError, match=text):
        regression(**{"x": X, "y": Y, **change}, name="a")


def test_arrays_are_stored_and_read_again(tmp_path):
    path = stored((X, Y), "mine", tmp_path)
    made = rows(path, 20, labels=False)
    assert (made.x.shape, made.x_test.shape, made.outputs) == ((20, 3), (10, 3), 1)
    assert stored((X, Y), "mine", tmp_path) == path
    with pytest.raises(DataError, match="expected classes as targets, got numbers"):
        rows(path, 20, labels=True)
    with pytest.raises(DataError, match="expected at most 30 training rows, got 31"):
        rows(path, 31, labels=False)


def test_large_numbers_stay_numbers_when_float32_makes_them_whole(tmp_path):
    path = stored((X, 1e9 * Y + 0.5), "mine", tmp_path)
    assert path.endswith(".npz:targets=numbers")
    assert rows(path, 0, labels=False).outputs == 1
