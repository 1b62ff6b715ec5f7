import json
import os

import pytest

from overparam.errors import StoreError, UsageError
from overparam.store import CellStore, RecordStore, write_json

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
    for age, run in enumerate(["quick", "quick+noise=0.2", "laptop"]):
        path = records.write(run, {"study": "toy"})
        os.utime(path, (1000 - age, 1000 - age))
    assert records.latest("toy")["run"] == "quick"
    assert records.latest("toy", "laptop")["run"] == "laptop"
    assert records.latest("toy", "quick+noise")["run"] == "quick+noise=0.2"


def test_no_record_says_how_to_make_one(tmp_path):
    RecordStore(tmp_path).write("quick", {"study": "double-descent"})
    with pytest.raises(UsageError, match=r"no finished run of 'duble-descent'.*Did you mean 'double-descent'"):
        RecordStore(tmp_path).latest("duble-descent")
    with pytest.raises(UsageError, match=r"in profile 'laptop'.*stored runs: quick.*--profile laptop"):
        RecordStore(tmp_path).latest("double-descent", "laptop")


def test_a_damaged_record_says_that_cells_are_kept(tmp_path):
    path = RecordStore(tmp_path).write("quick", {"study": "toy"})
    path.write_text("{")
    with pytest.raises(StoreError, match="its cells are kept"):
        RecordStore(tmp_path).latest("toy")
