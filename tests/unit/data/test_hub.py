"""Hub data sets from a folder and from a download that a stand-in serves."""

from __future__ import annotations

import json
import mmap
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError
from overparam.data import files, hub


@pytest.fixture
def own(hub_folder, tmp_path, monkeypatch):
    def make(*args, **options):
        made = hub_folder(*args, **options)
        monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "own"))
        return made

    return make


@pytest.fixture
def served(hub_folder, tmp_path, monkeypatch):
    """Serve a small MNIST in place of the Hub; returns the calls and what was written."""
    source = hub_folder(root=tmp_path / "hub", inner="mnist")
    calls = []

    def snapshot_download(repo_id, *, repo_type, allow_patterns, local_dir, tqdm_class=None):
        calls.append((repo_id, repo_type, allow_patterns, tqdm_class))
        shutil.copytree(tmp_path / "hub", local_dir, dirs_exist_ok=True)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return calls, source


def fail_download(monkeypatch, text="no route to host\nsecond line"):
    def snapshot_download(*args, **options):
        raise OSError(text)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)


@pytest.mark.parametrize(
    ("name", "inner", "shape", "options"),
    [
        ("mnist", "ylecun/mnist/mnist", (28, 28), {}),
        ("fashion-mnist", "zalando-datasets/fashion_mnist/fashion_mnist", (28, 28), {}),
        ("cifar10", "uoft-cs/cifar10/plain_text", (32, 32, 3), {"image": "img"}),
        ("cifar100", "uoft-cs/cifar100/cifar100", (32, 32, 3), {"image": "img", "label": "fine_label"}),
    ],
)
def test_every_set_in_its_published_schema(own, name, inner, shape, options):
    _, x, y, x_test, y_test = own(inner=inner, shape=shape, **options)
    made = data.load(name, download=False)
    for found, expected in ((made.x, x), (made.x_test, x_test)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected / 255.0, atol=1e-7)
    assert made.y.tolist() == y.tolist()
    assert made.y_test.tolist() == y_test.tolist()
    assert made.classes == (100 if name == "cifar100" else 10)
    assert made.fingerprint == data.fingerprint(name)


def test_a_part_of_the_set_is_called_that(own):
    own(n=6, n_test=4)
    made = data.load("mnist")
    assert made.title == "MNIST (6 training images)"
    assert "6 training and 4 test images, 10 classes (published: 60,000 and 10,000)" in made.notes
    assert "JPEG" not in made.notes
    spec = hub.SETS["mnist"]
    assert hub.title(spec, 60_000) == "MNIST"
    assert hub.title(spec, 10_000) == "MNIST 10k"


def test_lossy_images_are_noted(own):
    own(inner="uoft-cs/cifar10/plain_text", shape=(32, 32, 3), image="img", form="JPEG")
    assert "The images are JPEG and not the published PNG: fine for behaviour" in data.load("cifar10").notes


def test_decoded_once_then_mapped(own, monkeypatch):
    own()
    first = data.load("mnist")
    data.catalog._LOADED.clear()
    monkeypatch.setattr(hub.encoded, "images", None)
    again = data.load("mnist")
    assert again is not first
    assert np.array_equal(again.x, first.x)
    base = again.x
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)


def test_fingerprint_decodes_nothing_and_follows_content(own, monkeypatch, tmp_path):
    own()
    with monkeypatch.context() as patch:
        patch.setattr(hub, "open_parquet", None)
        before = data.fingerprint("mnist")
    old = data.load("mnist")
    shutil.rmtree(tmp_path / "own")
    _, x, *_ = own(seed=3)
    assert data.fingerprint("mnist") != before
    assert not np.array_equal(data.load("mnist").x, old.x)
    np.testing.assert_allclose(data.load("mnist").x, x / 255.0, atol=1e-7)


def test_shards_are_joined_in_order(own, write, pixels):
    folder, first, y, *_ = own()
    more = pixels(3, seed=8)
    (folder / "train-00000-of-00001.parquet").rename(folder / "train-00000-of-00002.parquet")
    write(folder / "train-00001-of-00002.parquet", more, [9, 9, 8])
    made = data.load("mnist")
    np.testing.assert_allclose(made.x, np.concatenate([first, more]) / 255.0, atol=1e-7)
    assert made.y.tolist() == [*y.tolist(), 9, 9, 8]


@pytest.mark.parametrize(
    ("labels", "got"),
    [([0, 10], "0 to 10"), ([-1, 0], "-1 to 0"), ([0.0, 1.0], "float64"), (["0", "1"], "object")],
)
def test_labels_of_another_set(own, write, pixels, labels, got):
    folder, *_ = own()
    write(folder / "test-00000-of-00001.parquet", pixels(2), labels)
    with pytest.raises(DataError, match=f"test-.*expected whole-number labels 0 to 9 of MNIST, got .*{got}"):
        data.load("mnist")


