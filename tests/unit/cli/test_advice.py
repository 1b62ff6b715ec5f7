"""Every command that is advised somewhere is one that the command line takes, for the study at hand."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from rich.console import Console

import overparam
from overparam.cli import app, entry
from overparam.core import commands
from overparam.core.errors import UsageError
from overparam.core.registry import find, studies
from tests.conftest import TOY

SRC = Path(overparam.__file__).parent
PLACEHOLDERS = ("STUDY", "NAME", "FOLDER")


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    monkeypatch.setattr(app, "out_console", Console(width=400))
    monkeypatch.setattr(app, "err_console", Console(width=400, stderr=True))


@pytest.fixture
def call(capsys):
    """Run a command in this process: its exit code, and all that it said."""

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            entry.main([str(word) for word in words])
        shown = capsys.readouterr()
        return ended.value.code, shown.out + shown.err

    return run


def advised(text):
    """The commands between backticks, as a shell would split them."""
    return [shlex.split(one)[1:] for one in re.findall(r"`(overparam [^`]+)`", text)]


def bound(words):
    """Parse a command as the command line does, without running it."""
    function, arguments, _ = app.app.parse_args(words, exit_on_error=False, print_error=False)
    assert function.__name__ != "parse_args"
    return function.__name__, arguments


def written(folder):
    """Commands between backticks in the texts of the package that no value is put into."""
    found = set()
    for path in folder.rglob("*.py"):
        text = re.sub(
            r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")
        )  # texts that go on in the next line
        found |= {(path.name, one) for one in re.findall(r"(?<!`)`(overparam [^`{}]+)`(?!`)", text)}
    return sorted(found)


@pytest.mark.parametrize(("file", "text"), written(SRC))
def test_what_is_written_in_the_package_can_be_parsed(file, text, monkeypatch):
    words = shlex.split(
        text.replace("STUDY", "double-descent").replace("NAME", "norms").replace("FOLDER", "runs")
    )[1:]
    if words in (["run"], ["ls"]):
        return  # the verb itself is meant
    if words[-1] in ("--help", "data") or words == ["data"]:
        assert words[0] in ("run", "COMMAND", "data", "--help")
        return
    bound(words)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A study of one's own in a folder with a space, a run of it in a results folder with one, and the folder beside."""
    folder = tmp_path / "my studies"
    folder.mkdir()
    shutil.copy(TOY, folder / "toy study.py")
    monkeypatch.chdir(tmp_path)
    return folder / "toy study.py"


def test_merge_advises_commands_that_run(own, call, tmp_path):
    there, here = tmp_path / "their runs", tmp_path / "my runs"
    assert call("run", own, "--out", there, "--on", "inline", "--seeds", "2")[0] == 0
    code, said = call("merge", there, "--out", here)
    assert code == 0
    assert "`overparam run 'path/to/toy study.py' --profile quick --seeds 2 --out" in said
    assert "with the folder of that file for path/to" in said
    (words,) = advised(said)
    words[1] = words[1].replace("path/to", str(own.parent))
    code, again = call(*words, "--on", "inline")
    assert code == 0
    assert "12 cells, all from the store (computing took under 1 s, the last of them 20" in again


def test_merge_finds_a_file_in_the_current_folder_and_studies_of_the_package(own, call, tmp_path, monkeypatch):
    assert call("run", own, "--out", tmp_path / "there", "--on", "inline")[0] == 0
    monkeypatch.chdir(own.parent)
    (words,) = advised(call("merge", tmp_path / "there", "--out", "runs")[1])
    assert words == ["run", "toy study.py", "--profile", "quick"]
    assert call(*words, "--on", "inline")[0] == 0


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["show", "double-descent"], ["run", "double-descent"]),
        (["show", "double-descent", "--profile", "laptop"], ["run", "double-descent", "--profile", "laptop"]),
        (["show", "double-descent", "--profile", "quick+seeds=3"], ["run", "double-descent"]),
        (["show", "double-descent", "--out", "my runs"], ["run", "double-descent", "--out", "my runs"]),
        (["show", "double-descent", "--out=-odd"], ["run", "double-descent", "--out=-odd"]),
        (["show", "my studies/toy study.py"], ["run", "my studies/toy study.py"]),
        (
            ["report", "./my studies/toy study.py", "--out", "o"],
            ["run", "./my studies/toy study.py", "--out", "o"],
        ),
        (["show", "duble-descent"], ["ls"]),
        (["show", "toy"], ["ls"]),
        (["run", "my studies/toy study.py", "--wdths", "3"], ["ls", "my studies/toy study.py"]),
        (["run", "double-descent", "--wdths", "3"], ["ls", "double-descent"]),
        (["run", "my studies"], ["ls"]),
        (["run", "my studies/toy"], ["ls"]),
        (["check"], ["ls"]),
        (["run"], ["ls"]),
        (["gallery", "--out", "my runs"], ["run", "random-features", "--out", "my runs"]),
        (["ls", "--probes", "nrms"], ["ls", "--probes"]),
        (["ls", "--theorems", "bias"], ["ls", "--theorems"]),
        (["ls", "--networks", "resnet81"], ["ls", "--networks"]),
        (["ls", "--ledger", "L99"], ["ls", "--ledger"]),
    ],
)
def test_what_an_error_advises_names_the_study_as_it_can_be_found(own, call, words, advice):
    code, said = call(*words)
    assert code == 2
    assert advice in advised(said)
    if advice[0] == "run":
        assert call(*advice, "--dry-run")[0] == 0
    elif advice[1:2] and not advice[1].startswith("-"):
        assert call(*advice)[0] == 0


