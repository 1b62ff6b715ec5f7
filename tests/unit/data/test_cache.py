"""The cache appears whole or not at all, repairs itself, and is not needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from overparam.data.cache import cache_folder, cached_arrays, write_atomically


class Builder:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"x": np.arange(6.0).reshape(2, 3), "y": np.array([1, 0])}, {"form": "PNG"}


def check(bundle):
    arrays, facts = bundle
    assert np.array_equal(arrays["x"], np.arange(6.0).reshape(2, 3))
    assert np.array_equal(arrays["y"], [1, 0])
    assert facts == {"form": "PNG"}


def test_built_once_and_mapped_read_only():
    build = Builder()
    check(cached_arrays("k", build))
    arrays, facts = cached_arrays("k", build)
    check((arrays, facts))
    assert build.calls == 1
    assert isinstance(arrays["x"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        arrays["x"][0, 0] = 1


def test_keys_are_separate():
    build = Builder()
    cached_arrays("a", build)
    cached_arrays("b", build)
    assert build.calls == 2


def cut(path: Path):
    path.write_bytes(path.read_bytes()[:-4])


def swap(path: Path):
    np.save(path, np.zeros((5, 5)))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("x.npy", cut),
        ("x.npy", swap),
        ("x.npy", Path.unlink),
        ("facts.json", cut),
        ("facts.json", Path.unlink),
        ("facts.json", lambda path: path.write_text("{}")),
    ],
)
def test_damaged_entry_is_built_again(cache, name, damage):
    build = Builder()
    cached_arrays("k", build)
    damage(cache / "data" / "arrays" / "k" / name)
    check(cached_arrays("k", build))
    assert build.calls == 2
    check(cached_arrays("k", build))
    assert build.calls == 2


def test_unwritable_folder_is_no_obstacle(cache):
    cache.mkdir()
    (cache / "data").write_text("a file where the folder should be")
    build = Builder()
    check(cached_arrays("k", build))
    check(cached_arrays("k", build))
    assert build.calls == 2


def test_failed_build_leaves_nothing(cache):
    def broken():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached_arrays("k", broken)
    assert not list(cache.rglob("*"))


def test_loser_of_a_race_takes_the_winners_arrays(cache):
    build = Builder()

    def slow():
        cached_arrays("k", build)  # another process finishes first
        return build()

    check(cached_arrays("k", slow))
    assert [p.name for p in (cache / "data" / "arrays").iterdir()] == ["k"]


def test_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "deep" / "a.json"
    write_atomically(path, lambda handle: handle.write(b"[1]"))

    def broken(handle):
        handle.write(b"[1, ")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_atomically(path, broken)
    with path.open() as reader:
        write_atomically(path, lambda handle: handle.write(b"[2]"))
        assert json.load(reader) == [1]  # a reader keeps the file it opened
    assert json.loads(path.read_text()) == [2]
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_folder_follows_the_variable(cache, monkeypatch):
    assert cache_folder() == cache / "data"
    monkeypatch.delenv("OVERPARAM_CACHE")
    assert cache_folder().name == "data"
    assert cache_folder().parent.name == "overparam"
