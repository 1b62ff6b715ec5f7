import errno
import json
import os

import pytest

from overparam.core.atomic import check_writable, write_json
from overparam.core.errors import StoreError, UsageError
from overparam.store import CellStore, RecordStore
from tests.stored import record

DOCUMENT = {"study": "toy", "params": {"width": 3}, "values": {"loss": 0.5}, "status": "ok", "seconds": 0.1}


def test_a_cell_comes_back_as_it_was_written(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write("a--1", DOCUMENT)
    cell = store.read("a--1")
    assert (cell.params, cell.values, cell.status, cell.seconds) == ({"width": 3}, {"loss": 0.5}, "ok", 0.1)
    assert store.names() == {"a--1"}
    assert store.read("b--2") is None
    assert json.loads((tmp_path / "toy/cells/a--1.json").read_text())["schema"] == 1


def test_json_never_holds_nan_and_a_refused_write_leaves_the_old_file(tmp_path):
    path = write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "null", '{"schema": "x"}'])
def test_a_damaged_cell_is_not_done_and_is_kept_aside(tmp_path, text):
    store = CellStore(tmp_path, "toy")
    store.write("good--1", DOCUMENT)
    (store.folder / "bad--2.json").write_text(text)
    cells, damaged = store.readable(store.names())
    assert set(cells) == {"good--1"}
    assert damaged == ["bad--2"]
    with pytest.raises(StoreError, match="expected a cell, got a damaged file"):
        store.read("bad--2")
    store.set_aside("bad--2")
    assert store.names() == {"good--1"}
    assert (store.folder / "bad--2.damaged").read_text() == text


def test_a_cell_from_the_future_is_refused_not_overwritten(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write("a--1", DOCUMENT)
    path = store.folder / "a--1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(StoreError, match="expected schema 1 or older, got 99.*upgrade"):
        store.readable({"a--1"})


def test_success_drops_the_older_failure(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.write_failure("a--1", {"error": "x"})
    assert (store.failures / "a--1.json").exists()
    store.write("a--1", DOCUMENT)
    assert not (store.failures / "a--1.json").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"expected to write .*choose another folder"):
        write_json(tmp_path / "file" / "x.json", {})


def test_the_newest_record_is_found_by_study_and_run(tmp_path):
    records = RecordStore(tmp_path)
    for age, run in enumerate(["laptop", "quick+noise=0.2", "quick"]):
        path = records.write(run, record(made=age))
        os.utime(path, (1000 - age, 1000 - age))  # the clock jumps back before every run
    assert records.latest("toy")["run"] == "quick"
    assert [records.read(p)["sequence"] for p in records.runs("toy")] == [3, 2, 1]
    records.write("laptop", records.latest("toy", "laptop"))
    assert records.latest("toy")["run"] == "laptop"
    assert records.latest("toy", "quick")["run"] == "quick"
    assert records.latest("toy", "laptop")["run"] == "laptop"
    assert records.latest("toy", "quick+noise")["run"] == "quick+noise=0.2"


def test_no_record_says_how_to_make_one(tmp_path):
    RecordStore(tmp_path).write("quick", record("double-descent"))
    with pytest.raises(UsageError, match=r"no finished run of 'duble-descent'.*Did you mean 'double-descent'"):
        RecordStore(tmp_path).latest("duble-descent")
    with pytest.raises(UsageError, match=r"in profile 'laptop'.*stored runs: quick.*Run it first"):
        RecordStore(tmp_path).latest("double-descent", "laptop", lambda: "Run it first.")


def test_a_damaged_record_says_that_cells_are_kept(tmp_path):
    path = RecordStore(tmp_path).write("quick", record())
    path.write_text("{")
    with pytest.raises(StoreError, match="its cells are kept"):
        RecordStore(tmp_path).latest("toy")


def test_a_finished_cell_is_never_overwritten(tmp_path):
    store = CellStore(tmp_path, "toy")
    path = store.write("a--1", DOCUMENT)
    before = path.read_bytes()
    store.write("a--1", {**DOCUMENT, "values": {"loss": 0.7}})
    assert path.read_bytes() == before
    assert os.listdir(store.folder) == ["a--1.json"]


def test_a_damaged_cell_gives_way_to_a_whole_one(tmp_path):
    store = CellStore(tmp_path, "toy")
    store.folder.mkdir(parents=True)
    (store.folder / "a--1.json").write_text("{")
    store.write("a--1", DOCUMENT)
    assert store.read("a--1").values == {"loss": 0.5}
    assert (store.folder / "a--1.damaged").read_text() == "{"


def test_without_hard_links_a_finished_cell_stays_too(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    test_a_finished_cell_is_never_overwritten(tmp_path)
    test_a_damaged_cell_gives_way_to_a_whole_one(tmp_path / "other")


def test_an_edit_by_hand_and_a_copy_under_another_name_are_noticed(tmp_path):
    store = CellStore(tmp_path, "toy")
    path = store.write("a--1", DOCUMENT)
    (store.folder / "b--2.json").write_bytes(path.read_bytes())
    with pytest.raises(StoreError, match=r"damaged file \(it holds the cell a--1\)"):
        store.read("b--2")
    path.write_text(path.read_text().replace("0.5", "0.4"))
    with pytest.raises(StoreError, match=r"damaged file \(it was changed after it was written\)"):
        store.read("a--1")
    assert sorted(store.readable(store.names())[1]) == ["a--1", "b--2"]


def test_a_full_disk_is_a_clear_error_and_leaves_no_half_file(tmp_path, monkeypatch):
    store = CellStore(tmp_path, "toy")
    store.write("a--1", DOCUMENT)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match=r"expected to write .*b--2.json, got: No space left on device\. Free some"
    ):
        store.write("b--2", DOCUMENT)
    with pytest.raises(StoreError, match="No space left"):
        check_writable(store.folder)
    assert os.listdir(store.folder) == ["a--1.json"]