def test_parts_of_two_shapes(own, write, pixels):
    folder, *_ = own()
    write(folder / "test-00000-of-00001.parquet", pixels(2, (9, 9)), [0, 1])
    with pytest.raises(DataError, match=r"expected test images of .* shape \(6, 5\), got \(9, 9\)"):
        data.load("mnist")
    (folder / "train-00000-of-00001.parquet").rename(folder / "train-00000-of-00002.parquet")
    write(folder / "train-00001-of-00002.parquet", pixels(2, (9, 9), seed=5), [0, 1])
    with pytest.raises(
        DataError, match=r"expected images of shape \(6, 5\) as in the files before, got \(9, 9\)"
    ):
        data.load("mnist")


def test_corrupt_file_in_the_own_folder(own):
    folder, *_ = own()
    (folder / "train-00000-of-00001.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match=r"train-00000-of-00001\.parquet': expected a Parquet file"):
        data.load("mnist")


def test_download_into_the_cache(served, cache, monkeypatch):
    calls, (_, x, y, *_) = served
    made = data.load("mnist")
    np.testing.assert_allclose(made.x, x / 255.0, atol=1e-7)
    assert made.y.tolist() == y.tolist()
    assert calls == [("ylecun/mnist", "dataset", ["mnist/*.parquet"], None)]
    folder = cache / "data" / "hub" / "ylecun" / "mnist" / "mnist"
    listing = json.loads((folder / files.CHECKSUMS).read_text())
    assert listing["source"] == "ylecun/mnist"
    assert sorted(listing["sha256"]) == sorted(p.name for p in folder.glob("*.parquet"))
    data.catalog._LOADED.clear()
    fail_download(monkeypatch)
    assert np.array_equal(data.load("mnist").x, made.x)
    assert data.where("mnist") == str(folder)


def test_nothing_is_downloaded_unasked(served):
    calls, _ = served
    for ask in (lambda: data.load("mnist", download=False), lambda: data.fingerprint("mnist")):
        with pytest.raises(DataError, match="It is not here, and downloading was not asked for"):
            ask()
    assert data.where("mnist") == "not here: `overparam data fetch mnist` downloads it"
    data.describe()
    assert calls == []


def test_fetch_is_asked_once_and_can_be_quiet(served, capsys):
    calls, _ = served
    place = data.fetch("mnist", progress=False)
    assert Path(place).is_dir()
    assert data.fetch("mnist") == place
    assert len(calls) == 1
    list(calls[0][3](range(3)))  # the bars handed to the Hub's client write nothing
    assert capsys.readouterr().err == ""


def test_fetch_takes_the_own_folder_where_it_has_the_set(served, own):
    calls, _ = served
    folder, *_ = own()
    assert data.fetch("mnist") == str(folder)
    assert calls == []


def test_failed_download_says_what_to_do(tmp_path, monkeypatch, cache):
    fail_download(monkeypatch)
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "own"))
    with pytest.raises(DataError) as caught:
        data.load("mnist")
    text = str(caught.value)
    for part in (
        "MNIST: expected ylecun/mnist/mnist/train-*.parquet and test-*.parquet.",
        "The download failed (OSError: no route to host).",
        f"Looked in OVERPARAM_DATA ('{tmp_path / 'own'}')",
        f"the cache ('{cache / 'data' / 'hub' / 'ylecun' / 'mnist' / 'mnist'}')",
        "Set OVERPARAM_DATA to a folder that holds ylecun/mnist/mnist",
        "run `overparam data fetch mnist` where there is a network",
        "use digits or mnist1d, which need none",
    ):
        assert part in text
    monkeypatch.delenv("OVERPARAM_DATA")
    fail_download(monkeypatch, "")
    with pytest.raises(DataError, match=r"\(OSError: no message\)\. Looked in OVERPARAM_DATA \(not set\)"):
        data.load("mnist")


def test_download_without_the_files(monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **options: None)
    with pytest.raises(DataError, match=r"The download brought no train-\*\.parquet into folder mnist"):
        data.load("mnist")


def test_interrupted_download_is_not_taken_for_whole(served, cache, monkeypatch):
    calls, (source, *_) = served
    half = cache / "data" / "hub" / "ylecun" / "mnist" / "mnist"
    half.mkdir(parents=True)
    shutil.copy(source / "train-00000-of-00001.parquet", half)
    assert data.load("mnist").n == 6
    assert len(calls) == 1


def test_downloaded_file_that_changed(served, cache):
    data.load("mnist")
    data.catalog._LOADED.clear()
    path = cache / "data" / "hub" / "ylecun" / "mnist" / "mnist" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match="is not the file that was downloaded"):
        data.load("mnist")


def test_checksums_that_cannot_be_written(served, monkeypatch):
    def full(path, write):
        raise OSError("disk full")

    monkeypatch.setattr(hub, "write_atomically", full)
    with pytest.raises(DataError, match=r"cannot write the checksums .*disk full\. Set OVERPARAM_CACHE"):
        data.load("mnist")
