"""``overparam ls --ledger`` and ``overparam.ledger``: 63 lines at 80 columns, one in full, from the package or a folder."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import overparam
from overparam.cli import app, entry
from overparam.cli import ledger as tables
from overparam.core import findings
from overparam.core.errors import DamageWarning
from overparam.core.ledger import LEDGER, NUMBERS
from overparam.store import RecordStore
from tests.unit.core.test_totals import RECORD


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        entry.main([str(a) for a in arguments])
    return exit_.value.code


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr(app, "out_console", Console(width=80))
    monkeypatch.setattr(app, "err_console", Console(width=80, stderr=True))


@pytest.fixture
def shipped(monkeypatch):
    """What the package ships: one study with a supported claim, two that read one number, and a check."""
    (rise,) = findings.entry(RECORD)["verdicts"]
    peak = {**rise, "statement": "peak", "status": "contradicted", "ledger": ["L9"]}
    proof = {**rise, "statement": "proof", "kind": "check", "ledger": ["L12", "L22D"], "sentence": "It is so."}
    lost = {
        **rise,
        "statement": "lost",
        "ledger": ["L33"],
        "status": "not_applicable",
        "effect": None,
        "reason": "too few",
    }
    one = {**findings.entry(RECORD), "study": "double-descent", "verdicts": [rise, peak, proof, lost]}
    monkeypatch.setattr("overparam.api.ledger.shipped", lambda: {"double-descent": one})


def test_all_lines_fit_into_80_columns(shipped, capsys):
    assert call("ls", "--ledger") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [words[0] for line in lines if (words := line.split()) and words[0] in LEDGER] == list(LEDGER)
    assert {"Soltanolkotabi 2019", "He 2021"} <= {line.strip() for line in lines}
    text = " ".join(" ".join(lines).split())
    assert "L12 Least squares with n <= p" in text
    assert "1 supported, 1 contradicted" in text
    assert "1 of 1 checks pass" in text
    assert "From the findings that come with the package." in text


def test_each_line_tells_its_studies_and_its_verdict(shipped):
    buffer = io.StringIO()
    Console(file=buffer, width=200).print(tables.all_lines(None))
    rows = {
        line.split()[0]: line
        for line in buffer.getvalue().splitlines()
        if line.split()[:1] and line.split()[0] in NUMBERS
    }
    assert rows["L54"].rstrip().endswith("supported")
    assert rows["L9"].rstrip().endswith("contradicted")
    assert rows["L12"].rstrip().endswith("checks pass")
    assert rows["L33"].rstrip().endswith("not applicable")
    assert rows["L31"].rstrip().endswith("no experiment")
    assert rows["L47"].rstrip().endswith("not run")
    below = buffer.getvalue().split(rows["L54"])[1].splitlines()[1]
    assert "double-descent" in below


def test_one_line_in_full(shipped, capsys):
    assert call("ls", "--ledger", "54") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("L54: Label noise, samples, epochs and augmentation shift the threshold")
    assert "He 2021: 2. Double descent, 3. deep double descent (Nakkiran et al. 2020)." in text
    assert "More epochs let a model fit more samples" in text
    assert "Verdict of L54: supported" in text
    for words in ("rise: 2 points", "97 % interval", "n = 5", "asked at least 1; contradicted below 0"):
        assert words in " ".join(text.split()), words
    assert "One measurement of a claim decides the line." in text


def test_a_line_named_under_another_has_a_verdict_of_its_own(shipped, capsys):
    assert call("ls", "--ledger", "L22D") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "It counts under L22" in text
    assert "Verdict of L22D: checks pass" in text
    assert "It is so." in text
    assert call("ls", "--ledger", "L22") == 0
    text = capsys.readouterr().out
    assert all(f"Verdict of {n}" in text for n in ("L22", "L22A", "L22B", "L22C", "L22D"))


def test_a_line_that_was_not_judged_says_why(shipped, capsys, monkeypatch):
    from overparam.core.registry import studies

    kept = {name: study for name, study in studies().items() if name != "feature-correction"}
    monkeypatch.setattr("overparam.api.ledger.studies", lambda: kept)
    assert call("ls", "--ledger", "L33") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Verdict of L33: not applicable" in text
    assert "too few" in text
    assert call("ls", "--ledger", "L26") == 0
    assert "No study answers it yet." in capsys.readouterr().out
    assert call("ls", "--ledger", "L31") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Verdict of L31: no experiment" in text
    assert "No experiment: NP-completeness is about the worst case" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("ls", "--ledger", "L99"), "unknown ledger line 'L99'"),
        (
            ("ls", "--ledger", "--probes"),
            "expected one of --stored, --probes, --theorems, --networks, --recipes and --ledger",
        ),
        (("ls", "--ledger", "--out", "nowhere"), "expected a results folder, found none at nowhere"),
    ],
)
def test_a_mistake_is_answered_in_words(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def test_a_results_folder_is_read_instead(shipped, tmp_path, capsys):
    """Only studies of the package count, in their deciding profile, and no run with other axes."""
    store = RecordStore(tmp_path)
    whole = json.loads((Path(__file__).parents[2] / "golden" / "report_record.json").read_text())
    rise = {**whole["verdicts"][0], "ledger": ["L54"], "mark": ""}
    whole |= {"mark": "", "verdicts": [rise]}
    for study, run, more in (
        ("double-descent", "laptop", {"verdicts": [{**rise, "status": "inconclusive"}]}),
        ("double-descent", "laptop+n=9", {"mark": "exploratory"}),
        ("double-descent", "quick", {"profile": "quick"}),
        ("toy", "laptop", {}),
    ):
        store.write(run, {**whole, "study": study, **more})
    found = {one["number"]: one for one in overparam.ledger(tmp_path)}
    assert found["L54"]["verdict"] == "inconclusive"
    assert [one["study"] for one in found["L54"]["statements"]] == ["double-descent"]
    assert found["L9"]["verdict"] == "not run"
    assert call("ls", "--ledger", "--out", tmp_path) == 0
    assert f"From the runs in {tmp_path}" in capsys.readouterr().out.replace("\n", "")
    (tmp_path / "double-descent" / "damaged.json").write_text("{")
    assert call("ls", "--ledger", "--out", tmp_path) == 1
    assert "damaged.json:expectedarunrecord" in "".join(capsys.readouterr().err.split())
    with pytest.warns(DamageWarning, match=r"damaged\.json: expected a run record"):
        assert len(overparam.ledger(tmp_path)) == 63


def test_the_rows_from_python_are_plain(shipped):
    found = overparam.ledger()
    assert [one["number"] for one in found] == list(NUMBERS)
    assert json.loads(json.dumps(found)) == found
    row = found[53]
    assert (row["verdict"], row["source"], row["studies"][0]) == ("supported", "He 2021", "double-descent")
    (one,) = row["statements"]
    assert (one["statement"], one["verdict"], one["n"], one["level"]) == ("rise", "supported", 5, 0.97)
    assert found[21]["named_under_it"] == ["L22A", "L22B", "L22C", "L22D"]
    assert [one["verdict"] for one in found[21]["under"]] == ["not run", "not run", "not run", "checks pass"]
