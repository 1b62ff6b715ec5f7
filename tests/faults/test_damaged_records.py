"""A damaged record, pack, failure or register entry is named; a link leads nowhere out of the store; nothing is lost."""

import json
import os

import pytest

import overparam
from overparam.cli import entry
from overparam.core.errors import DamageWarning, StoreError, UsageError
from overparam.store import CellStore, RecordStore, pack
from overparam.store.garbage import find_garbage
from overparam.sweep.run import execute, make_plan
from tests.faults.damage import DROP, HUGE, TEXTS, THINGS, of, sets, tree
from tests.toy_study import STUDY as TOY


def moved(**names):
    """Say that a record is of another run or study."""

    def change(path):
        path.write_text(json.dumps({**of(path), **names}))

    return change


VERDICT, CHART, SERIES = ("verdicts", 0), ("charts", 0), ("charts", 0, "series", 0)
RECORDS = {
    **{name: way for name, way in TEXTS.items() if name not in ("edited", "latin", "zero")},
    **THINGS,
    "run outside": (moved(run="../../outside/x"), "run: expected a name of letters"),
    "study outside": (moved(study="/tmp/outside"), "study: expected a name of letters"),
    "study of another": (moved(study="other"), "it holds the run 'quick' of 'other'"),
    "another run": (moved(run="laptop"), "it holds the run 'laptop' of 'toy'"),
    "no title": (sets("title", to=DROP), "it has no 'title'"),
    "title number": (sets("title", to=3), "title: expected a text, got 3"),
    "no status": (sets(*VERDICT, "status", to=DROP), "verdicts[0]: it has no 'status'"),
    "a strange status": (sets(*VERDICT, "status", to="proved"), "verdicts[0].status: expected one of"),
    "effect text": (sets(*VERDICT, "effect", to="8"), "verdicts[0].effect: expected a number or null, got '8'"),
    "effect huge": (sets(*VERDICT, "effect", to=HUGE), "a huge whole number"),
    "interval reversed": (sets(*VERDICT, "low", to=99.0), "a lower end below the upper one, got low 99"),
    "part reversed": (sets(*VERDICT, "parts", 0, "high", to=-99.0), "verdicts[0].parts[0]: expected a lower end"),
    "claim without study": (sets(*VERDICT, "claim", to="rise"), "verdicts[0].claim: expected the name of a study"),
    "level": (sets(*VERDICT, "level", to=97), "verdicts[0].level: expected a number from 0.5"),
    "parts null": (sets(*VERDICT, "parts", to=None), "verdicts[0].parts: expected a list, got null"),
    "control list": (sets(*VERDICT, "control", to=[]), "verdicts[0].control: expected an object"),
    "verdicts text": (sets("verdicts", to="all supported"), "verdicts: expected a list"),
    "points of text": (sets(*SERIES, "mean", 0, to="1"), "charts[0].series[0].mean[0]: expected a number or null"),
    "fewer points": (sets(*SERIES, "low", to=[1.0]), "charts[0].series[0].low: expected 3 values as in mean, got 1"),
    "no places": (sets(*SERIES, "x", to={}), "charts[0].series[0].x.width: expected 3 values"),
    "count text": (sets(*SERIES, "n", 0, to="3"), "series[0].n[0]: expected a whole number"),
    "no axis": (sets(*CHART, "x", to=[]), "charts[0].x: expected a list of at least 1"),
    "a spec for a chart": (sets(*CHART, to={"mark": "line"}), "charts[0]: it has no 'name'"),
    "cells text": (sets("cells", "ok", to="18"), "cells.ok: expected a whole number"),
    "seconds": (sets("seconds", to=-1.0), "seconds: expected a number from 0"),
    "names outside": (sets("cell_names", 0, to="../../../x"), "cell_names[0]: expected a name of letters"),
    "environment": (sets("environment", "versions", to=[1]), "environment.versions: expected an object"),
    "a source": (sets("sources", 0, to="paper"), "sources[0]: expected an object, got 'paper'"),
    "a parameter": (sets("parameters", 0, "values", to={}), "parameters[0].values: expected a list"),
}  # fmt: skip


def call(*arguments):
    return entry._main([str(one) for one in arguments])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    execute(make_plan(TOY, out=out), on="inline")
    return out


def flat(text):
    return "".join(text.split())


