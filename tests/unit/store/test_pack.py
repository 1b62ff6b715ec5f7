import contextlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from overparam.core import disk
from overparam.core.errors import NewerError, StoreError
from overparam.core.shapes import is_safe
from overparam.store import CellStore, pack, packs


def document(value=0.5, **changed):
    base = {"study": "toy", "cell_version": 1, "params": {"width": 3}, "values": {"loss": value}}
    return {**base, "status": "ok", "seconds": 0.25, **changed}


def filled(folder, count=5, study="toy"):
    store = CellStore(Path(folder), study)
    for i in range(count):
        store.write(f"width={i}--{i:016x}", document(i / 7, params={"width": i}))
    return store


def everything(store):
    return dict(store.texts(sorted(store.names())))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), min_size=1, max_size=9)
NAMES = st.text("abcXYZ0189=.,_+-é", min_size=1, max_size=12).filter(is_safe)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES, st.dictionaries(KEYS, VALUES, max_size=4), max_size=6), st.booleans())
@example({"0": {"\ud800": None}}, True)
def test_packing_and_unpacking_give_back_every_byte(cells, ascii_only):
    with tempfile.TemporaryDirectory() as folder:
        store = CellStore(Path(folder), "toy")
        store.folder.mkdir(parents=True)
        for name, values in cells.items():
            text = json.dumps({"schema": 1, **document(values=values)}, ensure_ascii=ascii_only, indent=1)
            with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate has no bytes
                store.path(name).write_bytes(text.encode())
        before, read = everything(store), store.readable(sorted(store.names()))
        odd = tuple(read[1])  # half of a surrogate pair, written as an escape, is damage
        done = pack.pack(store)
        assert (done.cells, done.left) == (len(before) - len(odd), odd)
        assert sorted(store.loose()) == sorted(odd)
        assert everything(store) == before
        assert store.readable(sorted(store.names())) == read
        assert all(store.read(name) == cell for name, cell in read[0].items())
        back = pack.unpack(store)
        assert back.cells == len(before) - len(odd)
        assert {p.name[:-5]: p.read_bytes() for p in store.folder.iterdir()} == before
        assert not list(store.packed.glob("*"))


def test_a_packed_store_is_the_same_store(tmp_path):
    store = filled(tmp_path)
    names, cells, heads = store.names(), store.readable(sorted(store.names())), store.heads()
    pack.pack(store)
    assert not list(store.folder.iterdir())
    assert store.names() == names
    assert store.readable(sorted(names)) == cells
    assert store.heads() == heads
    assert store.heads(["width=3--0000000000000003", "absent"])[0].keys() == {"width=3--0000000000000003"}
    assert heads[0]["width=3--0000000000000003"].params == {"width": 3}
    assert store.read("absent") is None
    assert store.where("width=3--0000000000000003").parent == store.packed
    assert pack.pack(store).cells == 0
    assert len(list(store.packed.iterdir())) == 1


def test_loose_and_packed_cells_are_one_and_a_file_wins(tmp_path):
    store = filled(tmp_path)
    pack.pack(store)
    store.write("width=1--0000000000000001", document(99.0))
    store.write("width=9--0000000000000009", document(9.0))
    assert len(store.names()) == 6
    assert store.read("width=1--0000000000000001").values == {"loss": 99.0}
    cells, damaged = store.readable(["width=9--0000000000000009", "width=1--0000000000000001"])
    assert [c.values["loss"] for c in cells.values()] == [9.0, 99.0]
    assert not damaged
    pack.pack(store)
    assert len(list(store.packed.iterdir())) == 1  # a replaced cell makes one pack of all
    assert store.read("width=1--0000000000000001").values == {"loss": 99.0}
    assert len(store.names()) == 6


def test_many_small_packs_become_one(tmp_path):
    store = CellStore(tmp_path, "toy")
    counts = []
    for i in range(pack.MOST + 2):
        store.write(f"c--{i}", document(float(i)))
        pack.pack(store)
        counts.append(len(list(store.packed.iterdir())))
    assert counts == [*range(1, pack.MOST + 1), 1, 2]
    assert {n: c.values["loss"] for n, c in store.readable(store.names())[0].items()} == {
        f"c--{i}": float(i) for i in range(pack.MOST + 2)
    }


def test_a_newer_pack_wins_over_an_older_one(tmp_path):
    store = CellStore(tmp_path, "toy")
    for value in (1.0, 2.0):
        text = json.dumps({"schema": 1, **document(value)})
        packs.write_pack(store.packed, [("a--1", text)])
    assert store.read("a--1").values == {"loss": 2.0}
    assert store.readable(["a--1"])[0]["a--1"].values == {"loss": 2.0}


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', '{"schema": 99}', b"\xff\xfe", "[1]"])
def test_what_cannot_be_read_stays_a_file(tmp_path, text):
    store = filled(tmp_path, 2)
    store.path("bad--9").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = pack.pack(store)
    assert (done.cells, done.left) == (2, ("bad--9",))
    assert store.path("bad--9").exists()


class Crash(Exception):
    pass


def _crash(*_, **__):
    raise Crash


@pytest.mark.parametrize("point", ["write_table", "read back", "name", "first removal", "third removal"])
def test_an_interruption_of_packing_loses_nothing(tmp_path, monkeypatch, point):
    import pyarrow.parquet as pq

    store = filled(tmp_path)
    before = everything(store)
    with monkeypatch.context() as patch:
        if point == "write_table":
            patch.setattr(pq.ParquetWriter, "write_table", _crash)
        elif point == "read back":
            patch.setattr(packs, "texts", _crash)
        elif point == "name":
            patch.setattr(disk, "replace", _crash)
        else:
            real, calls = pack._remove, []

            def remove(*given):
                calls.append(given)
                return real(*given) if point == "third removal" and len(calls) < 3 else _crash()

            patch.setattr(pack, "_remove", remove)
        with pytest.raises(Crash):
            pack.pack(store)
    assert everything(store) == before
    assert not list(tmp_path.rglob("*.tmp"))
    pack.pack(store)
    assert everything(store) == before
    assert not store.loose()
    assert len(list(store.packed.iterdir())) == 1


