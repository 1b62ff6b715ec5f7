"""Where files are looked for, whether they are whole, and whether they are the right ones."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from overparam.core.errors import DataError
from overparam.data import files

MNIST = ("mnist", "ylecun/mnist", "mnist")


@pytest.mark.parametrize(
    "inner",
    [
        "ylecun/mnist/mnist",
        "ylecun/mnist/data",
        "ylecun/mnist",
        "mnist/mnist",
        "mnist",
        "datasets--ylecun--mnist/snapshots/0a1b2c/mnist",
    ],
)
def test_layouts_of_the_own_folder(hub_folder, tmp_path, monkeypatch, inner):
    folder, *_ = hub_folder(inner=inner)
    assert files.find(*MNIST) is None
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "own"))
    place = files.find(*MNIST)
    assert place is not None
    assert place.folder == folder
    assert [p.name for p in place.files] == ["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"]


def test_plain_file_names(hub_folder):
    folder, *_ = hub_folder()
    for split in ("train", "test"):
        (folder / f"{split}-00000-of-00001.parquet").rename(folder / f"{split}.parquet")
    place = files.read_folder(folder)
    assert place is not None
    assert [p.name for p in place.files] == ["train.parquet", "test.parquet"]


def test_own_folder_comes_before_the_cache(hub_folder, tmp_path, monkeypatch):
    folder, *_ = hub_folder()
    cached, *_ = hub_folder(root=files.download_root("ylecun/mnist"), inner="mnist", seed=5)
    assert files.find(*MNIST) is None  # no checksums yet: a download that did not end
    (cached / files.CHECKSUMS).write_text("{}")
    place = files.find(*MNIST)
    assert place is not None
    assert place.folder == cached
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "own"))
    place = files.find(*MNIST)
    assert place is not None
    assert place.folder == folder


def test_variable_that_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "typo"))
    with pytest.raises(
        DataError, match=r"OVERPARAM_DATA: expected a folder, got '.*typo'\. Correct the variable"
    ):
        files.find(*MNIST)


def test_folder_with_one_part_only(hub_folder):
    folder, *_ = hub_folder()
    (folder / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match=r"got no test file\. Copy the whole data set"):
        files.read_folder(folder)


def test_shards_are_ordered_and_complete(hub_folder):
    folder, *_ = hub_folder()
    first = folder / "train-00000-of-00001.parquet"
    for i in (2, 0, 1):
        shutil.copy(first, folder / f"train-0000{i}-of-00003.parquet")
    first.unlink()
    place = files.read_folder(folder)
    assert place is not None
    assert [p.name[:11] for p in place.train] == ["train-00000", "train-00001", "train-00002"]
    (folder / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match=r"expected 3 files of the train part, got 2 \(missing number 00001\)"):
        files.read_folder(folder)


def test_checksum_is_sha256_and_notices_a_change(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert files.checksum(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert files.checksum(path) == hashlib.sha256(b"three").hexdigest()
    with pytest.raises(DataError, match=r"none' cannot be read: .*Check that it exists"):
        files.checksum(tmp_path / "none")


def test_fingerprint_follows_content_not_place(hub_folder, tmp_path):
    here, *_ = hub_folder()
    there, *_ = hub_folder(root=tmp_path / "elsewhere", inner="x")
    other, *_ = hub_folder(root=tmp_path / "other", inner="x", seed=9)
    a, b, c = (files.fingerprint(files.read_folder(folder)) for folder in (here, there, other))
    assert a == b != c
    place = files.read_folder(here)
    assert files.fingerprint(files.Place(here, place.test, place.train)) != a
    place.test[0].write_bytes(place.test[0].read_bytes() + b"!")
    assert files.fingerprint(place) != a


def test_verify(hub_folder):
    folder, *_ = hub_folder()
    place = files.read_folder(folder)
    files.verify(place, "mnist")  # nothing beside it: nothing to compare with
    listing = folder / files.CHECKSUMS
    listing.write_text(json.dumps({"sha256": files.checksums(place.files)}))
    files.verify(place, "mnist")
    test = place.test[0]
    test.write_bytes(test.read_bytes() + b"!")
    with pytest.raises(
        DataError,
        match=r"test-.*is not the file that was downloaded: expected SHA-256 [0-9a-f]{16}, got [0-9a-f]{16}\. "
        r"Delete '.*' and run `overparam data fetch mnist` again",
    ):
        files.verify(place, "mnist")
    listing.write_text(json.dumps({"sha256": {}}))
    with pytest.raises(DataError, match="expected SHA-256 none on the list"):
        files.verify(place, "mnist")
    for broken in ("{", "{}", "[]"):
        listing.write_text(broken)
        with pytest.raises(DataError, match="expected checksums, got a file that cannot be read"):
            files.verify(place, "mnist")
