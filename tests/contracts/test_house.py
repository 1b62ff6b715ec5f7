"""The house rules hold, and see what they are there to see."""

from tests import house


def package(folder, files):
    root = folder / "made"
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_house_rules_hold():
    assert house.problems() == []


def test_a_cycle_is_found_in_functions_and_in_annotations(tmp_path):
    files = {
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.b import B\n",
        "b": "def f():\n    from made.room import c\n",
        "room/c": "import made.a\n",
        "d": "from made import a, b\n",
    }
    root = package(tmp_path, files)
    graph = house.imports(root)
    assert graph["made.d"] == {"made.a", "made.b"}
    assert house.cycles(graph) == [["made.a", "made.b", "made.room.c"]]


def test_a_module_without_a_contract_is_named():
    assert house.uncovered({"overparam.core.parts": set(), "overparam.attic.box": set()}) == [
        "overparam.attic.box"
    ]


def test_what_passes_by_the_one_door_to_the_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(house, "PACKAGE", tmp_path / "made")
    lines = {
        "os.replace(a, b)": True,
        "path.replace(other)": True,
        "text.replace('a', 'b')": False,
        "dataclasses.replace(one, x=2)": False,
        "path.write_text('x')": True,
        "open(path, 'w')": True,
        "path.open('ab')": True,
        "path.open('rb')": False,
        "path.read_bytes()": False,
        "shutil.rmtree(path)": True,
        "disk.unlink(path)": False,
    }
    wrong = [line for line, refused in lines.items() if refused]
    root = package(tmp_path, {"data/a": "\n".join(lines), "store/a": "path.read_bytes()\nopen(path)\n"})
    assert len(house.past_the_door(root / "data/a.py")) == len(wrong)
    assert [text.split(": ")[1].split()[0] for text in house.past_the_door(root / "store/a.py")] == [
        "path.read_bytes",
        "open",
    ]


def test_what_is_no_study_is_found_beside_the_studies(tmp_path):
    empty = dict.fromkeys(("__init__", "one_work", "helper", "helper_work"), "")
    studies = {"one": "STUDY = 1\n", "two": "STUDY: int = 2\n", "three/__init__": "STUDY = 3\n"}
    root = package(tmp_path, {**empty, **studies})
    assert house.beside_studies(root) == [
        "studies/helper: expected a study, or NAME_work.py",
        "studies/helper_work: expected a study, or NAME_work.py",
        "studies/three/: expected one file a study",
    ]
