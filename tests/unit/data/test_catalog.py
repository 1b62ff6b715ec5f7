"""Names, the list, what is kept in memory, and what an import costs; the real files where they are."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import UsageError


def test_names_and_list_agree():
    lines = data.describe()
    assert tuple(line.name for line in lines) == data.names()
    by_name = {line.name: line for line in lines}
    assert {name for name, line in by_name.items() if not line.available} == {
        "mnist", "fashion-mnist", "cifar10", "cifar100",
    }  # fmt: skip
    assert by_name["mnist"].where == "not here: `overparam data fetch mnist` downloads it"
    assert by_name["mnist"].detail == "60,000 training and 10,000 test images, 10 classes"
    assert all(line.title and line.detail and line.credit and line.where for line in lines)


def test_list_shows_what_is_in_the_folder(hub_folder, tmp_path, monkeypatch):
    folder, *_ = hub_folder(n=6, n_test=4)
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "own"))

    def line():
        return next(line for line in data.describe() if line.name == "mnist")

    assert (line().available, line().where, line().title) == (True, str(folder), "MNIST (6 training images)")
    assert line().detail.startswith("6 training and 4 test images")
    (folder / "test-00000-of-00001.parquet").write_bytes(b"cut")
    assert (line().available, line().where) == (False, "damaged")
    assert "expected a Parquet file" in line().detail


@pytest.mark.parametrize("name", ["digits", "mnist1d", "mnist1d-5k", "gaussian", "sphere"])
def test_what_needs_no_network_loads_and_has_the_promised_sizes(name):
    made = data.load(name, download=False)
    assert data.fingerprint(name) == made.fingerprint
    assert "nothing to download" in data.where(name)
    assert data.fetch(name) == data.where(name)
    line = next(line for line in data.describe() if line.name == name)
    if name in ("digits", "mnist1d", "mnist1d-5k"):
        assert f"{made.n:,} training and {made.n_test:,} test" in line.detail
        assert (made.title, made.name) == (line.title, name)


def test_fingerprints_are_all_different():
    names = ["digits", "mnist1d", "mnist1d-5k", "gaussian", "sphere"]
    assert len({data.fingerprint(name) for name in names}) == len(names)


@pytest.mark.parametrize("ask", [data.load, data.fingerprint, data.where, data.fetch])
def test_unknown_name_names_the_nearest(ask):
    with pytest.raises(
        UsageError, match=r"unknown data set 'digit'\. Did you mean 'digits'\? Known: .*or \.npz file"
    ):
        ask("digit")


def test_file_of_another_kind(tmp_path):
    (tmp_path / "a.mat").write_text("1,2")
    with pytest.raises(UsageError, match=r"a\.mat': expected \.npz, \.parquet, \.csv"):
        data.load(str(tmp_path / "a.mat"))


def test_the_last_four_are_kept():
    first = data.load("gaussian:seed=1")
    assert data.load("gaussian:seed=1") is first
    for seed in (2, 3, 4):
        data.load(f"gaussian:seed={seed}")
    assert data.load("gaussian:seed=1") is first  # used again: now the youngest
    for seed in (5, 6, 7):
        data.load(f"gaussian:seed={seed}")
    assert data.load("gaussian:seed=1") is first
    for seed in (8, 9, 10, 11):
        data.load(f"gaussian:seed={seed}")
    assert data.load("gaussian:seed=1") is not first


def test_home_folder_in_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "mine.npz", x=np.zeros((4, 1)), y=[0, 1, 0, 1])
    assert data.load("~/mine.npz").n == 3
    assert data.where("~/mine.npz") == str(tmp_path / "mine.npz")


def test_import_and_list_of_names_are_cheap():
    code = (
        "import sys; from overparam import data; data.names(); data.fingerprint('digits')\n"
        "heavy = {'sklearn', 'pyarrow', 'PIL', 'huggingface_hub', 'scipy', 'jax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


needs_folder = pytest.mark.skipif(
    not os.environ.get("OVERPARAM_DATA"), reason="OVERPARAM_DATA is not set: no real data sets here"
)


@pytest.mark.data
@needs_folder
@pytest.mark.parametrize(
    ("name", "shape"),
    [("mnist", (28, 28)), pytest.param("cifar10", (32, 32, 3), marks=pytest.mark.slow)],
)
def test_real_images(name, shape):
    made = data.load(name, download=False)
    assert made.shape == shape
    assert (made.x.min(), made.x.max(), made.classes, made.n_test) == (0.0, 1.0, 10, 10_000)
    assert len(np.unique(made.y)) == 10
    part = data.flatten(data.subset(made, 2000, 1000))
    centres = np.stack([part.x[part.y == k].mean(axis=0) for k in range(10)])
    distance = ((part.x_test[:, None] - centres) ** 2).sum(axis=2)
    accuracy = np.mean(distance.argmin(axis=1) == part.y_test)
    assert (
        accuracy > {"mnist": 0.75, "cifar10": 0.2}[name]
    )  # nearest class mean: images and labels belong together
