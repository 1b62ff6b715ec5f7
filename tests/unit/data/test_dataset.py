"""Checks of arrays, subsets, flattening, saving."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam import data
from overparam.core.errors import DataError, UsageError
from overparam.data.dataset import Dataset, split

RNG = np.random.default_rng(0)


def made(n=20, n_test=8, classes=4, shape=(3, 2)) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.random((n + n_test, *shape))
    y = np.arange(n + n_test) % classes
    return data.from_arrays(x[:n], y[:n], x[n:], y[n:], name="made")


def rows(x):
    return {row.tobytes() for row in x}


def test_types_sizes_and_read_only():
    d = made()
    assert (d.x.dtype, d.y.dtype, d.n, d.n_test, d.shape, d.features, d.classes) == (
        np.float32, np.int32, 20, 8, (3, 2), 6, 4,
    )  # fmt: skip
    assert len(d.fingerprint) == 16
    assert int(d.fingerprint, 16) >= 0
    with pytest.raises(ValueError, match="read-only"):
        d.x[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.name = "other"


def test_arrays_are_copied():
    x = np.zeros((4, 1), dtype=np.float32)
    d = data.from_arrays(x, [0, 1, 0, 1], x, [0, 1, 0, 1], name="a")
    x[:] = 5
    assert d.x.max() == 0


def test_fingerprint_stands_for_content_only():
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    base = data.from_arrays(x, y, x, y, name="a").fingerprint
    assert (
        data.from_arrays(x.astype(np.float32), y.astype(float), x, y, name="b", notes="n").fingerprint == base
    )
    changed = x.copy()
    changed[3, 1] += 1
    assert data.from_arrays(changed, y, x, y, name="a").fingerprint != base
    assert data.from_arrays(x, y, changed, y, name="a").fingerprint != base
    assert data.from_arrays(x, 1 - y, x, y, name="a").fingerprint != base
    assert data.from_arrays(x.reshape(6, 1, 2), y, x.reshape(6, 1, 2), y, name="a").fingerprint != base


def test_bytes_are_pixels():
    x = np.array([[0], [255], [51], [0]], dtype=np.uint8)
    d = data.from_arrays(x, [0, 1, 0, 1], x, [0, 1, 0, 1], name="a")
    np.testing.assert_allclose(d.x.ravel(), [0, 1, 0.2, 0], rtol=1e-6)
    assert "values 0 to 255 were divided by 255" in d.notes
    with pytest.raises(DataError, match="both as pixels of 8 bits or neither, got uint8 and float64"):
        data.from_arrays(x, [0, 1, 0, 1], x / 2.0, [0, 1, 0, 1], name="a")


@given(st.integers(4, 60))
@settings(max_examples=20, deadline=None)
def test_a_missing_test_part_is_a_fixed_quarter(n):
    x, y = np.arange(float(n))[:, None], np.arange(n) % 2
    d = data.from_arrays(x, y, name="a")
    assert d.n_test == n // 4
    assert sorted(np.concatenate([d.x, d.x_test]).ravel().tolist()) == list(range(n))
    assert np.array_equal(d.x.ravel() % 2, d.y)
    assert np.array_equal(d.x_test.ravel() % 2, d.y_test)
    assert "a fixed quarter of the rows" in d.notes
    assert data.from_arrays(x, y, name="a").fingerprint == d.fingerprint


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("part", ["x", "x_test"])
def test_values_that_are_not_finite(bad, part):
    parts = {"x": np.zeros((2, 2)), "x_test": np.zeros((2, 2))}
    parts[part][1, 0] = bad
    with pytest.raises(
        DataError, match=f"^a: {part}: expected finite numbers, got 1 that is .*drop these rows"
    ):
        data.from_arrays(parts["x"], [0, 1], parts["x_test"], [0, 1], name="a")


@pytest.mark.parametrize(
    ("x", "y", "xt", "yt", "text"),
    [
        (np.zeros((3, 1)), [0, 1], np.zeros((2, 1)), [0, 1], r"y of shape \(3,\) for x of .*, got \(2,\)"),
        (np.zeros((2, 1)), [0, 1], np.zeros((3, 1)), [0, 1], r"y_test of shape \(3,\)"),
        (np.zeros((2, 1)), [[0], [1]], np.zeros((2, 1)), [0, 1], r"got \(2, 1\)"),
        (np.zeros(2), [0, 1], np.zeros(2), [0, 1], r"expected x of shape \(n, features\.\.\.\)"),
        (np.zeros((0, 1)), [], np.zeros((2, 1)), [0, 1], r"with n at least 1, got \(0, 1\)"),
        (np.zeros((2, 1)), [0, 1], np.zeros((2, 2)), [0, 1], r"training inputs' shape \(1,\), got \(2,\)"),
        (np.zeros((2, 1)), [0, 1], None, [0, 1], "expected x_test and y_test together"),
        (np.zeros((1, 1)), [0], None, None, "at least 2 rows to split off a test part, got 1"),
        (np.array([["a"], ["b"]]), [0, 1], None, None, "expected numbers, got values of type <U1"),
    ],
)  # fmt: skip
def test_wrong_shapes(x, y, xt, yt, text):
    with pytest.raises(DataError, match=text):
        data.from_arrays(x, y, xt, yt, name="a")


def test_stated_classes_may_be_absent_but_not_exceeded():
    assert data.from_arrays(np.zeros((2, 1)), [0, 2], np.zeros((1, 1)), [0], name="a", classes=5).classes == 5
    with pytest.raises(DataError, match="training labels: expected whole numbers 0 to 1, got 0 to 2"):
        data.from_arrays(np.zeros((2, 1)), [0, 2], np.zeros((1, 1)), [0], name="a", classes=2)
    with pytest.raises(DataError, match="expected at least 2 classes, got 1"):
        data.from_arrays(np.zeros((2, 1)), [0, 0], np.zeros((1, 1)), [0], name="a", classes=1)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_subset_is_drawn_without_replacement_and_nested(one, other, seed):
    d = made()
    small, large = (data.subset(d, n, seed=seed) for n in sorted((one, other)))
    assert len(rows(small.x)) == small.n == min(one, other)
    assert rows(small.x) <= rows(large.x) <= rows(d.x)
    assert np.array_equal(small.x_test, d.x_test)
    at = {row.tobytes(): label for row, label in zip(d.x, d.y, strict=True)}
    assert [at[row.tobytes()] for row in small.x] == small.y.tolist()
    assert small.classes == d.classes


def test_all_rows_keep_the_published_order():
    d = made()
    same = data.subset(d, 20, 8, seed=9)
    assert np.array_equal(same.x, d.x)
    assert same.fingerprint == d.fingerprint
    part = data.subset(d, 20, 3, seed=9)
    assert np.array_equal(part.x, d.x)
    assert part.n_test == 3
    assert rows(part.x_test) <= rows(d.x_test)


def test_fingerprints_of_subsets_differ():
    d = made()
    subsets = [(5, 8, 0), (5, 8, 1), (6, 8, 0), (5, 4, 0), (20, 4, 0), (20, 8, 0)]
    assert len({data.subset(d, n, m, seed=s).fingerprint for n, m, s in subsets}) == len(subsets)
    assert data.subset(d, 5).fingerprint == data.subset(d, np.int64(5), 8).fingerprint


def test_each_row_is_drawn_equally_often():
    d = data.from_arrays(np.arange(10.0)[:, None], np.arange(10) % 2, [[0.0]], [0], name="a")
    drawn = np.concatenate([data.subset(d, 3, seed=s).x.ravel() for s in range(200)]).astype(int)
    assert np.abs(np.bincount(drawn, minlength=10) - 60).max() < 5 * np.sqrt(60 * 0.7)


def test_too_many_rows():
    with pytest.raises(DataError, match="expected at most 20 training rows, got 21"):
        data.subset(made(), 21)
    with pytest.raises(DataError, match="expected at most 8 test rows, got 9"):
        data.subset(made(), 20, 9)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3"])
def test_a_count_that_is_not_one(n):
    with pytest.raises(UsageError, match="expected a positive whole number of training rows, got "):
        data.subset(made(), n)


def test_flatten_keeps_values_and_fingerprint():
    d = made()
    flat = data.flatten(d)
    assert flat.x.shape == (20, 6)
    assert flat.x_test.shape == (8, 6)
    assert np.array_equal(flat.x.reshape(d.x.shape), d.x)
    assert np.shares_memory(flat.x, d.x)
    assert flat.fingerprint == d.fingerprint


def test_saved_arrays_come_back_by_path(tmp_path):
    d = data.subset(made(classes=20), 3)  # most classes are absent
    path = data.save(d, tmp_path / "mine.npz")
    back = data.load(str(path))
    for key in ("x", "y", "x_test", "y_test"):
        assert np.array_equal(getattr(back, key), getattr(d, key))
    assert (back.classes, back.title, back.notes, back.name) == (20, d.title, d.notes, "mine")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["mine.npz"]


def test_saving_twice_gives_one_fingerprint(tmp_path):
    a, b = (data.save(made(), tmp_path / name) for name in ("a.npz", "b.npz"))
    assert data.fingerprint(str(a)) == data.fingerprint(str(b))


def test_save_refuses_other_endings_and_folders(tmp_path):
    with pytest.raises(UsageError, match=r"expected a path that ends in \.npz, got '.*a\.csv'"):
        data.save(made(), tmp_path / "a.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DataError, match=r"cannot write '.*a\.npz': .*Choose a folder that exists and is writable"
    ):
        data.save(made(), tmp_path / "file" / "a.npz")


def test_text_labels_and_a_test_part_of_its_own_make_one_data_set():
    x = np.arange(8.0).reshape(4, 2)
    d = data.from_arrays(x, ["b", "a", "b", "a"], x[:2], ["c", "a"], name="a", labels="any", notes="mine")
    assert (d.y.tolist(), d.y_test.tolist(), d.classes) == ([1, 0, 1, 0], [2, 0], 3)
    assert d.notes == "mine; labels a, b, c became 0, 1, 2; class c occurs only in the test part"


def test_a_class_that_the_quarter_took_away_is_said():
    y = np.zeros(40, int)
    y[split(40)[1][0]] = 1
    made = data.from_arrays(np.arange(40.0)[:, None], y, name="a")
    assert "class 1 occurs only in the test part" in made.notes


def test_regression_targets_are_sent_to_where_they_work():
    with pytest.raises(DataError, match=r"fractions: 0\.1.*`overparam risk .*targets=numbers"):
        data.from_arrays(np.zeros((4, 1)), [0.1, 0.2, 0.3, 0.4], name="a")


def test_arrays_that_are_saved_come_back_with_their_notes(tmp_path):
    x = RNG.integers(0, 256, (40, 6))
    cases = [
        data.from_arrays(x.astype(np.uint8), x[:, 0] % 2, name="a"),
        data.from_arrays(x.astype(np.uint8), x[:, 0] % 2, name="a", pixels="keep"),
        data.from_arrays(x, x[:, 0] % 2, name="a"),
        data.from_arrays(x, x[:, 0] % 2, name="a", pixels="scale"),
        data.from_arrays(x / 255.0, np.array(["no", "yes"])[x[:, 0] % 2], name="a", labels="any"),
        data.from_arrays(x[:20], x[:20, 0] % 2, x[20:] * 1000, x[20:, 0] % 3, name="a"),
    ]
    for made in cases:
        back = data.load(str(data.save(made, tmp_path / "a.npz")))
        for key in ("x", "y", "x_test", "y_test"):
            assert np.array_equal(getattr(back, key), getattr(made, key))
        assert (back.classes, back.notes, back.title) == (made.classes, made.notes, made.title)
        small = data.subset(made, 5, 5)
        assert data.load(str(data.save(small, tmp_path / "b.npz"))).notes == made.notes


def test_label_noise_works_on_coded_labels():
    made = data.from_arrays(np.arange(40.0)[:, None], ["a", "b", "c", "d"] * 10, name="a", labels="any")
    noisy = data.LabelNoise(0.5, "exclusive").apply(made.y, made.classes)
    assert (noisy != made.y).sum() == 15
    assert set(noisy) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"y": [0.5, 1.0]}, "a: y: expected whole numbers 0 to K - 1 as labels, got numbers with fractions: 0.5"),
        ({"y": ["a", "b"]}, "got text: a, b"),
        ({"y": [0, 5]}, "training labels: expected whole numbers 0 to 2, got 0 to 5"),
        ({"x": [[1e-300], [1.0]], "x_test": [[1e-300], [1e-300]]}, "a: x_test: expected numbers that float32 can hold"),
        ({"x": [[np.nan], [1.0]]}, "a: x: expected finite numbers, got 1 that is missing"),
        ({"x": np.float32([[np.nan], [1.0]])}, "a: x: expected finite numbers, got 1 that is missing"),
        ({"x": [["a"], ["b"]]}, "a: x: expected numbers"),
        ({"classes": 2.5}, "a: classes: expected a whole number of at least 2, got 2.5"),
        ({"classes": 10**7}, "expected at most 1,000,000 classes, got 10,000,000"),
        ({"classes": True}, "expected at least 2 classes, got 0"),
    ],
)  # fmt: skip
def test_the_constructor_keeps_what_it_promises(change, text):
    parts = {"x": [[0.0], [1.0]], "y": [0, 1], "x_test": [[0.0], [1.0]], "y_test": [1, 0], "classes": 3}
    with pytest.raises(DataError, match=text):
        Dataset("a", "a", fingerprint="0" * 16, **{**parts, **change})
    assert Dataset("a", "a", fingerprint="0" * 16, **parts).y.dtype == np.int32


@pytest.mark.parametrize("key", ["name", "title", "notes", "labels", "pixels"])
@pytest.mark.parametrize("value", [3, None, ["a"], np.array(["a", "b"])])
def test_words_that_are_no_text(key, value):
    with pytest.raises(UsageError, match=f"{key}: expected "):
        data.from_arrays(np.zeros((4, 1)), [0, 1, 0, 1], **{"name": "a", key: value})