@pytest.mark.parametrize("way", RECORDS)
def test_a_damaged_record_is_named_by_all_that_read_it(out, tmp_path, capsys, way):
    damage, said = RECORDS[way]
    path = out / "toy" / "quick.json"
    damage(path)
    before = tree(tmp_path)
    for command in (("show", "toy"), ("report", "toy"), ("show", "toy", "--json")):
        assert call(*command, "--out", out) == 1
        told = flat(capsys.readouterr().err)
        assert "quick.json:expectedarunrecord,gotadamagedfile" in told
        assert flat(said) in told
    with pytest.raises(StoreError, match="quick.json: expected a run record"):
        overparam.load("toy", out=out)
    assert call("gallery", "--out", out) in (1, 2)
    assert call("doctor", out) == 1
    assert flat(said) in flat(capsys.readouterr().err)
    assert tree(tmp_path) == before
    assert call("doctor", out, "--fix") == 0
    assert not os.path.lexists(path)
    assert os.path.lexists(path.with_name("quick.damaged"))
    assert call("show", "toy", "--out", out) == 2  # there is none: the text says how to make one
    assert len(CellStore(out, "toy").names()) == 18


def test_an_older_record_is_given_only_with_a_word_of_what_could_be_newer(out, capsys):
    store = RecordStore(out)
    store.write("laptop", {**store.latest("toy"), "title": "newer"})
    with store.path("toy", "laptop").open("w") as file:
        file.write("{")
    assert call("show", "toy", "--out", out) == 1
    said = capsys.readouterr()
    assert "A toy study" in said.out
    assert "laptop.json:expectedarunrecord,gotadamagedfile" in flat(said.err)
    assert "Anolderrunisgiven" in flat(said.err)
    with pytest.warns(DamageWarning, match="laptop.json"):
        assert overparam.gallery(out).read_text().count('class="card"') == 1
    assert "toy/laptop.json" in (out / "gallery.html").read_text()


def test_rules_that_have_changed_are_not_judged_on_fewer_cells_in_silence(out, monkeypatch):
    from dataclasses import replace

    claim = replace(TOY.claims[0], history=("another",))
    monkeypatch.setattr("overparam.core.registry.get", lambda name: replace(TOY, claims=(claim,)))
    cell = sorted((out / "toy" / "cells").glob("*.json"))[3]
    cell.write_text("{")
    with pytest.raises(
        StoreError, match=rf"expected the 18 cells of this run.*got 17.*{cell.stem}.*overparam run"
    ):
        overparam.load("toy", out=out)
    assert RecordStore(out).latest("toy")["verdicts"][0]["rule_version"] == 1


def wrong_pack(what):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def change(path):
        table = pq.read_table(path)
        meta = {b"overparam.pack": b"1"}
        if what == "columns":
            table = table.rename_columns(["a", *table.column_names[1:]])
        if what == "types":
            table = table.set_column(2, "seconds", pa.array(["1"] * len(table)))
        if what == "null":
            table = table.set_column(
                5, "text", pa.array([None, *table.column("text").to_pylist()[1:]], pa.string())
            )
        if what == "names":
            names = ["../../outside/x", *table.column("name").to_pylist()[1:]]
            table = table.set_column(0, "name", pa.array(names))
        if what == "twice":
            table = pa.concat_tables([table, table.slice(0, 1)])
        if what == "parts":
            pq.write_table(table.replace_schema_metadata(meta), path, row_group_size=5)
        else:
            pq.write_table(table.replace_schema_metadata(meta), path)

    return change


PACKS = {
    **{name: (THINGS[name][0], "") for name in ("folder", "pipe", "device", "nowhere", "circle", "elsewhere")},
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:900]), "got a damaged file"),
    "empty": (lambda p: p.write_bytes(b""), "got a damaged file"),
    **{name: (wrong_pack(name), said) for name, said in (
        ("columns", "its columns are not those of a pack"), ("types", "its columns are not those of a pack"),
        ("null", "lacks a name or a text"), ("names", "expected names of cells, got '../../outside/x'"),
        ("twice", "expected every cell once"), ("parts", "has other than 1024 rows"),
    )},
}  # fmt: skip


