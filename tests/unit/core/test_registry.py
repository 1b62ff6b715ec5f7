import ast
import dataclasses
import importlib
import pkgutil
import subprocess
import sys

import pytest

import overparam
from overparam.core import registry
from overparam.core.errors import UsageError


def test_every_study_in_the_folder_is_found_by_its_name():
    found = registry.studies()
    assert {"double-descent", "random-features"} <= set(found)
    assert all(name == study.name for name, study in found.items())


class Point:
    """An entry point that names a study, or fails."""

    def __init__(self, name, study):
        self.name, self.value, self.study = name, f"{name}_module:STUDY", study

    def load(self):
        if self.study is None:
            raise AssertionError("it was asked for")
        return self.study


@pytest.fixture
def plug(monkeypatch):
    def install(*points):
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else ())

    return install


def test_a_study_outside_comes_in_by_entry_point(plug, toy):
    plug(Point("toy", toy))
    assert registry.find("toy") is toy
    assert registry.studies()["toy"] is toy
    plug(Point("another-name", toy))
    assert registry.find("toy") is toy


def test_a_plug_in_is_imported_only_where_it_can_be_meant(plug, toy):
    plug(Point("broken", None), Point("toy", toy))
    assert registry.find("double-descent").name == "double-descent"
    assert registry.find("toy") is toy
    with pytest.raises(UsageError, match="the installed plug-in 'broken_module:STUDY' cannot be imported"):
        registry.find("elsewhere")


def test_finding_a_study_imports_no_other():
    code = (
        "import sys; from overparam.core.registry import find; find('two-layer-descent'); "
        "print(sorted({m.split('.')[2] for m in sys.modules if m.startswith('overparam.studies.')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = ast.literal_eval(done.stdout)
    assert "two_layer_descent" in found
    assert not {name.replace("_", "-") for name in found} & set(registry.studies()) - {"two-layer-descent"}


def test_every_file_with_a_study_has_its_name():
    folder = importlib.import_module(registry.GROUP)
    for module in pkgutil.iter_modules(folder.__path__):
        study = getattr(importlib.import_module(f"{registry.GROUP}.{module.name}"), "STUDY", None)
        assert study is None or study.name == module.name.replace("_", "-")


def test_a_file_beside_the_studies_is_no_study(tmp_path, monkeypatch):
    folder = importlib.import_module(registry.GROUP)
    (tmp_path / "helper_of_a_test.py").write_text("STUDY = 3\n")
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    assert registry.packaged("helper-of-a-test") is None
    assert "helper-of-a-test" not in registry.studies()
    with pytest.raises(UsageError, match="unknown study 'helper-of-a-test'"):
        registry.find("helper-of-a-test")


def test_a_name_of_the_package_is_refused_to_others(plug, toy, tmp_path):
    mine = dataclasses.replace(toy, name="double-descent")
    for point in (Point("double-descent", mine), Point("mine", mine)):
        plug(point)
        with pytest.raises(UsageError, match="expected a name of its own for the study, got 'double-descent'"):
            registry.studies()
    plug(Point("double-descent", mine))
    with pytest.raises(UsageError, match="is taken: results would be mixed"):
        registry.find("double-descent")
    plug(Point("toy", toy), Point("same", dataclasses.replace(toy)))
    with pytest.raises(UsageError, match="plug-in 'same_module:STUDY': expected a name of its own"):
        registry.studies()
    plug(Point("toy", toy), Point("double-descent", registry.packaged("double-descent")))
    assert registry.find("toy") is registry.studies()["toy"]


def test_a_file_with_a_name_of_the_package_is_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "mine.py"
    source = "import dataclasses\nfrom tests.toy_study import STUDY as toy\n"
    path.write_text(f"{source}STUDY = dataclasses.replace(toy, name='double-descent')\n")
    with pytest.raises(
        UsageError, match=r"mine\.py: expected a name of its own for the study, got 'double-descent'"
    ):
        overparam.run(str(path), out=tmp_path / "runs", on="inline", progress=False)
    assert not (tmp_path / "runs").exists()


def test_the_file_of_a_study_of_the_package_may_be_run_by_its_path():
    module = importlib.import_module("overparam.studies.double_descent")
    assert registry.find(module.__file__).name == "double-descent"


def test_a_file_without_a_study_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("STUDY = 3\n")
    with pytest.raises(UsageError, match="expected a variable STUDY holding an overparam.core.Study, got int"):
        registry.find(str(path))


def test_listing_studies_needs_neither_numpy_nor_jax():
    code = (
        "import sys; from overparam.core.registry import studies; studies(); "
        "print([m for m in ('numpy', 'jax', 'scipy', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
