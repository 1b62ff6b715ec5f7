"""Ctrl-C at any moment of the start: exit code 130, one sentence, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("interrupts.py")
TOY = str(Path(__file__).parents[1] / "toy_study.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")


def tried(every, *words):
    """Run the script; return how many imports the command has, after all ended well."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(every), *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    *wrong, count = done.stdout.splitlines()
    assert wrong == []
    return int(count)


def test_an_interruption_at_the_imports_of_a_command_says_so_and_nothing_else():
    assert tried(70, "ls") > 100


@pytest.mark.slow
def test_an_interruption_at_every_import_says_so_and_nothing_else(tmp_path):
    assert tried(1, "ls") > 100
    toy = ("--on", "inline", "--out", str(tmp_path), "--seeds", "1", "--noise", "0.2", "--widths", "8")
    assert tried(25, "run", TOY, *toy, "--data", "gaussian") > 1000
