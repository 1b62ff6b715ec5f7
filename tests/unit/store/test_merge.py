import json

import pytest

from overparam.core.errors import StoreError
from overparam.store import CellStore, pack
from overparam.store.cells import parse
from overparam.store.merge import compare, merge


def document(values, **changed):
    base = {"study": "toy", "cell_version": 1, "params": {"width": 3}, "values": values}
    return {**base, "status": "ok", "seconds": 0.25, **changed}


def stores(tmp_path):
    return CellStore(tmp_path / "ours", "toy"), CellStore(tmp_path / "theirs", "toy")


def cell(values, status="ok"):
    text = json.dumps({"schema": 1, **document(values, status=status)})
    return parse("a--1", text, None)


@pytest.mark.parametrize("packed", ["", "ours", "theirs", "both"])
def test_missing_cells_are_copied_byte_for_byte_and_ours_are_kept(tmp_path, packed):
    ours, theirs = stores(tmp_path)
    for i in range(4):
        ours.write(f"c--{i}", document({"loss": float(i)}, host="here"))
    for i in range(2, 7):
        theirs.write(f"c--{i}", document({"loss": float(i) + (1 if i == 3 else 0)}, host="there"))
    kept, other = dict(ours.texts(ours.names())), dict(theirs.texts(theirs.names()))
    if packed in ("ours", "both"):
        pack.pack(ours)
    if packed in ("theirs", "both"):
        pack.pack(theirs)
    done = merge(ours, theirs)
    assert (done.copied, done.same, done.refused) == (3, 1, ())
    (clash,) = done.conflicts
    assert (clash.name, clash.what, clash.here, clash.there, clash.others) == ("c--3", "loss", 3.0, 4.0, 0)
    assert dict(ours.texts(ours.names())) == {**other, **kept}
    assert dict(theirs.texts(theirs.names())) == other
    again = merge(ours, theirs)
    assert (again.copied, again.same, len(again.conflicts)) == (0, 4, 1)


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        ({"x": 1.0}, {"x": 1.0 + 9e-6}, True),
        ({"x": 1.0}, {"x": 1.0 + 2e-5}, False),
        ({"x": 0.0}, {"x": 9e-9}, True),
        ({"x": 0.0}, {"x": 2e-8}, False),
        ({"x": 3}, {"x": 3.0}, True),
        ({"x": None}, {"x": None}, True),
        ({"x": None}, {"x": 0.0}, False),
        ({"x": True}, {"x": 1}, False),
        ({"x": [1.0, 2.0, None]}, {"x": [1.0, 2.00001, None]}, True),
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.1]}, False),
        ({"x": [1.0]}, {"x": [1.0, 2.0]}, False),
        ({"x": {"y": [1.0]}}, {"x": {"y": [1.000001]}}, True),
        ({"x": "a"}, {"x": "b"}, False),
        ({"x": 1.0}, {}, False),
        ({}, {}, True),
    ],
)
def test_the_same_up_to_rounding(here, there, same):
    assert (compare(cell(here), cell(there)) is None) is same
    assert (compare(cell(there), cell(here)) is None) is same


def test_a_conflict_tells_the_largest_difference_and_a_curve_its_first_point():
    clash = compare(
        cell({"a": 1.0, "b": [1.0, 5.0, 7.0], "c": 2.0}), cell({"a": 1.1, "b": [1.0, 9.0, 7.0], "c": 2.0})
    )
    assert (clash.what, clash.here, clash.there, clash.others) == ("b", 5.0, 9.0, 1)
    assert compare(cell({"a": 1.0}), cell({"a": 1.0}, "diverged")).what == "status"
    assert compare(cell({"a": 1.0}), cell({"a": 1.01}), relative=0.1) is None


def test_what_is_damaged_foreign_or_newer_is_not_copied(tmp_path):
    ours, theirs = stores(tmp_path)
    theirs.write("good--1", document({"loss": 1.0}))
    theirs.path("bad--2").write_text("{")
    theirs.path("new--3").write_text(json.dumps({"schema": 99}))
    theirs.path("other--4").write_text(json.dumps({"schema": 1, **document({}, study="another")}))
    theirs.path("odd--5").write_text(json.dumps({"schema": 1, **document([1])}))
    (theirs.folder / "note.txt").write_text("x")
    done = merge(ours, theirs)
    assert done.copied == 1
    assert ours.names() == {"good--1"}
    assert dict(done.refused) == {
        "bad--2": "damaged",
        "new--3": "written by a newer overparam",
        "other--4": "a cell of 'another'",
        "odd--5": "damaged",
    }


def test_a_cell_that_is_damaged_here_is_set_aside_and_copied(tmp_path):
    ours, theirs = stores(tmp_path)
    ours.write("a--1", document({"loss": 1.0}))
    ours.path("a--1").write_text("{")
    theirs.write("a--1", document({"loss": 2.0}))
    assert merge(ours, theirs).copied == 1
    assert ours.read("a--1").values == {"loss": 2.0}
    assert (ours.folder / "a--1.damaged").read_text() == "{"


def test_a_newer_cell_here_is_kept(tmp_path):
    ours, theirs = stores(tmp_path)
    theirs.write("a--1", document({"loss": 2.0}))
    ours.write("a--1", document({}))
    newer = json.dumps({"schema": 99})
    ours.path("a--1").write_text(newer)
    assert merge(ours, theirs).refused == (("a--1", "the cell here was written by a newer overparam"),)
    assert ours.path("a--1").read_text() == newer


def test_failures_of_unfinished_cells_come_along_and_records_do_not(tmp_path):
    ours, theirs = stores(tmp_path)
    ours.write("done--1", document({}))
    for name in ("done--1", "open--2"):
        theirs.write_failure(name, {"error": "x"})
    (theirs.out / "toy" / "quick.json").write_text("{}")
    done = merge(ours, theirs)
    assert (done.failures, done.records) == (1, ("quick",))
    assert [p.name for p in ours.failures.iterdir()] == ["open--2.json"]
    assert not (ours.out / "toy" / "quick.json").exists()


def test_an_interrupted_merge_goes_on(tmp_path, monkeypatch):
    import overparam.store.merge as module

    ours, theirs = stores(tmp_path)
    for i in range(5):
        theirs.write(f"c--{i}", document({"loss": float(i)}))
    real, calls = module.write_bytes, []

    def write(*given):
        calls.append(given)
        if len(calls) == 3:
            raise StoreError("full")
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_bytes", write)
        with pytest.raises(StoreError):
            merge(ours, theirs)
    assert len(ours.readable(ours.names())[0]) == 2
    assert merge(ours, theirs).copied == 3
    assert dict(ours.texts(ours.names())) == dict(theirs.texts(theirs.names()))
