"""``overparam connect`` and ``overparam sharpness``: a function of one's own in, a text and files out; wrong forms in words."""

import json
import subprocess
import sys

import pytest

from overparam.cli import app, entry

MINE = """
import numpy as np
from overparam.models import linear

network = linear(1, 1, bias=False)
x, y = np.array([[2.0], [2.0]], np.float32), np.array([2.0, 2.0], np.float32)


def weight(w):
    return {"output": {"weight": np.full((1, 1), w, np.float32)}}


def pair():
    return {"a": network, "b": network, "data": (x, y), "params": (weight(0.0), weight(2.0)), "paths": "straight"}


def one():
    return {"model": network, "data": (x, y), "params": weight(1.0)}


def broken():
    return {**one(), "params": weight(np.nan)}


def broken_pair():
    return {**pair(), "params": (weight(0.0), weight(np.nan))}


def other():
    return {**pair(), "b": linear(2, 1, bias=False)}


def misspelt():
    return {**pair(), "tset": 1}


def alone():
    return network, network


def bare():
    return {"a": network, "data": (x, y)}


def opened():
    return {**one(), "loss": "squared", "frozn": ()}


def fails():
    raise ValueError("boom")


def stops():
    raise KeyboardInterrupt


def slow():
    from overparam.own.landscape import points

    def interrupted(*given):
        raise KeyboardInterrupt

    points.Points.along = interrupted
    return pair()
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(app, "out_console", Console(width=300))
    monkeypatch.setattr(app, "err_console", Console(width=300, stderr=True))
    (tmp_path / "own_nets.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        entry.main([*map(str, arguments)])
    return exit_.value.code


def test_a_parabola_between_two_networks_is_a_path_that_is_found(mine, capsys):
    """The squared loss of w at 0 and at 2 is 4, times a half or not, and 0 between them: no rise."""
    files = ("--json", "out/a.json", "--html", "a.html")
    assert call("connect", "own_nets.py:pair", "--points", "5", *files) == 0
    said = capsys.readouterr().out
    assert "STRAIGHT  found." in said
    assert max(map(len, said.splitlines())) <= 80
    found = json.loads((mine / "out" / "a.json").read_text())
    (path,) = found["paths"]
    assert path["t"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert path["loss"][2] == 0.0
    assert path["loss"][0] == path["loss"][4] == pytest.approx(4 * path["loss"][1])
    assert (mine / "a.html").stat().st_size > 1000


def test_an_option_goes_before_what_the_function_gives(mine, capsys):
    options = ("--paths", "aligned", "--level", "0.9", "--tolerance", "0.5", "--seed", "2")
    assert call("connect", "own_nets.py:pair", *options, "--json", "a.json") == 0
    found = json.loads((mine / "a.json").read_text())
    assert [one["name"] for one in found["paths"]] == ["aligned"]
    assert (found["level"], found["tolerance"]) == (0.9, 0.5)


def test_the_curvature_of_one_weight(mine, capsys):
    """Squared loss of one weight at input 2: H = 4, and w . H w = 4 at the minimum w = 1."""
    assert call("sharpness", "own_nets.py:one", "--k", "1", "--steps", "2", "--json", "a.json") == 0
    assert "A minimum" in capsys.readouterr().out
    facts = {one["label"]: one["value"] for one in json.loads((mine / "a.json").read_text())["facts"]}
    assert facts["Largest eigenvalue"] == pytest.approx(4.0, rel=1e-5)
    assert facts["w . H w"] == pytest.approx(4.0, rel=1e-5)


WRONG = {
    "connect own_nets.py:misspelt": "expected arguments of overparam.connect, got 'tset'. Did you mean 'test'?",
    "connect own_nets.py:alone": "expected (a, b, data), (a, b, data, test), or a mapping",
    "connect own_nets.py:bare": "expected a mapping with a, b and data, got one without 'b'",
    "connect own_nets.py:fails": "got ValueError: boom in own_nets.py, line",
    "connect own_nets.py:pear": "holds no 'pear'. Did you mean 'pair'?",
    "connect own_nets.py": "connect: expected module:function or FILE.py:function, got 'own_nets.py'",
    "connect a-b:pair": "connect: expected module:function",
    "connect own_nets.py:other": "b",
    "connect own_nets.py:pair --points 2": "points: expected",
    "connect own_nets.py:pair --points 2.5": "--points: expected a whole number",
    "connect own_nets.py:pair --paths curved": "unknown paths 'curved'",
    "connect own_nets.py:pair --paths ,": "--paths: expected names",
    "connect own_nets.py:pair --of accuracy": "unknown of 'accuracy'",
    "connect own_nets.py:pair --tolerance small": "--tolerance: expected a number",
    "connect own_nets.py:pair --tolerance=-1": "tolerance: expected",
    "connect own_nets.py:pair --level nan": "--level: expected a number",
    "connect own_nets.py:pair --level 95": "level: expected",
    "connect own_nets.py:pair --html a.json": "--html: expected a file ending in .html",
    "connect own_nets.py:pair --json own_nets.py/a.json": "'own_nets.py' is a file",
    "connect": "",
    "sharpness own_nets.py:opened": "got 'frozn'. Did you mean 'frozen'?",
    "sharpness own_nets.py:pair": "expected a mapping with model and data",
    "sharpness own_nets.py:one --k 0": "k: expected",
    "sharpness own_nets.py:one --eps 0": "eps: expected",
    "sharpness own_nets.py:one --eps wide": "--eps: expected a number",
    "sharpness nowhere.py:one": "expected a Python file, got none of that name",
}


@pytest.mark.parametrize("line", WRONG)
def test_every_wrong_form_has_a_sentence(capsys, line):
    assert call(*line.split()) == 2
    said = capsys.readouterr()
    assert WRONG[line] in said.err
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("line", ["connect own_nets.py:broken_pair", "sharpness own_nets.py:broken"])
def test_parameters_that_are_no_numbers_are_an_error_of_their_own(capsys, line):
    assert call(*line.split()) == 1
    said = capsys.readouterr()
    assert "params" in said.err
    assert "Traceback" not in said.err + said.out


def test_an_interrupt_says_where_it_came(capsys, monkeypatch):
    from overparam.own.landscape.points import Points

    monkeypatch.setattr(Points, "along", Points.along)  # put back what the function changes
    assert call("connect", "own_nets.py:stops") == 130
    assert "before anything was measured" in capsys.readouterr().err
    assert call("connect", "own_nets.py:slow", "--html", "a.html") == 130
    said = capsys.readouterr()
    assert "connect keeps nothing of a part" in said.err
    assert said.out == ""


def test_the_command_line_starts_without_numerical_libraries():
    code = "import sys, overparam.cli.entry; print([one for one in ('numpy', 'jax', 'torch') if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
