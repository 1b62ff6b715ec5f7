import json
import signal
import subprocess
import sys
import time
import uuid

import pytest

from overparam.cli import app, entry
from tests.conftest import TOY

HEAVY = ("jax", "altair", "numpy", "scipy", "sklearn", "pyarrow", "pandas", "vl_convert")


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["ls"],
        ["ls", "double-descent"],
        ["ls", "--ledger"],
        ["ls", "--ledger", "L53"],
        ["run", "--help"],
        ["--version"],
    ],
)
def test_looking_around_imports_nothing_heavy(arguments):
    code = (
        "import sys; from overparam.cli.entry import _main\n"
        f"try: code = _main({arguments!r})\n"
        "except SystemExit as e: code = e.code\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_from_command_to_verdict_to_page(tmp_path, capsys):
    assert call("run", TOY, "--out", tmp_path, "--on", "inline") == 0
    shown = capsys.readouterr()
    assert "✓ supported" in shown.out
    assert f"page: {tmp_path}/toy/quick.html" in shown.out
    assert "0 of 18 cells done, 18 to run" in shown.err
    assert (tmp_path / "toy" / "quick.html").stat().st_size > 100_000


def test_show_json_is_a_list_of_claims(tmp_path, capsys):
    call("run", TOY, "--out", tmp_path, "--on", "inline")
    capsys.readouterr()
    assert call("show", "toy", "--json", "--out", tmp_path) == 0
    (claim,) = json.loads(capsys.readouterr().out)
    assert {
        "claim", "ledger", "status", "effect", "low", "high", "n", "rule", "rule_version", "profile", "data",
    } <= set(claim)  # fmt: skip
    assert (claim["claim"], claim["status"], claim["n"]) == ("toy.rise", "supported", 3)
    assert call("show", "toy", "--out", tmp_path) == 0
    assert "rise" in capsys.readouterr().out


def test_a_dry_run_computes_nothing(tmp_path, capsys):
    assert call("run", TOY, "--out", tmp_path / "new", "--dry-run", "--seeds", "4") == 0
    shown = capsys.readouterr().out
    assert "24: 0 done, 24 to do" in shown
    assert "extended" in shown
    assert "about" in shown
    assert not (tmp_path / "new").exists()


def test_a_failed_cell_gives_exit_code_one_and_a_page(tmp_path, capsys):
    assert call("run", TOY, "--out", tmp_path, "--on", "inline", "--fault", "raise") == 1
    shown = capsys.readouterr()
    assert "failed width" in shown.err.replace("data=digits, ", "")
    assert "6 cells failed" in shown.err
    assert "planted failure" in (tmp_path / "toy" / "quick+fault=raise.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["rn"], "unknown command 'rn'. Did you mean 'run'?"),
        (["run"], "expected the name of a study, got none"),
        (["run", "duble-descent"], "unknown study 'duble-descent'. Did you mean 'double-descent'?"),
        (["run", "nowhere.py"], "expected a Python file with a study, found nothing at nowhere.py"),
        (["run", TOY, "--profile", "quik"], "unknown profile 'quik'. Did you mean 'quick'?"),
        (["run", TOY, "--widths", "0"], "--widths: expected a whole number of at least 1, got '0'"),
        (["run", TOY, "--noise", "-0.1"], "--noise: expected a number from 0 to 1, got '-0.1'"),
        (["run", TOY, "--noise=1.5"], "--noise: expected a number from 0 to 1, got '1.5'"),
        (["run", TOY, "--wdths", "3"], "unknown option '--wdths'. Did you mean '--widths'?"),
        (["run", TOY, "--workers", "many"], "many"),
        (["run", TOY, "--workers", "0"], "--workers: expected a whole number of at least 1, got 0"),
        (["run", TOY, "--memory", "lots"], "--memory: expected a size such as 2GB or 500MB, got 'lots'"),
        (["run", TOY, "--on", "cloud"], "unknown executor 'cloud'"),
        (["show", "double-descent", "--out", "nowhere"], "no finished run of 'double-descent'"),
        (["ls", "duble-descent"], "Did you mean 'double-descent'?"),
        (["show", "toy", "--jsn"], "--jsn"),
        (["run", TOY, "--profil", "quick"], "unknown option '--profil'. Did you mean '--profile'?"),
        (["run", TOY, "--dryrun"], "unknown option '--dryrun'. Did you mean '--dry-run'?"),
        (["run", TOY, "--memory", "inf"], "--memory: expected a size such as 2GB or 500MB, got 'inf'"),
        (["run", TOY, "--on", "rya", "--dry-run"], "unknown executor 'rya'. Did you mean 'ray'?"),
        (["run", TOY, "--on", "ray=", "--dry-run"], "--on: expected ray, ray=auto or ray=HOST:PORT"),
        (["report", "toy", "--to", "x.svg"], "--to: expected a file ending in .html"),
        (["report", "toy", "--chart", "error", "--to", "x.html"], "--to: expected a file ending in .svg"),
    ],
)
def test_bad_usage_is_answered_with_exit_code_two(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    assert text in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "runs").exists()


