"""Workers find what their driver finds, and nothing in the current folder, however the driver was started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overparam.sweep import fresh
from overparam.sweep.processes import worker_environment

SRC = Path(fresh.__file__).parents[2]
PROGRAM = "from overparam.sweep import fresh; import json; print(json.dumps([fresh.search_path(), fresh.command('s')]))"


@pytest.fixture
def folders(tmp_path):
    """The current folder with a program, a folder that is asked for, and one with a program of its own."""
    for name in ("here", "asked", "program"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "told.py").write_text(PROGRAM)
    (tmp_path / "program" / "told.py").write_text(PROGRAM)
    return tmp_path


WAYS = {
    "-c": (["-c", PROGRAM], "{src}", {}),
    "-c, an empty entry first": (["-c", PROGRAM], ":{src}", {"asked": False}),
    "-c, an empty entry last": (["-c", PROGRAM], "{src}:", {}),
    "-c, a folder asked for": (["-c", PROGRAM], "{src}:{asked}", {"asked": True}),
    "-c, the current folder asked for": (["-c", PROGRAM], "{src}:{here}", {"here": True}),
    "-c, the current folder asked for by a dot": (["-c", PROGRAM], "{src}:.", {"here": True}),
    "-c, the current folder as an entry": (["-c", f"import sys; sys.path.insert(0, ''); {PROGRAM}"], "{src}", {}),
    "-c, a folder put on the path": (["-c", f"import sys; sys.path.append('{{asked}}'); {PROGRAM}"], "{src}", {"asked": True}),
    "-c, no text on the path": (["-c", f"import sys, pathlib; sys.path.append(pathlib.Path('x')); {PROGRAM}"], "{src}", {}),
    "-m": (["-m", "told"], "{src}", {}),
    "-P -c": (["-P", "-c", PROGRAM], "{src}", {}),
    "-I -c": (["-I", "-c", f"import sys; sys.path.insert(0, '{{src}}'); {PROGRAM}"], "{asked}", {"asked": False}),
    "a program elsewhere": (["{program}/told.py"], "{src}", {"program": True}),
    "a program here, by its own folder": (["told.py"], "{src}", {"here": True}),
    "-P, a program elsewhere": (["-P", "{program}/told.py"], "{src}", {"program": False}),
    "from standard input": (["-"], "{src}", {}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_current_folder_is_on_the_path_only_where_it_was_asked_for(folders, way):
    arguments, path, wanted = WAYS[way]
    names = {name: str(folders / name) for name in ("here", "asked", "program")} | {"src": str(SRC)}

    def filled(text):
        for name, folder in names.items():
            text = text.replace(f"{{{name}}}", folder)
        return text

    done = subprocess.run(
        [sys.executable, *map(filled, arguments)], cwd=folders / "here", capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": filled(path)}, input=PROGRAM,
    )  # fmt: skip
    found, command = json.loads(done.stdout)
    on = {name: str(folders / name) in found for name in ("here", "asked", "program")}
    assert on == {"here": False, "asked": False, "program": False} | wanted
    assert str(SRC) in found
    assert all(os.path.isabs(one) for one in found)
    assert command[1] == "-P"
    assert ("-I" in command) == ("-I" in arguments)


def test_a_worker_s_environment_names_no_current_folder_and_no_core_of_another(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "lib", "", "other"]))
    monkeypatch.setenv("OVERPARAM_CORE", "nonsense")
    monkeypatch.setattr("overparam.sweep.processes.gpus", lambda: 0)
    env = worker_environment(0, 10**6)
    assert env["PYTHONPATH"] == os.pathsep.join(["lib", "other"])
    assert "OVERPARAM_CORE" not in env
    monkeypatch.setenv("PYTHONPATH", "")
    assert "PYTHONPATH" not in worker_environment(0, 10**6)


def test_each_core_has_its_worker_or_none_is_bound(monkeypatch):
    monkeypatch.setattr("overparam.sweep.processes.gpus", lambda: 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert [worker_environment(slot, 2)["OVERPARAM_CORE"] for slot in (0, 1)] == ["3", "5"]
    for workers in (1, 3):
        assert "OVERPARAM_CORE" not in worker_environment(0, workers)


def test_a_current_folder_that_was_removed_is_no_trouble(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert str(SRC) in fresh.search_path()


def test_a_file_is_handed_over_by_its_whole_path_and_a_name_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fresh.absolute("mine.py") == fresh.absolute("~/mine.py") == str(tmp_path / "mine.py")
    assert fresh.absolute("double-descent") == "double-descent"
