"""Random command lines of the real verbs and options with odd values: never a traceback, always an exit code of ours."""

import random
import sys

import pytest
from rich.console import Console

from overparam.cli import app, entry, main
from tests.conftest import TOY

VERBS = ("ls", "run", "check", "show", "report", "doctor", "pack", "gc", "merge", "query", "gallery", "risk", "data",
         "data ls", "data fetch", "data where", "", "rn", "--help", "--version")  # fmt: skip
OPTIONS = {
    "ls": ("--stored", "--probes", "--theorems", "--networks", "--shape", "--width", "--ledger", "--out"),
    "run": ("--profile", "--out", "--workers", "--memory", "--time-limit", "--on", "--dry-run", "--plan", "--widths", "--noise",
            "--seeds", "--data", "--fault", "--probe", "--wdths", "--no-dry-run"),
    "check": ("--trials",), "show": ("--profile", "--out", "--json"), "report": ("--profile", "--out", "--chart", "--to"),
    "doctor": (), "pack": ("--unpack", "--out"), "gc": ("--yes", "--out"), "merge": ("--out", "--tolerance"),
    "query": ("--out", "--json", "--csv"), "gallery": ("--out", "--to"),
    "risk": ("--features", "--n", "--widths", "--ridge", "--noise", "--samples", "--scale", "--seed", "--out"),
}  # fmt: skip
VALUES = (
    "", " ", "0", "1", "-1", "3", "1e9", "9" * 40, "1e400", "nan", "inf", "-inf", "0x10", "1_000", "1,2", ",", "1,,2", "٣", "½",
    "ü", "日本", "\0", "a\0b", "\n", "\t", "\x1b[31m", "\ud800", "[red]", "%s", "{}", "--", "-", "-x", "--=", "=", "~",
    "~nobody/x.py", "None", "true", "2GB", "-2GB", "quick", "quik", "toy", "double-descent", "duble-descent", "digits",
    "gaussian:n=5",
    "gaussian:n=-1", "nowhere/x.npz", "L53", "L99", "norms", "noise-floor", "ray", "ray=auto,gpus=9", "ray=x", "inline",
    "x" * 300, "SELECT 1", "DROP TABLE toy", "SHOW TABLES", "..", "/dev/null", "/proc/self/mem", "a/b/c.html", "x.svg", "x.png",
    "{folder}", "{file}", "{empty}", "{broken}", "{toy}", "{runs}", "{link}",
)  # fmt: skip


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Folders and files that a line may name; whatever trains, fetches or examines this machine is taken out."""
    (tmp_path / "room" / "folder").mkdir(parents=True)
    tmp_path = tmp_path / "room"  # what lies beside it is a folder of our own too
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("def (:")
    (tmp_path / "link").symlink_to("nowhere")
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    monkeypatch.setattr("overparam.data.fetch", lambda name: name)
    monkeypatch.setattr("overparam.sweep.run.execute", stub)
    monkeypatch.setattr("overparam.cli.doctor.examine", lambda: ("", []))
    monkeypatch.setattr("overparam.own.risk.risk_curve", stub)
    monkeypatch.setattr("overparam.core.testing.supported", lambda claim, trials: {})
    monkeypatch.setattr("overparam.sweep.powers.powers", lambda plan: [])
    monkeypatch.setattr("overparam.sweep.run.refuse", lambda study: None)
    monkeypatch.setattr("overparam.core.faults.faults", lambda study: [])
    monkeypatch.setattr(entry.signal, "signal", lambda *_: None)
    names = {
        "folder": "folder",
        "file": "file",
        "empty": "empty.py",
        "broken": "broken.py",
        "toy": str(TOY),
        "link": "link",
    }
    return {**names, "runs": "runs"}


def stub(*_, **__):
    from overparam.core.errors import StoreError

    raise StoreError("stubbed")


def line(draw, room):
    """A command line: a verb, some words and options, in one of the ways that they can be written."""
    verb = draw.choice(VERBS)
    words = verb.split() or [draw.choice(VALUES)]

    def value():
        one = draw.choice(VALUES)
        return room[one[1:-1]] if one[:1] == "{" and one[1:-1] in room else one

    words += [value() for _ in range(draw.choice((0, 1, 1, 1, 2, 3)))]
    known = OPTIONS.get(words[0], ("--out",))
    for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
        option = (
            draw.choice((*known, *known, *known, "--nope", "--help", "-h", "--", "--out")) if known else "--out"
        )
        at = draw.randrange(1, len(words) + 1)
        words[at:at] = draw.choice(
            ([option, value()], [f"{option}={value()}"], [option], [option, value(), option, value()])
        )
    return words


def answered(words, capsys):
    """The exit code of a line, and that it was ours and no traceback."""
    try:
        main(words)
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code in (0, 1, 2), (words, code, said.err)
    assert "Traceback" not in said.out + said.err, (words, said.err)
    assert code == 0 or said.err.strip(), (words, code, "not a word of why")
    return code


@pytest.mark.parametrize("seed", range(4))
def test_random_command_lines_are_answered_in_words(room, capsys, monkeypatch, seed):
    monkeypatch.setattr(app, "out_console", Console(width=200))
    monkeypatch.setattr(app, "err_console", Console(width=200, stderr=True))
    draw = random.Random(seed)
    codes = [answered(line(draw, room), capsys) for _ in range(60)]
    assert {0, 2} <= set(codes)


LINES = [
    ["run", "\0"], ["run", "a\0b.py"], ["run", "x" * 5000 + ".py"], ["run", "--", "-x.py"], ["run", ""], ["ls", ""], ["ls", "\0"],
    ["run", "{toy}", "--seeds", "9" * 30], ["run", "{toy}", "--widths", "1e400"], ["run", "{toy}", "--workers", "9" * 40],
    ["run", "{toy}", "--out", "\0"], ["show", "toy", "--out", "\0"], ["show", "\0"], ["show", "../../etc"],
    ["gallery", "--to", "\0"],
    ["run", "{toy}", "--data", "\0"], ["merge", "\0"], ["doctor", "\0"], ["check", "{toy}", "--trials", "-3"],
    ["check", "\ud800"],
    ["check", "{toy}", "--trials", "9" * 30], ["data", "where", "\0"], ["query", "\0"], ["query", ""],
    ["pack", "\0"], ["gc", "\n"],
    ["risk", "digits", "--n", "-1"], ["risk", "digits", "--seed", "-1"], ["risk", "digits", "--samples", "9" * 30], ["risk", ""],
    ["report", "toy", "--to", "\0.html"], ["run", "{toy}", "{toy}"], ["run", "{toy}", "--profile", ""], ["run", "{link}"],
    ["run", "{toy}", "--memory", "1e-400"], ["run", "{toy}", "--time-limit", "1e308d"],
    ["run", "{toy}", "--seeds", "3", "--seeds", "4"],
    ["ls", "{toy}", "--probes"], ["ls", "{broken}", "--theorems"], ["ls", "{folder}"], ["ls", "--stored", "--out", "{file}"],
    ["run", "\ud800.py"], ["ls", "日本"], ["run", "{toy}", "--probe", "\0.py"], ["merge", "runs", "--tolerance", "nan"],
]  # fmt: skip


@pytest.mark.parametrize("words", LINES, ids=lambda words: ascii(" ".join(words))[:60])
def test_lines_that_were_met_are_answered_in_words(room, capsys, words):
    named = [room.get(word[1:-1], word) if word[:1] == "{" else word for word in words]
    answered(named, capsys)


def test_this_process_is_left_as_it_was(room, capsys):
    before = list(sys.path)
    answered(["ls"], capsys)
    assert sys.path == before
