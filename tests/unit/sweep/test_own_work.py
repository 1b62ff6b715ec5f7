"""The cells of a person's own study are named by the code of its work: changed code never returns old results."""

import hashlib
from dataclasses import replace

import pytest

from overparam.api.run import run
from overparam.cli import main
from overparam.core.errors import StoreError
from overparam.core.registry import find, packaged, ships
from overparam.store import CellStore
from overparam.sweep.jobs import Job, refuse_changed
from overparam.sweep.key import cell_name, identity, shown_probes, work_code
from overparam.sweep.run import make_plan
from overparam.sweep.select import select

STUDY = '''"""A study of one's own."""
from overparam.core import (
    MOST, NONE, World, Axis, Claim, Control, Estimate, Source, arm, charts, each_cell, enough_noise, line, profiles, study,
)

SCALE = 100
AXES = (
    Axis("data", "Data set.", str, flag="data"), Axis("width", "Width.", int, low=1, flag="widths"),
    Axis("noise", "Label noise.", float, low=0, high=1), Axis("seed", "Seed.", int, low=0, flag="seeds"),
)
error = line("error", "test error", "points")
RISING = World(("width", (8, 16)), arms={"noise": (0.0, 0.2)}, lines={"error": lambda noise: [10.0, 10 + 40 * noise]},
               spread={"error": 0.3}, straight=("error",), apart=True)
CLAIMS = (
    Claim("rise", "Noise raises the error.", ("L54",), "me", (error.last - error.first).at_least(2.0), arm("most", noise=MOST),
          Control("not without noise", arm("clean", noise=NONE)), (enough_noise(0.1),), chart="error", kind="question",
          null=(RISING.but(error=[10.0, 12.0]),), effect=RISING),
)

@each_cell
def work(cell, progress):
    """Make up an error."""
    from helpers import bump
    return {"error": SCALE * bump(cell) + cell["seed"] / 10}

STUDY = study(
    name="mine", title="Mine", question="Does it rise?", x="width", axes=AXES, claims=CLAIMS, values=("error",), work=work,
    sources=(Source("me", "A measurement of my own.", "", "@misc{me}"),), estimate=lambda cell: Estimate(0.01, 1e6),
    differences=("None known.",), decides="quick", charts=charts({"width": "w"}, error=("Error", "points", {"error": "test"})),
    profiles=profiles({"data": "digits", "noise": (0.0, 0.2), "seed": (0, 1, 2)}, quick=("a look", {"width": (8, 16)})),
)
'''
HELPERS = '''"""What it shares."""
UNUSED = 1


def bump(cell):
    """The bump."""
    return cell["noise"] if cell["width"] == 16 else 0.0
'''
SHADOWS = ("numpy", "json", "random", "jax", "helpers", "sitecustomize", "usercustomize", "overparam")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The study and its helper, and the current folder elsewhere, full of what must not be run."""
    (tmp_path / "mine.py").write_text(STUDY)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "inner.py").write_text(
        "def bump(cell):\n    from helpers import bump\n    return bump(cell)\n"
    )
    (tmp_path / "elsewhere").mkdir()
    for name in SHADOWS:
        (tmp_path / "elsewhere" / f"{name}.py").write_text(
            "open(__file__ + '.run', 'w')\nraise RuntimeError('run')\n"
        )
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield tmp_path
    assert not list((tmp_path / "elsewhere").glob("*.run"))


def edited(folder, file, old, new):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return find(str(folder / "mine.py"))


def names(study):
    return {cell_name(study, cell, "f") for cell in select(study, "quick").cells()}


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("mine.py", "Make up an error", "Other words", True),
        ("mine.py", "@each_cell", "# why\n@each_cell", True),
        ("mine.py", ".at_least(2.0)", ".at_least(3.0)", True),
        ("mine.py", '"Error", "points"', '"The error", "points"', True),
        ("mine.py", "Estimate(0.01", "Estimate(0.02", True),
        ("helpers.py", "UNUSED = 1", "UNUSED = 2", True),
        ("helpers.py", "The bump.", "Other words.", True),
        ("mine.py", "SCALE = 100", "SCALE = 200", False),
        ("mine.py", "/ 10}", "/ 20}", False),
        ("helpers.py", "== 16", "== 8", False),
    ],
)  # fmt: skip
def test_which_edits_give_cells_new_names(files, file, old, new, same):
    before = names(find(str(files / "mine.py")))
    assert (names(edited(files, file, old, new)) == before) is same


def test_a_helper_of_a_helper_in_a_folder_gives_cells_new_names(files):
    edited(files, "mine.py", "from helpers import", "from rooms.inner import")
    before = names(find(str(files / "mine.py")))
    assert names(edited(files, "helpers.py", "UNUSED = 1", "UNUSED = 2")) == before
    assert names(edited(files, "helpers.py", "== 16", "== 8")) != before


def test_changed_work_is_computed_again_and_unchanged_work_is_not(files):
    out = files / "runs"
    first = run(str(files / "mine.py"), "quick", out=out, on="inline").record
    assert first["cells"]["computed"] == 12
    edited(files, "mine.py", "Make up an error", "Other words")
    assert run(str(files / "mine.py"), "quick", out=out, on="inline").record["cells"]["computed"] == 0
    edited(files, "helpers.py", "== 16", "== 8")
    plan = make_plan(str(files / "mine.py"), "quick", out=out)
    assert (len(plan.done), plan.otherwise) == (0, 12)
    third = run(str(files / "mine.py"), "quick", out=out, on="inline").record
    assert third["cells"]["computed"] == 12
    assert third["verdicts"][0]["effect"] < 0 < first["verdicts"][0]["effect"]
    edited(files, "helpers.py", "== 8", "== 16")  # the cells of the first code are still there
    assert run(str(files / "mine.py"), "quick", out=out, on="inline").record["cells"]["computed"] == 0


def test_worker_processes_find_the_same_code(files):
    out = files / "runs"
    record = run(str(files / "mine.py"), "quick", out=out, workers=1).record
    assert (record["cells"]["ok"], record["cells"]["computed"]) == (12, 12)
    assert make_plan(str(files / "mine.py"), "quick", out=out).stacks == ()


def test_cells_stored_under_the_names_of_older_versions_are_told_and_computed_again(files, capsys):
    study, out = find(str(files / "mine.py")), files / "runs"
    store = CellStore(out, "mine")
    for cell in select(study, "quick").cells():
        name = cell_name(study, cell, "f", "")  # as an overparam that did not look at the code
        store.write(
            name, {"params": cell, "values": {"error": 1.0}, "status": "ok", "study": "mine", "cell_version": 1}
        )
    assert make_plan(study, "quick", out=out).otherwise == 12
    with pytest.raises(SystemExit, match="0"):
        main(["run", str(files / "mine.py"), "--out", str(out), "--on", "inline"])
    assert "12 cells with these parameters" in capsys.readouterr().err
    assert len(store.names()) == 24


def test_studies_of_the_package_keep_their_names():
    study = packaged("double-descent")
    assert ships(study)
    assert work_code(study) == ""
    cell = select(study, "quick").cells()[0]
    assert "work" not in identity(study, cell, "f")
    moved = replace(study, file="somewhere/else.py")
    assert "work" in identity(moved, cell, "f")


def test_code_that_changed_before_a_worker_began_is_refused(files):
    study = find(str(files / "mine.py"))
    job = Job(0, "runs", ("a",), ("f",), ({"data": "digits"},), work=work_code(study))
    refuse_changed(study, job, work_code(study))
    with pytest.raises(StoreError, match="as it was when the run began"):
        refuse_changed(study, job, "other")


def test_a_probe_is_known_by_the_files_beside_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alone.py").write_text("X = 1\n")
    (tmp_path / "mine.py").write_text("from ours import X\n")
    (tmp_path / "ours.py").write_text("X = 1\nY = 1\n")
    alone = hashlib.sha256(b"X = 1\n").hexdigest()[:8]
    before = shown_probes({"probes": ("alone.py", "mine.py", "fit")})["probes"]
    assert before[0] == f"alone-{alone}"
    assert before[2] == "fit"
    (tmp_path / "ours.py").write_text("X = 1\nY = 2\n")
    assert shown_probes({"probes": ("mine.py",)})["probes"] == before[1:2]
    (tmp_path / "ours.py").write_text("X = 2\nY = 2\n")
    assert shown_probes({"probes": ("mine.py",)})["probes"] != before[1:2]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shown_probes({"probes": ("~/alone.py",)})["probes"] == before[:1]


@pytest.mark.parametrize("given", ["mine.py", "./mine.py", "../work/mine.py"])
def test_work_that_names_its_file_is_the_same_however_the_file_is_named(tmp_path, monkeypatch, given):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "helpers.py").write_text(HELPERS.replace('"width"', '__file__ and "width"'))
    (folder / "mine.py").write_text(
        STUDY.replace("from helpers import bump", "assert __file__\n    from helpers import bump")
    )
    monkeypatch.chdir(folder)
    relative, whole = find(given), find(str(folder / "mine.py"))  # as the run finds it, and as its workers do
    assert work_code(relative) == work_code(whole)
    assert relative.file == whole.file == str(folder / "mine.py")
