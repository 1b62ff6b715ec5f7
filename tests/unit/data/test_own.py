"""The user's own files by their path."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overparam import data
from overparam.core.errors import DataError


def test_npz_with_a_test_part(tmp_path):
    x = np.arange(12.0).reshape(4, 3)
    path = tmp_path / "mine.npz"
    np.savez(path, x=x, y=[0, 1, 0, 1], x_test=x[:2] + 50, y_test=[1, 0], remark=np.array([1]))
    made = data.load(str(path))
    assert np.array_equal(made.x, x)
    assert np.array_equal(made.x_test, x[:2] + 50)
    assert (made.name, made.title, made.classes, made.notes) == (
        "mine",
        "mine.npz",
        2,
        "The user's own file; left out: remark",
    )
    assert made.fingerprint == data.fingerprint(str(path))


def test_npz_without_a_test_part(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.arange(8.0)[:, None], y=np.arange(8) % 2)
    made = data.load(str(tmp_path / "mine.npz"))
    assert (made.n, made.n_test) == (6, 2)
    assert "a fixed quarter of the rows" in made.notes


def test_parquet_of_images(tmp_path, write, pixels):
    original = pixels(8)
    write(tmp_path / "mine.parquet", original, list(range(8)))
    made = data.load(str(tmp_path / "mine.parquet"))
    assert made.shape == (6, 5)
    both = np.concatenate([made.x, made.x_test])[np.argsort(np.concatenate([made.y, made.y_test]))]
    np.testing.assert_allclose(both, original / 255.0, atol=1e-7)
    assert made.n_test == 2


def test_parquet_of_numbers(tmp_path):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 3.5], "label": [0, 1, 0, 1]}), path)
    made = data.load(str(path))
    found = {(*row, label) for row, label in zip(made.x.tolist(), made.y.tolist(), strict=True)}
    found |= {(*row, label) for row, label in zip(made.x_test.tolist(), made.y_test.tolist(), strict=True)}
    assert found == {(1, 0.5, 0), (2, 1.5, 1), (3, 2.5, 0), (4, 3.5, 1)}


def test_missing_numbers(tmp_path):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"a": [1.0, None, 3.0], "label": [0, 1, 0]}), path)
    with pytest.raises(
        DataError,
        match=r"mine.parquet', column a: expected a number in every row, got 1 missing \(the first in row 1\)",
    ):
        data.load(str(path))


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((4, 1)), y=[0, 1, 0, 1])
    first = data.load(str(path))
    assert data.load(str(path)) is first
    np.savez(path, x=np.ones((5, 1)), y=[0, 1, 0, 1, 1])
    again = data.load(str(path))
    assert (again.n + again.n_test, again.x.max()) == (5, 1)
    assert again.fingerprint != first.fingerprint


@pytest.mark.parametrize("name", ["none.npz", "none.parquet"])
def test_missing_file(tmp_path, name):
    for ask in (data.load, data.fingerprint):
        with pytest.raises(DataError, match=f"{name}': expected a file, got none there. Check the path"):
            ask(str(tmp_path / name))


def test_npz_without_the_arrays(tmp_path):
    np.savez(tmp_path / "mine.npz", pictures=np.zeros((2, 1)), y=[0, 1])
    with pytest.raises(
        DataError, match=r"expected arrays x and y .*, and x_test and y_test or neither, got pictures, y\."
    ):
        data.load(str(tmp_path / "mine.npz"))


def test_damaged_npz(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((200, 10)), y=np.arange(200) % 2)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"words", whole[:500] + b"\xff" * 500 + whole[1000:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mine\.npz': expected .*The file is damaged"):
            data.load(str(path))


def test_one_array_is_not_an_npz(tmp_path):
    with (tmp_path / "mine.npz").open("wb") as handle:
        np.save(handle, np.zeros(3))
    with pytest.raises(DataError, match=r"expected an \.npz archive of arrays, got one NumPy array"):
        data.load(str(tmp_path / "mine.npz"))


def test_objects_are_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.array([[1], ["a"]], dtype=object), y=[0, 1])
    with pytest.raises(DataError, match=r"in x, got Python objects, which are never unpickled"):
        data.load(str(tmp_path / "mine.npz"))
