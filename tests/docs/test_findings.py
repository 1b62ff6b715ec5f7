"""The page of findings and the README's ledger are what one command writes from the compact record."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from overparam.core import findings as compact
from overparam.core.errors import UsageError
from overparam.core.ledger import LEDGER
from overparam.core.looks import FIRST_LOOK
from overparam.core.registry import ships, studies
from overparam.core.totals import rows
from tests.unit.core.test_totals import RECORD

ROOT = Path(__file__).resolve().parents[2]
STORED = compact.read(compact.FILE)


def load():
    spec = importlib.util.spec_from_file_location("findings", ROOT / "docs" / "findings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load()


def made(*changes, study="double-descent"):
    (rise,) = compact.entry(RECORD)["verdicts"]
    return {**compact.entry(RECORD), "study": study, "verdicts": [{**rise, **change} for change in changes]}


def page(*entries):
    return SCRIPT.page(entries, rows(entries))


# ---------------------------------------------------------------- what is committed
def test_the_page_and_the_readme_are_what_the_record_says():
    told, between = SCRIPT.texts(STORED)
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == told, (
        "run `python docs/findings.py --text`"
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split(SCRIPT.BEGIN)[1].split(SCRIPT.END)[0].strip() == between, (
        "run `python docs/findings.py --text`"
    )


def test_the_record_is_of_the_rules_of_today():
    """An entry is of the deciding profile, with every statement that it judges; the page names studies without one."""
    found = {name: study for name, study in studies().items() if ships(study)}
    assert set(STORED) <= set(found)
    assert len(STORED) > len(found) / 2, "run `make findings`"
    for name in STORED:
        study = found[name]
        assert STORED[name]["profile"] == study.decides, name
        assert SCRIPT.of_older_rules(STORED[name], study) == [], f"{name}: run `make findings`"


def test_the_readme_tells_the_question_of_every_study():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## What it answers")[1].split(SCRIPT.BEGIN)[0]
    assert sorted(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \| ", table, re.M)))) == sorted(
        studies()
    )


# ---------------------------------------------------------------- how it is written
def test_the_ledger_has_63_lines_with_studies_and_verdicts():
    entry = made({}, {"statement": "peak", "ledger": ["L9"], "status": "contradicted"})
    text = SCRIPT.ledger([entry], rows([entry], {"sample-descent": ["L54"], "lazy-width": ["L22A"]}))
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| L")}
    assert list(lines) == list(LEDGER)
    assert lines["L54"].endswith("| `double-descent`, `sample-descent` | **supported** |")
    assert lines["L9"].endswith(
        "| `double-descent` | **contradicted**; against: `double-descent.peak, digits` |"
    )
    assert lines["L22"].endswith("| `lazy-width` | not run |")
    assert lines["L22A"].endswith("| `lazy-width` | not run |")
    assert lines["L22B"].endswith("|  | no study yet |")
    assert lines["L31"].endswith("|  | no experiment |")
    assert f"*{LEDGER['L51'].note}*" in lines["L51"]
    assert "1 supported, 1 contradicted" in text
    assert "Tian 2019 from L42" in " ".join(text.split())


def test_claims_checks_and_questions_stand_apart_in_their_own_words():
    text = page(
        made(
            {"statement": "a"}, {"statement": "b", "kind": "check"}, {"statement": "c", "kind": "question"},
            {"statement": "d", "kind": "check", "status": "contradicted"},
        )
    )  # fmt: skip
    section = text.split("## `double-descent`")[1]
    claims, checks, questions = (
        section.split(f"### {title}")[1].split("###")[0] for title in ("Claims", "Checks", "Questions")
    )
    assert "| `a`, digits: It rises. | L54 | **supported** |" in claims
    assert "| `b`, digits: It rises. | L54 | **passes** |" in checks
    assert "| `d`, digits: It rises. | L54 | **fails** |" in checks
    assert "| `c`, digits: It rises. | L54 | **yes** |" in questions
    assert "1 claim: 1 supported; 1 of 2 checks pass, 1 fails; 1 question: 1 yes" in section


def test_a_line_has_effect_interval_cut_off_and_seeds():
    line = SCRIPT.statement(made({})["verdicts"][0])
    assert line.endswith("| rise: 2 points | 1.88 to 2.12 | at least 1; contradicted below 0 | 5 |")
    assert f"| {100 * FIRST_LOOK:g} % interval |" in page(made({}))
    extended = SCRIPT.statement(made({"level": 0.99})["verdicts"][0])
    assert "| 1.88 to 2.12 (99 %) |" in extended


def test_what_is_contradicted_stands_first_with_its_numbers():
    bad = {"statement": "bad", "status": "contradicted", "effect": -1.0, "low": -1.5, "high": -0.5}
    text = page(made({}, bad, {"statement": "ours", "kind": "question", "status": "contradicted"}))
    first = text.split("## Contradicted")[1].split("## `double-descent`")[0]
    assert "| `double-descent.bad`, digits: It rises. | L54 | rise: -1 points | -1.5 to -0.5 |" in first
    assert "ours" not in first
    assert "rise: 2" not in first
    assert "No claim is contradicted, and no check fails." in page(made({}))


def test_what_is_not_applicable_tells_why_and_what_is_outside_says_so():
    lost = made({"status": "not_applicable", "effect": None, "low": None, "high": None, "reason": "too | few"})
    assert SCRIPT.statement(lost["verdicts"][0]).endswith("| **not applicable** | too / few |  |  |  |")
    other = made({"outside": "The data are images."})
    assert "Outside the source's scope: The data are images." in SCRIPT.statement(other["verdicts"][0])


def test_a_worst_case_has_no_interval():
    assert "| none |" in SCRIPT.statement(made({"effect": 2.0, "low": 2.0, "high": 2.0})["verdicts"][0])


def test_fewer_seeds_than_planned_are_marked():
    assert "Fewer seeds than planned: estimates, no verdicts." in page({**made({}), "below": True})


def test_an_entry_of_other_rules_is_named():
    study = studies()["double-descent"]
    judged = [claim for claim in study.claims if not claim.profiles or study.decides in claim.profiles]
    now = [
        {"statement": claim.name, "version": claim.rule_version, "fingerprint": claim.fingerprint}
        for claim in judged
    ]
    assert SCRIPT.of_older_rules(made(*now), study) == []
    names = [one["statement"] for one in now]
    older = [{**now[0], "version": 0}, {**now[1], "fingerprint": "0" * 16}, {"statement": "gone"}, *now[3:]]
    assert SCRIPT.of_older_rules(made(*older), study) == sorted([*names[:3], "gone"])


# ---------------------------------------------------------------- the command
@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command on files of its own, with two of the package's studies."""
    readme, page_, record = tmp_path / "README.md", tmp_path / "findings.md", tmp_path / "findings.json"
    readme.write_text(f"before\n{SCRIPT.BEGIN}\nold\n{SCRIPT.END}\nafter\n", encoding="utf-8")
    chosen = {name: studies()[name] for name in ("double-descent", "linear-system")}
    monkeypatch.setattr(SCRIPT, "README", readme)
    monkeypatch.setattr(SCRIPT, "PAGE", page_)
    monkeypatch.setattr(compact, "FILE", record)
    monkeypatch.setattr(SCRIPT, "shipped_studies", lambda: chosen)
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    record.write_text(compact.text([made({}), made({}, study="gone")]), encoding="utf-8")
    return readme, page_, record


