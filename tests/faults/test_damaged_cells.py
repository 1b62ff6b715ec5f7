"""A damaged cell is named and left out, the others count, and the next run computes it again."""

import json
import shutil

import pytest

import overparam
from overparam.cli import entry
from overparam.core.errors import DamageWarning, StoreError
from overparam.store import CellStore, pack, packs
from overparam.sweep.run import execute, make_plan
from tests.faults.damage import CELLS, TEXTS, THINGS, put, tree
from tests.toy_study import STUDY as TOY

ALL = {**TEXTS, **THINGS, **CELLS}
MISFITS = ("its error", "its train_error", "no seed")  # of this study, which `pack` does not ask
MORE = {"seeds": 12}


def call(*arguments):
    return entry._main([str(one) for one in arguments])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A results folder in which a run of many cells has ended."""
    out = tmp_path_factory.mktemp("whole")
    execute(make_plan(TOY, out=out, overrides=MORE), on="inline")
    return out


def values(out):
    store = CellStore(out, "toy")
    cells, damaged = store.readable(sorted(store.names()))
    assert damaged == []
    return {name: cell.values for name, cell in cells.items()}


def damaged(out):
    """Damage one cell in each way; return the names with what is said."""
    paths = sorted((out / "toy" / "cells").glob("*.json"))
    assert len(paths) > len(ALL)
    found = {}
    for path, (damage, said) in zip(paths, ALL.values(), strict=False):
        damage(path)
        found[path.stem] = said
    return found


def told(text, names):
    """Whether a text names each file and says why; lines are broken anywhere by the terminal."""
    flat = "".join(text.split())
    lost = []
    for name, said in names.items():
        place = flat.find(f"{name}.json:")
        if place < 0 or "".join(said.split()) not in flat[place : place + 600]:
            lost.append((name, said, flat[place : place + 300]))
    return lost


def test_every_damaged_cell_is_named_and_the_others_count(out, whole, tmp_path, capsys):
    names = damaged(out)
    left, total = len(values(whole)) - len(names), len(values(whole))
    before = tree(tmp_path, [out])
    assert call("doctor", out) == 1
    assert told(capsys.readouterr().err, names) == []
    assert call("show", "toy", "--out", out) == 0
    assert call("ls", "--stored", "--out", out) == 0
    assert str(left) in capsys.readouterr().out
    assert call("query", "SELECT count(*) AS n FROM toy", "--csv", "--out", out) == 1
    said = capsys.readouterr()
    assert said.out == f"n\n{left}\n"
    assert f"{len(names)} of {total} cells cannot be read" in " ".join(said.err.split())
    assert min(names) in "".join(said.err.split())
    with pytest.warns(DamageWarning, match=f"{len(names)} of {total} cells cannot be read"):
        assert len(overparam.load("toy", out=out).table()) == left
    assert call("gc", "--yes", "--out", out) == 0
    assert call("merge", out, "--out", tmp_path / "merged") == 1
    assert len(values(tmp_path / "merged")) == left
    shutil.rmtree(tmp_path / "merged")
    assert call("pack", "--out", out) == 0
    assert CellStore(out, "toy").loose() == {k for k, said in names.items() if not said.startswith(MISFITS)}
    assert tree(tmp_path, [out]) == before


def test_the_next_run_sets_damaged_cells_aside_and_gives_what_it_would_have_given(out, whole, tmp_path):
    names = damaged(out)
    before = tree(tmp_path, [out])
    again = make_plan(TOY, out=out, overrides=MORE)
    assert set(again.damaged) == set(names)
    record = execute(again, on="inline")
    assert record["cells"]["computed"] == len(names)
    assert values(out) == values(whole)
    assert len(list((out / "toy" / "cells").glob("*.damaged"))) == len(names)
    assert tree(tmp_path, [out]) == before


def test_doctor_sets_aside_and_two_damaged_versions_are_both_kept(out, whole, tmp_path, capsys):
    names = damaged(out)
    assert call("doctor", out, "--fix") == 0
    assert len(values(out)) == len(values(whole)) - len(names)
    execute(make_plan(TOY, out=out, overrides=MORE), on="inline")
    assert values(out) == values(whole)
    name = next(iter(names))
    for number, text in enumerate(("second", "third")):
        path = out / "toy" / "cells" / f"{name}.json"
        path.write_text(text)
        assert call("doctor", out, "--fix") == 0
        assert path.with_name(f"{name}.{number + 2}.damaged").read_text() == text
    assert len(path.with_name(f"{name}.damaged").read_bytes()) == 60
    capsys.readouterr()
    assert call("doctor", "--fix") == 2
    assert "expected a results folder to set right" in " ".join(capsys.readouterr().err.split())


def test_a_damaged_row_of_a_pack_is_one_damaged_cell(out, whole, capsys):
    ways = {k: v for k, v in ALL.items() if k not in THINGS and k not in ("latin", "utf-16")}
    store = CellStore(out, "toy")
    paths = sorted(store.folder.glob("*.json"))
    names = {}
    for path, (damage, _) in zip(paths, ways.values(), strict=False):
        damage(path)
        names[path.stem] = f"The row is {path.stem}"
    packs.write_pack(store.packed, ((p.stem, p.read_text(encoding="utf-8")) for p in paths))
    shutil.rmtree(store.folder)
    assert call("doctor", out) == 1
    flat = "".join(capsys.readouterr().err.split())
    assert [name for name in names if f"Therowis{name}." not in flat] == []
    assert call("query", "SELECT count(*) AS n FROM toy", "--csv", "--out", out) == 1
    assert capsys.readouterr().out == f"n\n{len(paths) - len(names)}\n"
    again = make_plan(TOY, out=out, overrides=MORE)
    assert set(again.damaged) == set(names)
    copy = shutil.copytree(out, out.with_name("copy"))
    execute(again, on="inline")
    assert values(out) == values(whole)
    assert call("doctor", copy, "--fix") == 0
    assert len(list((copy / "toy" / "cells").glob("*.damaged"))) == len(names)
    execute(make_plan(TOY, out=copy, overrides=MORE), on="inline")
    assert values(copy) == values(whole)


def test_a_result_that_could_not_be_read_again_is_the_failure_of_its_cell(tmp_path):
    from dataclasses import replace

    from overparam.core import Outcome

    def work(cells, progress):
        odd = {
            8: {"error": "high"},
            16: {"train_error": {"a": 1}},
            32: {"error": 10**400},
        }
        return [Outcome({"error": 1.0, **odd[cell["width"]]}) for cell in cells]

    record = execute(
        make_plan(replace(TOY, work=work, file=""), out=tmp_path, overrides={"seeds": 1, "noise": [0.0]}),
        on="inline",
    )
    said = sorted(one["error"] for one in record["failures"])
    assert len(said) == 3
    assert all("expected results of the work of 'toy' that can be stored" in one for one in said)
    assert any("its error is 'high'" in one for one in said)
    assert CellStore(tmp_path, "toy").names() == set()


@pytest.mark.parametrize("there", ["nowhere", "folder", "pipe", "circle"])
def test_a_place_that_is_taken_by_no_file_is_set_free(tmp_path, there):
    store = CellStore(tmp_path, "toy")
    document = {"params": {"width": 3}, "values": {"loss": 0.5}, "status": "ok"}
    path = store.write("a--1", document)
    before = path.read_bytes()
    THINGS[there][0](path)
    store.write("a--1", document)
    assert path.read_bytes() == before
    assert path.with_suffix(".damaged").is_symlink() or not path.with_suffix(".damaged").is_file()


def test_a_copy_with_parameters_of_another_cell_does_not_count(out):
    """Sealed again by another program, with the parameters of a neighbour: the key does not fit."""
    store = CellStore(out, "toy")
    one, two = sorted(store.folder.glob("*seed=0--*.json"))[:2]
    document = json.loads(two.read_text())
    put(one, {**document, "cell": one.stem})
    with pytest.raises(StoreError, match=r"its (width|noise) is .*, its name says otherwise"):
        store.read(one.stem)
    assert pack.pack(store).left == (one.stem,)