def test_a_study_that_cannot_be_imported_is_named(tmp_path, capsys):
    (tmp_path / "bad.py").write_text("def broken(:\n")
    assert call("run", tmp_path / "bad.py") == 2
    assert "bad.py: expected a study, got SyntaxError on import" in capsys.readouterr().err.replace("\n", "")


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    call("run", TOY, "--out", tmp_path, "--on", "inline")
    (tmp_path / "file").write_text("")
    capsys.readouterr()
    assert (
        call("report", "toy", "--out", tmp_path, "--chart", "error", "--to", tmp_path / "file" / "x.svg") == 1
    )
    assert "expected to write" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_run_keeps_its_cells_and_leaves_no_worker(tmp_path, number):
    """It is interrupted when one stack is done and each worker is held in another."""
    stays = (
        '    if cells[0]["width"] != 32:\n'
        "        import threading\n"
        '        open(f"held-{os.getpid()}", "w").close()\n'
        "        threading.Event().wait()\n"
        "    outcomes = []\n"
    )
    name = f"slow-{uuid.uuid4().hex}.py"
    (tmp_path / name).write_text(TOY.read_text().replace("    outcomes = []\n", stays, 1))
    command = [sys.executable, "-m", "overparam.cli", "run", name, "--workers", "2", "--data", "gaussian"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        cells = tmp_path / "runs" / "toy" / "cells"
        deadline = time.monotonic() + 600  # something hangs
        while len(list(tmp_path.glob("held-*"))) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert "finished cells are kept" in said
    assert len(list(cells.glob("*.json"))) == 6
    assert not list(cells.glob(".*"))
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert name not in listed


def test_data_that_is_not_at_hand_is_exit_code_one(monkeypatch, capsys):
    from overparam.core.errors import DataError

    def missing(name, download=False):
        raise DataError("expected MNIST, found nothing; set OVERPARAM_DATA")

    monkeypatch.setattr("overparam.data.fingerprint", missing)
    assert call("run", TOY) == 1
    assert "set OVERPARAM_DATA" in capsys.readouterr().err


def test_an_interruption_is_exit_code_130_and_keeps_what_is_finished(monkeypatch, capsys, tmp_path):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("overparam.sweep.run.run_job", interrupt)
    assert call("run", TOY, "--out", tmp_path, "--on", "inline") == 130
    assert "finished cells are kept" in capsys.readouterr().err


def test_ls_stored_lists_cells_and_runs(tmp_path, capsys):
    call("run", TOY, "--out", tmp_path, "--on", "inline", "--fault", "diverge")
    capsys.readouterr()
    assert call("ls", "--stored", "--out", tmp_path) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.strip().startswith("toy"))
    assert line.split()[1:5] == ["18", "12", "6", "0"]
    assert call("ls", "toy", "--stored", "--out", tmp_path) == 0
    assert capsys.readouterr().out.count("diverged") >= 6


def test_report_draws_the_page_again_from_the_record_alone(tmp_path, capsys):
    call("run", TOY, "--out", tmp_path, "--on", "inline")
    page = tmp_path / "toy" / "quick.html"
    page.unlink()
    for cell in (tmp_path / "toy" / "cells").iterdir():
        cell.unlink()
    assert call("report", "toy", "--out", tmp_path) == 0
    assert page.exists()
    assert call("report", "toy", "--out", tmp_path, "--chart", "error", "--to", tmp_path / "e.svg") == 0
    assert (tmp_path / "e.svg").read_text().startswith("<svg")
