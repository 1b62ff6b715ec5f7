"""Every Python example in the README and the docs runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
EXAMPLES = [
    pytest.param(match.group(1), id=f"{page.name}-{number}")
    for page in PAGES
    for number, match in enumerate(re.finditer(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_a_script_without_a_main_guard(code, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_commands_in_the_docs_exist():
    from overparam.cli.entry import app

    known = {name for name in app if not name.startswith("-")}
    for page in PAGES:
        for command in re.findall(r"^\s*overparam ([a-z]+)", page.read_text(encoding="utf-8"), re.M):
            assert command in known, f"{page.name}: overparam {command}"