@pytest.mark.parametrize("way", PACKS)
def test_a_damaged_pack_is_named_and_can_be_set_aside(out, whole, tmp_path, capsys, way):
    damage, said = PACKS[way]
    path = pack.pack(CellStore(out, "toy")).path
    damage(path)
    before = tree(tmp_path)
    for command in (("query", "SELECT count(*) FROM toy"), ("gc",), ("pack",), ("ls", "--stored", "toy")):
        code = call(*command, "--out", out)
        told = flat(capsys.readouterr().err)
        assert code == 1 or way == "null"  # a lost text shows where texts are read
        assert path.name in told or code == 0
    assert call("doctor", out) == 1
    told = flat(capsys.readouterr().err)
    assert path.name in told
    assert flat(said) in told
    assert tree(tmp_path) == before
    assert call("doctor", out, "--fix") == 0
    assert os.path.lexists(path.with_suffix(".damaged"))
    execute(make_plan(TOY, out=out), on="inline")
    assert call("query", "SELECT count(*) FROM toy", "--csv", "--out", out) == 0
    assert capsys.readouterr().out.endswith("\n18\n")


@pytest.mark.parametrize("folder", ["failed", "register"])
@pytest.mark.parametrize("way", ["cut", "deep", "list", "schema true", "pipe", "nowhere", "folder", "2 GB"])
def test_damaged_failures_and_register_entries_are_named(out, tmp_path, capsys, folder, way):
    CellStore(out, "toy").write_failure(
        "never--1", {"study": "toy", "params": {}, "error": "x", "traceback": "y"}
    )
    (path,) = sorted((out / "toy" / folder).glob("*.json"))
    {**TEXTS, **THINGS}[way][0](path)
    assert call("doctor", out) == 1
    assert f"{path.name}:expecteda" in flat(capsys.readouterr().err)
    code = call("merge", out, "--out", tmp_path / "merged")
    assert (code, "damaged" in capsys.readouterr().out) == (1, True)
    assert call("doctor", tmp_path / "merged") == 0
    assert call("doctor", out, "--fix") == 0
    assert os.path.lexists(path.with_name(f"{path.stem}.damaged"))
    assert find_garbage(CellStore(out, "toy"), 1).count("damaged") == (way != "folder")


def test_an_entry_of_the_register_that_was_edited_is_noticed(out):
    (path,) = (out / "toy" / "register").glob("*.json")
    path.write_text(path.read_text().replace("toy.rise", "toy.fall"))
    with pytest.warns(DamageWarning, match="it was changed after it was written, or is a copy"):
        execute(make_plan(TOY, out=out), on="inline")


@pytest.mark.parametrize("part", ["", "cells", "failed", "packs", "register", "locks"])
def test_nothing_is_written_through_a_link_out_of_the_store(out, tmp_path, capsys, part):
    folder = out / "toy" / part
    there = tmp_path / "outside" / "there"
    if folder.exists():
        folder.rename(there)
    else:
        there.mkdir()
    folder.symlink_to(there)
    (there / "x.damaged").write_text("x")
    before = tree(tmp_path / "outside")
    more = make_plan(TOY, out=out, overrides={"seeds": 4})
    needs = part not in ("packs",)
    if needs:
        with pytest.raises(StoreError, match=r"got a link that leads to .*there\. Nothing is written there"):
            execute(more, on="inline")
    if part == "":
        assert call("report", "toy", "--out", out) == 1
    if part != "locks":
        assert call("gc", "--yes", "--out", out) == 1
        assert call("doctor", out, "--fix") == 1
        assert "alinkthatleadsto" in flat(capsys.readouterr().err)
    if part == "packs":
        assert call("pack", "--out", out) == 1
    assert tree(tmp_path / "outside") == before


def test_names_of_runs_and_studies_cannot_leave_the_store(out, tmp_path):
    store = RecordStore(out)
    record = store.latest("toy")
    for run, study in (
        ("../x", "toy"),
        ("x", "../toy"),
        ("/tmp/x", "toy"),
        (".x", "toy"),
        ("x", "nul"),
        ("", "toy"),
    ):
        with pytest.raises(UsageError, match="that can be a file's name"):
            store.write(run, {**record, "study": study})
    with pytest.raises(UsageError, match="no finished run of '../store/toy'"):
        store.latest("../store/toy")
    with pytest.raises(StoreError, match="its name: expected a name of letters"):
        CellStore(out, "toy").write("../../x", {"params": {}, "values": {}, "status": "ok"})
