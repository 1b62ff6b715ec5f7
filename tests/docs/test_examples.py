"""Every Python example in the README and the docs runs."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import overparam
from tests.conftest import TOY

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


# What trains many networks, or compiles the derivatives of one, takes seconds to half a minute: with the slow tests.
COSTLY = re.compile(r"\b(width_sweep|diagnose|prune|iterate|train|widths|tangent_kernel|top_eigenvalues)\(")


def _marks(code):
    return (_with_frameworks(code), *([pytest.mark.slow] if COSTLY.search(code) else []))


def _with_frameworks(code):
    """Skip an example whose framework, an optional extra, is not installed."""
    missing = [
        name
        for name in ("torch", "flax", "equinox")
        if re.search(rf"^\s*(import|from) {name}\b", code, re.M) and importlib.util.find_spec(name) is None
    ]
    return pytest.mark.skipif(
        bool(missing), reason=f"{', '.join(missing)} is an optional extra, and is not installed"
    )


EXAMPLES = [
    pytest.param(match.group(1), id=f"{page.name}-{number}", marks=_marks(match.group(1)))
    for page in PAGES
    for number, match in enumerate(re.finditer(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))
]


@pytest.fixture
def _spare(monkeypatch):
    """The same calls, but that a study has one seed and computes here, and that a sweep has three of its widths."""
    run, sweep = overparam.run, overparam.width_sweep

    def spare_run(study, *given, **more):
        return run(study, *given, **{"seeds": 1, "on": "inline", **more})

    def spare_sweep(family, *given, widths, **more):
        return sweep(family, *given, widths=widths[:3], **more)

    monkeypatch.setattr(overparam, "run", spare_run)
    monkeypatch.setattr(overparam, "width_sweep", spare_sweep)


def as_script(code, folder):
    """Run a text as a program of its own, to which each warning is an error."""
    script = folder / "example.py"
    script.write_text(code, encoding="utf-8")
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(folder.glob("runs/*/failed/*")), done.stderr


@pytest.mark.usefixtures("_spare")
@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("example.py").write_text(code, encoding="utf-8")
    runpy.run_path("example.py", run_name="__main__")
    assert not list(tmp_path.glob("runs/*/failed/*")), capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_a_script_without_a_main_guard(code, tmp_path):
    as_script(code, tmp_path)


def test_a_script_that_computes_on_workers_needs_no_main_guard(tmp_path):
    as_script(
        f"import overparam\nassert overparam.run({str(TOY)!r}, data='gaussian', workers=2).record['cells']['ok'] == 18\n",
        tmp_path,
    )
    assert len(list(tmp_path.glob("runs/toy/cells/*.json"))) == 18


def test_commands_in_the_docs_exist():
    from overparam.cli.entry import app

    known = {name for name in app if not name.startswith("-")}
    for page in PAGES:
        for command in re.findall(r"^\s*overparam ([a-z]+)", page.read_text(encoding="utf-8"), re.M):
            assert command in known, f"{page.name}: overparam {command}"
