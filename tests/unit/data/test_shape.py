"""The shape that is known without loading is the shape of what is loaded."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import catalog, from_arrays, load, save, shape_of, unit_rows


def loaded(name):
    data = load(name)
    return (data.features, data.classes, data.n, data.n_test, data.shape)


@pytest.mark.parametrize(
    "name", ["digits", "mnist1d", "mnist1d-5k", "gaussian", "sphere:n=30,d=5,n_test=7", "gaussian:d=3"]
)
def test_named_data(name):
    assert shape_of(name) == loaded(name)


def test_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(catalog, "load", None)
    monkeypatch.setattr("overparam.data.digits.load", None)
    assert shape_of("digits").train == 1200


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnist", (784, 10, 60_000, 10_000, (28, 28))),
        ("fashion-mnist", (784, 10, 60_000, 10_000, (28, 28))),
        ("cifar10", (3072, 10, 50_000, 10_000, (32, 32, 3))),
        ("cifar100", (3072, 100, 50_000, 10_000, (32, 32, 3))),
    ],
)
def test_data_that_are_not_here_have_their_published_sizes(name, expected, monkeypatch, tmp_path):
    monkeypatch.delenv("OVERPARAM_DATA", raising=False)
    monkeypatch.setenv("OVERPARAM_CACHE", str(tmp_path))
    assert shape_of(name) == expected


@pytest.mark.parametrize("split", [True, False])
def test_a_file_of_arrays(tmp_path, split):
    path, random = tmp_path / "mine.npz", np.random.default_rng(0)
    parts = {"x": random.standard_normal((21, 3, 4)), "y": np.arange(21) % 3}
    if split:
        parts |= {"x_test": random.standard_normal((5, 3, 4)), "y_test": np.arange(5) % 4}
    np.savez_compressed(path, **parts)
    assert shape_of(str(path)) == loaded(str(path))


def test_a_saved_data_set_and_a_file_that_has_changed(tmp_path):
    path = tmp_path / "mine.npz"
    save(from_arrays(np.eye(8), np.arange(8) % 2, name="eye", classes=5), path)
    assert shape_of(str(path)) == loaded(str(path)) == (8, 5, 6, 2, (8,))
    np.savez(path, x=np.ones((40, 2)), y=np.arange(40) % 2)
    assert shape_of(str(path)) == loaded(str(path))


def test_a_file_with_numeric_targets_has_one_output_a_target(tmp_path):
    path = tmp_path / "numbers.npz"
    np.savez(path, x=np.ones((8, 2)), y=np.linspace(0, 1, 8))
    assert shape_of(str(path)).classes == 1
    np.savez(path, x=np.ones((8, 2)), y=np.arange(24.0).reshape(8, 3))
    assert shape_of(str(path)).classes == 3


def test_a_table(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": np.arange(9.0), "label": np.arange(9) % 3, "b": np.ones(9)}), path)
    assert shape_of(str(path)) == loaded(str(path))


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown data set 'digit'. Did you mean 'digits'"):
        shape_of("digit")
    with pytest.raises(DataError, match="expected a file"):
        shape_of(str(tmp_path / "none.npz"))
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"expected an \.npz archive"):
        shape_of(str(tmp_path / "bad.npz"))


def test_rows_of_norm_1():
    x = unit_rows(np.random.default_rng(0).standard_normal((6, 4)))
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(6), rel=1e-12)
