"""``overparam diagnose``: a function of one's own in, a text and files out; every wrong form has a sentence."""

import json
import os
import signal
import subprocess
import sys

import pytest

from overparam.cli import app, entry

MINE = """
import jax
import numpy as np
from overparam.models import mlp

network = mlp(4, (6,), 3)
x = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
y = np.argmax(x[:, :3], axis=1)
number = 4


def whole():
    return {"model": network, "train": (x, y), "test": (x, y), "params": network.init(jax.random.key(0)), "only": "OP002"}


def misspelt():
    return {**whole(), "tset": 1}


def headless():
    return {"train": (x, y)}


def unnamed():
    return {1: 2}


def alone():
    return network


def four():
    return 1, 2, 3, 4


def nothing():
    pass


def fails():
    raise ValueError("boom")


def leaves():
    raise SystemExit(3)


def asks(width):
    return width


def yields():
    yield 1


async def waits():
    return 1


def stops():
    raise KeyboardInterrupt


def empty():
    return {**whole(), "train": (x[:0], y[:0])}
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(app, "out_console", Console(width=300))
    monkeypatch.setattr(app, "err_console", Console(width=300, stderr=True))
    (tmp_path / "own_net.py").write_text(MINE)
    (tmp_path / "broken_net.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        entry.main(["diagnose", *map(str, arguments)])
    return exit_.value.code


@pytest.mark.parametrize("source", ["own_net.py:whole", "own_net:whole"])
def test_text_and_files(mine, capsys, monkeypatch, source):
    monkeypatch.syspath_prepend(str(mine))
    assert call(source, "--budget", "2min", "--seed", "3", "--json", "out/a.json", "--html", "a.html") == 0
    said = capsys.readouterr()
    assert "OP002  NO" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert "OP002 parameters per example" in said.err
    found = json.loads((mine / "out" / "a.json").read_text())
    assert (found["budget"], found["seed"], found["counts"]) == (120.0, 3, {"no": 1})
    assert (mine / "a.html").stat().st_size > 1000


WRONG = {
    "own_net.py:misspelt": "expected arguments of overparam.diagnose, got 'tset'. Did you mean 'test'?",
    "own_net.py:headless": "without 'model'",
    "own_net.py:unnamed": "expected names of arguments in its mapping, got 1",
    "own_net.py:alone": "a mapping of the arguments of overparam.diagnose, got Network",
    "own_net.py:four": "got 4 parts",
    "own_net.py:nothing": "got NoneType",
    "own_net.py:fails": "got ValueError: boom in own_net.py, line",
    "own_net.py:leaves": "got SystemExit: 3",
    "own_net.py:asks": "asks for width. Give them defaults.",
    "own_net.py:yields": "async or yields",
    "own_net.py:waits": "async or yields",
    "own_net.py:number": "expected a function, got int",
    "own_net.py:whle": "holds no 'whle'. Did you mean 'whole'?",
    "own_net.py": "expected module:function or FILE.py:function",
    "own_net.py:": "expected module:function or FILE.py:function",
    ":whole": "expected module:function or FILE.py:function",
    "a-b:whole": "expected module:function or FILE.py:function",
    "no_such_net:whole": "no module named 'no_such_net' here",
    "no_such_net.py:whole": "expected a Python file, got none of that name",
    "./:whole": "expected a Python file, got a folder",
    "broken_net.py:whole": "no_such_library",
    "broken_net:whole": "ModuleNotFoundError: No module named 'no_such_library'",
}


@pytest.mark.parametrize("source", WRONG)
def test_every_wrong_form_has_a_sentence(capsys, source, mine, monkeypatch):
    monkeypatch.syspath_prepend(str(mine))
    assert call(source) == 2
    said = capsys.readouterr()
    assert WRONG[source] in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--only", "OP099"), "unknown check 'OP099'"),
        (("--only", ","), "--only: expected codes"),
        (("--budget", "soon"), "--budget: expected a time such as 90s"),
        (("--budget", "0.1"), "budget: expected a number of seconds of at least 1"),
        (("--seed", "1.5"), "--seed: expected a whole number"),
        (("--seed", "-1"), "seed: expected"),
        (("--labels", "a.txt"), "--labels: expected a file ending in .csv"),
        (("--html", "a.json"), "--html: expected a file ending in .html"),
        (("--json", "own_net.py/a.json"), "'own_net.py' is a file"),
        (("--only", "OP002", "--labels", "a.csv"), "expected OP003, which ranks them"),
    ],
)
def test_options_are_checked_before_anything_is_computed(capsys, options, text):
    assert call("own_net.py:whole", *options) == 2
    assert text in capsys.readouterr().err


def test_data_that_are_empty_are_an_error_of_their_own(capsys):
    assert call("own_net.py:empty") == 1
    assert "train: expected at least one example, got none." in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_finished(capsys):
    assert call("own_net.py:stops") == 130
    assert "before any check" in capsys.readouterr().err
    from overparam.own.diagnosis.check import checks

    def interrupted(context):
        raise KeyboardInterrupt

    object.__setattr__(checks()["OP002"], "run", interrupted)
    try:
        assert call("own_net.py:whole") == 130
    finally:
        from overparam.own.diagnosis.checks import parameters

        object.__setattr__(checks()["OP002"], "run", parameters._run)
    assert "Stopped by hand" in capsys.readouterr().out


SLOW = """
import time
import jax
import numpy as np
from overparam.models import linear
from overparam.own.diagnosis import label_scores

label_scores.PART, part = 20, label_scores._part
label_scores._part = lambda *given: (time.sleep(0.3), part(*given))[1]
network = linear(2, 3)
x = np.random.default_rng(0).normal(size=(400, 2)).astype("float32")
train = x, np.argmax(np.c_[x, -x.sum(1)], axis=1)


def whole():
    params = network.init(jax.random.key(0))
    return {"model": network, "train": train, "params": params, "only": ["OP002", "OP003", "OP005"], "budget": 600}
"""
KEYBOARD = """
import signal
from overparam.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program in the background does not have
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a group of processes is interrupted")
@pytest.mark.parametrize("begun", ["OP003 part 2", pytest.param("OP002 parameters per example ...", marks=pytest.mark.slow)])
def test_ctrl_c_at_the_terminal_prints_what_is_finished(mine, begun):
    """The keyboard interrupts every process in front: they are a group of their own here, as at a terminal."""
    (mine / "slow_net.py").write_text(SLOW)
    command = [sys.executable, "-c", KEYBOARD, "diagnose", "slow_net.py:whole", "--json", "found.json"]
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        command, cwd=mine, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:  # fmt: skip
        try:
            seen = []
            for line in process.stderr:
                seen.append(line)
                if begun in line:
                    break
            else:
                raise AssertionError("".join(seen))
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    found = json.loads((mine / "found.json").read_text())
    assert found["stopped"]
    assert "Stopped by hand; what was finished is kept." in " ".join(out.split())
    by_code = {one["code"]: one for one in found["answers"]}
    assert by_code["OP005"]["status"] == "not run"
    if begun.startswith("OP003"):
        assert by_code["OP002"]["status"] in ("yes", "no")
        assert "labels were ranked before it was stopped by hand" in by_code["OP003"]["words"]
        assert by_code["OP003"]["ranked"] >= 20