def test_a_run_whose_cells_are_gone_names_its_file(own, tmp_path, monkeypatch):
    record = {"reference": "toy study.py", "study": "toy", "profile": "quick", "overrides": {"seeds": "7,"}}
    study = find(own)
    assert (
        commands.again(record, "runs", study)
        == "`overparam run 'my studies/toy study.py' --profile quick --seeds 7,`"
    )
    assert (
        commands.again({**record, "again": "overparam.width_sweep(mine)"}, "runs")
        == "`overparam.width_sweep(mine)`"
    )
    monkeypatch.chdir(own.parent / "..")
    assert "path/to/" in commands.again(record, "runs")
    monkeypatch.chdir(own.parent)
    assert commands.again(record, "runs") == "`overparam run 'toy study.py' --profile quick --seeds 7,`"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shlex.split(commands.reference_of(study))[0].startswith("'/") or str(own) == commands.reference_of(
        study
    )


def test_a_reference_is_never_taken_for_an_option():
    assert commands.command("run", "-odd.py", out="-o") == "overparam run ./-odd.py --out=-o"


def test_every_study_is_named_by_what_finds_it():
    for name, study in list(studies().items())[:3]:
        assert commands.reference_of(study) == name


VERBS = {
    "run": ("--dry-run",), "check": (), "ls": (), "ls --stored": ("--out", "{out}"), "show": ("--out", "{out}"),
    "report": ("--out", "{out}"), "pack": ("--out", "{out}"), "gc": ("--out", "{out}"),
}  # fmt: skip
NAMES = ("name", "path", "./relative", "../relative", "absolute", "home", "link")


@pytest.mark.parametrize("named", NAMES)
def test_every_verb_takes_a_study_by_its_name_and_by_each_path_of_its_file(
    own, call, tmp_path, monkeypatch, named
):
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "out"
    call("run", own, "--out", out, "--on", "inline", "--seeds", "1")
    (tmp_path / "link.py").symlink_to(own)
    (tmp_path / "other").mkdir()
    shown = {
        "name": "toy", "path": "my studies/toy study.py", "./relative": "./my studies/toy study.py",
        "../relative": "../my studies/toy study.py", "absolute": own, "home": "~/my studies/toy study.py", "link": "link.py",
    }[named]  # fmt: skip
    if named == "../relative":
        monkeypatch.chdir(tmp_path / "other")
    for verb, options in VERBS.items():
        if named == "name" and verb in ("run", "check", "ls"):
            continue  # the study is found by its file alone
        words = [option.format(out=out) for option in options]
        code, said = call(verb.split()[0], shown, *verb.split()[1:], *words)
        assert (verb, code, "Traceback" in said) == (verb, 0, False), said


def test_python_takes_a_path_too(own, tmp_path):
    result = overparam.run(own, out=tmp_path / "out", on="inline", progress=False, page=False, seeds=1)
    assert overparam.load(own, out=tmp_path / "out").verdicts == result.verdicts
    assert overparam.load("toy", out=tmp_path / "out").verdicts == result.verdicts
    with pytest.raises(UsageError, match="got a folder: .*my studies"):
        overparam.find(own.parent)


def test_python_is_told_the_path_where_an_axis_is_misspelt(own):
    with pytest.raises(
        UsageError, match=r"`overparam ls 'my studies/toy study\.py'` for what each axis of 'toy' means"
    ):
        overparam.run("my studies/toy study.py", on="inline", progress=False, wdths=[3])