def test_a_study_whose_cells_are_missing_keeps_its_last_entry_and_is_named(command, tmp_path, capsys):
    readme, page_, record = command
    assert SCRIPT.main([str(tmp_path / "store")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"double-descent keeps its entry of 2026-11-28: \d+ of \d+ cells are not stored", told)
    assert re.search(r"linear-system has no entry: \d+ of \d+ cells are not stored", told)
    assert "judged 0 of 2 studies" in told
    assert "double-descent: the entry is of other rules" in told
    assert list(compact.read(record)) == ["double-descent"]
    assert "## `double-descent`" in page_.read_text(encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{SCRIPT.BEGIN}\n")
    assert text.endswith(f"{SCRIPT.END}\nafter\n")
    assert "| L54 |" in text
    assert not (tmp_path / "store").exists()  # nothing is computed or written


def test_a_study_whose_cells_are_all_there_is_judged(command, tmp_path, monkeypatch, capsys):
    """Planted: of one study all cells are stored, of the other none."""
    done = {"double-descent": 0, "linear-system": 3}
    asked = []

    def plan(name, profile, *, out, download):
        asked.append((name, profile, download))
        return SimpleNamespace(name=name, cells=range(3), done=range(done[name]), stacks=())

    def run(plan, *, on):
        assert (plan.name, on) == ("linear-system", "inline")
        return {**RECORD, "study": plan.name, "failures": []}

    monkeypatch.setattr("overparam.sweep.run.make_plan", plan)
    monkeypatch.setattr("overparam.sweep.run.execute", run)
    assert SCRIPT.main([str(tmp_path / "store")]) == 0
    assert asked == [(name, studies()[name].decides, False) for name in done]
    told = capsys.readouterr().out
    assert "double-descent keeps its entry of 2026-11-28: 3 of 3 cells are not stored" in told
    assert "judged 1 of 2 studies" in told
    found = compact.read(command[2])
    assert found["linear-system"] == {**compact.entry(RECORD), "study": "linear-system"}
    assert "## `linear-system`" in command[1].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UsageError("the rule of 'peak' raised KeyError"), "the rule of 'peak' raised KeyError"),
        (KeyError("n"), "KeyError: 'n'"),
    ],
)
def test_a_study_that_cannot_be_judged_keeps_its_last_entry(
    error, told, command, tmp_path, monkeypatch, capsys
):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("overparam.sweep.run.make_plan", broken)
    assert SCRIPT.main([str(tmp_path)]) == 0
    assert f"double-descent keeps its entry of 2026-11-28: {told}" in capsys.readouterr().out
    assert list(compact.read(command[2])) == ["double-descent"]


def test_the_texts_alone_are_written_again(command):
    _, page_, record = command
    before = record.read_text(encoding="utf-8")
    assert SCRIPT.main(["--text"]) == 0
    assert record.read_text(encoding="utf-8") == before
    assert "## `double-descent`" in page_.read_text(encoding="utf-8")
    assert SCRIPT.main([]) == 2
    assert SCRIPT.main(["one", "two"]) == 2
