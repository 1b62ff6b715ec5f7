"""The findings page is written from stored records, and README's table agrees with it."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from overparam.core.registry import studies

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "tests" / "golden" / "report_record.json").read_text(encoding="utf-8"))


@pytest.fixture
def findings():
    spec = importlib.util.spec_from_file_location("findings", ROOT / "docs" / "findings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_section_has_one_line_a_verdict_with_effect_interval_and_cut_off(findings):
    lines = [line for line in findings.section(RECORD).splitlines() if line.startswith("| `")]
    assert len(lines) == len(RECORD["verdicts"])
    for line, verdict in zip(lines, RECORD["verdicts"], strict=True):
        assert line.startswith(f"| `{verdict['claim'].split('.')[1]}`, {verdict['data']} | **")
        assert f"**{verdict['status'].replace('_', ' ')}**" in line
        if verdict["effect"] is not None and verdict["low"] is not None:
            assert f"| {findings.number(verdict['low'])} to {findings.number(verdict['high'])} |" in line


def test_a_worst_case_has_no_interval(findings):
    record = {**RECORD, "verdicts": [{**RECORD["verdicts"][0], "effect": 2.0, "low": 2.0, "high": 2.0}]}
    assert "| none |" in findings.section(record)


def test_the_readme_counts_what_the_page_lists():
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("<!-- findings -->")[1].split("<!-- end of findings -->")[0]
    header = [cell.strip() for cell in table.strip().splitlines()[0].strip("|").split("|")][1:]
    sections = dict(re.findall(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    rows = re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", table, re.M)
    assert {name for name, _ in rows} == set(sections)
    for name, cells in rows:
        for status, cell in zip(header, cells.split("|"), strict=True):
            assert int(cell.strip() or 0) == sections[name].count(f"| **{status}** |"), (name, status)


def test_the_page_has_every_study_with_every_claim():
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    assert list(sections) == sorted(studies())
    for name, text in sections.items():
        listed = set(re.findall(r"^\| `([a-z0-9-]+)`, ", text, re.M))
        assert listed == {claim.name for claim in studies()[name].claims}, name
        assert text.strip().startswith(studies()[name].question), name


def test_the_readme_tells_the_question_of_every_study():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## What it answers")[1].split("<!-- findings -->")[0]
    assert sorted(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \| ", table, re.M)))) == sorted(
        studies()
    )
