"""The study on the page about studies: complete, at most 40 lines, without faults, and it runs to a verdict."""

import re
from pathlib import Path

import pytest

from overparam.core.registry import find
from overparam.sweep.check import check
from overparam.sweep.run import execute, make_plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-study.md"


@pytest.fixture
def path(tmp_path):
    text = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S).group(1)
    file = tmp_path / "silent_units.py"
    file.write_text(text, encoding="utf-8")
    return file


def test_it_has_at_most_forty_lines_and_no_fault(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    assert check(find(str(path))) == []


def test_it_runs_to_a_verdict_and_its_control_fails(path, tmp_path):
    plan = make_plan(str(path), out=tmp_path / "runs")
    (verdict,) = execute(plan, on="inline")["verdicts"]
    assert (verdict["status"], verdict["control"]["status"]) == ("supported", "contradicted")
    assert (
        verdict["rule"]
        == "No bias: mean units silent on every image over the points (mean over seeds): at most 5 %."
    )
