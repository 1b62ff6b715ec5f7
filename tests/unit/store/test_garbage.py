import os
import time

import pytest

from overparam.core.errors import StoreError
from overparam.store import CellStore, pack
from overparam.store.garbage import KINDS, find_garbage, remove_garbage


def document(version=2):
    base = {"study": "toy", "cell_version": version, "params": {"width": 3}, "values": {"loss": 0.5}}
    return {**base, "status": "ok", "seconds": 0.25}


def littered(tmp_path, packed=False):
    """Three present cells and one of each thing that can go; a fresh temporary file and a fresh failure stay."""
    store = CellStore(tmp_path, "toy")
    for i in range(3):
        store.write(f"now--{i}", document())
    store.write("old--1", document(1))
    store.write("later--1", document(3))
    if packed:
        pack.pack(store)
        store.folder.mkdir(exist_ok=True)
    store.write_failure("now--1", {"error": "x"})
    store.write_failure("never--1", {"error": "x"})
    (store.folder / "bad--1.damaged").write_text("{")
    for name, age in ((".old.tmp", 4000), (".fresh.tmp", 10)):
        (store.folder / name).write_text("x")
        os.utime(store.folder / name, (time.time() - age,) * 2)
    (tmp_path / "toy" / "quick.json").write_text("{}")
    return store


@pytest.mark.parametrize("packed", [False, True])
def test_only_what_can_go_goes(tmp_path, packed):
    store = littered(tmp_path, packed)
    before = sorted(p for p in tmp_path.rglob("*"))
    garbage = find_garbage(store, 2)
    assert {kind: garbage.count(kind) for kind in KINDS} == {
        "damaged": 1, "temporary": 1, "failures": 1, "stale": 1, "empty": 0,
    }  # fmt: skip
    assert garbage.bytes["damaged"] == 1
    assert garbage.bytes["stale"] > 0
    assert sorted(p for p in tmp_path.rglob("*")) == before
    remove_garbage(store, garbage)
    assert store.names() == {"now--0", "now--1", "now--2", "later--1"}
    assert all(store.read(name) for name in store.names())
    assert (store.folder / ".fresh.tmp").exists()
    assert [p.name for p in store.failures.iterdir()] == ["never--1.json"]
    assert (tmp_path / "toy" / "quick.json").exists()
    assert not any(find_garbage(store, 2).count(kind) for kind in KINDS)


def test_cells_of_an_unknown_study_and_unreadable_cells_stay(tmp_path):
    store = littered(tmp_path)
    store.path("broken--1").write_text("{")
    assert find_garbage(store, None).count("stale") == 0
    remove_garbage(store, find_garbage(store, None))
    assert len(store.names()) == 6


def test_empty_folders_go_with_what_was_in_them(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write("old--1", document(1))
    store.write("old--2", document(1))
    pack.pack(store)
    store.write("old--3", document(1))
    store.failures.mkdir()
    garbage = find_garbage(store, 2)
    assert (garbage.count("stale"), garbage.count("empty")) == (3, 4)
    remove_garbage(store, garbage)
    assert list(tmp_path.iterdir()) == []


def test_a_stale_cell_that_is_loose_and_packed_goes_from_both(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write("old--1", document(1))
    store.write("now--1", document(2))
    pack.pack(store)
    store.write("old--1", document(1))
    remove_garbage(store, find_garbage(store, 2))
    assert store.names() == {"now--1"}


def test_a_cell_that_was_written_since_keeps_its_folder(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write("old--1", document(1))
    garbage = find_garbage(store, 2)
    store.write("now--1", document(2))
    remove_garbage(store, garbage)
    assert store.names() == {"now--1"}


def test_what_cannot_be_removed_is_named(tmp_path, monkeypatch):
    store = littered(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.unlink", refuse)
    with pytest.raises(StoreError, match=r"expected to remove .*\.old\.tmp, got: Permission denied"):
        remove_garbage(store, find_garbage(store, 2))
