import csv
import io
import json
import subprocess
import sys

import pytest

from overparam.cli import app, entry
from overparam.store import CellStore
from tests.conftest import TOY


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    from rich.console import Console

    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    monkeypatch.setattr(app, "out_console", Console(width=200))
    monkeypatch.setattr(app, "err_console", Console(width=200, stderr=True))


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        entry.main([str(a) for a in arguments])
    return exit_.value.code


def run(out, *options):
    return call("run", TOY, "--out", out, "--on", "inline", *options)


def store(out):
    return CellStore(out, "toy")


@pytest.mark.parametrize(
    "arguments", [["pack", "--help"], ["ls", "--stored", "--out", "nowhere"], ["query", "--help"], ["gc"]]
)
def test_looking_around_imports_neither_arrow_nor_duckdb(arguments, tmp_path):
    code = (
        "import sys; from overparam.cli.entry import _main\n"
        f"try: code = _main({arguments!r})\n"
        "except SystemExit as e: code = e.code\n"
        "heavy = [m for m in ('pyarrow', 'duckdb', 'numpy', 'jax') if m in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_everything_works_on_a_packed_store(tmp_path, capsys):
    run(tmp_path)
    before = capsys.readouterr().out
    verdict = next(line for line in before.splitlines() if "supported" in line)
    assert call("pack", "--out", tmp_path) == 0
    assert "toy: 18 cells packed" in capsys.readouterr().out
    assert not store(tmp_path).loose()
    assert run(tmp_path) == 0
    shown = capsys.readouterr()
    assert "18 of 18 cells done, 0 to run" in shown.err
    assert verdict in shown.out
    assert call("ls", "--stored", "--out", tmp_path) == 0
    assert "18      18   0          0         quick" in capsys.readouterr().out
    assert call("ls", "toy", "--stored", "--out", tmp_path) == 0
    assert "data=digits,width=16,noise=0.0,seed=0" in capsys.readouterr().out
    assert run(tmp_path, "--seeds", "4") == 0
    assert "18 of 24 cells done, 6 to run" in capsys.readouterr().err
    assert len(store(tmp_path).loose()) == 6
    assert call("report", "toy", "--out", tmp_path) == 0
    capsys.readouterr()
    assert call("pack", "toy", "--unpack", "--out", tmp_path) == 0
    assert "toy: 18 cells unpacked" in capsys.readouterr().out
    assert len(store(tmp_path).loose()) == 24
    assert call("pack", "--unpack", "--out", tmp_path) == 0
    assert "nothing to unpack" in capsys.readouterr().out


def test_rules_are_judged_again_from_packed_cells(tmp_path, capsys):
    from overparam.core.registry import find
    from overparam.sweep.record import reconclude

    run(tmp_path)
    call("pack", "--out", tmp_path)
    record = json.loads((tmp_path / "toy" / "quick.json").read_text())
    again = reconclude(find(str(TOY)), record, tmp_path)
    assert again["verdicts"] == record["verdicts"]


def test_a_table_of_packed_cells_is_the_same_table(tmp_path):
    from overparam.api.result import Result

    run(tmp_path)
    result = Result(json.loads((tmp_path / "toy" / "quick.json").read_text()), tmp_path)
    before = result.table()
    call("pack", "--out", tmp_path)
    assert result.table() == before
    assert len(before) == 18


def test_a_damaged_pack_stops_a_run_with_what_to_do(tmp_path, capsys):
    run(tmp_path)
    call("pack", "--out", tmp_path)
    next((tmp_path / "toy" / "packs").iterdir()).write_bytes(b"PAR1 nothing PAR1")
    capsys.readouterr()
    assert run(tmp_path) == 1
    assert "expected a pack of cells, got a damaged file" in capsys.readouterr().err
    assert call("ls", "--stored", "--out", tmp_path) == 1


def test_what_cannot_be_packed_is_told(tmp_path, capsys):
    run(tmp_path)
    store(tmp_path).path("bad--1").write_text("{")
    capsys.readouterr()
    assert call("pack", "--out", tmp_path) == 0
    assert "left toy: bad--1 cannot be read, and stays a file" in capsys.readouterr().err


def test_gc_lists_first_and_removes_with_yes(tmp_path, capsys):
    run(tmp_path)
    aside = tmp_path / "toy" / "cells" / "x.damaged"
    aside.write_text("{")
    capsys.readouterr()
    assert call("gc", "--out", tmp_path) == 0
    shown = capsys.readouterr().out
    assert "damaged files that were set aside" in shown
    assert "nothing was removed: add --yes" in shown
    assert aside.exists()
    assert call("gc", TOY, "--out", tmp_path, "--yes") == 0
    assert not aside.exists()
    assert len(store(tmp_path).names()) == 18
    capsys.readouterr()
    assert call("gc", "toy", "--out", tmp_path) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_gc_finds_the_present_version_of_a_study_in_a_file(tmp_path, capsys):
    run(tmp_path / "runs")
    file = tmp_path / "newer.py"
    file.write_text(TOY.read_text().replace('name="toy",\n', 'name="toy",\n    cell_version=2,\n', 1))
    assert call("gc", file, "--out", tmp_path / "runs", "--yes") == 0
    assert "cells of an older cell_version" in capsys.readouterr().out
    assert store(tmp_path / "runs").names() == set()
    assert (tmp_path / "runs" / "toy" / "quick.json").exists()


def test_merging_two_folders_and_running_judges_all(tmp_path, capsys):
    run(tmp_path / "a")
    run(tmp_path / "b", "--seeds", "3,4")
    capsys.readouterr()
    assert call("merge", tmp_path / "b", "--out", tmp_path / "a") == 0
    shown = capsys.readouterr().out
    assert "toy: 12 cells copied, 0 the same, 0 in conflict" in shown
    assert "`overparam run path/to/toy_study.py" in shown.replace("\n", "")
    assert run(tmp_path / "a", "--seeds", "5") == 0
    assert "30 of 30 cells done, 0 to run" in capsys.readouterr().err
    assert call("merge", tmp_path / "a", "--out", tmp_path / "new") == 0
    assert store(tmp_path / "new").names() == store(tmp_path / "a").names()


def test_a_conflict_is_told_and_nothing_is_replaced(tmp_path, capsys):
    run(tmp_path / "a")
    run(tmp_path / "b")
    theirs, name = store(tmp_path / "b"), sorted(store(tmp_path / "b").names())[0]
    document = json.loads(theirs.path(name).read_text())
    document["values"]["error"] = 99
    theirs.path(name).write_text(json.dumps(document))
    theirs.path("bad--1").write_text("{")
    capsys.readouterr()
    assert call("merge", tmp_path / "b", "--out", tmp_path / "a") == 1
    shown = capsys.readouterr().out
    assert "17 the same, 1 in conflict" in shown
    assert f"conflict {name}: error 9.98 here, 99 there" in shown
    assert "not copied bad--1: damaged" in shown
    assert store(tmp_path / "a").read(name).values["error"] == 9.98


def test_query_prints_a_table_json_or_csv(tmp_path, capsys):
    pytest.importorskip("duckdb")
    run(tmp_path)
    call("pack", "--out", tmp_path)
    capsys.readouterr()
    sql = "SELECT width, max(error) AS worst, any_value(step) AS step FROM toy GROUP BY width ORDER BY width"
    assert call("query", sql, "--out", tmp_path) == 0
    assert "3 rows" in capsys.readouterr().out
    assert call("query", sql, "--out", tmp_path, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[1] == {"width": 16, "worst": 18.2, "step": [0, 1]}
    assert call("query", sql, "--out", tmp_path, "--csv") == 0
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert lines[:2] == [["width", "worst", "step"], ["8", repr(10.2 + 0.02), "[0, 1]"]]
    assert call("query", "SELECT * FROM toy", "--out", tmp_path) == 0
    assert "18 rows" in capsys.readouterr().out
    assert call("query", "SELECT 1/0.0 AS x", "--out", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"x": None}]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["pack", "toi"], "unknown stored study 'toi'. Did you mean 'toy'?"),
        (["gc", "toi"], "unknown stored study 'toi'. Did you mean 'toy'?"),
        (["pack", "--out", "nowhere"], "expected a results folder, found nothing at nowhere"),
        (["merge", "nowhere"], "expected a results folder, found nothing at nowhere"),
        (["merge", "runs"], "got the same one"),
        (["merge", "runs/toy/cells"], "expected studies with cells"),
        (["merge", "runs", "--tolerance", "2"], "--tolerance: expected a number from 0 to 1, got 2.0"),
        (["query", "SELECT eror FROM toy"], "Did you mean 'error'?"),
        (["query", "SELECT 1", "--json", "--csv"], "expected one of --json and --csv"),
        (["query", "SELECT 1", "--out", "nowhere"], "expected stored cells in nowhere, got none"),
        (["pck"], "unknown command 'pck'. Did you mean 'pack'?"),
    ],
)
def test_a_mistake_says_what_was_expected(arguments, text, tmp_path, capsys, monkeypatch):
    if arguments[0] == "query":
        pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    run("runs")
    if "--tolerance" in arguments:
        (tmp_path / "runs").rename(tmp_path / "other")
        arguments = ["merge", "other", *arguments[2:]]
    capsys.readouterr()
    assert call(*arguments) == 2
    assert text in capsys.readouterr().err
