"""The command line where streams are closed or poor, and where the machine says odd things."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from overparam.cli import app, main, streams
from overparam.probes import catalog as probes
from overparam.theory import catalog as theorems


def ended(*words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return end.value.code


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_trouble(monkeypatch, closed):
    monkeypatch.setattr(sys, closed, None)
    assert (ended("data", "where", "digits"), ended("ls", "no-such-study")) == (0, 2)
    getattr(sys, closed).close()


def test_letters_that_an_encoding_lacks_are_told_in_others(monkeypatch):
    poor = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", poor)
    streams.prepare()
    sys.stdout.write("✓ ≥ 2 · 10² … µ é − – \ud800 日\n")
    poor.flush()
    assert poor.buffer.getvalue() == b"+ >= 2 - 102 ... u e - - \\ud800 \\u65e5\n"


def test_a_reader_that_went_away_is_not_talked_about(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    stream.write("to nobody")
    streams.finish()
    stream.close()


@pytest.mark.parametrize("width", [1, 2, 20, 79])
def test_a_narrow_terminal_shows_every_table(monkeypatch, capsys, width):
    monkeypatch.setattr(app, "out_console", Console(width=width))
    assert ended("ls", "double-descent") == 0
    assert capsys.readouterr().out


@pytest.mark.slow
def test_without_docstrings_and_with_warnings_as_errors_the_command_works(tmp_path):
    env = {
        **os.environ,
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "COLUMNS": "20",
    }
    for name in ("HOME", "TZ", "LANG"):
        env[name] = str(tmp_path / "no such thing")
    code = (
        "from overparam.cli import main; import sys; sys.argv[1:] = ['ls', '--theorems', 'noise-floor']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


class Broken:
    """An entry point that cannot be imported."""

    value = "broken_module:THING"

    def __init__(self, error):
        self.error = error

    def load(self):
        raise self.error


@pytest.mark.parametrize("error", [ImportError("no module"), SystemExit(3), ValueError()])
@pytest.mark.parametrize(("room", "option"), [(probes, "--probes"), (theorems, "--theorems")])
def test_a_plug_in_that_cannot_be_imported_is_named(monkeypatch, capsys, room, option, error):
    points = [Broken(error)]
    monkeypatch.setattr(room, "entry_points", lambda group: points)
    assert ended("ls", option) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"the installed plug-in 'broken_module:THING' cannot be imported ({type(error).__name__}" in said


def test_doctor_says_that_jax_finds_no_device(monkeypatch, capsys):
    import jax

    def none():
        raise RuntimeError("Unable to initialize backend 'foo': not known.\nmore")

    monkeypatch.setattr(jax, "devices", none)
    assert ended("doctor") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "JAX finds no device: Unable to initialize backend 'foo': not known. Correct or unset JAX_PLATFORMS"
        in said
    )