@pytest.mark.parametrize("point", ["write", "drop"])
def test_an_interruption_of_unpacking_loses_nothing(tmp_path, monkeypatch, point):
    store = filled(tmp_path)
    before = everything(store)
    pack.pack(store)
    with monkeypatch.context() as patch:
        if point == "write":
            real, calls = disk.create, []

            def write(*given, **named):
                calls.append(given)
                return real(*given, **named) if len(calls) < 3 else _crash()

            patch.setattr(disk, "create", write)
        else:
            patch.setattr(pack, "_drop", _crash)
        with pytest.raises(Crash):
            pack.unpack(store)
    assert everything(store) == before
    pack.unpack(store)
    assert everything(store) == before
    assert len(store.loose()) == 5


def test_a_cell_that_is_computed_while_it_is_packed_stays(tmp_path, monkeypatch):
    store = filled(tmp_path, 2)
    name = sorted(store.names())[0]
    real = packs.write_pack

    def write(*given):
        made = real(*given)
        store.set_aside(name)
        store.write(name, document(42.0))
        return made

    monkeypatch.setattr(packs, "write_pack", write)
    pack.pack(store)
    assert store.loose() == {name}
    assert store.read(name).values == {"loss": 42.0}


def test_what_is_read_back_wrong_keeps_the_files(tmp_path, monkeypatch):
    store = filled(tmp_path)
    monkeypatch.setattr(packs, "texts", lambda pack: iter([[("other", "{}")]]))
    with pytest.raises(StoreError, match=r"expected to read back the 5 cells.*nothing was removed"):
        pack.pack(store)
    assert len(store.loose()) == 5
    assert not list(store.packed.iterdir())


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "text", "other"])
def test_a_damaged_pack_is_named_with_what_to_do(tmp_path, fault):
    store = filled(tmp_path, 40)
    path = pack.pack(store).path
    whole = path.read_bytes()
    if fault == "other":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"x": [1]}), path)
    else:
        middle = len(whole) // 2
        flipped = whole[: middle // 2] + bytes([whole[middle // 2] ^ 255]) + whole[middle // 2 + 1 :]
        path.write_bytes({"cut": whole[:middle], "flipped": flipped, "empty": b"", "text": b"{}" * 99}[fault])
    with pytest.raises(
        StoreError, match=rf"{path.name}: expected a pack of cells, got a damaged file.*move it out"
    ):
        store.readable(store.names())
    path.rename(tmp_path / path.name)
    assert store.names() == set()
    path.write_bytes(whole)
    assert len(store.readable(store.names())[0]) == 40


def test_a_pack_of_the_future_and_one_that_leaves_its_folder_are_refused(tmp_path, monkeypatch):
    store = CellStore(tmp_path, "toy")
    text = json.dumps({"schema": 1, **document()})
    monkeypatch.setattr(packs, "FORMAT", 9)
    path, _ = packs.write_pack(store.packed, [("a--1", text)])
    monkeypatch.setattr(packs, "FORMAT", 1)
    with pytest.raises(NewerError, match=r"expected a pack of format 1, got 9.*upgrade"):
        store.names()
    path.unlink()
    packs.write_pack(store.packed, [("../../evil", text)])
    with pytest.raises(StoreError, match=r"expected names of cells, got '../../evil'"):
        pack.unpack(store)
    assert not (tmp_path / "evil.json").exists()


def test_a_packed_cell_can_be_set_aside_and_computed_again(tmp_path):
    store = filled(tmp_path, 2)
    name = sorted(store.names())[0]
    text = store.path(name).read_text()
    pack.pack(store)
    store.set_aside(name)
    assert store.path(name).with_suffix(".damaged").read_text() == text
    store.write(name, document(7.0))
    assert store.read(name).values == {"loss": 7.0}
    store.set_aside("absent")  # as after another run was first
    assert len(list(store.folder.glob("*.damaged"))) == 1


def test_packs_that_are_replaced_while_they_are_read_are_looked_for_again(tmp_path, monkeypatch):
    store = filled(tmp_path)
    pack.pack(store)
    real, gone = CellStore.index, [True]

    def index(self):
        found = real(self)
        if gone.pop() if gone else False:
            pack.repack(self, without=["width=0--0000000000000000"])
        return found

    monkeypatch.setattr(CellStore, "index", index)
    assert len(store.readable(sorted(f"width={i}--{i:016x}" for i in range(5)))[0]) == 4


def test_listing_packed_names_reads_no_document(tmp_path, monkeypatch):
    store = filled(tmp_path)
    pack.pack(store)
    monkeypatch.setattr(packs, "texts", _crash)
    monkeypatch.setattr(packs, "text", _crash)
    assert len(store.names()) == 5
    assert {head.status for head in store.heads()[0].values()} == {"ok"}


def test_the_old_pack_goes_only_after_the_new_one_is_whole(tmp_path, monkeypatch):
    store = filled(tmp_path)
    pack.pack(store)
    before = everything(store)
    monkeypatch.setattr(disk, "replace", _crash)
    with pytest.raises(Crash):
        pack.repack(store, without=["width=0--0000000000000000"])
    assert everything(store) == before
    assert os.listdir(store.packed) == [p.path.name for p in packs.packs(store.packed)]
