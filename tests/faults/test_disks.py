"""A full disk, a read-only disk, damaged files: a clear error, nothing lost, and a way on."""

import json
import shutil
import subprocess
import sys

import pytest

from overparam.cli import entry
from overparam.cli.doctor import examine_store
from overparam.core.errors import StoreError, UsageError
from overparam.store import CellStore
from overparam.sweep.run import execute, make_plan
from tests.faults.conftest import STUDY, cells, values


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, and a function that mounts it again with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        return subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode

    if sys.platform != "linux" or shutil.which("mount") is None or mount("size=64k") != 0:
        pytest.skip("a file system can only be mounted by root on Linux")
    yield folder, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", str(folder)], check=True)


def plan(out, workers=2):
    return make_plan(STUDY, out=out, workers=workers)


def test_a_full_disk_stops_the_run_and_space_lets_it_go_on(disk, truth):
    folder, remount = disk
    with pytest.raises(
        StoreError, match=r"expected to write .* got: No space left on device\. Free some space"
    ):
        execute(plan(folder, workers=1), on="processes")  # another would be ended in the midst of its writing
    before = cells(folder)
    assert 0 < len(before) < 24
    assert not list((folder / "faults" / "cells").glob(".*"))
    assert remount("size=4m") == 0
    execute(plan(folder), on="inline")
    assert {name: text for name, text in cells(folder).items() if name in before} == before
    assert values(folder) == truth


def test_a_read_only_store_can_be_shown_and_says_at_once_that_nothing_can_be_added(disk, capsys):
    folder, remount = disk
    assert remount("size=4m") == 0
    execute(plan(folder), on="inline")
    assert remount("ro") == 0
    more = make_plan(STUDY, out=folder, overrides={"seeds": 6})
    heard = []
    with pytest.raises(StoreError, match=r"expected to write .* got: Read-only file system"):
        execute(more, on="inline", listen=heard.append)
    assert heard == []
    assert entry._main(["show", "faults", "--out", str(folder)]) == 0
    assert entry._main(["ls", "--stored", "--out", str(folder)]) == 0
    assert entry._main(["doctor", str(folder)]) == 1
    assert "Read-only file system" in capsys.readouterr().err


def damage(out):
    """Damage cells in every way, and return the names."""
    paths = sorted((out / "faults" / "cells").glob("*.json"))
    whole = [path.read_text() for path in paths]
    paths[0].write_text(whole[0][:60])
    paths[1].write_text("")
    paths[2].write_text(whole[2].replace('"norm": ', '"norm": 1'))
    paths[3].write_text(whole[4])
    paths[5].write_text('{"somebody": "else"}')
    return [paths[i].stem for i in (0, 1, 2, 3, 5)]


def test_damaged_cells_are_named_by_doctor_and_computed_again(tmp_path, truth, capsys):
    execute(plan(tmp_path), on="inline")
    names = damage(tmp_path)
    (tmp_path / "faults" / "cells" / "notes.txt").write_text("mine")
    assert entry._main(["doctor", str(tmp_path)]) == 1
    said = "".join(capsys.readouterr().err.split())
    for name, why in zip(
        names, ("noJSON", "isempty", "changedafter", "holdsthecell", "hasno'schema'"), strict=True
    ):
        place = said.index(f"{name}.json:")
        assert why in said[place : place + 400]
    assert "notes.txt:expectedonlycells" in said
    again = plan(tmp_path)
    assert sorted(again.damaged) == sorted(names)
    execute(again, on="processes")
    assert values(tmp_path) == truth
    assert len(list((tmp_path / "faults" / "cells").glob("*.damaged"))) == 5
    (tmp_path / "faults" / "cells" / "notes.txt").unlink()
    _, problems = examine_store(tmp_path)
    assert problems == []


def test_a_cell_of_a_newer_version_is_refused_and_kept(tmp_path):
    execute(plan(tmp_path), on="inline")
    path = sorted((tmp_path / "faults" / "cells").glob("*.json"))[0]
    document = json.loads(path.read_text())
    text = json.dumps({**document, "schema": 99})
    path.write_text(text)
    with pytest.raises(StoreError, match="written by a newer overparam: upgrade"):
        plan(tmp_path)
    store = CellStore(tmp_path, "faults")
    with pytest.raises(StoreError, match="written by a newer overparam"):
        store.write(path.stem, document)
    assert path.read_text() == text
    assert any("newer overparam" in problem for problem in examine_store(tmp_path)[1])


def test_doctor_counts_what_is_stored_and_what_is_left_over(tmp_path, capsys):
    execute(make_plan(STUDY, out=tmp_path, overrides={"fault": "compile"}), on="inline")
    assert entry._main(["doctor", str(tmp_path)]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("faults"))
    assert row.split()[:7] == ["faults", "23", "0", "0", "0", "1", "0"]
    (tmp_path / "faults" / "quick+fault=compile.json").write_text("{")
    _, (problem,) = examine_store(tmp_path)
    assert "its cells are kept" in problem
    with pytest.raises(UsageError, match=r"doctor: expected a results folder, got .*absent"):
        examine_store(tmp_path / "absent")


def test_a_damaged_pack_is_named_by_doctor_and_its_cells_can_be_computed_again(tmp_path, truth):
    execute(plan(tmp_path), on="inline")
    assert entry._main(["pack", "--out", str(tmp_path)]) == 0
    assert cells(tmp_path) == {}
    table, problems = examine_store(tmp_path)
    assert problems == []
    assert list(table.columns[1].cells) == ["24"]
    (pack,) = (tmp_path / "faults" / "packs").iterdir()
    content = pack.read_bytes()
    pack.write_bytes(content[: len(content) // 2])
    (problem,) = examine_store(tmp_path)[1]
    assert "expected a pack of cells, got a damaged file" in problem
    with pytest.raises(StoreError, match="move it out of"):
        plan(tmp_path)
    pack.rename(tmp_path / pack.name)
    execute(plan(tmp_path), on="inline")
    assert values(tmp_path) == truth
