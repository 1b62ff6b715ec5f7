import ast
import subprocess
import sys

import pytest

from overparam.core import registry
from overparam.core.errors import UsageError


def test_every_study_in_the_folder_is_found_by_its_name():
    found = registry.studies()
    assert {"double-descent", "random-features"} <= set(found)
    assert all(name == study.name for name, study in found.items())


def test_a_study_outside_comes_in_by_entry_point(monkeypatch, toy):
    class Point:
        def load(self):
            return toy

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == registry.GROUP else [])
    assert registry.find("toy") is toy


def test_a_file_without_a_study_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("STUDY = 3\n")
    with pytest.raises(
        UsageError, match="expected a variable STUDY holding an overparam.core.study.Study, got int"
    ):
        registry.find(str(path))


def test_listing_studies_needs_neither_numpy_nor_jax():
    code = (
        "import sys; from overparam.core.registry import studies; studies(); "
        "print([m for m in ('numpy', 'jax', 'scipy', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
